//! What server events carry: sessions, errors, responses, items. What is not keyed on may be absent, or odd.

use serde::{Deserialize, Deserializer};

use crate::id::{ItemId, ResponseId, ToolCallId};
use crate::usage::Usage;

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
    /// What the model read, by kind.
    #[serde(deserialize_with = "lenient")]
    pub input_token_details: TokenDetails,
    /// What the model wrote, by kind.
    #[serde(deserialize_with = "lenient")]
    pub output_token_details: TokenDetails,
}

/// Tokens by kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct TokenDetails {
    /// Of text.
    #[serde(deserialize_with = "lenient")]
    pub text_tokens: u64,
    /// Of audio.
    #[serde(deserialize_with = "lenient")]
    pub audio_tokens: u64,
    /// Of both, what the model had read before; a share of the counts above.
    #[serde(deserialize_with = "lenient")]
    pub cached_tokens_details: CachedTokens,
}

/// Tokens the model had read before, by kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct CachedTokens {
    /// Of text.
    #[serde(deserialize_with = "lenient")]
    pub text_tokens: u64,
    /// Of audio.
    #[serde(deserialize_with = "lenient")]
    pub audio_tokens: u64,
}

impl From<UsageReport> for Usage {
    fn from(report: UsageReport) -> Self {
        let UsageReport { input_tokens, output_tokens, input_token_details, output_token_details } = report;
        Self {
            input_tokens,
            output_tokens,
            input_text: input_token_details.text_tokens,
            input_audio: input_token_details.audio_tokens,
            input_cached_text: input_token_details.cached_tokens_details.text_tokens,
            input_cached_audio: input_token_details.cached_tokens_details.audio_tokens,
            output_text: output_token_details.text_tokens,
            output_audio: output_token_details.audio_tokens,
        }
    }
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
    fn tokens_are_told_apart_as_the_model_tells_them() {
        let report = r#"{"total_tokens":17,"input_tokens":12,"output_tokens":5,
            "input_token_details":{"text_tokens":8,"audio_tokens":4,"cached_tokens":7,
                "cached_tokens_details":{"text_tokens":6,"audio_tokens":1}},
            "output_token_details":{"text_tokens":2,"audio_tokens":3}}"#;
        let usage: Usage = serde_json::from_str::<UsageReport>(report).unwrap().into();
        let told = Usage {
            input_tokens: 12,
            output_tokens: 5,
            input_text: 8,
            input_audio: 4,
            input_cached_text: 6,
            input_cached_audio: 1,
            output_text: 2,
            output_audio: 3,
        };
        assert_eq!(usage, told);
        let odd =
            r#"{"input_tokens":12,"input_token_details":{"text_tokens":"8","cached_tokens_details":[]}}"#;
        let usage: Usage = serde_json::from_str::<UsageReport>(odd).unwrap().into();
        assert_eq!(usage, Usage { input_tokens: 12, ..Usage::default() });
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
