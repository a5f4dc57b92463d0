//! How one socket takes the place of another: when it was lost, and while it still talks.

use super::{Action, Deadline, Dialogue, Notice};
use crate::id::ItemId;
use crate::protocol::openai::ServerEvent;
use crate::session::capability::Capability;
use crate::session::restore::{Age, Life, Patience, Progress, Restore, Stage};
use crate::session::{SessionEvent, Way, Why};

/// How long a switch waits for words that are being written down, or for a caller who speaks.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(2);

/// Whether the present socket may be left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Boundary {
    /// Something is under way.
    Not,
    /// It may, but something would have to be heard again, or stay unwritten.
    Soon,
    /// It may: nothing is lost.
    Now,
}

impl Dialogue {
    /// The next socket is open: it is told who to be and what was said.
    pub fn on_opened(&mut self, capability: Capability) -> Vec<Action> {
        let mut actions = Vec::new();
        let limit = self.limits.update;
        let next = self.next.get_or_insert_with(|| Restore::new(Why::Lost, capability, limit));
        next.on_opened(capability, &self.desired, &self.history, |id| self.open.contains(id), &mut actions);
        actions
    }

    /// The next socket's session lives so long.
    pub fn on_next_lives(&mut self, life: Life) -> Vec<Action> {
        let Some(next) = &mut self.next else {
            return Vec::new();
        };
        next.age = Age { life: Some(life), stage: None };
        let first = life.next(None).map(|(stage, after)| Action::ArmNext(Deadline::Age(stage), after));
        first.into_iter().collect()
    }

    /// Takes one event of the next socket.
    pub fn on_next_event(&mut self, event: &ServerEvent) -> Vec<Action> {
        let mut actions = Vec::new();
        if let Some(next) = &mut self.next {
            let progress = next.on_event(event, &mut actions);
            self.on_progress(progress, &mut actions);
        }
        actions
    }

    /// A deadline of the next socket has come.
    pub fn on_next_deadline(&mut self, deadline: &Deadline) -> Vec<Action> {
        let mut actions = Vec::new();
        let Some(next) = &mut self.next else {
            return actions;
        };
        let progress = match deadline {
            Deadline::Primed(event_id) => next.on_overdue(event_id),
            Deadline::Patience => {
                next.patience = Patience::Over;
                Progress::GoesOn
            }
            // Grown old before it was of any use.
            Deadline::Age(Stage::Last) => {
                Progress::Failed { reason: "the session is at its end".to_owned(), fatal: false }
            }
            Deadline::Age(stage) => {
                if let Some(Action::Arm(deadline, after)) = next.age.reach(*stage) {
                    actions.push(Action::ArmNext(deadline, after));
                }
                Progress::GoesOn
            }
            Deadline::Update(_)
            | Deadline::Item(_)
            | Deadline::Created(_)
            | Deadline::Retry
            | Deadline::Aside(_)
            | Deadline::Summary(_)
            | Deadline::Progress(_)
            | Deadline::Again => Progress::GoesOn,
        };
        self.on_progress(progress, &mut actions);
        actions
    }

    fn on_progress(&mut self, progress: Progress, actions: &mut Vec<Action>) {
        match progress {
            Progress::GoesOn => self.advance(actions),
            Progress::Refused { code } if self.up => self.next_failed(&code, actions),
            Progress::Refused { code } => self.on_first_update_refused(code, actions),
            Progress::Failed { reason, .. } if self.up => self.next_failed(&reason, actions),
            Progress::Failed { reason, fatal: true } => actions.push(Action::GiveUp { code: reason }),
            Progress::Failed { reason, fatal: false } => {
                self.next = None;
                actions.push(Action::Discard(reason));
            }
        }
    }

    /// Without any configuration in force the model would speak with its own: less is tried, then the last good one.
    fn on_first_update_refused(&mut self, code: String, actions: &mut Vec<Action>) {
        let Some(next) = &mut self.next else {
            return;
        };
        // Who is wanted may have changed since it was told.
        if next.try_less(actions) || next.try_another(&self.desired, actions) {
            return;
        }
        self.desired = self.confirmed.clone();
        let is_another = next.try_another(&self.desired, actions);
        self.reject_waiting(&code, actions);
        if !is_another {
            actions.push(Action::GiveUp { code });
        }
    }

    fn reject_waiting(&mut self, why: &str, actions: &mut Vec<Action>) {
        for revision in self.waiting_revisions.drain(..) {
            let why = why.to_owned();
            actions.push(Action::Report(SessionEvent::ConfigureRejected { revision, why }));
        }
    }

    /// The next socket could not be opened, or was lost. While there is a present one it goes on.
    pub fn on_next_lost(&mut self, why: &str) -> Vec<Action> {
        let mut actions = Vec::new();
        if self.up {
            self.next_failed(why, &mut actions);
        } else {
            self.next = None;
        }
        actions
    }

    fn next_failed(&mut self, code: &str, actions: &mut Vec<Action>) {
        let Some(next) = self.next.take() else {
            return;
        };
        actions.push(Action::Discard(code.to_owned()));
        actions.push(Action::Notice(Notice::NotReplaced(next.why)));
        if matches!(next.why, Why::Voice | Why::Instructions) {
            self.desired = self.confirmed.clone();
            self.reject_waiting(code, actions);
        }
        if let Some(life) = self.age.life.filter(|_| self.age.stage.is_some()) {
            actions.push(Action::Arm(Deadline::Again, life.again_after()));
        }
        self.advance(actions);
    }

    /// The socket is gone. What is owed stays owed.
    pub fn on_lost(&mut self) -> Vec<Action> {
        let mut actions = Vec::new();
        self.leave(&mut actions);
        if self.next.is_some() {
            // It may have been ready, and only have waited for a good moment.
            self.advance(&mut actions);
        }
        actions
    }

    /// The socket is closed until something is said.
    pub fn on_sleep(&mut self) -> Vec<Action> {
        self.next = None;
        self.on_lost()
    }

    /// Nothing more comes of the present socket.
    fn leave(&mut self, actions: &mut Vec<Action>) {
        let was_only_answering = self.sequencer.is_only_answering();
        let owed = self.sequencer.on_socket_lost() | std::mem::take(&mut self.retry_is_due);
        self.up = false;
        self.in_force = None;
        self.age = Age::default();
        self.held.clear();
        if let Some(update) = self.update.take() {
            // They were asked for before those that wait.
            self.waiting_revisions.splice(0..0, update.revisions);
        }
        self.spoken.on_socket_lost();
        self.beside.on_socket_lost();
        self.summaries.on_socket_lost();
        self.cut_message(actions);
        self.break_off_speech(actions);
        self.owes_answer |= self.still_owes(owed, was_only_answering);
        self.told.clear();
    }

    /// No socket can be had. What was asked for will not come, and what the model never took was never said.
    pub fn on_given_up(&mut self) -> Vec<Action> {
        let mut actions = Vec::new();
        self.next = None;
        self.leave(&mut actions);
        self.retract_untaken();
        self.answer_open_calls(&mut actions);
        self.desired = self.confirmed.clone();
        self.reject_waiting("the model cannot be reached", &mut actions);
        self.owes_answer = false;
        self.unsettled = false;
        actions
    }

    /// The session has come so far.
    pub(super) fn on_age(&mut self, stage: Stage, actions: &mut Vec<Action>) {
        actions.extend(self.age.reach(stage));
        match stage {
            Stage::Early | Stage::Forced => {
                self.replace(Why::Age, actions);
                self.advance(actions);
            }
            Stage::Last => actions.push(Action::Replace("the session is at its end".to_owned())),
        }
    }

    /// It is looked again for a socket to take the place of one that is old.
    pub(super) fn on_again(&mut self, actions: &mut Vec<Action>) {
        if self.up && self.age.stage.is_some() {
            self.replace(Why::Age, actions);
        }
    }

    /// Another socket is wanted, while the present one goes on.
    pub(super) fn replace(&mut self, why: Why, actions: &mut Vec<Action>) {
        match &mut self.next {
            // Whatever it is for, it is young.
            Some(_) if why == Why::Age => {}
            Some(next) => next.why = why,
            None => {
                self.next = Some(Restore::new(why, self.capability, self.limits.update));
                actions.push(Action::Open(why));
            }
        }
    }

    /// Whether who speaks is being changed by another socket: nothing is asked for meanwhile.
    pub(super) fn is_moving(&self) -> bool {
        let changes = |next: &Restore| matches!(next.why, Why::Voice | Why::Instructions);
        self.up && self.next.as_ref().is_some_and(changes)
    }

    /// Moves to the next socket, if it is ready and the moment is good.
    pub(super) fn move_on(&mut self, actions: &mut Vec<Action>) {
        let Some(next) = self.next.as_mut().filter(|_| self.update.is_none()) else {
            return;
        };
        if !next.want(&self.desired, actions) {
            let why = next.why;
            self.next = Some(Restore::new(why, self.capability, self.limits.update));
            actions.push(Action::Open(why));
        } else if self.may_switch(actions) {
            self.take_over(actions);
        }
    }

    fn may_switch(&mut self, actions: &mut Vec<Action>) -> bool {
        let Some(next) = self.next.as_ref().filter(|next| next.is(&self.desired)) else {
            return false;
        };
        if !self.up {
            return true;
        }
        if !next.given.is_settled() {
            return false;
        }
        let must_be_quiet = next.why == Why::Age && self.age.stage < Some(Stage::Forced);
        let (boundary, patience) = (self.boundary(must_be_quiet), next.patience);
        match (boundary, patience) {
            (Boundary::Now, _) | (Boundary::Soon, Patience::Over) => true,
            (Boundary::Soon, Patience::Whole) => {
                self.next.iter_mut().for_each(|next| next.patience = Patience::Waits);
                actions.push(Action::ArmNext(Deadline::Patience, PATIENCE));
                false
            }
            (Boundary::Soon, Patience::Waits) | (Boundary::Not, _) => false,
        }
    }

    fn boundary(&self, must_be_quiet: bool) -> Boundary {
        let is_free = self.sequencer.is_free() && !self.is_aside();
        let unwritten = self.history.unwritten();
        let is_calm = self.spoken.is_calm() && unwritten.iter().all(|(_, is_answered)| *is_answered);
        let is_quiet = is_calm
            && self.sequencer.is_quiet()
            && self.open.is_empty()
            && self.untaken.is_empty()
            && !self.retry_is_due
            && !self.owes_answer;
        if !is_free || (must_be_quiet && !is_quiet) {
            Boundary::Not
        } else if is_calm && unwritten.is_empty() {
            Boundary::Now
        } else {
            Boundary::Soon
        }
    }

    /// The next socket is the present one from here on.
    fn take_over(&mut self, actions: &mut Vec<Action>) {
        let Some(mut next) = self.next.take() else {
            return;
        };
        let why = if self.up { next.why } else { Why::Lost };
        if self.up {
            self.leave(actions);
        }
        let wanted = self.history.pieces(|id| self.open.contains(id));
        let frames = next.catch_up(&self.history, &wanted);
        actions.push(Action::Switch { why, replayed_items: next.items() });
        self.history
            .rename(|piece| next.given.names().find(|(named, _)| *named == piece).map(|(_, id)| id.clone()));
        self.up = true;
        self.capability = next.capability;
        self.age = next.age;
        self.confirmed.clone_from(&self.desired);
        self.in_force = Some(self.desired.clone());
        let is_moved = matches!(next.why, Why::Voice | Why::Instructions);
        let way = if is_moved { Way::Replacement } else { Way::Update };
        for revision in std::mem::take(&mut self.waiting_revisions) {
            actions.push(Action::Report(SessionEvent::Configured { revision, way }));
        }
        actions.extend(frames.into_iter().map(Action::Send));
        self.ask_after_untaken(&next, actions);
        if self.age.stage.is_some() {
            self.replace(Why::Age, actions);
        }
    }

    /// What the caller said may stand in the new conversation already, or have been refused by it.
    fn ask_after_untaken(&mut self, next: &Restore, actions: &mut Vec<Action>) {
        for untaken in &mut self.untaken {
            if let Some(id) = self.history.present_id(&untaken.item_id) {
                untaken.item_id = id;
            }
        }
        let ids: Vec<ItemId> = self.untaken.iter().map(|untaken| untaken.item_id.clone()).collect();
        for item_id in ids {
            match next.given.verdict(&item_id) {
                None => actions.push(Action::Arm(Deadline::Item(item_id), self.limits.item)),
                Some(true) => self.on_item_taken(&item_id, actions),
                Some(false) => self.on_item_lost(&item_id, "it was refused before", actions),
            }
        }
    }
}
