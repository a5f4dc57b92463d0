//! The parts of a message: text, audio, images.

use serde_json::{Value, json};

use super::item::Role;
use super::refusal::{Refusal, invalid};
use super::voice::{Encoding, Tone};

/// One part of a message.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Part {
    InputText(String),
    InputAudio { audio: Vec<u8>, encoding: Encoding, transcript: Option<String> },
    InputImage { image_url: String, detail: Option<String> },
    OutputText(String),
    OutputAudio(Speech),
}

/// What the model has spoken in one part. The audio itself is not kept: the tone makes it again.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Speech {
    /// The pieces it was spoken in.
    pub(super) chunks: Vec<String>,
    pub(super) tone: Tone,
    /// Audio sent so far, in milliseconds; less after a truncation.
    pub(super) audio_ms: u64,
    /// A truncated answer has lost its words: nobody knows which of them were heard.
    pub(super) truncated: bool,
}

impl Speech {
    pub(super) fn transcript(&self) -> String {
        if self.truncated { String::new() } else { self.chunks.concat() }
    }

    fn audio(&self) -> Vec<u8> {
        let mut audio: Vec<u8> = self.chunks.iter().flat_map(|chunk| self.tone.speak(chunk)).collect();
        audio.truncate(
            usize::try_from(self.audio_ms * self.tone.encoding.bytes_per_ms()).unwrap_or(usize::MAX),
        );
        audio
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
            Self::InputAudio { audio, transcript, .. } => {
                let mut part = json!({"type": "input_audio"});
                if let Some(transcript) = transcript {
                    part["transcript"] = json!(transcript);
                }
                if with_audio {
                    part["audio"] = json!(base64(audio));
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
            Self::InputAudio { transcript, .. } => transcript.clone().unwrap_or_default(),
            Self::InputImage { .. } => String::new(),
            Self::OutputAudio(speech) => speech.transcript(),
        }
    }

    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::InputText(text) | Self::OutputText(text) => text.len(),
            Self::InputAudio { audio, .. } => audio.len(),
            Self::InputImage { image_url, .. } => image_url.len(),
            Self::OutputAudio(speech) => speech.chunks.iter().map(String::len).sum(),
        }
    }

    /// The audio of it, in milliseconds.
    pub(super) fn audio_ms(&self) -> u64 {
        match self {
            Self::InputAudio { audio, encoding, .. } => audio.len() as u64 / encoding.bytes_per_ms(),
            Self::OutputAudio(speech) => speech.audio_ms,
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
            Ok(Part::InputAudio {
                audio,
                encoding,
                transcript: part["transcript"].as_str().map(str::to_owned),
            })
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
        let mut speech =
            Speech { chunks: vec!["Hello ".into(), "there".into()], tone, audio_ms: 660, truncated: false };
        assert_eq!((speech.transcript().as_str(), speech.audio().len()), ("Hello there", 660 * 8));
        speech.audio_ms = 100;
        speech.truncated = true;
        assert_eq!((speech.transcript().as_str(), speech.audio().len()), ("", 800));
    }
}
