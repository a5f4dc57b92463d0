//! The model's side has trouble: dropped sockets, failed answers, refused keys, silence.

use ai_realtime::rehearsal::RehearsalOptions;
use secrecy::SecretString;
use serde_json::json;
use tokio::net::TcpListener;

use crate::house::{Service, kinds, model, with_model};

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_dropped_in_the_middle_of_an_answer_is_replaced_and_the_answer_comes() {
    let model = model(RehearsalOptions { delta_delay_ms: 20, ..RehearsalOptions::default() }).await;
    let service = Service::start_with(with_model(&model)).await;
    let client = &service.client;
    let request = client
        .http
        .post(format!("{}/ai/say", client.base))
        .header("accept", "text/event-stream")
        .json(&json!({"text": "What drinks do you have?", "call_id": "d"}));
    let mut events = client.events(request).await;
    events.until("assistant.delta").await;
    model.drop_all();
    let seen = events.until("turn.done").await;
    let kinds = kinds(&seen);
    for kind in ["assistant.interrupted", "model.disconnected", "model.reconnected", "assistant.text"] {
        assert!(kinds.contains(&kind), "{kind} in {kinds:?}");
    }
    assert_eq!(seen.last().unwrap()["status"], "completed");
    let (_, call) = client.get("/ai/calls/d").await;
    let asked = call["transcript"].as_array().unwrap().iter().filter(|entry| entry["role"] == "caller");
    assert_eq!(asked.count(), 1, "the caller said it once");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_that_is_dropped_every_few_turns_costs_no_turn() {
    let options = RehearsalOptions { drop_after: Some(170), ..RehearsalOptions::default() };
    let model = model(options).await;
    let service = Service::start_with(with_model(&model)).await;
    for turn in 0..6 {
        let reply = service.client.say("d", "What cocktails do you have?").await;
        assert_eq!(reply["tools"][0]["status"], "ok", "turn {turn}: {reply}");
    }
    assert!(model.connections() > 2, "the sockets were dropped");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_that_never_lives_to_an_answer_is_given_up_with_a_pause_between_attempts() {
    let options = RehearsalOptions { drop_after: Some(4), ..RehearsalOptions::default() };
    let model = model(options).await;
    let service = Service::start_with(with_model(&model)).await;
    let said = json!({"text": "Hello there", "call_id": "d", "wait": true});
    let (status, body) = service.client.post("/ai/say", said).await;
    assert_eq!((status, body["code"].as_str()), (503, Some("model_unavailable")), "{body}");
    assert_eq!(model.connections(), 5);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_answer_is_tried_again_and_then_told() {
    let model = model(RehearsalOptions { error_rate: 1.0, ..RehearsalOptions::default() }).await;
    let service = Service::start_with(with_model(&model)).await;
    let client = &service.client;
    let said = json!({"text": "Hello", "call_id": "f", "wait": true});
    let (status, body) = client.post("/ai/say", said).await;
    assert_eq!((status, body["code"].as_str()), (502, Some("model_failed")), "{body}");
    let (_, call) = client.get("/ai/calls/f").await;
    assert_eq!(call["state"], "listening", "the call goes on");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_behaves_oddly_is_understood() {
    let model = model(RehearsalOptions { hostile: true, ..RehearsalOptions::default() }).await;
    let service = Service::start_with(with_model(&model)).await;
    let client = &service.client;
    let reply = client.say("o", "I have a question about VAT on restaurant meals in the EU").await;
    assert_eq!(reply["tools"][0]["name"], "check_tax_rule");
    assert_eq!(model.connections(), 1);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_key_is_told_at_once_and_not_tried_again() {
    let api_key = Some(SecretString::from("another"));
    let model = model(RehearsalOptions { api_key, ..RehearsalOptions::default() }).await;
    let service = Service::start_with(with_model(&model)).await;
    let client = &service.client;
    let (status, body) = client.post("/ai/say", json!({"text": "Hello"})).await;
    assert_eq!((status, body["code"].as_str()), (502, Some("model_refused")), "{body}");
    let (status, body) = client.post("/ai/persona", json!({"key": "cfo"})).await;
    assert_eq!((status, body["code"].as_str()), (502, Some("model_refused")), "{body}");
    assert_eq!(client.get("/healthz").await.1["persona"], "waiter");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_says_nothing_costs_a_turn_and_not_the_call() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/v1/realtime", silent.local_addr().unwrap());
    let settings = vec![
        ("OPENAI_API_KEY", "sk-x".to_owned()),
        ("OPENAI_REALTIME_ENDPOINT", url),
        ("TURN_TIMEOUT_SECONDS", "0.3".to_owned()),
    ];
    let service = Service::start_with(settings).await;
    let client = &service.client;
    for _ in 0..2 {
        let (status, body) = client.post("/ai/say", json!({"text": "Hello"})).await;
        assert_eq!((status, body["code"].as_str()), (504, Some("model_timeout")), "{body}");
    }
    assert_eq!(client.get("/healthz").await.0, 200);
    service.stop().await;
}
