//! The input audio buffer.

use super::refusal::Refusal;
use super::voice::Encoding;

/// Most audio that waits to be committed, in bytes: almost three minutes of PCM, seventeen of G.711.
const BYTES_MAX: usize = 8 << 20;
/// Least audio of a commit, in milliseconds.
const COMMIT_MIN_MS: u64 = 100;

/// Audio that was appended and not yet committed.
#[derive(Debug, Default)]
pub(super) struct InputBuffer {
    audio: Vec<u8>,
}

impl InputBuffer {
    /// Takes more audio. With VAD the oldest falls out of a full buffer, since nobody will commit it.
    ///
    /// # Errors
    /// A full buffer without VAD.
    pub(super) fn append(&mut self, audio: &[u8], has_vad: bool) -> Result<(), Refusal> {
        let over = (self.audio.len() + audio.len()).saturating_sub(BYTES_MAX);
        if over > 0 && !has_vad {
            let why = format!("Input audio buffer is full: {BYTES_MAX} bytes. Commit or clear it first.");
            return Err(Refusal::new("input_audio_buffer_full", why).at("audio"));
        }
        self.audio.extend_from_slice(audio);
        // an even number, so that 16-bit samples stay whole
        let drop = (over + over % 2).min(self.audio.len());
        self.audio.drain(..drop);
        Ok(())
    }

    pub(super) fn clear(&mut self) {
        self.audio = Vec::new();
    }

    /// Takes everything out.
    ///
    /// # Errors
    /// `input_audio_buffer_commit_empty` for less than 100 ms.
    pub(super) fn commit(&mut self, encoding: Encoding) -> Result<Vec<u8>, Refusal> {
        if (self.audio.len() as u64) < COMMIT_MIN_MS * encoding.bytes_per_ms() {
            let ms = self.audio.len() as f64 / encoding.bytes_per_ms() as f64;
            let why = format!(
                "Error committing input audio buffer: buffer too small. Expected at least {COMMIT_MIN_MS}ms of audio, \
                 but buffer only has {ms:.2}ms of audio."
            );
            return Err(Refusal::new("input_audio_buffer_commit_empty", why));
        }
        Ok(std::mem::take(&mut self.audio))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn less_than_a_tenth_of_a_second_is_no_commit() {
        let mut buffer = InputBuffer::default();
        buffer.append(&[0; 799], false).unwrap();
        let refusal = buffer.commit(Encoding::MuLaw).unwrap_err();
        assert_eq!(refusal.code, "input_audio_buffer_commit_empty");
        assert!(refusal.message.contains("99.88ms"), "{}", refusal.message);
        buffer.append(&[0], false).unwrap();
        assert_eq!(buffer.commit(Encoding::MuLaw).unwrap().len(), 800);
        assert!(buffer.commit(Encoding::MuLaw).is_err());
    }

    #[test]
    fn a_full_buffer_refuses_more_or_with_vad_forgets_the_oldest() {
        let mut buffer = InputBuffer::default();
        buffer.append(&vec![1; BYTES_MAX], false).unwrap();
        assert_eq!(buffer.append(&[2; 10], false).unwrap_err().code, "input_audio_buffer_full");
        buffer.append(&[2; 10], true).unwrap();
        let audio = buffer.commit(Encoding::MuLaw).unwrap();
        assert!(audio.len() == BYTES_MAX && audio.ends_with(&[2; 10]));
    }
}
