//! How much of a stretch of audio is loud enough to be words. Off the audio path: asked when a caller's noise might
//! interrupt the persona, and never per frame.

use std::time::Duration;

/// The mean level that words have at least, of 32,767: quiet speech on a phone is well above, line noise below.
const WORDS: u32 = 250;
/// G.711 at 8 kHz.
const BYTES_PER_MS: usize = 8;
/// Judged in pieces of this.
const PIECE: usize = 20 * BYTES_PER_MS;

/// How much of these payloads (base64 of G.711 µ-law) is loud enough to be words.
pub(super) fn voiced<'a>(payloads: impl Iterator<Item = &'a str>) -> Duration {
    let mut audio = Vec::new();
    for payload in payloads {
        if let Ok(bytes) = base64_simd::STANDARD.decode_to_vec(payload) {
            audio.extend_from_slice(&bytes);
        }
    }
    let is_loud = |piece: &&[u8]| {
        let sum: u32 = piece.iter().map(|&byte| u32::from(level(byte))).sum();
        sum / piece.len() as u32 >= WORDS
    };
    let bytes: usize = audio.chunks(PIECE).filter(is_loud).map(<[u8]>::len).sum();
    Duration::from_millis((bytes / BYTES_PER_MS) as u64)
}

/// How far a µ-law sample is from silence.
fn level(byte: u8) -> u16 {
    audio_codec_algorithms::decode_ulaw(byte).unsigned_abs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_not_voiced_and_a_tone_is() {
        let payload = |byte: u8| base64_simd::STANDARD.encode_to_string([byte; 160]);
        let (silence, tone) = (payload(0xFF), payload(0x90));
        let stretch = [silence.as_str(), &tone, &tone, "no base64", &silence];
        assert_eq!(voiced(stretch.into_iter()), Duration::from_millis(40));
        assert_eq!(voiced(std::iter::empty()), Duration::ZERO);
    }
}
