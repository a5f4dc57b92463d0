//! How a response is to be, and how it ends.

use serde_json::{Value, json};

use super::voice::Tone;

/// How a response was asked to be.
#[derive(Debug, Clone)]
pub(super) struct Manner {
    /// Whether it is spoken; else it is written.
    pub(super) spoken: bool,
    pub(super) tone: Tone,
    /// As echoed in the response.
    pub(super) voice: Value,
    pub(super) format: Value,
    pub(super) max_output_tokens: Value,
    pub(super) metadata: Value,
    /// The default conversation's id; an out-of-band response has none and leaves no items.
    pub(super) conversation: Option<String>,
}

/// How a response is made to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    AtOnce,
    AfterTheFirstDelta,
}

/// How a response ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    Completed,
    Cancelled,
    /// The caller began to speak.
    Interrupted,
    OutOfTokens,
    Failed,
}

impl Ending {
    /// `status` and `status_details`.
    pub(super) fn to_wire(self, session_id: &str) -> (&'static str, Value) {
        match self {
            Self::Completed => ("completed", Value::Null),
            Self::Cancelled => ("cancelled", json!({"type": "cancelled", "reason": "client_cancelled"})),
            Self::Interrupted => ("cancelled", json!({"type": "cancelled", "reason": "turn_detected"})),
            Self::OutOfTokens => ("incomplete", json!({"type": "incomplete", "reason": "max_output_tokens"})),
            Self::Failed => ("failed", json!({"type": "failed", "error": server_error(session_id)})),
        }
    }
}

fn server_error(session_id: &str) -> Value {
    let message = format!(
        "The server had an error while processing your request. Sorry about that! \
         (include session ID {session_id} in your message)"
    );
    json!({"type": "server_error", "code": null, "message": message})
}
