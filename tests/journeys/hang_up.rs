//! A call that is ended is over; the next word begins another, with the numbers going on.

use ai_realtime::rehearsal::RehearsalOptions;
use futures_util::future::join_all;
use serde_json::json;

use crate::house::{Service, kinds, model, soon, with_model};

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_ended_and_begun_anew() {
    let service = Service::start().await;
    let client = &service.client;
    client.say("h1", "Hello").await;
    client.post("/ai/persona", json!({"key": "cfo", "call_id": "h1"})).await;
    let (_, calls) = client.get("/ai/calls").await;
    assert_eq!((calls[0]["call_id"].as_str(), &calls[0]["turns"]), (Some("h1"), &json!(1)));
    assert_eq!(client.delete("/ai/calls/h1").await, (200, json!({"ok": true})));
    assert_eq!(client.get("/ai/calls/h1").await.0, 404);
    assert_eq!(client.delete("/ai/calls/h1").await.0, 404);

    let reply = client.say("h1", "Hello").await;
    assert_eq!(reply["persona"], "waiter", "a new conversation");
    let (_, call) = client.get("/ai/calls/h1").await;
    assert_eq!(call["turns"], 1);
    let first = call["transcript"][0]["seq"].as_u64().unwrap();
    assert!(first > 5, "the numbers go on: {first}");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everyone_who_waits_on_a_call_that_is_ended_is_told() {
    let model = model(RehearsalOptions { delay_ms: 5_000, ..RehearsalOptions::default() }).await;
    let service = Service::start_with(with_model(&model)).await;
    let client = &service.client;
    client.post("/ai/say", json!({"text": "first", "call_id": "h2"})).await;
    let waiting: Vec<_> = (0..3)
        .map(|n| {
            let client = client.clone();
            tokio::spawn(async move {
                client.post("/ai/say", json!({"text": format!("{n}"), "call_id": "h2", "wait": true})).await
            })
        })
        .collect();
    let mut events = client.follow("h2", None).await;
    events.until("caller.text").await;
    assert_eq!(client.delete("/ai/calls/h2").await.0, 200);
    for answered in soon(join_all(waiting)).await {
        let (status, body) = answered.unwrap();
        // Whoever came after the end began a call of their own, which is not answered in time to matter here.
        assert!(status == 200 || body["code"] == "call_ended", "{status} {body}");
    }
    let seen = events.until("call.ended").await;
    assert!(kinds(&seen).contains(&"turn.done"), "the turn under way is closed: {seen:?}");
    service.stop().await;
}
