//! The rehearsal model's voice: tone speech, as it is written on the wire.

use std::ops::Range;

use audio_codec_algorithms::{decode_alaw, decode_ulaw, encode_alaw, encode_ulaw};

use super::speech::{LOUDNESS, Mouth};

/// How audio is written on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    /// 16-bit little-endian PCM, mono, 24 kHz.
    Pcm,
    /// G.711 µ-law, 8 kHz.
    MuLaw,
    /// G.711 A-law, 8 kHz.
    ALaw,
}

impl Encoding {
    /// The encoding that the `type` of a format names; PCM for one we do not know.
    pub(super) fn named(kind: &str) -> Self {
        match kind {
            "audio/pcmu" => Self::MuLaw,
            "audio/pcma" => Self::ALaw,
            _ => Self::Pcm,
        }
    }

    /// Bytes for one millisecond of audio.
    pub(super) fn bytes_per_ms(self) -> u64 {
        (self.samples_per_ms() * self.bytes_per_sample()) as u64
    }

    pub(super) fn samples_per_ms(self) -> usize {
        match self {
            Self::Pcm => 24,
            Self::MuLaw | Self::ALaw => 8,
        }
    }

    pub(super) fn bytes_per_sample(self) -> usize {
        match self {
            Self::Pcm => 2,
            Self::MuLaw | Self::ALaw => 1,
        }
    }

    /// The samples in these bytes.
    pub(super) fn samples(self, audio: &[u8]) -> Vec<i16> {
        match self {
            Self::Pcm => audio.as_chunks().0.iter().map(|bytes| i16::from_le_bytes(*bytes)).collect(),
            Self::MuLaw => audio.iter().map(|byte| decode_ulaw(*byte)).collect(),
            Self::ALaw => audio.iter().map(|byte| decode_alaw(*byte)).collect(),
        }
    }

    fn write(self, sample: i16, out: &mut Vec<u8>) {
        match self {
            Self::Pcm => out.extend_from_slice(&sample.to_le_bytes()),
            Self::MuLaw => out.push(encode_ulaw(sample)),
            Self::ALaw => out.push(encode_alaw(sample)),
        }
    }
}

/// A voice: its loudness, its speed, and how it is written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Tone {
    pub(super) encoding: Encoding,
    mouth: Mouth,
}

impl Tone {
    /// The tone of the voice of this name at a speed of 0.25 to 1.5. Each voice has its own loudness, so that two
    /// personas can be told apart.
    pub(super) fn of_voice(voice: &str, encoding: Encoding, speed: f64) -> Self {
        let mixed = voice.bytes().fold(7_u16, |mixed, byte| mixed.wrapping_mul(31).wrapping_add(byte.into()));
        let loudness = LOUDNESS * (0.75 + f64::from(mixed % 97) / 192.0);
        Self { encoding, mouth: Mouth::new(encoding.samples_per_ms(), speed, loudness) }
    }

    /// Samples so many characters take.
    pub(super) fn samples(&self, letters: usize) -> usize {
        self.mouth.samples(letters)
    }

    /// How long so many samples last, in whole milliseconds.
    pub(super) fn ms(&self, samples: usize) -> u64 {
        (samples / self.encoding.samples_per_ms()) as u64
    }

    /// These samples, of all that the letters take, as they are written on the wire.
    pub(super) fn speak(&self, letters: &[char], range: Range<usize>) -> Vec<u8> {
        let mut out = Vec::with_capacity(range.len() * self.encoding.bytes_per_sample());
        self.mouth.speak(letters, range, |sample| self.encoding.write(sample, &mut out));
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rehearsal::speech::understand_at;

    fn all(tone: Tone, words: &str) -> Vec<u8> {
        let letters: Vec<char> = words.chars().collect();
        tone.speak(&letters, 0..tone.samples(letters.len()))
    }

    #[test]
    fn words_take_as_long_as_a_person_needs_for_them() {
        for (encoding, bytes) in [(Encoding::Pcm, 48), (Encoding::MuLaw, 8), (Encoding::ALaw, 8)] {
            let tone = Tone::of_voice("marin", encoding, 1.0);
            assert_eq!(tone.ms(tone.samples(5)), 300);
            assert_eq!(all(tone, "hello").len(), 300 * bytes);
            assert!(all(tone, "").is_empty());
        }
        let fast = Tone::of_voice("marin", Encoding::Pcm, 1.5);
        assert_eq!(fast.ms(fast.samples(5)), 200);
    }

    #[test]
    fn every_voice_is_understood_in_every_encoding_at_every_speed() {
        for voice in ["alloy", "ash", "ballad", "coral", "echo", "sage", "shimmer", "verse", "marin", "cedar"]
        {
            for encoding in [Encoding::Pcm, Encoding::MuLaw, Encoding::ALaw] {
                for speed in [0.25, 0.8, 1.0, 1.2, 1.5] {
                    let audio = all(Tone::of_voice(voice, encoding, speed), "two cold beers");
                    let heard = understand_at(&encoding.samples(&audio), encoding.samples_per_ms());
                    assert_eq!(heard, "two cold beers", "{voice} {encoding:?} {speed}");
                }
            }
        }
    }

    #[test]
    fn two_voices_sound_different_and_one_always_the_same() {
        let hello = |voice: &str| all(Tone::of_voice(voice, Encoding::Pcm, 1.0), "hello");
        assert!(hello("marin") != hello("cedar"));
        assert!(hello("marin") == hello("marin"));
    }

    #[test]
    fn silence_is_written_as_each_law_writes_it() {
        let written = |encoding: Encoding| {
            let mut out = Vec::new();
            encoding.write(0, &mut out);
            out
        };
        assert_eq!(written(Encoding::MuLaw), [0xFF]);
        assert_eq!(written(Encoding::ALaw), [0xD5]);
        assert_eq!(written(Encoding::Pcm), [0, 0]);
        assert_eq!(Encoding::MuLaw.samples(&[0xFF, 0x00]), [0, -32_124]);
        assert_eq!(Encoding::Pcm.samples(&[0x34, 0x12]), [0x1234]);
    }
}
