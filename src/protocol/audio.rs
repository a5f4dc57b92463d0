//! Audio on the wires: base64, checked and never decoded.

use crate::sound::AudioFormat;

/// How many bytes of whole samples this audio holds; `None` for what is no padded base64, or ends within a sample.
pub fn audio_bytes(data: &str, format: AudioFormat) -> Option<usize> {
    let text = data.as_bytes();
    base64_simd::STANDARD.check(text).ok()?;
    let length = base64_simd::STANDARD.decoded_length(text).ok()?;
    length.is_multiple_of(format.bytes_per_sample()).then_some(length)
}
