//! The process is killed: what was shown is written, and the calls go on.

use serde_json::json;

use crate::house::{Process, Service};

#[tokio::test(flavor = "multi_thread")]
async fn after_kill_nine_what_was_shown_is_there_and_the_default_call_goes_on() {
    let home = tempfile::tempdir().unwrap();
    let first = Process::start(home.path(), Vec::new()).await;
    assert!(first.start_up().contains("rehearsal") && first.start_up().contains("cfo, waiter"));
    first.client.say("default", "What drinks do you have?").await;
    first.client.post("/ai/persona", json!({"key": "cfo"})).await;
    let mut stream = first.client.follow("default", None).await;
    let mut shown = stream.until("turn.done").await;
    shown.extend(stream.until("persona.activated").await);
    // Killed in the middle of a turn.
    first.client.post("/ai/say", json!({"text": "What was our EBITDA in 2026-03?"})).await;
    shown.extend(stream.until("caller.text").await);
    first.kill().await;

    let second = Process::start(home.path(), Vec::new()).await;
    let client = &second.client;
    let (_, health) = client.get("/healthz").await;
    assert_eq!(health["persona"], "cfo", "the persona it had");
    let mut stream = client.follow("default", None).await;
    let mut kept = stream.until("call.resumed").await;
    kept.truncate(shown.len());
    assert_eq!(kept, shown, "everything that was shown, as it was shown");

    let reply = client.say("default", "What was our EBITDA in 2026-02?").await;
    assert_eq!(
        (reply["persona"].as_str(), &reply["tools"][0]["name"]),
        (Some("cfo"), &json!("fetch_financials"))
    );
    let seen = stream.until("model.reconnected").await;
    let replayed = seen.last().unwrap()["replayed_items"].as_u64().unwrap();
    assert!(
        replayed >= 6,
        "question, tool, output, answer, swap, question cut off, and the new one: {replayed}"
    );
    second.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_call_is_found_again_when_it_is_asked_for() {
    let home = tempfile::tempdir().unwrap();
    let first = Process::start(home.path(), Vec::new()).await;
    first.client.say("t1", "I have a question about VAT on restaurant meals in the EU").await;
    first.client.say("gone", "Hello").await;
    first.client.delete("/ai/calls/gone").await;
    first.kill().await;
    let second = Process::start(home.path(), Vec::new()).await;
    assert_eq!(second.client.get("/ai/calls/gone").await.0, 404);
    let (status, call) = second.client.get("/ai/calls/t1").await;
    assert_eq!(status, 200);
    assert!(call["transcript"].to_string().contains("VAT on restaurant meals"));
    assert_eq!(second.client.say("t1", "Thank you").await["persona"], "cfo");
    second.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_persona_asked_for_is_in_force_also_in_a_call_taken_up_from_its_journal() {
    let service = Service::start().await;
    service.client.say("p", "Hello").await;
    let (status, _) = service.client.post("/ai/persona", json!({"key": "cfo", "call_id": "p"})).await;
    assert_eq!(status, 200);
    let home = service.stop().await;
    let service = Service::start_at(home, Vec::new()).await;
    let said = json!({"text": "Hello", "call_id": "p", "persona": "waiter", "wait": true});
    let (status, body) = service.client.post("/ai/say", said).await;
    assert_eq!((status, &body["reply"]["persona"]), (200, &json!("waiter")), "{body}");
    service.stop().await;
}
