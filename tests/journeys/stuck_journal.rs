//! The journal cannot be written: nothing is promised, and nobody is kept waiting.

use serde_json::json;

use crate::house::{Service, soon};

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_that_cannot_be_written_is_told_and_not_waited_for() {
    let service = Service::start().await;
    let client = &service.client;
    client.say("j", "Hello").await;
    let lock = rusqlite::Connection::open(service.home.path().join("data/ai-realtime.db")).unwrap();
    lock.execute_batch("BEGIN IMMEDIATE").unwrap();
    let said = json!({"text": "Hello", "call_id": "j", "wait": true});
    for _ in 0..2 {
        let (status, body) = client.post("/ai/say", said.clone()).await;
        assert_eq!((status, body["code"].as_str()), (503, Some("store_unavailable")), "{body}");
    }
    // A stream is not kept open for events that cannot come.
    let request = client
        .http
        .post(format!("{}/ai/say", client.base))
        .header("accept", "text/event-stream")
        .json(&json!({"text": "Hello", "call_id": "j"}));
    assert_eq!(soon(request.send()).await.unwrap().status(), 503);
    lock.execute_batch("ROLLBACK").unwrap();
    // What was recorded meanwhile is written, and the call goes on.
    soon(async { while client.post("/ai/say", said.clone()).await.0 != 200 {} }).await;
    service.stop().await;
}
