//! Why a Realtime client is not let in.

use axum::http::StatusCode;

use super::handshake::BadWish;
use crate::call::CallError;
use crate::edge::error::{ApiError, Fields};
use crate::switchboard::SwitchboardError;

/// Policy violation, and "try again later".
const REFUSED: u16 = 1008;
const LATER: u16 = 1013;

/// Why a client is not let in. Making one counts it.
#[derive(Debug)]
pub(super) struct Refusal(ApiError);

impl Refusal {
    /// `why` stands in the count.
    pub(super) fn new(why: &'static str, error: ApiError) -> Self {
        count(why);
        Self(error)
    }

    /// The call of that id has another line.
    pub(super) fn wrong_line() -> Self {
        let sentence = "a call of this id is under way on another line: choose another call_id";
        Self::new("line", ApiError::new(StatusCode::CONFLICT, "wrong_line", sentence))
    }

    /// As the answer to a handshake.
    pub(super) fn into_error(self) -> ApiError {
        self.0
    }

    /// As an event: its code and its sentence, and with what the socket is closed behind it.
    pub(super) fn told(&self) -> (&'static str, &str, u16) {
        (self.0.code(), self.0.sentence(), if self.0.is_passing() { LATER } else { REFUSED })
    }
}

/// Counts a client that is not let in.
pub(super) fn count(why: &'static str) {
    metrics::counter!("ai_realtime_gateway_refused_total", "reason" => why).increment(1);
    tracing::warn!(why, "a Realtime client was turned away");
}

impl From<SwitchboardError> for Refusal {
    fn from(error: SwitchboardError) -> Self {
        let why = match &error {
            SwitchboardError::AtCapacity { .. } => "capacity",
            SwitchboardError::Draining => "draining",
            SwitchboardError::Call(CallError::UnknownPersona { .. }) => "persona",
            SwitchboardError::UnknownCall(_) | SwitchboardError::Call(_) => "unavailable",
        };
        Self::new(why, error.into())
    }
}

impl From<BadWish> for ApiError {
    fn from(BadWish { parameter, problem }: BadWish) -> Self {
        let fields = Fields::from([(parameter.to_owned(), vec![problem.to_owned()])]);
        Self::bad_request("invalid_value", format!("{parameter} {problem}"), fields)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_come_back_is_told_so_by_the_code_of_the_close() {
        let rows: [(Refusal, &str, u16); 6] = [
            (Refusal::new("key", crate::edge::auth::no_key()), "unauthorized", REFUSED),
            (
                Refusal::new("query", BadWish { parameter: "greet", problem: "must be true" }.into()),
                "invalid_value",
                REFUSED,
            ),
            (Refusal::wrong_line(), "wrong_line", REFUSED),
            (SwitchboardError::AtCapacity { limit: 1 }.into(), "at_capacity", LATER),
            (SwitchboardError::Draining.into(), "draining", LATER),
            (
                SwitchboardError::Call(CallError::TurnQueueFull { waiting: 1 }).into(),
                "turn_queue_full",
                LATER,
            ),
        ];
        for (refusal, code, close) in rows {
            let (told, sentence, closed) = refusal.told();
            assert_eq!((told, closed), (code, close));
            assert!(!sentence.is_empty());
        }
    }
}
