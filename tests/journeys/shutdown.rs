//! The service is asked to end: turns under way are answered, new ones are not begun.

use ai_realtime::rehearsal::RehearsalOptions;
use serde_json::json;

use crate::house::{Process, model, with_model};

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_under_way_is_answered_and_a_new_one_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let model = model(RehearsalOptions { delay_ms: 700, ..RehearsalOptions::default() }).await;
    let service = Process::start(home.path(), with_model(&model)).await;
    let client = service.client.clone();
    let turn = tokio::spawn(async move { client.say("default", "Hello").await });
    let mut events = service.client.follow_when_there("default").await;
    events.until("caller.text").await;
    service.terminate().await;
    service.client.until_not_ready().await;
    let (status, body) = service.client.post("/ai/say", json!({"text": "me too", "call_id": "late"})).await;
    assert_eq!((status, body["code"].as_str()), (503, Some("draining")), "{body}");
    let reply = turn.await.unwrap();
    assert!(!reply["text"].as_str().unwrap().is_empty());
    service.end().await;

    // The call is not over: it waits in its journal.
    let again = Process::start(home.path(), Vec::new()).await;
    let (_, call) = again.client.get("/ai/calls/default").await;
    assert_eq!(call["turns"], 1, "{call}");
    again.end().await;
}
