//! The main journey: a question to the waiter, a swap to the CFO, figures, a handoff by the model, on one socket.

use ai_realtime::rehearsal::RehearsalOptions;
use serde_json::json;

use crate::house::{Service, kinds, model, with_model};

#[tokio::test(flavor = "multi_thread")]
async fn a_person_talks_to_both_personas_over_one_socket() {
    let model = model(RehearsalOptions::default()).await;
    let service = Service::start_with(with_model(&model)).await;
    let client = &service.client;

    let (status, body) = client.post("/ai/say", json!({"text": "What drinks do you have?"})).await;
    assert_eq!((status, body), (200, json!({"ok": true, "call_id": "default"})));

    let reply = client.say("default", "What drinks do you have?").await;
    assert_eq!(reply["persona"], "waiter");
    assert_eq!(reply["tools"][0]["name"], "lookup_menu");
    assert_eq!(reply["tools"][0]["status"], "ok");
    let items = reply["tools"][0]["output"]["items"].as_array().unwrap();
    assert!(
        items.len() > 5 && items.iter().all(|item| item["category"].as_str().unwrap().contains("drinks"))
    );
    let named =
        |item: &&serde_json::Value| reply["text"].as_str().unwrap().contains(item["name"].as_str().unwrap());
    assert!(items.iter().filter(named).count() >= 3, "{}", reply["text"]);
    assert!(reply["usage"]["input_tokens"].as_u64() > Some(0) && reply["first_token_ms"].is_u64());

    let (status, body) = client.post("/ai/persona", json!({"key": "cfo"})).await;
    assert_eq!((status, body), (200, json!({"ok": true, "active": "cfo", "call_id": "default"})));

    let reply = client.say("default", "What was our EBITDA in 2026-03?").await;
    assert_eq!(
        (reply["persona"].as_str(), &reply["tools"][0]["name"]),
        (Some("cfo"), &json!("fetch_financials"))
    );
    let statements = reply["tools"][0]["output"]["statements"].as_array().unwrap();
    assert_eq!(statements.len(), 3, "three currencies");
    for statement in statements {
        let figure = statement["ebitda"].as_str().unwrap();
        assert!(reply["text"].as_str().unwrap().contains(figure), "{figure} in {}", reply["text"]);
    }

    let (_, health) = client.get("/healthz").await;
    assert_eq!(
        (&health["ok"], &health["persona"], &health["service"]),
        (&json!(true), &json!("cfo"), &json!("ai-realtime"))
    );

    assert_eq!(model.connections(), 1, "the socket to the model was opened once");
    let events = client.follow("default", None).await.until("turn.done").await;
    assert_eq!(kinds(&events).iter().filter(|kind| kind.starts_with("model.")).count(), 1);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_model_hands_the_caller_over_within_the_turn() {
    let service = Service::start().await;
    let client = &service.client;
    let reply = client.say("t1", "I have a question about VAT on restaurant meals in the EU").await;
    assert_eq!(
        (&reply["handoffs"][0]["from"], &reply["handoffs"][0]["to"]),
        (&json!("waiter"), &json!("cfo"))
    );
    assert_eq!(reply["tools"][0]["name"], "check_tax_rule");
    assert_eq!(reply["persona"], "cfo");
    assert!(reply["text"].as_str().unwrap().contains("2006/112/EC"), "{}", reply["text"]);

    let mut events = client.follow("t1", None).await;
    let seen = events.until("turn.done").await;
    let seqs: Vec<_> = seen.iter().map(|event| event["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs, (1..=seqs.len() as u64).collect::<Vec<_>>(), "numbered without a gap");
    let kinds: Vec<_> = kinds(&seen).into_iter().filter(|kind| *kind != "assistant.delta").collect();
    assert_eq!(
        kinds,
        [
            "call.started",
            "persona.activated",
            "turn.started",
            "caller.text",
            "model.connected",
            "handoff.requested",
            "persona.activated",
            "assistant.text",
            "tool.started",
            "tool.done",
            "assistant.text",
            "turn.done",
        ],
        "{seen:#?}"
    );

    let (_, call) = client.get("/ai/calls/t1").await;
    assert_eq!(call["persona"], "cfo");
    let roles: Vec<_> = call["transcript"].as_array().unwrap().iter().map(|entry| &entry["role"]).collect();
    assert!(roles.contains(&&json!("caller")) && roles.contains(&&json!("assistant")), "{call}");

    // Back to who it was, by request; what was said before is still known.
    let (_, body) = client.post("/ai/persona", json!({"key": "waiter", "call_id": "t1"})).await;
    assert_eq!(body["active"], "waiter");
    let (status, body) = client.post("/ai/persona", json!({"key": "chef", "call_id": "t1"})).await;
    assert_eq!((status, &body["code"]), (400, &json!("unknown_persona")));
    assert!(body["error"].as_str().unwrap().contains("cfo, waiter"));
    service.stop().await;
}
