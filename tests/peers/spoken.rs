//! The same judge over phone calls: speech both ways, and everything that can come between.

use ai_realtime::caller::{Ending, Human, Line};
use ai_realtime::rehearsal::{Rehearsal, RehearsalOptions};
use std::net::SocketAddr;

use crate::bench::{DEADLINE, Judge, soon};
use crate::phone::{Phone, hears, interrupts};

const DRINKS: &str = "what drinks do you have?";

async fn model(options: RehearsalOptions) -> Rehearsal {
    Rehearsal::start(SocketAddr::from(([127, 0, 0, 1], 0)), options).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Python with OpenAI's package: make test-services"]
async fn a_phone_call_is_led_without_a_mistake() {
    let model = model(RehearsalOptions::default()).await;
    let judge = Judge::before(model.addr()).await;
    let phone = Phone::start_before(&judge, &[]).await;
    let line = phone.greeted().await;

    line.listen_afresh();
    line.say(DRINKS).await;
    hears(&line, "i found 28").await;
    let answer = interrupts(&line, "how much is the african tea?").await;
    assert!(answer.contains("african tea"), "{answer}");
    line.press('5').await;
    hears(&line, "you pressed 5").await;
    line.until_quiet(600, DEADLINE).await.unwrap();
    line.listen_afresh();
    line.say("what is the vat on restaurant meals in the eu?").await;
    hears(&line, "cfo").await;
    line.until_quiet(1_500, DEADLINE).await.unwrap();
    line.say("goodbye").await;
    assert_eq!(line.until_ended(DEADLINE).await.unwrap(), Ending::ByApi);
    line.until_over(DEADLINE).await.unwrap();
    phone.service.end().await;

    let report = judge.report().await;
    eprintln!("{report:#?}");
    report.praise(&[]);
    assert_eq!(report.errors(), [""; 0], "nothing was refused");
}
