//! What the real server refuses, refused: each with its code and the field it blames.

use serde_json::{Value, json};

use super::Client;

pub(super) fn update(session: &Value) -> Value {
    let mut session = session.clone();
    session["type"] = json!("realtime");
    json!({"type": "session.update", "event_id": "su_1", "session": session})
}

fn item(item: &Value) -> Value {
    json!({"type": "conversation.item.create", "event_id": "ic_1", "item": item})
}

fn message(role: &str, part: &Value) -> Value {
    item(&json!({"type": "message", "role": role, "content": [part]}))
}

fn response(response: &Value) -> Value {
    json!({"type": "response.create", "event_id": "rc_1", "response": response})
}

/// Refused with this code and field, the event named, and nothing changed.
pub(super) fn assert_refused(cases: &[(Value, &str, &str)]) {
    let mut client = Client::new();
    let before = client.conversation.session.to_wire();
    for (event, code, param) in cases {
        let error = client.refused(event);
        assert_eq!((&error["code"], &error["param"]), (&json!(code), &json!(param)), "{event}: {error}");
        assert_eq!(error["event_id"], event["event_id"], "{event}");
        assert_eq!(error["type"], "invalid_request_error");
        assert_eq!(client.conversation.session.to_wire(), before, "{event} has changed the session");
        assert_eq!(client.conversation.items.iter().count(), 0, "{event} has left an item");
    }
}

#[test]
fn an_item_must_be_one_a_client_may_create() {
    let long = "x".repeat(33);
    assert_refused(&[
        (item(&json!({"role": "user"})), "missing_required_parameter", "item.type"),
        (item(&json!({"type": "item_reference", "id": "a"})), "invalid_value", "item.type"),
        (message("developer", &json!({})), "invalid_value", "item.role"),
        (message("user", &json!({"type": "text", "text": "a"})), "invalid_value", "item.content[0].type"),
        (
            message("system", &json!({"type": "output_text", "text": "a"})),
            "invalid_value",
            "item.content[0].type",
        ),
        (
            message("assistant", &json!({"type": "text", "text": "a"})),
            "invalid_value",
            "item.content[0].type",
        ),
        (
            message("assistant", &json!({"type": "output_audio", "transcript": "a"})),
            "missing_required_parameter",
            "item.content[0].text",
        ),
        (
            message("user", &json!({"type": "input_audio", "audio": "%%"})),
            "invalid_value",
            "item.content[0].audio",
        ),
        (
            message("user", &json!({"type": "input_image", "image_url": "https://example.org/a.png"})),
            "invalid_value",
            "item.content[0].image_url",
        ),
        (item(&json!({"type": "message", "role": "user", "content": []})), "empty_array", "item.content"),
        (
            item(
                &json!({"type": "message", "role": "user", "id": long, "content": [{"type": "input_text", "text": "a"}]}),
            ),
            "string_above_max_length",
            "item.id",
        ),
        (
            item(&json!({"type": "function_call_output", "call_id": "call_0", "output": {"ok": true}})),
            "invalid_type",
            "item.output",
        ),
        (
            item(&json!({"type": "function_call_output", "call_id": "call_0", "output": "{}"})),
            "invalid_tool_call_id",
            "item.call_id",
        ),
        (
            item(&json!({"type": "function_call", "call_id": long, "name": "f", "arguments": "{}"})),
            "string_above_max_length",
            "item.call_id",
        ),
        (
            json!({"type": "conversation.item.create", "previous_item_id": "nobody",
                "item": {"type": "function_call", "name": "f", "arguments": "{}"}}),
            "item_create_invalid_item_id",
            "previous_item_id",
        ),
    ]);
}

#[test]
fn a_response_takes_ga_fields_only() {
    let many: serde_json::Map<String, Value> = (0..17).map(|n| (format!("k{n}"), json!("v"))).collect();
    assert_refused(&[
        (response(&json!({"modalities": ["text"]})), "unknown_parameter", "response.modalities"),
        (response(&json!({"voice": "alloy"})), "unknown_parameter", "response.voice"),
        (response(&json!({"conversation": "new"})), "invalid_value", "response.conversation"),
        (response(&json!({"metadata": many})), "object_above_max_properties", "response.metadata"),
        (response(&json!({"metadata": {"n": 1}})), "invalid_type", "response.metadata.n"),
        (response(&json!({"metadata": null})), "invalid_type", "response.metadata"),
        (response(&json!({"max_output_tokens": 0})), "integer_below_min_value", "response.max_output_tokens"),
        (
            response(&json!({"input": [{"type": "item_reference", "id": "nobody"}]})),
            "invalid_value",
            "response.input[0].id",
        ),
    ]);
}

#[test]
fn what_is_not_there_cannot_be_touched() {
    let event = |kind: &str| json!({"type": kind, "event_id": "e", "item_id": "nobody"});
    let truncate = |end: Value| json!({"type": "conversation.item.truncate", "item_id": "nobody", "content_index": 0, "audio_end_ms": end});
    assert_refused(&[
        (event("conversation.item.delete"), "item_delete_invalid_item_id", "item_id"),
        (event("conversation.item.retrieve"), "item_retrieve_invalid_item_id", "item_id"),
        (truncate(json!(0)), "item_truncate_invalid_item_id", "item_id"),
        (truncate(json!(1.5)), "invalid_type", "audio_end_ms"),
        (truncate(json!("1")), "invalid_type", "audio_end_ms"),
        (truncate(json!(-1)), "integer_below_min_value", "audio_end_ms"),
        (event("conversation.item.erase"), "invalid_event", "type"),
        (json!({"type": "output_audio_buffer.clear"}), "invalid_event", "type"),
        (json!({"item": {}}), "missing_required_parameter", "type"),
        (json!({"type": "input_audio_buffer.append", "audio": "AA=="}), "invalid_value", "audio"),
    ]);
}

#[test]
fn a_refusal_without_a_field_blames_none() {
    let mut client = Client::new();
    for (event, code) in [
        (json!({"type": "response.cancel"}), "response_cancel_not_active"),
        (json!({"type": "input_audio_buffer.commit"}), "input_audio_buffer_commit_empty"),
        (json!("text"), "invalid_event"),
    ] {
        let error = client.refused(&event);
        assert_eq!((&error["code"], &error["param"]), (&json!(code), &Value::Null));
    }
    let long = client.refused(&json!({"type": "response.cancel", "event_id": "x".repeat(513)}));
    assert_eq!((&long["param"], &long["event_id"]), (&json!("event_id"), &Value::Null));
    let actions = client.conversation.on_text("{not json");
    assert_eq!(client.perform(actions)[0]["error"]["code"], "invalid_json");
}

#[test]
fn an_id_is_taken_once_and_a_call_answered_once() {
    let mut client = Client::new();
    let call = item(
        &json!({"type": "function_call", "id": "i_1", "call_id": "c_1", "name": "f", "arguments": "{}"}),
    );
    let output = item(&json!({"type": "function_call_output", "call_id": "c_1", "output": "{}"}));
    assert_eq!(super::kinds(&client.send(&call)), ["conversation.item.added", "conversation.item.done"]);
    assert_eq!(client.refused(&call)["code"], "item_create_duplicate_item_id");
    assert_eq!(client.send(&output).len(), 2);
    assert_eq!(client.refused(&output)["code"], "invalid_tool_call_id");
}

#[test]
fn the_voice_is_fixed_once_it_was_heard_and_takes_the_whole_update_with_it() {
    let mut client = Client::new();
    let new_voice = update(&json!({"instructions": "new", "audio": {"output": {"voice": "cedar"}}}));
    client.send(&new_voice);
    client.respond("hello");
    let again = update(&json!({"instructions": "newer", "audio": {"output": {"voice": "marin"}}}));
    assert_eq!(client.refused(&again)["code"], "cannot_update_voice");
    assert_eq!(client.conversation.session.get("/instructions"), "new");
    let error = client.refused(&response(&json!({"audio": {"output": {"voice": "marin"}}})));
    assert_eq!(error["param"], "response.audio.output.voice");
    assert_eq!(client.send(&update(&json!({"instructions": "newer"})))[0]["type"], "session.updated");
}

#[test]
fn an_answer_is_cut_within_what_was_spoken_and_nowhere_else() {
    let mut client = Client::new();
    let events = client.respond("hello");
    let id = super::last(&events, "response.output_item.done")["item"]["id"].clone();
    let cut = |id: &Value, end: u64| json!({"type": "conversation.item.truncate", "item_id": id, "content_index": 0, "audio_end_ms": end});
    let error = client.refused(&cut(&id, 9_999_999));
    assert_eq!(error["code"], "invalid_value");
    assert!(error["message"].as_str().unwrap().ends_with("ms is already shorter than 9999999ms"), "{error}");
    assert_eq!(client.send(&cut(&id, 500))[0]["type"], "conversation.item.truncated");
    assert!(client.refused(&cut(&id, 501))["message"].as_str().unwrap().contains("500ms is already shorter"));
    let user =
        client.events.iter().find(|event| event["item"]["role"] == "user").unwrap()["item"]["id"].clone();
    assert_eq!(client.refused(&cut(&user, 0))["code"], "unsupported_content_type");
    let shown = client.send(&json!({"type": "conversation.item.retrieve", "item_id": id}));
    assert_eq!(shown[0]["item"]["content"][0]["transcript"], "");
}

#[test]
fn a_session_ends_at_its_age() {
    let mut client = Client::new();
    let actions = client.conversation.on_expiry();
    let events = client.perform(actions);
    assert_eq!((&events[0]["error"]["code"], client.closed), (&json!("session_expired"), Some(1001)));
}
