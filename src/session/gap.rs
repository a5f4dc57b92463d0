//! The time between a lost socket and the next one, as the caller hears it. Pure.
//!
//! A caller who waits in it for an answer hears a short tone, once, when it has lasted too long. It is no voice on
//! purpose: the persona's is the model's, which is not there, and any other would be somebody else. A tone promises
//! nothing and says what there is to say: the line is alive.

use std::time::Duration;

/// A gap in which the caller does not wait in silence is looked at so often.
pub(super) const LOOK_AGAIN: Duration = Duration::from_millis(300);
/// The caller speaks if of so much of their newest audio …
pub(super) const LOOK_BACK: Duration = Duration::from_millis(500);
/// … so much is loud enough to be words.
pub(super) const WORDS: Duration = Duration::from_millis(100);
/// How the journal writes the tone.
pub(super) const TOLD: &str = "(a short tone)";

/// What the caller hears meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heard {
    /// They wait for something: an answer is owed, or what they said went nowhere.
    pub waits: bool,
    /// Neither they nor the persona can be heard.
    pub silence: bool,
}

/// What is to be done now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Nothing, and no more of this gap.
    Nothing,
    /// Look again a little later.
    LookAgain,
    /// Let them hear that the line is alive.
    Fill,
}

/// The gap there is, if there is one.
#[derive(Debug, Default)]
pub struct Gap {
    /// Numbers gaps: a late look is about an older one.
    number: u64,
    is_open: bool,
}

impl Gap {
    /// There is no model any more: the gap's number, unless there was none before.
    pub fn open(&mut self) -> Option<u64> {
        if std::mem::replace(&mut self.is_open, true) {
            return None;
        }
        self.number += 1;
        Some(self.number)
    }

    /// There is a model again, or will be none.
    pub fn close(&mut self) {
        self.is_open = false;
    }

    /// The gap of this number has lasted long.
    pub fn look(&mut self, number: u64, heard: Heard) -> Step {
        if !self.is_open || self.number != number {
            return Step::Nothing;
        }
        if heard.waits && heard.silence { Step::Fill } else { Step::LookAgain }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAITS: Heard = Heard { waits: true, silence: true };

    #[test]
    fn a_caller_who_waits_in_silence_hears_something() {
        let mut gap = Gap::default();
        let number = gap.open().unwrap();
        assert_eq!(gap.look(number, Heard { silence: false, ..WAITS }), Step::LookAgain);
        assert_eq!(gap.look(number, Heard { waits: false, ..WAITS }), Step::LookAgain);
        assert_eq!(gap.look(number, WAITS), Step::Fill);
    }

    #[test]
    fn a_gap_that_is_over_or_of_earlier_needs_nothing() {
        let mut gap = Gap::default();
        let first = gap.open().unwrap();
        assert_eq!(gap.open(), None, "it is the same gap however many sockets fail in it");
        gap.close();
        assert_eq!(gap.look(first, WAITS), Step::Nothing);
        let second = gap.open().unwrap();
        assert_eq!(gap.look(first, WAITS), Step::Nothing);
        assert_eq!(gap.look(second, WAITS), Step::Fill);
    }
}
