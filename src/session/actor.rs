//! The session's actor: it owns the sockets, performs what the dialogue decides, and gets another socket when one is
//! lost.

mod links;
mod message;
mod opening;
mod report;
mod silence;
mod sockets;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ractor::{Actor, ActorProcessingErr, ActorRef, DerivedActorRef};
use tokio::time::Instant;

use self::links::{Links, Place};
use self::message::Brought;
use self::opening::{Attempts, doom};
use super::capability::Capability;
use super::dialogue::{Action, Deadline, Dialogue};
use super::gap::Gap;
use super::history::{History, Told};
use super::limits::SessionLimits;
use super::provider::Provider;
use super::restore::Life;
use super::socket::NotWritten;
use super::{SessionConfig, SessionError, SessionEvent, Why};
use crate::audio::Lane;
use crate::id::CallId;
use crate::protocol::openai::{EchoedSession, ServerEvent};

pub use self::message::{Own, SessionMessage};

/// What a session begins with.
#[derive(Debug)]
pub struct SessionArguments {
    /// Whose it is, for the log.
    pub call_id: CallId,
    /// Where the model is.
    pub provider: Provider,
    /// How long the caller may be without a socket.
    pub patience: Duration,
    /// Who to be.
    pub config: SessionConfig,
    /// What was said before, if the call goes on.
    pub history: Vec<Told>,
    /// The call's audio, if it is a spoken one: then there is a socket from the beginning, and another at once
    /// when it is lost.
    pub lane: Option<Arc<Lane>>,
    /// How long the model's side may take.
    pub limits: SessionLimits,
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
    provider: Provider,
    patience: Duration,
    owner: DerivedActorRef<SessionEvent>,
    lane: Option<Arc<Lane>>,
    dialogue: Dialogue,
    links: Links,
    connections: u64,
    attempts: Attempts,
    opened_at_attempt: u32,
    lost_at: Option<Instant>,
    gap: Gap,
    limits: SessionLimits,
    unknown_events: BTreeSet<String>,
    forgotten: u64,
}

impl Actor for SessionActor {
    type Msg = SessionMessage;
    type State = SessionState;
    type Arguments = SessionArguments;

    async fn pre_start(
        &self,
        myself: ActorRef<SessionMessage>,
        arguments: SessionArguments,
    ) -> Result<SessionState, ActorProcessingErr> {
        let capability = Capability::of(&arguments.provider.model());
        let history = History::restored(arguments.history);
        let mut state = SessionState {
            call_id: arguments.call_id,
            provider: arguments.provider,
            patience: arguments.patience,
            owner: arguments.owner,
            lane: arguments.lane,
            dialogue: Dialogue::new(arguments.config, history, capability).within(arguments.limits),
            links: Links::default(),
            connections: arguments.connections,
            attempts: Attempts::default(),
            opened_at_attempt: 0,
            lost_at: None,
            gap: Gap::default(),
            limits: arguments.limits,
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
            SessionMessage::Crash => panic!("as asked"),
            SessionMessage::Gap(number) => {
                state.look_at_gap(&myself, number);
                Vec::new()
            }
            SessionMessage::Own(Own { generation, what }) => match state.links.place(generation) {
                Place::Current => state.take(&myself, what),
                Place::Next => state.take_next(&myself, generation, what),
                // What an older socket still brings.
                Place::Gone => Vec::new(),
            },
        };
        state.perform(&myself, actions);
        Ok(())
    }
}

impl SessionState {
    /// What the present socket brings.
    fn take(&mut self, myself: &ActorRef<SessionMessage>, what: Brought) -> Vec<Action> {
        match what {
            Brought::Event(event, permit) => {
                if let Some(code) = doom(&event)
                    && self.may_go_elsewhere(Place::Current, code)
                {
                    let code = code.to_owned();
                    return self.on_lost(myself, code, true);
                }
                self.heed_success(&event);
                self.note_received();
                let actions = self.dialogue.on_event(*event);
                drop(permit);
                actions
            }
            Brought::Lost { reason, fatal } => self.on_lost(myself, reason, fatal),
            Brought::Due(deadline) => {
                self.note_received();
                self.dialogue.on_deadline(&deadline)
            }
            // A socket is opened once, and before it is the present one.
            Brought::Opened(_) => Vec::new(),
        }
    }

    /// What the next socket brings.
    fn take_next(
        &mut self,
        myself: &ActorRef<SessionMessage>,
        generation: u64,
        what: Brought,
    ) -> Vec<Action> {
        match what {
            Brought::Opened(Ok(stream)) => {
                self.start_socket(myself, generation, *stream);
                let model = self.model_at(Place::Next);
                self.dialogue.on_opened(Capability::of(&model))
            }
            Brought::Opened(Err(not_opened)) => self.on_not_opened(myself, not_opened),
            Brought::Event(event, permit) => {
                if let Some(code) = doom(&event)
                    && self.may_go_elsewhere(Place::Next, code)
                {
                    let code = code.to_owned();
                    return self.on_next_lost(myself, code, true);
                }
                self.heed_configured(&event);
                let mut actions = match event.as_ref() {
                    ServerEvent::SessionCreated(echo) => self.dialogue.on_next_lives(self.life_of(echo)),
                    _ => Vec::new(),
                };
                actions.extend(self.dialogue.on_next_event(&event));
                drop(permit);
                actions
            }
            Brought::Lost { reason, fatal } => self.on_next_lost(myself, reason, fatal),
            Brought::Due(deadline) => self.dialogue.on_next_deadline(&deadline),
        }
    }

    fn life_of(&self, echo: &EchoedSession) -> Life {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let now = i64::try_from(now).unwrap_or(i64::MAX);
        let usual = Capability::of(&self.model_at(Place::Next)).max_session;
        Life::new(echo.expires_at, now, usual, fastrand::f64())
    }

    fn perform(&mut self, myself: &ActorRef<SessionMessage>, actions: Vec<Action>) {
        let mut trouble = None;
        let does_not_read = || Some("the model does not read".to_owned());
        for action in actions {
            match action {
                Action::Send(event) => {
                    if self.links.send(event).is_err() {
                        trouble = does_not_read();
                    }
                }
                Action::Prime(event) => {
                    // A socket that does not read is found out when its time is over.
                    let _ = self.links.prime(event);
                }
                Action::Report(event) => {
                    self.keep_what_is_said(&event);
                    self.report(event);
                }
                Action::Open(why) => {
                    tracing::info!(call_id = %self.call_id, why = why.as_str(), "another socket is opened");
                    self.open_beside(myself);
                }
                Action::Switch { why, replayed_items } => {
                    // What was wrong was wrong with the one before.
                    trouble = None;
                    if self.switch(why, replayed_items).is_err() {
                        trouble = does_not_read();
                    }
                }
                Action::Discard(reason) => self.discard(myself, reason),
                Action::Understood(item_id) => {
                    self.lane.iter().for_each(|lane| lane.caller_understood(&item_id));
                }
                Action::Refuse(response) => self.lane.iter().for_each(|lane| lane.refuse(&response)),
                Action::Arm(deadline, after) => {
                    let generation = self.links.current();
                    self.arm(myself, generation, deadline, after);
                }
                Action::ArmNext(deadline, after) => {
                    let generation = self.links.next();
                    self.arm(myself, generation, deadline, after);
                }
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

    /// The next socket is the present one, and hears the caller; the one before, if it lives, is closed.
    fn switch(&mut self, why: Why, replayed_items: u64) -> Result<(), NotWritten> {
        self.links.switch();
        let heard = self.lane.as_ref().map_or(Ok(()), |lane| self.links.listen(lane.listen()));
        self.report_switch(why, replayed_items);
        heard
    }

    fn wake(&mut self, myself: &ActorRef<SessionMessage>) {
        if self.links.is_down() {
            self.attempts.forget();
            self.open_again(myself);
        }
    }

    fn sleep(&mut self) -> Vec<Action> {
        if self.links.is_down() || self.dialogue.is_unsettled() {
            return Vec::new();
        }
        self.drop_sockets("idle");
        self.dialogue.on_sleep()
    }

    /// Comes back with this after a while, if the socket is still there.
    fn arm(
        &mut self,
        myself: &ActorRef<SessionMessage>,
        generation: Option<u64>,
        deadline: Deadline,
        after: Duration,
    ) {
        let Some(generation) = generation else {
            return;
        };
        let is_age = matches!(deadline, Deadline::Age(_));
        let what = Brought::Due(deadline);
        let timer = myself.send_after(after, move || SessionMessage::Own(Own { generation, what }));
        if is_age {
            self.links.keep_timer(generation, timer.abort_handle());
        }
    }
}
