//! The call log: written with the events it is made of, read by place, by filter and by what was said.

use jiff::Timestamp;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params, params_from_iter};

use super::pool::failed;
use crate::id::CallId;
use crate::store::calls::{CallLog, CallQuery, CallSearch, FoundCall, LogChange, LogState, Origin};
use crate::store::{EventRecord, StoreError};
use crate::usage::{ModelUsage, Usage};

const COLUMNS: &str = "call_id, first_seq, last_seq, business_id, transport, direction, from_number, to_number, persona, \
                       state, end_reason, started_at, ended_at, updated_at, turns, usage";

/// The conversation an event belongs to: the newest that began.
const THIS_ROW: &str =
    "call_id = ?1 AND first_seq = (SELECT max(first_seq) FROM call_logs WHERE call_id = ?1)";

/// A row that cannot be one.
#[derive(Debug, thiserror::Error)]
#[error("the call log holds a row that is none: its {0} cannot be read")]
struct RowError(&'static str);

/// Does to the log what an event that was just written does to it.
///
/// # Errors
/// As SQLite fails; the transaction is then of no use.
pub(super) fn apply(
    transaction: &Transaction<'_>,
    event: &EventRecord,
    seq: i64,
    change: &LogChange,
) -> Result<(), StoreError> {
    let (call, at) = (event.call_id.as_str(), time(event.at));
    let set = |column: &str, value: &dyn rusqlite::ToSql| {
        let assignment = if column.is_empty() { String::new() } else { format!(", {column} = ?4") };
        let sql = format!("UPDATE call_logs SET last_seq = ?2, updated_at = ?3{assignment} WHERE {THIS_ROW}");
        let mut update = transaction.prepare_cached(&sql)?;
        if column.is_empty() {
            update.execute(params![call, seq, at])
        } else {
            update.execute(params![call, seq, at, value])
        }
    };
    match change {
        LogChange::Started { transport, business_id, direction, from, to } => transaction
            .prepare_cached(
                "INSERT INTO call_logs (call_id, first_seq, last_seq, business_id, transport, direction, from_number, \
                 to_number, started_at, updated_at) VALUES (?1, ?2, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8) \
                 ON CONFLICT (call_id, first_seq) DO NOTHING",
            )
            .and_then(|mut insert| {
                insert.execute(params![call, seq, business_id, transport, direction, from, to, at])
            }),
        LogChange::Business(business) => set("business_id", business),
        LogChange::Persona(persona) => set("persona", persona),
        LogChange::Turn(turn) => set("turns", &i64::try_from(*turn).unwrap_or(i64::MAX)),
        LogChange::Used { model, usage } => {
            let usage = added(transaction, call, model, *usage).map_err(failed)?;
            set("usage", &usage)
        }
        LogChange::Said(text) => transaction
            .prepare_cached("INSERT INTO call_words (call_id, seq, text) VALUES (?1, ?2, ?3)")
            .and_then(|mut insert| insert.execute(params![call, seq, text]))
            .and_then(|_| set("", &"")),
        LogChange::Ended(reason) => transaction
            .prepare_cached(&format!(
                "UPDATE call_logs SET last_seq = ?2, updated_at = ?3, ended_at = ?3, state = 'ended', end_reason = ?4 \
                 WHERE {THIS_ROW}"
            ))
            .and_then(|mut update| update.execute(params![call, seq, at, reason])),
    }
    .map(drop)
    .map_err(failed)
}

/// What the conversation has used, with what was used now.
fn added(transaction: &Transaction<'_>, call: &str, model: &str, usage: Usage) -> rusqlite::Result<String> {
    let sql = format!("SELECT usage FROM call_logs WHERE {THIS_ROW}");
    let before: Option<String> =
        transaction.prepare_cached(&sql)?.query_row([call], |row| row.get(0)).optional()?;
    let mut by_model: ModelUsage =
        before.and_then(|before| serde_json::from_str(&before).ok()).unwrap_or_default();
    let of_model = by_model.entry(model.to_owned()).or_default();
    *of_model = of_model.plus(usage);
    // Counts under names always serialise.
    Ok(serde_json::to_string(&by_model).unwrap_or_default())
}

/// The conversations that are asked for, newest first.
///
/// # Errors
/// As SQLite fails.
pub(super) fn list(connection: &Connection, query: &CallQuery) -> Result<Vec<CallLog>, StoreError> {
    let (conditions, values) = conditions(query);
    let sql = format!(
        "SELECT {COLUMNS} FROM call_logs WHERE {} ORDER BY started_at DESC, call_id DESC, first_seq DESC LIMIT {}",
        conditions.join(" AND "),
        query.limit
    );
    let mut statement = connection.prepare_cached(&sql).map_err(failed)?;
    let rows = statement.query_map(params_from_iter(values), RowText::read).map_err(failed)?;
    rows.map(|row| row.map_err(failed)?.log()).collect()
}

fn conditions(query: &CallQuery) -> (Vec<String>, Vec<Value>) {
    let mut all = vec!["TRUE".to_owned()];
    let mut values = Vec::new();
    let mut bind = |sql: &str, bound: Vec<Value>| {
        all.push(sql.to_owned());
        values.extend(bound);
    };
    if let Some(business) = query.tenant.business() {
        bind("business_id = ?", vec![business.as_str().to_owned().into()]);
    }
    if let Some(since) = query.since {
        bind("started_at >= ?", vec![time(since).into()]);
    }
    if let Some(until) = query.until {
        bind("started_at < ?", vec![time(until).into()]);
    }
    if let Some(transport) = &query.transport {
        bind("transport = ?", vec![transport.clone().into()]);
    }
    if let Some(after) = &query.after {
        let first_seq = i64::try_from(after.first_seq).unwrap_or(i64::MAX);
        let place =
            vec![time(after.started_at).into(), after.call_id.as_str().to_owned().into(), first_seq.into()];
        bind("(started_at, call_id, first_seq) < (?, ?, ?)", place);
    }
    if let Some(CallSearch { words, digits }) = &query.search {
        // The words hold letters and digits only: between quotes they are no syntax.
        let words: Vec<_> = words.iter().map(|word| format!("\"{word}\"")).collect();
        let digits = digits.clone().map_or(Value::Null, Value::from);
        bind(
            "((call_id, first_seq) IN (SELECT said.call_id, said.first_seq FROM call_words JOIN call_logs AS said \
             ON said.call_id = call_words.call_id \
             AND CAST(call_words.seq AS INTEGER) BETWEEN said.first_seq AND said.last_seq WHERE call_words MATCH ?) \
             OR instr(from_number, ?) > 0 OR instr(to_number, ?) > 0)",
            vec![words.join(" ").into(), digits.clone(), digits],
        );
    }
    (all, values)
}

/// The conversation that began with this event, or the call's newest.
///
/// # Errors
/// As SQLite fails.
pub(super) fn find(
    connection: &Connection,
    call: &CallId,
    first_seq: Option<u64>,
) -> Result<Option<FoundCall>, StoreError> {
    let first_seq = first_seq.map(|seq| i64::try_from(seq).unwrap_or(i64::MAX));
    let sql = format!(
        "SELECT {COLUMNS} FROM call_logs WHERE call_id = ?1 AND (?2 IS NULL OR first_seq = ?2) \
         ORDER BY first_seq DESC LIMIT 1"
    );
    let mut statement = connection.prepare_cached(&sql).map_err(failed)?;
    let row =
        statement.query_row(params![call.as_str(), first_seq], RowText::read).optional().map_err(failed)?;
    let Some(row) = row else { return Ok(None) };
    let newest: Option<i64> = connection
        .prepare_cached(
            "SELECT max(seq) FROM call_events WHERE call_id = ?1 AND seq < coalesce( \
             (SELECT min(first_seq) FROM call_logs WHERE call_id = ?1 AND first_seq > ?2), 9223372036854775807)",
        )
        .and_then(|mut newest| newest.query_row(params![call.as_str(), row.first_seq], |row| row.get(0)))
        .map_err(failed)?;
    let log = row.log()?;
    let newest_seq = newest.and_then(|seq| u64::try_from(seq).ok()).unwrap_or(log.last_seq);
    Ok(Some(FoundCall { log, origin: Origin::Local, newest_seq }))
}

/// The conversations that events from `from` to `to` of a call changed.
///
/// # Errors
/// As SQLite fails.
pub(super) fn touched(
    connection: &Connection,
    call: &CallId,
    from: u64,
    to: u64,
) -> Result<Vec<CallLog>, StoreError> {
    let bound = |seq| i64::try_from(seq).unwrap_or(i64::MAX);
    let sql =
        format!("SELECT {COLUMNS} FROM call_logs WHERE call_id = ?1 AND last_seq >= ?2 AND first_seq <= ?3");
    let mut statement = connection.prepare_cached(&sql).map_err(failed)?;
    let rows =
        statement.query_map(params![call.as_str(), bound(from), bound(to)], RowText::read).map_err(failed)?;
    rows.map(|row| row.map_err(failed)?.log()).collect()
}

/// A row as SQLite has it.
struct RowText {
    call_id: String,
    first_seq: i64,
    last_seq: i64,
    business_id: Option<String>,
    transport: String,
    direction: Option<String>,
    from_number: Option<String>,
    to_number: Option<String>,
    persona: Option<String>,
    state: String,
    end_reason: Option<String>,
    started_at: String,
    ended_at: Option<String>,
    updated_at: String,
    turns: i64,
    usage: String,
}

impl RowText {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            call_id: row.get(0)?,
            first_seq: row.get(1)?,
            last_seq: row.get(2)?,
            business_id: row.get(3)?,
            transport: row.get(4)?,
            direction: row.get(5)?,
            from_number: row.get(6)?,
            to_number: row.get(7)?,
            persona: row.get(8)?,
            state: row.get(9)?,
            end_reason: row.get(10)?,
            started_at: row.get(11)?,
            ended_at: row.get(12)?,
            updated_at: row.get(13)?,
            turns: row.get(14)?,
            usage: row.get(15)?,
        })
    }

    fn log(self) -> Result<CallLog, StoreError> {
        let number = |number: i64, what| u64::try_from(number).map_err(|_| wrong(what));
        let moment = |text: &str, what| text.parse::<Timestamp>().map_err(|_| wrong(what));
        Ok(CallLog {
            call_id: self.call_id.parse().map_err(|_| wrong("call_id"))?,
            first_seq: number(self.first_seq, "first_seq")?,
            last_seq: number(self.last_seq, "last_seq")?,
            business_id: self.business_id,
            transport: self.transport,
            direction: self.direction,
            from_number: self.from_number,
            to_number: self.to_number,
            persona: self.persona,
            state: if self.state == "ended" { LogState::Ended } else { LogState::Live },
            end_reason: self.end_reason,
            started_at: moment(&self.started_at, "started_at")?,
            ended_at: self.ended_at.map(|ended| moment(&ended, "ended_at")).transpose()?,
            updated_at: moment(&self.updated_at, "updated_at")?,
            turns: number(self.turns, "turns")?,
            usage: serde_json::from_str(&self.usage).map_err(|_| wrong("usage"))?,
        })
    }
}

fn wrong(what: &'static str) -> StoreError {
    StoreError::Query(RowError(what).into())
}

/// A time whose text stands in the order of time: always three decimals.
fn time(time: Timestamp) -> String {
    format!("{time:.3}")
}

#[cfg(test)]
mod tests;
