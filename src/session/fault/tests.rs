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
fn every_code_that_is_known_has_its_remedy() {
    let table = [
        ("invalid_event", Remedy::Ignore),
        ("invalid_json", Remedy::Ignore),
        ("unknown_parameter", Remedy::Ignore),
        ("missing_required_parameter", Remedy::Ignore),
        ("invalid_value", Remedy::Ignore),
        ("string_above_max_length", Remedy::Ignore),
        ("invalid_type", Remedy::Ignore),
        ("integer_above_max_value", Remedy::Ignore),
        ("integer_below_min_value", Remedy::Ignore),
        ("cannot_update_voice", Remedy::Resync),
        ("conversation_already_has_active_response", Remedy::Resync),
        ("response_cancel_not_active", Remedy::Ignore),
        ("input_audio_buffer_commit_empty", Remedy::Ignore),
        ("item_create_duplicate_item_id", Remedy::Ignore),
        ("item_truncate_invalid_item_id", Remedy::Ignore),
        ("item_delete_invalid_item_id", Remedy::Ignore),
        ("item_retrieve_invalid_item_id", Remedy::Ignore),
        ("unsupported_content_type", Remedy::Ignore),
        ("invalid_tool_call_id", Remedy::Ignore),
        ("session_expired", Remedy::Replace),
        ("rate_limit_exceeded", Remedy::Retry),
        ("rate_limit_error", Remedy::Retry),
        ("inference_rate_limit_exceeded", Remedy::Retry),
        ("server_error", Remedy::Retry),
        ("beta_api_shape_disabled", Remedy::EndPolitely),
        ("missing_model", Remedy::EndPolitely),
        ("invalid_api_key", Remedy::EndPolitely),
        ("model_not_found", Remedy::EndPolitely),
        ("insufficient_quota", Remedy::EndPolitely),
        ("credit_balance_exhausted", Remedy::EndPolitely),
        ("billing_hard_limit_reached", Remedy::EndPolitely),
        ("account_deactivated", Remedy::EndPolitely),
    ];
    for (word, expected) in table {
        assert_eq!(remedy(&error(Some(word), Some("invalid_request_error"))), expected, "code {word}");
        assert_eq!(remedy(&error(None, Some(word))), expected, "type {word}");
        assert_eq!(is_fatal_word(word), expected == Remedy::EndPolitely, "{word}");
    }
}

#[test]
fn every_refused_upgrade_is_classified() {
    let table = [
        (400, Failure::Refused, "http_400"),
        (401, Failure::Refused, "invalid_api_key"),
        (403, Failure::Refused, "invalid_api_key"),
        (404, Failure::Refused, "model_not_found"),
        (408, Failure::Overloaded, "http_408"),
        (429, Failure::Overloaded, "http_429"),
        (500, Failure::Overloaded, "http_500"),
        (502, Failure::Overloaded, "http_502"),
        (503, Failure::Overloaded, "http_503"),
        (504, Failure::Overloaded, "http_504"),
    ];
    for (status, failure, word) in table {
        assert_eq!(of_status(status), (failure, word.to_owned()));
    }
}

#[test]
fn every_close_is_classified() {
    let table = [
        (4000, "invalid_request_error.beta_api_shape_disabled", Remedy::EndPolitely),
        (4000, "invalid_request_error.missing_model", Remedy::EndPolitely),
        (3000, "invalid_request_error.invalid_api_key", Remedy::EndPolitely),
        (1008, "insufficient_quota", Remedy::EndPolitely),
        (1001, "Your session hit the maximum duration of 60 minutes.", Remedy::Replace),
        (1000, "", Remedy::Replace),
        (1005, "", Remedy::Replace),
        (1006, "", Remedy::Replace),
        (1011, "overloaded", Remedy::Replace),
        (1012, "", Remedy::Replace),
        (1013, "", Remedy::Replace),
        (1015, "", Remedy::Replace),
    ];
    for (code, reason, expected) in table {
        assert_eq!(of_close(code, reason), expected, "{code} {reason}");
        assert_eq!(is_fatal_close(code, reason), expected == Remedy::EndPolitely, "{code} {reason}");
    }
    assert_eq!(close_word("invalid_request_error.invalid_api_key"), Some("invalid_api_key"));
    assert_eq!(close_word("Incorrect API key provided: sk-1"), None);
}
