//! The events of calls: written in batches, together with what they change in the call log, and read in order.

use std::collections::HashSet;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::pool::failed;
use super::{calls, outbox};
use crate::id::CallId;
use crate::store::{EventRecord, StoreError};

/// A record that cannot be kept, or a row that cannot be one.
#[derive(Debug, thiserror::Error)]
enum JournalError {
    #[error("event number {0} is beyond what the journal can hold")]
    Seq(u64),
    #[error("the journal holds a row that is no event: {0}")]
    Row(&'static str),
}

/// Writes the batch in one transaction: when this returns, it is on the disk.
pub(super) fn append(connection: &mut Connection, events: &[EventRecord]) -> Result<(), StoreError> {
    let transaction = connection.transaction().map_err(failed)?;
    {
        let mut insert = transaction
            .prepare_cached(
                "INSERT INTO call_events (call_id, seq, at, kind, body) VALUES (?, ?, ?, ?, ?) \
                 ON CONFLICT (call_id, seq) DO NOTHING",
            )
            .map_err(failed)?;
        let mut marked = HashSet::new();
        for event in events {
            let seq = i64::try_from(event.seq).map_err(|_| refused(JournalError::Seq(event.seq)))?;
            let row = params![event.call_id.as_str(), seq, event.at.to_string(), event.kind, event.body];
            if insert.execute(row).map_err(failed)? == 0 {
                // A batch that is written once more holds what is there already; anything else is a number given twice.
                metrics::counter!("ai_realtime_journal_repeats_total").increment(1);
                continue;
            }
            if marked.insert(&event.call_id) {
                outbox::mark(&transaction, &event.call_id, event.at)?;
            }
            if let Some(change) = &event.change {
                calls::apply(&transaction, event, seq, change)?;
            }
        }
    }
    transaction.commit().map_err(failed)
}

/// The call's events above `after`, oldest first.
pub(super) fn after(
    connection: &Connection,
    call: &CallId,
    after: u64,
    limit: usize,
) -> Result<Vec<EventRecord>, StoreError> {
    let Ok(after) = i64::try_from(after) else {
        return Ok(Vec::new());
    };
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut statement = connection
        .prepare_cached(
            "SELECT seq, at, kind, body FROM call_events WHERE call_id = ? AND seq > ? ORDER BY seq LIMIT ?",
        )
        .map_err(failed)?;
    let rows = statement.query_map(params![call.as_str(), after, limit], read).map_err(failed)?;
    rows.map(|row| row.map_err(failed)?.record(call)).collect()
}

/// The call's newest event, of one type when `kind` is given.
pub(super) fn latest(
    connection: &Connection,
    call: &CallId,
    kind: Option<&str>,
) -> Result<Option<EventRecord>, StoreError> {
    let mut statement = connection
        .prepare_cached(
            "SELECT seq, at, kind, body FROM call_events WHERE call_id = ?1 AND (?2 IS NULL OR kind = ?2) \
             ORDER BY seq DESC LIMIT 1",
        )
        .map_err(failed)?;
    let row = statement.query_row(params![call.as_str(), kind], read).optional().map_err(failed)?;
    row.map(|row| row.record(call)).transpose()
}

struct EventRow {
    seq: i64,
    at: String,
    kind: String,
    body: String,
}

fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<EventRow> {
    Ok(EventRow { seq: row.get(0)?, at: row.get(1)?, kind: row.get(2)?, body: row.get(3)? })
}

impl EventRow {
    fn record(self, call: &CallId) -> Result<EventRecord, StoreError> {
        Ok(EventRecord {
            call_id: call.clone(),
            seq: u64::try_from(self.seq).map_err(|_| refused(JournalError::Row("a negative number")))?,
            at: self.at.parse::<Timestamp>().map_err(|_| refused(JournalError::Row("no time")))?,
            kind: self.kind,
            body: self.body.into(),
            change: None,
        })
    }
}

fn refused(error: JournalError) -> StoreError {
    StoreError::Query(Box::new(error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::embedded::schema;

    fn connection() -> Connection {
        let mut connection = Connection::open_in_memory().unwrap();
        schema::prepare(&mut connection).unwrap();
        connection
    }

    fn call() -> CallId {
        "t1".parse().unwrap()
    }

    fn event(seq: u64, kind: &str) -> EventRecord {
        let at = "2026-03-01T12:00:00.123456789Z".parse().unwrap();
        EventRecord { call_id: call(), seq, at, kind: kind.into(), body: "{}".into(), change: None }
    }

    #[test]
    fn a_batch_may_be_repeated_and_what_is_there_stays() {
        let mut connection = connection();
        append(&mut connection, &[event(1, "turn.started")]).unwrap();
        append(&mut connection, &[event(1, "forged"), event(2, "turn.done")]).unwrap();
        let kept = after(&connection, &call(), 0, 10).unwrap();
        assert_eq!(kept, [event(1, "turn.started"), event(2, "turn.done")]);
    }

    #[test]
    fn of_a_batch_all_is_written_or_nothing() {
        let mut connection = connection();
        let error =
            append(&mut connection, &[event(1, "turn.started"), event(u64::MAX, "turn.done")]).unwrap_err();
        assert!(matches!(error, StoreError::Query(_)), "{error:?}");
        assert_eq!(after(&connection, &call(), 0, 10).unwrap(), []);
        // And the connection is fit for the next batch.
        append(&mut connection, &[event(1, "turn.started")]).unwrap();
    }

    #[test]
    fn the_latest_event_is_found_by_type_too() {
        let mut connection = connection();
        assert_eq!(latest(&connection, &call(), None).unwrap(), None);
        let events = [event(1, "call.started"), event(2, "persona.activated"), event(3, "turn.done")];
        append(&mut connection, &events).unwrap();
        let seq = |kind| latest(&connection, &call(), kind).unwrap().map(|event| event.seq);
        assert_eq!(seq(None), Some(3));
        assert_eq!(seq(Some("persona.activated")), Some(2));
        assert_eq!(seq(Some("call.ended")), None);
    }

    #[test]
    fn a_row_that_is_no_event_is_a_failure_and_no_panic() {
        let connection = connection();
        connection.execute("INSERT INTO call_events VALUES ('t1', 1, 'yesterday', 'k', '{}')", []).unwrap();
        assert!(matches!(latest(&connection, &call(), None), Err(StoreError::Query(_))));
        assert!(matches!(after(&connection, &call(), 0, 1), Err(StoreError::Query(_))));
    }
}
