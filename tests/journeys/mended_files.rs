//! Persona files change under a running service: a new one is there, a mended one reaches live calls, a broken one
//! changes nothing.

use std::fs;

use ai_realtime::rehearsal::RehearsalOptions;
use serde_json::json;

use crate::house::{Client, Service, model, soon, with_model};

async fn until_there_is(client: &Client, key: &str) {
    soon(async {
        while !client.get("/ai/personas").await.1.to_string().contains(&format!("\"key\":\"{key}\"")) {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_file_is_a_new_persona() {
    let service = Service::start().await;
    let client = &service.client;
    let folder = service.home.path().join("personas");
    client.say("m", "Hello").await;
    fs::write(
        folder.join("host.md"),
        "+++\nname = \"AI Host\"\ntools = [\"lookup_menu\"]\n+++\nYou are AI Host.",
    )
    .unwrap();
    until_there_is(client, "host").await;
    let (status, body) = client.post("/ai/persona", json!({"key": "host", "call_id": "m"})).await;
    assert_eq!((status, body["active"].as_str()), (200, Some("host")));
    assert_eq!(client.say("m", "What drinks do you have?").await["tools"][0]["name"], "lookup_menu");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_file_reaches_a_live_call_and_a_broken_one_does_not() {
    let service = Service::start().await;
    let client = &service.client;
    let folder = service.home.path().join("personas");
    client.say("m", "Hello").await;
    let mut events = client.follow("m", None).await;
    events.until("turn.done").await;

    fs::write(
        folder.join("waiter.md"),
        "+++\nname = \"AI Waiter\"\ntools = [\"no_such_tool\"]\n+++\nBroken.",
    )
    .unwrap();
    // A good file after the bad one: when its persona is there, the bad version has been looked at.
    fs::write(folder.join("cfo.md"), "+++\nname = \"AI CFO\"\n+++\nAlso changed.").unwrap();
    assert_eq!(client.say("m", "What drinks do you have?").await["tools"][0]["name"], "lookup_menu");

    let head = "+++\nname = \"AI Waiter\"\ntools = [\"recommend_pairing\"]\n+++\n";
    fs::write(folder.join("waiter.md"), format!("{head}You are the new waiter.")).unwrap();
    let seen = events.until("persona.activated").await;
    let activated = seen.last().unwrap();
    assert_eq!((&activated["persona"], &activated["by"]), (&json!("waiter"), &json!("config")));
    assert_eq!(
        client.say("m", "What drinks do you have?").await["tools"],
        json!([]),
        "it has that tool no more"
    );
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_saved_during_a_handoff_does_not_hand_the_caller_back() {
    let model = model(RehearsalOptions { delay_ms: 700, ..RehearsalOptions::default() }).await;
    let service = Service::start_with(with_model(&model)).await;
    let client = service.client.clone();
    let turn = tokio::spawn(async move {
        client.say("f", "I have a question about VAT on restaurant meals in the EU").await
    });
    let mut events = service.client.follow_when_there("f").await;
    events.until("caller.text").await;
    let file = service.home.path().join("personas/waiter.md");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("{text}\nBe kind.\n")).unwrap();
    assert_eq!(turn.await.unwrap()["persona"], "cfo");
    let reply = service.client.say("f", "Thank you").await;
    assert_eq!(reply["persona"], "cfo", "nobody asked for the waiter");
    service.stop().await;
}
