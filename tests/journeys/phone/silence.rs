//! A caller who says nothing is asked, asked again, and said goodbye to.

use ai_realtime::caller::{Ending, TimelineEvent};

use super::line::{GREETING, Phone, assert_heard, waiter_who};
use crate::house::DEADLINE;

const NUDGE: &str = "Are you still there? Take your time.";
const GOODBYE: &str =
    "I cannot hear you any more, so I will hang up now. Call us again at any time. Goodbye!";

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_caller_is_nudged_and_then_the_call_ends_after_a_goodbye() {
    let phone = Phone::connected_at(waiter_who("idle_ms = 1000\nnudges = 1"), Vec::new()).await;
    let mut on = phone.call().await;
    assert_eq!(on.line.until_ended(DEADLINE).await.unwrap(), Ending::ByApi);
    assert_heard(&on.line.heard_text(), &[GREETING, NUDGE, GOODBYE].concat());
    assert_eq!(on.ended().await, "silence");
    assert_eq!(on.texts("assistant.text"), [GREETING, NUDGE, GOODBYE]);
    let quiet = on.line.events().into_iter().filter_map(|moment| match moment.event {
        TimelineEvent::PersonaSilent { .. } => Some(moment.at_ms),
        _ => None,
    });
    assert!(quiet.count() >= 2);
    phone.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_speaks_in_time_is_not_hung_up_on() {
    let phone = Phone::plain_at(waiter_who("idle_ms = 1000\nnudges = 0"), Vec::new()).await;
    let mut on = phone.call().await;
    on.hears("i cannot hear you any more").await;
    on.line.say("how much is the african tea?").await;
    on.is_cleared(1).await;
    on.line.listen_afresh();
    on.hears("african tea").await;
    assert_eq!(on.hangs_up().await, "hung_up");
    assert!(!on.read("assistant.interrupted").is_empty(), "{}", on.told());
    phone.service.stop().await;
}
