//! What goes wrong, as clients are told: a status, a sentence that says what to do, and a code.

use std::collections::BTreeMap;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::Value;
use utoipa::{IntoResponses, ToSchema};

use crate::call::CallError;
use crate::store::StoreError;
use crate::store::directory::DirectoryError;
use crate::switchboard::SwitchboardError;

/// Per field of the body what is wrong with it.
pub(super) type Fields = BTreeMap<String, Vec<String>>;

const NO_BUSINESS: &str = "there is no such business: GET /api/businesses lists them";

/// An answer that is no success. Holds no value of the request, no secret, and nothing of what a backend said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ApiError {
    status: StatusCode,
    body: ErrorBody,
    /// After how many seconds trying again makes sense.
    retry_after: Option<u32>,
}

/// The body of every answer that is no success.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Error, example = json!({
    "error": "text must be 1 to 5000 characters",
    "code": "invalid_value",
    "fields": {"text": ["must be 1 to 5000 characters"]},
}))]
pub(super) struct ErrorBody {
    /// A sentence that says what to do.
    error: String,
    /// What went wrong, for programs; never renamed.
    code: &'static str,
    /// For a body or a query that was refused: what is wrong with each field.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(required = false, value_type = BTreeMap<String, Vec<String>>)]
    fields: Fields,
    /// What else there is to say.
    #[serde(flatten)]
    #[schema(ignore)]
    more: BTreeMap<&'static str, Value>,
}

impl ApiError {
    pub(super) fn new(status: StatusCode, code: &'static str, error: impl Into<String>) -> Self {
        let body = ErrorBody { error: error.into(), code, fields: Fields::new(), more: BTreeMap::new() };
        Self { status, body, retry_after: None }
    }

    pub(super) fn bad_request(code: &'static str, error: impl Into<String>, fields: Fields) -> Self {
        let mut refused = Self::new(StatusCode::BAD_REQUEST, code, error);
        refused.body.fields = fields;
        refused
    }

    /// A call that is not there; also for text that can be no call's id.
    pub(super) fn unknown_call() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "unknown_call",
            "there is no such call: GET /ai/calls lists the live ones",
        )
    }

    /// A business that is not there, named in a path or a query.
    pub(super) fn unknown_business() -> Self {
        Self::new(StatusCode::NOT_FOUND, "unknown_business", NO_BUSINESS)
    }

    /// A business that is not there, named in a body for a call.
    pub(super) fn unknown_business_in_body() -> Self {
        let fields = Fields::from([("business_id".to_owned(), vec!["there is no such business".to_owned()])]);
        Self::bad_request("unknown_business", NO_BUSINESS, fields)
    }

    /// A call that no log holds.
    pub(super) fn unrecorded_call() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "unknown_call",
            "there is no such call: GET /api/calls lists those there were",
        )
    }

    /// Our own mistake; the cause is in the log.
    pub(super) fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "the service made a mistake: try again, and give the x-request-id of this answer when you report it",
        )
    }

    pub(super) fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// Says something more beside.
    pub(super) fn with(mut self, name: &'static str, value: Value) -> Self {
        if !value.is_null() {
            self.body.more.insert(name, value);
        }
        self
    }

    /// What went wrong, for programs.
    pub(super) fn code(&self) -> &'static str {
        self.body.code
    }

    /// What to do, in words.
    pub(super) fn sentence(&self) -> &str {
        &self.body.error
    }

    /// Whether the same may be asked for again later.
    pub(super) fn is_passing(&self) -> bool {
        self.status.is_server_error() || self.status == StatusCode::TOO_MANY_REQUESTS
    }

    /// What is told.
    pub(super) fn body(&self) -> &ErrorBody {
        &self.body
    }

    #[cfg(test)]
    pub(super) fn told(&self) -> (u16, &'static str, &str) {
        (self.status.as_u16(), self.body.code, &self.body.error)
    }

    #[cfg(test)]
    pub(super) fn fields(&self) -> &Fields {
        &self.body.fields
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.body)).into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl From<SwitchboardError> for ApiError {
    fn from(error: SwitchboardError) -> Self {
        let sentence = error.to_string();
        let unavailable = |code| Self::new(StatusCode::SERVICE_UNAVAILABLE, code, sentence);
        match error {
            SwitchboardError::AtCapacity { .. } => unavailable("at_capacity").retry_after(5),
            SwitchboardError::Draining => unavailable("draining").retry_after(5),
            SwitchboardError::UnknownCall(_) => Self::unknown_call(),
            SwitchboardError::Call(error) => error.into(),
        }
    }
}

impl From<CallError> for ApiError {
    fn from(error: CallError) -> Self {
        let (status, retry_after) = match &error {
            CallError::TurnQueueFull { .. } => (StatusCode::TOO_MANY_REQUESTS, Some(1)),
            CallError::UnknownPersona { .. } => (StatusCode::BAD_REQUEST, None),
            CallError::PersonaRejected { .. } => (StatusCode::BAD_GATEWAY, None),
            CallError::ModelUnavailable => (StatusCode::SERVICE_UNAVAILABLE, Some(2)),
            CallError::ModelRefused { .. } => (StatusCode::BAD_GATEWAY, None),
            CallError::ModelTimeout { .. } => (StatusCode::GATEWAY_TIMEOUT, None),
            CallError::ModelFailed { .. } => (StatusCode::BAD_GATEWAY, None),
            CallError::Ended | CallError::NoPhone | CallError::NobodyToTransferTo => {
                (StatusCode::CONFLICT, None)
            }
            CallError::Interrupted => (StatusCode::SERVICE_UNAVAILABLE, Some(1)),
            CallError::JournalUnavailable => (StatusCode::SERVICE_UNAVAILABLE, Some(2)),
        };
        let refused = Self::new(status, error.code(), error.to_string());
        retry_after.map_or(refused.clone(), |seconds| refused.retry_after(seconds))
    }
}

impl From<DirectoryError> for ApiError {
    fn from(error: DirectoryError) -> Self {
        match error {
            DirectoryError::Store(error) => error.into(),
            // Only one that a setting names is looked for before it is known to be there.
            DirectoryError::Gone => {
                let sentence = "the business that DEFAULT_BUSINESS names is not there: make it with \
                                PUT /api/businesses/{id}, or name one in the request";
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "default_business_missing", sentence)
            }
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        tracing::error!(error = &error as &dyn std::error::Error, "the store failed a request");
        let sentence = "the store cannot be read: try again in a moment";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "store_unavailable", sentence).retry_after(2)
    }
}

/// The refusals every route under a key shares.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "only describes answers")]
pub(super) enum KeyRefusals {
    /// `unauthorized`: no key, or none that is known.
    #[response(status = 401)]
    Unauthorized(ErrorBody),
}

/// The refusals of a query of the URL.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "only describes answers")]
pub(super) enum QueryRefusals {
    /// `unknown_field` or `invalid_value`; its fields say which parameter.
    #[response(status = 400)]
    Invalid(ErrorBody),
}

/// The refusals of a body.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "only describes answers")]
pub(super) enum BodyRefusals {
    /// `invalid_json`, `unknown_field`, `missing_field`, `wrong_type`, `invalid_value`, `unknown_persona` or
    /// `unknown_business`.
    #[response(status = 400)]
    Invalid(ErrorBody),
    /// `body_timeout`: the body did not come within 30 s.
    #[response(status = 408)]
    Slow(ErrorBody),
    /// `body_too_large`: over 256 KiB.
    #[response(status = 413)]
    TooLarge(ErrorBody),
    /// `unsupported_media_type`: anything but `application/json`.
    #[response(status = 415)]
    MediaType(ErrorBody),
}

/// What can go wrong with a call and its model.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "only describes answers")]
pub(super) enum CallRefusals {
    /// `call_ended`, or `other_business`: the call belongs to another business, or to none.
    #[response(status = 409)]
    Ended(ErrorBody),
    /// `turn_queue_full`: sixteen texts wait already.
    #[response(status = 429)]
    QueueFull(ErrorBody),
    /// `persona_rejected`, `model_refused` or `model_failed`.
    #[response(status = 502)]
    ModelFailed(ErrorBody),
    /// `at_capacity`, `draining`, `call_interrupted`, `model_unavailable`, `store_unavailable` or
    /// `default_business_missing`.
    #[response(status = 503)]
    Unavailable(ErrorBody),
    /// `model_timeout`.
    #[response(status = 504)]
    ModelTimeout(ErrorBody),
}

/// The store is out of reach.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "only describes answers")]
pub(super) enum StoreRefusals {
    /// `store_unavailable`.
    #[response(status = 503)]
    Unavailable(ErrorBody),
}

/// A call that is not there.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "only describes answers")]
pub(super) enum UnknownCall {
    /// `unknown_call`.
    #[response(status = 404)]
    Unknown(ErrorBody),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{CallId, PersonaKey};

    #[test]
    fn each_trouble_of_a_call_has_its_status_and_code() {
        let cases: [(CallError, u16, &str); 12] = [
            (CallError::TurnQueueFull { waiting: 16 }, 429, "turn_queue_full"),
            (
                CallError::UnknownPersona { key: "x".into(), known: vec!["cfo".into()] },
                400,
                "unknown_persona",
            ),
            (
                CallError::PersonaRejected { why: "x".into(), active: PersonaKey::from("cfo") },
                502,
                "persona_rejected",
            ),
            (CallError::ModelUnavailable, 503, "model_unavailable"),
            (CallError::ModelRefused { code: "invalid_api_key".into() }, 502, "model_refused"),
            (CallError::ModelTimeout { limit_ms: 1 }, 504, "model_timeout"),
            (CallError::ModelFailed { code: "server_error".into() }, 502, "model_failed"),
            (CallError::Ended, 409, "call_ended"),
            (CallError::Interrupted, 503, "call_interrupted"),
            (CallError::JournalUnavailable, 503, "store_unavailable"),
            (CallError::NoPhone, 409, "no_phone"),
            (CallError::NobodyToTransferTo, 409, "nobody_to_transfer_to"),
        ];
        for (error, status, code) in cases {
            let sentence = error.to_string();
            assert_eq!(
                ApiError::from(SwitchboardError::Call(error)).told(),
                (status, code, sentence.as_str())
            );
        }
    }

    #[test]
    fn a_full_or_leaving_node_says_when_to_come_back() {
        for (error, code) in [
            (SwitchboardError::AtCapacity { limit: 9 }, "at_capacity"),
            (SwitchboardError::Draining, "draining"),
        ] {
            let response = ApiError::from(error.clone()).into_response();
            assert_eq!(response.status(), 503);
            assert_eq!(response.headers()["retry-after"], "5");
            assert_eq!(ApiError::from(error).told().1, code);
        }
        let unknown = SwitchboardError::UnknownCall(CallId::default_call());
        assert_eq!(ApiError::from(unknown).told().0, 404);
    }

    #[test]
    fn what_a_backend_said_is_not_told() {
        let error = StoreError::Query("disk /secret/path is full".into());
        let response = ApiError::from(error);
        assert_eq!(response.told().1, "store_unavailable");
        assert!(!response.told().2.contains("secret"));
    }
}
