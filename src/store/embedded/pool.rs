//! Connections: how each is set up, and how work is run on one within a time limit.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use deadpool_sqlite::{Config, Hook, HookError, Pool, PoolError, Runtime};
use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode, TransactionBehavior};

use super::select::{DECIMAL_ORDER, MATCHES};
use super::text::{compare_decimals, folded_cell, matches};
use super::{BUSY_LIMIT, WAIT_LIMIT};
use crate::store::StoreError;

type BoxedError = Box<dyn std::error::Error + Send + Sync>;

/// Prepared statements kept per connection. Tools ask few different questions.
const STATEMENTS: usize = 64;
/// Steps of SQLite's machine, some 10 µs of them, between two looks at whether anyone still waits for the answer.
const STEPS_BETWEEN_LOOKS: i32 = 1000;

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Reads only. Never waits for the writer, nor the writer for it: that is what the write-ahead log is for.
    Reader,
    /// The one that writes. What it has committed is on the disk.
    Writer,
}

impl Role {
    fn pragmas(self) -> &'static str {
        match self {
            Self::Reader => "PRAGMA foreign_keys = ON; PRAGMA synchronous = NORMAL; PRAGMA query_only = ON;",
            Self::Writer => {
                "PRAGMA journal_mode = WAL; PRAGMA journal_size_limit = 67108864; \
                 PRAGMA foreign_keys = ON; PRAGMA synchronous = FULL;"
            }
        }
    }
}

/// A pool of connections to the file, none of them opened yet.
///
/// # Errors
/// As deadpool refuses its settings.
pub(super) fn build(path: &Path, role: Role, size: usize) -> Result<Pool, BoxedError> {
    let set_up = Hook::async_fn(move |connection, _| {
        Box::pin(async move {
            let done = connection.interact(move |connection| set_up(connection, role)).await;
            done.map_err(|error| HookError::message(error.to_string()))?.map_err(HookError::Backend)
        })
    });
    let builder = Config::new(path).builder(Runtime::Tokio1)?.max_size(size);
    Ok(builder.wait_timeout(Some(WAIT_LIMIT)).post_create(set_up).build()?)
}

fn set_up(connection: &mut Connection, role: Role) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_LIMIT)?;
    connection.execute_batch(role.pragmas())?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    // A writer that begins by reading could find at its first write that another has written meanwhile.
    connection.set_transaction_behavior(TransactionBehavior::Immediate);
    connection.create_collation(DECIMAL_ORDER, compare_decimals)?;
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    connection.create_scalar_function(MATCHES, -1, flags, matches_parts)
}

/// `matches_parts(cell, part, …)`: null for a cell that holds no text, so that the row is left out.
fn matches_parts(arguments: &Context<'_>) -> rusqlite::Result<Option<bool>> {
    let Some(text) = folded_cell(arguments.get_raw(0)) else {
        return Ok(None);
    };
    let mut parts = Vec::with_capacity(arguments.len() - 1);
    for place in 1..arguments.len() {
        parts.push(match arguments.get_raw(place) {
            ValueRef::Null => None,
            part => Some(part.as_str()?),
        });
    }
    Ok(Some(matches(&text, &parts)))
}

/// Runs work on a connection of the pool, away from the async threads. When the limit passes, or the caller stops
/// waiting, SQLite is told to give up too, so that no query outlives the question.
///
/// # Errors
/// [`StoreError::Timeout`] when no connection is free in time or the work takes too long; else as the work fails.
pub(super) async fn run<T: Send + 'static>(
    pool: &Pool,
    limit: Duration,
    work: impl FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let question = Question::default();
    let abandoned = Arc::clone(&question.abandoned);
    let answer = async {
        let connection = pool.get().await.map_err(unavailable)?;
        let done = connection.interact(move |connection| {
            let look = move || abandoned.load(Ordering::Relaxed);
            connection.progress_handler(STEPS_BETWEEN_LOOKS, Some(look)).map_err(failed)?;
            let done = work(connection);
            connection.progress_handler(0, None::<fn() -> bool>).map_err(failed)?;
            done
        });
        done.await
            .map_err(|error| StoreError::Query(format!("the work did not come to its end: {error}").into()))?
    };
    tokio::time::timeout(limit, answer).await.unwrap_or_else(|_| Err(timeout(limit)))
}

/// Somebody waits for an answer, until this is dropped.
#[derive(Default)]
struct Question {
    abandoned: Arc<AtomicBool>,
}

impl Drop for Question {
    fn drop(&mut self) {
        self.abandoned.store(true, Ordering::Relaxed);
    }
}

/// What SQLite's failure means to whoever asked.
pub(super) fn failed(error: rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => timeout(BUSY_LIMIT),
        Some(code @ (ErrorCode::ConstraintViolation | ErrorCode::TypeMismatch)) => {
            StoreError::Unfit { code: format!("{code:?}"), detail: error.to_string() }
        }
        _ => StoreError::Query(Box::new(error)),
    }
}

fn unavailable(error: PoolError) -> StoreError {
    match error {
        PoolError::Timeout(_) => timeout(WAIT_LIMIT),
        // The cause itself, not the pool's wrapping of it.
        PoolError::Backend(error) | PoolError::PostCreateHook(HookError::Backend(error)) => failed(error),
        error => StoreError::Query(Box::new(error)),
    }
}

fn timeout(limit: Duration) -> StoreError {
    StoreError::Timeout { limit_ms: u64::try_from(limit.as_millis()).unwrap_or(u64::MAX) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENDLESS: &str =
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n";

    fn pools() -> (tempfile::TempDir, Pool, Pool) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("test.db");
        let writer = build(&path, Role::Writer, 1).unwrap();
        let readers = build(&path, Role::Reader, 1).unwrap();
        (folder, writer, readers)
    }

    async fn ask<T: rusqlite::types::FromSql + Send + 'static>(
        pool: &Pool,
        sql: &'static str,
    ) -> Result<T, StoreError> {
        run(pool, Duration::from_secs(5), move |connection| {
            connection.query_row(sql, [], |row| row.get(0)).map_err(failed)
        })
        .await
    }

    #[tokio::test]
    async fn every_connection_is_set_up_for_its_role() {
        let (_folder, writer, readers) = pools();
        for (pool, synchronous, query_only) in [(&writer, 2, 0), (&readers, 1, 1)] {
            assert_eq!(ask::<String>(pool, "PRAGMA journal_mode").await.unwrap(), "wal");
            assert_eq!(ask::<i64>(pool, "PRAGMA synchronous").await.unwrap(), synchronous);
            assert_eq!(ask::<i64>(pool, "PRAGMA query_only").await.unwrap(), query_only);
            assert_eq!(ask::<i64>(pool, "PRAGMA foreign_keys").await.unwrap(), 1);
            assert_eq!(ask::<i64>(pool, "PRAGMA busy_timeout").await.unwrap(), 4000);
        }
    }

    #[tokio::test]
    async fn a_query_that_takes_too_long_is_given_up_and_frees_its_connection() {
        let (_folder, writer, readers) = pools();
        ask::<i64>(&writer, "SELECT 1").await.unwrap();
        let limit = Duration::from_millis(20);
        let endless = run(&readers, limit, |connection| {
            connection.query_row(ENDLESS, [], |row| row.get::<_, i64>(0)).map_err(failed)
        });
        assert!(matches!(endless.await, Err(StoreError::Timeout { limit_ms: 20 })));
        // The pool holds one connection: it could not answer if the endless query still ran on it.
        assert_eq!(ask::<i64>(&readers, "SELECT 7").await.unwrap(), 7);
    }

    #[tokio::test]
    async fn waiting_for_a_connection_has_a_limit() {
        let (_folder, writer, _) = pools();
        let held = writer.get().await.unwrap();
        let limit = Duration::from_millis(20);
        assert!(matches!(run(&writer, limit, |_| Ok(())).await, Err(StoreError::Timeout { limit_ms: 20 })));
        drop(held);
        assert!(run(&writer, WAIT_LIMIT, |_| Ok(())).await.is_ok());
    }

    #[tokio::test]
    async fn a_panic_in_one_piece_of_work_does_not_spoil_the_next() {
        let (_folder, writer, _) = pools();
        let panicked = run(&writer, WAIT_LIMIT, |_| -> Result<(), StoreError> { panic!("on purpose") }).await;
        assert!(matches!(panicked, Err(StoreError::Query(_))));
        assert_eq!(ask::<i64>(&writer, "SELECT 7").await.unwrap(), 7);
    }
}
