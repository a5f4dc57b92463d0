//! Delivers the journal to the user's database: every event once, those of a call in their order, however often the
//! database is away, an answer is lost or the service starts anew. What is delivered is noted beside the journal.
//!
//! A plain task and no actor: it is told one thing, that events were written, for which a `Notify` is enough; it has no
//! state that outlives it but what SQLite holds; and it waits on the network most of the time, which an actor must not.

mod delivery;

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::delivery::{Delivery, Outcome, Verdict};
use crate::id::CallId;
use crate::store::{CallLog, EventRecord, StoreError, Supabase};

/// After the first event, so long is waited for more, so that a hundred calls cost one request.
const GATHER: Duration = Duration::from_millis(200);
/// Events delivered in one request at most.
const MAX_EVENTS: usize = 1_000;
/// Bytes of events in one request at most; one event may be larger.
const MAX_BYTES: usize = 1 << 20;
/// While something waits, the figures are brought up to date as often as this: to count it takes the longer the more
/// calls wait.
const SHOW_EVERY: Duration = Duration::from_secs(5);

/// The delivery under way.
#[derive(Debug)]
pub struct Outbox {
    ending: CancellationToken,
    task: JoinHandle<()>,
}

impl Outbox {
    /// Starts to deliver what waits, and what comes.
    pub fn start(store: Supabase) -> Self {
        let ending = CancellationToken::new();
        let task = tokio::spawn(run(store, ending.clone()));
        Self { ending, task }
    }

    /// Delivers what is left, unless that fails or takes longer than this: the rest is delivered after the next start.
    pub async fn finish(mut self, limit: Duration) {
        self.ending.cancel();
        if tokio::time::timeout(limit, &mut self.task).await.is_err() {
            self.task.abort();
        }
    }
}

async fn run(store: Supabase, ending: CancellationToken) {
    let mut delivery = Delivery::default();
    let mut shown = None;
    loop {
        if shown.is_none_or(|shown: Instant| shown.elapsed() >= SHOW_EVERY) {
            show(&store).await;
            shown = Some(Instant::now());
        }
        let wait = match store.local().undelivered(MAX_EVENTS, MAX_BYTES).await {
            Ok(events) if events.is_empty() => {
                show(&store).await;
                if ending.is_cancelled() {
                    return;
                }
                tokio::select! {
                    () = store.local().written() => pause(&ending, GATHER).await,
                    () = ending.cancelled() => {}
                }
                continue;
            }
            Ok(events) => {
                let bytes: usize = events.iter().map(|event| event.body.len()).sum();
                let is_full = events.len() == MAX_EVENTS || bytes > MAX_BYTES / 2;
                delivery.take_up(events);
                match deliver(&store, &mut delivery).await {
                    Ok(()) if is_full => continue,
                    Ok(()) => {
                        pause(&ending, GATHER).await;
                        continue;
                    }
                    Err(wait) => wait,
                }
            }
            Err(error) => {
                tell(&error);
                delivery.on_failure(fastrand::f64())
            }
        };
        if ending.is_cancelled() {
            return;
        }
        rest(&store, &ending, wait).await;
    }
}

/// Delivers what was taken up.
///
/// # Errors
/// How long to wait before what is not delivered is read again.
async fn deliver(store: &Supabase, delivery: &mut Delivery) -> Result<(), Duration> {
    while let Some(events) = delivery.next() {
        let outcome = match store.deliver_events(events).await {
            Ok(()) => Outcome::Taken,
            Err(StoreError::Unfit { code, .. }) => {
                if let [event] = events {
                    metrics::counter!("ai_realtime_outbox_refused_total").increment(1);
                    tracing::error!(call_id = %event.call_id, seq = event.seq, code,
                        "the database does not take an event: it stays in the journal alone");
                }
                Outcome::Unfit
            }
            Err(error) => {
                tell(&error);
                Outcome::Later
            }
        };
        let settled = match delivery.on_outcome(outcome, fastrand::f64()) {
            Verdict::Settled(events) => events,
            Verdict::Split => continue,
            Verdict::Wait(wait) => return Err(wait),
        };
        if let Err(error) = note(store, &settled).await {
            tell(&error);
            return Err(delivery.on_failure(fastrand::f64()));
        }
        delivery.on_noted();
        if outcome == Outcome::Taken {
            metrics::counter!("ai_realtime_outbox_delivered_total").increment(settled.len() as u64);
        }
    }
    Ok(())
}

/// Brings the log up to date with events that were delivered, then notes that they are.
async fn note(store: &Supabase, events: &[EventRecord]) -> Result<(), StoreError> {
    let mut ranges: BTreeMap<CallId, (u64, u64)> = BTreeMap::new();
    for event in events {
        let (_, to) = ranges.entry(event.call_id.clone()).or_insert((event.seq, event.seq));
        *to = event.seq;
    }
    let logs = store.local().changed_logs(ranges.clone()).await?;
    deliver_logs(store, &logs).await?;
    let through = ranges.into_iter().map(|(call, (_, to))| (call, to)).collect();
    store.local().note_delivered(through).await
}

/// Rows that the database does not take are left out, so that they do not hold up the others.
async fn deliver_logs(store: &Supabase, logs: &[CallLog]) -> Result<(), StoreError> {
    match store.deliver_logs(logs).await {
        Err(StoreError::Unfit { .. }) if logs.len() > 1 => {}
        Err(StoreError::Unfit { code, .. }) => {
            refuse_rows(logs, &code);
            return Ok(());
        }
        delivered => return delivered,
    }
    for log in logs {
        let log = std::slice::from_ref(log);
        match store.deliver_logs(log).await {
            Err(StoreError::Unfit { code, .. }) => refuse_rows(log, &code),
            delivered => delivered?,
        }
    }
    Ok(())
}

fn refuse_rows(logs: &[CallLog], code: &str) {
    for log in logs {
        metrics::counter!("ai_realtime_outbox_refused_total").increment(1);
        tracing::error!(call_id = %log.call_id, seq = log.first_seq, code,
            "the database does not take a row of the call log: it stays in the data folder alone");
    }
}

fn tell(error: &StoreError) {
    metrics::counter!("ai_realtime_outbox_failures_total").increment(1);
    tracing::warn!(error = %error, "the journal cannot be delivered to the database now, it is tried again");
}

/// Waits, but not for the end.
async fn pause(ending: &CancellationToken, wait: Duration) {
    // Either way it goes on.
    let _ = tokio::time::timeout(wait, ending.cancelled()).await;
}

/// Waits for longer, with the figures kept up to date.
async fn rest(store: &Supabase, ending: &CancellationToken, wait: Duration) {
    let mut left = wait;
    while !left.is_zero() && !ending.is_cancelled() {
        let now = left.min(SHOW_EVERY);
        pause(ending, now).await;
        left -= now;
        show(store).await;
    }
}

async fn show(store: &Supabase) {
    // When the file cannot be read, the journal says so.
    if let Ok(backlog) = store.local().backlog().await {
        let age = backlog.oldest.map_or(0, |oldest| Timestamp::now().as_second() - oldest.as_second());
        metrics::gauge!("ai_realtime_outbox_events").set(backlog.events as f64);
        metrics::gauge!("ai_realtime_outbox_oldest_seconds").set(age.max(0) as f64);
    }
}
