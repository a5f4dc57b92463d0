//! The order of events, their sums, and what a running response does to the rest.

use serde_json::{Value, json};

use super::{Client, kinds, last};

#[test]
fn a_written_answer_comes_in_the_order_of_the_real_server() {
    let mut client = Client::waiter();
    let events = client.respond("hello");
    let mut order = kinds(&events);
    order.dedup();
    assert_eq!(
        order,
        [
            "response.created",
            "rate_limits.updated",
            "response.output_item.added",
            "conversation.item.added",
            "response.content_part.added",
            "response.output_text.delta",
            "response.output_text.done",
            "response.content_part.done",
            "conversation.item.done",
            "response.output_item.done",
            "response.done",
        ]
    );
    let said: String = events.iter().filter_map(|event| event["delta"].as_str()).collect();
    assert_eq!(last(&events, "response.output_text.done")["text"], json!(said));
    assert_eq!(last(&events, "response.done")["response"]["output"][0]["content"][0]["text"], json!(said));
}

#[test]
fn a_spoken_answer_has_as_much_audio_as_words_in_the_format_of_the_session() {
    let mut client = Client::new();
    let output = json!({"format": {"type": "audio/pcmu"}, "voice": "marin"});
    client.send(
        &json!({"type": "session.update", "session": {"type": "realtime", "audio": {"output": output}}}),
    );
    let events = client.respond("hello");
    let text =
        last(&events, "response.output_audio_transcript.done")["transcript"].as_str().unwrap().to_owned();
    let audio = events.iter().filter(|event| event["type"] == "response.output_audio.delta");
    let bytes: usize = audio
        .map(|event| base64_simd::STANDARD.decode_to_vec(event["delta"].as_str().unwrap()).unwrap().len())
        .sum();
    assert_eq!(bytes, text.chars().count() * 60 * 8);
    let done = last(&events, "response.done");
    assert!(done["response"]["usage"]["output_token_details"]["audio_tokens"].as_u64() > Some(0));
    let id = done["response"]["output"][0]["id"].clone();
    let shown = client.send(&json!({"type": "conversation.item.retrieve", "item_id": id}));
    let kept = shown[0]["item"]["content"][0]["audio"].as_str().unwrap();
    assert_eq!(base64_simd::STANDARD.decode_to_vec(kept).unwrap().len(), bytes);
}

#[test]
fn a_tool_call_is_announced_in_pieces_and_its_output_spoken_of() {
    let mut client = Client::waiter();
    let events = client.respond("What drinks do you have?");
    let call = last(&events, "response.function_call_arguments.done");
    assert_eq!((&call["name"], &call["arguments"]), (&json!("lookup_menu"), &json!(r#"{"query":"drinks"}"#)));
    let pieces: String = events.iter().filter_map(|event| event["delta"].as_str()).collect();
    assert_eq!(json!(pieces), call["arguments"]);
    let item = &last(&events, "response.done")["response"]["output"][0];
    assert_eq!(
        (&item["type"], &item["call_id"], &item["status"]),
        (&json!("function_call"), &call["call_id"], &json!("completed"))
    );
    let output = r#"{"items":[{"name":"Primus"}]}"#;
    client.send(&json!({"type": "conversation.item.create",
        "item": {"type": "function_call_output", "call_id": call["call_id"], "output": output}}));
    client.send(&json!({"type": "response.create"}));
    let events = client.finish();
    assert_eq!(last(&events, "response.output_text.done")["text"], "Item: Primus.");
}

#[test]
fn one_response_at_a_time_and_others_beside_it() {
    let mut client = Client::waiter();
    client.user("hello");
    client.send(&json!({"type": "response.create"}));
    client.step();
    let error = client.refused(&json!({"type": "response.create", "event_id": "rc_2"}));
    assert_eq!(
        (&error["code"], &error["event_id"]),
        (&json!("conversation_already_has_active_response"), &json!("rc_2"))
    );
    let beside = json!({"conversation": "none", "metadata": {"purpose": "summary"}, "input": [
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hello"}]}]});
    let created = client.send(&json!({"type": "response.create", "response": beside}));
    assert_eq!(created[0]["response"]["metadata"]["purpose"], "summary");
    assert_eq!(created[0]["response"]["conversation_id"], Value::Null);
    let events = client.finish();
    assert_eq!(events.iter().filter(|event| event["type"] == "response.done").count(), 2);
    // the one beside it leaves nothing in the conversation
    assert_eq!(client.conversation.items.iter().count(), 2);
}

#[test]
fn a_cancelled_response_ends_with_what_was_said() {
    let mut client = Client::waiter();
    client.user("hello");
    client.send(&json!({"type": "response.create"}));
    client.step();
    let events = client.send(&json!({"type": "response.cancel"}));
    let response = &last(&events, "response.done")["response"];
    assert_eq!(response["status_details"], json!({"type": "cancelled", "reason": "client_cancelled"}));
    assert_eq!(response["output"][0]["status"], "incomplete");
    assert_eq!(response["output"][0]["content"][0]["text"], "Hello! This ");
    assert!(response["usage"]["output_tokens"].as_u64().unwrap() > 0);
    assert!(client.finish().is_empty());
    assert_eq!(client.refused(&json!({"type": "response.cancel"}))["code"], "response_cancel_not_active");
}

#[test]
fn tokens_run_out_where_they_are_limited() {
    let mut client = Client::waiter();
    client.user("hello");
    client.send(&json!({"type": "response.create", "response": {"max_output_tokens": 8}}));
    let response = last(&client.finish(), "response.done")["response"].clone();
    assert_eq!(response["status_details"], json!({"type": "incomplete", "reason": "max_output_tokens"}));
    assert!(response["usage"]["output_tokens"].as_u64().unwrap() <= 8);
}

#[test]
fn a_share_of_responses_fails_the_same_for_the_same_seed() {
    let failed = |seed: u64| {
        let mut client = Client::with(|setup| (setup.error_rate, setup.fault_seed) = (0.5, seed));
        let mut status = || last(&client.respond("hello"), "response.done")["response"]["status"].clone();
        (0..20).map(|_| status()).collect::<Vec<_>>()
    };
    let run = failed(7);
    assert_eq!(run, failed(7));
    let share = run.iter().filter(|status| *status == "failed").count();
    assert!((4..=16).contains(&share), "{share} of 20");
    let mut always = Client::with(|setup| setup.error_rate = 1.0);
    let error =
        last(&always.respond("hello"), "response.done")["response"]["status_details"]["error"].clone();
    assert_eq!(error["type"], "server_error");
}

#[test]
fn per_response_settings_hold_for_one_response() {
    let mut client = Client::waiter();
    client.user("What drinks do you have?");
    let own = json!({"tool_choice": "none", "output_modalities": ["audio"], "audio": {"output": {"voice": "cedar"}}});
    client.send(&json!({"type": "response.create", "response": own}));
    let events = client.finish();
    assert_eq!(last(&events, "response.done")["response"]["audio"]["output"]["voice"], "cedar");
    assert!(kinds(&events).contains(&"response.output_audio.delta"));
    let again = client.respond("What drinks do you have?");
    assert!(kinds(&again).contains(&"response.function_call_arguments.done"));
}

#[test]
fn committed_audio_becomes_an_item() {
    let mut client = Client::new();
    let audio = base64_simd::STANDARD.encode_to_string(vec![0_u8; 48 * 500]);
    assert!(client.send(&json!({"type": "input_audio_buffer.append", "audio": audio})).is_empty());
    let events = client.send(&json!({"type": "input_audio_buffer.commit"}));
    assert_eq!(
        kinds(&events),
        ["input_audio_buffer.committed", "conversation.item.added", "conversation.item.done"]
    );
    let shown = client.send(&json!({"type": "conversation.item.retrieve", "item_id": events[0]["item_id"]}));
    assert_eq!(shown[0]["item"]["content"][0]["audio"], json!(audio));
    assert_eq!(
        kinds(&client.send(&json!({"type": "input_audio_buffer.clear"}))),
        ["input_audio_buffer.cleared"]
    );
}

#[test]
fn items_stand_where_they_were_put() {
    let mut client = Client::new();
    let put = |client: &mut Client, id: &str, after: Value| {
        let content = json!([{"type": "input_text", "text": "a"}]);
        let item = json!({"id": id, "type": "message", "role": "user", "content": content});
        let mut event = json!({"type": "conversation.item.create", "item": item});
        if !after.is_null() {
            event["previous_item_id"] = after;
        }
        client.send(&event)[0]["previous_item_id"].clone()
    };
    assert_eq!(put(&mut client, "b", Value::Null), Value::Null);
    assert_eq!(put(&mut client, "d", Value::Null), "b");
    assert_eq!(put(&mut client, "a", json!("root")), Value::Null);
    assert_eq!(put(&mut client, "c", json!("b")), "b");
    client.send(&json!({"type": "conversation.item.delete", "item_id": "a"}));
    let order: Vec<&str> = client.conversation.items.iter().map(|item| item.id.as_str()).collect();
    assert_eq!(order, ["b", "c", "d"]);
}

#[test]
fn a_hostile_server_still_says_everything_it_should() {
    let mut client = Client::with(|setup| setup.hostile = true);
    let events = client.respond("hello");
    assert!(kinds(&client.events).contains(&"conversation.created"));
    assert!(events.iter().any(|event| event.get("obfuscation").is_some()));
    assert_eq!(last(&events, "response.done")["response"]["status_details"]["type"], "completed");
}
