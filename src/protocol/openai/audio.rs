//! The audio path: frames that are many, read and written without more than they need.

use std::ops::Range;

use serde::ser::SerializeStruct;
use serde::{Deserialize, Serialize, Serializer};

use crate::sound::AudioFormat;

/// What stands before and after the base64 of the caller's audio to make it an `input_audio_buffer.append`. It has
/// no `event_id`: it is never answered.
pub const APPEND: (&str, &str) = (r#"{"type":"input_audio_buffer.append","audio":""#, r#""}"#);

/// What makes a saying of the caller's audio that was given so far. It stands among the audio, and is no longer than
/// what is written around a payload there: nobody takes it for sound.
pub const COMMIT: &str = r#"{"type":"input_audio_buffer.commit"}"#;
/// What makes the model forget the caller's audio that it has not taken yet; it stands among the audio, too.
pub const CLEAR: &str = r#"{"type":"input_audio_buffer.clear"}"#;

const DELTA: &str = "response.output_audio.delta";
const DONE: &str = "response.output_audio.done";

impl Serialize for AudioFormat {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (kind, rate) = match self {
            Self::Pcmu => ("audio/pcmu", None),
            // Of PCM the rate is told, though there is only one.
            Self::Pcm24k => ("audio/pcm", Some(24_000)),
        };
        let mut format = serializer.serialize_struct("AudioFormat", 1 + usize::from(rate.is_some()))?;
        format.serialize_field("type", kind)?;
        if let Some(rate) = rate {
            format.serialize_field("rate", &rate)?;
        }
        format.end()
    }
}

/// A frame that carries the persona's speech, or says that a message has no more of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpeechFrame<'a> {
    /// Of which response.
    pub response_id: &'a str,
    /// Of which message.
    pub item_id: &'a str,
    /// Where in the frame the base64 stands; `None` when all has come.
    pub payload: Option<Range<usize>>,
}

#[derive(Deserialize)]
struct Fields<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    response_id: &'a str,
    item_id: &'a str,
    delta: Option<&'a str>,
}

/// Reads a frame if it is one of speech: one borrowed pass, no copy. Any other frame is `None`, after a glance.
pub fn speech(frame: &str) -> Option<SpeechFrame<'_>> {
    // Whatever the order of the fields, a frame of speech holds this; few others do.
    if !frame.contains("response.output_audio.d") {
        return None;
    }
    // Base64 and ids have nothing to escape: they can be borrowed.
    let Fields { kind, response_id, item_id, delta } = serde_json::from_str(frame).ok()?;
    let payload = match (kind, delta) {
        (DELTA, Some(delta)) => {
            let at = delta.as_ptr() as usize - frame.as_ptr() as usize;
            Some(at..at + delta.len())
        }
        (DONE, _) => None,
        (_, _) => return None,
    };
    Some(SpeechFrame { response_id, item_id, payload })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_of_speech_is_read_in_whatever_order_its_fields_come() {
        for frame in [
            r#"{"type":"response.output_audio.delta","event_id":"e","response_id":"r","item_id":"i","output_index":0,
                "content_index":0,"delta":"/v8A"}"#,
            r#"{"delta":"/v8A","item_id":"i","response_id":"r","obfuscation":"xx","type":"response.output_audio.delta"}"#,
        ] {
            let speech = speech(frame).unwrap();
            assert_eq!((speech.response_id, speech.item_id), ("r", "i"));
            assert_eq!(&frame[speech.payload.unwrap()], "/v8A");
        }
    }

    #[test]
    fn the_end_of_a_message_has_no_payload() {
        let done =
            r#"{"type":"response.output_audio.done","response_id":"r","item_id":"i","content_index":0}"#;
        assert_eq!(speech(done), Some(SpeechFrame { response_id: "r", item_id: "i", payload: None }));
    }

    #[test]
    fn other_frames_are_left_to_others() {
        for other in [
            r#"{"type":"response.output_text.delta","response_id":"r","item_id":"i","delta":"response.output_audio.delta"}"#,
            r#"{"type":"response.output_audio_transcript.delta","response_id":"r","item_id":"i","delta":"x"}"#,
            r#"{"type":"response.output_audio.delta","response_id":"r"}"#,
            "",
            "response.output_audio.delta",
        ] {
            assert_eq!(speech(other), None, "{other}");
        }
    }

    #[test]
    fn a_format_is_named_as_the_reference_names_it() {
        let written = |format: AudioFormat| serde_json::to_value(format).unwrap();
        assert_eq!(written(AudioFormat::Pcmu), serde_json::json!({"type": "audio/pcmu"}));
        assert_eq!(written(AudioFormat::Pcm24k), serde_json::json!({"type": "audio/pcm", "rate": 24_000}));
    }

    #[test]
    fn an_append_is_json() {
        let (before, after) = APPEND;
        let value: serde_json::Value = serde_json::from_str(&format!("{before}AAAA{after}")).unwrap();
        assert_eq!(value, serde_json::json!({"type": "input_audio_buffer.append", "audio": "AAAA"}));
    }
}
