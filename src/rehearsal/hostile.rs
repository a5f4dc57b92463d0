//! What the real server does beyond its own documentation, all at once: a client must survive it.

use serde_json::{Value, json};

use super::event::ServerEvent;

/// Makes events odd. Deterministic: it counts.
#[derive(Debug, Default)]
pub(super) struct Hostility {
    count: u64,
}

impl Hostility {
    /// The event with oddities on it, and events nobody knows around it.
    pub(super) fn season(&mut self, mut event: ServerEvent) -> Vec<ServerEvent> {
        self.count += 1;
        let mut around = Vec::new();
        match event.kind.as_str() {
            "session.created" => {
                let conversation =
                    json!({"conversation": {"id": "conv_0", "object": "realtime.conversation"}});
                around.push(ServerEvent::new("conversation.created", conversation));
            }
            "session.updated" => odd_session(&mut event),
            "conversation.item.added" => {
                around.push(ServerEvent {
                    kind: "conversation.item.created".to_owned(),
                    fields: event.fields.clone(),
                });
                remove(&mut event, "item", "status");
            }
            "conversation.item.retrieved" => odd_audio_part(&mut event),
            "response.created" => {
                around.push(ServerEvent::new("response.thinking.started", json!({"depth": {"level": 3}})));
            }
            "response.content_part.added" => {
                around.push(ServerEvent::new("response.content_part.added", unknown_part(&event)));
            }
            "response.done" => odd_details(&mut event),
            "error" => {
                let code = event.fields.get("error").and_then(|error| error["code"].as_str());
                if matches!(code, Some("cannot_update_voice" | "item_delete_invalid_item_id")) {
                    // seen for these two: neither names the event nor the field
                    set(&mut event, "error", "event_id", Value::Null);
                    set(&mut event, "error", "param", Value::Null);
                }
                set(&mut event, "error", "hint", json!({"retryable": false}));
            }
            _ => {}
        }
        if event.kind.ends_with(".delta") {
            let padding = "x".repeat(usize::try_from(self.count % 13).unwrap_or(0));
            event.fields.insert("obfuscation".to_owned(), json!(padding));
        }
        event.fields.insert("trace".to_owned(), json!({"hop": self.count, "tags": [null, 1.5]}));
        around.push(event);
        if self.count.is_multiple_of(7) {
            around.push(ServerEvent::new("session.heartbeat", json!({"count": self.count})));
        }
        around
    }
}

fn set(event: &mut ServerEvent, object: &str, name: &str, value: Value) {
    if let Some(Value::Object(object)) = event.fields.get_mut(object) {
        object.insert(name.to_owned(), value);
    }
}

fn remove(event: &mut ServerEvent, object: &str, name: &str) {
    if let Some(Value::Object(object)) = event.fields.get_mut(object) {
        object.remove(name);
    }
}

fn odd_session(event: &mut ServerEvent) {
    set(event, "session", "reasoning", json!({"effort": "none"}));
    set(event, "session", "parallel_tool_calls", json!(true));
    let session = event.fields.get_mut("session");
    let vad = session.and_then(|session| session.pointer_mut("/audio/input/turn_detection"));
    if let Some(Value::Object(vad)) = vad {
        vad.insert("model_version".to_owned(), json!("v7"));
    }
}

fn odd_audio_part(event: &mut ServerEvent) {
    let item = event.fields.get_mut("item");
    let part = item.and_then(|item| item.pointer_mut("/content/0"));
    if let Some(Value::Object(part)) = part
        && part.get("type").is_some_and(|kind| kind == "input_audio" || kind == "output_audio")
    {
        part.insert("type".to_owned(), json!("audio"));
        part.insert("format".to_owned(), json!("pcm16"));
    }
}

/// A part of a kind nobody knows, beside the real one.
fn unknown_part(event: &ServerEvent) -> Value {
    let mut fields = event.fields.clone();
    fields.insert("content_index".to_owned(), json!(1));
    fields.insert("part".to_owned(), json!({"type": "hologram", "frames": 0}));
    Value::Object(fields)
}

/// `status_details` as a bare string, as it was once seen; "completed" where it is usually null.
fn odd_details(event: &mut ServerEvent) {
    let Some(Value::Object(response)) = event.fields.get_mut("response") else {
        return;
    };
    let odd = match response.get("status").and_then(Value::as_str) {
        Some("completed") => json!({"type": "completed"}),
        Some("cancelled") => json!("client_cancelled"),
        _ => return,
    };
    response.insert("status_details".to_owned(), odd);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_still_arrives_once_among_the_oddities() {
        let mut hostility = Hostility::default();
        for kind in
            ["session.created", "session.updated", "response.output_text.delta", "response.done", "error"]
        {
            let seasoned =
                hostility.season(ServerEvent::new(kind, json!({"session": {}, "error": {}, "delta": "a"})));
            assert_eq!(seasoned.iter().filter(|event| event.kind == kind).count(), 1);
            assert!(seasoned.iter().all(|event| event.kind != kind || event.fields.contains_key("trace")));
        }
    }

    #[test]
    fn a_cancelled_response_tells_its_details_as_a_string() {
        let done = json!({"response": {"status": "cancelled", "status_details": {"type": "cancelled"}}});
        let seasoned = Hostility::default().season(ServerEvent::new("response.done", done));
        assert_eq!(seasoned[0].get("/response/status_details"), "client_cancelled");
    }
}
