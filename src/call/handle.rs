//! What the outside holds of a call.

use std::sync::Arc;

use ractor::ActorRef;
use tokio::sync::{oneshot, watch};

use super::phone::{Dialled, Next, PhoneOrder};
use super::{CallError, CallMessage, CallSnapshot, CallState, Taken};
use crate::id::{CallId, PersonaKey};
use crate::store::BusinessProfile;
use crate::transport::browser::BrowserStream;
use crate::transport::realtime::RealtimeStream;
use crate::transport::text::{TextMessage, TextTaken};
use crate::transport::twilio::MediaStream;

/// A part of a call that can fail by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The call's own actor.
    Call,
    /// The session with the model.
    Session,
    /// The persona.
    Persona,
    /// A tool that the persona runs.
    Tool,
    /// The line.
    Line,
}

impl Part {
    /// The word for it, as metrics and the log see it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Call => "call",
            Self::Session => "session",
            Self::Persona => "persona",
            Self::Tool => "tool",
            Self::Line => "line",
        }
    }
}

/// What the outside holds of a call: it can speak to it, look at it, and end it.
#[derive(Debug, Clone)]
pub struct CallHandle {
    id: CallId,
    call: ActorRef<CallMessage>,
    snapshot: watch::Receiver<CallSnapshot>,
}

impl CallHandle {
    /// A hand on a call.
    pub fn new(id: CallId, call: ActorRef<CallMessage>, snapshot: watch::Receiver<CallSnapshot>) -> Self {
        Self { id, call, snapshot }
    }

    /// The call's id.
    pub fn id(&self) -> &CallId {
        &self.id
    }

    /// The call's actor.
    pub fn actor(&self) -> &ActorRef<CallMessage> {
        &self.call
    }

    /// The call as it stands.
    pub fn snapshot(&self) -> CallSnapshot {
        self.snapshot.borrow().clone()
    }

    /// Whether the call takes requests: it has not ended, and its actor is not stopping.
    pub fn is_live(&self) -> bool {
        self.snapshot.borrow().state != CallState::Ended
            && self.call.get_status() < ractor::ActorStatus::Stopping
    }

    /// Whether the call talks, or is about to: it holds one of the places there are.
    pub fn is_awake(&self) -> bool {
        match self.snapshot.borrow().state {
            CallState::Starting | CallState::Listening | CallState::Answering => true,
            CallState::Asleep | CallState::Ended => false,
        }
    }

    /// Follows the call: it changes when an event has been journaled, and closes when the call is gone.
    pub fn watch(&self) -> watch::Receiver<CallSnapshot> {
        self.snapshot.clone()
    }

    /// Says something to the call, and waits until the model has taken it: at once when the call is free, in
    /// its order when a turn is under way.
    ///
    /// # Errors
    /// As [`CallError`] says; the text was then not taken.
    pub async fn say(&self, text: String) -> Result<Taken, CallError> {
        let (taken, answer) = oneshot::channel();
        self.tell(CallMessage::Line(TextMessage::Say { text, taken }))?;
        let TextTaken { turn, first_seq, outcome } = answer.await.map_err(|_| self.gone())??;
        Ok(Taken { turn, first_seq, reply: outcome })
    }

    /// Puts a persona in force at the next turn boundary, and waits until the model has confirmed it.
    ///
    /// # Errors
    /// As [`CallError`] says; the old persona is then still in force.
    pub async fn activate(&self, persona: PersonaKey) -> Result<PersonaKey, CallError> {
        let (reply, answer) = oneshot::channel();
        self.tell(CallMessage::Activate { persona, reply })?;
        answer.await.map_err(|_| self.gone())?
    }

    /// Ends the call, and waits until its journal is closed.
    ///
    /// # Errors
    /// [`CallError::JournalUnavailable`] when the end could not be written.
    pub async fn hang_up(&self) -> Result<(), CallError> {
        let (reply, answer) = oneshot::channel();
        self.tell(CallMessage::HangUp { reply })?;
        answer.await.map_err(|_| self.gone())?
    }

    /// Hands a stream of the phone to the call.
    ///
    /// # Errors
    /// The call is gone.
    pub fn attach(&self, stream: MediaStream) -> Result<(), CallError> {
        self.tell(CallMessage::Phone(PhoneOrder::Attach(Box::new(stream))))
    }

    /// Hands a browser's connection to the call. It takes the place of the one before, if that is still there.
    ///
    /// # Errors
    /// The call is gone.
    pub fn attach_browser(&self, stream: BrowserStream) -> Result<(), CallError> {
        self.tell(CallMessage::Browser(Box::new(stream)))
    }

    /// Hands a Realtime client's connection to the call. It takes the place of the one before, if that is still there.
    ///
    /// # Errors
    /// The call is gone.
    pub fn attach_realtime(&self, stream: RealtimeStream) -> Result<(), CallError> {
        self.tell(CallMessage::Realtime(Box::new(stream)))
    }

    /// What Twilio shall do next: the stream has ended, or a human who was dialled has (`dialled`).
    ///
    /// # Errors
    /// The call is gone.
    pub async fn next(&self, dialled: Option<Dialled>) -> Result<Next, CallError> {
        let (reply, answer) = oneshot::channel();
        self.tell(CallMessage::Phone(PhoneOrder::Next { dialled, reply }))?;
        answer.await.map_err(|_| self.gone())
    }

    /// Has a spoken call end politely: the service goes down.
    pub fn shut_down(&self) {
        // A call that is gone needs no farewell.
        let _ = self.tell(CallMessage::ShutDown);
    }

    /// Tells the call what Twilio says became of it, or who took it up.
    pub fn tell_phone(&self, order: PhoneOrder) {
        // A call that is gone has closed its books.
        let _ = self.tell(CallMessage::Phone(order));
    }

    /// Puts the caller through to a human: `to`, or whoever the business names.
    ///
    /// # Errors
    /// [`CallError::NoPhone`], [`CallError::NobodyToTransferTo`], or the call is gone.
    pub async fn transfer(&self, to: Option<String>, summary: Option<String>) -> Result<(), CallError> {
        let (reply, answer) = oneshot::channel();
        self.tell(CallMessage::Phone(PhoneOrder::Transfer { to, summary, reply }))?;
        answer.await.map_err(|_| self.gone())?
    }

    /// What a human who was dialled is told before the caller is put through.
    pub async fn whisper(&self) -> Option<String> {
        let (reply, answer) = oneshot::channel();
        self.tell(CallMessage::Phone(PhoneOrder::Whisper { reply })).ok()?;
        answer.await.ok()?
    }

    /// Tells a text call whose it is; one that sleeps and did not know takes it to heart before it hears anything else.
    pub fn belongs_to(&self, business: Arc<BusinessProfile>) {
        // One that is gone is asked for again.
        let _ = self.tell(CallMessage::BelongsTo(business));
    }

    /// Lets a call that sleeps go to its journal; one that is awake stays.
    pub fn retire(&self) {
        // One that is gone is gone already.
        let _ = self.tell(CallMessage::Retire);
    }

    /// Asks the call at once to say when nothing is under way any more, and gives what can be awaited for it.
    pub fn drained(&self) -> impl Future<Output = ()> + use<> {
        let (quiet, said) = oneshot::channel();
        let told = self.tell(CallMessage::Drain { quiet });
        async move {
            if told.is_ok() {
                // A call that is gone is quiet.
                let _ = said.await;
            }
        }
    }

    /// Has a part of the call panic, so that tests see what becomes of the rest. Of tools it is the next that begins.
    #[doc(hidden)]
    pub fn crash(&self, part: Part) {
        // One that is gone cannot fail any more.
        let _ = self.tell(CallMessage::Crash(part));
    }

    fn tell(&self, message: CallMessage) -> Result<(), CallError> {
        self.call.cast(message).map_err(|_| self.gone())
    }

    /// Why nobody answers: the call is over, or it was stopped and goes on with whoever asks next.
    fn gone(&self) -> CallError {
        if self.snapshot.borrow().state == CallState::Ended {
            CallError::Ended
        } else {
            CallError::Interrupted
        }
    }
}
