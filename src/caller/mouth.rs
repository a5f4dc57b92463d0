//! What the caller says: audio that leaves in frames of 20 ms, silence when there is none.

use std::collections::VecDeque;

use super::ulaw::{PER_MS, SILENCE};

/// Bytes of one frame: 20 ms.
pub(super) const FRAME: usize = 160;
/// Speech that may wait to be said: ten minutes.
const MAX_WAITING: usize = 600_000 * PER_MS as usize;

/// The caller's mouth. Pure: asked for a frame every 20 ms.
#[derive(Debug, Default)]
pub(super) struct Mouth {
    waiting: VecDeque<u8>,
    /// Frames to be lost on the way, as an unreliable network would.
    lose: u64,
    /// Samples said since the caller began to speak; `None` while he is silent.
    speaking: Option<u64>,
}

/// One frame, and what it begins or ends.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Breath {
    pub(super) audio: [u8; FRAME],
    /// Whether the frame is to be counted, but not sent.
    pub(super) lost: bool,
    pub(super) turn: Option<Turn>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    Began,
    /// The caller has said all; the frame is silence.
    Ended {
        spoke_ms: u64,
    },
}

impl Mouth {
    /// Queues speech. What comes after ten minutes that wait is not said.
    pub(super) fn say(&mut self, mulaw: &[u8]) {
        if self.waiting.len() + mulaw.len() <= MAX_WAITING {
            self.waiting.extend(mulaw);
        }
    }

    pub(super) fn lose(&mut self, frames: u64) {
        self.lose = frames;
    }

    /// Whether everything was said.
    pub(super) fn is_silent(&self) -> bool {
        self.waiting.is_empty() && self.speaking.is_none()
    }

    pub(super) fn next(&mut self) -> Breath {
        let mut audio = [SILENCE; FRAME];
        let many = self.waiting.len().min(FRAME);
        for (place, byte) in audio.iter_mut().zip(self.waiting.drain(..many)) {
            *place = byte;
        }
        let turn = match self.speaking {
            None if many > 0 => {
                self.speaking = Some(many as u64);
                Some(Turn::Began)
            }
            Some(said) if many == 0 => {
                self.speaking = None;
                Some(Turn::Ended { spoke_ms: said / PER_MS })
            }
            Some(said) => {
                self.speaking = Some(said + many as u64);
                None
            }
            None => None,
        };
        let lost = self.lose > 0;
        self.lose = self.lose.saturating_sub(1);
        Breath { audio, lost, turn }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silent_caller_sends_silence() {
        assert_eq!(Mouth::default().next(), Breath { audio: [SILENCE; FRAME], lost: false, turn: None });
    }

    #[test]
    fn speech_leaves_in_frames_and_its_end_is_padded() {
        let mut mouth = Mouth::default();
        mouth.say(&[1; 200]);
        let first = mouth.next();
        assert_eq!((first.audio, first.turn), ([1; FRAME], Some(Turn::Began)));
        let second = mouth.next();
        assert_eq!((&second.audio[..40], &second.audio[40..]), (&[1; 40][..], &[SILENCE; 120][..]));
        assert_eq!(second.turn, None);
        assert!(!mouth.is_silent());
        assert_eq!(mouth.next().turn, Some(Turn::Ended { spoke_ms: 25 }));
        assert!(mouth.is_silent());
    }

    #[test]
    fn lost_frames_are_said_and_not_sent() {
        let mut mouth = Mouth::default();
        mouth.say(&[1; 3 * FRAME]);
        mouth.lose(2);
        let lost: Vec<bool> = (0..4).map(|_| mouth.next().lost).collect();
        assert_eq!(lost, [true, true, false, false]);
    }

    #[test]
    fn ten_minutes_may_wait() {
        let mut mouth = Mouth::default();
        mouth.say(&vec![1; MAX_WAITING]);
        mouth.say(&[2]);
        assert_eq!(mouth.waiting.len(), MAX_WAITING);
    }
}
