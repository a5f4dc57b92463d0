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
    /// Nobody but the operator can mend it: the call is told, politely, and no socket is opened again for it.
    EndPolitely,
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
        | "invalid_tool_call_id" => Remedy::Ignore,
        "conversation_already_has_active_response" | "cannot_update_voice" => Remedy::Resync,
        "rate_limit_exceeded" | "inference_rate_limit_exceeded" | "rate_limit_error" | "server_error" => {
            Remedy::Retry
        }
        "session_expired" => Remedy::Replace,
        fatal if FATAL.contains(&fatal) => Remedy::EndPolitely,
        _ => return None,
    })
}

/// The word for a close that its reason holds, if it holds one we know: reasons are free text otherwise.
pub fn close_word(reason: &str) -> Option<&str> {
    let word = reason.rsplit('.').next().unwrap_or(reason);
    known(word).map(|_| word)
}

/// Whether a close code and its reason forbid another attempt.
pub fn is_fatal_close(code: u16, reason: &str) -> bool {
    matches!(code, 3000 | 4000) || known(reason) == Some(Remedy::EndPolitely)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(code: Option<&str>, kind: Option<&str>) -> ApiError {
        ApiError { code: code.map(str::to_owned), kind: kind.map(str::to_owned), ..ApiError::default() }
    }

    #[test]
    fn a_code_speaks_before_the_type() {
        let both = error(Some("response_cancel_not_active"), Some("server_error"));
        assert_eq!(remedy(&both), Remedy::Ignore);
        assert_eq!(remedy(&error(None, Some("server_error"))), Remedy::Retry);
        assert_eq!(remedy(&error(Some("new_code"), Some("insufficient_quota"))), Remedy::EndPolitely);
    }

    #[test]
    fn what_is_unknown_is_never_fatal() {
        assert_eq!(remedy(&error(Some("brand_new"), Some("also_new"))), Remedy::Ignore);
        assert_eq!(remedy(&ApiError::default()), Remedy::Ignore);
        assert!(!is_fatal_close(1011, "overloaded"));
    }

    #[test]
    fn a_refused_key_ends_the_attempts() {
        for code in FATAL {
            assert_eq!(remedy(&error(Some(code), None)), Remedy::EndPolitely);
        }
        assert!(is_fatal_close(3000, "invalid_request_error.invalid_api_key"));
        assert!(is_fatal_close(1008, "insufficient_quota"));
        assert_eq!(close_word("invalid_request_error.invalid_api_key"), Some("invalid_api_key"));
        assert_eq!(close_word("Incorrect API key provided: sk-1"), None);
    }
}
