//! Calls we placed that nobody has answered yet: what they were placed for. Pure.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use crate::id::PersonaKey;

/// How long it is remembered: the longest a call rings, and waits to be placed before that.
const KEEP: Duration = Duration::from_secs(3_600);

/// What a call was placed for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Purpose {
    /// Who shall speak.
    pub(super) persona: Option<PersonaKey>,
    /// For whom.
    pub(super) business_id: Option<String>,
}

/// What calls were placed for, by a word that stands in the URL they ask at.
#[derive(Debug)]
pub(super) struct Placed {
    /// Oldest first.
    waiting: VecDeque<(String, Instant, Purpose)>,
    most: usize,
}

impl Placed {
    /// Remembers at most `most`; the oldest are forgotten first.
    pub(super) fn new(most: usize) -> Self {
        Self { waiting: VecDeque::new(), most: most.max(1) }
    }

    pub(super) fn remember(&mut self, word: String, purpose: Purpose, now: Instant) {
        while self.waiting.len() >= self.most
            || self.waiting.front().is_some_and(|(_, at, _)| now.duration_since(*at) >= KEEP)
        {
            self.waiting.pop_front();
        }
        self.waiting.push_back((word, now, purpose));
    }

    /// What the call was placed for. Stays known: a webhook may come twice.
    pub(super) fn find(&self, word: &str, now: Instant) -> Option<Purpose> {
        let fresh = |at: &Instant| now.duration_since(*at) < KEEP;
        let found = self.waiting.iter().find(|(known, at, _)| known == word && fresh(at));
        found.map(|(_, _, purpose)| purpose.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_purpose_is_found_again_and_again_for_an_hour() {
        let (mut placed, now) = (Placed::new(8), Instant::now());
        let purpose = Purpose { persona: Some("cfo".into()), business_id: None };
        placed.remember("x".into(), purpose.clone(), now);
        for _ in 0..2 {
            assert_eq!(placed.find("x", now + KEEP / 2), Some(purpose.clone()));
        }
        assert_eq!((placed.find("y", now), placed.find("x", now + KEEP)), (None, None));
    }

    #[test]
    fn the_oldest_makes_room() {
        let (mut placed, now) = (Placed::new(2), Instant::now());
        for word in ["a", "b", "c"] {
            placed.remember(word.into(), Purpose::default(), now);
        }
        assert_eq!((placed.find("a", now), placed.find("c", now)), (None, Some(Purpose::default())));
        placed.remember("d".into(), Purpose::default(), now + KEEP);
        assert_eq!(placed.waiting.len(), 1);
    }
}
