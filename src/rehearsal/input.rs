//! The input audio buffer, and where in it someone speaks.

use std::collections::VecDeque;

use super::refusal::Refusal;
use super::vad::{Edge, Settings, Vad};
use super::voice::Encoding;

/// Most audio that waits to be committed, in bytes: almost three minutes of PCM, seventeen of G.711.
const BYTES_MAX: usize = 8 << 20;
/// Least audio of a commit, in milliseconds.
const COMMIT_MIN_MS: u64 = 100;
/// With VAD, so much is kept of audio in which nobody speaks; what is older is forgotten.
const QUIET_KEPT_MS: usize = 5_000;
/// How much is listened to at a time, in bytes: an even number.
const SLICE: usize = 32 << 10;

/// What was heard. Times are milliseconds of all audio appended so far.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// Someone speaks from here on, the padding before it included.
    Started { at_ms: u64 },
    /// They stopped here, after the silence that ended it; `audio` is everything in between.
    Stopped { at_ms: u64, audio: Vec<u8> },
}

/// Audio that was appended and not yet committed.
#[derive(Debug)]
pub(super) struct InputBuffer {
    encoding: Encoding,
    audio: VecDeque<u8>,
    /// Samples appended so far.
    heard: u64,
    vad: Option<Vad>,
}

impl InputBuffer {
    /// An empty buffer; without settings nobody listens.
    pub(super) fn new(encoding: Encoding, vad: Option<Settings>) -> Self {
        let vad = vad.map(|settings| Vad::new(settings, encoding.samples_per_ms(), 0));
        Self { encoding, audio: VecDeque::new(), heard: 0, vad }
    }

    /// Listens with other settings from now on. Audio of another encoding is forgotten.
    pub(super) fn tune(&mut self, encoding: Encoding, settings: Option<Settings>) {
        if encoding != self.encoding {
            let heard_ms = self.heard_ms();
            self.audio.clear();
            self.heard = heard_ms * encoding.samples_per_ms() as u64;
            (self.encoding, self.vad) = (encoding, None);
        }
        if self.vad.as_ref().map(|vad| &vad.settings) != settings.as_ref() {
            let vad = |settings| Vad::new(settings, encoding.samples_per_ms(), self.heard);
            self.vad = settings.map(vad);
        }
    }

    /// Milliseconds of audio appended so far.
    pub(super) fn heard_ms(&self) -> u64 {
        self.ms(self.heard)
    }

    /// Whether someone has begun to speak and not stopped.
    pub(super) fn is_speaking(&self) -> bool {
        self.vad.as_ref().is_some_and(Vad::is_speaking)
    }

    /// Takes more audio. With VAD the oldest falls out of a full buffer, since nobody will commit it.
    ///
    /// # Errors
    /// A full buffer without VAD.
    pub(super) fn append(&mut self, audio: &[u8]) -> Result<Vec<Heard>, Refusal> {
        if self.vad.is_none() && self.audio.len() + audio.len() > BYTES_MAX {
            let why = format!("Input audio buffer is full: {BYTES_MAX} bytes. Commit or clear it first.");
            return Err(Refusal::new("input_audio_buffer_full", why).at("audio"));
        }
        let mut heard = Vec::new();
        for slice in audio.chunks(SLICE) {
            self.audio.extend(slice);
            self.heard += (slice.len() / self.encoding.bytes_per_sample()) as u64;
            let edges = self.vad.as_mut().map(|vad| vad.hear(&self.encoding.samples(slice)));
            heard.extend(edges.into_iter().flatten().map(|edge| self.on_edge(edge)));
            self.forget_old();
        }
        Ok(heard)
    }

    /// Empties it; speech that goes on is forgotten with it.
    pub(super) fn clear(&mut self) {
        self.audio = VecDeque::new();
        if let Some(vad) = &mut self.vad {
            vad.reset();
        }
    }

    /// Takes everything out.
    ///
    /// # Errors
    /// `input_audio_buffer_commit_empty` for less than 100 ms.
    pub(super) fn commit(&mut self) -> Result<Vec<u8>, Refusal> {
        if (self.audio.len() as u64) < COMMIT_MIN_MS * self.encoding.bytes_per_ms() {
            let ms = self.audio.len() as f64 / self.encoding.bytes_per_ms() as f64;
            let why = format!(
                "Error committing input audio buffer: buffer too small. Expected at least {COMMIT_MIN_MS}ms of audio, \
                 but buffer only has {ms:.2}ms of audio."
            );
            return Err(Refusal::new("input_audio_buffer_commit_empty", why));
        }
        let audio = std::mem::take(&mut self.audio).into();
        self.clear();
        Ok(audio)
    }

    fn on_edge(&mut self, edge: Edge) -> Heard {
        match edge {
            Edge::Started(at) => {
                let padding_ms = self.vad.as_ref().map_or(0, |vad| vad.settings.prefix_padding_ms);
                let padding = (padding_ms * self.encoding.samples_per_ms()) as u64;
                let start = at.saturating_sub(padding).max(self.first());
                self.take_to(start);
                Heard::Started { at_ms: self.ms(start) }
            }
            Edge::Stopped(at) => Heard::Stopped { at_ms: self.ms(at), audio: self.take_to(at) },
        }
    }

    /// The number of the first sample that is still there.
    fn first(&self) -> u64 {
        self.heard - (self.audio.len() / self.encoding.bytes_per_sample()) as u64
    }

    /// Takes out everything before this sample.
    fn take_to(&mut self, sample: u64) -> Vec<u8> {
        let samples = usize::try_from(sample.saturating_sub(self.first())).unwrap_or(usize::MAX);
        let bytes = samples.saturating_mul(self.encoding.bytes_per_sample()).min(self.audio.len());
        self.audio.drain(..bytes).collect()
    }

    fn forget_old(&mut self) {
        let kept = match &self.vad {
            None => return,
            Some(vad) if vad.is_speaking() => BYTES_MAX,
            Some(vad) => {
                let kept_ms = QUIET_KEPT_MS.max(vad.settings.prefix_padding_ms + 1_000);
                (kept_ms * self.encoding.bytes_per_ms() as usize).min(BYTES_MAX)
            }
        };
        self.audio.drain(..self.audio.len().saturating_sub(kept));
    }

    fn ms(&self, samples: u64) -> u64 {
        samples / self.encoding.samples_per_ms() as u64
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::rehearsal::speech::speak;

    fn deaf() -> InputBuffer {
        InputBuffer::new(Encoding::MuLaw, None)
    }

    fn listening() -> InputBuffer {
        let vad = json!({"threshold": 0.5, "prefix_padding_ms": 300, "silence_duration_ms": 500});
        InputBuffer::new(Encoding::MuLaw, Settings::read(&vad))
    }

    fn mu_law(samples: &[i16]) -> Vec<u8> {
        samples.iter().map(|sample| audio_codec_algorithms::encode_ulaw(*sample)).collect()
    }

    fn silence(ms: usize) -> Vec<u8> {
        vec![0xFF; ms * 8]
    }

    #[test]
    fn less_than_a_tenth_of_a_second_is_no_commit() {
        let mut buffer = deaf();
        buffer.append(&[0; 799]).unwrap();
        let refusal = buffer.commit().unwrap_err();
        assert_eq!(refusal.code, "input_audio_buffer_commit_empty");
        assert!(refusal.message.contains("99.88ms"), "{}", refusal.message);
        buffer.append(&[0]).unwrap();
        assert_eq!(buffer.commit().unwrap().len(), 800);
        assert!(buffer.commit().is_err());
    }

    #[test]
    fn a_full_buffer_refuses_more_or_with_vad_forgets_the_oldest() {
        let mut buffer = deaf();
        buffer.append(&vec![1; BYTES_MAX]).unwrap();
        assert_eq!(buffer.append(&[2; 10]).unwrap_err().code, "input_audio_buffer_full");
        let mut buffer = listening();
        buffer.append(&vec![1; BYTES_MAX]).unwrap();
        buffer.append(&[2; 10]).unwrap();
        let audio = buffer.commit().unwrap();
        assert!(audio.len() == BYTES_MAX && audio.ends_with(&[2; 10]));
        buffer.append(&silence(60_000)).unwrap();
        assert_eq!(buffer.commit().unwrap().len(), QUIET_KEPT_MS * 8);
    }

    #[test]
    fn speech_is_taken_out_with_its_padding_and_the_silence_after_it() {
        let said = mu_law(&speak("two beers"));
        let mut buffer = listening();
        let heard = buffer.append(&[silence(1_000), said.clone(), silence(2_000)].concat()).unwrap();
        let audio = [silence(300), said.clone(), silence(490)].concat();
        assert_eq!(heard, [Heard::Started { at_ms: 700 }, Heard::Stopped { at_ms: 2_030, audio }]);
        // what was committed is not padding of what comes next
        let mut buffer = listening();
        let twice = [said.clone(), silence(600), said, silence(600)].concat();
        let starts = buffer.append(&twice).unwrap().into_iter().filter_map(|heard| match heard {
            Heard::Started { at_ms } => Some(at_ms),
            Heard::Stopped { .. } => None,
        });
        assert_eq!(starts.collect::<Vec<_>>(), [0, 1_030]);
    }

    #[test]
    fn time_goes_on_when_the_format_changes() {
        let mut buffer = listening();
        buffer.append(&silence(700)).unwrap();
        buffer.tune(Encoding::Pcm, Settings::read(&json!({})));
        buffer.append(&vec![0; 48 * 300]).unwrap();
        assert_eq!((buffer.heard_ms(), buffer.commit().unwrap().len()), (1_000, 48 * 300));
    }

    proptest! {
        #[test]
        fn frames_of_any_size_are_heard_alike(frame in 1..2_000_usize, pauses in prop::collection::vec(0..1_500_usize, 1..5)) {
            let said = mu_law(&speak("hi"));
            let audio: Vec<u8> = pauses.iter().flat_map(|ms| [silence(*ms), said.clone()].concat()).collect();
            let (mut whole, mut framed) = (listening(), listening());
            let frames: Vec<Heard> = audio.chunks(frame).flat_map(|frame| framed.append(frame).unwrap()).collect();
            prop_assert_eq!(whole.append(&audio).unwrap(), frames);
        }
    }
}
