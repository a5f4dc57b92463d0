//! The line of a text call: people put in text and wait for what comes of it. It keeps who waits for what; what
//! it delivers (`R`, or the refusal `E`) is the call's affair.

use std::collections::HashMap;
use std::fmt;
use std::marker::PhantomData;

use ractor::{Actor, ActorProcessingErr, ActorRef, DerivedActorRef, Message};
use tokio::sync::oneshot;

use super::TransportEvent;

/// What a line can be told, from either end.
#[derive(Debug)]
pub enum TextMessage<R, E> {
    /// The caller says something.
    Say {
        /// What.
        text: String,
        /// Answered when the model has taken it.
        taken: oneshot::Sender<Result<TextTaken<R, E>, E>>,
    },
    /// The call answers.
    Command(TextCommand<R, E>),
    /// Panic: for tests.
    #[doc(hidden)]
    Crash,
}

/// What the call tells the line.
#[derive(Debug)]
pub enum TextCommand<R, E> {
    /// The model has taken this saying.
    Taken {
        /// Which.
        saying: u64,
        /// The turn it began.
        turn: u64,
        /// The number of that turn's first event.
        first_seq: u64,
    },
    /// What came of this saying: a reply, or the reason why there is none. It is then forgotten.
    Done {
        /// Which.
        saying: u64,
        /// What.
        outcome: Result<R, E>,
    },
}

/// A saying that the model has taken.
#[derive(Debug)]
pub struct TextTaken<R, E> {
    /// The turn it began.
    pub turn: u64,
    /// The number of that turn's first event.
    pub first_seq: u64,
    /// What comes of it.
    pub outcome: oneshot::Receiver<Result<R, E>>,
}

enum Waiting<R, E> {
    ForTheModel(oneshot::Sender<Result<TextTaken<R, E>, E>>),
    ForTheOutcome(oneshot::Sender<Result<R, E>>),
}

/// The line's actor.
pub struct TextLine<R, E>(PhantomData<fn() -> (R, E)>);

impl<R, E> TextLine<R, E> {
    /// A line.
    pub fn new() -> Self {
        Self(PhantomData)
    }
}

impl<R, E> Default for TextLine<R, E> {
    fn default() -> Self {
        Self::new()
    }
}

impl<R, E> fmt::Debug for TextLine<R, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TextLine")
    }
}

/// What a line begins with.
#[derive(Debug)]
pub struct TextArguments {
    /// To whom everything is reported.
    pub owner: DerivedActorRef<TransportEvent>,
    /// How many lines the call has had before: no two of them number a saying alike.
    pub lines_before: u32,
}

/// What the actor keeps: everyone who waits. The call bounds their number: it refuses a saying beyond its limit.
pub struct TextState<R, E> {
    owner: DerivedActorRef<TransportEvent>,
    sayings: u64,
    waiting: HashMap<u64, Waiting<R, E>>,
}

impl<R: Message, E: Message> Actor for TextLine<R, E> {
    type Msg = TextMessage<R, E>;
    type State = TextState<R, E>;
    type Arguments = TextArguments;

    async fn pre_start(
        &self,
        _myself: ActorRef<Self::Msg>,
        TextArguments { owner, lines_before }: TextArguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        Ok(TextState { owner, sayings: u64::from(lines_before) << 32, waiting: HashMap::new() })
    }

    async fn handle(
        &self,
        _myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            TextMessage::Say { text, taken } => {
                state.sayings += 1;
                let saying = state.sayings;
                state.waiting.insert(saying, Waiting::ForTheModel(taken));
                if state.owner.cast(TransportEvent::Said { saying, text }).is_err() {
                    // The call is stopping: the asker's channel closes, and answers behind this are still given.
                    state.waiting.remove(&saying);
                }
            }
            TextMessage::Command(TextCommand::Taken { saying, turn, first_seq }) => {
                state.taken(saying, turn, first_seq);
            }
            TextMessage::Command(TextCommand::Done { saying, outcome }) => state.done(saying, outcome),
            TextMessage::Crash => panic!("as asked"),
        }
        Ok(())
    }
}

impl<R, E> TextState<R, E> {
    fn taken(&mut self, saying: u64, turn: u64, first_seq: u64) {
        if let Some(Waiting::ForTheModel(taken)) = self.waiting.remove(&saying) {
            let (sender, outcome) = oneshot::channel();
            self.waiting.insert(saying, Waiting::ForTheOutcome(sender));
            // Whoever asked may have gone; the turn goes on without them.
            let _ = taken.send(Ok(TextTaken { turn, first_seq, outcome }));
        }
    }

    fn done(&mut self, saying: u64, outcome: Result<R, E>) {
        match (self.waiting.remove(&saying), outcome) {
            (Some(Waiting::ForTheOutcome(sender)), outcome) => drop(sender.send(outcome)),
            (Some(Waiting::ForTheModel(taken)), Err(refusal)) => drop(taken.send(Err(refusal))),
            // A reply without `Taken` cannot be; the asker's channel closes, which says as much.
            (Some(Waiting::ForTheModel(_)), Ok(_)) | (None, _) => {}
        }
    }
}
