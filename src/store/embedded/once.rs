//! What was asked for once, and what was answered.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::Embedded;
use super::pool::failed;
use crate::store::StoreError;
use crate::store::once::{OnceClaim, OnceLimits, OnceState};

impl Embedded {
    pub(in crate::store) async fn claim_once(
        &self,
        claim: OnceClaim,
        limits: OnceLimits,
        now: Timestamp,
    ) -> Result<OnceState, StoreError> {
        self.write(move |connection| {
            let transaction = connection.transaction().map_err(failed)?;
            let state = self::claim(&transaction, &claim, limits, now).map_err(failed)?;
            transaction.commit().map_err(failed)?;
            Ok(state)
        })
        .await
    }

    pub(in crate::store) async fn answer_once(
        &self,
        claim: OnceClaim,
        answer: String,
    ) -> Result<(), StoreError> {
        self.write(move |connection| self::answer(connection, &claim, &answer).map_err(failed)).await
    }

    pub(in crate::store) async fn forget_once(&self, claim: OnceClaim) -> Result<(), StoreError> {
        self.write(move |connection| {
            let forget = "DELETE FROM once_answers WHERE scope = ? AND key = ? AND answer IS NULL";
            connection.execute(forget, params![claim.scope, claim.key]).map(drop).map_err(failed)
        })
        .await
    }
}

fn claim(
    transaction: &Transaction<'_>,
    claim: &OnceClaim,
    limits: OnceLimits,
    now: Timestamp,
) -> rusqlite::Result<OnceState> {
    let now_ms = now.as_millisecond();
    let keep_ms = i64::try_from(limits.keep.as_millis()).unwrap_or(i64::MAX);
    let stale = "DELETE FROM once_answers WHERE scope = ? AND begun_at <= ?";
    transaction.execute(stale, params![claim.scope, now_ms.saturating_sub(keep_ms)])?;
    let known = "SELECT what, answer FROM once_answers WHERE scope = ? AND key = ?";
    let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
    let known: Option<(String, Option<String>)> =
        transaction.query_row(known, params![claim.scope, claim.key], read).optional()?;
    match known {
        Some((what, _)) if what != claim.what => return Ok(OnceState::Conflict),
        Some((_, Some(answer))) => return Ok(OnceState::Answered(answer)),
        Some((_, None)) => return Ok(OnceState::Begun),
        None => {}
    }
    if !has_room(transaction, claim.scope, limits.most)? {
        return Ok(OnceState::Full);
    }
    let insert = "INSERT INTO once_answers (scope, key, what, begun_at) VALUES (?, ?, ?, ?)";
    transaction.execute(insert, params![claim.scope, claim.key, claim.what, now_ms])?;
    Ok(OnceState::Fresh)
}

/// Makes room for one more. Work under way is not forgotten: it would be done twice.
fn has_room(transaction: &Transaction<'_>, scope: &str, most: usize) -> rusqlite::Result<bool> {
    let count = "SELECT count(*) FROM once_answers WHERE scope = ?";
    let held: i64 = transaction.query_row(count, [scope], |row| row.get(0))?;
    let over = held.saturating_add(1) - i64::try_from(most).unwrap_or(i64::MAX);
    if over <= 0 {
        return Ok(true);
    }
    let oldest = "DELETE FROM once_answers WHERE scope = ?1 AND key IN (SELECT key FROM once_answers \
         WHERE scope = ?1 AND answer IS NOT NULL ORDER BY begun_at, key LIMIT ?2)";
    let gone = transaction.execute(oldest, params![scope, over])?;
    Ok(i64::try_from(gone).unwrap_or(i64::MAX) >= over)
}

fn answer(connection: &Connection, claim: &OnceClaim, answer: &str) -> rusqlite::Result<()> {
    let write = "UPDATE once_answers SET answer = ? WHERE scope = ? AND key = ? AND what = ?";
    connection.execute(write, params![answer, claim.scope, claim.key, claim.what]).map(drop)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::store::embedded::schema;

    const LIMITS: OnceLimits = OnceLimits { most: 2, keep: Duration::from_secs(60) };

    struct Kept(Connection);

    impl Kept {
        fn new() -> Self {
            let mut connection = Connection::open_in_memory().unwrap();
            schema::prepare(&mut connection).unwrap();
            Self(connection)
        }

        fn claim(&mut self, key: &str, what: &str, at: i64) -> OnceState {
            let transaction = self.0.transaction().unwrap();
            let now = Timestamp::from_second(1_000 + at).unwrap();
            let state = claim(&transaction, &OnceClaim::new("s", key, what), LIMITS, now).unwrap();
            transaction.commit().unwrap();
            state
        }

        fn done(&mut self, key: &str, at: i64) {
            assert_eq!(self.claim(key, "x", at), OnceState::Fresh);
            answer(&self.0, &OnceClaim::new("s", key, "x"), "1").unwrap();
        }
    }

    #[test]
    fn a_claim_is_one_persons_until_it_is_answered_and_then_has_one_answer() {
        let mut kept = Kept::new();
        assert_eq!(kept.claim("a", "x", 0), OnceState::Fresh);
        assert_eq!(kept.claim("a", "x", 1), OnceState::Begun);
        assert_eq!(kept.claim("a", "y", 1), OnceState::Conflict);
        answer(&kept.0, &OnceClaim::new("s", "a", "x"), "[1]").unwrap();
        assert_eq!(kept.claim("a", "x", 2), OnceState::Answered("[1]".to_owned()));
    }

    #[test]
    fn answers_are_kept_for_their_time_and_the_oldest_makes_room() {
        let mut kept = Kept::new();
        kept.done("a", 0);
        kept.done("b", 1);
        kept.done("c", 2);
        assert_eq!(kept.claim("b", "x", 3), OnceState::Answered("1".to_owned()));
        assert_eq!(kept.claim("a", "x", 3), OnceState::Fresh, "the oldest made room");
        assert_eq!(kept.claim("c", "x", 63), OnceState::Fresh, "its time is over");
    }

    #[test]
    fn work_under_way_is_never_forgotten_to_make_room() {
        let mut kept = Kept::new();
        assert_eq!((kept.claim("a", "x", 0), kept.claim("b", "x", 0)), (OnceState::Fresh, OnceState::Fresh));
        assert_eq!(kept.claim("c", "x", 1), OnceState::Full);
        assert_eq!(kept.claim("a", "x", 1), OnceState::Begun);
    }

    #[test]
    fn neither_key_nor_request_can_be_read_in_the_file() {
        let mut kept = Kept::new();
        kept.claim("order-of-zoe", "+35699123456", 0);
        let row: String =
            kept.0.query_row("SELECT key || what FROM once_answers", [], |row| row.get(0)).unwrap();
        assert!(row.len() == 128 && !row.contains("zoe") && !row.contains("99123456"), "{row}");
    }
}
