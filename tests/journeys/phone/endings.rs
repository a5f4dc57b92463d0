//! The persona, or someone outside, ends a call: what is said last is heard first.

use ai_realtime::caller::{Ending, StreamEnd, TimelineEvent};
use serde_json::json;

use super::line::{Phone, assert_heard};
use crate::house::DEADLINE;

const FAREWELL: &str = "Thank you for calling. Goodbye!";

#[tokio::test(flavor = "multi_thread")]
async fn the_persona_ends_the_call_when_its_goodbye_was_heard() {
    let phone = Phone::connected().await;
    let mut on = phone.greeted().await;
    on.line.until_quiet(600, DEADLINE).await.unwrap();
    on.line.listen_afresh();
    on.line.say("thank you, goodbye").await;
    assert_eq!(on.line.until_ended(DEADLINE).await.unwrap(), Ending::ByApi);
    assert_heard(&on.line.heard_text(), FAREWELL);
    assert_eq!(on.ended().await, "assistant");
    assert_eq!(on.read("tool.done")[0]["name"], "end_call");
    let asked = phone.exchange().requests();
    let ours: Vec<_> = asked.iter().filter(|asked| asked.path.contains(on.line.call_sid())).collect();
    assert_eq!(ours.len(), 1, "{ours:?}");
    assert_eq!((ours[0].field("Status"), ours[0].status), (Some("completed"), Some(200)));
    assert_eq!(phone.service.client.get("/ai/calls").await.1, json!([]));
    phone.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_account_the_stream_is_closed_and_twilio_told_to_hang_up() {
    let phone = Phone::plain().await;
    let mut on = phone.greeted().await;
    on.line.until_quiet(600, DEADLINE).await.unwrap();
    on.line.listen_afresh();
    on.line.say("goodbye").await;
    assert_eq!(on.line.until_ended(DEADLINE).await.unwrap(), Ending::Hangup);
    assert_heard(&on.line.heard_text(), FAREWELL);
    on.notices("the stream closed by the service", |event| {
        matches!(event, TimelineEvent::StreamEnded { by: StreamEnd::ByService { .. } })
    })
    .await;
    assert!(on.line.documents()[1].contains("<Hangup"), "{:?}", on.line.documents());
    assert_eq!(on.ended().await, "assistant");
    phone.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_deleted_ends_at_twilios() {
    let phone = Phone::connected().await;
    let mut on = phone.call().await;
    on.hears("welcome!").await;
    let path = format!("/ai/calls/{}", on.line.call_sid());
    assert_eq!(phone.service.client.delete(&path).await, (200, json!({"ok": true})));
    assert_eq!(on.line.until_ended(DEADLINE).await.unwrap(), Ending::ByApi);
    assert_eq!(on.ended().await, "hung_up");
    assert_eq!(phone.service.client.delete(&path).await.1["code"], "unknown_call");
    phone.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_goes_on_after_the_goodbye_has_begun_is_listened_to() {
    let phone = Phone::connected().await;
    let mut on = phone.greeted().await;
    on.line.say("goodbye").await;
    on.hears("thank you for").await;
    on.line.say("how much is the african tea?").await;
    on.is_cleared(1).await;
    on.line.listen_afresh();
    on.hears("african tea").await;
    assert_eq!(on.hangs_up().await, "hung_up");
    phone.service.stop().await;
}
