//! What a client may choose of its session, and what it may not.

use serde_json::{Value, json};

use super::line::{Realtime, over};
use crate::house::Service;

#[tokio::test(flavor = "multi_thread")]
async fn instructions_and_tools_are_nobodys_but_ours() {
    let service = Service::start().await;
    let mut client = Realtime::connect(&service.client, "mine-1").await;
    let tool = json!({"type": "function", "name": "steal", "description": "Steals.", "parameters": {"type": "object"}});
    let session =
        client.update(json!({"instructions": "You are a pirate.", "tools": [tool], "model": "other"})).await;
    for hidden in ["pirate", "steal", "waiter", "lookup"] {
        assert!(!session.to_string().to_lowercase().contains(hidden), "{session}");
    }
    assert!(client.asks("how much is the african tea?").await.contains("African tea"));
    let all = Value::from(client.seen.clone()).to_string();
    assert!(!all.contains("pirate") && !all.contains("steal"));
    over(service).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_format_and_a_voice_are_chosen_before_they_are_used() {
    let service = Service::start().await;
    let mut client = Realtime::connect(&service.client, "mine-2").await;
    let chosen = json!({"audio": {"input": {"format": {"type": "audio/pcmu"}},
        "output": {"format": {"type": "audio/pcmu"}, "voice": "cedar"}}});
    let session = client.update(chosen).await;
    assert_eq!(session["audio"]["output"]["voice"], "cedar");
    assert_eq!(session["audio"]["input"]["format"]["type"], "audio/pcmu");
    client.write("hello").await;
    let delta = client.until_kind("response.output_audio.delta").await;
    assert!(!delta["delta"].as_str().unwrap().is_empty());
    client.until_kind("response.done").await;
    for (event, patch, code) in [
        ("u1", json!({"output": {"voice": "marin"}}), "cannot_update_voice"),
        (
            "u2",
            json!({"input": {"format": {"type": "audio/pcm", "rate": 24_000}},
            "output": {"format": {"type": "audio/pcm", "rate": 24_000}}}),
            "invalid_value",
        ),
    ] {
        let update = json!({"type": "session.update", "event_id": event,
            "session": {"type": "realtime", "audio": patch}});
        client.send(update).await;
        assert_eq!(client.until_error().await, (code.into(), json!(event)));
    }
    over(service).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn audio_stays_as_it_is_when_another_format_is_refused() {
    let service = Service::start().await;
    let mut client = Realtime::connect(&service.client, "mine-4").await;
    client.update(json!({"output_modalities": ["text"]})).await;
    client.asks("hello").await;
    let law = json!({"format": {"type": "audio/pcmu"}});
    let session = json!({"type": "realtime", "audio": {"input": law, "output": law}});
    client.send(json!({"type": "session.update", "event_id": "late", "session": session})).await;
    assert_eq!(client.until_error().await, ("invalid_value".into(), json!("late")));
    // Whole samples of the one, and not of the other.
    client.send(json!({"type": "input_audio_buffer.append", "event_id": "odd", "audio": "AAAA"})).await;
    assert_eq!(client.until_error().await, ("invalid_value".into(), json!("odd")));
    over(service).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_chosen_outlives_who_speaks() {
    let service = Service::start().await;
    let mut client = Realtime::connect(&service.client, "mine-3").await;
    client.update(json!({"output_modalities": ["text"]})).await;
    client.send(json!({"type": "extension.persona.activate", "persona": "cfo"})).await;
    client.until(|event| event["type"] == "extension.persona.activated" && event["persona"] == "cfo").await;
    assert!(!client.asks("what was our ebitda in 2026-03?").await.is_empty());
    assert!(client.received_ms.is_empty(), "it is still written to");
    over(service).await;
}
