//! The session's actor: it owns the socket, performs what the dialogue decides, and gets another socket when one
//! is lost.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef, DerivedActorRef};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use super::backoff::{MAX_ATTEMPTS, delay_before};
use super::client::ClientOrder;
use super::dialogue::{Action, Deadline, Dialogue, Notice};
use super::endpoint::{self, ConnectFailure, Endpoint, Stream};
use super::history::{Content, History};
use super::socket::{Incoming, NotWritten, Socket};
use super::{Connection, HeardPart, SessionConfig, SessionError, SessionEvent};
use crate::audio::Lane;
use crate::id::{CallId, ItemId, ToolCallId};
use crate::protocol::openai::ServerEvent;

/// What a session is told.
#[derive(Debug)]
pub enum SessionMessage {
    /// The caller says something, and wants an answer.
    Say {
        /// In which turn.
        turn: u64,
        /// What.
        text: String,
    },
    /// Be this from here on.
    Configure {
        /// What.
        config: Box<SessionConfig>,
        /// Comes back in the report.
        revision: u64,
    },
    /// Something for the model to know, to which nobody need answer.
    Note(String),
    /// A tool gave its output.
    ToolOutput {
        /// The tool call it answers.
        id: ToolCallId,
        /// JSON text.
        output: String,
    },
    /// Answer what the caller said aloud.
    Answer {
        /// In which turn.
        turn: u64,
    },
    /// What was taken for words was none: forget it.
    Ignore(ItemId),
    /// Act on this note of the service at once.
    Prompt {
        /// In which turn.
        turn: u64,
        /// What.
        note: String,
    },
    /// The caller spoke while you did: stop, and remember what was heard.
    Interrupted(Vec<HeardPart>),
    /// Say this beside the conversation, while tools are at work.
    SayAside(String),
    /// Take everything before the caller's last words out of the model's sight.
    ForgetBeforeTurn,
    /// Nobody waits for an answer any more.
    Abandon,
    /// This socket is of no more use: get another.
    Replace(String),
    /// A client asks for something.
    Client(ClientOrder),
    /// Close the socket until something is said.
    Sleep,
    /// Of the session's own making: what its tasks and timers bring.
    #[doc(hidden)]
    Own(Own),
}

/// What the session's tasks and timers bring, with the socket they belong to.
#[derive(Debug)]
pub struct Own {
    generation: u64,
    what: Brought,
}

#[derive(Debug)]
enum Brought {
    Opened(Result<Box<OpenSocket>, ConnectFailure>),
    Event(Box<ServerEvent>, OwnedSemaphorePermit),
    Lost { reason: String, fatal: bool },
    Due(Deadline),
}

/// An opened stream on its way to the actor.
struct OpenSocket(Stream);

impl std::fmt::Debug for OpenSocket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OpenSocket")
    }
}

/// What a session begins with.
#[derive(Debug)]
pub struct SessionArguments {
    /// Whose it is, for the log.
    pub call_id: CallId,
    /// Where the model is.
    pub endpoint: Endpoint,
    /// Who to be.
    pub config: SessionConfig,
    /// What was said before, if the call goes on.
    pub history: Vec<Content>,
    /// The call's audio, if it is a spoken one: then there is a socket from the beginning, and another at once
    /// when it is lost.
    pub lane: Option<Arc<Lane>>,
    /// Sockets the call has had before this session.
    pub connections: u64,
    /// To whom everything is reported.
    pub owner: DerivedActorRef<SessionEvent>,
}

/// The session's actor. Without anything to say it has no socket.
#[derive(Debug)]
pub struct SessionActor;

/// What the actor keeps.
#[derive(Debug)]
pub struct SessionState {
    call_id: CallId,
    endpoint: Endpoint,
    owner: DerivedActorRef<SessionEvent>,
    lane: Option<Arc<Lane>>,
    dialogue: Dialogue,
    link: Link,
    /// Numbers sockets: what an older one still brings is passed over.
    generation: u64,
    connections: u64,
    attempt: u32,
    opened_at_attempt: u32,
    lost_at: Option<Instant>,
    unknown_events: BTreeSet<String>,
    forgotten: u64,
}

#[derive(Debug)]
enum Link {
    Down,
    Opening,
    Up(Socket),
}

/// Types of unknown events that are named in the log; beyond it they are only counted.
const MAX_NAMED_EVENTS: usize = 64;

impl Actor for SessionActor {
    type Msg = SessionMessage;
    type State = SessionState;
    type Arguments = SessionArguments;

    async fn pre_start(
        &self,
        myself: ActorRef<SessionMessage>,
        arguments: SessionArguments,
    ) -> Result<SessionState, ActorProcessingErr> {
        let mut state = SessionState {
            call_id: arguments.call_id,
            endpoint: arguments.endpoint,
            owner: arguments.owner,
            lane: arguments.lane,
            dialogue: Dialogue::new(arguments.config, History::restored(arguments.history)),
            link: Link::Down,
            generation: 0,
            connections: arguments.connections,
            attempt: 0,
            opened_at_attempt: 0,
            lost_at: None,
            unknown_events: BTreeSet::new(),
            forgotten: 0,
        };
        if state.lane.is_some() {
            state.wake(&myself);
        }
        Ok(state)
    }

    async fn handle(
        &self,
        myself: ActorRef<SessionMessage>,
        message: SessionMessage,
        state: &mut SessionState,
    ) -> Result<(), ActorProcessingErr> {
        let actions = match message {
            SessionMessage::Say { turn, text } => {
                state.wake(&myself);
                state.dialogue.say(turn, text)
            }
            SessionMessage::Configure { config, revision } => {
                state.wake(&myself);
                state.dialogue.configure(*config, revision)
            }
            SessionMessage::Note(text) => state.dialogue.note(text),
            SessionMessage::ToolOutput { id, output } => state.dialogue.tool_output(&id, output),
            SessionMessage::Answer { turn } => {
                state.wake(&myself);
                state.dialogue.answer(turn)
            }
            SessionMessage::Ignore(item_id) => state.dialogue.ignore(&item_id),
            SessionMessage::Prompt { turn, note } => {
                state.wake(&myself);
                state.dialogue.prompt(turn, note)
            }
            SessionMessage::Interrupted(parts) => state.dialogue.interrupted(&parts),
            SessionMessage::SayAside(words) => state.dialogue.say_aside(&words),
            SessionMessage::ForgetBeforeTurn => state.dialogue.forget_before_turn(),
            SessionMessage::Abandon => state.dialogue.abandon(),
            SessionMessage::Replace(reason) => {
                state.dialogue.retract_untaken();
                vec![Action::Replace(reason)]
            }
            SessionMessage::Client(order) => {
                state.wake(&myself);
                let lane = state.lane.clone();
                state.dialogue.on_client(order, |item| lane.as_ref()?.received_of(item))
            }
            SessionMessage::Sleep => state.sleep(),
            SessionMessage::Own(Own { generation, what }) if generation == state.generation => {
                state.take(&myself, what)
            }
            // What an older socket still brings.
            SessionMessage::Own(_) => Vec::new(),
        };
        state.perform(&myself, actions);
        Ok(())
    }
}

impl SessionState {
    fn take(&mut self, myself: &ActorRef<SessionMessage>, what: Brought) -> Vec<Action> {
        match what {
            Brought::Opened(Ok(stream)) => {
                self.start_socket(myself, *stream);
                self.dialogue.on_opened()
            }
            Brought::Opened(Err(ConnectFailure { why, fatal })) => {
                tracing::warn!(call_id = %self.call_id, attempt = self.attempt, error = why, fatal,
                    "the model's socket could not be opened");
                self.link = Link::Down;
                self.try_again(myself, why, fatal);
                Vec::new()
            }
            Brought::Event(event, permit) => {
                // Not before it was of use: a socket that opens and falls again and again must not be tried for
                // without a pause.
                if matches!(*event, ServerEvent::ResponseDone(_)) {
                    self.attempt = 0;
                }
                let actions = self.dialogue.on_event(*event);
                drop(permit);
                actions
            }
            Brought::Lost { reason, fatal } => self.on_lost(myself, reason, fatal),
            Brought::Due(deadline) => self.dialogue.on_deadline(&deadline),
        }
    }

    fn perform(&mut self, myself: &ActorRef<SessionMessage>, actions: Vec<Action>) {
        let mut trouble = None;
        for action in actions {
            match action {
                Action::Send(event) => {
                    if let Link::Up(socket) = &self.link
                        && socket.send(event.to_frame()).is_err()
                    {
                        trouble = Some("the model does not read".to_owned());
                    }
                }
                Action::Report(event) => {
                    self.keep_what_is_said(&event);
                    self.report(event);
                }
                Action::Ready { replayed_items } => {
                    if self.listen().is_err() {
                        trouble = Some("the model does not read".to_owned());
                    }
                    self.report_ready(replayed_items);
                }
                Action::Understood(item_id) => {
                    self.lane.iter().for_each(|lane| lane.caller_understood(&item_id));
                }
                Action::Refuse(response) => self.lane.iter().for_each(|lane| lane.refuse(&response)),
                Action::Arm(deadline, after) => self.arm(myself, deadline, after),
                Action::Replace(reason) => trouble = Some(reason),
                Action::GiveUp { code } => self.give_up(SessionError::Refused { code }),
                Action::Notice(notice) => self.note(notice),
            }
        }
        let forgotten = self.dialogue.forgotten();
        metrics::counter!("ai_realtime_history_items_forgotten_total").increment(forgotten - self.forgotten);
        self.forgotten = forgotten;
        if let Some(reason) = trouble {
            let actions = self.on_lost(myself, reason, false);
            self.perform(myself, actions);
        }
    }

    /// What the caller says is kept until the model has it for good.
    fn keep_what_is_said(&self, event: &SessionEvent) {
        match (&self.lane, event) {
            (Some(lane), SessionEvent::CallerSpeaks(_)) => lane.caller_speaks(),
            (Some(lane), SessionEvent::CallerSaid { item_id }) => lane.caller_committed(item_id),
            (_, _) => {}
        }
    }

    /// The model knows who to be: it may hear the caller.
    fn listen(&self) -> Result<(), NotWritten> {
        if let (Some(lane), Link::Up(socket)) = (&self.lane, &self.link) {
            lane.rewind_caller();
            socket.listen()?;
        }
        Ok(())
    }

    fn wake(&mut self, myself: &ActorRef<SessionMessage>) {
        if matches!(self.link, Link::Down) {
            self.attempt = 0;
            self.open(myself);
        }
    }

    fn sleep(&mut self) -> Vec<Action> {
        if matches!(self.link, Link::Down) || self.dialogue.is_unsettled() {
            return Vec::new();
        }
        self.drop_socket("idle");
        self.dialogue.on_lost()
    }

    fn open(&mut self, myself: &ActorRef<SessionMessage>) {
        self.attempt += 1;
        self.generation += 1;
        self.link = Link::Opening;
        let (generation, endpoint, myself) = (self.generation, self.endpoint.clone(), myself.clone());
        let wait = delay_before(self.attempt, fastrand::f64());
        tokio::spawn(async move {
            tokio::time::sleep(wait).await;
            let opened = endpoint::connect(&endpoint).await.map(|stream| Box::new(OpenSocket(stream)));
            // A session that is gone needs no socket.
            let _ = myself.cast(SessionMessage::Own(Own { generation, what: Brought::Opened(opened) }));
        });
    }

    fn start_socket(&mut self, myself: &ActorRef<SessionMessage>, stream: OpenSocket) {
        self.connections += 1;
        self.opened_at_attempt = self.attempt;
        metrics::counter!("ai_realtime_model_connections_total").increment(1);
        tracing::info!(call_id = %self.call_id, connection = self.connections, attempt = self.attempt,
            "the model's socket is open");
        let (generation, myself) = (self.generation, myself.clone());
        let lane = self.lane.clone();
        self.link = Link::Up(Socket::start(stream.0, lane, move |incoming| {
            let what = match incoming {
                Incoming::Event(event, permit) => Brought::Event(event, permit),
                Incoming::Lost { reason, fatal } => Brought::Lost { reason, fatal },
            };
            myself.cast(SessionMessage::Own(Own { generation, what })).is_ok()
        }));
    }

    fn drop_socket(&mut self, reason: &str) {
        if let Link::Up(_) = self.link {
            tracing::info!(call_id = %self.call_id, connection = self.connections, reason,
                "the model's socket is closed");
            metrics::counter!("ai_realtime_model_disconnections_total").increment(1);
            self.lost_at = Some(Instant::now());
            self.report(SessionEvent::Disconnected { reason: reason.to_owned() });
        }
        self.link = Link::Down;
        self.generation += 1;
        // What the reader of the old socket still brings comes too late.
        self.lane.iter().for_each(|lane| lane.end_persona());
    }

    fn on_lost(&mut self, myself: &ActorRef<SessionMessage>, reason: String, fatal: bool) -> Vec<Action> {
        if let Some((item_id, base64)) = self.lane.as_ref().and_then(|lane| lane.received()) {
            self.dialogue.note_received(item_id, base64);
        }
        self.drop_socket(&reason);
        let actions = self.dialogue.on_lost();
        self.try_again(myself, reason, fatal);
        actions
    }

    fn try_again(&mut self, myself: &ActorRef<SessionMessage>, why: String, fatal: bool) {
        if fatal {
            self.give_up(SessionError::Refused { code: why });
        } else if !self.dialogue.is_unsettled() && self.lane.is_none() {
            // Nothing is owed: the next word opens another.
        } else if self.attempt >= MAX_ATTEMPTS {
            self.give_up(SessionError::Unreachable { attempts: self.attempt, last: why });
        } else {
            self.open(myself);
        }
    }

    fn give_up(&mut self, error: SessionError) {
        tracing::error!(call_id = %self.call_id, error = %error, "the model is given up until something is said");
        self.drop_socket("given up");
        let actions = self.dialogue.on_given_up();
        // The reason first: what else is told follows from it.
        self.report(SessionEvent::Unavailable(error));
        for action in actions {
            if let Action::Report(event) = action {
                self.report(event);
            }
        }
    }

    fn report_ready(&mut self, replayed_items: u64) {
        let gap_ms = self.lost_at.take().map_or(0, |lost_at| lost_at.elapsed().as_millis() as u64);
        let attempt = self.opened_at_attempt;
        let connection = Connection { connection: self.connections, attempt, gap_ms, replayed_items };
        self.report(SessionEvent::Connected(connection));
    }

    fn report(&self, event: SessionEvent) {
        // An owner that is gone takes this session with it.
        let _ = self.owner.cast(event);
    }

    fn arm(&self, myself: &ActorRef<SessionMessage>, deadline: Deadline, after: Duration) {
        let generation = self.generation;
        myself
            .send_after(after, move || SessionMessage::Own(Own { generation, what: Brought::Due(deadline) }));
    }

    fn note(&mut self, notice: Notice) {
        match notice {
            Notice::Mismatch(what) => {
                tracing::warn!(call_id = %self.call_id, what, "the model echoed another configuration");
            }
            Notice::Error(code) => {
                metrics::counter!("ai_realtime_model_errors_total").increment(1);
                tracing::warn!(call_id = %self.call_id, code, "the model reported an error");
            }
            Notice::UnknownEvent(kind) => {
                metrics::counter!("ai_realtime_model_unknown_events_total").increment(1);
                if self.unknown_events.len() < MAX_NAMED_EVENTS && self.unknown_events.insert(kind.clone()) {
                    tracing::warn!(call_id = %self.call_id, event_type = kind, "the model sent an unknown event");
                }
            }
            Notice::StrayOutput => {
                metrics::counter!("ai_realtime_stray_tool_outputs_total").increment(1);
            }
        }
    }
}
