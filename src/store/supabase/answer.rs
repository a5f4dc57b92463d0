//! What PostgREST answers: rows, a value, or an error with its code.
//!
//! Source: <https://docs.postgrest.org/en/v12/references/errors.html>

use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{RequestBuilder, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::error::Category;

use crate::store::{MAX_RESULT_BYTES, StoreError};

/// The body of an error. `hint` and `details` may quote values and are left where they are.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Complaint {
    code: Option<String>,
    message: String,
}

/// An answer that is no rows. No variant holds what was asked or found.
#[derive(Debug, thiserror::Error)]
enum AnswerError {
    #[error("the answer is longer than {MAX_RESULT_BYTES} bytes: ask for fewer rows or columns")]
    TooLong,
    #[error("the answer has HTTP status {0}")]
    Status(StatusCode),
    #[error(
        "the answer (HTTP status {0}) is not PostgREST's: check SUPABASE_URL, which is the project's URL as Supabase \
         shows it"
    )]
    Foreign(StatusCode),
    #[error("the answer does not hold what was asked for ({problem} at line {line}, column {column})")]
    Garbled { problem: &'static str, line: usize, column: usize },
    #[error("the database says {code}")]
    Code { code: String },
    #[error("the database says {code}: {message}")]
    Words { code: String, message: String },
}

/// Sends a request and reads its answer, within the limit of its size.
///
/// # Errors
/// As PostgREST answers, or as the way to it fails.
pub(super) async fn receive(request: RequestBuilder) -> Result<Vec<u8>, StoreError> {
    let mut response = request.send().await.map_err(lost)?;
    let status = response.status();
    let speaks_json = is_json(response.headers());
    let announced = response.content_length().unwrap_or_default();
    if announced > MAX_RESULT_BYTES as u64 {
        return Err(failed(AnswerError::TooLong));
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(lost)? {
        if body.len() + chunk.len() > MAX_RESULT_BYTES {
            return Err(failed(AnswerError::TooLong));
        }
        body.extend_from_slice(&chunk);
    }
    if !status.is_success() {
        Err(if speaks_json { complaint(status, &body) } else { refusal(status, false) })
    } else if body.is_empty() || speaks_json {
        Ok(body)
    } else {
        Err(failed(AnswerError::Foreign(status)))
    }
}

/// `application/json` and its kin, such as `application/vnd.pgrst.object+json`.
fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind == "application/json" || kind.ends_with("+json")
}

/// The rows of an answer; none when it is empty.
///
/// # Errors
/// [`StoreError::Query`] when it holds something else.
pub(super) fn rows<T: DeserializeOwned>(body: &[u8]) -> Result<Vec<T>, StoreError> {
    if body.is_empty() { Ok(Vec::new()) } else { value(body) }
}

/// The value of an answer; an empty one is `null`.
///
/// # Errors
/// [`StoreError::Query`] when it holds something else.
pub(super) fn value<T: DeserializeOwned>(body: &[u8]) -> Result<T, StoreError> {
    let body = if body.is_empty() { b"null" } else { body };
    // Its own words would quote what it found.
    serde_json::from_slice(body).map_err(|error| {
        let problem = match error.classify() {
            Category::Io | Category::Eof => "it breaks off",
            Category::Syntax => "no JSON",
            Category::Data => "other data",
        };
        failed(AnswerError::Garbled { problem, line: error.line(), column: error.column() })
    })
}

fn lost(error: reqwest::Error) -> StoreError {
    // What follows it in the request is no part of how the way to the database failed.
    let error = error.without_url();
    if error.is_builder() { StoreError::Query(error.into()) } else { StoreError::Away(error.into()) }
}

fn failed(error: AnswerError) -> StoreError {
    StoreError::Query(error.into())
}

/// What an error is for us: what may pass, what is ours to mend, and what the value is to blame for.
fn complaint(status: StatusCode, body: &[u8]) -> StoreError {
    let Complaint { code: Some(code), message } = serde_json::from_slice(body).unwrap_or_default() else {
        return refusal(status, true);
    };
    match code.as_str() {
        // No connection to the database, none free, or the schema is being read.
        "PGRST000" | "PGRST001" | "PGRST002" | "PGRST003" => away(AnswerError::Words { code, message }),
        "PGRST300" | "PGRST301" | "PGRST302" | "PGRST303" | "42501" => StoreError::Denied { code },
        "42P01" | "42703" | "42883" | "42P10" | "PGRST202" | "PGRST204" | "PGRST205" => {
            StoreError::Unknown(format!(
                "the database does not know what is asked of it ({code}): apply the migrations, see \
                 `ai-realtime check`"
            ))
        }
        // These quote the query, and with it the values.
        _ if code.starts_with("PGRST1") => failed(AnswerError::Code { code }),
        _ if is_of_value(&code) => StoreError::Unfit { code, detail: message },
        _ if is_passing(&code) => away(AnswerError::Words { code, message }),
        _ => failed(AnswerError::Words { code, message }),
    }
}

/// An answer that names no code: a gateway's, a proxy's, or that of something else altogether.
fn refusal(status: StatusCode, speaks_json: bool) -> StoreError {
    match status.as_u16() {
        401 | 403 if speaks_json => StoreError::Denied { code: status.as_u16().to_string() },
        // The request as it is: its address, its body, its headers.
        413 | 414 | 431 => StoreError::Unfit {
            code: status.as_u16().to_string(),
            detail: "a value is longer than the way to the database takes".to_owned(),
        },
        408 | 429 | 500..=599 => away(AnswerError::Status(status)),
        _ => failed(AnswerError::Foreign(status)),
    }
}

fn away(error: AnswerError) -> StoreError {
    StoreError::Away(error.into())
}

/// Data that does not fit, a constraint, a limit of the program, or a function or trigger that said no.
///
/// Source: <https://www.postgresql.org/docs/current/errcodes-appendix.html>
fn is_of_value(code: &str) -> bool {
    code == "P0001" || ["22", "23", "54"].iter().any(|class| code.starts_with(class))
}

/// Connections, conflicts of transactions, resources, locks, the operator's doing, a database that only reads.
fn is_passing(code: &str) -> bool {
    code == "25006" || code == "55P03" || ["08", "40", "53", "57"].iter().any(|class| code.starts_with(class))
}

#[cfg(test)]
mod tests;
