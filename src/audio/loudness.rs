//! How much of a stretch of audio is loud enough to be words. Off the audio path: asked when a caller's noise might
//! interrupt the persona, and never per frame.

use std::time::Duration;

use crate::sound::AudioFormat;

/// The mean level that words have at least, of 32,767: quiet speech on a phone is well above, line noise below.
const WORDS: u32 = 250;
/// Judged in pieces of this.
const PIECE_MS: usize = 20;

/// How much of these payloads (base64) is loud enough to be words.
pub(super) fn voiced<'a>(format: AudioFormat, payloads: impl Iterator<Item = &'a str>) -> Duration {
    let mut audio = Vec::new();
    for payload in payloads {
        if let Ok(bytes) = base64_simd::STANDARD.decode_to_vec(payload) {
            audio.extend_from_slice(&bytes);
        }
    }
    let is_loud = |piece: &&[u8]| {
        let samples = (piece.len() / format.bytes_per_sample()).max(1) as u32;
        format.levels(piece).map(u32::from).sum::<u32>() / samples >= WORDS
    };
    format.duration(audio.chunks(format.bytes(PIECE_MS)).filter(is_loud).map(<[u8]>::len).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_not_voiced_and_a_tone_is() {
        for (format, loud) in [(AudioFormat::Pcmu, 0x90), (AudioFormat::Pcm24k, 0x20)] {
            let payload = |bytes: &[u8]| base64_simd::STANDARD.encode_to_string(bytes);
            let silence = payload(&format.silence(20));
            let tone = payload(&vec![loud; format.bytes(20)]);
            let stretch = [silence.as_str(), &tone, &tone, "no base64", &silence];
            assert_eq!(voiced(format, stretch.into_iter()), Duration::from_millis(40));
            assert_eq!(voiced(format, std::iter::empty()), Duration::ZERO);
        }
    }
}
