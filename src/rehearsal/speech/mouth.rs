//! Words to samples.

use std::f64::consts::TAU;
use std::ops::Range;

use super::MS_PER_CHARACTER;
use super::alphabet::{pitch_hz, tone};

/// Rise and fall of a tone, in milliseconds: without them it would begin and end with a click.
const FADE_MS: usize = 2;
/// A blank is heard as such and is quieter than a letter.
const BLANK: f64 = 0.5;

/// How tones are made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::rehearsal) struct Mouth {
    samples_per_ms: usize,
    /// Samples a character takes, the silence after its tone included.
    letter: usize,
    /// Peak of a tone, of 32,767.
    loudness: f64,
}

impl Mouth {
    /// A mouth for audio of so many samples a millisecond. At another speed than 1 tone and silence are stretched.
    pub(in crate::rehearsal) fn new(samples_per_ms: usize, speed: f64, loudness: f64) -> Self {
        let at_speed_1 = (MS_PER_CHARACTER as usize * samples_per_ms) as f64;
        let letter = ((at_speed_1 / speed).round() as usize).max(samples_per_ms);
        Self { samples_per_ms, letter, loudness }
    }

    /// Samples so many characters take.
    pub(in crate::rehearsal) fn samples(&self, letters: usize) -> usize {
        letters * self.letter
    }

    /// Writes these samples, of all that the letters take.
    pub(in crate::rehearsal) fn speak(
        &self,
        letters: &[char],
        range: Range<usize>,
        mut write: impl FnMut(i16),
    ) {
        let end = range.end.min(self.samples(letters.len()));
        let mut at = range.start;
        while at < end {
            let from = at % self.letter;
            let until = self.letter.min(from + end - at);
            self.speak_letter(letters[at / self.letter], from..until, &mut write);
            at += until - from;
        }
    }

    fn speak_letter(&self, letter: char, span: Range<usize>, write: &mut impl FnMut(i16)) {
        let number = tone(letter);
        let peak = if letter.is_whitespace() { self.loudness * BLANK } else { self.loudness };
        let step = TAU * pitch_hz(number) / (self.samples_per_ms as f64 * 1_000.0);
        let (sounding, fade) = (self.letter * 5 / 6, FADE_MS * self.samples_per_ms);
        // a sine from its two last samples: the sine itself is slow for thousands of calls at once
        let turn = 2.0 * step.cos();
        let (mut before, mut now) =
            ((step * (span.start as f64 - 1.0)).sin(), (step * span.start as f64).sin());
        for at in span {
            let edge = at.min(sounding.saturating_sub(at)).min(fade) as f64 / fade as f64;
            write((peak * edge * now) as i16);
            (before, now) = (now, turn * now - before);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn speech_in_pieces_is_the_same_speech(cuts in prop::collection::vec(1..900_usize, 1..40), speed in 0.25..1.5_f64) {
            let letters: Vec<char> = "A table for 4, please".chars().collect();
            let mouth = Mouth::new(24, speed, 6_000.0);
            let mut whole = Vec::new();
            mouth.speak(&letters, 0..usize::MAX, |sample| whole.push(sample));
            prop_assert_eq!(whole.len(), mouth.samples(letters.len()));
            let (mut pieces, mut at) = (Vec::new(), 0);
            for cut in cuts {
                mouth.speak(&letters, at..at + cut, |sample| pieces.push(sample));
                at += cut;
            }
            let alike = pieces.iter().zip(&whole).all(|(piece, sample)| piece.abs_diff(*sample) <= 1);
            prop_assert!(alike && pieces.len() <= whole.len());
        }
    }
}
