//! A caller is put through to a human: they are told, the human is told, and whoever is not taken comes back.

use ai_realtime::caller::{Human, TimelineEvent};
use serde_json::json;

use super::line::{HUMAN, OnThePhone, Phone, assert_heard};
use crate::house::DEADLINE;

const TOLD: &str = "One moment please, I am putting you through.";
const NOBODY: &str = "I am sorry, none of the staff can come to the phone right now. Can I help you instead?";

async fn asks_for_a_human(phone: &Phone, human: Human) -> OnThePhone {
    let line = phone.caller().human(human).dial().await.unwrap();
    let on = phone.answered(line).await;
    on.hears("today?").await;
    on.line.until_quiet(600, DEADLINE).await.unwrap();
    on.line.listen_afresh();
    on.line.say("can i speak to a human?").await;
    on
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_asks_for_a_human_is_put_through_with_a_summary() {
    let phone = Phone::connected().await;
    let mut on = asks_for_a_human(&phone, Human::Answers { talks_ms: 2_000 }).await;
    on.notices("a human", |event| {
        matches!(event, TimelineEvent::Dialled { number, outcome } if number == HUMAN && outcome == "completed")
    })
    .await;
    assert_heard(&on.line.heard_text(), TOLD);
    assert_eq!(on.ended().await, "transferred");
    let tool = on.read("tool.started")[0];
    assert_eq!(tool["name"], "transfer_to_human");
    assert_eq!(on.read("transfer.started")[0]["to"], HUMAN);
    let summary = tool["arguments"]["summary"].as_str().unwrap().to_owned();
    on.notices("the whisper", |event| matches!(event, TimelineEvent::Whispered { text } if *text == summary))
        .await;
    let dial =
        phone.exchange().requests().into_iter().find_map(|asked| asked.field("Twiml").map(ToOwned::to_owned));
    assert!(dial.as_ref().is_some_and(|twiml| twiml.contains("<Dial") && twiml.contains(HUMAN)), "{dial:?}");
    on.line.until_ended(DEADLINE).await.unwrap();
    phone.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_whom_no_human_takes_comes_back_to_the_persona_and_the_conversation() {
    let phone = Phone::connected().await;
    for human in [Human::Busy, Human::NoAnswer] {
        let mut on = asks_for_a_human(&phone, human).await;
        on.line.until_streams(2, DEADLINE).await.unwrap();
        assert_heard(&on.line.heard_text(), TOLD);
        on.line.listen_afresh();
        on.line.until_speaks(DEADLINE).await.unwrap();
        on.line.until_quiet(600, DEADLINE).await.unwrap();
        assert_heard(&on.line.heard_text(), NOBODY);
        let answer = on.asks("how much is the african tea?").await;
        assert!(answer.contains("african tea"), "{answer}");
        let transcript = on.transcript(&phone).await;
        let said = |text: &str| transcript.iter().any(|entry| entry["text"] == text);
        assert!(said("can i speak to a human?") && said("how much is the african tea?"), "{transcript:#?}");
        assert_eq!(on.hangs_up().await, "hung_up");
        assert_eq!(on.read("call.started").len(), 1);
    }
    phone.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn someone_outside_puts_a_caller_through() {
    let phone = Phone::connected().await;
    let mut on = phone.greeted().await;
    on.line.until_quiet(600, DEADLINE).await.unwrap();
    on.line.listen_afresh();
    let path = format!("/ai/calls/{}/transfer", on.line.call_sid());
    let body = json!({"to": "+35621999999", "summary": "A table for six on Friday."});
    let (status, answer) = phone.service.client.post(&path, body).await;
    assert_eq!((status, answer), (200, json!({"ok": true})));
    on.notices(
        "a human",
        |event| matches!(event, TimelineEvent::Dialled { number, .. } if number == "+35621999999"),
    )
    .await;
    on.notices(
        "the whisper",
        |event| matches!(event, TimelineEvent::Whispered { text } if text == "A table for six on Friday."),
    )
    .await;
    assert_heard(&on.line.heard_text(), TOLD);
    assert_eq!(on.ended().await, "transferred");
    phone.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_that_cannot_be_is_refused_with_a_reason() {
    let phone = Phone::plain().await;
    let client = &phone.service.client;
    client.say("text", "Hello").await;
    let (status, body) = client.post("/ai/calls/text/transfer", json!({"to": HUMAN})).await;
    assert_eq!((status, body["code"].as_str()), (409, Some("no_phone")), "{body}");
    let (status, body) = client.post("/ai/calls/nobody/transfer", json!({"to": HUMAN})).await;
    assert_eq!((status, body["code"].as_str()), (404, Some("unknown_call")), "{body}");
    let mut on = phone.greeted().await;
    let path = format!("/ai/calls/{}/transfer", on.line.call_sid());
    let (status, body) = client.post(&path, json!({})).await;
    assert_eq!((status, body["code"].as_str()), (409, Some("nobody_to_transfer_to")), "{body}");
    let (status, body) = client.post(&path, json!({"to": "12"})).await;
    assert_eq!((status, body["code"].as_str()), (400, Some("invalid_value")), "{body}");
    on.hangs_up().await;
    phone.service.stop().await;
}
