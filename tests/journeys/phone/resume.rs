//! A stream breaks and the call goes on: the same conversation, on another stream.

use std::time::Duration;

use ai_realtime::caller::TimelineEvent;

use super::line::{GREETING, OnThePhone, PACE, Phone, assert_heard};
use crate::house::DEADLINE;

/// How long a caller may be without a line, in milliseconds on the wall's clock.
const BACK_WITHIN_MS: f64 = 1_000.0;

/// How long the caller was without a stream, by the clock of the call.
async fn gap_ms(on: &OnThePhone) -> u64 {
    let again = on.has_streams(2).await[1].at_ms;
    again - on.noticed(|event| matches!(event, TimelineEvent::StreamEnded { .. }))[0].at_ms
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_breaks_while_the_persona_speaks_comes_back_to_the_same_conversation() {
    let phone = Phone::connected().await;
    let mut on = phone.greeted().await;
    on.line.until_quiet(600, DEADLINE).await.unwrap();
    on.line.listen_afresh();
    on.line.say("what drinks do you have?").await;
    on.hears("i found 15").await;
    on.line.drop_socket().await;
    let gap_ms = gap_ms(&on).await as f64 / PACE;
    assert!(gap_ms < BACK_WITHIN_MS, "{gap_ms} ms");
    let cut = on.journaled("assistant.interrupted").await;
    let heard = cut["heard"].as_str().unwrap().to_owned();
    assert!("I found 15 items: Ikigage, 1500 RWF; Mützig".starts_with(&heard), "{cut}");
    on.journaled("line.up").await;
    on.line.listen_afresh();
    on.line.say("how much is the african tea?").await;
    on.hears("african tea").await;
    on.hangs_up().await;
    assert_eq!(
        on.texts("assistant.text").iter().filter(|text| *text == GREETING).count(),
        1,
        "{}",
        on.told()
    );
    assert_eq!((on.read("call.started").len(), on.read("line.up").len()), (1, 2), "{}", on.told());
    assert_eq!(on.texts("caller.transcript"), ["what drinks do you have?", "how much is the african tea?"]);
    assert!(on.line.documents()[1].contains("<Connect"), "{:?}", on.line.documents());
    phone.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_breaks_while_the_caller_speaks_costs_no_more_than_those_words() {
    let phone = Phone::plain().await;
    let mut on = phone.greeted().await;
    on.line.until_quiet(600, DEADLINE).await.unwrap();
    on.line.listen_afresh();
    on.line.say("what drinks do you have? i would like to know all of them before i choose").await;
    on.notices("the caller", |event| matches!(event, TimelineEvent::CallerSpeaks)).await;
    on.line.drop_socket().await;
    on.has_streams(2).await;
    on.line.until_said(DEADLINE).await.unwrap();
    on.hears("i found").await;
    on.line.say("how much is the african tea?").await;
    on.hears("african tea").await;
    on.hangs_up().await;
    let said = on.texts("caller.transcript");
    assert!(
        said[0].ends_with("before i choose") && said.last().unwrap() == "how much is the african tea?",
        "{said:?}"
    );
    assert_eq!(
        on.texts("assistant.text").iter().filter(|text| *text == GREETING).count(),
        1,
        "{}",
        on.told()
    );
    assert_eq!(on.read("call.started").len(), 1);
    phone.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_resume_webhook_answers_at_once() {
    let phone = Phone::connected().await;
    let mut on = phone.greeted().await;
    on.line.drop_socket().await;
    on.line.until_streams(2, DEADLINE).await.unwrap();
    let took = on.line.events().into_iter().find_map(|moment| match moment.event {
        TimelineEvent::WebhookAnswered { url, took_ms, .. } if url.ends_with("/resume") => Some(took_ms),
        _ => None,
    });
    assert!(Duration::from_millis(took.unwrap()) < Duration::from_millis(500), "{took:?} ms");
    on.line.listen_afresh();
    let answer = on.asks("how much is the african tea?").await;
    assert!(answer.contains("african tea"), "{answer}");
    on.hangs_up().await;
    assert_heard(&answer, on.texts("assistant.text").last().unwrap());
    phone.service.stop().await;
}
