//! The one writer of all journals: it takes what has come since the last write and commits it together, so that
//! a hundred calls cost one sync of the disk and not a hundred.

use std::collections::HashMap;
use std::time::Duration;

use ractor::DerivedActorRef;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::id::CallId;
use crate::store::{EventRecord, Store};

/// Events of all calls that wait to be written; a call whose event finds no room keeps it and comes back.
const MAX_WAITING: usize = 16_384;
/// Events that are committed together at most.
const MAX_BATCH: usize = 1_024;
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
struct Entry {
    record: EventRecord,
    owner: DerivedActorRef<Written>,
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
        let entry = Entry { record, owner: owner.clone() };
        self.entries.try_send(entry).map_err(|error| match error {
            mpsc::error::TrySendError::Full(entry) | mpsc::error::TrySendError::Closed(entry) => entry.record,
        })
    }
}

async fn write(store: Store, mut queue: mpsc::Receiver<Entry>) {
    let mut batch = Vec::with_capacity(MAX_BATCH);
    while queue.recv_many(&mut batch, MAX_BATCH).await > 0 {
        let records: Vec<_> = batch.iter().map(|entry| entry.record.clone()).collect();
        commit(&store, records).await;
        let mut owners: HashMap<CallId, Entry> = HashMap::new();
        // Of each call the newest event is enough to tell.
        for entry in batch.drain(..) {
            owners.insert(entry.record.call_id.clone(), entry);
        }
        for entry in owners.into_values() {
            // A call that is gone waits for nothing.
            let _ = entry.owner.cast(Written { through: entry.record.seq });
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
