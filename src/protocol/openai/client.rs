//! Events a client sends. Closed structs: the server refuses a whole event for one field it does not know.

use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use super::response_params::ResponseParams;
use crate::id::{ItemId, ResponseId, ToolCallId};
use crate::sound::AudioFormat;

/// An event we send. Every one carries an `event_id`, so that an `error` can name it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type")]
pub enum ClientEvent {
    /// Changes what is present in `session`, all of it or nothing.
    #[serde(rename = "session.update")]
    SessionUpdate {
        /// Ours, echoed by an error.
        event_id: String,
        /// What changes.
        session: SessionPatch,
    },
    /// Appends an item to the conversation.
    #[serde(rename = "conversation.item.create")]
    ItemCreate {
        /// Ours, echoed by an error.
        event_id: String,
        /// The item, with an id of ours.
        item: NewItem,
    },
    /// Takes what the caller did not hear out of a spoken message, and its transcript with it.
    #[serde(rename = "conversation.item.truncate")]
    ItemTruncate {
        /// Ours; the server may leave it out of an error.
        event_id: String,
        /// Which: a message the model spoke on this socket.
        item_id: ItemId,
        /// Always 0: a spoken message has one part.
        content_index: u32,
        /// How much of it stays; never more than was received.
        audio_end_ms: u64,
    },
    /// Takes an item out of the conversation.
    #[serde(rename = "conversation.item.delete")]
    ItemDelete {
        /// Ours; the server may leave it out of an error.
        event_id: String,
        /// Which.
        item_id: ItemId,
    },
    /// Asks for a response.
    #[serde(rename = "response.create")]
    ResponseCreate {
        /// Ours, echoed by an error.
        event_id: String,
        /// What differs from the session's settings.
        response: ResponseParams,
    },
    /// Stops a response.
    #[serde(rename = "response.cancel")]
    ResponseCancel {
        /// Ours, echoed by an error.
        event_id: String,
        /// Which; the active one when absent.
        #[serde(skip_serializing_if = "Option::is_none")]
        response_id: Option<ResponseId>,
    },
}

impl ClientEvent {
    /// The event as one text frame.
    pub fn to_frame(&self) -> String {
        // Our own closed structs with string keys always serialise.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// The part of a session that an update changes. Absent means unchanged; `null` is never sent.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SessionPatch {
    /// Always `realtime`, and required in every update.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Exactly one: text, or audio with its transcript.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_modalities: Option<[Modality; 1]>,
    /// The system prompt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instructions: Option<String>,
    /// The whole tool list; an empty one clears it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tools: Option<Vec<FunctionTool>>,
    /// Whether the model may choose a tool.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool_choice: Option<&'static str>,
    /// The voice, while it is not locked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audio: Option<AudioPatch>,
}

impl SessionPatch {
    /// An update that changes nothing yet.
    pub fn empty() -> Self {
        Self {
            kind: "realtime",
            output_modalities: None,
            instructions: None,
            tools: None,
            tool_choice: None,
            audio: None,
        }
    }

    /// Whether it changes nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::empty()
    }
}

/// The audio side of an update.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AudioPatch {
    /// How the caller is heard.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<AudioInputPatch>,
    /// What the model's speech sounds like.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<AudioOutputPatch>,
}

/// The hearing side of an update.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AudioInputPatch {
    /// How the caller's audio is written: said once per socket, never again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<AudioFormat>,
    /// What writes down the caller's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transcription: Option<Transcription>,
    /// How the ends of turns are found; always complete, since it is not known whether a part would merge.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub turn_detection: Option<TurnDetection>,
}

/// The spoken side of an update.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AudioOutputPatch {
    /// How the model's audio is written: said once per socket, never again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<AudioFormat>,
    /// The voice: frozen at the session's first assistant audio.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub voice: Option<String>,
}

/// What writes down the caller's words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Transcription {
    /// The transcription model.
    pub model: String,
}

/// How the ends of turns are found on the audio that the server is sent.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum TurnDetection {
    /// `null`: not at all. The audio is committed by hand.
    Off,
    /// By loudness.
    ByVolume(VolumeDetection),
    /// By what is said.
    ByMeaning(MeaningDetection),
}

/// How the ends of turns are found by what is said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MeaningDetection {
    /// Always `semantic_vad`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// How soon a turn is taken for ended: `low`, `medium` or `high`.
    pub eagerness: &'static str,
    /// Whether the server answers by itself.
    pub create_response: bool,
    /// Whether the server stops an answer by itself when the caller speaks.
    pub interrupt_response: bool,
}

/// How the ends of turns are found by loudness.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct VolumeDetection {
    /// Always `server_vad`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// How loud speech is: 0 to 1.
    pub threshold: f64,
    /// Audio before the speech that still belongs to it.
    pub prefix_padding_ms: u32,
    /// Silence that ends a turn.
    pub silence_duration_ms: u32,
    /// Whether the server answers by itself.
    pub create_response: bool,
    /// Whether the server stops an answer by itself when the caller speaks.
    pub interrupt_response: bool,
}

/// How the model answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Modality {
    /// Text.
    Text,
    /// Speech, with its transcript.
    Audio,
}

/// A tool as the model is shown it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FunctionTool {
    /// Always `function`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// When and how to use it.
    pub description: String,
    /// JSON Schema of its arguments: shared by the copies of a configuration.
    pub parameters: Arc<Value>,
}

impl FunctionTool {
    /// A function tool.
    pub fn new(name: String, description: String, parameters: Value) -> Self {
        Self { kind: "function", name, description, parameters: Arc::new(parameters) }
    }
}

/// An item we add to the conversation.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum NewItem {
    /// Something said.
    Message {
        /// Our id for it.
        id: ItemId,
        /// By whom.
        role: Role,
        /// What; never empty.
        content: [ContentPart; 1],
    },
    /// A tool call of an earlier session, replayed.
    FunctionCall {
        /// Our id for it.
        id: ItemId,
        /// The model's id of the tool call.
        call_id: ToolCallId,
        /// The tool.
        name: String,
        /// Its arguments, as JSON text.
        arguments: String,
    },
    /// What a tool gave back.
    FunctionCallOutput {
        /// Our id for it.
        id: ItemId,
        /// The tool call it answers.
        call_id: ToolCallId,
        /// JSON text, encoded once.
        output: String,
    },
}

/// Who said something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The service.
    System,
    /// The caller.
    User,
    /// The persona.
    Assistant,
}

/// What was said. A persona's own words are `output_text`, all others `input_text`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ContentPart {
    /// Words of the caller or the service.
    InputText {
        /// The words.
        text: String,
    },
    /// Sound of the caller.
    InputAudio {
        /// Base64, in the session's format.
        audio: String,
    },
    /// Words of the persona.
    OutputText {
        /// The words.
        text: String,
    },
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn value(event: &ClientEvent) -> Value {
        serde_json::from_str(&event.to_frame()).unwrap()
    }

    #[test]
    fn an_update_carries_its_type_and_only_what_changes() {
        let session = SessionPatch { instructions: Some("Be kind.".into()), ..SessionPatch::empty() };
        assert_eq!(
            value(&ClientEvent::SessionUpdate { event_id: "su_1".into(), session }),
            json!({"type": "session.update", "event_id": "su_1",
                   "session": {"type": "realtime", "instructions": "Be kind."}})
        );
    }

    #[test]
    fn the_audio_side_has_the_shapes_of_the_reference() {
        let audio = AudioPatch {
            input: Some(AudioInputPatch {
                format: Some(AudioFormat::Pcmu),
                transcription: Some(Transcription { model: "gpt-transcribe".into() }),
                turn_detection: None,
            }),
            output: Some(AudioOutputPatch { format: Some(AudioFormat::Pcmu), voice: None }),
        };
        assert_eq!(
            serde_json::to_value(audio).unwrap(),
            json!({"input": {"format": {"type": "audio/pcmu"}, "transcription": {"model": "gpt-transcribe"}},
                   "output": {"format": {"type": "audio/pcmu"}}})
        );
        let truncate = ClientEvent::ItemTruncate {
            event_id: "it_1".into(),
            item_id: "i".into(),
            content_index: 0,
            audio_end_ms: 1_200,
        };
        assert_eq!(
            value(&truncate),
            json!({"type": "conversation.item.truncate", "event_id": "it_1", "item_id": "i",
                   "content_index": 0, "audio_end_ms": 1_200})
        );
    }

    #[test]
    fn items_have_the_shapes_of_the_reference() {
        let said = NewItem::Message {
            id: "h_3".into(),
            role: Role::Assistant,
            content: [ContentPart::OutputText { text: "We open at nine.".into() }],
        };
        assert_eq!(
            value(&ClientEvent::ItemCreate { event_id: "ic_3".into(), item: said }),
            json!({"type": "conversation.item.create", "event_id": "ic_3",
                   "item": {"id": "h_3", "type": "message", "role": "assistant",
                            "content": [{"type": "output_text", "text": "We open at nine."}]}})
        );
        let output =
            NewItem::FunctionCallOutput { id: "o_1".into(), call_id: "call_1".into(), output: "{}".into() };
        assert_eq!(
            value(&ClientEvent::ItemCreate { event_id: "ic_4".into(), item: output })["item"],
            json!({"id": "o_1", "type": "function_call_output", "call_id": "call_1", "output": "{}"})
        );
    }

    #[test]
    fn a_response_is_marked_with_its_token() {
        let event =
            ClientEvent::ResponseCreate { event_id: "rc_7".into(), response: ResponseParams::marked("rc_7") };
        assert_eq!(
            value(&event),
            json!({"type": "response.create", "event_id": "rc_7", "response": {"metadata": {"token": "rc_7"}}})
        );
    }
}
