//! Who took up a call we placed, told before the call itself has asked what to do. Pure.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use crate::call::AnsweredBy;
use crate::id::CallId;

/// A call that has not asked by then never will.
const KEEP: Duration = Duration::from_secs(60);

/// What was told of calls that are not there yet.
#[derive(Debug)]
pub(super) struct Detections {
    /// Oldest first.
    early: VecDeque<(CallId, Instant, AnsweredBy)>,
    most: usize,
}

impl Detections {
    /// Remembers at most `most`; the oldest are forgotten first.
    pub(super) fn new(most: usize) -> Self {
        Self { early: VecDeque::new(), most: most.max(1) }
    }

    /// A call that is not there was taken up.
    pub(super) fn remember(&mut self, call: CallId, who: AnsweredBy, now: Instant) {
        while self.early.len() >= self.most
            || self.early.front().is_some_and(|(_, at, _)| now.duration_since(*at) >= KEEP)
        {
            self.early.pop_front();
        }
        self.early.push_back((call, now, who));
    }

    /// Who took up this call, once.
    pub(super) fn take(&mut self, call: &CallId, now: Instant) -> Option<AnsweredBy> {
        let at = self.early.iter().position(|(early, _, _)| early == call)?;
        let (_, told, who) = self.early.remove(at)?;
        (now.duration_since(told) < KEEP).then_some(who)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_told_too_early_is_found_once_and_for_a_minute() {
        let (mut detections, now) = (Detections::new(2), Instant::now());
        let call = |number: u8| format!("CA{number}").parse::<CallId>().unwrap();
        detections.remember(call(1), AnsweredBy::Machine, now);
        assert_eq!(detections.take(&call(2), now), None);
        assert_eq!(detections.take(&call(1), now), Some(AnsweredBy::Machine));
        assert_eq!(detections.take(&call(1), now), None);
        detections.remember(call(1), AnsweredBy::Fax, now);
        assert_eq!(detections.take(&call(1), now + KEEP), None);
        (1..=3).for_each(|number| detections.remember(call(number), AnsweredBy::Human, now));
        assert_eq!(detections.take(&call(1), now), None, "the oldest made room");
        assert!(detections.take(&call(3), now).is_some());
    }
}
