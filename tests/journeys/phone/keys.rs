//! A caller presses keys: they are journaled one by one, and the persona acts on them together.

use super::line::{HUMAN, OnThePhone, Phone, assert_heard};
use crate::house::DEADLINE;
use ai_realtime::caller::TimelineEvent;

fn digits(on: &OnThePhone) -> Vec<&str> {
    on.read("dtmf").iter().map(|event| event["digit"].as_str().unwrap()).collect()
}

async fn answer(on: &OnThePhone) -> String {
    on.line.until_speaks(DEADLINE).await.unwrap();
    on.line.until_quiet(600, DEADLINE).await.unwrap();
    on.line.heard_text()
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_follow_one_another_are_acted_on_together() {
    let phone = Phone::plain().await;
    let mut on = phone.greeted().await;
    on.line.until_quiet(600, DEADLINE).await.unwrap();
    on.line.listen_afresh();
    on.line.press('4').await;
    assert_heard(&answer(&on).await, "You pressed 4.");
    on.line.listen_afresh();
    for key in ['1', '2', '#'] {
        on.line.press(key).await;
    }
    assert_heard(&answer(&on).await, "You pressed 12#.");
    on.hangs_up().await;
    assert_eq!(digits(&on), ["4", "1", "2", "#"]);
    phone.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_stops_the_persona() {
    let phone = Phone::plain().await;
    let mut on = phone.call().await;
    on.hears("welcome!").await;
    on.line.press('#').await;
    on.is_cleared(1).await;
    on.line.listen_afresh();
    assert_heard(&answer(&on).await, "You pressed #.");
    on.hangs_up().await;
    assert_eq!(on.read("assistant.interrupted").len(), 1);
    phone.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn zero_asks_for_a_human() {
    let phone = Phone::connected().await;
    let mut on = phone.call().await;
    on.hears("welcome!").await;
    on.line.press('0').await;
    on.notices("a human", |event| {
        matches!(event, TimelineEvent::Dialled { number, outcome } if number == HUMAN && outcome == "completed")
    })
    .await;
    assert!(on.line.heard_text().contains("putting you through."), "{}", on.line.heard_text());
    on.notices(
        "the whisper",
        |event| matches!(event, TimelineEvent::Whispered { text } if text.contains("pressed 0")),
    )
    .await;
    assert_eq!(on.ended().await, "transferred");
    assert_eq!(on.read("transfer.started")[0]["to"], HUMAN);
    assert_eq!(digits(&on), ["0"]);
    phone.service.stop().await;
}
