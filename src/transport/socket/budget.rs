//! How much of which may come on one connection.

use tokio::time::Instant;

use super::allowance::Allowance;

/// Audio may come so much faster than it is spoken, and half a minute of it at once.
const TIMES_REAL_TIME: u64 = 4;
const AUDIO_AT_ONCE_MS: u64 = 30_000;
/// Messages of all kinds.
const FRAMES_A_SECOND: u64 = 400;
const FRAMES_AT_ONCE: u64 = 4_000;
/// What cannot be used.
const BAD_A_SECOND: u64 = 1;
const BAD_AT_ONCE: u64 = 50;

/// What is left of it.
#[derive(Debug)]
pub(in crate::transport) struct Budget {
    opened: Instant,
    audio: Allowance,
    frames: Allowance,
    wishes: Allowance,
    bad: Allowance,
}

impl Budget {
    /// Everything but audio that is answered by doing something may come so often at once, and a second.
    pub(in crate::transport) fn new(wishes_at_once: u64, wishes_a_second: u64) -> Self {
        Self {
            opened: Instant::now(),
            audio: Allowance::new(AUDIO_AT_ONCE_MS, TIMES_REAL_TIME * 1_000),
            frames: Allowance::new(FRAMES_AT_ONCE, FRAMES_A_SECOND),
            wishes: Allowance::new(wishes_at_once, wishes_a_second),
            bad: Allowance::new(BAD_AT_ONCE, BAD_A_SECOND),
        }
    }

    /// Whether another message may come.
    pub(in crate::transport) fn frame(&mut self) -> bool {
        self.frames.take(1, now_ms(self.opened))
    }

    /// Whether so much audio may come.
    pub(in crate::transport) fn audio(&mut self, ms: u64) -> bool {
        self.audio.take(ms.max(1), now_ms(self.opened))
    }

    /// Whether something else may be wished for.
    pub(in crate::transport) fn wish(&mut self) -> bool {
        self.wishes.take(1, now_ms(self.opened))
    }

    /// Whether something else that cannot be used may come.
    pub(in crate::transport) fn bad(&mut self) -> bool {
        self.bad.take(1, now_ms(self.opened))
    }
}

pub(super) fn now_ms(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}
