//! The next socket, for whatever reason there is to be one: it is told who to be and what was said, and is ready when
//! it has said that it knows. Pure. When it takes the place of the present one is for the conversation to say.

mod age;
mod catch_up;

use std::time::Duration;

use super::Why;
use super::capability::Capability;
use super::config::SessionConfig;
use super::dialogue::{Action, Deadline, Notice, create_item, refuses_update};
use super::fault::{Remedy, remedy};
use super::history::{History, Piece};
use crate::id::{ItemId, ToolCallId};
use crate::protocol::openai::{ApiError, ClientEvent, EchoedSession, ServerEvent, SessionPatch};

pub use self::age::{Life, Stage};
pub use self::catch_up::{Given, Step};

/// How long a life goes, and how far it has come.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Age {
    pub(super) life: Option<Life>,
    pub(super) stage: Option<Stage>,
}

impl Age {
    /// A stage has come: the next one is awaited.
    pub(super) fn reach(&mut self, stage: Stage) -> Option<Action> {
        self.stage = Some(stage);
        let (next, after) = self.life?.next(Some(stage))?;
        Some(Action::Arm(Deadline::Age(next), after))
    }
}

/// How far the next socket waits for a good moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Patience {
    /// It has not begun to.
    Whole,
    /// It waits for words that are being written down, or heard.
    Waits,
    /// It has waited long enough.
    Over,
}

#[derive(Debug)]
struct Update {
    event_id: String,
    config: SessionConfig,
    /// Whether a smaller one could still be tried.
    can_shrink: bool,
}

/// What came of an event for the next socket.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// It goes on.
    GoesOn,
    /// It was refused who to be.
    Refused {
        /// The model's own word for it.
        code: String,
    },
    /// It is of no use.
    Failed {
        /// Why.
        reason: String,
        /// Whether another would be refused, too.
        fatal: bool,
    },
}

/// The next socket.
#[derive(Debug)]
pub(super) struct Restore {
    pub(super) why: Why,
    pub(super) capability: Capability,
    pub(super) age: Age,
    pub(super) patience: Patience,
    pub(super) given: Given,
    in_force: Option<SessionConfig>,
    update: Option<Update>,
    updates: u64,
    /// An update must be answered within this.
    limit: Duration,
}

impl Restore {
    /// A socket that is being opened.
    pub(super) fn new(why: Why, capability: Capability, limit: Duration) -> Self {
        Self {
            why,
            capability,
            age: Age::default(),
            patience: Patience::Whole,
            given: Given::default(),
            in_force: None,
            update: None,
            updates: 0,
            limit,
        }
    }

    /// It is open: it is told who to be, and right after it what was said.
    pub(super) fn on_opened(
        &mut self,
        capability: Capability,
        config: &SessionConfig,
        history: &History,
        is_open: impl Fn(&ToolCallId) -> bool,
        actions: &mut Vec<Action>,
    ) {
        self.capability = capability;
        self.send_update(config.clone(), None, actions);
        let frames = self.catch_up(history, &history.pieces(is_open));
        actions.extend(frames.into_iter().map(Action::Prime));
    }

    /// What it must be sent to know these pieces, and nothing else.
    pub(super) fn catch_up(&mut self, history: &History, wanted: &[Piece]) -> Vec<ClientEvent> {
        let frame = |step| match step {
            Step::Delete(item_id) => {
                Some(ClientEvent::ItemDelete { event_id: format!("id_{item_id}"), item_id })
            }
            Step::Create(piece, id) => history.item_of(piece, id).map(create_item),
        };
        self.given.catch_up(wanted).into_iter().filter_map(frame).collect()
    }

    /// How many items it holds.
    pub(super) fn items(&self) -> u64 {
        self.given.names().count() as u64
    }

    /// Who it shall be may have changed since it was told. Answers whether it can still become that.
    pub(super) fn want(&mut self, config: &SessionConfig, actions: &mut Vec<Action>) -> bool {
        let Some(in_force) = self.in_force.as_ref().filter(|_| self.update.is_none()) else {
            return true;
        };
        if in_force == config {
            return true;
        }
        if self.capability.needs_another(in_force, config, false).is_some() {
            return false;
        }
        let patch = config.patch_from(Some(in_force));
        match patch {
            Some(patch) => self.send_update(config.clone(), Some(patch), actions),
            None => self.in_force = Some(config.clone()),
        }
        true
    }

    fn send_update(&mut self, config: SessionConfig, patch: Option<SessionPatch>, actions: &mut Vec<Action>) {
        let session = patch.or_else(|| config.patch_from(None)).unwrap_or_else(SessionPatch::empty);
        self.send(config, session, true, actions);
    }

    fn send(
        &mut self,
        config: SessionConfig,
        session: SessionPatch,
        can_shrink: bool,
        actions: &mut Vec<Action>,
    ) {
        self.updates += 1;
        let event_id = format!("sn_{}", self.updates);
        self.update = Some(Update { event_id: event_id.clone(), config, can_shrink });
        actions.push(Action::ArmNext(Deadline::Primed(event_id.clone()), self.limit));
        actions.push(Action::Prime(ClientEvent::SessionUpdate { event_id, session }));
    }

    /// After a refusal: the least that puts this persona in force, unless that was refused, too.
    pub(super) fn try_less(&mut self, actions: &mut Vec<Action>) -> bool {
        let Some(update) = self.update.take_if(|update| update.can_shrink) else {
            return false;
        };
        let patch = update.config.minimal_patch(self.in_force.is_none());
        self.send(update.config, patch, false, actions);
        true
    }

    /// After a refusal: someone else. Answers whether that is another than the one that was refused.
    pub(super) fn try_another(&mut self, config: &SessionConfig, actions: &mut Vec<Action>) -> bool {
        let is_another = self.update.as_ref().is_none_or(|update| update.config != *config);
        if is_another {
            self.send_update(config.clone(), None, actions);
        }
        is_another
    }

    /// Takes one event of its side.
    pub(super) fn on_event(&mut self, event: &ServerEvent, actions: &mut Vec<Action>) -> Progress {
        match event {
            ServerEvent::SessionUpdated(echo) => self.on_updated(echo, actions),
            ServerEvent::ItemAdded { item_id } => self.given.taken(item_id),
            ServerEvent::Error(error) => return self.on_error(error, actions),
            ServerEvent::Unknown(kind) => actions.push(Action::Notice(Notice::UnknownEvent(kind.clone()))),
            // It hears nobody yet, and is asked for nothing.
            ServerEvent::SessionCreated(_)
            | ServerEvent::ResponseCreated(_)
            | ServerEvent::TextDelta { .. }
            | ServerEvent::SpeechStarted { .. }
            | ServerEvent::SpeechStopped { .. }
            | ServerEvent::Committed { .. }
            | ServerEvent::Transcribed { .. }
            | ServerEvent::NotTranscribed { .. }
            | ServerEvent::OutputItemDone { .. }
            | ServerEvent::ResponseDone(_)
            | ServerEvent::Unused => {}
        }
        Progress::GoesOn
    }

    fn on_updated(&mut self, echo: &EchoedSession, actions: &mut Vec<Action>) {
        if let Some(update) = self.update.take() {
            let mismatch = update.config.mismatch(echo);
            actions.extend(mismatch.map(|what| Action::Notice(Notice::Mismatch(what))));
            self.in_force = Some(update.config);
        }
    }

    fn on_error(&mut self, error: &ApiError, actions: &mut Vec<Action>) -> Progress {
        let code = error.word().to_owned();
        match remedy(error) {
            Remedy::Replace => return Progress::Failed { reason: code, fatal: false },
            Remedy::EndPolitely => return Progress::Failed { reason: code, fatal: true },
            Remedy::Ignore | Remedy::Retry | Remedy::Resync => {}
        }
        if self.update.as_ref().is_some_and(|update| refuses_update(error, &update.event_id)) {
            return Progress::Refused { code };
        }
        if let Some(item_id) = error.event_id.as_deref().and_then(|about| about.strip_prefix("ic_")) {
            let item_id = ItemId::from(item_id);
            if code == "item_create_duplicate_item_id" {
                self.given.taken(&item_id);
                return Progress::GoesOn;
            }
            self.given.refused(&item_id);
        }
        actions.push(Action::Notice(Notice::Error(code)));
        Progress::GoesOn
    }

    /// The time for an update, and for the items after it, is over.
    pub(super) fn on_overdue(&mut self, event_id: &str) -> Progress {
        match &self.update {
            Some(update) if update.event_id == event_id => {
                Progress::Failed { reason: "session.update was not answered".to_owned(), fatal: false }
            }
            Some(_) => Progress::GoesOn,
            None => {
                self.given.settle();
                Progress::GoesOn
            }
        }
    }

    /// Whether it is this.
    pub(super) fn is(&self, config: &SessionConfig) -> bool {
        self.update.is_none() && self.in_force.as_ref() == Some(config)
    }
}
