//! What of the journal is delivered to the user's database, and what is not yet.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rusqlite::{Connection, Transaction, params};

use super::pool::failed;
use super::{calls, journal};
use crate::id::CallId;
use crate::store::calls::{Backlog, CallLog};
use crate::store::{EventRecord, StoreError};

/// Notes that a call has events that are not delivered, unless that is noted already.
///
/// # Errors
/// As SQLite fails.
pub(super) fn mark(transaction: &Transaction<'_>, call: &CallId, since: Timestamp) -> Result<(), StoreError> {
    transaction
        .prepare_cached(
            "INSERT INTO outbox (call_id, pending_since) VALUES (?1, ?2) ON CONFLICT (call_id) DO UPDATE \
             SET pending_since = excluded.pending_since WHERE outbox.pending_since IS NULL",
        )
        .and_then(|mut mark| mark.execute(params![call.as_str(), since.as_millisecond()]))
        .map(drop)
        .map_err(failed)
}

/// Events that are not delivered: of the calls that have waited longest, in their order, within both limits, but one at
/// least.
///
/// # Errors
/// As SQLite fails.
pub(super) fn undelivered(
    connection: &Connection,
    max_events: usize,
    max_bytes: usize,
) -> Result<Vec<EventRecord>, StoreError> {
    let mut events: Vec<EventRecord> = Vec::new();
    let mut bytes = 0;
    for (call, delivered) in waiting(connection, max_events)? {
        for event in journal::after(connection, &call, delivered, max_events - events.len())? {
            bytes += event.body.len();
            if bytes > max_bytes && !events.is_empty() {
                return Ok(events);
            }
            events.push(event);
        }
        if events.len() >= max_events {
            break;
        }
    }
    Ok(events)
}

/// Calls with events that are not delivered, those that have waited longest first, with how far they are.
fn waiting(connection: &Connection, limit: usize) -> Result<Vec<(CallId, u64)>, StoreError> {
    let mut statement = connection
        .prepare_cached(
            "SELECT call_id, delivered_seq FROM outbox WHERE pending_since IS NOT NULL ORDER BY pending_since LIMIT ?",
        )
        .map_err(failed)?;
    let rows = statement.query_map([i64::try_from(limit).unwrap_or(i64::MAX)], |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?))
    });
    let rows = rows.map_err(failed)?.collect::<Result<Vec<_>, _>>().map_err(failed)?;
    // A name that no call can have is not ours.
    let known = rows.into_iter().filter_map(|(call, seq)| Some((call.parse().ok()?, seq)));
    Ok(known.map(|(call, seq)| (call, u64::try_from(seq).unwrap_or(0))).collect())
}

/// Notes that the events of these calls are delivered, up to these numbers.
///
/// # Errors
/// As SQLite fails; nothing is then noted.
pub(super) fn delivered(
    connection: &mut Connection,
    through: &BTreeMap<CallId, u64>,
) -> Result<(), StoreError> {
    let transaction = connection.transaction().map_err(failed)?;
    {
        let mut note = transaction
            .prepare_cached(
                "UPDATE outbox SET delivered_seq = max(delivered_seq, ?2), pending_since = ( \
                     SELECT CAST(unixepoch(at, 'subsec') * 1000 AS INTEGER) FROM call_events \
                     WHERE call_id = ?1 AND seq > max(outbox.delivered_seq, ?2) ORDER BY seq LIMIT 1) \
                 WHERE call_id = ?1",
            )
            .map_err(failed)?;
        for (call, seq) in through {
            let seq = i64::try_from(*seq).unwrap_or(i64::MAX);
            note.execute(params![call.as_str(), seq]).map_err(failed)?;
        }
    }
    transaction.commit().map_err(failed)
}

/// The rows of the log that these events changed.
///
/// # Errors
/// As SQLite fails.
pub(super) fn logs(
    connection: &Connection,
    ranges: &BTreeMap<CallId, (u64, u64)>,
) -> Result<Vec<CallLog>, StoreError> {
    let mut logs = Vec::new();
    for (call, (from, to)) in ranges {
        logs.extend(calls::touched(connection, call, *from, *to)?);
    }
    Ok(logs)
}

/// How much waits. The numbers of a call have no gaps, so that its newest tells how many there are.
///
/// # Errors
/// As SQLite fails.
pub(super) fn backlog(connection: &Connection) -> Result<Backlog, StoreError> {
    let sum = "SELECT coalesce(sum(max(0, coalesce((SELECT max(seq) FROM call_events \
               WHERE call_events.call_id = outbox.call_id), 0) - delivered_seq)), 0), min(pending_since) \
               FROM outbox WHERE pending_since IS NOT NULL";
    let (events, oldest): (i64, Option<i64>) = connection
        .prepare_cached(sum)
        .and_then(|mut statement| statement.query_row([], |row| Ok((row.get(0)?, row.get(1)?))))
        .map_err(failed)?;
    Ok(Backlog {
        events: u64::try_from(events).unwrap_or(0),
        oldest: oldest.and_then(|millisecond| Timestamp::from_millisecond(millisecond).ok()),
    })
}

#[cfg(test)]
mod tests;
