//! A session as its client may know it: without our instructions and tools.

use serde::Serialize;

use super::parts::{TEMPERATURE, UNLIMITED, beta_format, beta_modalities, ga_modalities};
use super::wording::SessionFacts;
use crate::protocol::realtime::Dialect;
use crate::protocol::realtime::model::{Eagerness, SessionView, Turns};
use crate::sound::AudioFormat;

const REALTIME: &str = "realtime";

#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum WireSession<'a> {
    Ga(GaSession<'a>),
    Beta(BetaSession<'a>),
}

#[derive(Serialize)]
pub(super) struct GaSession<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    object: &'static str,
    id: &'a str,
    model: &'a str,
    output_modalities: [&'static str; 1],
    instructions: &'static str,
    tools: [(); 0],
    tool_choice: &'static str,
    max_output_tokens: &'static str,
    tracing: Option<()>,
    truncation: &'static str,
    expires_at: i64,
    audio: Audio<'a>,
}

#[derive(Serialize)]
struct Audio<'a> {
    input: Input,
    output: Output<'a>,
}

#[derive(Serialize)]
struct Input {
    format: AudioFormat,
    transcription: Option<Transcription>,
    noise_reduction: Option<()>,
    turn_detection: Option<Detection>,
}

#[derive(Serialize)]
struct Output<'a> {
    format: AudioFormat,
    voice: &'a str,
    speed: f32,
}

/// That there is one. With what is ours.
#[derive(Serialize)]
struct Transcription {}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Detection {
    ServerVad {
        threshold: f64,
        prefix_padding_ms: u32,
        silence_duration_ms: u32,
        create_response: bool,
        interrupt_response: bool,
    },
    SemanticVad {
        eagerness: &'static str,
        create_response: bool,
        interrupt_response: bool,
    },
}

#[derive(Serialize)]
pub(super) struct BetaSession<'a> {
    id: &'a str,
    object: &'static str,
    model: &'a str,
    expires_at: i64,
    modalities: &'static [&'static str],
    instructions: &'static str,
    voice: &'a str,
    input_audio_format: &'static str,
    output_audio_format: &'static str,
    input_audio_transcription: Option<Transcription>,
    turn_detection: Option<Detection>,
    tools: [(); 0],
    tool_choice: &'static str,
    temperature: f32,
    max_response_output_tokens: &'static str,
}

impl<'a> WireSession<'a> {
    pub(super) fn new(dialect: Dialect, facts: &'a SessionFacts, view: &'a SessionView) -> Self {
        let SessionFacts { session_id, model, expires_at, conversation_id: _ } = facts;
        let (object, tool_choice) = ("realtime.session", "auto");
        let transcription = view.is_transcribed.then_some(Transcription {});
        let turn_detection = detection(view.turns);
        match dialect {
            Dialect::Ga => Self::Ga(GaSession {
                kind: REALTIME,
                object,
                id: session_id,
                model,
                output_modalities: ga_modalities(view.is_spoken),
                instructions: "",
                tools: [],
                tool_choice,
                max_output_tokens: UNLIMITED,
                tracing: None,
                truncation: "auto",
                expires_at: *expires_at,
                audio: Audio {
                    input: Input {
                        format: view.format,
                        transcription,
                        noise_reduction: None,
                        turn_detection,
                    },
                    output: Output { format: view.format, voice: &view.voice, speed: 1.0 },
                },
            }),
            Dialect::Beta => Self::Beta(BetaSession {
                id: session_id,
                object,
                model,
                expires_at: *expires_at,
                modalities: beta_modalities(view.is_spoken),
                instructions: "",
                voice: &view.voice,
                input_audio_format: beta_format(view.format),
                output_audio_format: beta_format(view.format),
                input_audio_transcription: transcription,
                turn_detection,
                tools: [],
                tool_choice,
                temperature: TEMPERATURE,
                max_response_output_tokens: UNLIMITED,
            }),
        }
    }
}

fn detection(turns: Turns) -> Option<Detection> {
    match turns {
        Turns::Client => None,
        Turns::ByVolume { threshold, prefix_ms, silence_ms, answers, stops } => Some(Detection::ServerVad {
            threshold,
            prefix_padding_ms: prefix_ms,
            silence_duration_ms: silence_ms,
            create_response: answers,
            interrupt_response: stops,
        }),
        Turns::ByMeaning { eagerness, answers, stops } => {
            let eagerness = match eagerness {
                Eagerness::Low => "low",
                Eagerness::Medium => "medium",
                Eagerness::High => "high",
            };
            Some(Detection::SemanticVad { eagerness, create_response: answers, interrupt_response: stops })
        }
    }
}
