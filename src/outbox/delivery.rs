//! What is sent next, what becomes of it when it is not taken, and how long is waited. Pure.

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::time::Duration;

use crate::store::EventRecord;

/// The wait after a failure doubles from the first to the longest, and is drawn by lot between half of it and all of it.
/// It is tried for ever: the journal keeps what is not delivered.
const FIRST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// Events that are being delivered, in their order.
#[derive(Debug, Default)]
pub(super) struct Delivery {
    lots: VecDeque<Vec<EventRecord>>,
    failures: u32,
}

/// What came of an attempt to deliver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The events are there.
    Taken,
    /// None of them is: the database does not take the content of one.
    Unfit,
    /// It could not be done now, or the answer was lost.
    Later,
}

/// What is to be done with events that were to be delivered.
#[derive(Debug, PartialEq)]
pub(super) enum Verdict {
    /// They are done with, taken or refused: that is to be noted.
    Settled(Vec<EventRecord>),
    /// They are tried in two halves, to find the one that is not taken.
    Split,
    /// After this wait, what is not noted as delivered is to be read again.
    Wait(Duration),
}

impl Delivery {
    /// Takes up what was read; of each call, it begins where what is noted ends.
    pub(super) fn take_up(&mut self, events: Vec<EventRecord>) {
        self.lots.clear();
        if !events.is_empty() {
            self.lots.push_back(events);
        }
    }

    /// What is to be sent.
    pub(super) fn next(&self) -> Option<&[EventRecord]> {
        self.lots.front().map(Vec::as_slice)
    }

    /// What becomes of what was sent. `luck` is from 0 to 1.
    pub(super) fn on_outcome(&mut self, outcome: Outcome, luck: f64) -> Verdict {
        let Some(mut lot) = self.lots.pop_front() else {
            return Verdict::Settled(Vec::new());
        };
        match outcome {
            Outcome::Unfit if lot.len() > 1 => {
                let rest = lot.split_off(lot.len() / 2);
                self.lots.push_front(rest);
                self.lots.push_front(lot);
                Verdict::Split
            }
            Outcome::Taken | Outcome::Unfit => Verdict::Settled(lot),
            Outcome::Later => Verdict::Wait(self.on_failure(luck)),
        }
    }

    /// That events are settled is noted.
    pub(super) fn on_noted(&mut self) {
        self.failures = 0;
    }

    /// Something failed: how long to wait before what is not noted as delivered is read again.
    pub(super) fn on_failure(&mut self, luck: f64) -> Duration {
        self.lots.clear();
        let doubled = FIRST_WAIT.saturating_mul(1_u32.checked_shl(self.failures.min(31)).unwrap_or(u32::MAX));
        self.failures = self.failures.saturating_add(1);
        doubled.min(LONGEST_WAIT).mul_f64(0.5 + luck.clamp(0.0, 1.0) / 2.0)
    }
}
