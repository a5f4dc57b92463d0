//! The stream is read against a journal in memory and a watch the test holds: no store, no call, no clock.

use std::sync::{Mutex, PoisonError};

use axum::body::to_bytes;
use jiff::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::call::CallState;
use crate::id::PersonaKey;

#[derive(Clone, Default)]
struct Memory {
    events: Arc<Mutex<Vec<EventRecord>>>,
    page: usize,
    is_broken: bool,
}

impl Memory {
    fn of(page: usize, kinds: &[&str]) -> Self {
        let memory = Self { page, ..Self::default() };
        for kind in kinds {
            memory.write(kind);
        }
        memory
    }

    fn write(&self, kind: &str) -> u64 {
        let mut events = self.events.lock().unwrap();
        let seq = events.len() as u64 + 1;
        let (kind, turn) = kind.split_once(' ').unwrap_or((kind, "0"));
        let body = format!("{{\"seq\":{seq},\"type\":\"{kind}\",\"turn\":{turn}}}");
        let (call_id, at) = (CallId::default_call(), Timestamp::UNIX_EPOCH);
        events.push(EventRecord { call_id, seq, at, kind: kind.into(), body: body.into(), change: None });
        seq
    }
}

impl Journal for Memory {
    async fn after(&self, seq: u64) -> Result<Vec<EventRecord>, StoreError> {
        if self.is_broken {
            return Err(StoreError::Timeout { limit_ms: 1 });
        }
        tokio::task::yield_now().await;
        let events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(events.iter().filter(|event| event.seq > seq).take(self.page).cloned().collect())
    }
}

fn snapshot(journaled: u64) -> CallSnapshot {
    CallSnapshot {
        call_id: CallId::default_call(),
        transport: "text",
        persona: PersonaKey::from("waiter"),
        state: CallState::Listening,
        from: None,
        to: None,
        business_id: None,
        started_at: Timestamp::UNIX_EPOCH,
        turns: 0,
        node: "here".into(),
        asleep_since: None,
        journaled,
        first_seq: 1,
    }
}

async fn seqs<J: Journal>(mut tail: Tail<J>) -> Vec<u64> {
    let mut seqs = Vec::new();
    while let Some(event) = tail.next().await {
        seqs.push(event.unwrap().seq);
    }
    seqs
}

const END: Until = Until::CallEnded { from: 1 };

#[tokio::test]
async fn a_call_that_is_gone_is_read_to_its_last_event() {
    let memory = Memory::of(2, &["call.started", "a", "b", "c", "d"]);
    assert_eq!(seqs(Tail::new(memory.clone(), 0, END, None)).await, [1, 2, 3, 4, 5]);
    assert_eq!(seqs(Tail::new(memory.clone(), 3, END, None)).await, [4, 5]);
    assert_eq!(seqs(Tail::new(memory, 5, END, None)).await, [] as [u64; 0]);
}

#[tokio::test]
async fn the_stream_of_a_turn_ends_with_that_turn() {
    let memory = Memory::of(9, &["turn.done 1", "turn.started 2", "turn.done 2", "turn.started 3"]);
    let (_call, live) = watch::channel(snapshot(4));
    assert_eq!(seqs(Tail::new(memory, 0, Until::TurnDone(2), Some(live))).await, [1, 2, 3]);
}

#[tokio::test]
async fn the_end_of_an_earlier_conversation_does_not_end_the_stream() {
    let memory = Memory::of(2, &["call.started", "call.ended", "call.started", "a", "call.ended", "never"]);
    let (_call, live) = watch::channel(snapshot(6));
    let tail = Tail::new(memory, 0, Until::CallEnded { from: 3 }, Some(live));
    assert_eq!(seqs(tail).await, [1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn what_was_journaled_last_is_seen_although_the_call_is_gone_by_then() {
    let memory = Memory::of(9, &["call.started"]);
    let (call, live) = watch::channel(snapshot(1));
    let mut tail = Tail::new(memory.clone(), 0, END, Some(live));
    assert_eq!(tail.next().await.unwrap().unwrap().seq, 1);
    memory.write("a");
    memory.write("b");
    drop(call);
    assert_eq!(seqs(tail).await, [2, 3]);
}

#[tokio::test]
async fn nothing_is_shown_before_the_call_says_it_is_journaled() {
    let memory = Memory::of(9, &["call.started"]);
    let (call, live) = watch::channel(snapshot(1));
    let mut tail = Tail::new(memory.clone(), 0, END, Some(live));
    assert!(tail.next().await.is_some());
    let mut waiting = std::pin::pin!(tail.next());
    assert!(futures_util::poll!(&mut waiting).is_pending());
    // Another snapshot without a new event wakes nobody for long.
    call.send_replace(snapshot(1));
    assert!(futures_util::poll!(&mut waiting).is_pending());
    let seq = memory.write("a");
    call.send_replace(snapshot(seq));
    assert_eq!(waiting.await.unwrap().unwrap().seq, 2);
}

#[tokio::test]
async fn a_journal_that_cannot_be_read_ends_the_stream() {
    let memory = Memory { is_broken: true, ..Memory::default() };
    let mut tail = Tail::new(memory, 0, END, None);
    assert!(tail.next().await.unwrap().is_err());
    assert!(tail.next().await.is_none());
}

#[tokio::test]
async fn a_stream_is_lines_of_id_and_data_and_gives_its_place_back() {
    let streams = Streams::new(1);
    let place = streams.begin().unwrap();
    assert_eq!(streams.begin().unwrap_err().told().1, "at_capacity");
    let response =
        respond(Tail::new(Memory::of(9, &["a", "b"]), 0, END, None), place, std::future::pending());
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let body = to_bytes(response.into_body(), 10_000).await.unwrap();
    assert_eq!(
        String::from_utf8_lossy(&body),
        "retry: 1000\n\n\
         id: 1\ndata: {\"seq\":1,\"type\":\"a\",\"turn\":0}\n\n\
         id: 2\ndata: {\"seq\":2,\"type\":\"b\",\"turn\":0}\n\n"
    );
    assert!(streams.begin().is_ok());
}

proptest! {
    #[test]
    fn every_event_is_seen_once_and_in_order_however_they_come(
        batches in proptest::collection::vec((0_usize..6, any::<bool>(), 0_usize..4), 1..20),
        page in 1_usize..5,
        start in 0_u64..8,
        ends in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (seen, written) = runtime.block_on(async {
            let memory = Memory::of(page, &["call.started"]);
            let (call, live) = watch::channel(snapshot(1));
            let reader = seqs(Tail::new(memory.clone(), start, END, Some(live)));
            let writer = async move {
                for (events, tells, pauses) in batches {
                    let newest = (0..events).fold(None, |_, _| Some(memory.write("a")));
                    if let (Some(seq), true) = (newest, tells) {
                        call.send_replace(snapshot(seq));
                    }
                    for _ in 0..pauses {
                        tokio::task::yield_now().await;
                    }
                }
                if ends {
                    let seq = memory.write("call.ended");
                    call.send_replace(snapshot(seq));
                }
                memory.events.lock().unwrap().len() as u64
            };
            tokio::join!(reader, writer)
        });
        prop_assert_eq!(seen, (start + 1..=written).collect::<Vec<_>>());
    }
}
