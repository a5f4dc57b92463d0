//! Why a client event is refused, in the words of the real server.

use serde_json::{Value, json};

use super::event::ServerEvent;

/// Why a client event was refused. Nothing of a refused event is applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    /// `error.type`.
    pub(super) kind: &'static str,
    /// `error.code`.
    pub(super) code: &'static str,
    /// A sentence for the developer.
    pub(super) message: String,
    /// The path of the field that is wrong, such as `session.audio.output.voice`.
    pub(super) param: Option<String>,
}

impl Refusal {
    /// An `invalid_request_error`.
    pub(super) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { kind: "invalid_request_error", code, message: message.into(), param: None }
    }

    /// The same, blaming one field.
    pub(super) fn at(mut self, param: impl Into<String>) -> Self {
        self.param = Some(param.into());
        self
    }

    /// The `error` event, naming the client's event where it had a name.
    pub(super) fn event(&self, client_event_id: Option<&str>) -> ServerEvent {
        ServerEvent::new(
            "error",
            json!({"error": {
                "type": self.kind, "code": self.code, "message": self.message,
                "param": self.param, "event_id": client_event_id,
            }}),
        )
    }
}

/// `invalid_value` with the list of what is known.
pub(super) fn unsupported<'a>(text: &str, known: impl Iterator<Item = &'a str>, path: &str) -> Refusal {
    let known: Vec<String> = known.map(|one| format!("'{one}'")).collect();
    Refusal::new(
        "invalid_value",
        format!("Invalid value: '{text}'. Supported values are: {}.", known.join(", ")),
    )
    .at(path)
}

/// `invalid_value` for a reason of its own.
pub(super) fn invalid(path: &str, why: &str) -> Refusal {
    Refusal::new("invalid_value", format!("Invalid '{path}': {why}.")).at(path)
}

/// `missing_required_parameter`.
pub(super) fn missing(path: &str) -> Refusal {
    Refusal::new("missing_required_parameter", format!("Missing required parameter: '{path}'.")).at(path)
}

/// `unknown_parameter`.
pub(super) fn unknown(path: &str) -> Refusal {
    Refusal::new("unknown_parameter", format!("Unknown parameter: '{path}'.")).at(path)
}

/// `invalid_type`.
pub(super) fn wrong_type(expected: &str, value: &Value, path: &str) -> Refusal {
    let got = match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(number) if number.is_f64() => "a decimal",
        Value::Number(_) => "an integer",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    };
    Refusal::new(
        "invalid_type",
        format!("Invalid type for '{path}': expected {expected}, but got {got} instead."),
    )
    .at(path)
}
