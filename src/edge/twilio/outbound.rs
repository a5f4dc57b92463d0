//! Placing a call: `POST /ai/calls`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use validator::{Validate, ValidationError};

use super::super::Edge;
use super::super::body::{ValidatedJson, names_business};
use super::super::error::{ApiError, BodyRefusals, ErrorBody, Fields, KeyRefusals};
use super::super::once::{Answer, Keep, OnceError};
use crate::call::{CallState, known_persona};
use crate::config::is_e164;
use crate::id::{BusinessId, PersonaKey};
use crate::switchboard::SwitchboardError;
use crate::transport::twilio::rest::{CreateCall, TwilioApi, TwilioError};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// The longest key, in characters.
const MAX_KEY: usize = 255;
/// How long the person's phone rings, in seconds.
const RING_S: u32 = 60;

/// Whom to call.
#[derive(Debug, Clone, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"transport": "twilio", "to": "+35699123456", "persona": "waiter"}))]
pub(in crate::edge) struct PlaceRequest {
    /// By which line.
    transport: LineKind,
    /// The number, in E.164.
    #[validate(custom(function = number))]
    #[schema(pattern = "^\\+[1-9][0-9]{1,14}$")]
    to: String,
    /// Who speaks; when absent, the persona of the business, or the default one.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 128)]
    persona: Option<PersonaKey>,
    /// For which business; when absent, the one that has the number we call from.
    #[validate(custom(function = names_business))]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 128)]
    business_id: Option<BusinessId>,
}

/// A line on which calls are placed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::edge) enum LineKind {
    /// The telephone, through Twilio.
    Twilio,
    /// WhatsApp; not in this version.
    Whatsapp,
}

/// The call is being placed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(example = json!({
    "call_id": "CA0123456789abcdef0123456789abcdef", "transport": "twilio", "to": "+35699123456", "persona": "waiter",
}))]
pub(in crate::edge) struct PlacedAnswer {
    /// Twilio's `CallSid`. The call is there when the person has answered.
    call_id: String,
    transport: LineKind,
    to: String,
    /// Who will speak, if it was said; null leaves it to the business.
    persona: Option<String>,
}

/// What came of placing a call.
pub(super) type Placed = Result<PlacedAnswer, ApiError>;

impl Answer for Placed {
    fn to_text(&self) -> String {
        // Of refusals only the one is kept that says that nobody knows. Our own types always serialise.
        serde_json::to_string(&self.as_ref().ok()).unwrap_or_default()
    }

    fn from_text(text: &str) -> Option<Self> {
        let placed: Option<PlacedAnswer> = serde_json::from_str(text).ok()?;
        Some(placed.map_or_else(Self::lost, Ok))
    }

    fn lost() -> Self {
        Err(refused(&TwilioError::Uncertain))
    }
}

/// Place a call
///
/// Answers when Twilio has taken it; the call is there once the person has answered. With the header `Idempotency-Key`
/// the same request is done once, however often it comes within 24 hours, as long as the key is among the newest 10,000:
/// also when the service is started again meanwhile.
#[utoipa::path(
    post, path = "/ai/calls", tag = "Calls", operation_id = "place_call",
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible characters")),
    request_body = PlaceRequest,
    responses(
        (status = 202, description = "It is being placed", body = PlacedAnswer),
        (status = 409, description = "`idempotency_conflict`: the key was used for another request", body = ErrorBody),
        (status = 501, description = "`not_in_this_version`: calls by WhatsApp", body = ErrorBody),
        (status = 502, description = "`twilio_refused`", body = ErrorBody),
        (status = 503, description = "`twilio_not_configured`, `twilio_unavailable`, `at_capacity`, `draining` or \
            `store_unavailable`", body = ErrorBody),
        (status = 504, description = "`twilio_uncertain`: it may have been placed", body = ErrorBody),
        KeyRefusals, BodyRefusals,
    ),
)]
pub(in crate::edge) async fn place(
    State(edge): State<Arc<Edge>>,
    headers: HeaderMap,
    ValidatedJson(request): ValidatedJson<PlaceRequest>,
) -> Result<(StatusCode, Json<PlacedAnswer>), ApiError> {
    let placed = match idempotency_key(&headers)? {
        None => Arc::clone(&edge).place(request).await,
        Some(key) => {
            let what = format!("{request:?}");
            let placing = Arc::clone(&edge);
            let work = || async {
                let placed = placing.place(request).await;
                let keep = if is_settled(&placed) { Keep::Yes } else { Keep::No };
                (placed, keep)
            };
            let done = edge.desk.idempotency.run(&key, &what, work).await.map_err(not_done)?;
            done.unwrap_or_else(|| Err(ApiError::internal()))
        }
    };
    Ok((StatusCode::ACCEPTED, Json(placed?)))
}

impl Edge {
    async fn place(self: Arc<Self>, request: PlaceRequest) -> Result<PlacedAnswer, ApiError> {
        let (api, from) = self.outbound_line(request.transport)?;
        if let Some(persona) = &request.persona {
            known_persona(persona, &self.state.library.catalog())?;
        }
        if let Some(id) = &request.business_id
            && self.state.store.business(id.as_str()).await?.is_none()
        {
            return Err(ApiError::unknown_business_in_body());
        }
        self.check_room()?;
        let script = &self.state.phone.script;
        let persona = request.persona.as_ref().map(AsRef::as_ref);
        let call = CreateCall {
            to: request.to.clone(),
            from,
            url: script.voice_url(persona, request.business_id.as_ref().map(AsRef::as_ref)),
            status_callback: Some(script.status_url()),
            machine_detection: Some(script.status_url()),
            timeout_s: RING_S,
        };
        let sid = api.create_call(&call).await.map_err(|error| refused(&error))?;
        Ok(PlacedAnswer {
            call_id: sid.to_string(),
            transport: request.transport,
            to: request.to,
            persona: request.persona.map(|persona| persona.to_string()),
        })
    }

    fn outbound_line(&self, transport: LineKind) -> Result<(TwilioApi, String), ApiError> {
        match transport {
            LineKind::Whatsapp => Err(ApiError::new(
                StatusCode::NOT_IMPLEMENTED,
                "not_in_this_version",
                "WhatsApp calls cannot be placed by this version: use the transport twilio",
            )),
            LineKind::Twilio => {
                let phone = &self.state.phone;
                phone.api.clone().zip(phone.settings.phone_number.clone()).ok_or_else(not_configured)
            }
        }
    }

    /// Whoever is called must find somebody to talk to.
    fn check_room(&self) -> Result<(), ApiError> {
        let switchboard = &self.state.switchboard;
        if switchboard.is_draining() {
            return Err(SwitchboardError::Draining.into());
        }
        let limit = self.state.settings.max_calls;
        let awake = switchboard.calls().iter().filter(|call| call.state != CallState::Asleep).count();
        if awake >= limit as usize { Err(SwitchboardError::AtCapacity { limit }.into()) } else { Ok(()) }
    }
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let only = values.next().is_none().then_some(value);
    let plain = |key: &&str| {
        (1..=MAX_KEY).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ')
    };
    only.and_then(|value| value.to_str().ok()).filter(plain).map(|key| Some(key.to_owned())).ok_or_else(
        || {
            let problem = format!("must be there once, with 1 to {MAX_KEY} visible ASCII characters");
            let fields = Fields::from([(IDEMPOTENCY_KEY.to_string(), vec![problem.clone()])]);
            ApiError::bad_request("invalid_value", format!("{IDEMPOTENCY_KEY} {problem}"), fields)
        },
    )
}

/// Whether asking again could call a person twice.
fn is_settled(placed: &Result<PlacedAnswer, ApiError>) -> bool {
    placed.as_ref().map_or_else(|error| error.code() == UNCERTAIN, |_| true)
}

fn not_done(error: OnceError) -> ApiError {
    match error {
        OnceError::Conflict => ApiError::new(
            StatusCode::CONFLICT,
            "idempotency_conflict",
            "this Idempotency-Key was used for another request: use a new one",
        ),
        OnceError::Full => ApiError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "at_capacity",
            "too many calls are being placed: try again in a moment",
        )
        .retry_after(5),
        OnceError::Unavailable => ApiError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "store_unavailable",
            "what was placed before cannot be looked up: try again in a moment",
        )
        .retry_after(5),
    }
}

fn not_configured() -> ApiError {
    ApiError::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "twilio_not_configured",
        "calls cannot be placed: set TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN and TWILIO_PHONE_NUMBER, and start again",
    )
}

const UNCERTAIN: &str = "twilio_uncertain";

fn refused(error: &TwilioError) -> ApiError {
    tracing::warn!(error = error as &dyn std::error::Error, "a call could not be placed");
    let (status, code) = match error {
        TwilioError::Credentials
        | TwilioError::Rejected { .. }
        | TwilioError::Unreadable
        | TwilioError::TwimlTooLong(_) => (StatusCode::BAD_GATEWAY, "twilio_refused"),
        TwilioError::Busy | TwilioError::Failing { .. } | TwilioError::Unreachable(_) => {
            (StatusCode::SERVICE_UNAVAILABLE, "twilio_unavailable")
        }
        TwilioError::Uncertain => (StatusCode::GATEWAY_TIMEOUT, UNCERTAIN),
    };
    let refused = ApiError::new(status, code, error.to_string());
    if error.is_retryable() { refused.retry_after(5) } else { refused }
}

fn number(to: &str) -> Result<(), ValidationError> {
    if is_e164(to) {
        return Ok(());
    }
    let message = "must be a number in international form, such as +35699123456";
    Err(ValidationError::new("number").with_message(message.into()))
}
