//! The journal of one call: numbers its events, and holds back what shows them until they are safely written.
//! Pure; [`super::writer`] does the writing.

use std::collections::VecDeque;

use jiff::Timestamp;

use super::event::{CallEvent, Logged};
use crate::id::CallId;
use crate::store::EventRecord;

/// At most so many events wait to be written before the call takes no more requests.
pub const MAX_BACKLOG: usize = 2_048;

/// A journal; `E` is what waits for an event to be written.
#[derive(Debug)]
pub struct Journal<E> {
    call_id: CallId,
    last: u64,
    journaled: u64,
    unsent: VecDeque<EventRecord>,
    held: VecDeque<(u64, E)>,
}

impl<E> Journal<E> {
    /// A journal that goes on after `last` events.
    pub fn after(call_id: CallId, last: u64) -> Self {
        Self { call_id, last, journaled: last, unsent: VecDeque::new(), held: VecDeque::new() }
    }

    /// Numbers an event.
    pub fn record(&mut self, event: CallEvent, at: Timestamp) -> u64 {
        self.last += 1;
        let kind = event.kind().to_owned();
        let change = event.log_change();
        let logged = Logged { seq: self.last, at, call_id: self.call_id.clone(), event };
        // Our own closed types with string keys always serialise.
        let body = serde_json::to_string(&logged).unwrap_or_default();
        let call_id = self.call_id.clone();
        let record = EventRecord { call_id, seq: self.last, at, kind, body: body.into(), change: None };
        self.unsent.push_back(record.changing(change));
        self.last
    }

    /// Holds something back until everything recorded so far is written; gives it back when it is already.
    pub fn hold(&mut self, effect: E) -> Option<E> {
        if self.journaled == self.last {
            return Some(effect);
        }
        self.held.push_back((self.last, effect));
        None
    }

    /// Whether anything waits to be shown.
    pub fn holds_anything(&self) -> bool {
        !self.held.is_empty()
    }

    /// Gives back everything that waits, written or not: nobody shall wait any longer.
    pub fn give_up_held(&mut self) -> Vec<E> {
        self.held.drain(..).map(|(_, effect)| effect).collect()
    }

    /// Everything up to `through` is written: what waited for it.
    pub fn on_written(&mut self, through: u64) -> Vec<E> {
        self.journaled = self.journaled.max(through);
        let mut released = Vec::new();
        while self.held.front().is_some_and(|(seq, _)| *seq <= self.journaled) {
            released.extend(self.held.pop_front().map(|(_, effect)| effect));
        }
        released
    }

    /// The next event the writer has not been given.
    pub fn next_unsent(&mut self) -> Option<EventRecord> {
        self.unsent.pop_front()
    }

    /// The writer could not take it now.
    pub fn not_sent(&mut self, record: EventRecord) {
        self.unsent.push_front(record);
    }

    /// Whether too much waits to be written for anything more to be promised.
    pub fn is_stalled(&self) -> bool {
        self.last - self.journaled > MAX_BACKLOG as u64
    }

    /// The newest event that is written.
    pub fn journaled(&self) -> u64 {
        self.journaled
    }

    /// The newest event.
    pub fn last(&self) -> u64 {
        self.last
    }
}

/// A time as the journal keeps it, and as clients are shown it.
pub fn to_the_millisecond(time: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(time.as_millisecond()).unwrap_or(time)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn journal() -> Journal<u64> {
        Journal::after("t1".parse().unwrap(), 0)
    }

    fn turn(turn: u64) -> CallEvent {
        CallEvent::TurnStarted { turn }
    }

    #[test]
    fn an_event_is_one_object_with_its_number() {
        let mut journal = journal();
        journal.record(turn(1), Timestamp::UNIX_EPOCH);
        let record = journal.next_unsent().unwrap();
        assert_eq!(
            &*record.body,
            r#"{"seq":1,"at":"1970-01-01T00:00:00Z","call_id":"t1","type":"turn.started","turn":1}"#
        );
        let logged: Logged = serde_json::from_str(&record.body).unwrap();
        assert_eq!((logged.seq, logged.event), (1, turn(1)));
    }

    #[test]
    fn what_shows_an_event_waits_until_it_is_written() {
        let mut journal = journal();
        assert_eq!(journal.hold(0), Some(0), "nothing to wait for");
        journal.record(turn(1), Timestamp::UNIX_EPOCH);
        assert_eq!(journal.hold(1), None);
        journal.record(turn(2), Timestamp::UNIX_EPOCH);
        assert_eq!(journal.hold(2), None);
        assert_eq!(journal.on_written(1), [1]);
        assert_eq!(journal.on_written(2), [2]);
    }

    proptest! {
        #[test]
        fn effects_come_in_order_and_never_before_their_event(
            ops in proptest::collection::vec((0u8..3, 0u64..5), 0..100)
        ) {
            let mut journal = journal();
            let (mut effects, mut released) = (0u64, Vec::new());
            let mut due = Vec::new();
            for (op, n) in ops {
                match op {
                    0 => drop(journal.record(turn(n), Timestamp::UNIX_EPOCH)),
                    1 => {
                        due.push(journal.last());
                        released.extend(journal.hold(effects));
                        effects += 1;
                    }
                    _ => {
                        let through = (journal.journaled() + n).min(journal.last());
                        released.extend(journal.on_written(through));
                    }
                }
                for effect in &released {
                    prop_assert!(due[*effect as usize] <= journal.journaled());
                }
            }
            let last = journal.last();
            released.extend(journal.on_written(last));
            prop_assert_eq!(released, (0..effects).collect::<Vec<_>>());
        }
    }
}
