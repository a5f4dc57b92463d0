//! A socket to the model takes the place of another while that one still talks: since it has grown old, or since another
//! voice shall speak. The caller notices nothing but the voice.

use ai_realtime::caller::Heard;
use ai_realtime::rehearsal::{Rehearsal, RehearsalOptions};
use serde_json::json;

use crate::house::{Service, model, with_model};
use crate::phone::line::{GREETING, OnThePhone, Phone, assert_heard};

const QUESTION: &str = "do you have fanta citron?";

/// The tone of a voice: each has its own loudness.
fn loudness(heard: &Heard) -> i16 {
    heard.samples().into_iter().map(i16::saturating_abs).max().unwrap_or(0)
}

fn reasons(on: &OnThePhone) -> Vec<String> {
    on.read("model.replaced").into_iter().map(|event| event["reason"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_outlives_two_sessions_loses_no_word() {
    let options = RehearsalOptions { max_session_s: 9, ..RehearsalOptions::default() };
    let model = model(options).await;
    let phone = Phone::plain_at(tempfile::tempdir().unwrap(), with_model(&model)).await;
    let mut on = phone.greeted().await;
    let mut asked = 0;
    while reasons(&on).len() < 2 {
        asked += 1;
        let answer = on.asks(QUESTION).await;
        on.journaled_where("turn.done", |turn| turn["turn"] == asked + 1).await;
        let texts = on.texts("assistant.text");
        assert_heard(&answer, texts.last().unwrap());
    }
    assert_eq!(on.hangs_up().await, "hung_up");
    assert_eq!(on.texts("caller.transcript"), vec![QUESTION; asked], "{}", on.told());
    assert!(reasons(&on).iter().all(|reason| reason == "age"), "{}", on.told());
    for kind in ["model.disconnected", "model.reconnected", "assistant.interrupted", "error"] {
        assert!(on.read(kind).is_empty(), "{kind}:\n{}", on.told());
    }
    assert_eq!(model.connections(), 1 + reasons(&on).len() as u64, "no socket but those");
    phone.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_persona_with_another_voice_is_heard_with_it() {
    let phone = Phone::plain().await;
    let mut on = phone.greeted().await;
    let waiter = loudness(&on.line.heard());
    on.line.listen_afresh();
    on.asks("what VAT rate applies to restaurant meals in Malta?").await;
    let activated = on.journaled_where("persona.activated", |event| event["persona"] == "cfo").await;
    assert_eq!(
        (&activated["way"], &activated["by"]),
        (&json!("replacement"), &json!("model")),
        "{activated}"
    );
    assert_eq!(on.journaled("turn.done").await["status"], "completed", "{}", on.told());
    assert_eq!(reasons(&on), ["voice"], "{}", on.told());
    let cfo = loudness(&on.line.heard());
    assert!(waiter.abs_diff(cfo) > 200, "the voice of {waiter} still speaks: {cfo}");
    assert!(on.read("model.disconnected").is_empty(), "{}", on.told());
    on.hangs_up().await;
    assert_heard(&on.texts("assistant.text")[0], GREETING);
    phone.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_swap_asked_for_by_the_api_says_which_way_it_went() {
    let phone = Phone::plain().await;
    let mut on = phone.greeted().await;
    on.journaled("turn.done").await;
    let client = &phone.service.client;
    let swap = json!({"key": "cfo", "call_id": on.line.call_sid()});
    let (status, body) = client.post("/ai/persona", swap).await;
    assert_eq!(status, 200, "{body}");
    let activated = on.journaled_where("persona.activated", |event| event["by"] == "api").await;
    assert_eq!(activated["way"], "replacement", "{activated}");
    on.hangs_up().await;
    phone.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_whose_instructions_are_fixed_gets_another_session_for_another_persona() {
    let model = model(RehearsalOptions::default()).await;
    let mut settings = with_model(&model);
    settings.push(("OPENAI_REALTIME_MODEL", "gpt-live-1".to_owned()));
    let service = Service::start_with(settings).await;
    service.client.say("c", "Hello there").await;
    let (status, body) = service.client.post("/ai/persona", json!({"key": "cfo", "call_id": "c"})).await;
    assert_eq!(status, 200, "{body}");
    let mut events = service.client.follow("c", None).await;
    events.until("persona.activated").await;
    let seen = events.until("persona.activated").await;
    let replaced = seen.iter().find(|event| event["type"] == "model.replaced").unwrap();
    assert_eq!((&replaced["reason"], &replaced["gap_ms"]), (&json!("instructions"), &json!(0)), "{replaced}");
    assert_eq!(seen.last().unwrap()["way"], "replacement");
    service.stop().await;
}

/// A model that takes one socket at a time: there is none to take the place of the one that talks.
async fn one_at_a_time(max_session_s: u64) -> Rehearsal {
    model(RehearsalOptions { max_session_s, max_connections: 1, ..RehearsalOptions::default() }).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_persona_whose_socket_cannot_be_had_does_not_take_over_and_the_old_one_goes_on() {
    let model = one_at_a_time(3_600).await;
    let phone = Phone::plain_at(tempfile::tempdir().unwrap(), with_model(&model)).await;
    let mut on = phone.greeted().await;
    on.journaled("turn.done").await;
    let swap = json!({"key": "cfo", "call_id": on.line.call_sid()});
    let (status, body) = phone.service.client.post("/ai/persona", swap).await;
    assert_eq!(body["code"], "persona_rejected", "{status} {body}");
    on.asks(QUESTION).await;
    assert_eq!(on.journaled("turn.done").await["status"], "completed", "{}", on.told());
    on.hangs_up().await;
    assert_eq!(on.read("persona.activated").len(), 1, "{}", on.told());
    assert!(on.read("model.disconnected").is_empty(), "{}", on.told());
    phone.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_session_without_a_successor_goes_on_to_its_end_and_the_call_beyond_it() {
    let model = one_at_a_time(4).await;
    let phone = Phone::plain_at(tempfile::tempdir().unwrap(), with_model(&model)).await;
    let mut on = phone.greeted().await;
    while on.read("model.reconnected").is_empty() {
        on.asks(QUESTION).await;
        on.journaled("turn.done").await;
    }
    on.asks(QUESTION).await;
    assert_eq!(on.journaled("turn.done").await["status"], "completed", "{}", on.told());
    on.hangs_up().await;
    assert!(reasons(&on).is_empty(), "{}", on.told());
    phone.service.stop().await;
}
