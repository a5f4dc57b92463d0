//! What events are made of, as it goes over the wire.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Item, ItemStatus, Response};
use crate::protocol::realtime::Dialect;
use crate::protocol::realtime::model::{ResponseOutcome, SessionView};
use crate::sound::AudioFormat;
use crate::usage::Usage;

#[derive(Serialize)]
pub(super) struct WireItem<'a> {
    id: &'a str,
    object: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
    status: &'static str,
    role: &'static str,
    content: Vec<WirePart<'a>>,
}

#[derive(Serialize)]
pub(super) struct WirePart<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    /// Unknown is `null`, and of text there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    transcript: Option<Option<&'a str>>,
}

impl<'a> WirePart<'a> {
    fn new(kind: &'static str, is_spoken: bool, words: Option<&'a str>) -> Self {
        match is_spoken {
            true => Self { kind, text: None, transcript: Some(words) },
            false => Self { kind, text: Some(words.unwrap_or_default()), transcript: None },
        }
    }

    /// The part of a message under way: of another type than in its item.
    pub(super) fn under_way(is_spoken: bool, words: &'a str) -> Self {
        Self::new(if is_spoken { "audio" } else { "text" }, is_spoken, Some(words))
    }
}

impl<'a> WireItem<'a> {
    pub(super) fn new(dialect: Dialect, item: &'a Item) -> Self {
        let status = match item.status {
            ItemStatus::InProgress => "in_progress",
            ItemStatus::Completed => "completed",
            ItemStatus::Incomplete => "incomplete",
        };
        let role = if item.is_callers { "user" } else { "assistant" };
        let part = |content: &'a super::Content| {
            let kind = match (item.is_callers, content.is_spoken, dialect) {
                (true, true, _) => "input_audio",
                (true, false, _) => "input_text",
                (false, true, Dialect::Ga) => "output_audio",
                (false, false, Dialect::Ga) => "output_text",
                (false, true, Dialect::Beta) => "audio",
                (false, false, Dialect::Beta) => "text",
            };
            WirePart::new(kind, content.is_spoken, content.text.as_deref())
        };
        let content = item.content.iter().map(part).collect();
        Self { id: item.id.as_str(), object: "realtime.item", kind: "message", status, role, content }
    }
}

#[derive(Serialize)]
pub(super) struct WireResponse<'a> {
    object: &'static str,
    id: &'a str,
    status: &'static str,
    status_details: Option<StatusDetails>,
    output: Vec<WireItem<'a>>,
    conversation_id: &'a str,
    #[serde(flatten)]
    manner: Manner<'a>,
    usage: Option<WireUsage>,
    metadata: Option<BTreeMap<&'a str, &'a str>>,
}

/// How a response is spoken, as either dialect has it.
#[derive(Serialize)]
#[serde(untagged)]
enum Manner<'a> {
    Ga {
        output_modalities: [&'static str; 1],
        audio: WireAudio<'a>,
        max_output_tokens: &'static str,
    },
    Beta {
        modalities: &'static [&'static str],
        voice: &'a str,
        output_audio_format: &'static str,
        temperature: f32,
        max_output_tokens: &'static str,
    },
}

#[derive(Serialize)]
struct WireAudio<'a> {
    output: WireOutput<'a>,
}

#[derive(Serialize)]
struct WireOutput<'a> {
    format: AudioFormat,
    voice: &'a str,
}

#[derive(Serialize)]
struct StatusDetails {
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Failure>,
}

#[derive(Serialize)]
struct Failure {
    #[serde(rename = "type")]
    kind: &'static str,
    code: &'static str,
}

#[derive(Serialize)]
struct WireUsage {
    total_tokens: u64,
    input_tokens: u64,
    output_tokens: u64,
    input_token_details: InputDetails,
    output_token_details: OutputDetails,
}

#[derive(Serialize)]
struct InputDetails {
    text_tokens: u64,
    audio_tokens: u64,
    cached_tokens: u64,
    cached_tokens_details: OutputDetails,
}

#[derive(Serialize)]
struct OutputDetails {
    text_tokens: u64,
    audio_tokens: u64,
}

/// What the beta calls a way to write audio.
pub(super) fn beta_format(format: AudioFormat) -> &'static str {
    match format {
        AudioFormat::Pcm24k => "pcm16",
        AudioFormat::Pcmu => "g711_ulaw",
    }
}

/// What is told of the beta's temperature, which nobody can set.
pub(super) const TEMPERATURE: f32 = 0.8;
/// No limit that a client could have set.
pub(super) const UNLIMITED: &str = "inf";

pub(super) fn ga_modalities(is_spoken: bool) -> [&'static str; 1] {
    [if is_spoken { "audio" } else { "text" }]
}

pub(super) fn beta_modalities(is_spoken: bool) -> &'static [&'static str] {
    if is_spoken { &["text", "audio"] } else { &["text"] }
}

impl<'a> WireResponse<'a> {
    pub(super) fn new(
        dialect: Dialect,
        response: &'a Response,
        view: &'a SessionView,
        conversation_id: &'a str,
    ) -> Self {
        let (format, voice) = (view.format, view.voice.as_str());
        let manner = match dialect {
            Dialect::Ga => Manner::Ga {
                output_modalities: ga_modalities(response.is_spoken),
                audio: WireAudio { output: WireOutput { format, voice } },
                max_output_tokens: UNLIMITED,
            },
            Dialect::Beta => Manner::Beta {
                modalities: beta_modalities(response.is_spoken),
                voice,
                output_audio_format: beta_format(format),
                temperature: TEMPERATURE,
                max_output_tokens: UNLIMITED,
            },
        };
        let (status, status_details) = match response.end {
            None => ("in_progress", None),
            Some((outcome, _)) => ended(outcome),
        };
        let pairs = || response.metadata.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        Self {
            object: "realtime.response",
            id: response.id.as_str(),
            status,
            status_details,
            output: response.output.iter().map(|item| WireItem::new(dialect, item)).collect(),
            conversation_id,
            manner,
            usage: response.end.map(|(_, usage)| WireUsage::from(usage)),
            metadata: (!response.metadata.is_empty()).then(pairs),
        }
    }
}

fn ended(outcome: ResponseOutcome) -> (&'static str, Option<StatusDetails>) {
    let because = |kind, reason| (kind, Some(StatusDetails { kind, reason: Some(reason), error: None }));
    match outcome {
        ResponseOutcome::Completed => ("completed", None),
        ResponseOutcome::Interrupted => because("cancelled", "turn_detected"),
        ResponseOutcome::Cancelled => because("cancelled", "client_cancelled"),
        ResponseOutcome::OutOfTokens => because("incomplete", "max_output_tokens"),
        ResponseOutcome::Filtered => because("incomplete", "content_filter"),
        ResponseOutcome::Failed => {
            let error = Some(Failure { kind: "server_error", code: "server_error" });
            ("failed", Some(StatusDetails { kind: "failed", reason: None, error }))
        }
    }
}

impl From<Usage> for WireUsage {
    fn from(usage: Usage) -> Self {
        let cached =
            OutputDetails { text_tokens: usage.input_cached_text, audio_tokens: usage.input_cached_audio };
        Self {
            total_tokens: usage.input_tokens.saturating_add(usage.output_tokens),
            input_tokens: usage.input_tokens,
            output_tokens: usage.output_tokens,
            input_token_details: InputDetails {
                text_tokens: usage.input_text,
                audio_tokens: usage.input_audio,
                cached_tokens: usage.input_cached_text.saturating_add(usage.input_cached_audio),
                cached_tokens_details: cached,
            },
            output_token_details: OutputDetails {
                text_tokens: usage.output_text,
                audio_tokens: usage.output_audio,
            },
        }
    }
}
