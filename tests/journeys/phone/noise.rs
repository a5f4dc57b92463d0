//! A noise does not stop the persona, and nobody answers it; words do.

use super::line::{GREETING, Phone, assert_heard, waiter_who};
use crate::house::DEADLINE;

/// So many milliseconds of a loud hum.
fn hum(ms: usize) -> Vec<i16> {
    (0..ms * 8).map(|at| if at / 8 % 2 == 0 { 9_000 } else { -9_000 }).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_noise_does_not_stop_the_persona_and_words_do() {
    let phone = Phone::plain_at(waiter_who("min_speech_ms = 100"), Vec::new()).await;
    // How long speech lasts is measured by the clock of the wall, too.
    let mut on = phone.answered(phone.caller().pace(4.0).dial().await.unwrap()).await;
    on.line.until_speaks(DEADLINE).await.unwrap();
    on.line.play(&hum(60)).await;
    assert_heard(&on.hears("today?").await, GREETING);
    on.line.until_quiet(600, DEADLINE).await.unwrap();
    assert_eq!(on.clears(), 0, "a click is no word");

    on.line.listen_afresh();
    on.line.say("what drinks do you have?").await;
    on.hears("i found 15").await;
    on.line.play(&hum(60)).await;
    on.hears("gin").await;
    assert_eq!(on.clears(), 0);
    on.line.say("how much is the african tea?").await;
    on.is_cleared(1).await;
    on.line.until_said(DEADLINE).await.unwrap();
    on.line.listen_afresh();
    on.line.until_speaks(DEADLINE).await.unwrap();
    on.line.until_quiet(1_000, DEADLINE).await.unwrap();
    let answer = on.line.heard_text();
    on.hangs_up().await;
    assert!(answer.contains("african tea"), "{answer}");
    assert_heard(&answer, on.texts("assistant.text").last().unwrap());
    assert_eq!(on.read("turn.started").len(), 3, "a greeting and two answers: {}", on.told());
    assert_eq!(on.read("assistant.interrupted").len(), 1, "{}", on.told());
    phone.service.stop().await;
}
