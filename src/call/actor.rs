//! The call's actor: supervisor of the line, the session and the persona. It performs what the floor, the
//! handoffs and the journal decide.

mod alarm;
mod record;
mod swaps;
mod turns;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef, SupervisionEvent};
use tokio::sync::{oneshot, watch};
use tokio::time::Instant;

use self::alarm::Alarm;
use self::record::Effect;
use self::swaps::Swapping;
use super::event::{CallEvent, EndReason, Logged};
use super::floor::{Floor, Request};
use super::handoff::Handoffs;
use super::journal::Journal;
use super::recollection::{Conversation, Recollection};
use super::turn::Turn;
use super::writer::{JournalWriter, Written};
use super::{CallError, CallSnapshot, Reply};
use crate::id::{CallId, PersonaKey, ToolCallId};
use crate::persona::Library;
use crate::persona::actor::{PersonaActor, PersonaArguments, PersonaEvent, PersonaMessage, Rendition};
use crate::session::{Endpoint, SessionActor, SessionArguments, SessionEvent, SessionMessage};
use crate::store::{Store, StoreError};
use crate::transport::{TextLine, TextMessage, TransportEvent};

/// A child that fails may be started again so often in one call; then the call ends.
const MAX_RESTARTS: u32 = 3;
/// A stopping child has this long.
const CHILD_STOP_LIMIT: Duration = Duration::from_secs(2);
/// A call that ends waits this long for its journal.
const END_LIMIT: Duration = Duration::from_secs(10);
/// A call's journal is read within this.
const RECALL_LIMIT: Duration = Duration::from_secs(10);
/// Events read at once from the journal.
const RECALL_PAGE: usize = 1_000;

/// Where the words of replies go besides the line: `LOG_REPLIES`.
pub type ReplySink = Arc<dyn Fn(&str) + Send + Sync>;

/// The line of a text call, as the call speaks to it.
pub type TextLineMessage = TextMessage<Reply, CallError>;

/// How long things may take in a call.
#[derive(Debug, Clone, Copy)]
pub struct CallLimits {
    /// A turn, from the caller's words to the model's last.
    pub turn: Duration,
    /// Silence, until the model's socket is closed.
    pub idle: Duration,
}

/// What every call stands on; made once.
#[derive(Clone)]
pub struct CallDependencies {
    /// Rows and journals.
    pub store: Store,
    /// Personas and tools.
    pub library: Library,
    /// Where the model is.
    pub endpoint: Endpoint,
    /// The writer of the journals.
    pub journal: JournalWriter,
    /// How long things may take.
    pub limits: CallLimits,
    /// Who speaks when nobody says.
    pub default_persona: PersonaKey,
    /// The name of this node.
    pub node: Arc<str>,
    /// Where the words of replies go besides the line.
    pub replies: Option<ReplySink>,
}

impl fmt::Debug for CallDependencies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallDependencies").field("limits", &self.limits).finish_non_exhaustive()
    }
}

/// What a call begins with.
#[derive(Debug)]
pub struct CallArguments {
    /// Its id.
    pub call_id: CallId,
    /// Who speaks first, if the journal knows no better.
    pub persona: Option<PersonaKey>,
    /// What it stands on.
    pub dependencies: Arc<CallDependencies>,
    /// Where it shows itself.
    pub snapshot: watch::Sender<CallSnapshot>,
}

/// Everything a call can be told.
#[derive(Debug)]
pub enum CallMessage {
    /// For the line.
    Line(TextLineMessage),
    /// Put a persona in force between two turns.
    Activate {
        /// Which.
        persona: PersonaKey,
        /// Answered when the model has confirmed it.
        reply: oneshot::Sender<Result<PersonaKey, CallError>>,
    },
    /// End the call.
    HangUp {
        /// Answered when the journal is closed.
        reply: oneshot::Sender<Result<(), CallError>>,
    },
    /// Say when nothing is under way any more, and everything is written.
    Drain {
        /// Told, or dropped when the call ends first.
        quiet: oneshot::Sender<()>,
    },
    /// Go, if you sleep: you will be taken up again from your journal.
    Retire,
    /// From the session.
    Session(SessionEvent),
    /// From the line.
    Transport(TransportEvent),
    /// From the persona.
    Persona(PersonaEvent),
    /// From the journal's writer.
    Written(Written),
    /// The journal has been read.
    Recalled(Box<Result<Recollection, StoreError>>),
    /// Something is due.
    Due(Due),
}

/// What becomes due in a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// The turn of this number has had its time.
    Turn(u64),
    /// What was under way when that turn was given up has had its time.
    Clearing(u64),
    /// Nobody has said anything since this many requests.
    Idle(u64),
    /// What waits for the journal, at this event, has waited long enough.
    Held(u64),
    /// The writer may have room again.
    Unsent,
    /// The journal cannot be closed.
    End,
}

macro_rules! from_child {
    ($event:ty, $variant:ident) => {
        impl From<$event> for CallMessage {
            fn from(event: $event) -> Self {
                Self::$variant(event)
            }
        }
        impl TryFrom<CallMessage> for $event {
            type Error = CallMessage;

            fn try_from(message: CallMessage) -> Result<Self, CallMessage> {
                match message {
                    CallMessage::$variant(event) => Ok(event),
                    other => Err(other),
                }
            }
        }
    };
}

from_child!(SessionEvent, Session);
from_child!(TransportEvent, Transport);
from_child!(PersonaEvent, Persona);
from_child!(Written, Written);

/// The call's actor.
#[derive(Debug)]
pub struct CallActor;

/// What the actor keeps.
pub struct CallData {
    myself: ActorRef<CallMessage>,
    call_id: CallId,
    dependencies: Arc<CallDependencies>,
    snapshot: watch::Sender<CallSnapshot>,
    span: tracing::Span,
    line: ActorRef<TextLineMessage>,
    persona: ActorRef<PersonaMessage>,
    session: Option<ActorRef<SessionMessage>>,
    /// A session to be started once the message under way is handled.
    wanted_session: Option<SessionArguments>,
    journal: Journal<Effect>,
    floor: Floor,
    handoffs: Handoffs,
    rendition: Option<Rendition>,
    turn: Option<(Turn, Instant)>,
    /// The turn that was given up and whose leftovers are being stopped.
    clearing: Option<u64>,
    swapping: Option<Swapping>,
    /// Who waits for a swap, by the floor's number for it.
    swap_replies: HashMap<u64, oneshot::Sender<Result<PersonaKey, CallError>>>,
    running: HashMap<ToolCallId, String>,
    recalled: Option<Box<Conversation>>,
    phase: Phase,
    started_at: Timestamp,
    first_seq: u64,
    turns: u64,
    connections: u64,
    /// Numbers swaps, renderings and requests: a late answer or timer names an older one.
    revisions: u64,
    requests: u64,
    restarts: u32,
    draining: Option<oneshot::Sender<()>>,
    /// The files changed: what is in force must be looked at again, between two turns.
    reload_is_due: bool,
    asleep_since: Option<Timestamp>,
    /// What was to be shown waited for the journal in vain: nothing is promised until it writes again.
    journal_is_stuck: bool,
    turn_alarm: Alarm,
    end_alarm: Alarm,
    held_alarm: Alarm,
    idle_alarm: Alarm,
    unsent_alarm: Alarm,
}

impl fmt::Debug for CallData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallData").field("call_id", &self.call_id).finish_non_exhaustive()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Starting,
    Awake,
    Asleep,
    Ended,
}

impl Actor for CallActor {
    type Msg = CallMessage;
    type State = CallData;
    type Arguments = CallArguments;

    async fn pre_start(
        &self,
        myself: ActorRef<CallMessage>,
        arguments: CallArguments,
    ) -> Result<CallData, ActorProcessingErr> {
        let CallArguments { call_id, persona, dependencies, snapshot } = arguments;
        let started_at = snapshot.borrow().started_at;
        let line = spawn_line(&myself).await?;
        let persona_actor = spawn_persona(&myself, &call_id, &dependencies).await?;
        recall(&myself, &dependencies, &call_id);
        let first = persona.unwrap_or_else(|| dependencies.default_persona.clone());
        Ok(CallData {
            span: tracing::info_span!("call", call_id = %call_id),
            journal: Journal::after(call_id.clone(), 0),
            myself,
            call_id,
            dependencies,
            snapshot,
            line,
            persona: persona_actor,
            session: None,
            wanted_session: None,
            floor: Floor::default(),
            handoffs: Handoffs::new(first),
            rendition: None,
            turn: None,
            clearing: None,
            swapping: None,
            swap_replies: HashMap::new(),
            running: HashMap::new(),
            recalled: None,
            phase: Phase::Starting,
            started_at,
            first_seq: 0,
            turns: 0,
            connections: 0,
            revisions: 0,
            requests: 0,
            restarts: 0,
            draining: None,
            reload_is_due: false,
            asleep_since: None,
            journal_is_stuck: false,
            turn_alarm: Alarm::default(),
            end_alarm: Alarm::default(),
            held_alarm: Alarm::default(),
            idle_alarm: Alarm::default(),
            unsent_alarm: Alarm::default(),
        })
    }

    async fn handle(
        &self,
        _myself: ActorRef<CallMessage>,
        message: CallMessage,
        call: &mut CallData,
    ) -> Result<(), ActorProcessingErr> {
        let span = call.span.clone();
        span.in_scope(|| call.take(message));
        if let Some(arguments) = call.wanted_session.take() {
            let (session, _) =
                Actor::spawn_linked(None, SessionActor, arguments, call.myself.get_cell()).await?;
            call.session = Some(session);
            span.in_scope(|| call.open_floor());
        }
        call.drain();
        call.show();
        Ok(())
    }

    /// The policy for each child. The session and the persona are started again, a few times, from what the
    /// journal and the files say; the line *is* the caller, so without it the call is over.
    async fn handle_supervisor_evt(
        &self,
        _myself: ActorRef<CallMessage>,
        event: SupervisionEvent,
        call: &mut CallData,
    ) -> Result<(), ActorProcessingErr> {
        let (child, why) = match event {
            SupervisionEvent::ActorTerminated(child, _, why) => (child, why.unwrap_or_default()),
            SupervisionEvent::ActorFailed(child, error) => (child, error.to_string()),
            SupervisionEvent::ActorStarted(_) | SupervisionEvent::ProcessGroupChanged(_) => return Ok(()),
        };
        if call.phase != Phase::Ended {
            call.on_child_gone(&child, &why).await?;
        }
        Ok(())
    }

    async fn post_stop(
        &self,
        myself: ActorRef<CallMessage>,
        _call: &mut CallData,
    ) -> Result<(), ActorProcessingErr> {
        // A stopping parent would kill its children: the line still has answers to give, the session a farewell.
        myself.drain_children_and_wait(Some(CHILD_STOP_LIMIT)).await;
        Ok(())
    }
}

async fn spawn_line(myself: &ActorRef<CallMessage>) -> Result<ActorRef<TextLineMessage>, ActorProcessingErr> {
    let (line, _) =
        Actor::spawn_linked(None, TextLine::new(), myself.get_derived(), myself.get_cell()).await?;
    Ok(line)
}

async fn spawn_persona(
    myself: &ActorRef<CallMessage>,
    call_id: &CallId,
    dependencies: &CallDependencies,
) -> Result<ActorRef<PersonaMessage>, ActorProcessingErr> {
    let arguments = PersonaArguments {
        call_id: call_id.clone(),
        business_id: None,
        library: dependencies.library.clone(),
        store: dependencies.store.clone(),
        owner: myself.get_derived(),
    };
    let (persona, _) = Actor::spawn_linked(None, PersonaActor, arguments, myself.get_cell()).await?;
    Ok(persona)
}

/// Reads the journal aside, page by page, and brings what it says as a message.
fn recall(myself: &ActorRef<CallMessage>, dependencies: &CallDependencies, call_id: &CallId) {
    let (store, journal) = (dependencies.store.clone(), dependencies.journal.clone());
    let (myself, call_id) = (myself.clone(), call_id.clone());
    tokio::spawn(async move {
        let limit_ms = u64::try_from(RECALL_LIMIT.as_millis()).unwrap_or(u64::MAX);
        let reading = async {
            // What an earlier part of this call recorded may still be on its way.
            journal.flushed().await;
            read_journal(&store, &call_id).await
        };
        let read = tokio::time::timeout(RECALL_LIMIT, reading).await;
        let recalled = read.unwrap_or(Err(StoreError::Timeout { limit_ms }));
        // A call that is gone needs no memory.
        let _ = myself.cast(CallMessage::Recalled(Box::new(recalled)));
    });
}

async fn read_journal(store: &Store, call_id: &CallId) -> Result<Recollection, StoreError> {
    let mut recollection = Recollection::default();
    // Conversations that ended before are over.
    let began = store.latest_event(call_id, Some("call.started")).await?;
    recollection.last_seq = began.map_or(0, |event| event.seq - 1);
    loop {
        let page = store.events_after(call_id, recollection.last_seq, RECALL_PAGE).await?;
        let Some(last) = page.last().map(|record| record.seq) else {
            return Ok(recollection);
        };
        // Of what was said, the whole messages are kept; their pieces are most of the journal.
        for record in page.iter().filter(|record| record.kind != "assistant.delta") {
            match serde_json::from_str::<Logged>(&record.body) {
                Ok(logged) => recollection.take(logged),
                Err(error) => {
                    tracing::warn!(seq = record.seq, error = %error, "an event of the journal cannot be read");
                }
            }
        }
        recollection.last_seq = last;
    }
}

impl CallData {
    fn take(&mut self, message: CallMessage) {
        match message {
            CallMessage::Line(message) => self.for_line(message),
            CallMessage::Activate { persona, reply } => self.on_activate(persona, reply),
            CallMessage::HangUp { reply } => self.end(EndReason::HungUp, Some(reply)),
            CallMessage::Drain { quiet } => self.draining = Some(quiet),
            CallMessage::Retire if self.phase == Phase::Asleep && self.floor.is_free() => {
                self.myself.stop(Some("left to its journal".to_owned()));
            }
            CallMessage::Retire => {}
            CallMessage::Transport(TransportEvent::Said { saying, text }) => {
                self.ask(Request::Say { saying, text });
            }
            CallMessage::Session(event) => self.on_session(event),
            CallMessage::Persona(event) => self.on_persona(event),
            CallMessage::Written(Written { through }) => self.on_written(through),
            CallMessage::Recalled(recalled) => self.on_recalled(*recalled),
            CallMessage::Due(due) => self.on_due(due),
        }
    }

    fn on_recalled(&mut self, recalled: Result<Recollection, StoreError>) {
        if self.phase == Phase::Ended {
            return;
        }
        let recollection = match recalled {
            Ok(recollection) => recollection,
            Err(error) => {
                tracing::error!(error = %error, "the journal cannot be read, the call cannot begin");
                self.refuse_everyone(&CallError::JournalUnavailable);
                self.myself.stop(Some("the journal cannot be read".to_owned()));
                return;
            }
        };
        let restarted = self.journal.last() > 0;
        if !restarted {
            self.journal = Journal::after(self.call_id.clone(), recollection.last_seq);
        }
        match recollection.conversation {
            Some(conversation) if restarted => self.recalled = Some(Box::new(conversation)),
            Some(conversation) => self.go_on(conversation),
            None => {
                self.first_seq = self.journal.last() + 1;
                self.record(CallEvent::CallStarted { transport: "text".to_owned() });
            }
        }
        self.begin_start();
    }

    fn go_on(&mut self, mut conversation: Conversation) {
        self.first_seq = conversation.first_seq;
        self.started_at = conversation.started_at;
        self.turns = conversation.turns;
        self.connections = conversation.connections;
        if let Some(handoffs) = conversation.handoffs.take() {
            self.handoffs = handoffs;
        }
        self.record(CallEvent::CallResumed {});
        if let Some(turn) = conversation.cut_turn {
            let (event, _) = Turn::cut_off(turn).finish(self.handoffs.active().clone(), 0);
            self.record(event);
        }
        self.recalled = Some(Box::new(conversation));
    }

    /// A child is gone though nobody stopped it.
    async fn on_child_gone(&mut self, child: &ActorCell, why: &str) -> Result<(), ActorProcessingErr> {
        let id = child.get_id();
        if id == self.line.get_id() {
            tracing::error!(why, "the line is gone, and with it the caller");
            self.end(EndReason::Failed, None);
            return Ok(());
        }
        let is_session = self.session.as_ref().is_some_and(|session| session.get_id() == id);
        if !is_session && id != self.persona.get_id() {
            return Ok(());
        }
        self.restarts += 1;
        metrics::counter!("ai_realtime_child_restarts_total").increment(1);
        tracing::error!(why, restarts = self.restarts, is_session, "a part of the call failed");
        if self.restarts > MAX_RESTARTS {
            self.end(EndReason::Failed, None);
        } else if is_session {
            self.floor.close();
            self.session = None;
            self.fail_under_way(&CallError::ModelFailed { code: "session_failed".to_owned() });
            recall(&self.myself, &self.dependencies, &self.call_id);
        } else {
            self.persona = spawn_persona(&self.myself, &self.call_id, &self.dependencies).await?;
            self.on_persona_lost();
        }
        Ok(())
    }
}
