//! One direction of a call's audio, with the time each part of it was heard.

use super::ulaw::{PER_MS, SILENCE, decode};

/// Audio kept of one direction of one call: an hour.
const MAX_KEPT: usize = 3_600_000 * PER_MS as usize;
/// A pause that ends an utterance, in samples: 400 ms.
const UTTERANCE_GAP: u64 = 400 * PER_MS;

/// Audio without its silences, in µ-law. Places are samples since the call was dialled.
#[derive(Debug, Clone, Default)]
pub(super) struct Track {
    parts: Vec<(u64, Vec<u8>)>,
    kept: usize,
}

impl Track {
    /// Adds audio that was heard at `at`. What comes after an hour of audio is not kept.
    pub(super) fn push(&mut self, at: u64, audio: &[u8]) {
        if audio.is_empty() || self.kept + audio.len() > MAX_KEPT {
            return;
        }
        self.kept += audio.len();
        match self.parts.last_mut() {
            Some((began, part)) if *began + part.len() as u64 == at => part.extend_from_slice(audio),
            _ => self.parts.push((at, audio.to_vec())),
        }
    }

    /// The audio from `floor` on, with silence where there was none, and where it begins.
    pub(super) fn since(&self, floor: u64) -> Heard {
        let mut heard = Heard { at_ms: floor / PER_MS, mulaw: Vec::new() };
        for (began, part) in &self.parts {
            let skipped = usize::try_from(floor.saturating_sub(*began)).unwrap_or(usize::MAX);
            let Some(rest) = part.get(skipped..).filter(|rest| !rest.is_empty()) else { continue };
            let place = usize::try_from(began.saturating_sub(floor)).unwrap_or(usize::MAX);
            heard.mulaw.resize(heard.mulaw.len().max(place), SILENCE);
            heard.mulaw.extend_from_slice(rest);
        }
        heard
    }

    /// What was said in one breath each: parts with less than 400 ms between them, from `floor` on.
    pub(super) fn utterances(&self, floor: u64) -> Vec<Utterance> {
        let mut found: Vec<Utterance> = Vec::new();
        for (began, part) in &self.parts {
            let skipped = usize::try_from(floor.saturating_sub(*began)).unwrap_or(usize::MAX);
            let Some(rest) = part.get(skipped..).filter(|rest| !rest.is_empty()) else { continue };
            let began = (*began).max(floor);
            match found.last_mut() {
                Some(last) if began < last.end() + UTTERANCE_GAP => {
                    let gap = usize::try_from(began - last.end()).unwrap_or_default();
                    last.mulaw.resize(last.mulaw.len() + gap, SILENCE);
                    last.mulaw.extend_from_slice(rest);
                }
                _ => found.push(Utterance { began, mulaw: rest.to_vec() }),
            }
        }
        found
    }
}

/// A stretch of audio without a long pause.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Utterance {
    pub(super) began: u64,
    pub(super) mulaw: Vec<u8>,
}

impl Utterance {
    fn end(&self) -> u64 {
        self.began + self.mulaw.len() as u64
    }
}

/// Audio as it was heard, silence included.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Heard {
    /// Call time of the first sample, in milliseconds since dialling.
    pub at_ms: u64,
    /// µ-law at 8,000 Hz.
    pub mulaw: Vec<u8>,
}

impl Heard {
    /// The audio as linear samples at 8,000 Hz.
    pub fn samples(&self) -> Vec<i16> {
        decode(&self.mulaw)
    }

    /// Its length, the silences counted.
    pub fn duration_ms(&self) -> u64 {
        self.mulaw.len() as u64 / PER_MS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn track(parts: &[(u64, &[u8])]) -> Track {
        let mut track = Track::default();
        for (at, audio) in parts {
            track.push(*at, audio);
        }
        track
    }

    #[test]
    fn silence_stands_where_nothing_was_played() {
        let heard = track(&[(2, &[1, 2]), (4, &[3]), (7, &[4])]).since(0);
        assert_eq!(heard.mulaw, [SILENCE, SILENCE, 1, 2, 3, SILENCE, SILENCE, 4]);
    }

    #[test]
    fn listening_may_begin_in_the_middle() {
        let track = track(&[(8, &[1, 2, 3]), (16, &[4])]);
        assert_eq!(track.since(10), Heard { at_ms: 1, mulaw: vec![3, 255, 255, 255, 255, 255, 4] });
        assert_eq!(track.utterances(16), [Utterance { began: 16, mulaw: vec![4] }]);
        assert_eq!(track.since(17).mulaw, [0; 0]);
    }

    #[test]
    fn a_long_pause_parts_utterances_and_a_short_one_does_not() {
        let track = track(&[(0, &[1]), (3, &[2]), (3_204, &[3])]);
        let found = track.utterances(0);
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].mulaw, [1, SILENCE, SILENCE, 2]);
        assert_eq!(found[1].began, 3_204);
    }

    #[test]
    fn an_hour_is_kept() {
        let mut track = track(&[(0, &vec![1; MAX_KEPT])]);
        track.push(MAX_KEPT as u64, &[2]);
        assert_eq!(track.since(0).duration_ms(), 3_600_000);
    }
}
