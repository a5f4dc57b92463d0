//! Events the server sends. Everything but the fields we key on is optional, and what is new is named and passed
//! over: a new event, field or content type must never end a call.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer};

use crate::id::{ItemId, ResponseId, ToolCallId};

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
    /// An item of a response is complete: a message, or a tool call.
    OutputItemDone {
        /// Of which response.
        response_id: ResponseId,
        /// The item.
        item: Item,
    },
    /// A response ended.
    ResponseDone(Response),
    /// An event of a documented type that a text session has no use for.
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
            "response.done" => Self::ResponseDone(from_str::<ResponseFrame>(frame)?.response),
            known if UNUSED.contains(&known) => Self::Unused,
            unknown => Self::Unknown(unknown.chars().take(LONGEST_KIND).collect()),
        })
    }
}

/// What is kept of the name of an unknown type.
const LONGEST_KIND: usize = 64;

/// The documented types a text session has no use for.
const UNUSED: &[&str] = &[
    "conversation.created",
    "conversation.item.done",
    "conversation.item.retrieved",
    "conversation.item.truncated",
    "conversation.item.deleted",
    "conversation.item.input_audio_transcription.delta",
    "conversation.item.input_audio_transcription.completed",
    "conversation.item.input_audio_transcription.failed",
    "conversation.item.input_audio_transcription.segment",
    "input_audio_buffer.committed",
    "input_audio_buffer.cleared",
    "input_audio_buffer.speech_started",
    "input_audio_buffer.speech_stopped",
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

/// What a session says of itself; only what we compare or need.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct EchoedSession {
    /// The session's id.
    #[serde(deserialize_with = "lenient")]
    pub id: Option<String>,
    /// When the session ends, in Unix seconds.
    #[serde(deserialize_with = "lenient")]
    pub expires_at: Option<i64>,
    /// The system prompt in force.
    #[serde(deserialize_with = "lenient")]
    pub instructions: Option<String>,
    /// The tools in force.
    #[serde(deserialize_with = "lenient")]
    pub tools: Option<Vec<EchoedTool>>,
}

/// A tool of a session, by name.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct EchoedTool {
    /// Absent for tools that are no functions.
    pub name: Option<String>,
}

/// What an `error` event, or a failed response, says.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct ApiError {
    /// The kind of error.
    #[serde(rename = "type", deserialize_with = "lenient")]
    pub kind: Option<String>,
    /// Its code; often absent for server errors.
    #[serde(deserialize_with = "lenient")]
    pub code: Option<String>,
    /// A sentence for people.
    #[serde(deserialize_with = "lenient")]
    pub message: Option<String>,
    /// Which field it is about.
    #[serde(deserialize_with = "lenient")]
    pub param: Option<String>,
    /// Which event of ours caused it; may be absent though there was one.
    #[serde(deserialize_with = "lenient")]
    pub event_id: Option<String>,
}

impl ApiError {
    /// The most telling short word for it: its code, else its type.
    pub fn word(&self) -> &str {
        self.code.as_deref().or(self.kind.as_deref()).unwrap_or("unknown_error")
    }
}

/// A response, begun or ended.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default)]
pub struct Response {
    /// Absent only in events that are no use to anyone.
    #[serde(deserialize_with = "lenient")]
    pub id: Option<ResponseId>,
    /// `in_progress`, `completed`, `cancelled`, `incomplete`, `failed`, or something new.
    #[serde(deserialize_with = "lenient")]
    pub status: Option<String>,
    /// Why it ended as it did; seen as an object and as a bare string.
    #[serde(deserialize_with = "status_details")]
    pub status_details: StatusDetails,
    /// Its items, once it has ended.
    #[serde(deserialize_with = "readable_items")]
    pub output: Vec<Item>,
    /// What it cost.
    #[serde(deserialize_with = "lenient")]
    pub usage: Option<UsageReport>,
    /// What we marked it with.
    #[serde(deserialize_with = "lenient")]
    pub metadata: Metadata,
}

impl Response {
    /// The `event_id` of our `response.create`, if it was ours.
    pub fn token(&self) -> Option<&str> {
        self.metadata.token()
    }
}

/// What a response was marked with.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct Metadata {
    #[serde(deserialize_with = "lenient")]
    token: Option<String>,
}

impl Metadata {
    /// The `event_id` of our `response.create`, if it was ours.
    pub fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }
}

/// Why a response ended as it did.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct StatusDetails {
    /// `turn_detected`, `client_cancelled`, `max_output_tokens`, `content_filter`, …
    #[serde(deserialize_with = "lenient")]
    pub reason: Option<String>,
    /// What failed.
    #[serde(deserialize_with = "lenient")]
    pub error: Option<ApiError>,
}

/// Tokens of one response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct UsageReport {
    /// Read by the model.
    #[serde(deserialize_with = "lenient")]
    pub input_tokens: u64,
    /// Written by the model.
    #[serde(deserialize_with = "lenient")]
    pub output_tokens: u64,
}

/// An item of the conversation, complete.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct Item {
    /// Its id.
    #[serde(deserialize_with = "lenient")]
    pub id: Option<ItemId>,
    /// `message`, `function_call`, or something else.
    #[serde(rename = "type", deserialize_with = "lenient")]
    pub kind: String,
    /// `completed`, `incomplete`, or absent.
    #[serde(deserialize_with = "lenient")]
    pub status: Option<String>,
    /// A message's parts.
    #[serde(deserialize_with = "lenient")]
    pub content: Vec<ItemPart>,
    /// A tool call's tool.
    #[serde(deserialize_with = "lenient")]
    pub name: Option<String>,
    /// A tool call's id.
    #[serde(deserialize_with = "lenient")]
    pub call_id: Option<ToolCallId>,
    /// A tool call's arguments: JSON text, possibly empty, possibly cut off.
    #[serde(deserialize_with = "lenient")]
    pub arguments: Option<String>,
}

impl Item {
    /// What a message says: its text parts and the transcripts of its audio parts.
    pub fn text(&self) -> String {
        self.content.iter().filter_map(|part| part.text.as_deref().or(part.transcript.as_deref())).collect()
    }

    /// Whether a tool call may be run: it is whole, or does not say otherwise and its arguments are JSON.
    pub fn is_whole(&self) -> bool {
        match self.status.as_deref() {
            Some("completed") => true,
            Some("incomplete" | "in_progress") => false,
            _ => {
                let arguments = self.arguments.as_deref().unwrap_or_default();
                arguments.is_empty() || serde_json::from_str::<serde::de::IgnoredAny>(arguments).is_ok()
            }
        }
    }
}

/// A part of a message.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct ItemPart {
    /// Of a text part.
    #[serde(deserialize_with = "lenient")]
    pub text: Option<String>,
    /// Of an audio part.
    #[serde(deserialize_with = "lenient")]
    pub transcript: Option<String>,
}

/// A value of a shape we know, or one that counts as absent.
#[derive(Deserialize)]
#[serde(untagged)]
enum Seen<T> {
    Known(T),
    Odd(serde::de::IgnoredAny),
}

impl<T> Seen<T> {
    fn known(self) -> Option<T> {
        match self {
            Self::Known(value) => Some(value),
            Self::Odd(_) => None,
        }
    }
}

/// Reads a field that is not keyed on: what is odd in it does not lose the event.
fn lenient<'de, T: Default + Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    Ok(Seen::deserialize(deserializer)?.known().unwrap_or_default())
}

/// Reads the items it can; one of a new shape is passed over.
fn readable_items<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Item>, D::Error> {
    let seen: Vec<Seen<Item>> = lenient(deserializer)?;
    Ok(seen.into_iter().filter_map(Seen::known).collect())
}

fn status_details<'de, D: Deserializer<'de>>(deserializer: D) -> Result<StatusDetails, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Details {
        Object(StatusDetails),
        Word(String),
    }
    let seen: Seen<Details> = Seen::deserialize(deserializer)?;
    Ok(match seen.known() {
        Some(Details::Object(details)) => details,
        Some(Details::Word(reason)) => StatusDetails { reason: Some(reason), error: None },
        None => StatusDetails::default(),
    })
}

#[cfg(test)]
mod tests {
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

    #[test]
    fn a_tool_call_is_run_only_when_it_is_whole() {
        let item = |status: Option<&str>, arguments: &str| Item {
            status: status.map(str::to_owned),
            arguments: Some(arguments.into()),
            ..Item::default()
        };
        assert!(item(Some("completed"), "not json").is_whole());
        assert!(item(None, "").is_whole() && item(None, r#"{"a":1}"#).is_whole());
        assert!(!item(None, r#"{"a":"#).is_whole() && !item(Some("incomplete"), "{}").is_whole());
    }
}
