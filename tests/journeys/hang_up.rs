//! A call that is ended is over; the next word begins another, with the numbers going on.

use serde_json::json;

use crate::house::Service;

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
