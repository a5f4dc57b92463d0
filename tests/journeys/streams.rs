//! A reply as it comes, and the events of a call, with nothing missed.

use serde_json::json;

use crate::house::{Service, kinds};

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_is_streamed_and_ends_with_its_last_event() {
    let service = Service::start().await;
    let client = &service.client;
    client.say("s1", "Hello").await;
    let request = client
        .http
        .post(format!("{}/ai/say", client.base))
        .header("accept", "text/event-stream")
        .json(&json!({"text": "What beers do you have?", "call_id": "s1"}));
    let events = client.events(request).await.all().await;
    let kinds = kinds(&events);
    assert_eq!((kinds[0], kinds[1]), ("turn.started", "caller.text"));
    assert_eq!(*kinds.last().unwrap(), "turn.done");
    assert_eq!(kinds.iter().filter(|kind| **kind == "turn.done").count(), 1);
    let deltas: String = events
        .iter()
        .filter(|event| event["type"] == "assistant.delta")
        .map(|event| event["text"].as_str().unwrap())
        .collect();
    let whole: String = events
        .iter()
        .filter(|event| event["type"] == "assistant.text")
        .map(|event| event["text"].as_str().unwrap())
        .collect();
    assert!(!whole.is_empty() && deltas == whole, "the pieces make the whole");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_is_taken_up_again_misses_nothing() {
    let service = Service::start().await;
    let client = &service.client;
    client.say("s2", "Hello").await;
    let mut first = client.follow("s2", None).await;
    let before = first.until("turn.done").await;
    let last = before.last().unwrap()["seq"].as_u64().unwrap();
    drop(first);
    client.say("s2", "What wines do you have?").await;
    client.say("s2", "Thank you").await;
    let mut second = client.follow("s2", Some(last)).await;
    let mut after = second.until("turn.done").await;
    after.extend(second.until("turn.done").await);
    let seqs: Vec<_> = after.iter().map(|event| event["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs, (last + 1..=last + seqs.len() as u64).collect::<Vec<_>>());
    client.delete("/ai/calls/s2").await;
    let rest = second.all().await;
    assert_eq!(kinds(&rest).last(), Some(&"call.ended"), "and the stream ends with the call");
    service.stop().await;
}
