//! The small protocol of browsers: JSON in text frames, audio as base64 of 16-bit little-endian PCM, 24 kHz, mono.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::audio::audio_bytes;
use crate::sound::AudioFormat;

/// Longest text that is taken as one saying, in characters.
pub const MAX_TEXT_CHARS: usize = 5_000;

/// What a browser sends.
#[derive(Debug, Clone, PartialEq)]
pub enum ClientMessage<'a> {
    /// Sound of the caller.
    Audio {
        /// Base64, not checked: see [`pcm_bytes`].
        data: Cow<'a, str>,
    },
    /// The caller wrote.
    Text {
        /// What.
        text: Cow<'a, str>,
    },
    /// The caller wants to speak with someone else.
    Persona {
        /// With whom.
        key: Cow<'a, str>,
    },
    /// How much was played.
    Played {
        /// Milliseconds of audio of this connection, since it began.
        ms: u64,
        /// The newest `clear` that was carried out before, if the browser tells.
        clear: Option<u64>,
    },
}

/// Why a frame cannot be used; each says what to send instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadMessage {
    /// It is no JSON object with a `type`.
    #[error("send JSON objects with a `type`")]
    Unreadable,
    /// Its `type` is none we know.
    #[error("the `type` must be audio, text, persona or played")]
    UnknownType,
    /// It lacks what its `type` needs, or that is of another kind.
    #[error("audio needs `data`, text needs `text`, persona needs `key`, and played needs `ms`")]
    MissingField,
}

#[derive(Deserialize)]
struct Fields<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(borrow, default)]
    data: Option<Text<'a>>,
    #[serde(borrow, default)]
    text: Option<Text<'a>>,
    #[serde(borrow, default)]
    key: Option<Text<'a>>,
    #[serde(default)]
    ms: Option<f64>,
    #[serde(default)]
    clear: Option<u64>,
}

/// Borrowed, unless there are escapes in it.
#[derive(Deserialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// Reads a text frame.
///
/// # Errors
/// [`BadMessage`], which says what to send instead.
pub fn parse(frame: &str) -> Result<ClientMessage<'_>, BadMessage> {
    let fields: Fields<'_> = serde_json::from_str(frame).map_err(|error| match error.classify() {
        serde_json::error::Category::Data if frame.contains("\"type\"") => BadMessage::MissingField,
        _ => BadMessage::Unreadable,
    })?;
    match fields.kind.0.as_ref() {
        "audio" => Ok(ClientMessage::Audio { data: needed(fields.data)? }),
        "text" => Ok(ClientMessage::Text { text: needed(fields.text)? }),
        "persona" => Ok(ClientMessage::Persona { key: needed(fields.key)? }),
        "played" => {
            let ms = fields.ms.filter(|ms| ms.is_finite() && *ms >= 0.0).ok_or(BadMessage::MissingField)?;
            Ok(ClientMessage::Played { ms: ms as u64, clear: fields.clear })
        }
        _ => Err(BadMessage::UnknownType),
    }
}

fn needed(field: Option<Text<'_>>) -> Result<Cow<'_, str>, BadMessage> {
    field.map(|text| text.0).ok_or(BadMessage::MissingField)
}

/// How many bytes of whole samples this audio holds; `None` for what is no padded base64, or ends within a sample.
pub fn pcm_bytes(data: &str) -> Option<usize> {
    audio_bytes(data, AudioFormat::Pcm24k)
}

/// What a browser is sent besides audio. Fields and types are added, never renamed or removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ServerMessage {
    /// The call is there: the first message of every connection.
    Ready {
        /// The call's id, as `/ai/calls` shows it.
        call_id: String,
        /// How audio is written, both ways; always `pcm16`.
        format: &'static str,
        /// Its samples in a second, both ways.
        sample_rate: u32,
    },
    /// The caller spoke: drop what is queued.
    Clear {
        /// Which clear of this connection, from 1.
        clear: u64,
    },
    /// Something that was said.
    Transcript {
        /// By whom: `caller` or `assistant`.
        role: &'static str,
        /// The words: of a message that is not final, those that came since the last.
        text: String,
        /// Whether this is the whole message.
        #[serde(rename = "final")]
        is_final: bool,
        /// The message: a later one of the same id takes its place.
        #[serde(skip_serializing_if = "Option::is_none")]
        item_id: Option<String>,
        /// Whether it was cut off: the words are those that were heard.
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        interrupted: bool,
    },
    /// Who speaks from here on.
    Persona {
        /// The persona's key.
        key: String,
    },
    /// A tool was used.
    Tool {
        /// Which.
        name: String,
        /// `started`, or how it ended: `ok`, `error`, `timeout` or `refused`.
        status: &'static str,
    },
    /// Something went wrong. The connection goes on unless it is closed behind this.
    Error {
        /// What, for programs.
        code: String,
        /// A sentence that says what to do.
        error: String,
    },
    /// The call is over: the connection is closed behind this.
    Ended {
        /// Why, as in `call.ended`.
        reason: String,
    },
}

impl ServerMessage {
    /// An error.
    pub fn error(code: impl Into<String>, error: impl Into<String>) -> Self {
        Self::Error { code: code.into(), error: error.into() }
    }

    /// As it goes over the wire.
    pub fn to_json(&self) -> String {
        // Texts and numbers can always be written.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// Audio as it goes over the wire. Base64 has nothing to escape.
pub fn audio_json(base64: &str) -> String {
    const BEFORE: &str = r#"{"type":"audio","data":""#;
    const AFTER: &str = r#""}"#;
    let mut json = String::with_capacity(BEFORE.len() + base64.len() + AFTER.len());
    json.push_str(BEFORE);
    json.push_str(base64);
    json.push_str(AFTER);
    json
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn the_messages_of_a_browser_are_read() {
        let audio = parse(r#"{"type":"audio","data":"AAAA","more":{"x":1}}"#).unwrap();
        assert!(matches!(audio, ClientMessage::Audio { data: Cow::Borrowed("AAAA") }));
        assert_eq!(
            parse(r#"{"text":"h\u0069","type":"text"}"#),
            Ok(ClientMessage::Text { text: "hi".into() })
        );
        assert_eq!(
            parse(r#"{"type":"persona","key":"cfo"}"#),
            Ok(ClientMessage::Persona { key: "cfo".into() })
        );
        let played = |ms, clear| Ok(ClientMessage::Played { ms, clear });
        assert_eq!(parse(r#"{"type":"played","ms":1200.7}"#), played(1_200, None));
        assert_eq!(parse(r#"{"type":"played","ms":0,"clear":2}"#), played(0, Some(2)));
    }

    #[test]
    fn what_cannot_be_used_is_told_apart() {
        for (frame, why) in [
            ("", BadMessage::Unreadable),
            ("[]", BadMessage::Unreadable),
            (r#"{"data":"AAAA"}"#, BadMessage::Unreadable),
            (r#"{"type":"audio""#, BadMessage::Unreadable),
            (r#"{"type":"session.update"}"#, BadMessage::UnknownType),
            (r#"{"type":"audio"}"#, BadMessage::MissingField),
            (r#"{"type":"audio","data":7}"#, BadMessage::MissingField),
            (r#"{"type":"played","ms":-1}"#, BadMessage::MissingField),
        ] {
            assert_eq!(parse(frame), Err(why), "{frame}");
        }
    }

    #[test]
    fn audio_is_whole_samples_in_base64() {
        assert_eq!(pcm_bytes("AAAAAAAA"), Some(6));
        assert_eq!(pcm_bytes("AAA="), Some(2));
        assert_eq!(pcm_bytes(""), Some(0));
        for bad in ["AAAA", "AA", "AAA*", "AAA=AAA="] {
            assert_eq!(pcm_bytes(bad).filter(|_| bad != "AAAA"), None, "{bad}");
        }
        assert_eq!(pcm_bytes("AAAA"), None, "one sample and a half");
    }

    #[test]
    fn what_a_browser_is_sent_has_the_shapes_that_are_told() {
        let value = |message: ServerMessage| serde_json::from_str::<Value>(&message.to_json()).unwrap();
        assert_eq!(value(ServerMessage::Clear { clear: 1 }), json!({"type": "clear", "clear": 1}));
        let said = ServerMessage::Transcript {
            role: "caller",
            text: "tea".into(),
            is_final: true,
            item_id: None,
            interrupted: false,
        };
        assert_eq!(
            value(said),
            json!({"type": "transcript", "role": "caller", "text": "tea", "final": true})
        );
        assert_eq!(
            value(ServerMessage::error("rate_limited", "wait")),
            json!({"type": "error", "code": "rate_limited", "error": "wait"})
        );
        let audio: Value = serde_json::from_str(&audio_json("AAAA")).unwrap();
        assert_eq!(audio, json!({"type": "audio", "data": "AAAA"}));
    }

    proptest! {
        #[test]
        fn any_frame_is_survived(frame in "\\PC{0,80}") {
            let _ = parse(&frame);
        }

        #[test]
        fn any_text_comes_through(text in "\\PC{0,40}") {
            let frame = json!({"type": "text", "text": text}).to_string();
            prop_assert_eq!(parse(&frame), Ok(ClientMessage::Text { text: text.clone().into() }));
        }
    }
}
