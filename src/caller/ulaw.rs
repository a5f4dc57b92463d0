//! G.711 µ-law at 8,000 Hz: one byte a sample, 8 bytes a millisecond.

/// What the caller's telephone sends while he says nothing.
pub(super) const SILENCE: u8 = 0xFF;
/// Samples, and so bytes, of one millisecond.
pub(super) const PER_MS: u64 = 8;
/// The magnitude of a µ-law byte from which on a sample is heard: about 220 of 32,767, or -43 dB.
const AUDIBLE: u8 = 24;

/// µ-law of linear samples.
pub(super) fn encode(samples: &[i16]) -> Vec<u8> {
    samples.iter().map(|sample| audio_codec_algorithms::encode_ulaw(*sample)).collect()
}

/// Linear samples of µ-law.
pub(super) fn decode(mulaw: &[u8]) -> Vec<i16> {
    mulaw.iter().map(|byte| audio_codec_algorithms::decode_ulaw(*byte)).collect()
}

/// Whether a person would hear this sample.
pub(super) fn is_audible(byte: u8) -> bool {
    !byte & 0x7F >= AUDIBLE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_values_of_the_standard_are_met() {
        assert_eq!(encode(&[0, 100, 1_000, -1_000, 32_767]), [0xFF, 0xF2, 0xCE, 0x4E, 0x80]);
        assert_eq!(decode(&[0xFF, 0x00, 0x80, 0x10]), [0, -32_124, 32_124, -15_996]);
    }

    #[test]
    fn silence_and_faint_noise_are_not_heard_and_speech_is() {
        for faint in [0, 1, -1, 100, -100, 150] {
            assert!(!is_audible(encode(&[faint])[0]), "{faint}");
        }
        for loud in [300, -300, 8_000, i16::MAX, i16::MIN] {
            assert!(is_audible(encode(&[loud])[0]), "{loud}");
        }
        assert!(!is_audible(SILENCE) && !is_audible(0x7F));
    }
}
