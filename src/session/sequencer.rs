//! One active response: every `response.create` goes through here. Pure.
//!
//! A create counts as active from the moment it is sent. The server may begin responses of its own (voice
//! activity), so "already active" is normal operation and not an error.

use std::collections::VecDeque;

use crate::id::ResponseId;

/// What the sequencer wants sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// `response.create`, marked with this token.
    Create {
        /// Also the `event_id`.
        token: String,
    },
    /// `response.cancel` of this response, or of whichever is active.
    Cancel {
        /// Which.
        response_id: Option<ResponseId>,
    },
}

/// What became of a refused create.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// Another response is active: ours is asked for again when that one ends.
    Waits,
    /// It will not be: the reason is for the caller.
    Lost,
    /// It was no create of ours that still matters.
    Unrelated,
}

/// A create that was sent and not yet answered.
#[derive(Debug, PartialEq, Eq)]
struct Request {
    token: String,
    /// Nobody wants it any more: it is cancelled by name once it begins.
    cancelled: bool,
}

/// The response under way, as far as we know it.
#[derive(Debug, PartialEq, Eq)]
struct Active {
    /// Unknown when all we were told is that there is one.
    id: Option<ResponseId>,
    cancelling: bool,
    /// The server stops it by itself.
    stopping: bool,
}

/// How many timed-out creates and dropped responses are remembered: late events of older ones are harmless.
const REMEMBERED: usize = 16;

/// Decides when a response may be asked for.
#[derive(Debug, Default)]
pub struct Sequencer {
    wanted: bool,
    requested: Option<Request>,
    active: Option<Active>,
    tokens: u64,
    overdue: VecDeque<String>,
    dropped: VecDeque<ResponseId>,
}

impl Sequencer {
    /// Nothing is active, asked for, or wanted.
    pub fn is_quiet(&self) -> bool {
        self.is_free() && !self.wanted
    }

    /// Nothing is active or asked for.
    pub fn is_free(&self) -> bool {
        self.active.is_none() && self.requested.is_none()
    }

    /// A response is wanted; several wishes are one.
    pub fn want(&mut self) {
        self.wanted = true;
    }

    /// Asks for the wanted response, if it may be asked for now.
    pub fn release(&mut self) -> Option<Step> {
        if !self.wanted || !self.is_free() {
            return None;
        }
        self.wanted = false;
        self.tokens += 1;
        let token = format!("rc_{}", self.tokens);
        self.requested = Some(Request { token: token.clone(), cancelled: false });
        Some(Step::Create { token })
    }

    /// The server stops what is active, since the caller speaks: it needs not be told to, and would refuse to hear it
    /// when it has done so.
    pub fn on_stopped_by_server(&mut self) {
        if let Some(active) = &mut self.active {
            active.stopping = true;
        }
    }

    /// Stops what is active and forgets what is wanted. What the stopped response still says is dropped. One that the
    /// server stops by itself is cancelled only when this is asked for again before it has ended.
    pub fn cancel(&mut self) -> Option<Step> {
        self.wanted = false;
        if let Some(request) = &mut self.requested {
            request.cancelled = true;
        }
        let active = self.active.as_mut().filter(|active| !active.cancelling || active.stopping)?;
        let is_stopped_for_us = active.stopping && !active.cancelling;
        active.stopping = is_stopped_for_us;
        active.cancelling = true;
        let response_id = active.id.clone();
        self.drop_response(response_id.clone());
        (!is_stopped_for_us).then_some(Step::Cancel { response_id })
    }

    /// `response.created`. One that nobody waits for any more is cancelled.
    pub fn on_created(&mut self, id: Option<ResponseId>, token: Option<&str>) -> Option<Step> {
        let unwanted = match self.requested.take_if(|request| token == Some(request.token.as_str())) {
            Some(request) => request.cancelled,
            // Not the one we wait for: too late, or the server's own. Ours, if it is on its way, stays so.
            None => token.is_some_and(|token| forget(&mut self.overdue, token)),
        };
        self.active = Some(Active { id: id.clone(), cancelling: unwanted, stopping: false });
        if !unwanted {
            return None;
        }
        self.drop_response(id.clone());
        Some(Step::Cancel { response_id: id })
    }

    /// `response.done`. Answers whether the response was one we listened to.
    pub fn on_done(&mut self, id: Option<&ResponseId>, token: Option<&str>) -> bool {
        let is_active = |active: &mut Active| active.id.is_none() || id.is_none() || active.id.as_ref() == id;
        if self.active.take_if(is_active).is_none() {
            // A `done` without its `created`: seen on the wire.
            self.requested.take_if(|request| token == Some(request.token.as_str()));
        }
        !id.is_some_and(|id| self.is_dropped(id))
    }

    /// Our create was refused; an error that names no event is about the one in flight.
    pub fn on_refused(&mut self, event_id: Option<&str>, already_active: bool) -> Refused {
        let ours = |request: &mut Request| event_id.is_none_or(|id| id == request.token);
        let Some(request) = self.requested.take_if(ours) else {
            event_id.map(|id| forget(&mut self.overdue, id));
            return Refused::Unrelated;
        };
        if already_active {
            self.active.get_or_insert(Active { id: None, cancelling: false, stopping: false });
        }
        match (request.cancelled, already_active) {
            (true, _) => Refused::Unrelated,
            (false, true) => {
                self.wanted = true;
                Refused::Waits
            }
            (false, false) => Refused::Lost,
        }
    }

    /// The server knows of no active response: what we were cancelling is over.
    pub fn on_nothing_to_cancel(&mut self) {
        self.active.take_if(|active| active.cancelling);
    }

    /// No `response.created` came for this token in time. Answers whether it was still wanted.
    pub fn on_overdue(&mut self, token: &str) -> bool {
        let Some(request) = self.requested.take_if(|request| request.token == token) else {
            return false;
        };
        remember(&mut self.overdue, request.token);
        !request.cancelled
    }

    /// The socket is gone, and with it every response. Answers whether one was active, asked for or wanted.
    pub fn on_socket_lost(&mut self) -> bool {
        let requested = self.requested.take().is_some_and(|request| !request.cancelled);
        let active = self.active.take().is_some_and(|active| !active.cancelling);
        self.overdue.clear();
        self.dropped.clear();
        std::mem::take(&mut self.wanted) || requested || active
    }

    /// Whether a response was cancelled, and has not ended.
    pub fn is_stopping(&self) -> bool {
        self.active.as_ref().is_some_and(|active| active.cancelling)
    }

    /// Whether a response is under way and nothing else is asked for or wanted.
    pub fn is_only_answering(&self) -> bool {
        self.active.as_ref().is_some_and(|active| !active.cancelling)
            && self.requested.is_none()
            && !self.wanted
    }

    /// Whether what this response says is to be passed over.
    pub fn is_dropped(&self, id: &ResponseId) -> bool {
        self.dropped.contains(id)
    }

    fn drop_response(&mut self, id: Option<ResponseId>) {
        if let Some(id) = id {
            remember(&mut self.dropped, id);
        }
    }
}

fn forget(list: &mut VecDeque<String>, one: &str) -> bool {
    let at = list.iter().position(|old| old == one);
    at.and_then(|at| list.remove(at)).is_some()
}

fn remember<T>(list: &mut VecDeque<T>, one: T) {
    if list.len() == REMEMBERED {
        list.pop_front();
    }
    list.push_back(one);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn create(n: u64) -> Option<Step> {
        Some(Step::Create { token: format!("rc_{n}") })
    }

    #[test]
    fn a_second_wish_waits_for_the_first_response_to_end() {
        let mut sequencer = Sequencer::default();
        sequencer.want();
        assert_eq!(sequencer.release(), create(1));
        sequencer.want();
        assert_eq!(sequencer.release(), None);
        sequencer.on_created(Some("r1".into()), Some("rc_1"));
        assert_eq!(sequencer.release(), None);
        assert!(sequencer.on_done(Some(&"r1".into()), None));
        assert_eq!(sequencer.release(), create(2));
    }

    #[test]
    fn already_active_is_normal_operation() {
        let mut sequencer = Sequencer::default();
        sequencer.want();
        sequencer.release();
        assert_eq!(sequencer.on_refused(Some("rc_1"), true), Refused::Waits);
        assert_eq!(sequencer.release(), None);
        assert!(sequencer.on_done(Some(&"theirs".into()), None));
        assert_eq!(sequencer.release(), create(2));
    }

    #[test]
    fn a_response_of_the_servers_own_that_wins_the_race_comes_first() {
        let mut sequencer = Sequencer::default();
        sequencer.want();
        sequencer.release();
        sequencer.on_created(Some("vad".into()), None);
        assert_eq!(sequencer.on_refused(Some("rc_1"), true), Refused::Waits);
        sequencer.on_done(Some(&"vad".into()), None);
        assert_eq!(sequencer.release(), create(2));
    }

    #[test]
    fn a_response_that_comes_after_its_deadline_is_cancelled_and_not_heard() {
        let mut sequencer = Sequencer::default();
        sequencer.want();
        sequencer.release();
        assert!(sequencer.on_overdue("rc_1") && sequencer.is_free());
        let late: ResponseId = "late".into();
        let cancel = sequencer.on_created(Some(late.clone()), Some("rc_1"));
        assert_eq!(cancel, Some(Step::Cancel { response_id: Some(late.clone()) }));
        assert!(sequencer.is_dropped(&late));
        assert!(!sequencer.on_done(Some(&late), Some("rc_1")) && sequencer.is_quiet());
    }

    #[test]
    fn a_create_that_is_cancelled_in_flight_is_cancelled_by_name_when_it_begins() {
        let mut sequencer = Sequencer::default();
        sequencer.want();
        sequencer.release();
        assert_eq!(sequencer.cancel(), None);
        sequencer.want();
        assert_eq!(sequencer.release(), None, "the first may still begin");
        let cancel = Step::Cancel { response_id: Some("r1".into()) };
        assert_eq!(sequencer.on_created(Some("r1".into()), Some("rc_1")), Some(cancel));
        assert!(!sequencer.on_done(Some(&"r1".into()), None));
        assert_eq!(sequencer.release(), create(2));
    }

    #[test]
    fn a_response_that_is_only_seen_to_end_has_ended() {
        let mut sequencer = Sequencer::default();
        sequencer.want();
        sequencer.release();
        assert!(sequencer.on_done(Some(&"r1".into()), Some("rc_1")) && sequencer.is_quiet());
    }

    #[test]
    fn nothing_to_cancel_means_it_is_over() {
        let mut sequencer = Sequencer::default();
        sequencer.want();
        sequencer.release();
        sequencer.on_created(Some("r1".into()), Some("rc_1"));
        assert_eq!(sequencer.cancel(), Some(Step::Cancel { response_id: Some("r1".into()) }));
        assert_eq!(sequencer.cancel(), None);
        sequencer.on_nothing_to_cancel();
        assert!(sequencer.is_quiet());
    }

    #[test]
    fn what_the_server_stops_by_itself_is_cancelled_only_when_it_does_not_end() {
        let mut sequencer = Sequencer::default();
        sequencer.want();
        sequencer.release();
        let id: ResponseId = "r1".into();
        sequencer.on_created(Some(id.clone()), Some("rc_1"));
        sequencer.on_stopped_by_server();
        assert_eq!(sequencer.cancel(), None);
        assert!(sequencer.is_dropped(&id), "what it still says is passed over");
        sequencer.want();
        assert_eq!(sequencer.release(), None, "it has not ended");
        assert_eq!(sequencer.cancel(), Some(Step::Cancel { response_id: Some(id.clone()) }));
        assert_eq!(sequencer.cancel(), None);
        sequencer.want();
        sequencer.on_done(Some(&id), Some("rc_1"));
        assert_eq!(sequencer.release(), create(2));
    }

    #[test]
    fn a_lost_socket_says_whether_an_answer_is_owed() {
        let mut sequencer = Sequencer::default();
        assert!(!sequencer.on_socket_lost());
        sequencer.want();
        assert!(sequencer.on_socket_lost() && sequencer.is_quiet());
        sequencer.want();
        sequencer.release();
        assert!(sequencer.on_socket_lost() && sequencer.is_quiet());
    }
}
