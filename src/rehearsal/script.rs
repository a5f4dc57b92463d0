//! What is left to send of one item: its words, and when it is spoken its audio, which lags behind them.

use std::collections::VecDeque;
use std::ops::Range;

use super::chunk::{evenly, words};
use super::voice::Tone;

/// Shortest and longest audio of one delta, in milliseconds. The last may be shorter.
const DELTA_MS: Range<usize> = 20..400;

/// The rest of one item.
#[derive(Debug)]
pub(super) struct Script {
    words: VecDeque<String>,
    speech: Option<Spoken>,
}

/// The audio of an item.
#[derive(Debug)]
struct Spoken {
    letters: Vec<char>,
    tone: Tone,
    /// The next sample to send.
    at: usize,
    /// The real server cuts audio anywhere, not at frames.
    cuts: fastrand::Rng,
}

/// What one delta of an item carries.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Piece {
    pub(super) words: Option<String>,
    /// Samples of the audio.
    pub(super) samples: Range<usize>,
}

impl Script {
    /// A text that is written.
    pub(super) fn written(text: &str) -> Self {
        Self { words: words(text), speech: None }
    }

    /// A text that is spoken; its audio is cut as `cuts` says.
    pub(super) fn spoken(text: &str, tone: Tone, cuts: fastrand::Rng) -> Self {
        let letters = text.chars().collect();
        Self { words: words(text), speech: Some(Spoken { letters, tone, at: 0, cuts }) }
    }

    /// The arguments of a tool call.
    pub(super) fn arguments(json: &str) -> Self {
        Self { words: evenly(json), speech: None }
    }

    /// The next piece; `None` when everything was sent.
    pub(super) fn next(&mut self) -> Option<Piece> {
        let words = self.words.pop_front();
        let samples = self.speech.as_mut().map(Spoken::next).unwrap_or_default();
        (words.is_some() || !samples.is_empty()).then_some(Piece { words, samples })
    }

    /// The audio of a piece, as it is written on the wire.
    pub(super) fn audio(&self, samples: &Range<usize>) -> Vec<u8> {
        let audio = |speech: &Spoken| speech.tone.speak(&speech.letters, samples.clone());
        self.speech.as_ref().map(audio).unwrap_or_default()
    }
}

impl Spoken {
    fn next(&mut self) -> Range<usize> {
        let unit = self.tone.encoding.samples_per_ms();
        let length = self.cuts.usize(DELTA_MS.start * unit..DELTA_MS.end * unit);
        let end = (self.at + length).min(self.tone.samples(self.letters.len()));
        let samples = self.at..end;
        self.at = end;
        samples
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rehearsal::voice::Encoding;

    #[test]
    fn audio_comes_in_uneven_pieces_behind_its_words() {
        let text = "The soup of the day is leek, with toasted bread and butter.";
        let tone = Tone::of_voice("marin", Encoding::MuLaw, 1.0);
        let pieces = |seed: u64| {
            let mut script = Script::spoken(text, tone, fastrand::Rng::with_seed(seed));
            std::iter::from_fn(move || script.next()).collect::<Vec<Piece>>()
        };
        let (mut said, mut sent) = (String::new(), 0);
        for piece in pieces(1) {
            said.extend(piece.words);
            assert_eq!(piece.samples.start, sent);
            assert!(piece.samples.len() < 3_200);
            sent = piece.samples.end;
            assert!(said.chars().count() * 480 >= sent, "the audio overtakes its words");
        }
        assert_eq!((said.as_str(), sent), (text, text.chars().count() * 480));
        let frames = pieces(1).iter().filter(|piece| piece.samples.len() % 160 == 0).count();
        assert!(frames < 3, "{frames} pieces are whole frames");
        assert_eq!(pieces(1), pieces(1));
        assert_ne!(pieces(1), pieces(2));
    }

    #[test]
    fn what_is_written_has_no_audio() {
        let mut script = Script::written("Hello there");
        let piece = script.next().unwrap();
        assert_eq!((piece.words.as_deref(), script.audio(&piece.samples)), (Some("Hello there"), Vec::new()));
        assert_eq!(script.next(), None);
        assert_eq!(Script::written("").next(), None);
    }
}
