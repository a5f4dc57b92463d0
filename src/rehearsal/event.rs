//! What the server sends: events as they stand on the wire.

use serde_json::{Map, Value};

/// One server event. `type` and `event_id` come first on the wire, as the real server writes them.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ServerEvent {
    pub(super) kind: String,
    pub(super) fields: Map<String, Value>,
}

impl ServerEvent {
    /// An event with the fields of `fields`, which is an object.
    pub(super) fn new(kind: &str, fields: Value) -> Self {
        let fields = match fields {
            Value::Object(fields) => fields,
            _ => Map::new(),
        };
        Self { kind: kind.to_owned(), fields }
    }

    /// A field of the event, `null` when absent.
    #[cfg(test)]
    pub(super) fn get(&self, pointer: &str) -> Value {
        let whole = Value::Object(self.fields.clone());
        whole.pointer(pointer).cloned().unwrap_or(Value::Null)
    }

    /// The event as one text frame.
    pub(super) fn to_text(&self, event_id: &str) -> String {
        let rest = Value::Object(self.fields.clone()).to_string();
        let mut text = format!(r#"{{"type":{},"event_id":"{event_id}""#, Value::from(self.kind.as_str()));
        if self.fields.is_empty() {
            text.push('}');
        } else {
            text.push(',');
            text.push_str(&rest[1..]);
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_event_begins_with_its_type_and_id() {
        let event = ServerEvent::new("input_audio_buffer.cleared", json!({}));
        assert_eq!(event.to_text("event_1"), r#"{"type":"input_audio_buffer.cleared","event_id":"event_1"}"#);
        let event = ServerEvent::new("response.output_text.delta", json!({"delta": "a\"b"}));
        assert_eq!(
            event.to_text("event_2"),
            r#"{"type":"response.output_text.delta","event_id":"event_2","delta":"a\"b"}"#
        );
    }
}
