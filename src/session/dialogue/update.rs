//! How a configuration comes into force on the present socket: one update at a time, and its answer.

use super::action::create_item;
use super::{Action, Deadline, Dialogue, Notice};
use crate::protocol::openai::{ApiError, ClientEvent, EchoedSession, SessionPatch};
use crate::session::{SessionConfig, SessionEvent, Way, Why};

/// What a refused update says when its voice is the reason.
const VOICE_IS_LOCKED: &str = "cannot_update_voice";

/// An update in flight.
#[derive(Debug)]
pub(super) struct Update {
    pub(super) event_id: String,
    config: SessionConfig,
    pub(super) revisions: Vec<u64>,
    /// Whether a smaller update could still be tried if this one is refused.
    can_shrink: bool,
}

/// Whether an error refuses the update in flight, which has this `event_id`.
pub(in crate::session) fn refuses_update(error: &ApiError, event_id: &str) -> bool {
    match error.event_id.as_deref() {
        Some(about) => about == event_id,
        // Seen on the wire: a refused update whose error names no event.
        None => {
            error.word() == VOICE_IS_LOCKED
                || error.param.as_deref().is_some_and(|param| param.starts_with("session."))
        }
    }
}

impl Dialogue {
    /// Who to be from here on. While an update is in flight the newest wish waits for its answer.
    pub fn configure(&mut self, config: SessionConfig, revision: u64) -> Vec<Action> {
        let mut actions = Vec::new();
        self.desired = config;
        self.waiting_revisions.push(revision);
        self.send_desired(&mut actions);
        self.advance(&mut actions);
        actions
    }

    /// Sends what differs between what was asked for and what is in force, once that can be known; what this socket
    /// cannot become, another shall.
    fn send_desired(&mut self, actions: &mut Vec<Action>) {
        if !self.up || self.update.is_some() || self.waiting_revisions.is_empty() {
            return;
        }
        let has_spoken = self.spoken.voice_is_locked;
        let needed = |from: &SessionConfig| self.capability.needs_another(from, &self.desired, has_spoken);
        if let Some(why) = self.in_force.as_ref().and_then(needed) {
            self.replace(why, actions);
            return;
        }
        if self.is_moving() {
            self.next = None;
            actions.push(Action::Discard("it is not wanted any more".to_owned()));
            if self.age.stage.is_some() {
                self.replace(Why::Age, actions);
            }
        }
        let revisions = std::mem::take(&mut self.waiting_revisions);
        match self.desired.patch_from(self.in_force.as_ref()) {
            Some(patch) => {
                // Without a persona in it, less of it would be nothing.
                let has_persona = patch.instructions.is_some() || patch.tools.is_some();
                let can_shrink = has_persona && (patch.audio.is_some() || patch.output_modalities.is_some());
                self.send_update(self.desired.clone(), patch, revisions, can_shrink, actions);
            }
            None => {
                let way = Way::Update;
                let told = |revision| Action::Report(SessionEvent::Configured { revision, way });
                actions.extend(revisions.into_iter().map(told));
            }
        }
    }

    fn send_update(
        &mut self,
        config: SessionConfig,
        session: SessionPatch,
        revisions: Vec<u64>,
        can_shrink: bool,
        actions: &mut Vec<Action>,
    ) {
        self.event_ids += 1;
        let event_id = format!("su_{}", self.event_ids);
        self.update = Some(Update { event_id: event_id.clone(), config, revisions, can_shrink });
        actions.push(Action::Arm(Deadline::Update(event_id.clone()), self.limits.update));
        actions.push(Action::Send(ClientEvent::SessionUpdate { event_id, session }));
    }

    pub(super) fn on_updated(&mut self, echo: &EchoedSession, actions: &mut Vec<Action>) {
        let Some(update) = self.update.take() else {
            return;
        };
        if let Some(what) = update.config.mismatch(echo) {
            actions.push(Action::Notice(Notice::Mismatch(what)));
        }
        self.confirmed = update.config.clone();
        self.in_force = Some(update.config);
        for revision in update.revisions {
            actions.push(Action::Report(SessionEvent::Configured { revision, way: Way::Update }));
        }
        self.on_update_answered(actions);
    }

    pub(super) fn on_update_refused(&mut self, error: &ApiError, actions: &mut Vec<Action>) {
        let Some(update) = self.update.take() else {
            return;
        };
        if error.word() == VOICE_IS_LOCKED && !self.spoken.voice_is_locked {
            // It has spoken, and we do not know it yet.
            self.spoken.voice_is_locked = true;
            self.waiting_revisions.splice(0..0, update.revisions);
            self.on_update_answered(actions);
            return;
        }
        if update.can_shrink {
            let patch = update.config.minimal_patch(false);
            let config = update.config.with_voice_of(self.in_force.as_ref());
            self.send_update(config, patch, update.revisions, false, actions);
            return;
        }
        for revision in update.revisions {
            let why = error.word().to_owned();
            actions.push(Action::Report(SessionEvent::ConfigureRejected { revision, why }));
        }
        if self.waiting_revisions.is_empty() {
            self.desired = self.confirmed.clone();
        }
        self.on_update_answered(actions);
    }

    fn on_update_answered(&mut self, actions: &mut Vec<Action>) {
        self.send_desired(actions);
        if self.update.is_none() {
            actions.extend(self.held.drain(..).map(|item| Action::Send(create_item(item))));
        }
        self.advance(actions);
    }
}
