//! The items of a conversation, as they were created and as they are shown.

use serde_json::{Value, json};

use super::part::{Part, Recording, Speech, read_part};
use super::refusal::Refusal;
use super::voice::Encoding;

/// An item.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Item {
    pub(super) id: String,
    pub(super) status: Status,
    pub(super) body: Body,
    /// The response that made it; empty for an item of the client.
    pub(super) response: String,
}

/// How far an item has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    InProgress,
    Completed,
    Incomplete,
}

impl Status {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::InProgress => "in_progress",
            Self::Completed => "completed",
            Self::Incomplete => "incomplete",
        }
    }
}

/// What an item is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Body {
    Message {
        role: Role,
        parts: Vec<Part>,
    },
    Call {
        call_id: String,
        name: String,
        arguments: String,
    },
    Output {
        call_id: String,
        output: String,
    },
    /// Kept as it came: the rehearsal model calls no MCP server.
    Approval(Value),
}

/// Who wrote a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    System,
    User,
    Assistant,
}

impl Role {
    fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
        }
    }
}

impl Item {
    /// The item that `conversation.item.create` describes, already checked against its table.
    ///
    /// # Errors
    /// What a table cannot say: base64 that is none, an image that is no data URI.
    pub(super) fn read(
        item: &Value,
        id: String,
        call_id: String,
        encoding: Encoding,
        path: &str,
    ) -> Result<Self, Refusal> {
        let text = |name: &str| item[name].as_str().unwrap_or_default().to_owned();
        let body = match item["type"].as_str() {
            Some("function_call") => {
                let call_id = item["call_id"].as_str().map_or(call_id, str::to_owned);
                Body::Call { call_id, name: text("name"), arguments: text("arguments") }
            }
            Some("function_call_output") => Body::Output { call_id: text("call_id"), output: text("output") },
            Some("message") => {
                let role = match item["role"].as_str() {
                    Some("system") => Role::System,
                    Some("assistant") => Role::Assistant,
                    _ => Role::User,
                };
                let parts = item["content"].as_array().map(Vec::as_slice).unwrap_or_default();
                let part = |(at, part)| read_part(part, role, encoding, &format!("{path}.content[{at}]"));
                Body::Message { role, parts: parts.iter().enumerate().map(part).collect::<Result<_, _>>()? }
            }
            _ => Body::Approval(item.clone()),
        };
        Ok(Self { id, status: Status::Completed, body, response: String::new() })
    }

    /// The item as events show it; audio only where it was asked for.
    pub(super) fn to_wire(&self, with_audio: bool) -> Value {
        let mut item = json!({"id": self.id, "object": "realtime.item", "status": self.status.as_str()});
        match &self.body {
            Body::Message { role, parts } => {
                item["type"] = json!("message");
                item["role"] = json!(role.as_str());
                item["content"] = parts.iter().map(|part| part.to_wire(with_audio)).collect();
            }
            Body::Call { call_id, name, arguments } => {
                item["type"] = json!("function_call");
                item["call_id"] = json!(call_id);
                item["name"] = json!(name);
                item["arguments"] = json!(arguments);
            }
            Body::Output { call_id, output } => {
                item["type"] = json!("function_call_output");
                item["call_id"] = json!(call_id);
                item["output"] = json!(output);
            }
            Body::Approval(as_it_came) => {
                item = as_it_came.clone();
                item["id"] = json!(self.id);
            }
        }
        item
    }

    /// The words of a message.
    pub(super) fn text(&self) -> String {
        match &self.body {
            Body::Message { parts, .. } => parts.iter().map(Part::text).collect::<Vec<_>>().join(" "),
            Body::Call { .. } | Body::Output { .. } | Body::Approval(_) => String::new(),
        }
    }

    /// What it takes to keep it, in bytes.
    pub(super) fn bytes(&self) -> usize {
        match &self.body {
            Body::Message { parts, .. } => parts.iter().map(Part::bytes).sum(),
            Body::Call { arguments, .. } => arguments.len(),
            Body::Output { output, .. } => output.len(),
            Body::Approval(_) => 0,
        }
    }

    /// The audio of a message, in milliseconds.
    pub(super) fn audio_ms(&self) -> u64 {
        match &self.body {
            Body::Message { parts, .. } => parts.iter().map(Part::audio_ms).sum(),
            Body::Call { .. } | Body::Output { .. } | Body::Approval(_) => 0,
        }
    }

    /// What the caller has spoken in it.
    pub(super) fn recording_mut(&mut self) -> Option<&mut Recording> {
        let Body::Message { parts, .. } = &mut self.body else {
            return None;
        };
        parts.iter_mut().find_map(|part| match part {
            Part::InputAudio(recording) => Some(recording),
            Part::InputText(_) | Part::InputImage { .. } | Part::OutputText(_) | Part::OutputAudio(_) => None,
        })
    }

    /// What the model has spoken in it.
    pub(super) fn speech_mut(&mut self, content_index: u64) -> Option<&mut Speech> {
        let Body::Message { parts, .. } = &mut self.body else {
            return None;
        };
        match parts.get_mut(usize::try_from(content_index).ok()?) {
            Some(Part::OutputAudio(speech)) => Some(speech),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(item: &Value) -> Result<Item, Refusal> {
        Item::read(item, "item_1".into(), "call_1".into(), Encoding::Pcm, "item")
    }

    #[test]
    fn an_item_is_shown_as_it_came_with_an_id_and_a_status() {
        let call = json!({"type": "function_call", "name": "f", "arguments": "{}"});
        let shown = read(&call).unwrap().to_wire(false);
        assert_eq!(shown["call_id"], "call_1");
        assert_eq!((&shown["id"], &shown["status"]), (&json!("item_1"), &json!("completed")));
        let message = json!({"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hi"}]});
        assert_eq!(read(&message).unwrap().to_wire(false)["content"], message["content"]);
    }

    #[test]
    fn audio_is_counted_and_shown_only_on_request() {
        let audio = base64_simd::STANDARD.encode_to_string(vec![0_u8; 4_800]);
        let item = read(
            &json!({"type": "message", "role": "user", "content": [{"type": "input_audio", "audio": audio}]}),
        );
        let item = item.unwrap();
        assert_eq!(item.audio_ms(), 100);
        assert_eq!(item.to_wire(false)["content"][0], json!({"type": "input_audio"}));
        assert_eq!(item.to_wire(true)["content"][0]["audio"], json!(audio));
    }
}
