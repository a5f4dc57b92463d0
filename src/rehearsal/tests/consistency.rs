//! Whatever a client does, in any order: the events stay consistent.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::Client;

/// What a client might do, in any order.
#[derive(Debug, Clone)]
enum Move {
    Say(&'static str),
    Create,
    Beside,
    Cancel,
    Step,
    DeleteLast,
    Answer,
    Limit,
    Speak(&'static str),
    Pause,
    Commit,
    Truncate,
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let one = prop_oneof![
        Just(Move::Say("What drinks do you have?")),
        Just(Move::Say("hello")),
        Just(Move::Create),
        Just(Move::Create),
        Just(Move::Beside),
        Just(Move::Cancel),
        Just(Move::Step),
        Just(Move::Step),
        Just(Move::Step),
        Just(Move::DeleteLast),
        Just(Move::Answer),
        Just(Move::Limit),
        Just(Move::Speak("what drinks do you have?")),
        Just(Move::Speak("bye")),
        Just(Move::Pause),
        Just(Move::Pause),
        Just(Move::Commit),
        Just(Move::Truncate),
    ];
    prop::collection::vec(one, 1..60)
}

fn play(client: &mut Client, step: &Move) {
    match step {
        Move::Say(text) => client.user(text),
        Move::Create => {
            client.send(&json!({"type": "response.create"}));
        }
        Move::Beside => {
            client.send(&json!({"type": "response.create", "response": {"conversation": "none"}}));
        }
        Move::Cancel => {
            client.send(&json!({"type": "response.cancel"}));
        }
        Move::Limit => {
            let response = json!({"max_output_tokens": 3});
            client.send(&json!({"type": "response.create", "response": response}));
        }
        Move::Speak(text) => {
            client.say(text, 0);
        }
        Move::Pause => {
            client.append(&vec![0xFF; 3_000]);
        }
        Move::Commit => {
            client.send(&json!({"type": "input_audio_buffer.commit"}));
        }
        Move::Truncate => {
            let id = client.conversation.items.last_id().unwrap_or_default();
            client.send(&json!({"type": "conversation.item.truncate", "item_id": id, "content_index": 0,
                "audio_end_ms": 200}));
        }
        Move::Step => {
            if !client.waiting.is_empty() {
                client.step();
            }
        }
        Move::DeleteLast => {
            let id = client.conversation.items.last_id().unwrap_or_default();
            client.send(&json!({"type": "conversation.item.delete", "item_id": id}));
        }
        Move::Answer => {
            let call = client.events.iter().rev().find_map(|event| event["call_id"].as_str());
            let call = call.unwrap_or("nobody").to_owned();
            client.send(&json!({"type": "conversation.item.create",
                "item": {"type": "function_call_output", "call_id": call, "output": "[]"}}));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn whatever_the_client_does_the_events_stay_consistent(moves in moves(), spoken in any::<bool>(), faults in 0.0..0.5_f64) {
        let mut client = Client::with(|setup| setup.error_rate = faults);
        let modality = if spoken { "audio" } else { "text" };
        let session = json!({"type": "realtime", "output_modalities": [modality], "tools": super::waiter_json(),
            "audio": {"input": {"format": {"type": "audio/pcmu"}, "transcription": {"model": "gpt-live-transcribe"}},
                "output": {"format": {"type": "audio/pcmu"}, "speed": 1.5}}});
        client.send(&json!({"type": "session.update", "session": session}));
        for step in &moves {
            play(&mut client, step);
        }
        client.finish();
        check_consistency(&client.events);
    }
}

fn check_consistency(events: &[Value]) {
    let ids: BTreeSet<&str> = events.iter().map(|event| event["event_id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), events.len(), "event ids repeat");
    let of = |kind: &str| events.iter().filter(|event| event["type"] == kind).collect::<Vec<_>>();
    let mut active = 0_u32;
    for event in events {
        let default = !event["response"]["conversation_id"].is_null();
        match event["type"].as_str().unwrap() {
            "response.created" if default => active += 1,
            "response.done" if default => active -= 1,
            _ => {}
        }
        assert!(active <= 1, "two active responses");
    }
    assert_eq!(of("response.created").len(), of("response.done").len());
    for done in of("response.done") {
        let response = &done["response"];
        let items = of("response.output_item.done")
            .into_iter()
            .filter(|event| event["response_id"] == response["id"]);
        let items: Vec<&Value> = items.map(|event| &event["item"]).collect();
        assert_eq!(response["output"].as_array().unwrap().iter().collect::<Vec<_>>(), items);
        check_usage(&response["usage"]);
        items.into_iter().for_each(|item| check_deltas(events, item));
    }
}

fn check_deltas(events: &[Value], item: &Value) {
    let of_item = || events.iter().filter(|event| event["item_id"] == item["id"]);
    let is_truncated = of_item().any(|event| event["type"] == "conversation.item.truncated");
    let deltas = of_item().filter(|event| event["type"] != "response.output_audio.delta");
    let whole: String = deltas.filter_map(|event| event["delta"].as_str()).collect();
    let content = &item["content"][0];
    let shown = [&content["text"], &content["transcript"], &item["arguments"]];
    let shown = shown.into_iter().find_map(Value::as_str).unwrap();
    assert!(shown == whole || (is_truncated && shown.is_empty()), "{shown:?} of {whole:?}");
}

fn check_usage(usage: &Value) {
    if usage.is_null() {
        return;
    }
    let number = |pointer: &str| usage.pointer(pointer).unwrap().as_u64().unwrap();
    let input = "/input_token_details";
    let parts =
        ["text_tokens", "audio_tokens", "image_tokens"].map(|name| number(&format!("{input}/{name}")));
    assert_eq!(parts.iter().sum::<u64>(), number("/input_tokens"));
    assert!(number("/input_token_details/cached_tokens") <= number("/input_tokens"));
    let output = number("/output_token_details/text_tokens") + number("/output_token_details/audio_tokens");
    assert_eq!(output, number("/output_tokens"));
    assert_eq!(number("/total_tokens"), number("/input_tokens") + output);
}
