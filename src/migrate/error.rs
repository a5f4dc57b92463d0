//! Why a database could not be brought up to date, each with what to do.

use tokio_postgres::error::{DbError, ErrorPosition, SqlState};

use super::address::AddressError;
use super::trust::TrustError;

/// Why a database could not be brought up to date. What was done before it stays done: each file is applied as a whole
/// or not at all.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// `DATABASE_URL` is not set.
    #[error(
        "DATABASE_URL is not set: it is the database's own address, which Supabase shows under `Connect`, and only \
         `migrate` needs it"
    )]
    NoAddress,
    /// `DATABASE_URL` cannot be used.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// TLS cannot be set up as `sslmode` and `sslrootcert` ask.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// Nobody answers, or not as `sslmode` asks.
    #[error("cannot connect to the database at {place}{}", hint(place))]
    Connect {
        /// Host and port.
        place: String,
        /// What stood in the way.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The user, the password or the database is not known there.
    #[error("the database at {place} refused DATABASE_URL: {message} ({code}); copy it anew from `Connect`")]
    Refused {
        /// Host and port.
        place: String,
        /// The database's words.
        message: String,
        /// Its code, such as 28P01 for a wrong password.
        code: String,
    },
    /// The database did not answer in time.
    #[error("{doing}: the database did not answer within {limit_s} s")]
    Timeout {
        /// What was being done.
        doing: String,
        /// The limit that passed, in seconds.
        limit_s: u64,
    },
    /// Someone else holds what is needed.
    #[error(
        "{doing}: another migration runs, or calls hold the tables ({code}); nothing of it was applied: try again \
         later"
    )]
    Busy {
        /// What was being done.
        doing: String,
        /// The database's code.
        code: String,
    },
    /// The user may not do it.
    #[error(
        "{doing}: {message} ({code}); nothing of it was applied: use the project's user `postgres` in DATABASE_URL"
    )]
    Forbidden {
        /// What was being done.
        doing: String,
        /// The database's words.
        message: String,
        /// Its code.
        code: String,
    },
    /// The database refused a statement.
    #[error("{doing}{}: {message} ({code}); nothing of it was applied", at_line(*line))]
    Statement {
        /// What was being done.
        doing: String,
        /// The line of the file that was refused.
        line: Option<usize>,
        /// The database's words.
        message: String,
        /// Its code.
        code: String,
    },
    /// The connection broke.
    #[error(
        "{doing}: the connection to the database broke; nothing of it was applied, unless it was the last word"
    )]
    Lost {
        /// What was being done.
        doing: String,
        /// What broke it.
        #[source]
        source: tokio_postgres::Error,
    },
}

impl MigrateError {
    /// What it means that a connection could not be made.
    pub(super) fn of_connect(place: String, error: tokio_postgres::Error) -> Self {
        let Some(refusal) = error.as_db_error() else {
            return Self::Connect { place, source: error.into() };
        };
        Self::Refused { place, message: refusal.message().to_owned(), code: refusal.code().code().to_owned() }
    }

    /// What it means that a statement failed while `doing` something; `sql` is the text that was sent, if it is a file.
    pub(super) fn of_statement(doing: String, sql: Option<&str>, error: tokio_postgres::Error) -> Self {
        let Some(refusal) = error.as_db_error() else {
            return Self::Lost { doing, source: error };
        };
        let (message, code) = (refusal.message().to_owned(), refusal.code().code().to_owned());
        if [SqlState::LOCK_NOT_AVAILABLE, SqlState::QUERY_CANCELED, SqlState::T_R_DEADLOCK_DETECTED]
            .contains(refusal.code())
        {
            Self::Busy { doing, code }
        } else if *refusal.code() == SqlState::INSUFFICIENT_PRIVILEGE {
            Self::Forbidden { doing, message, code }
        } else {
            let line = sql.and_then(|sql| line_of(sql, refusal));
            Self::Statement { doing, line, message, code }
        }
    }
}

fn line_of(sql: &str, refusal: &DbError) -> Option<usize> {
    let Some(ErrorPosition::Original(position)) = refusal.position() else {
        return None;
    };
    // Characters, counted from 1.
    let before = sql.chars().take(usize::try_from(*position).ok()?.saturating_sub(1));
    Some(1 + before.filter(|c| *c == '\n').count())
}

fn at_line(line: Option<usize>) -> String {
    line.map_or_else(String::new, |line| format!(", line {line}"))
}

/// A project's own host has an IPv6 address only, which many networks cannot reach.
fn hint(place: &str) -> &'static str {
    if place.starts_with("db.") && place.contains(".supabase.co:") {
        " (that host has IPv6 only: where there is none, use the URL of the session pooler)"
    } else {
        ""
    }
}
