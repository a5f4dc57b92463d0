//! A guard against loops: a call whose stream ends as soon as it begins would come back for ever. Pure.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use crate::id::CallId;

/// A call may come back so often …
const MOST: usize = 3;
/// … within so long.
const WITHIN: Duration = Duration::from_secs(60);

/// Which calls came back, and when.
#[derive(Debug)]
pub(super) struct Resumes {
    /// Oldest first.
    recent: VecDeque<(Instant, CallId)>,
    most: usize,
}

impl Resumes {
    /// Remembers at most `most` of them; the oldest are forgotten first.
    pub(super) fn new(most: usize) -> Self {
        Self { recent: VecDeque::new(), most: most.max(1) }
    }

    /// Whether this call may be streamed again now. Counts as once when it may.
    pub(super) fn admit(&mut self, call: &CallId, now: Instant) -> bool {
        while self.recent.front().is_some_and(|(at, _)| now.duration_since(*at) >= WITHIN) {
            self.recent.pop_front();
        }
        if self.recent.iter().filter(|(_, other)| other == call).count() >= MOST {
            return false;
        }
        if self.recent.len() >= self.most {
            self.recent.pop_front();
        }
        self.recent.push_back((now, call.clone()));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_may_come_back_three_times_a_minute() {
        let (mut resumes, now) = (Resumes::new(100), Instant::now());
        let (call, other) = ("CA1".parse().unwrap(), "CA2".parse().unwrap());
        let after = |seconds| now + Duration::from_secs(seconds);
        assert!((0..3).all(|second| resumes.admit(&call, after(second))));
        assert!(!resumes.admit(&call, after(59)) && resumes.admit(&other, after(59)));
        assert!(resumes.admit(&call, after(60)), "the first is a minute ago");
        assert!(!resumes.admit(&call, after(60)));
    }

    #[test]
    fn few_are_remembered() {
        let (mut resumes, now) = (Resumes::new(2), Instant::now());
        for call in 0..100 {
            assert!(resumes.admit(&format!("CA{call}").parse().unwrap(), now));
        }
        assert_eq!(resumes.recent.len(), 2);
    }
}
