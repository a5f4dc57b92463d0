//! A caller speaks over the persona: it stops at once, and remembers no more than was heard.

use ai_realtime::rehearsal::RehearsalOptions;
use serde_json::Value;

use super::line::{OnThePhone, Phone, assert_heard, words};
use crate::house::{DEADLINE, model, with_model};

const DRINKS: &str = "what drinks do you have?";
const COFFEE: &str = "do you have coffee?";
const TEA: &str = "how much is the african tea?";

/// The caller speaks over an answer, and hears the answer to that instead. Gives what the journal says of the cut,
/// what of the old answer the caller heard, and the new answer.
async fn interrupt(on: &mut OnThePhone, text: &str, times: usize) -> (Value, String, String) {
    on.line.say(text).await;
    on.is_cleared(times).await;
    let old = on.line.heard_text();
    on.line.listen_afresh();
    let cut = on.journaled("assistant.interrupted").await;
    on.line.until_speaks(DEADLINE).await.unwrap();
    on.line.until_quiet(1_500, DEADLINE).await.unwrap();
    (cut, old, on.line.heard_text())
}

/// What the journal says was heard is the beginning of what was said, and what the caller's ear heard.
#[track_caller]
fn assert_remembered(cut: &Value, said: &str, ear: &str) {
    let heard = cut["heard"].as_str().unwrap_or_else(|| panic!("{cut}"));
    assert!(said.starts_with(heard.trim()), "{heard:?} is no beginning of {said:?}");
    let (heard, ear) = (words(heard), words(ear));
    assert!(heard.len().abs_diff(ear.len()) <= 2, "remembered {heard:?}, heard {ear:?} of {said:?}: {cut}");
    let common = heard.len().min(ear.len()).saturating_sub(1);
    assert_eq!(heard[..common], ear[..common]);
    // The tones of a letter last 60 ms; what was marked as played may be a frame or two behind.
    let ear_ms = ear.join(" ").chars().count() as u64 * 60;
    let played_ms = cut["played_ms"].as_u64().unwrap();
    assert!(played_ms.abs_diff(ear_ms) <= 500, "played {played_ms} ms, heard {ear_ms} ms");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_persona_that_is_spoken_over_stops_long_after_all_was_generated() {
    let phone = Phone::plain().await;
    let mut on = phone.greeted().await;
    on.line.listen_afresh();
    on.line.say(DRINKS).await;
    on.journaled_where("turn.done", |done| done["turn"] == 2).await;
    let said = on.texts("assistant.text").pop().unwrap();
    on.hears("ikigage, 1500").await;
    let (cut, ear, answer) = interrupt(&mut on, TEA, 1).await;
    assert_remembered(&cut, &said, &ear);
    assert_eq!(cut["item_id"], on.read("assistant.text").last().unwrap()["item_id"]);
    let said_next = on.journaled("assistant.text").await;
    assert_heard(&answer, said_next["text"].as_str().unwrap());
    assert!(answer.contains("african tea"), "{answer}");

    let shown = on.transcript(&phone).await;
    let entry = shown.iter().find(|entry| entry["text"] == said.as_str()).unwrap();
    assert_eq!(entry["heard"], cut["heard"], "{entry}");
    assert_eq!(on.clears(), 1);
    on.hangs_up().await;
    phone.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_persona_that_is_spoken_over_while_it_thinks_of_more_stops() {
    let model = model(RehearsalOptions { delta_delay_ms: 25, ..RehearsalOptions::default() }).await;
    let phone = Phone::plain_at(tempfile::tempdir().unwrap(), with_model(&model)).await;
    // Slow enough for the model to be ahead of the line, and to be heard before it is done.
    let mut on = phone.answered(phone.caller().pace(4.0).dial().await.unwrap()).await;
    on.hears("today?").await;
    on.line.until_quiet(600, DEADLINE).await.unwrap();
    on.line.listen_afresh();
    on.line.say(DRINKS).await;
    on.hears("i found 15 items: iki").await;
    let (cut, ear, answer) = interrupt(&mut on, TEA, 1).await;
    let said_next = on.journaled("assistant.text").await;
    assert_heard(&answer, said_next["text"].as_str().unwrap());
    let of_turn = |event: &&&Value| event["seq"].as_u64() > on.read("turn.started")[1]["seq"].as_u64();
    let deltas: Vec<_> = on.read("assistant.delta").into_iter().collect();
    let before = |delta: &&&Value| delta["seq"].as_u64() < cut["seq"].as_u64();
    let deltas = deltas.iter().filter(of_turn).filter(before);
    let said: String = deltas.map(|delta| delta["text"].as_str().unwrap()).collect();
    let whole = on.read("assistant.text").into_iter().any(|text| text["item_id"] == cut["item_id"]);
    assert!(!whole, "it was cut while it was generated: {said}");
    assert_remembered(&cut, &said, &ear);
    on.hangs_up().await;
    phone.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_may_speak_over_the_persona_again_and_again() {
    let phone = Phone::plain().await;
    let mut on = phone.greeted().await;
    on.line.listen_afresh();
    on.line.say(DRINKS).await;
    on.hears("i found 15").await;
    on.line.say(COFFEE).await;
    on.is_cleared(1).await;
    on.line.until_said(DEADLINE).await.unwrap();
    on.line.listen_afresh();
    on.line.until_speaks(DEADLINE).await.unwrap();
    on.line.until_heard("i found", DEADLINE).await.unwrap();
    on.line.say(TEA).await;
    on.is_cleared(2).await;
    on.line.until_said(DEADLINE).await.unwrap();
    on.line.listen_afresh();
    on.line.until_speaks(DEADLINE).await.unwrap();
    on.line.until_quiet(1_000, DEADLINE).await.unwrap();
    let answer = on.line.heard_text();
    assert!(answer.contains("african tea"), "{answer}");
    on.hangs_up().await;
    assert_eq!(on.read("assistant.interrupted").len(), 2, "{}", on.told());
    assert_heard(&answer, on.texts("assistant.text").last().unwrap());
    let transcript: Vec<_> = on.texts("caller.transcript");
    assert_eq!(transcript, [DRINKS, COFFEE, TEA]);
    phone.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_goes_on_before_the_answer_is_answered_once() {
    let model = model(RehearsalOptions { delay_ms: 400, ..RehearsalOptions::default() }).await;
    let phone = Phone::plain_at(tempfile::tempdir().unwrap(), with_model(&model)).await;
    let mut on = phone.greeted().await;
    on.line.until_quiet(600, DEADLINE).await.unwrap();
    on.line.listen_afresh();
    on.line.say(DRINKS).await;
    on.journaled_where("turn.started", |event| event["turn"] == 2).await;
    on.line.say(TEA).await;
    on.line.until_speaks(DEADLINE).await.unwrap();
    on.line.until_quiet(1_500, DEADLINE).await.unwrap();
    let answer = on.line.heard_text();
    on.hangs_up().await;
    assert!(answer.contains("african tea") && !answer.contains("15 items"), "{answer}");
    assert_heard(&answer, on.texts("assistant.text").last().unwrap());
    phone.service.stop().await;
}
