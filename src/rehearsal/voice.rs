//! The rehearsal model's voice: a tone for every few letters, as long as a person would take to say them.

use std::f32::consts::TAU;

/// How long one character takes at speed 1, in milliseconds.
const MS_PER_CHARACTER: u64 = 60;
/// Rise and fall of a tone, in samples: without it every word would begin with a click.
const FADE: usize = 64;
/// Peak of a tone, of 32,767: loud enough to see on a meter, quiet enough for headphones.
const LOUDNESS: f32 = 6_000.0;

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
        match self {
            Self::Pcm => 48,
            Self::MuLaw | Self::ALaw => 8,
        }
    }

    fn samples_per_ms(self) -> u64 {
        match self {
            Self::Pcm => 24,
            Self::MuLaw | Self::ALaw => 8,
        }
    }

    fn write(self, sample: i16, out: &mut Vec<u8>) {
        match self {
            Self::Pcm => out.extend_from_slice(&sample.to_le_bytes()),
            Self::MuLaw => out.push(mu_law(sample)),
            Self::ALaw => out.push(a_law(sample)),
        }
    }
}

/// A voice: its pitch, its speed, and how it is written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Tone {
    pub(super) encoding: Encoding,
    /// Hertz; each voice has its own, so that two personas can be told apart by ear and by test.
    pub(super) pitch_hz: f32,
    /// 0.25 to 1.5.
    pub(super) speed: f64,
}

impl Tone {
    /// The tone of the voice of this name.
    pub(super) fn of_voice(voice: &str, encoding: Encoding, speed: f64) -> Self {
        let mixed = voice.bytes().fold(7_u16, |mixed, byte| mixed.wrapping_mul(31).wrapping_add(byte.into()));
        Self { encoding, pitch_hz: 120.0 + 3.0 * f32::from(mixed % 97), speed }
    }

    /// How long these words take, in milliseconds.
    pub(super) fn duration_ms(&self, words: &str) -> u64 {
        let letters = words.chars().count() as u64;
        (((letters * MS_PER_CHARACTER) as f64) / self.speed).round() as u64
    }

    /// These words as audio: exactly [`Tone::duration_ms`] of it. A blank is silence.
    pub(super) fn speak(&self, words: &str) -> Vec<u8> {
        let samples = self.duration_ms(words) * self.encoding.samples_per_ms();
        let samples = usize::try_from(samples).unwrap_or(0);
        let letters: Vec<char> = words.chars().collect();
        let rate_hz = self.encoding.samples_per_ms() as f32 * 1_000.0;
        let mut out = Vec::with_capacity(samples * 2);
        for at in 0..samples {
            let letter = letters[(at * letters.len() / samples).min(letters.len() - 1)];
            let edge = at.min(samples - 1 - at).min(FADE) as f32 / FADE as f32;
            let level = if letter.is_alphanumeric() { LOUDNESS * edge } else { 0.0 };
            let wave = (TAU * self.pitch_hz * at as f32 / rate_hz).sin();
            self.encoding.write((level * wave) as i16, &mut out);
        }
        out
    }
}

/// One sample in G.711 µ-law. Source: <https://www.itu.int/rec/T-REC-G.711>
fn mu_law(sample: i16) -> u8 {
    const BIAS: i32 = 0x84;
    let sign: u8 = if sample < 0 { 0x80 } else { 0 };
    let magnitude = (i32::from(sample).abs().min(32_635)) + BIAS;
    let exponent = (24 - magnitude.leading_zeros()).min(7);
    let mantissa = (magnitude >> (exponent + 3)) & 0x0F;
    !(sign | ((exponent as u8) << 4) | mantissa as u8)
}

/// One sample in G.711 A-law. Source: <https://www.itu.int/rec/T-REC-G.711>
fn a_law(sample: i16) -> u8 {
    let sign: u8 = if sample < 0 { 0 } else { 0x80 };
    let magnitude = if sample < 0 { !i32::from(sample) } else { i32::from(sample) } >> 3;
    let code = if magnitude < 32 {
        magnitude >> 1
    } else {
        let exponent = 27 - magnitude.leading_zeros();
        ((exponent as i32) << 4) | ((magnitude >> exponent) & 0x0F)
    };
    (code as u8 | sign) ^ 0x55
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_take_as_long_as_a_person_needs_for_them() {
        for (encoding, bytes) in [(Encoding::Pcm, 48), (Encoding::MuLaw, 8), (Encoding::ALaw, 8)] {
            let tone = Tone::of_voice("marin", encoding, 1.0);
            assert_eq!(tone.duration_ms("hello"), 300);
            assert_eq!(tone.speak("hello").len(), 300 * bytes);
            assert!(tone.speak("").is_empty());
        }
        assert_eq!(Tone::of_voice("marin", Encoding::Pcm, 1.5).duration_ms("hello"), 200);
    }

    #[test]
    fn two_voices_sound_different_and_one_always_the_same() {
        let marin = Tone::of_voice("marin", Encoding::Pcm, 1.0);
        assert!(marin.speak("hello") != Tone::of_voice("cedar", Encoding::Pcm, 1.0).speak("hello"));
        assert!(marin.speak("hello") == Tone::of_voice("marin", Encoding::Pcm, 1.0).speak("hello"));
        assert!(marin.speak("hello").iter().any(|&byte| byte != 0));
    }

    #[test]
    fn silence_is_written_as_each_law_writes_it() {
        assert_eq!((mu_law(0), a_law(0)), (0xFF, 0xD5));
        // the loudest samples of both laws
        assert_eq!((mu_law(i16::MAX), mu_law(i16::MIN)), (0x80, 0x00));
        assert_eq!((a_law(i16::MAX), a_law(i16::MIN)), (0xAA, 0x2A));
        assert_eq!((mu_law(1_000), a_law(1_000)), (0xCE, 0xFA));
    }
}
