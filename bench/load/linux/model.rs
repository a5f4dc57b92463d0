//! The stand-in model: as much of GA Realtime as one spoken answer needs. It understands nothing.

use serde_json::{Value, json};

/// Words come beside the sound, so many frames apart: some two and a half a second.
const FRAMES_A_WORD: u32 = 20;

/// What the model does about a message.
#[derive(Debug, Default)]
pub(crate) struct Reaction {
    pub(crate) say: Vec<String>,
    pub(crate) speaks: Option<bool>,
}

/// One session of the stand-in.
#[derive(Debug, Default)]
pub(crate) struct Model {
    responses: u32,
    speeches: u32,
    /// What the answer under way was asked with.
    metadata: Value,
    /// The next frame, over all answers.
    pub(crate) number: u32,
    pub(crate) is_speaking: bool,
    head: String,
}

impl Model {
    /// The first thing it says.
    pub(crate) fn greeting() -> &'static str {
        r#"{"type":"session.created","event_id":"e","session":{"id":"sess_1","type":"realtime"}}"#
    }

    /// Takes a message that is not sound.
    pub(crate) fn on_message(&mut self, message: &[u8]) -> Reaction {
        let Ok(event) = serde_json::from_slice::<Value>(message) else { return Reaction::default() };
        let mut reaction = Reaction::default();
        match event["type"].as_str().unwrap_or_default() {
            "session.update" => {
                let updated =
                    json!({"type": "session.updated", "event_id": "e", "session": {"id": "sess_1"}});
                reaction.say.push(updated.to_string());
            }
            "conversation.item.create" => {
                let added =
                    json!({"type": "conversation.item.added", "event_id": "e", "item": event["item"]});
                reaction.say.push(added.to_string());
            }
            "response.create" if !self.is_speaking => {
                self.responses += 1;
                self.is_speaking = true;
                self.metadata = event["response"]["metadata"].clone();
                self.head = format!(
                    r#"{{"type":"response.output_audio.delta","event_id":"event_{0:024}","response_id":"resp_{0:024}","item_id":"item_{0:024}","output_index":0,"content_index":0,"delta":""#,
                    self.responses
                );
                reaction.say.push(self.response("response.created", "in_progress"));
                reaction.speaks = Some(true);
            }
            "response.cancel" if self.is_speaking => {
                self.is_speaking = false;
                reaction.say.push(self.response("response.done", "cancelled"));
                reaction.speaks = Some(false);
            }
            _ => {}
        }
        reaction
    }

    /// What stands before and after the sound of a frame.
    pub(crate) fn envelope(&self) -> (&[u8], &'static [u8]) {
        (self.head.as_bytes(), br#""}"#)
    }

    /// The word that goes with the next frame, if one does.
    pub(crate) fn word(&self) -> Option<String> {
        self.number.is_multiple_of(FRAMES_A_WORD).then(|| {
            json!({
                "type": "response.output_audio_transcript.delta", "event_id": "e", "response_id": self.response_id(),
                "item_id": self.item_id(), "output_index": 0, "content_index": 0, "delta": "word "
            })
            .to_string()
        })
    }

    /// It hears the caller speak.
    pub(crate) fn hears(&mut self) -> String {
        self.speeches += 1;
        json!({"type": "input_audio_buffer.speech_started", "event_id": "e", "audio_start_ms": 0, "item_id": self.speech_id()})
            .to_string()
    }

    /// The caller has said something.
    pub(crate) fn has_heard(&self) -> [String; 3] {
        let item = self.speech_id();
        [
            json!({"type": "input_audio_buffer.speech_stopped", "event_id": "e", "audio_end_ms": 0, "item_id": item}),
            json!({"type": "input_audio_buffer.committed", "event_id": "e", "item_id": item}),
            json!({"type": "conversation.item.added", "event_id": "e", "item": {"id": item, "type": "message", "role": "user"}}),
        ]
        .map(|event| event.to_string())
    }

    fn response(&self, kind: &str, status: &str) -> String {
        let response = json!({
            "id": self.response_id(), "object": "realtime.response", "status": status, "output": [],
            "metadata": self.metadata,
        });
        json!({"type": kind, "event_id": "e", "response": response}).to_string()
    }

    fn response_id(&self) -> String {
        format!("resp_{:024}", self.responses)
    }

    fn item_id(&self) -> String {
        format!("item_{:024}", self.responses)
    }

    fn speech_id(&self) -> String {
        format!("item_said_{:019}", self.speeches)
    }
}
