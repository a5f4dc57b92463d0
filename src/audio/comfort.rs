//! The tone that tells a caller that the line is alive while there is no model. Pure.

use std::f64::consts::TAU;
use std::sync::OnceLock;

use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::sound::AudioFormat;

/// How long it lasts.
const LENGTH_MS: usize = 300;
/// Its pitch: far from the tones by which a phone network says that it is busy.
const PITCH_HZ: f64 = 660.0;
/// How loud it is, of 32,767: softer than speech.
const LEVEL: f64 = 1_600.0;

static PHONE: OnceLock<Utf8Bytes> = OnceLock::new();
static BROWSER: OnceLock<Utf8Bytes> = OnceLock::new();

/// The tone as base64, made once.
pub(super) fn tone(format: AudioFormat) -> Utf8Bytes {
    let made = match format {
        AudioFormat::Pcmu => &PHONE,
        AudioFormat::Pcm24k => &BROWSER,
    };
    made.get_or_init(|| base64_simd::STANDARD.encode_to_string(bytes(format)).into()).clone()
}

fn bytes(format: AudioFormat) -> Vec<u8> {
    let count = format.bytes(LENGTH_MS) / format.bytes_per_sample();
    let per_second = format.bytes(1_000) / format.bytes_per_sample();
    let sample = |at: usize| {
        let share = at as f64 / count as f64;
        // It swells and fades, so that nothing clicks.
        let level = LEVEL * (1.0 - (TAU * share).cos()) / 2.0;
        (level * (TAU * PITCH_HZ * at as f64 / per_second as f64).sin()) as i16
    };
    match format {
        AudioFormat::Pcmu => (0..count).map(|at| audio_codec_algorithms::encode_ulaw(sample(at))).collect(),
        AudioFormat::Pcm24k => (0..count).flat_map(|at| sample(at).to_le_bytes()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_as_long_as_it_says_soft_and_silent_at_its_ends() {
        for format in [AudioFormat::Pcmu, AudioFormat::Pcm24k] {
            let bytes = bytes(format);
            assert_eq!(format.ms(bytes.len() as u64), LENGTH_MS as u64);
            let levels: Vec<_> = format.levels(&bytes).collect();
            let loudest = levels.iter().max().unwrap();
            assert!((1_400..=1_700).contains(loudest), "{format:?}: {loudest}");
            assert!(
                levels[..5].iter().chain(&levels[levels.len() - 5..]).all(|level| *level < 20),
                "{format:?}"
            );
            assert_eq!(tone(format).len(), format.base64_chars(LENGTH_MS));
        }
    }
}
