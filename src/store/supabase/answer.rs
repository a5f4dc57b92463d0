//! What PostgREST answers: rows, a value, or an error with its code.
//!
//! Source: <https://docs.postgrest.org/en/v12/references/errors.html>

use reqwest::{RequestBuilder, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::store::{MAX_RESULT_BYTES, StoreError};

/// The body of an error. `hint` and `details` may quote values and are left where they are.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Complaint {
    code: Option<String>,
    message: String,
}

/// An answer that is no rows.
#[derive(Debug, thiserror::Error)]
enum AnswerError {
    #[error("the answer is longer than {MAX_RESULT_BYTES} bytes")]
    TooLong,
    #[error("HTTP status {0}")]
    Status(StatusCode),
    #[error("the database says {code}: {message}")]
    Code { code: String, message: String },
}

/// Sends a request and reads its answer, within the limit of its size.
///
/// # Errors
/// As PostgREST answers, or as the way to it fails.
pub(super) async fn receive(request: RequestBuilder) -> Result<Vec<u8>, StoreError> {
    let mut response = request.send().await.map_err(lost)?;
    let status = response.status();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(lost)? {
        if body.len() + chunk.len() > MAX_RESULT_BYTES {
            return Err(StoreError::Query(AnswerError::TooLong.into()));
        }
        body.extend_from_slice(&chunk);
    }
    if status.is_success() { Ok(body) } else { Err(complaint(status, &body)) }
}

/// The rows of an answer; none when it is empty.
pub(super) fn rows<T: DeserializeOwned>(body: &[u8]) -> Result<Vec<T>, StoreError> {
    if body.is_empty() { Ok(Vec::new()) } else { value(body) }
}

/// The value of an answer; an empty one is `null`.
pub(super) fn value<T: DeserializeOwned>(body: &[u8]) -> Result<T, StoreError> {
    let body = if body.is_empty() { b"null" } else { body };
    serde_json::from_slice(body).map_err(|error| StoreError::Query(error.into()))
}

fn lost(error: reqwest::Error) -> StoreError {
    StoreError::Away(error.without_url().into())
}

/// What an error is for us: what may pass, what is ours to mend, and what the value is to blame for.
fn complaint(status: StatusCode, body: &[u8]) -> StoreError {
    let Complaint { code, message } = serde_json::from_slice(body).unwrap_or_default();
    let Some(code) = code else {
        let error = AnswerError::Status(status);
        return match status.as_u16() {
            401 | 403 => StoreError::Denied { code: status.as_u16().to_string() },
            408 | 429 | 500..=599 => StoreError::Away(error.into()),
            _ => StoreError::Query(error.into()),
        };
    };
    match code.as_str() {
        // No connection to the database, none free, or the schema is being read.
        "PGRST000" | "PGRST001" | "PGRST002" | "PGRST003" => {
            StoreError::Away(AnswerError::Code { code, message }.into())
        }
        "PGRST300" | "PGRST301" | "PGRST302" | "PGRST303" | "42501" => StoreError::Denied { code },
        "42P01" | "42703" | "42883" | "PGRST202" | "PGRST204" | "PGRST205" => StoreError::Unknown(format!(
            "the database does not know what is asked of it ({code}): apply the migrations, see `ai-realtime check`"
        )),
        _ if code.starts_with("22") || code.starts_with("23") => StoreError::Unfit { code, detail: message },
        // Connections, resources, the operator's doing, a conflict of transactions.
        _ if ["08", "53", "57", "40"].iter().any(|class| code.starts_with(class)) => {
            StoreError::Away(AnswerError::Code { code, message }.into())
        }
        _ => StoreError::Query(AnswerError::Code { code, message }.into()),
    }
}
