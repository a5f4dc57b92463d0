//! What is said about a body that cannot be used. The reader's own words quote values, so only those parts of them
//! are passed on that do not: names of fields, and what was expected.

use axum::http::StatusCode;
use serde::de::IgnoredAny;
use serde_json::error::Category;
use validator::{ValidationErrors, ValidationErrorsKind};

use super::super::error::{ApiError, Fields};

/// How much of a field's name is told, in characters: it comes from the client.
const NAME_CHARS: usize = 64;

/// About text that does not begin as an object.
pub(super) fn about_no_object(body: &[u8]) -> ApiError {
    if body.trim_ascii().is_empty() {
        return ApiError::new(
            StatusCode::BAD_REQUEST,
            "invalid_json",
            "the body is empty: send a JSON object",
        );
    }
    match serde_json::from_slice::<IgnoredAny>(body) {
        Ok(IgnoredAny) => {
            ApiError::new(StatusCode::BAD_REQUEST, "wrong_type", "the body must be a JSON object")
        }
        Err(error) => about_syntax(&error),
    }
}

/// About text that is no JSON.
pub(super) fn about_syntax(error: &serde_json::Error) -> ApiError {
    let (line, column) = (error.line(), error.column());
    let sentence = format!("the body is not valid JSON (line {line}, column {column}): send one JSON object");
    ApiError::new(StatusCode::BAD_REQUEST, "invalid_json", sentence)
}

/// About JSON whose fields are not the right ones.
pub(super) fn about_shape(error: &serde_path_to_error::Error<serde_json::Error>) -> ApiError {
    let inner = error.inner();
    if inner.classify() != Category::Data {
        return about_syntax(inner);
    }
    let text = inner.to_string();
    let said = text.rsplit_once(" at line ").map_or(text.as_str(), |(said, _)| said);
    let Complaint { code, field, problem } = complaint(said);
    let place = place(&error.path().to_string(), field);
    let sentence = format!("{place} {problem}");
    ApiError::bad_request(code, sentence, Fields::from([(place, vec![problem])]))
}

/// About values that are out of range.
pub(super) fn about_values(errors: &ValidationErrors) -> ApiError {
    let mut fields = Fields::new();
    gather(errors, "", &mut fields);
    let sentences: Vec<String> = fields
        .iter()
        .flat_map(|(name, problems)| problems.iter().map(move |it| format!("{name} {it}")))
        .collect();
    ApiError::bad_request("invalid_value", sentences.join("; "), fields)
}

struct Complaint<'a> {
    code: &'static str,
    /// The field, when the path leads only to the object it is in.
    field: Option<&'a str>,
    problem: String,
}

/// Understands what serde says; its words are fixed by the `serde::de::Error` trait.
fn complaint(said: &str) -> Complaint<'_> {
    let expected = |kind: &str| said.starts_with(kind).then(|| said.rsplit_once(", expected ")).flatten();
    if let Some(rest) = said.strip_prefix("unknown field `") {
        // From the right: the name is the client's and may hold anything, the known ones are ours.
        let (field, problem) = match rest.rsplit_once("`, expected ") {
            Some((name, known)) => (name, format!("is not known: use {}", known.replace('`', ""))),
            None => {
                (rest.trim_end_matches("`, there are no fields"), "is not known: leave it out".to_owned())
            }
        };
        return Complaint { code: "unknown_field", field: Some(field), problem };
    }
    if let Some(rest) = said.strip_prefix("missing field `") {
        let field = Some(rest.trim_end_matches('`'));
        return Complaint { code: "missing_field", field, problem: "is missing".to_owned() };
    }
    if let Some(rest) = said.strip_prefix("duplicate field `") {
        let field = Some(rest.trim_end_matches('`'));
        return Complaint {
            code: "invalid_value",
            field,
            problem: "is there twice: send it once".to_owned(),
        };
    }
    if let Some((_, right)) = expected("invalid type: ") {
        return Complaint {
            code: "wrong_type",
            field: None,
            problem: format!("must be {}", in_plain_words(right)),
        };
    }
    for kind in ["invalid value: ", "invalid length ", "unknown variant "] {
        if let Some((_, right)) = expected(kind) {
            let problem = format!("must be {}", in_plain_words(right));
            return Complaint { code: "invalid_value", field: None, problem };
        }
    }
    // Words of our own types, such as `CallId`, which quote nothing.
    Complaint { code: "invalid_value", field: None, problem: said.to_owned() }
}

/// What was expected, without Rust's names for numbers.
fn in_plain_words(expected: &str) -> String {
    match expected {
        "u8" => "a whole number from 0 to 255".to_owned(),
        "u16" => "a whole number from 0 to 65535".to_owned(),
        "u32" | "u64" | "usize" => "a whole number, 0 or more, within range".to_owned(),
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number within range".to_owned(),
        "f32" | "f64" => "a number".to_owned(),
        other => other.replace('`', ""),
    }
}

/// The field a complaint is about: the path to it, with the name added when the path ends before it.
fn place(path: &str, field: Option<&str>) -> String {
    let whole = match field {
        // For an unknown field the path leads up to it, for a missing one only to the object it is missing from.
        Some(field) if path == field || path.ends_with(&format!(".{field}")) => path.to_owned(),
        Some(field) if path == "." => field.to_owned(),
        Some(field) => format!("{path}.{field}"),
        None if path == "." => "body".to_owned(),
        None => path.to_owned(),
    };
    if whole.chars().count() <= NAME_CHARS {
        return whole;
    }
    whole.chars().take(NAME_CHARS).chain(['…']).collect()
}

fn gather(errors: &ValidationErrors, path: &str, fields: &mut Fields) {
    for (name, kind) in errors.errors() {
        let place = if path.is_empty() { name.to_string() } else { format!("{path}.{name}") };
        match kind {
            ValidationErrorsKind::Field(problems) => {
                let problems = problems.iter().map(|problem| match &problem.message {
                    Some(message) => message.to_string(),
                    None => "must be another value".to_owned(),
                });
                fields.entry(place).or_default().extend(problems);
            }
            ValidationErrorsKind::Struct(inner) => gather(inner, &place, fields),
            ValidationErrorsKind::List(items) => {
                for (index, inner) in items {
                    gather(inner, &format!("{place}[{index}]"), fields);
                }
            }
        }
    }
}
