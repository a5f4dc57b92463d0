//! How audio is written, and how long so much of it lasts. Pure.

use std::time::Duration;

/// How audio is written on a line, and to and from the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AudioFormat {
    /// G.711 µ-law, 8 kHz, mono: what phones speak.
    Pcmu,
    /// 16-bit little-endian PCM, 24 kHz, mono: what browsers speak.
    Pcm24k,
}

impl AudioFormat {
    /// Bytes of one sample.
    pub const fn bytes_per_sample(self) -> usize {
        match self {
            Self::Pcmu => 1,
            Self::Pcm24k => 2,
        }
    }

    /// Bytes of one millisecond.
    pub const fn bytes_per_ms(self) -> usize {
        match self {
            Self::Pcmu => 8,
            Self::Pcm24k => 48,
        }
    }

    /// Bytes of so many milliseconds.
    pub const fn bytes(self, ms: usize) -> usize {
        ms * self.bytes_per_ms()
    }

    /// Characters of base64 that hold so many milliseconds, padding included.
    pub const fn base64_chars(self, ms: usize) -> usize {
        self.bytes(ms).div_ceil(3) * 4
    }

    /// How long so many bytes last, in whole milliseconds.
    pub const fn ms(self, bytes: u64) -> u64 {
        bytes / self.bytes_per_ms() as u64
    }

    /// How long so many characters of base64 last, in whole milliseconds; padding counts as sound.
    pub const fn ms_of_base64(self, chars: u64) -> u64 {
        self.ms(chars * 3 / 4)
    }

    /// So much silence, in bytes.
    pub fn silence(self, ms: usize) -> Vec<u8> {
        let byte = match self {
            Self::Pcmu => 0xFF,
            Self::Pcm24k => 0,
        };
        vec![byte; self.bytes(ms)]
    }

    /// How far each sample is from silence, of 32,767.
    pub fn levels(self, bytes: &[u8]) -> impl Iterator<Item = u16> {
        bytes.chunks_exact(self.bytes_per_sample()).map(move |sample| match (self, sample) {
            (Self::Pcmu, [byte, ..]) => audio_codec_algorithms::decode_ulaw(*byte).unsigned_abs(),
            (Self::Pcm24k, [low, high, ..]) => i16::from_le_bytes([*low, *high]).unsigned_abs(),
            (Self::Pcmu | Self::Pcm24k, _) => 0,
        })
    }

    /// How long this audio lasts.
    pub fn duration(self, bytes: usize) -> Duration {
        Duration::from_millis(self.ms(bytes as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_is_as_much_as_the_format_says() {
        for (format, bytes, chars) in
            [(AudioFormat::Pcmu, 8_000, 10_668), (AudioFormat::Pcm24k, 48_000, 64_000)]
        {
            assert_eq!((format.bytes(1_000), format.base64_chars(1_000)), (bytes, chars));
            assert_eq!(format.silence(1_000).len(), bytes);
            assert_eq!((format.ms(bytes as u64), format.ms_of_base64(chars as u64)), (1_000, 1_000));
            assert_eq!(format.duration(bytes), Duration::from_secs(1));
        }
    }

    #[test]
    fn silence_has_no_level_and_full_scale_has_the_highest() {
        for format in [AudioFormat::Pcmu, AudioFormat::Pcm24k] {
            let mut levels = format.levels(&format.silence(5)).collect::<Vec<_>>();
            levels.dedup();
            assert_eq!(levels, [0], "{format:?}");
        }
        assert_eq!(AudioFormat::Pcmu.levels(&[0x00]).collect::<Vec<_>>(), [32_124]);
        assert_eq!(AudioFormat::Pcm24k.levels(&[0x00, 0x80, 0x01]).collect::<Vec<_>>(), [32_768]);
    }
}
