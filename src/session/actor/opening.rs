//! How the session gets a socket, and tells what became of it.

use std::sync::Arc;
use std::time::Duration;

use ractor::ActorRef;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::links::Place;
use super::message::{Brought, OpenSocket};
use super::{Own, SessionMessage, SessionState};
use crate::protocol::openai::ServerEvent;
use crate::session::admission::{Ask, Pauses, Role};
use crate::session::backoff::{MAX_ATTEMPTS, delay_before};
use crate::session::dialogue::Action;
use crate::session::fault::{Failure, is_fatal_word};
use crate::session::provider::NotOpened;
use crate::session::{Lease, SessionError};

/// A socket that lived so long was of use, whatever came through it.
const LASTING: Duration = Duration::from_secs(30);

/// The attempts at a socket since the last one that was of use.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    made: u32,
    since: Option<Instant>,
    pauses: Pauses,
}

impl Attempts {
    /// A socket was of use, or the caller asks anew.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    /// How many were made.
    pub(super) fn made(&self) -> u32 {
        self.made
    }

    /// One more is made, `again` when a socket is to be replaced; the caller has this much patience with all of them.
    fn next(&mut self, again: bool, patience: Duration, now: Instant) -> Ask {
        self.made += 1;
        let since = *self.since.get_or_insert(now);
        Ask { deadline: since + patience, again: again || self.made > 1, pauses: self.pauses }
    }

    /// A socket is opened beside one that lives: it is none of these.
    fn beside(&self, patience: Duration, now: Instant) -> Ask {
        Ask { deadline: now + patience, again: true, pauses: self.pauses }
    }

    /// The last one failed: that endpoint is left alone for a while. `draw` is from 0 to 1.
    fn failed_by(&mut self, role: Role, draw: f64, now: Instant) {
        self.pauses.pause(role, now + delay_before(self.made + 1, draw));
    }

    /// The socket that was had is lost again before it was of use: the caller's patience begins anew.
    fn lost_by(&mut self, role: Role, draw: f64, now: Instant) {
        self.since = None;
        self.failed_by(role, draw, now);
    }

    /// Whether no more are to be made.
    fn are_over(&self, patience: Duration, now: Instant) -> bool {
        self.made >= MAX_ATTEMPTS || self.since.is_some_and(|since| now >= since + patience)
    }
}

/// An attempt under way; dropping it ends it.
#[derive(Debug)]
pub(super) struct Opening(AbortHandle);

impl Drop for Opening {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The provider's word for refusing us for good, if that is what it says.
pub(super) fn doom(event: &ServerEvent) -> Option<&str> {
    let error = match event {
        ServerEvent::Error(error) => Some(error),
        ServerEvent::ResponseDone(response) => {
            response.status_details.error.as_ref().filter(|_| response.status.as_deref() == Some("failed"))
        }
        _ => None,
    };
    let words = error.map(|error| [error.code.as_deref(), error.kind.as_deref()]);
    words.into_iter().flatten().flatten().find(|word| is_fatal_word(word))
}

impl SessionState {
    /// Opens the next socket: there is none, or there will soon be none.
    pub(super) fn open_again(&mut self, myself: &ActorRef<SessionMessage>) {
        let ask = self.attempts.next(self.connections > 0, self.patience, Instant::now());
        self.open(myself, ask);
    }

    /// Opens the next socket while there is one.
    pub(super) fn open_beside(&mut self, myself: &ActorRef<SessionMessage>) {
        let ask = self.attempts.beside(self.patience, Instant::now());
        self.open(myself, ask);
    }

    fn open(&mut self, myself: &ActorRef<SessionMessage>, ask: Ask) {
        let generation = self.links.opening();
        let (provider, myself) = (self.provider.clone(), myself.clone());
        let attempt = tokio::spawn(async move {
            let opened = provider.connect(ask).await;
            let opened = opened.map(|(stream, lease)| Box::new(OpenSocket(stream, lease)));
            // A session that is gone needs no socket.
            let _ = myself.cast(SessionMessage::Own(Own { generation, what: Brought::Opened(opened) }));
        });
        self.links.keep_attempt(generation, Opening(attempt.abort_handle()));
    }

    pub(super) fn on_not_opened(
        &mut self,
        myself: &ActorRef<SessionMessage>,
        not_opened: NotOpened,
    ) -> Vec<Action> {
        match not_opened {
            NotOpened::Failed { role, failure } => {
                let (endpoint, fatal) = (role.as_str(), failure.failure == Failure::Refused);
                tracing::warn!(call_id = %self.call_id, attempt = self.attempts.made(), endpoint,
                    error = failure.why, fatal, "the model's socket could not be opened");
                self.attempts.failed_by(role, fastrand::f64(), Instant::now());
                self.on_next_lost(myself, failure.why, fatal)
            }
            NotOpened::Late { why } => self.on_next_lost(myself, why, false),
            NotOpened::Refused { code } => self.on_next_lost(myself, code, true),
        }
    }

    pub(super) fn try_again(&mut self, myself: &ActorRef<SessionMessage>, why: String, fatal: bool) {
        if fatal && self.provider.refusal().is_some() {
            self.give_up(SessionError::Refused { code: why });
        } else if !self.dialogue.is_unsettled() && self.lane.is_none() {
            // Nothing is owed: the next word opens another.
        } else if self.attempts.are_over(self.patience, Instant::now()) {
            self.give_up(SessionError::Unreachable { attempts: self.attempts.made(), last: why });
        } else {
            self.open_again(myself);
        }
    }

    /// The model that a socket leads to; without one, that which is meant to answer.
    pub(super) fn model_at(&self, place: Place) -> Arc<str> {
        self.links.model(place).unwrap_or_else(|| self.provider.model())
    }

    /// The provider refuses us for good on this socket; whether another endpoint may do better.
    pub(super) fn may_go_elsewhere(&mut self, place: Place, code: &str) -> bool {
        self.links.lease(place).into_iter().for_each(|lease| lease.failed(Failure::Refused, code));
        self.provider.refusal().is_none()
    }

    /// Not before it was of use: a socket that opens and falls again and again must not be tried for without a pause.
    pub(super) fn heed_success(&mut self, event: &ServerEvent) {
        if let ServerEvent::ResponseDone(response) = event
            && response.status.as_deref() != Some("failed")
        {
            self.attempts.forget();
            self.links.lease(Place::Current).into_iter().for_each(Lease::succeeded);
        }
    }

    /// The next socket knows who to be.
    pub(super) fn heed_configured(&mut self, event: &ServerEvent) {
        if matches!(event, ServerEvent::SessionUpdated(_)) {
            self.links.lease(Place::Next).into_iter().for_each(|lease| lease.configured());
        }
    }

    /// What the loss of a socket says of the endpoint it led to.
    pub(super) fn count_loss(&mut self, place: Place, reason: &str, fatal: bool) {
        let Some(lease) = self.links.lease(place) else { return };
        lease.failed(if fatal { Failure::Refused } else { Failure::Lost }, reason);
        if lease.age() >= LASTING {
            self.attempts.forget();
        } else if self.attempts.made() > 0 {
            self.attempts.lost_by(lease.role(), fastrand::f64(), Instant::now());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::openai::ApiError;

    const PATIENCE: Duration = Duration::from_secs(10);

    #[test]
    fn attempts_end_by_their_number_or_when_the_callers_patience_does() {
        let now = Instant::now();
        let mut attempts = Attempts::default();
        assert!(!attempts.next(false, PATIENCE, now).again);
        assert!(attempts.next(false, PATIENCE, now).again);
        assert!(!attempts.are_over(PATIENCE, now + Duration::from_secs(9)));
        assert!(attempts.are_over(PATIENCE, now + PATIENCE));
        assert_eq!(attempts.next(true, PATIENCE, now + Duration::from_secs(5)).deadline, now + PATIENCE);
        attempts.next(true, PATIENCE, now);
        attempts.next(true, PATIENCE, now);
        assert!(attempts.are_over(PATIENCE, now));
        attempts.forget();
        assert!(!attempts.are_over(PATIENCE, now + PATIENCE));
    }

    #[test]
    fn a_socket_that_was_had_and_lost_costs_an_attempt_but_no_patience() {
        let now = Instant::now();
        let mut attempts = Attempts::default();
        attempts.next(false, PATIENCE, now);
        let later = now + PATIENCE * 2;
        attempts.lost_by(Role::Primary, 1.0, later);
        assert!(!attempts.are_over(PATIENCE, later));
        let ask = attempts.next(true, PATIENCE, later);
        assert_eq!(ask.deadline, later + PATIENCE);
        let mut pauses = Pauses::default();
        pauses.pause(Role::Primary, later + Duration::from_millis(500));
        assert_eq!(ask.pauses, pauses);
    }

    #[test]
    fn only_a_word_that_ends_all_attempts_is_one() {
        let error =
            |code: &str| ServerEvent::Error(ApiError { code: Some(code.to_owned()), ..ApiError::default() });
        assert_eq!(doom(&error("insufficient_quota")), Some("insufficient_quota"));
        assert_eq!(doom(&error("server_error")), None);
        assert_eq!(doom(&ServerEvent::Unused), None);
    }
}
