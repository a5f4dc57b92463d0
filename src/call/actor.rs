//! The call's actor: supervisor of the line, the session and the persona. It performs what the floor, the
//! handoffs and the journal decide.

mod alarm;
mod children;
mod client;
mod cutting;
mod line;
mod message;
mod recall;
mod record;
mod restart;
mod screen;
mod settle;
mod swaps;
mod tools;
mod turns;
mod voice;
mod voice_events;
mod voice_tools;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use ractor::{Actor, ActorProcessingErr, ActorRef, SupervisionEvent};
use tokio::sync::{oneshot, watch};
use tokio::time::Instant;

use self::alarm::Alarm;
use self::children::{caller_facts, spawn_line, spawn_persona};
use self::recall::{Asked, Lost, recall};
use self::record::Effect;
use self::swaps::Swapping;
use self::tools::Running;
use self::voice::{LineOrder, Voice};
use super::conduct::Conduct;
use super::event::EndReason;
use super::floor::{Floor, Request};
use super::handoff::Handoffs;
use super::journal::Journal;
use super::recollection::Conversation;
use super::saying::Saying;
use super::turn::Turn;
use super::voice::VoiceStart;
use super::writer::Written;
use super::{CallError, CallSnapshot};
use crate::id::{CallId, PersonaKey, ToolCallId};
use crate::persona::actor::{PersonaMessage, Rendition};
use crate::session::{SessionActor, SessionArguments, SessionConfig, SessionMessage};
use crate::store::BusinessProfile;
use crate::transport::TransportEvent;
use crate::transport::browser::BrowserMessage;
use crate::transport::realtime::RealtimeMessage;

pub use self::message::{
    BrowserDesk, CallArguments, CallDependencies, CallLimits, CallMessage, Due, PhoneDesk, RealtimeDesk,
    ReplySink, TextLineMessage,
};

/// A stopping child has this long.
const CHILD_STOP_LIMIT: Duration = Duration::from_secs(2);
/// A call that ends waits this long for its journal.
const END_LIMIT: Duration = Duration::from_secs(10);

/// Whoever waits for the end of a call.
type EndReply = oneshot::Sender<Result<(), CallError>>;

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
    /// Its voice, if it is a spoken one.
    voice: Option<Voice>,
    /// Whose caller it is, if that is known.
    business: Option<Arc<BusinessProfile>>,
    /// Who calls, as the journal says: to be heeded once the message under way is handled.
    known_caller: Option<KnownCaller>,
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
    running: HashMap<ToolCallId, Running>,
    recalled: Option<Box<Conversation>>,
    phase: Phase,
    /// A stream that came before the call knew what it was; the newest wins.
    early_stream: Option<LineOrder>,
    /// The call is to end as soon as it knows what it was; who waits for that.
    early_end: Option<(EndReason, Vec<EndReply>)>,
    started_at: Timestamp,
    first_seq: u64,
    turns: u64,
    connections: u64,
    /// The model's socket is there, as the journal says.
    is_connected: bool,
    /// The model that answers, or would.
    model: Arc<str>,
    /// Numbers swaps, renderings and requests: a late answer or timer names an older one.
    revisions: u64,
    requests: u64,
    restarts: u32,
    /// Lines of a text call that have failed.
    lines_failed: u32,
    /// What the persona has said in the turn under way.
    saying: Saying,
    /// What the session is to begin with, while tools that outlived the one before are waited for.
    starting: Option<SessionConfig>,
    /// The end of the process cut off a turn before a word of its answer was said.
    owes_answer: bool,
    /// Outputs of tools that ended while there was no session.
    late_outputs: Vec<(ToolCallId, String)>,
    draining: Option<oneshot::Sender<()>>,
    /// The files changed: what is in force must be looked at again, between two turns.
    reload_is_due: bool,
    /// What was to be shown waited for the journal in vain: nothing is promised until it writes again.
    journal_is_stuck: bool,
    turn_alarm: Alarm,
    end_alarm: Alarm,
    held_alarm: Alarm,
    idle_alarm: Alarm,
    unsent_alarm: Alarm,
    tools_alarm: Alarm,
}

impl fmt::Debug for CallData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallData").field("call_id", &self.call_id).finish_non_exhaustive()
    }
}

/// Who calls, as far as the journal says.
struct KnownCaller {
    voice: Option<VoiceStart>,
    business: Option<Arc<BusinessProfile>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Starting,
    Awake,
    Asleep { since: Timestamp },
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
        let CallArguments { call_id, persona, voice, business, dependencies, snapshot } = arguments;
        let started_at = snapshot.borrow().started_at;
        let line = spawn_line(&myself, 0).await?;
        let (voice, first_actions) = match voice {
            None => (None, Vec::new()),
            Some(start) => {
                let (voice, actions) = Voice::begin(&myself, &call_id, &dependencies, start).await?;
                (Some(voice), actions)
            }
        };
        let facts = caller_facts(voice.as_ref(), business.as_ref(), &dependencies);
        let persona_actor = spawn_persona(&myself, &call_id, &dependencies, facts).await?;
        let sought = voice.as_ref().and_then(|voice| voice.start.sought().cloned());
        let whose = business.clone();
        recall(&myself, &dependencies, &call_id, Asked { sought, business: whose }, Lost::Process);
        let first = persona.unwrap_or_else(|| dependencies.default_persona.clone());
        let mut call = CallData {
            span: tracing::info_span!("call", call_id = %call_id),
            journal: Journal::after(call_id.clone(), 0),
            myself,
            call_id,
            model: dependencies.provider.model(),
            dependencies,
            snapshot,
            line,
            persona: persona_actor,
            session: None,
            voice,
            business,
            known_caller: None,
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
            early_stream: None,
            early_end: None,
            started_at,
            first_seq: 0,
            turns: 0,
            connections: 0,
            is_connected: false,
            revisions: 0,
            requests: 0,
            restarts: 0,
            lines_failed: 0,
            saying: Saying::default(),
            starting: None,
            owes_answer: false,
            late_outputs: Vec::new(),
            draining: None,
            reload_is_due: false,
            journal_is_stuck: false,
            turn_alarm: Alarm::default(),
            end_alarm: Alarm::default(),
            held_alarm: Alarm::default(),
            idle_alarm: Alarm::default(),
            unsent_alarm: Alarm::default(),
            tools_alarm: Alarm::default(),
        };
        first_actions.into_iter().for_each(|action| call.perform_on_line(action));
        Ok(call)
    }

    async fn handle(
        &self,
        _myself: ActorRef<CallMessage>,
        message: CallMessage,
        call: &mut CallData,
    ) -> Result<(), ActorProcessingErr> {
        let span = call.span.clone();
        span.in_scope(|| call.take(message));
        if let Some(known) = call.known_caller.take() {
            call.know_caller(known).await?;
            if call.phase == Phase::Starting {
                span.in_scope(|| {
                    call.begin_start();
                    call.attach_early_stream();
                });
            }
        }
        if let Some(arguments) = call.wanted_session.take() {
            let (session, _) =
                Actor::spawn_linked(None, SessionActor, arguments, call.myself.get_cell()).await?;
            call.session = Some(session);
            span.in_scope(|| call.open_floor());
        }
        span.in_scope(|| call.sync_conduct());
        call.drain();
        call.show();
        Ok(())
    }

    /// The policy for each child: it is started again, a few times, from what the journal and the files say. A line
    /// loses its stream with it, and waits for the next on the same lane.
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
            call.sync_conduct();
            call.drain();
            call.show();
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

impl CallData {
    fn take(&mut self, message: CallMessage) {
        match message {
            CallMessage::Line(message) => self.for_line(message),
            CallMessage::Activate { persona, reply } => self.on_activate(persona, reply),
            CallMessage::HangUp { reply } if self.voice.is_some() && self.phase != Phase::Ended => {
                self.hang_up_line(reply);
            }
            CallMessage::HangUp { reply } => self.end(EndReason::HungUp, Some(reply)),
            CallMessage::ShutDown => self.conduct(Conduct::on_shut_down),
            CallMessage::Drain { quiet } => self.draining = Some(quiet),
            CallMessage::Retire if matches!(self.phase, Phase::Asleep { .. }) && self.floor.is_free() => {
                self.myself.stop(Some("left to its journal".to_owned()));
            }
            CallMessage::Retire => {}
            CallMessage::BelongsTo(business) => self.on_belongs_to(business),
            CallMessage::Phone(order) => self.on_phone_order(order),
            CallMessage::Browser(stream) => self.attach(LineOrder::Browser(BrowserMessage::Attach(stream))),
            CallMessage::Realtime(stream) => {
                self.attach(LineOrder::Realtime(RealtimeMessage::Attach(stream)));
            }
            CallMessage::Transport(TransportEvent::Line(event)) => self.on_line_event(event),
            CallMessage::Transport(TransportEvent::Said { saying, text }) => {
                self.ask(Request::Say { saying, text });
            }
            CallMessage::Refused { error, event_id } => self.show_refusal(&error, event_id),
            CallMessage::Session(event) => self.on_session(event),
            CallMessage::Persona(event) => self.on_persona(event),
            CallMessage::Written(Written { through }) => self.on_written(through),
            CallMessage::Recalled(recalled) => self.on_recalled(*recalled),
            CallMessage::Due(due) => self.on_due(due),
            CallMessage::Crash(part) => self.crash(part),
        }
    }
}
