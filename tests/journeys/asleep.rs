//! A call that nobody speaks to closes its socket, and takes the conversation up again with the next word.

use ai_realtime::rehearsal::{Rehearsal, RehearsalOptions};
use serde_json::json;

use crate::house::{Service, model, with_model};

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_call_sleeps_and_remembers() {
    let model = model(RehearsalOptions::default()).await;
    let mut settings = with_model(&model);
    settings.push(("TEXT_CALL_IDLE_SECONDS", "0.2".to_owned()));
    let service = Service::start_with(settings).await;
    let client = &service.client;
    client.say("z", "What drinks do you have?").await;
    let mut events = client.follow("z", None).await;
    let seen = events.until("model.disconnected").await;
    assert_eq!(seen.last().unwrap()["reason"], "idle");
    let (_, call) = client.get("/ai/calls/z").await;
    assert_eq!(call["state"], "asleep");

    client.say("z", "Thank you").await;
    let seen = events.until("turn.done").await;
    let reconnected = seen.iter().find(|event| event["type"] == "model.reconnected").unwrap();
    // Question, tool call, output, answer; and what was just said.
    assert_eq!(reconnected["replayed_items"], json!(5), "{seen:?}");
    assert_eq!(model.connections(), 2);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_persona_the_model_could_not_confirm_is_not_in_force_later() {
    let first = model(RehearsalOptions::default()).await;
    let port = first.addr().port();
    let mut settings = with_model(&first);
    settings.push(("TEXT_CALL_IDLE_SECONDS", "0.2".to_owned()));
    let service = Service::start_with(settings).await;
    let client = &service.client;
    client.say("z", "Hello").await;
    let mut events = client.follow("z", None).await;
    events.until("model.disconnected").await;
    first.stop().await;
    let (status, body) = client.post("/ai/persona", json!({"key": "cfo", "call_id": "z"})).await;
    assert_eq!((status, body["code"].as_str()), (503, Some("model_unavailable")), "{body}");

    let _again = Rehearsal::start(([127, 0, 0, 1], port).into(), RehearsalOptions::default()).await.unwrap();
    let reply = client.say("z", "What drinks do you have?").await;
    assert_eq!((&reply["persona"], &reply["tools"][0]["status"]), (&json!("waiter"), &json!("ok")));
    service.stop().await;
}
