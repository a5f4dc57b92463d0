//! The embedded store: SQLite in the data folder.
//!
//! One connection writes and a few read beside it (write-ahead log), each piece of work on a blocking thread and
//! within a time limit. What is committed is on the disk.

mod business;
#[cfg(test)]
mod demo;
mod effect;
mod journal;
mod pool;
mod rows;
mod schema;
mod select;
mod shape;
#[cfg(test)]
mod tests;
mod text;

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use deadpool_sqlite::Pool;
use rusqlite::Connection;

use self::pool::{Role, failed};
use self::shape::Shape;
use super::{BusinessProfile, EventRecord, Row, Select, StoreError, Table};
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
    /// Of size one: SQLite has one writer at a time, and a queue here is fairer than its busy wait.
    writer: Pool,
    readers: Pool,
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
        pool::run(&writer, OPEN_LIMIT, |connection| {
            schema::prepare(connection).map_err(|error| StoreError::Query(error.into()))
        })
        .await?;
        let store = Self { path: path.into(), writer, readers };
        store.ping().await?;
        Ok(store)
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
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
        pool::run(&self.writer, OPERATION_LIMIT, move |connection| journal::append(connection, &events)).await
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

    pub(super) async fn business_by_number(
        &self,
        number: String,
    ) -> Result<Option<BusinessProfile>, StoreError> {
        self.read(move |connection| business::by_number(connection, &number)).await
    }

    pub(super) async fn business(&self, id: String) -> Result<Option<BusinessProfile>, StoreError> {
        self.read(move |connection| business::by_id(connection, &id)).await
    }

    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        pool::run(&self.readers, OPERATION_LIMIT, work).await
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
