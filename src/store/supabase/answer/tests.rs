use serde_json::json;

use super::*;

/// What becomes of an error: its kind, and whether it passes.
fn kind(error: &StoreError) -> &'static str {
    match error {
        StoreError::Open { .. } => "open",
        StoreError::Unknown(_) => "unknown",
        StoreError::Unfit { .. } => "unfit",
        StoreError::Denied { .. } => "denied",
        StoreError::Away(_) => "away",
        StoreError::Query(_) => "query",
        StoreError::Timeout { .. } => "timeout",
    }
}

#[test]
fn each_code_of_postgrest_and_postgres_says_what_can_be_done() {
    for (codes, wanted) in [
        ("PGRST000 PGRST001 PGRST002 PGRST003", "away"),
        ("08006 40001 40P01 53300 55P03 57014 57P01 57P03 25006", "away"),
        ("PGRST300 PGRST301 PGRST302 PGRST303 42501", "denied"),
        ("42P01 42703 42883 42P10 PGRST202 PGRST204 PGRST205", "unknown"),
        ("22P02 22003 22007 22021 23502 23503 23505 23514 54000 P0001", "unfit"),
        ("PGRST100 PGRST102 PGRST103 PGRST116 PGRST200 42601 XX000 0A000 P0002", "query"),
    ] {
        for code in codes.split(' ') {
            let body = json!({"code": code, "message": "m", "details": null, "hint": null}).to_string();
            let error = complaint(StatusCode::BAD_REQUEST, body.as_bytes());
            assert_eq!(kind(&error), wanted, "{code}");
            if wanted != "unfit" && wanted != "denied" && wanted != "unknown" {
                let source = std::error::Error::source(&error).unwrap().to_string();
                assert!(source.contains(code), "{source}");
            } else {
                assert!(error.to_string().contains(code), "{error}");
            }
        }
    }
}

#[test]
fn an_answer_without_a_code_is_known_by_its_status() {
    for (status, wanted) in [
        (301, "query"),
        (400, "query"),
        (401, "denied"),
        (403, "denied"),
        (404, "query"),
        (408, "away"),
        (413, "unfit"),
        (414, "unfit"),
        (429, "away"),
        (431, "unfit"),
        (500, "away"),
        (502, "away"),
        (522, "away"),
        (540, "away"),
    ] {
        let status = StatusCode::from_u16(status).unwrap();
        for body in ["", "null", "[]", r#"{"message": "no"}"#, r#"{"code": 5}"#, "<html>"] {
            assert_eq!(kind(&complaint(status, body.as_bytes())), wanted, "{status} {body}");
        }
    }
}

#[test]
fn rows_and_values_are_read_and_garbage_is_not_repeated() {
    assert_eq!(rows::<u32>(b"").unwrap(), [0; 0]);
    assert_eq!(rows::<u32>(b"[1, 2]").unwrap(), [1, 2]);
    assert_eq!(value::<Option<u32>>(b"").unwrap(), None);
    for (garbage, problem) in [
        ("[1, \"goat\"]", "other data"),
        ("[1, goat]", "no JSON"),
        ("[1, ", "it breaks off"),
        ("{}", "other data"),
    ] {
        let error = rows::<u32>(garbage.as_bytes()).unwrap_err();
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert!(source.contains(problem) && !source.contains("goat"), "{source}");
    }
}

#[test]
fn json_is_known_in_all_its_dress() {
    for (kind, yes) in [
        ("application/json", true),
        ("application/json; charset=utf-8", true),
        ("application/vnd.pgrst.object+json", true),
        ("Application/JSON", true),
        ("text/html", false),
        ("", false),
    ] {
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, kind.parse().unwrap())]);
        assert_eq!(is_json(&headers), yes, "{kind}");
    }
    assert!(!is_json(&HeaderMap::new()));
}
