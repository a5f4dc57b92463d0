//! The one writer of all journals: it takes what has come since the last write and commits it together, so that
//! a hundred calls cost one sync of the disk and not a hundred.

use std::collections::HashMap;
use std::time::Duration;

use ractor::DerivedActorRef;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use crate::id::CallId;
use crate::store::{EventRecord, Store};

/// Events of all calls that wait to be written; a call whose event finds no room keeps it and comes back.
const MAX_WAITING: usize = 16_384;
/// Events that are committed together at most.
const MAX_BATCH: usize = 1_024;
/// Pieces of what a persona says come many a second, and nobody acts on a single one: they wait so long for more.
const LINGER: Duration = Duration::from_millis(10);
/// The kind of event they are.
const PIECE: &str = "assistant.delta";
/// The wait after a failed commit doubles from the first to the longest. It is tried for ever: nothing that was
/// recorded is thrown away, and calls stop promising when too much waits.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Everything of a call up to an event is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// That event's number.
    pub through: u64,
}

#[derive(Debug)]
enum Entry {
    Event {
        record: EventRecord,
        owner: DerivedActorRef<Written>,
    },
    /// Everything before it is written once this is answered.
    Flush(oneshot::Sender<()>),
}

impl Entry {
    fn can_wait(&self) -> bool {
        match self {
            Self::Event { record, .. } => record.kind == PIECE,
            Self::Flush(_) => false,
        }
    }
}

/// A hand on the writer. Cheap to clone.
#[derive(Debug, Clone)]
pub struct JournalWriter {
    entries: mpsc::Sender<Entry>,
}

impl JournalWriter {
    /// Starts the writer. It ends, with everything written, when the last hand on it is gone.
    pub fn start(store: Store) -> (Self, JoinHandle<()>) {
        let (entries, queue) = mpsc::channel(MAX_WAITING);
        (Self { entries }, tokio::spawn(write(store, queue)))
    }

    /// Queues an event; `owner` is told when it is written.
    ///
    /// # Errors
    /// The event itself, when there is no room now.
    pub fn write(&self, record: EventRecord, owner: &DerivedActorRef<Written>) -> Result<(), EventRecord> {
        match self.entries.try_reserve() {
            Ok(place) => {
                place.send(Entry::Event { record, owner: owner.clone() });
                Ok(())
            }
            Err(_) => Err(record),
        }
    }

    /// Comes when everything that was queued before is written: what is read then is whole.
    pub async fn flushed(&self) {
        let (done, written) = oneshot::channel();
        // A writer that is gone has written everything.
        if self.entries.send(Entry::Flush(done)).await.is_ok() {
            let _ = written.await;
        }
    }
}

async fn write(store: Store, mut queue: mpsc::Receiver<Entry>) {
    let mut batch = Vec::with_capacity(MAX_BATCH);
    while queue.recv_many(&mut batch, MAX_BATCH).await > 0 {
        linger(&mut queue, &mut batch).await;
        let mut records = Vec::with_capacity(batch.len());
        let mut newest: HashMap<CallId, (DerivedActorRef<Written>, u64)> = HashMap::new();
        let mut flushed = Vec::new();
        for entry in batch.drain(..) {
            match entry {
                Entry::Event { record, owner } => {
                    // Of each call the newest event is enough to tell.
                    newest.insert(record.call_id.clone(), (owner, record.seq));
                    records.push(record);
                }
                Entry::Flush(done) => flushed.push(done),
            }
        }
        if !records.is_empty() {
            commit(&store, records).await;
        }
        for (owner, through) in newest.into_values() {
            // A call that is gone waits for nothing.
            let _ = owner.cast(Written { through });
        }
        for done in flushed {
            let _ = done.send(());
        }
    }
}

/// Waits for more while all there is can wait.
async fn linger(queue: &mut mpsc::Receiver<Entry>, batch: &mut Vec<Entry>) {
    let until = Instant::now() + LINGER;
    let mut looked_at = 0;
    while batch.len() < MAX_BATCH && batch[looked_at..].iter().all(Entry::can_wait) {
        looked_at = batch.len();
        let room = MAX_BATCH - batch.len();
        if !matches!(timeout_at(until, queue.recv_many(batch, room)).await, Ok(came) if came > 0) {
            return;
        }
    }
}

async fn commit(store: &Store, records: Vec<EventRecord>) {
    let mut wait = FIRST_WAIT;
    metrics::histogram!("ai_realtime_journal_batch_events").record(records.len() as f64);
    while let Err(error) = store.append_events(records.clone()).await {
        metrics::counter!("ai_realtime_journal_failures_total").increment(1);
        tracing::error!(error = %error, cause = ?std::error::Error::source(&error), events = records.len(),
            "the journal cannot be written, trying again");
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(LONGEST_WAIT);
    }
}
