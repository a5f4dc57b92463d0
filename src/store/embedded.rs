//! The embedded store: SQLite in the data folder.
//!
//! One connection writes and a few read beside it (write-ahead log), each piece of work on a blocking thread and
//! within a time limit. What is committed is on the disk.

mod business;
mod calls;
#[cfg(test)]
mod demo;
mod effect;
mod journal;
mod knowledge;
mod once;
mod outbox;
mod pool;
mod rows;
mod schema;
mod select;
mod shape;
#[cfg(test)]
mod tests;
mod text;

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use deadpool_sqlite::Pool;
use rusqlite::Connection;
use tokio::sync::Notify;

use self::pool::{Role, failed};
use self::shape::Shape;
use super::{Backlog, CallLog, CallQuery, EventRecord, FoundCall, Row, Select, StoreError, Table};
use crate::id::CallId;

/// The file's name in the data folder.
pub const FILE: &str = "ai-realtime.db";
/// Connections that read, at once.
pub const READERS: usize = 4;
/// How long one operation may take, the wait for a connection included.
pub const OPERATION_LIMIT: Duration = Duration::from_secs(5);
/// How long opening may take: it may have migrations to apply to a large file.
pub const OPEN_LIMIT: Duration = Duration::from_secs(60);
/// How long an operation waits for a connection to become free.
pub const WAIT_LIMIT: Duration = Duration::from_secs(3);
/// How long a write waits for another process that is writing to the same file.
pub const BUSY_LIMIT: Duration = Duration::from_secs(4);

/// A handle on the SQLite file.
#[derive(Clone)]
pub struct Embedded {
    path: Arc<Path>,
    /// What its journal is called.
    journal: Arc<str>,
    /// Of size one: SQLite has one writer at a time, and a queue here is fairer than its busy wait.
    writer: Pool,
    readers: Pool,
    /// Told when events were written.
    written: Arc<Notify>,
}

impl fmt::Debug for Embedded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Embedded").field(&self.path).finish()
    }
}

impl Embedded {
    /// Opens (or makes) the database in a folder, brings its tables up to date and, when it is new, fills in the
    /// demo rows.
    ///
    /// # Errors
    /// [`StoreError::Open`] when the folder or file cannot be used.
    pub async fn open(folder: &Path) -> Result<Self, StoreError> {
        // Absolute, because SQLite would take a relative name that begins with `file:` for a URI.
        let path = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned()).join(FILE);
        let opened = Self::open_file(&path).await;
        opened.map_err(|error| StoreError::Open {
            path,
            source: match error {
                StoreError::Query(source) => source,
                error => error.into(),
            },
        })
    }

    async fn open_file(path: &Path) -> Result<Self, StoreError> {
        if let Some(folder) = path.parent() {
            make_folder(folder).await.map_err(|error| StoreError::Query(error.into()))?;
        }
        let writer = pool::build(path, Role::Writer, 1).map_err(StoreError::Query)?;
        let readers = pool::build(path, Role::Reader, READERS).map_err(StoreError::Query)?;
        let journal = pool::run(&writer, OPEN_LIMIT, |connection| {
            schema::prepare(connection).map_err(|error| StoreError::Query(error.into()))?;
            schema::journal_name(connection).map_err(failed)
        })
        .await?;
        let journal = journal.into();
        let store = Self { path: path.into(), journal, writer, readers, written: Arc::default() };
        store.ping().await?;
        Ok(store)
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What its journal is called in a database to which several are delivered.
    pub(super) fn journal(&self) -> &str {
        &self.journal
    }

    pub(super) async fn ping(&self) -> Result<(), StoreError> {
        let count = |connection: &mut Connection| {
            connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(())).map_err(failed)
        };
        self.read(count).await
    }

    pub(super) async fn select(&self, select: Select) -> Result<Vec<Row>, StoreError> {
        self.read(move |connection| {
            let shape = Shape::read(connection, &select.from)?;
            rows::read(connection, select::compile(&select, &shape)?)
        })
        .await
    }

    pub(super) async fn columns(&self, table: Table) -> Result<Vec<String>, StoreError> {
        let shape = self.read(move |connection| Shape::read(connection, &table)).await?;
        Ok(shape.columns.into_iter().map(|(name, _)| name).collect())
    }

    pub(super) async fn append_events(&self, events: Vec<EventRecord>) -> Result<(), StoreError> {
        if events.is_empty() {
            return Ok(());
        }
        self.write(move |connection| journal::append(connection, &events)).await?;
        self.written.notify_one();
        Ok(())
    }

    /// Comes when events were written since it last came. For one that waits: of two, each would miss some.
    pub async fn written(&self) {
        self.written.notified().await;
    }

    /// Events that are not delivered to the user's database: of the calls that have waited longest, in their order, within
    /// both limits, but one at least.
    ///
    /// # Errors
    /// As SQLite fails.
    pub async fn undelivered(
        &self,
        max_events: usize,
        max_bytes: usize,
    ) -> Result<Vec<EventRecord>, StoreError> {
        self.read(move |connection| outbox::undelivered(connection, max_events, max_bytes)).await
    }

    /// The rows of the call log that events of these calls changed, from one number to another.
    ///
    /// # Errors
    /// As SQLite fails.
    pub async fn changed_logs(
        &self,
        ranges: BTreeMap<CallId, (u64, u64)>,
    ) -> Result<Vec<CallLog>, StoreError> {
        self.read(move |connection| outbox::logs(connection, &ranges)).await
    }

    /// Notes that the events of these calls are delivered, up to these numbers.
    ///
    /// # Errors
    /// As SQLite fails; nothing is then noted.
    pub async fn note_delivered(&self, through: BTreeMap<CallId, u64>) -> Result<(), StoreError> {
        self.write(move |connection| outbox::delivered(connection, &through)).await
    }

    /// What is not delivered.
    ///
    /// # Errors
    /// As SQLite fails.
    pub async fn backlog(&self) -> Result<Backlog, StoreError> {
        self.read(|connection| outbox::backlog(connection)).await
    }

    pub(super) async fn calls(&self, query: CallQuery) -> Result<Vec<CallLog>, StoreError> {
        self.read(move |connection| calls::list(connection, &query)).await
    }

    pub(super) async fn call(
        &self,
        id: CallId,
        first_seq: Option<u64>,
    ) -> Result<Option<FoundCall>, StoreError> {
        self.read(move |connection| calls::find(connection, &id, first_seq)).await
    }

    pub(super) async fn events_after(
        &self,
        call: CallId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<EventRecord>, StoreError> {
        self.read(move |connection| journal::after(connection, &call, after, limit)).await
    }

    pub(super) async fn latest_event(
        &self,
        call: CallId,
        kind: Option<&'static str>,
    ) -> Result<Option<EventRecord>, StoreError> {
        self.read(move |connection| journal::latest(connection, &call, kind)).await
    }

    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        pool::run(&self.readers, OPERATION_LIMIT, work).await
    }

    async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        pool::run(&self.writer, OPERATION_LIMIT, work).await
    }
}

/// Makes the folder where it is missing, for the service's own user only: the file will hold transcripts.
async fn make_folder(folder: &Path) -> std::io::Result<()> {
    let mut builder = tokio::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    builder.mode(0o700);
    builder.create(folder).await
}
