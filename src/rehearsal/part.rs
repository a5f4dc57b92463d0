//! The parts of a message: text, audio, images.

use serde_json::{Value, json};

use super::item::Role;
use super::refusal::{Refusal, invalid};
use super::speech::understand_at;
use super::voice::{Encoding, Tone};

/// One part of a message.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Part {
    InputText(String),
    InputAudio(Recording),
    InputImage { image_url: String, detail: Option<String> },
    OutputText(String),
    OutputAudio(Speech),
}

/// What a user said.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Recording {
    audio: Vec<u8>,
    encoding: Encoding,
    /// As the client told it, or as it was transcribed.
    pub(super) transcript: Option<String>,
    /// What the model understood, whether or not it was to be transcribed.
    pub(super) understood: String,
}

impl Recording {
    pub(super) fn new(audio: Vec<u8>, encoding: Encoding) -> Self {
        let understood = understand_at(&encoding.samples(&audio), encoding.samples_per_ms());
        Self { audio, encoding, transcript: None, understood }
    }

    fn audio_ms(&self) -> u64 {
        self.audio.len() as u64 / self.encoding.bytes_per_ms()
    }
}

/// What the model has spoken in one part. The audio itself is not kept: the tone makes it again.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Speech {
    /// The words sent so far; the audio lags behind them.
    text: String,
    tone: Tone,
    /// Samples sent so far; fewer after a truncation.
    sent: usize,
    /// A truncated answer has lost its words: nobody knows which of them were heard.
    truncated: bool,
}

impl Speech {
    pub(super) fn new(tone: Tone) -> Self {
        Self { text: String::new(), tone, sent: 0, truncated: false }
    }

    /// Notes what was just sent. After a truncation nothing is added any more.
    pub(super) fn add(&mut self, words: &str, samples: usize) {
        if !self.truncated {
            self.text.push_str(words);
            self.sent += samples;
        }
    }

    /// Forgets the words, and the audio from there on.
    pub(super) fn truncate(&mut self, audio_end_ms: u64) {
        let end = usize::try_from(audio_end_ms).unwrap_or(usize::MAX);
        self.sent = end.saturating_mul(self.tone.encoding.samples_per_ms()).min(self.sent);
        self.truncated = true;
    }

    pub(super) fn audio_ms(&self) -> u64 {
        self.tone.ms(self.sent)
    }

    pub(super) fn transcript(&self) -> String {
        if self.truncated { String::new() } else { self.text.clone() }
    }

    fn audio(&self) -> Vec<u8> {
        let letters: Vec<char> = self.text.chars().collect();
        self.tone.speak(&letters, 0..self.sent)
    }
}

impl Part {
    pub(super) fn to_wire(&self, with_audio: bool) -> Value {
        let base64 = |audio: &[u8]| base64_simd::STANDARD.encode_to_string(audio);
        match self {
            Self::InputText(text) => json!({"type": "input_text", "text": text}),
            Self::OutputText(text) => json!({"type": "output_text", "text": text}),
            Self::InputImage { image_url, detail } => {
                let mut part = json!({"type": "input_image", "image_url": image_url});
                if let Some(detail) = detail {
                    part["detail"] = json!(detail);
                }
                part
            }
            Self::InputAudio(recording) => {
                let mut part = json!({"type": "input_audio"});
                if let Some(transcript) = &recording.transcript {
                    part["transcript"] = json!(transcript);
                }
                if with_audio {
                    part["audio"] = json!(base64(&recording.audio));
                }
                part
            }
            Self::OutputAudio(speech) => {
                let mut part = json!({"type": "output_audio", "transcript": speech.transcript()});
                if with_audio {
                    part["audio"] = json!(base64(&speech.audio()));
                }
                part
            }
        }
    }

    /// The words of it, as far as there are any.
    pub(super) fn text(&self) -> String {
        match self {
            Self::InputText(text) | Self::OutputText(text) => text.clone(),
            Self::InputAudio(recording) => {
                recording.transcript.clone().unwrap_or_else(|| recording.understood.clone())
            }
            Self::InputImage { .. } => String::new(),
            Self::OutputAudio(speech) => speech.transcript(),
        }
    }

    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::InputText(text) | Self::OutputText(text) => text.len(),
            Self::InputAudio(recording) => recording.audio.len(),
            Self::InputImage { image_url, .. } => image_url.len(),
            Self::OutputAudio(speech) => speech.text.len(),
        }
    }

    /// The audio of it, in milliseconds.
    pub(super) fn audio_ms(&self) -> u64 {
        match self {
            Self::InputAudio(recording) => recording.audio_ms(),
            Self::OutputAudio(speech) => speech.audio_ms(),
            Self::InputText(_) | Self::InputImage { .. } | Self::OutputText(_) => 0,
        }
    }
}

/// Reads one part of a message that its table has let pass.
///
/// # Errors
/// What a table cannot say: base64 that is none, an image that is no data URI.
pub(super) fn read_part(part: &Value, role: Role, encoding: Encoding, path: &str) -> Result<Part, Refusal> {
    let text = |name: &str| part[name].as_str().unwrap_or_default().to_owned();
    match (part["type"].as_str(), role) {
        (Some("input_audio"), _) => {
            let audio = decode_audio(&text("audio"), encoding, &format!("{path}.audio"))?;
            let transcript = part["transcript"].as_str().map(str::to_owned);
            Ok(Part::InputAudio(Recording { transcript, ..Recording::new(audio, encoding) }))
        }
        (Some("input_image"), _) => {
            let image_url = text("image_url");
            if !["data:image/png;base64,", "data:image/jpeg;base64,"]
                .iter()
                .any(|kind| image_url.starts_with(kind))
            {
                return Err(invalid(
                    &format!("{path}.image_url"),
                    "expected a data URI of a PNG or JPEG image",
                ));
            }
            Ok(Part::InputImage { image_url, detail: part["detail"].as_str().map(str::to_owned) })
        }
        (_, Role::Assistant) => Ok(Part::OutputText(text("text"))),
        (_, Role::System | Role::User) => Ok(Part::InputText(text("text"))),
    }
}

/// Most audio of one event, in bytes after decoding.
const AUDIO_MAX: usize = 15 << 20;

/// Base64 audio as bytes.
///
/// # Errors
/// `invalid_value` when it is no base64, more than 15 MiB, or half a sample.
pub(super) fn decode_audio(base64: &str, encoding: Encoding, path: &str) -> Result<Vec<u8>, Refusal> {
    let audio = base64_simd::STANDARD.decode_to_vec(base64);
    let audio = audio.map_err(|_| invalid(path, "expected base64-encoded audio bytes"))?;
    if audio.len() > AUDIO_MAX {
        return Err(invalid(path, "audio is larger than 15 MiB"));
    }
    if encoding == Encoding::Pcm && audio.len() % 2 == 1 {
        return Err(invalid(path, "audio/pcm has two bytes a sample, but the number of bytes is odd"));
    }
    Ok(audio)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn audio_that_is_none_is_refused() {
        for (audio, encoding) in [("@@", Encoding::MuLaw), ("AAAA", Encoding::Pcm), ("AA", Encoding::MuLaw)] {
            let refusal = decode_audio(audio, encoding, "audio").unwrap_err();
            assert_eq!((refusal.code, refusal.param.as_deref()), ("invalid_value", Some("audio")));
        }
    }

    #[test]
    fn a_truncated_answer_keeps_its_audio_and_loses_its_words() {
        let tone = Tone::of_voice("marin", Encoding::MuLaw, 1.0);
        let mut speech = Speech::new(tone);
        speech.add("Hello ", 1_000);
        speech.add("there", 4_280);
        assert_eq!((speech.transcript().as_str(), speech.audio().len()), ("Hello there", 660 * 8));
        speech.truncate(100);
        speech.add("!", 480);
        assert_eq!((speech.transcript().as_str(), speech.audio().len()), ("", 800));
    }
}
