//! Garbage on the line: whatever comes between good frames costs nothing but a counter; only what is far too large
//! costs the stream, and that not the call.

use ai_realtime::caller::{StreamEnd, TimelineEvent};
use tokio_tungstenite::tungstenite::{Bytes, Message};

use super::desk::{
    GREETED, GREETING, books, caller, counter, greeted, hang_up, of_kind, phone, times, until_heard,
};
use crate::house::{DEADLINE, Process, Service};

/// Frames that cannot be used, with the kind they are counted as.
fn garbage() -> Vec<(&'static str, Message)> {
    let media = |track: &str, payload: &str| {
        Message::text(format!(
            r#"{{"event":"media","sequenceNumber":"3","streamSid":"MZ","media":{{"track":"{track}","chunk":"2","timestamp":"20","payload":"{payload}"}}}}"#
        ))
    };
    vec![
        ("payload", media("inbound", "%%% this is no base64 %%%")),
        ("payload", media("inbound", "")),
        ("payload", media("inbound", "AAA")),
        ("too_long", media("inbound", &"////".repeat(4_000))),
        ("track", media("outbound", "/////w==")),
        ("binary", Message::binary(vec![0_u8; 640])),
        ("binary", Message::Binary(Bytes::new())),
        ("unreadable", Message::text("")),
        ("unreadable", Message::text("not json at all")),
        ("unreadable", Message::text("[1, 2, 3]")),
        ("unreadable", Message::text(r#"{"event":"media"}"#)),
        ("unreadable", Message::text(r#"{"event":"media","media":{"payload":7}}"#)),
        ("unreadable", Message::text(r#"{"event":"dtmf","dtmf":{}}"#)),
        ("unreadable", Message::text(r#"{"event":"mark"}"#)),
        ("unreadable", Message::text(format!("{}{}", "[".repeat(5_000), "]".repeat(5_000)))),
        ("unknown", Message::text(r#"{"event":"video","video":{"payload":"AAAA"}}"#)),
        ("out_of_place", Message::text(r#"{"event":"connected","protocol":"Call","version":"1.0.0"}"#)),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_between_good_frames_is_counted_and_the_conversation_goes_on() {
    let home = tempfile::tempdir().unwrap();
    let process = Process::start(home.path(), phone()).await;
    let client = &process.client;
    let line = caller(client).dial().await.unwrap();
    until_heard(&line, "welcome").await;
    // While the persona speaks, and a mark nobody sent and a key that does not exist beside.
    for (_, message) in garbage() {
        line.send_raw(message).await;
    }
    line.send_raw(Message::text(r#"{"event":"mark","mark":{"name":"never sent"}}"#)).await;
    line.send_raw(Message::Ping(Bytes::from_static(b"are you there?"))).await;
    until_heard(&line, GREETED).await;
    line.until_quiet(300, DEADLINE).await.unwrap();
    line.listen_afresh();
    // While the caller speaks, a word apart.
    for word in "what drinks do you have?".split_inclusive(' ') {
        line.say(word).await;
        for (_, message) in garbage() {
            line.send_raw(message).await;
        }
    }
    line.until_said(DEADLINE).await.unwrap();
    line.until_speaks(DEADLINE).await.unwrap();
    line.until_quiet(800, DEADLINE).await.unwrap();
    assert!(line.heard_text().contains("i found"), "{}", line.heard_text());
    let rounds = 1 + "what drinks do you have?".split(' ').count() as u64;
    for kind in ["payload", "too_long", "track", "binary", "unreadable", "unknown", "out_of_place"] {
        let expected = garbage().iter().filter(|(of, _)| *of == kind).count() as u64 * rounds;
        let counted =
            counter(client, "ai_realtime_twilio_bad_frames_total", &format!("kind=\"{kind}\"")).await;
        assert_eq!(counted, expected, "{kind}");
    }
    assert_eq!(times(&line.utterances().concat(), GREETING), 1);
    assert_eq!(line.counters().streams, 1);
    hang_up(&line).await;
    let events = books(client, line.call_sid()).await;
    let said = of_kind(&events, "caller.transcript");
    assert_eq!((said.len(), said[0]["text"].as_str()), (1, Some("what drinks do you have?")));
    let (logs, _) = process.end().await;
    // Each kind is told once a stream, whatever its number.
    assert_eq!(logs.matches("something we cannot use").count(), 7, "{logs}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frame_of_a_mebibyte_costs_the_stream_and_not_the_call() {
    let service = Service::start_with(phone()).await;
    let client = &service.client;
    let other = caller(client).dial().await.unwrap();
    let line = caller(client).dial().await.unwrap();
    until_heard(&line, GREETED).await;
    line.send_raw(Message::text(format!(r#"{{"event":"media","x":"{}"}}"#, "A".repeat(1 << 20)))).await;
    line.until_streams(2, DEADLINE).await.unwrap();
    let told = StreamEnd::ByService { code: Some(1009) };
    line.until_event("an end", DEADLINE, |event| *event == TimelineEvent::StreamEnded { by: told.clone() })
        .await
        .unwrap();
    let answer = line.ask("what drinks do you have?", DEADLINE).await.unwrap();
    assert!(answer.contains("i found"), "{answer}");
    assert_eq!(times(&line.utterances().concat(), GREETING), 1);
    assert!(other.ask("what drinks do you have?", DEADLINE).await.unwrap().contains("i found"));
    assert_eq!(other.counters().streams, 1);
    hang_up(&line).await;
    hang_up(&other).await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_that_are_lost_on_the_way_are_counted_and_the_caller_is_understood() {
    let home = tempfile::tempdir().unwrap();
    let process = Process::start(home.path(), phone()).await;
    let client = &process.client;
    let line = greeted(client).await;
    line.listen_afresh();
    line.say("what drinks ").await;
    line.until_said(DEADLINE).await.unwrap();
    // A fifth of a second of silence that never arrives.
    line.skip_frames(10).await;
    line.say("  do you have?").await;
    line.until_said(DEADLINE).await.unwrap();
    line.until_speaks(DEADLINE).await.unwrap();
    line.until_quiet(800, DEADLINE).await.unwrap();
    assert!(line.heard_text().contains("i found"), "{}", line.heard_text());
    assert_eq!(counter(client, "ai_realtime_twilio_frames_missing_total", "").await, 10);
    assert!(counter(client, "ai_realtime_twilio_silent_frames_total", "").await >= 10);
    hang_up(&line).await;
    process.end().await;
}
