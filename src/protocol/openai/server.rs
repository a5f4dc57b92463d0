//! Events the server sends. Everything but the fields we key on is optional, and what is new is named and passed
//! over: a new event, field or content type must never end a call.

use std::borrow::Cow;

use serde::Deserialize;

use super::parts::{ApiError, EchoedSession, Item, Response};
use crate::id::{ItemId, ResponseId};

/// An event we read.
#[derive(Debug, Clone, PartialEq)]
pub enum ServerEvent {
    /// The socket is open; the server's default session is in force.
    SessionCreated(EchoedSession),
    /// An update is in force; answers the oldest update in flight.
    SessionUpdated(EchoedSession),
    /// Something we sent was refused, or the server has trouble. Does not end the session by itself.
    Error(ApiError),
    /// An item stands in the conversation.
    ItemAdded {
        /// Which.
        item_id: ItemId,
    },
    /// A response began.
    ResponseCreated(Response),
    /// A piece of what the persona says, as text.
    TextDelta {
        /// Of which response.
        response_id: ResponseId,
        /// Of which message.
        item_id: ItemId,
        /// The piece.
        delta: String,
    },
    /// The caller began to speak.
    SpeechStarted {
        /// The item that their words will be.
        item_id: Option<ItemId>,
        /// So much audio this socket was given before they began.
        at_ms: u64,
    },
    /// The caller fell silent.
    SpeechStopped {
        /// The item that their words will be.
        item_id: Option<ItemId>,
        /// So much audio this socket was given before they fell silent.
        at_ms: u64,
    },
    /// What the caller said stands in the conversation.
    Committed {
        /// As this item.
        item_id: ItemId,
    },
    /// What the caller said, in writing.
    Transcribed {
        /// Which item.
        item_id: ItemId,
        /// The words.
        transcript: String,
    },
    /// What the caller said could not be written down.
    NotTranscribed {
        /// Which item.
        item_id: ItemId,
        /// Why.
        error: ApiError,
    },
    /// An item of a response is complete: a message, or a tool call.
    OutputItemDone {
        /// Of which response.
        response_id: ResponseId,
        /// The item.
        item: Item,
    },
    /// A response ended.
    ResponseDone(Response),
    /// An event of a documented type that nobody here has use for.
    Unused,
    /// An event of a type that we do not know: counted, named once in the log, passed over.
    Unknown(String),
}

/// A frame that is no event: not JSON, no `type`, or a key field is missing.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the model's event `{kind}`")]
pub struct ParseError {
    /// Its type, if it had one.
    pub kind: String,
    #[source]
    source: serde_json::Error,
}

#[derive(Deserialize)]
struct Head<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
}

#[derive(Deserialize)]
struct SessionFrame {
    session: EchoedSession,
}

#[derive(Deserialize)]
struct ErrorFrame {
    error: ApiError,
}

#[derive(Deserialize)]
struct ItemFrame {
    item: ItemHead,
}

#[derive(Deserialize)]
struct ItemHead {
    id: ItemId,
}

#[derive(Deserialize)]
struct ResponseFrame {
    response: Response,
}

#[derive(Deserialize)]
struct DeltaFrame {
    response_id: ResponseId,
    item_id: ItemId,
    delta: String,
}

#[derive(Deserialize)]
struct SpeechEdgeFrame {
    #[serde(default)]
    item_id: Option<ItemId>,
    #[serde(default, alias = "audio_start_ms", alias = "audio_end_ms")]
    at_ms: Option<u64>,
}

#[derive(Deserialize)]
struct CommittedFrame {
    item_id: ItemId,
}

#[derive(Deserialize)]
struct TranscriptFrame {
    item_id: ItemId,
    #[serde(default)]
    transcript: String,
    #[serde(default)]
    error: ApiError,
}

#[derive(Deserialize)]
struct OutputItemFrame {
    response_id: ResponseId,
    item: Item,
}

impl ServerEvent {
    /// Reads one text frame.
    ///
    /// # Errors
    /// [`ParseError`] when the frame is no JSON object with a `type`, or an event that matters to us lacks the
    /// field we key on. Unknown types and fields are no error.
    pub fn parse(frame: &str) -> Result<Self, ParseError> {
        let head: Head<'_> =
            serde_json::from_str(frame).map_err(|source| ParseError { kind: String::new(), source })?;
        let kind = head.kind.as_ref();
        let named = || kind.chars().take(LONGEST_KIND).collect();
        Self::parse_as(kind, frame).map_err(|source| ParseError { kind: named(), source })
    }

    fn parse_as(kind: &str, frame: &str) -> Result<Self, serde_json::Error> {
        use serde_json::from_str;
        Ok(match kind {
            "session.created" => Self::SessionCreated(from_str::<SessionFrame>(frame)?.session),
            "session.updated" => Self::SessionUpdated(from_str::<SessionFrame>(frame)?.session),
            "error" => Self::Error(from_str::<ErrorFrame>(frame)?.error),
            // `created` is the older twin of `added`; either tells us that the item stands.
            "conversation.item.added" | "conversation.item.created" => {
                Self::ItemAdded { item_id: from_str::<ItemFrame>(frame)?.item.id }
            }
            "response.created" => Self::ResponseCreated(from_str::<ResponseFrame>(frame)?.response),
            "response.output_text.delta" | "response.output_audio_transcript.delta" => {
                let DeltaFrame { response_id, item_id, delta } = from_str(frame)?;
                Self::TextDelta { response_id, item_id, delta }
            }
            "response.output_item.done" => {
                let OutputItemFrame { response_id, item } = from_str(frame)?;
                Self::OutputItemDone { response_id, item }
            }
            "input_audio_buffer.speech_started" => {
                let SpeechEdgeFrame { item_id, at_ms } = from_str(frame)?;
                Self::SpeechStarted { item_id, at_ms: at_ms.unwrap_or_default() }
            }
            "input_audio_buffer.speech_stopped" => {
                let SpeechEdgeFrame { item_id, at_ms } = from_str(frame)?;
                Self::SpeechStopped { item_id, at_ms: at_ms.unwrap_or_default() }
            }
            "input_audio_buffer.committed" => {
                Self::Committed { item_id: from_str::<CommittedFrame>(frame)?.item_id }
            }
            "conversation.item.input_audio_transcription.completed" => {
                let TranscriptFrame { item_id, transcript, .. } = from_str(frame)?;
                Self::Transcribed { item_id, transcript }
            }
            "conversation.item.input_audio_transcription.failed" => {
                let TranscriptFrame { item_id, error, .. } = from_str(frame)?;
                Self::NotTranscribed { item_id, error }
            }
            "response.done" => Self::ResponseDone(from_str::<ResponseFrame>(frame)?.response),
            known if UNUSED.contains(&known) => Self::Unused,
            unknown => Self::Unknown(unknown.chars().take(LONGEST_KIND).collect()),
        })
    }
}

/// What is kept of the name of an unknown type.
const LONGEST_KIND: usize = 64;

/// The documented types that nobody here has use for. Audio deltas are read elsewhere, before they come here.
const UNUSED: &[&str] = &[
    "conversation.created",
    "conversation.item.done",
    "conversation.item.retrieved",
    "conversation.item.truncated",
    "conversation.item.deleted",
    "conversation.item.input_audio_transcription.delta",
    "conversation.item.input_audio_transcription.segment",
    "input_audio_buffer.cleared",
    "input_audio_buffer.timeout_triggered",
    "input_audio_buffer.dtmf_event_received",
    "output_audio_buffer.started",
    "output_audio_buffer.stopped",
    "output_audio_buffer.cleared",
    "response.output_item.added",
    "response.content_part.added",
    "response.content_part.done",
    "response.output_text.done",
    "response.output_audio.delta",
    "response.output_audio.done",
    "response.output_audio_transcript.done",
    "response.function_call_arguments.delta",
    "response.function_call_arguments.done",
    "response.mcp_call_arguments.delta",
    "response.mcp_call_arguments.done",
    "response.mcp_call.in_progress",
    "response.mcp_call.completed",
    "response.mcp_call.failed",
    "mcp_list_tools.in_progress",
    "mcp_list_tools.completed",
    "mcp_list_tools.failed",
    "rate_limits.updated",
];

#[cfg(test)]
mod tests {
    use super::super::parts::StatusDetails;
    use super::*;

    #[test]
    fn what_is_new_is_named_and_never_an_error() {
        assert_eq!(
            ServerEvent::parse(r#"{"type":"response.hologram.delta","event_id":"e","glow":1}"#).unwrap(),
            ServerEvent::Unknown("response.hologram.delta".into())
        );
        let delta = r#"{"type":"response.output_text.delta","event_id":"e","response_id":"r","item_id":"i",
                        "output_index":0,"content_index":0,"delta":"hé","obfuscation":"xx"}"#;
        assert_eq!(
            ServerEvent::parse(delta).unwrap(),
            ServerEvent::TextDelta { response_id: "r".into(), item_id: "i".into(), delta: "hé".into() }
        );
    }

    #[test]
    fn garbage_is_an_error_and_says_of_which_type() {
        for garbage in ["", "nonsense", "[]", "{}", "null"] {
            assert!(ServerEvent::parse(garbage).is_err(), "{garbage}");
        }
        let lame = ServerEvent::parse(r#"{"type":"response.output_text.delta","delta":"x"}"#).unwrap_err();
        assert_eq!(lame.kind, "response.output_text.delta");
    }

    #[test]
    fn a_failed_response_is_read_however_its_details_come() {
        let done = |details: &str| {
            let frame = format!(
                r#"{{"type":"response.done","response":{{"id":"r","status":"failed","status_details":{details},
                    "output":[{{"type":"message","content":[{{"type":"new","shape":1}}]}},"odd"],
                    "usage":null,"metadata":null}}}}"#
            );
            match ServerEvent::parse(&frame).unwrap() {
                ServerEvent::ResponseDone(response) => response,
                other => panic!("{other:?}"),
            }
        };
        let object = done(r#"{"type":"failed","error":{"type":"server_error","code":null,"message":"m"}}"#);
        assert_eq!(object.status_details.error.unwrap().word(), "server_error");
        assert_eq!(object.output.len(), 1);
        assert_eq!(done(r#""content_filter""#).status_details.reason.as_deref(), Some("content_filter"));
        assert_eq!(done("null").status_details, StatusDetails::default());
        assert_eq!(done("17").status_details, StatusDetails::default());
    }

    #[test]
    fn an_event_is_read_whatever_is_odd_inside() {
        for inside in [
            r#""usage":{"input_tokens":null,"output_tokens":3}"#,
            r#""usage":{"input_tokens":12.0}"#,
            r#""metadata":{"token":7}"#,
            r#""metadata":[]"#,
            r#""output":{}"#,
        ] {
            let frame = format!(
                r#"{{"type":"response.done","response":{{"id":"r","status":"completed",{inside}}}}}"#
            );
            let Ok(ServerEvent::ResponseDone(response)) = ServerEvent::parse(&frame) else {
                panic!("{inside}")
            };
            assert_eq!((response.id, response.status.as_deref()), (Some("r".into()), Some("completed")));
        }
        for odd in [
            r#"{"type":"session.updated","session":{"id":"s","tools":["odd"]}}"#,
            r#"{"type":"error","error":{"code":429,"event_id":"rc_1"}}"#,
            r#"{"type":"response.output_item.done","response_id":"r","item":{"id":"i","type":"function_call",
                "status":"completed","call_id":"c","name":"n","arguments":"{}","content":null}}"#,
        ] {
            assert!(ServerEvent::parse(odd).is_ok(), "{odd}");
        }
    }
}
