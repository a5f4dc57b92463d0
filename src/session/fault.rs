//! The error table: what each kind of trouble the model's side reports means for us. Classified once, here.

use crate::protocol::openai::ApiError;

/// What is done about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// Normal operation, or too late to matter.
    Ignore,
    /// The same may succeed a little later.
    Retry,
    /// Our picture of the session was wrong: the state machine that owns the matter corrects it.
    Resync,
    /// The session is of no more use; another takes its place.
    Replace,
    /// Nobody but the operator can mend it: another endpoint takes over, or the call is told, politely, and no socket
    /// is opened again for it.
    EndPolitely,
}

/// How a socket could not be had, or was lost before it was of use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// The provider refuses us: trying again cannot help.
    Refused,
    /// The provider is overloaded, or limits us.
    Overloaded,
    /// No connection came about.
    Unreachable,
    /// No answer came in time.
    Slow,
    /// The socket was open, and lost before anything came of it.
    Lost,
}

impl Failure {
    /// For the figures.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Overloaded => "overloaded",
            Self::Unreachable => "unreachable",
            Self::Slow => "slow",
            Self::Lost => "lost",
        }
    }
}

/// Codes (or types) after which opening another socket cannot help.
const FATAL: &[&str] = &[
    "account_deactivated",
    "beta_api_shape_disabled",
    "billing_hard_limit_reached",
    "credit_balance_exhausted",
    "insufficient_quota",
    "invalid_api_key",
    "missing_model",
    "model_not_found",
];

/// The remedy for an error, by its code, else by its type. What is unknown is never fatal.
pub fn remedy(error: &ApiError) -> Remedy {
    let words = [error.code.as_deref(), error.kind.as_deref()];
    words.into_iter().flatten().find_map(known).unwrap_or(Remedy::Ignore)
}

fn known(word: &str) -> Option<Remedy> {
    // Refused upgrades carry codes such as `invalid_request_error.invalid_api_key`.
    let word = word.rsplit('.').next().unwrap_or(word);
    Some(match word {
        "response_cancel_not_active"
        | "input_audio_buffer_commit_empty"
        | "item_create_duplicate_item_id"
        | "item_truncate_invalid_item_id"
        | "item_delete_invalid_item_id"
        | "item_retrieve_invalid_item_id"
        | "unsupported_content_type"
        | "invalid_tool_call_id"
        // A mistake of ours: the event is lost, it is logged, and whoever waits for it is told.
        | "invalid_event"
        | "invalid_json"
        | "unknown_parameter"
        | "missing_required_parameter"
        | "invalid_value"
        | "invalid_type"
        | "string_above_max_length"
        | "integer_above_max_value"
        | "integer_below_min_value" => Remedy::Ignore,
        "conversation_already_has_active_response" | "cannot_update_voice" => Remedy::Resync,
        "rate_limit_exceeded" | "inference_rate_limit_exceeded" | "rate_limit_error" | "server_error" => {
            Remedy::Retry
        }
        "session_expired" => Remedy::Replace,
        fatal if FATAL.contains(&fatal) => Remedy::EndPolitely,
        _ => return None,
    })
}

/// Whether this word ends all attempts at the endpoint that said it.
pub fn is_fatal_word(word: &str) -> bool {
    known(word) == Some(Remedy::EndPolitely)
}

/// What an upgrade that was answered with this status means, with a word for it.
pub fn of_status(status: u16) -> (Failure, String) {
    let word = match status {
        401 | 403 => "invalid_api_key".to_owned(),
        404 => "model_not_found".to_owned(),
        other => format!("http_{other}"),
    };
    match status {
        408 | 425 | 429 | 500.. => (Failure::Overloaded, word),
        _ => (Failure::Refused, word),
    }
}

/// The word for a close that its reason holds, if it holds one we know: reasons are free text otherwise.
pub fn close_word(reason: &str) -> Option<&str> {
    let word = reason.rsplit('.').next().unwrap_or(reason);
    known(word).map(|_| word)
}

/// The remedy for a socket that the model's side closed: another takes its place, unless that would be closed, too.
pub fn of_close(code: u16, reason: &str) -> Remedy {
    if matches!(code, 3000 | 4000) || is_fatal_word(reason) { Remedy::EndPolitely } else { Remedy::Replace }
}

/// Whether a close code and its reason forbid another attempt.
pub fn is_fatal_close(code: u16, reason: &str) -> bool {
    of_close(code, reason) == Remedy::EndPolitely
}

#[cfg(test)]
mod tests;
