//! Who has the floor: one turn or one swap at a time, all others in the order they came. Pure.

use std::collections::VecDeque;

use crate::id::{ItemId, PersonaKey};

/// At most so many requests wait; the next is refused.
pub const MAX_WAITING: usize = 16;

/// Something that needs the floor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// The caller said something: a turn.
    Say {
        /// The line's number for it.
        saying: u64,
        /// What.
        text: String,
    },
    /// The caller said something aloud, which stands in the conversation already: a turn.
    Hear {
        /// As this item.
        item_id: ItemId,
    },
    /// A client wants an answer to what stands in the conversation: a turn.
    Respond {
        /// Aloud, or in writing; as the session when absent.
        is_spoken: Option<bool>,
        /// What it wants repeated with the response.
        metadata: Vec<(String, String)>,
    },
    /// The service wants the persona to act on something: a turn.
    Prompt {
        /// What the persona is told.
        note: String,
    },
    /// An answer is owed whose session failed: a turn.
    Answer,
    /// A persona shall be put in force between two turns.
    Swap {
        /// Who asked, in the call's numbering.
        swap: u64,
        /// Which persona.
        persona: PersonaKey,
    },
}

/// Who has the floor, and who waits for it.
#[derive(Debug, Default)]
pub struct Floor {
    open: bool,
    busy: bool,
    waiting: VecDeque<Request>,
}

/// No more requests can wait.
#[derive(Debug, PartialEq, Eq)]
pub struct FloorFull(pub Request);

impl Floor {
    /// Takes a request: it has the floor at once (`Some`), or waits.
    ///
    /// # Errors
    /// [`FloorFull`], with the request, when [`MAX_WAITING`] wait already.
    pub fn ask(&mut self, request: Request) -> Result<Option<Request>, FloorFull> {
        if self.open && !self.busy {
            self.busy = true;
            return Ok(Some(request));
        }
        if self.waiting.len() >= MAX_WAITING {
            return Err(FloorFull(request));
        }
        self.waiting.push_back(request);
        Ok(None)
    }

    /// The call is ready: requests may have the floor.
    pub fn open(&mut self) {
        self.open = true;
    }

    /// The call cannot go on for now: requests wait until it is opened again.
    pub fn close(&mut self) {
        self.open = false;
    }

    /// Whoever had the floor is done.
    pub fn free(&mut self) {
        self.busy = false;
    }

    /// Takes the floor, if nobody has it, before all who wait for it.
    pub fn claim(&mut self) -> bool {
        let free = self.open && !self.busy;
        self.busy |= free;
        free
    }

    /// Nobody has the floor and nobody waits for it.
    pub fn is_quiet(&self) -> bool {
        !self.busy && self.waiting.is_empty()
    }

    /// Whoever asks next has the floor.
    pub fn is_free(&self) -> bool {
        self.open && self.is_quiet()
    }

    /// Whether requests may begin.
    pub fn is_open(&self) -> bool {
        self.open
    }

    /// How many wait.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Everyone who waits is sent away.
    pub fn clear(&mut self) -> Vec<Request> {
        self.waiting.drain(..).collect()
    }

    /// The first request that waits has the floor, if nobody else has.
    pub fn admit(&mut self) -> Option<Request> {
        if !self.open || self.busy {
            return None;
        }
        let request = self.waiting.pop_front()?;
        self.busy = true;
        Some(request)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn say(saying: u64) -> Request {
        Request::Say { saying, text: "words".into() }
    }

    #[test]
    fn requests_wait_until_the_call_is_ready_and_then_come_in_order() {
        let mut floor = Floor::default();
        assert_eq!(floor.ask(say(1)), Ok(None));
        assert_eq!(floor.ask(say(2)), Ok(None));
        floor.open();
        assert_eq!(floor.admit(), Some(say(1)));
        assert_eq!(floor.ask(say(3)), Ok(None));
        assert_eq!(floor.admit(), None, "it is not free");
        for n in [2, 3] {
            floor.free();
            assert_eq!(floor.admit(), Some(say(n)));
        }
        floor.free();
        assert_eq!(floor.admit(), None);
        assert!(floor.is_free());
        assert_eq!(floor.ask(say(4)), Ok(Some(say(4))));
    }

    #[test]
    fn the_seventeenth_that_waits_is_refused() {
        let mut floor = Floor::default();
        floor.open();
        assert_eq!(floor.ask(say(0)), Ok(Some(say(0))));
        for n in 1..=16 {
            assert_eq!(floor.ask(say(n)), Ok(None));
        }
        assert_eq!(floor.ask(say(17)), Err(FloorFull(say(17))));
    }

    #[test]
    fn who_claims_the_floor_comes_before_all_who_wait() {
        let mut floor = Floor::default();
        assert!(!floor.claim(), "it is not open");
        floor.open();
        assert!(floor.claim() && !floor.claim());
        assert_eq!(floor.ask(say(1)), Ok(None));
        floor.free();
        assert!(floor.claim());
        floor.free();
        assert_eq!(floor.admit(), Some(say(1)));
    }

    proptest! {
        #[test]
        fn every_request_has_the_floor_once_alone_and_in_order(ops in proptest::collection::vec(0u8..4, 0..80)) {
            let mut floor = Floor::default();
            let (mut asked, mut expected, mut had, mut holds) = (0, Vec::new(), Vec::new(), false);
            for op in ops {
                let begins = match op {
                    0 | 1 => {
                        asked += 1;
                        match floor.ask(say(asked)) {
                            Ok(begins) => { expected.push(say(asked)); begins }
                            Err(FloorFull(_)) => { prop_assert_eq!(floor.waiting(), MAX_WAITING); None }
                        }
                    }
                    2 => {
                        holds = false;
                        floor.free();
                        floor.admit()
                    }
                    _ => {
                        floor.open();
                        floor.admit()
                    }
                };
                if let Some(request) = begins {
                    prop_assert!(!holds, "two at once");
                    holds = true;
                    had.push(request);
                }
            }
            prop_assert_eq!(&had[..], &expected[..had.len()]);
        }
    }
}
