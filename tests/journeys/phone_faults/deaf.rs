//! A client that never reads: its stream is given up, its call stays small, and nobody else notices.

use super::desk::{
    ByHand, DEADLINE_OF_A_WRITE, call_sid, door, form, greeted, hang_up, phone, stream_of, twilio,
};
use crate::house::{DEADLINE, Process, kinds, model, with_model};
use ai_realtime::rehearsal::RehearsalOptions;

/// The most a call may grow by: what the lane and the socket's buffers hold, with room to spare.
const MOST_KIB: u64 = 16 << 10;

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_never_reads_loses_its_stream_in_time_and_nobody_else_notices() {
    let home = tempfile::tempdir().unwrap();
    let model = model(RehearsalOptions::default()).await;
    let mut settings = phone();
    settings.extend(with_model(&model));
    let process = Process::start(home.path(), settings).await;
    let client = &process.client;
    let other = greeted(client).await;
    assert!(other.ask("what drinks do you have?", DEADLINE).await.unwrap().contains("i found"));

    let sid = call_sid();
    let connect = stream_of(&twilio().post(&door(client, "voice"), &form(&sid, "ringing")).await.unwrap());
    let mut deaf = ByHand::open(&connect.url, Some(4 << 10)).await;
    deaf.start(&sid, &connect.parameters).await;
    let mut events = client.follow(&sid, None).await;
    let before = resident_kib(process.id());
    // Each answer is half a megabyte of sound, so that the system's own buffers are full soon.
    let asking = async {
        for _ in 0..16 {
            deaf.say("what drinks do you have?").await;
            events.until("turn.done").await;
        }
        events.until("line.down").await
    };
    let began = tokio::time::Instant::now();
    let seen = asking.await;
    assert!(began.elapsed() < DEADLINE_OF_A_WRITE, "{:?}", began.elapsed());
    assert_eq!(seen.last().unwrap()["how"], "lost", "{:?}", kinds(&seen));
    let grown = resident_kib(process.id()).saturating_sub(before);
    assert!(grown < MOST_KIB, "{grown} KiB");
    assert!(other.ask("what desserts do you have?", DEADLINE).await.unwrap().contains("found"));
    assert_eq!(other.counters().streams, 1);
    assert_eq!(other.counters().frames_lost, 0);

    // Twilio comes back for the call, which goes on with someone who listens.
    let again = twilio().post(&door(client, "resume"), &form(&sid, "in-progress")).await.unwrap();
    let connect = stream_of(&again);
    let mut listening = ByHand::open(&connect.url, None).await;
    listening.start(&sid, &connect.parameters).await;
    listening.say("what drinks do you have?").await;
    listening.until("media").await;
    hang_up(&other).await;
    process.kill().await;
}

/// How much memory a process has in use.
fn resident_kib(id: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
