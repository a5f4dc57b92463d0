//! When the persona speaks, and when it has fallen silent, judged by what the caller hears.

use super::ulaw::{PER_MS, is_audible};

/// Silence after which the persona is taken to have ended: 500 ms.
const HANGOVER: u64 = 500 * PER_MS;

/// The caller's ear. Pure; places are samples since the call was dialled.
#[derive(Debug, Default)]
pub(super) struct Ear {
    speaks_since: Option<u64>,
    last_audible: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Voice {
    Began,
    Ended { spoke_ms: u64 },
}

impl Ear {
    /// Takes in what was played at `at`.
    pub(super) fn on_played(&mut self, at: u64, audio: &[u8]) -> Option<Voice> {
        let last = audio.iter().rposition(|byte| is_audible(*byte))?;
        let first = audio.iter().position(|byte| is_audible(*byte)).unwrap_or(last);
        self.last_audible = Some(at + last as u64);
        if self.speaks_since.is_some() {
            return None;
        }
        self.speaks_since = Some(at + first as u64);
        Some(Voice::Began)
    }

    /// Says when the persona has fallen silent.
    pub(super) fn on_time(&mut self, now: u64) -> Option<Voice> {
        let (since, last) = (self.speaks_since?, self.last_audible?);
        if now < last + HANGOVER {
            return None;
        }
        self.speaks_since = None;
        Some(Voice::Ended { spoke_ms: (last + 1 - since) / PER_MS })
    }

    /// The last sample that was heard.
    pub(super) fn last_audible(&self) -> Option<u64> {
        self.last_audible
    }
}

#[cfg(test)]
mod tests {
    use super::super::ulaw::SILENCE;
    use super::*;

    #[test]
    fn silence_that_is_played_is_no_speech() {
        let mut ear = Ear::default();
        assert_eq!(ear.on_played(0, &[SILENCE; 160]), None);
        assert_eq!(ear.on_time(100_000), None);
    }

    #[test]
    fn a_short_pause_does_not_end_what_the_persona_says() {
        let mut ear = Ear::default();
        assert_eq!(ear.on_played(800, &[0; 800]), Some(Voice::Began));
        assert_eq!(ear.on_time(1_600 + HANGOVER - 2), None);
        assert_eq!(ear.on_played(4_000, &[0; 800]), None);
        assert_eq!(ear.on_time(4_800 + HANGOVER), Some(Voice::Ended { spoke_ms: 500 }));
        assert_eq!(ear.on_time(4_800 + HANGOVER), None);
        assert_eq!(ear.last_audible(), Some(4_799));
    }
}
