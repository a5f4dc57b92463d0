//! OpenAI's typed models, and the rules that types cannot express, judge every frame between service and model.

use std::net::SocketAddr;

use ai_realtime::rehearsal::{Rehearsal, RehearsalOptions};
use serde_json::json;

use crate::bench::{Judge, Service};

/// Most turns of the day in trouble; far fewer are needed for every kind of trouble.
const TURNS_IN_TROUBLE: usize = 24;

async fn model(options: RehearsalOptions) -> Rehearsal {
    Rehearsal::start(SocketAddr::from(([127, 0, 0, 1], 0)), options).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Python with OpenAI's package: make test-services"]
async fn a_day_of_calls_is_spoken_without_a_mistake() {
    let model = model(RehearsalOptions { delta_delay_ms: 2, ..RehearsalOptions::default() }).await;
    let judge = Judge::before(model.addr()).await;
    let service = Service::start_before(&judge, &[("TEXT_CALL_IDLE_SECONDS", "0.5".to_owned())]).await;

    // Two personas on one call, by request; two tool calls in one response.
    let reply = service.say("default", "What drinks do you have?").await;
    assert_eq!(reply["tools"][0]["name"], "lookup_menu");
    assert_eq!(service.post("/ai/persona", json!({"key": "cfo"})).await.0, 200);
    let reply = service.say("default", "What was our EBITDA in 2026-03?").await;
    assert_eq!(reply["tools"][0]["status"], "ok");
    let reply = service.say("default", "What was our revenue in 2026-03 and what in 2026-04?").await;
    assert_eq!(reply["tools"].as_array().unwrap().len(), 2, "{reply}");

    // Handed over by the model, within the turn.
    let reply = service.say("tax", "I have a question about VAT on restaurant meals in the EU").await;
    assert_eq!(reply["handoffs"][0]["to"], "cfo");
    assert_eq!(service.delete("/ai/calls/tax").await, 200);

    // Everything at once on one call: it is done in order, and nothing is asked for between an update and its answer.
    let swap = async |key: &str| service.post("/ai/persona", json!({"key": key, "call_id": "busy"})).await.0;
    let (_, first, _, second, _) = tokio::join!(
        service.say("busy", "What drinks do you have?"),
        swap("cfo"),
        service.say("busy", "What was our revenue in 2026-03?"),
        swap("waiter"),
        service.say("busy", "What wines do you have?"),
    );
    assert_eq!((first, second), (200, 200));

    // A socket that falls while the model speaks, and one that is closed because nobody does: both are replayed.
    let asked = json!({"text": "What cocktails do you have?", "call_id": "cut"});
    assert_eq!(service.post("/ai/say", asked).await.0, 200);
    model.drop_all();
    service.say("cut", "Thank you").await;
    service.until("cut", "asleep").await;
    service.say("cut", "What wines do you have?").await;
    service.end().await;

    let report = judge.report().await;
    report.praise(&[
        // One less when the wishes on the busy call came in the order in which one of them changes nothing.
        ("client session.update", 9),
        ("client conversation.item.create/user", 12),
        ("client conversation.item.create/assistant", 1),
        ("client conversation.item.create/function_call", 1),
        ("client conversation.item.create/function_call_output", 9),
        ("client response.create", 18),
        ("server session.updated", 9),
        ("server conversation.item.added", 20),
        ("server response.function_call_arguments.done", 9),
        ("server response.output_text.delta", 50),
        ("server response.done/completed", 16),
    ]);
    assert_eq!(report.errors(), [""; 0], "nothing was refused");
    assert!(report.sockets >= 5, "{} sockets", report.sockets);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Python with OpenAI's package: make test-services"]
async fn answers_that_take_too_long_are_stopped_without_a_mistake() {
    let model = model(RehearsalOptions { delay_ms: 2_000, ..RehearsalOptions::default() }).await;
    let judge = Judge::before(model.addr()).await;
    let service = Service::start_before(&judge, &[("TURN_TIMEOUT_SECONDS", "0.5".to_owned())]).await;
    for _ in 0..3 {
        let said = json!({"text": "Hello", "call_id": "slow", "wait": true});
        assert_eq!(service.post("/ai/say", said).await.0, 504);
    }
    service.end().await;

    let report = judge.report().await;
    report.praise(&[("client response.cancel", 2), ("server response.done/cancelled", 2)]);
    assert_eq!(report.errors(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Python with OpenAI's package: make test-services"]
async fn failed_responses_and_falling_sockets_are_met_without_a_mistake() {
    let trouble = RehearsalOptions { error_rate: 0.25, drop_after: Some(150), ..RehearsalOptions::default() };
    let model = model(trouble).await;
    let judge = Judge::before(model.addr()).await;
    let service = Service::start_before(&judge, &[]).await;
    let (mut answered, mut failed) = (0, 0);
    for turn in 0..TURNS_IN_TROUBLE {
        let text = ["What drinks do you have?", "What is our VAT on books in the UK?", "Thank you"][turn % 3];
        let said = json!({"text": text, "call_id": "trouble", "wait": true});
        match service.post("/ai/say", said).await {
            (200, _) => answered += 1,
            // It failed, and failed again: the caller is told.
            (502, _) => failed += 1,
            other => panic!("{other:?}"),
        }
    }
    service.end().await;

    let report = judge.report().await;
    report.praise(&[
        ("server response.done/failed", 5),
        ("server response.done/completed", 20),
        ("client conversation.item.create/assistant", 5),
        ("client conversation.item.create/function_call", 5),
    ]);
    assert!(answered > failed, "{answered} turns were answered, {failed} failed");
    assert!(report.sockets > 2, "the sockets fell");
}
