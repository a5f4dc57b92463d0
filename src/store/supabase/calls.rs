//! The call log and the events of calls: delivered from the journal, read for calls of other nodes.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::Supabase;
use super::rest::{Prefer, Repeat};
use crate::id::CallId;
use crate::store::calls::{CallLog, CallQuery, FoundCall, Origin};
use crate::store::{EventRecord, Row, StoreError};

/// A row of `call_events`.
#[derive(Debug, Serialize, Deserialize)]
struct EventRow {
    call_id: CallId,
    journal: String,
    seq: u64,
    at: Timestamp,
    kind: String,
    body: Box<RawValue>,
}

/// A row of `call_logs`.
#[derive(Debug, Serialize, Deserialize)]
struct LogRow {
    journal: String,
    #[serde(flatten)]
    log: CallLog,
}

/// What the database's function `ai_realtime_call_page` takes.
#[derive(Debug, Serialize)]
struct PageArguments<'a> {
    p_business_id: Option<&'a str>,
    p_since: Option<Timestamp>,
    p_until: Option<Timestamp>,
    p_transport: Option<&'a str>,
    p_words: Option<String>,
    p_digits: Option<&'a str>,
    p_after_started_at: Option<Timestamp>,
    p_after_call_id: Option<&'a str>,
    p_after_first_seq: Option<u64>,
    p_limit: u32,
}

impl Supabase {
    /// Delivers events: those that are there already stay as they are, so that it may be repeated.
    ///
    /// # Errors
    /// As PostgREST answers; nothing of them is then there, unless the answer was lost.
    pub async fn deliver_events(&self, events: &[EventRecord]) -> Result<(), StoreError> {
        let journal = self.local.journal();
        let rows = events.iter().map(|event| event_row(journal, event)).collect::<Result<Vec<_>, _>>()?;
        let request = self.rest.from("call_events").insert(json(&rows)?);
        // Whoever delivers has its own way of trying again.
        self.rest.write::<Row>(request, Prefer::Ignore, Repeat::Never).await.map(drop)
    }

    /// Delivers rows of the call log, in the place of those that are there.
    ///
    /// # Errors
    /// As PostgREST answers; nothing of them is then there, unless the answer was lost.
    pub async fn deliver_logs(&self, logs: &[CallLog]) -> Result<(), StoreError> {
        if logs.is_empty() {
            return Ok(());
        }
        let row = |log: &CallLog| LogRow { journal: self.local.journal().to_owned(), log: log.clone() };
        let rows: Vec<_> = logs.iter().map(row).collect();
        let request = self.rest.from("call_logs").insert(without_nul(&json(&rows)?));
        let request = request.select("call_id");
        self.rest.write::<Row>(request, Prefer::Merge, Repeat::Never).await.map(drop)
    }

    /// Those of a page of the log that are not in this node's journal.
    pub(in crate::store) async fn calls(&self, query: &CallQuery) -> Result<Vec<CallLog>, StoreError> {
        let (search, after) = (query.search.as_ref(), query.after.as_ref());
        let arguments = PageArguments {
            p_business_id: query.tenant.business().map(crate::id::BusinessId::as_str),
            p_since: query.since,
            p_until: query.until,
            p_transport: query.transport.as_deref(),
            p_words: search.map(|search| search.words.join(" ")),
            p_digits: search.and_then(|search| search.digits.as_deref()),
            p_after_started_at: after.map(|after| after.started_at),
            p_after_call_id: after.map(|after| after.call_id.as_str()),
            p_after_first_seq: after.map(|after| after.first_seq),
            p_limit: query.limit,
        };
        let page: Vec<LogRow> = self.rest.call("ai_realtime_call_page", &arguments, Repeat::Safe).await?;
        // Not asked for without them: the database would look through the whole log for what is not of one journal.
        let elsewhere = page.into_iter().filter(|row| row.journal != self.local.journal());
        Ok(elsewhere.map(|row| row.log).collect())
    }

    pub(in crate::store) async fn call(
        &self,
        id: &CallId,
        first_seq: Option<u64>,
    ) -> Result<Option<FoundCall>, StoreError> {
        let mut request = self.rest.from("call_logs").select("*").eq("call_id", id.as_str());
        if let Some(first_seq) = first_seq {
            request = request.eq("first_seq", first_seq.to_string());
        }
        let newest = request.order("started_at.desc,first_seq.desc").limit(1);
        let found: Vec<LogRow> = self.rest.rows(newest).await?;
        let Some(LogRow { journal, log }) = found.into_iter().next() else { return Ok(None) };
        let newest_seq = self.newest_seq(&journal, &log).await?;
        Ok(Some(FoundCall { log, origin: Origin::Remote { journal }, newest_seq }))
    }

    /// The newest event of a conversation: the last before the next one of the same call.
    async fn newest_seq(&self, journal: &str, log: &CallLog) -> Result<u64, StoreError> {
        #[derive(Deserialize)]
        struct First {
            first_seq: u64,
        }
        #[derive(Deserialize)]
        struct Newest {
            seq: u64,
        }
        let call = log.call_id.as_str();
        let next = self.rest.from("call_logs").select("first_seq").eq("call_id", call).eq("journal", journal);
        let next = next.gt("first_seq", log.first_seq.to_string()).order("first_seq.asc").limit(1);
        let next: Vec<First> = self.rest.rows(next).await?;
        let newest = self.rest.from("call_events").select("seq");
        let mut newest = newest.eq("call_id", call).eq("journal", journal);
        if let Some(First { first_seq }) = next.first() {
            newest = newest.lt("seq", first_seq.to_string());
        }
        let newest: Vec<Newest> = self.rest.rows(newest.order("seq.desc").limit(1)).await?;
        Ok(newest.first().map_or(log.last_seq, |newest| newest.seq))
    }

    pub(in crate::store) async fn events_after(
        &self,
        journal: &str,
        call: &CallId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<EventRecord>, StoreError> {
        let request = self.rest.from("call_events").select("*");
        let request = request.eq("call_id", call.as_str()).eq("journal", journal);
        let request = request.gt("seq", after.to_string()).order("seq.asc").limit(limit.max(1));
        let rows: Vec<EventRow> = self.rest.rows(request).await?;
        let record = |row: EventRow| EventRecord {
            call_id: row.call_id,
            seq: row.seq,
            at: row.at,
            kind: row.kind,
            body: row.body.get().into(),
            change: None,
        };
        Ok(rows.into_iter().map(record).collect())
    }
}

/// # Errors
/// [`StoreError::Unfit`] for an event whose body is no JSON, which the database would not take either.
fn event_row(journal: &str, event: &EventRecord) -> Result<EventRow, StoreError> {
    let unfit = |error: serde_json::Error| StoreError::Unfit {
        code: "no JSON".to_owned(),
        detail: error.to_string(),
    };
    Ok(EventRow {
        call_id: event.call_id.clone(),
        journal: journal.to_owned(),
        seq: event.seq,
        at: event.at,
        kind: event.kind.clone(),
        body: RawValue::from_string(without_nul(&event.body)).map_err(unfit)?,
    })
}

fn json(rows: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(rows).map_err(|error| StoreError::Query(error.into()))
}

/// JSON text as Postgres can hold it: a NUL in a string, which it cannot, becomes U+FFFD.
fn without_nul(json: &str) -> String {
    const NUL: &str = r"\u0000";
    let mut clean = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(at) = rest.find('\\') {
        clean.push_str(&rest[..at]);
        rest = &rest[at..];
        // A backslash always has what it escapes behind it: one that is escaped itself begins nothing.
        let (taken, kept) = if rest.starts_with(NUL) {
            (NUL.len(), "\u{fffd}")
        } else {
            let escaped = rest.chars().nth(1).map_or(0, char::len_utf8);
            (1 + escaped, &rest[..1 + escaped])
        };
        clean.push_str(kept);
        rest = &rest[taken..];
    }
    clean.push_str(rest);
    clean
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_a_nul_is_replaced() {
        for (json, clean) in [
            (r#"{"a":"x\u0000y"}"#, "{\"a\":\"x\u{fffd}y\"}"),
            (r#"{"a":"x\\u0000y"}"#, r#"{"a":"x\\u0000y"}"#),
            (r#"{"a":"x\\\u0000"}"#, "{\"a\":\"x\\\\\u{fffd}\"}"),
            (r#"{"a":"\u0001\"\n"}"#, r#"{"a":"\u0001\"\n"}"#),
            ("{}", "{}"),
            ("\\", "\\"),
        ] {
            assert_eq!(without_nul(json), clean, "{json}");
        }
    }

    proptest! {
        #[test]
        fn what_is_cleaned_says_the_same_but_for_its_nuls(text in "[\\x00\\\\u0-1\"é\n]{0,24}") {
            let cleaned = without_nul(&serde_json::to_string(&text).unwrap());
            let read: String = serde_json::from_str(&cleaned).unwrap();
            prop_assert_eq!(read, text.replace('\0', "\u{fffd}"));
        }
    }
}
