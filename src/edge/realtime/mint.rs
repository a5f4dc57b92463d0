//! Client secrets: `POST /v1/realtime/client_secrets`, in the shape of OpenAI's. A page that gets one from its own server
//! never holds a key.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::{Extension, Json};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use validator::Validate;

use super::DEFAULT_MODEL;
use super::handshake::persona_of_model;
use super::secrets::{Grant, PREFIX, TooMany};
use crate::call::known_persona;
use crate::edge::Edge;
use crate::edge::body::{ValidatedJson, names_business, object};
use crate::edge::error::{ApiError, BodyRefusals, ErrorBody, KeyRefusals, StoreRefusals};
use crate::edge::gate::Guest;
use crate::edge::random::random;
use crate::id::{BusinessId, CallId, PersonaKey};

/// How long a secret is good for when nobody says.
const GOOD_FOR_S: u32 = 600;

/// What is asked of a client secret; everything may be left out.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"expires_after": {"anchor": "created_at", "seconds": 600}, "extension": {"persona": "waiter"}}))]
pub(in crate::edge) struct SecretRequest {
    /// How long it opens connections; those that are open stay.
    #[validate(nested)]
    #[serde(default, deserialize_with = "object")]
    expires_after: Option<ExpiresAfter>,
    /// As OpenAI's clients send it. Of it the `model` counts; the rest is what a client says by `session.update`.
    #[validate(nested)]
    #[serde(default, deserialize_with = "object")]
    session: Option<SecretSession>,
    /// What the secret is bound to.
    #[validate(nested)]
    #[serde(default, deserialize_with = "object")]
    extension: Option<Binding>,
}

/// How long a secret is good for.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::edge) struct ExpiresAfter {
    /// From when it is counted.
    #[serde(rename = "anchor")]
    _anchor: Option<Anchor>,
    /// 10 to 7200; 600 when absent.
    #[validate(range(min = 10, max = 7200, message = "must be 10 to 7200"))]
    #[schema(minimum = 10, maximum = 7200)]
    seconds: Option<u32>,
}

/// From when the time of a secret is counted.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Anchor {
    /// From when it is made.
    CreatedAt,
}

/// A session, as far as it counts.
#[derive(Debug, Deserialize, Validate, ToSchema)]
pub(in crate::edge) struct SecretSession {
    /// `realtime`.
    #[serde(rename = "type")]
    _kind: Option<SessionKind>,
    /// The name of a model of OpenAI's, which says nothing; or a persona's key, alone or behind `persona:`.
    #[validate(length(min = 1, max = 128, message = "must be 1 to 128 characters"))]
    #[schema(min_length = 1, max_length = 128)]
    model: Option<String>,
}

/// The kind of a session.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum SessionKind {
    /// One that converses.
    Realtime,
}

/// What a secret is bound to; what is left out is open to who shows it.
#[derive(Debug, Default, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::edge) struct Binding {
    /// Who speaks first.
    #[schema(value_type = Option<String>)]
    persona: Option<PersonaKey>,
    /// The one call it opens.
    #[schema(value_type = Option<String>, pattern = "^[A-Za-z0-9._:-]{1,128}$")]
    call_id: Option<CallId>,
    /// Whose callers they are; when absent, as of a call by the API.
    #[validate(custom(function = names_business))]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 128)]
    business_id: Option<BusinessId>,
}

/// A client secret. It is shown this once.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::edge) struct SecretAnswer {
    /// What the client shows in the place of a key.
    #[schema(example = "ek_0123456789abcdef0123456789abcdef")]
    value: String,
    /// Until when it opens connections, in seconds since 1970.
    expires_at: i64,
    /// The session it opens.
    session: SessionAnswer,
}

/// A session, as far as its client may know.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::edge) struct SessionAnswer {
    id: String,
    object: &'static str,
    #[serde(rename = "type")]
    kind: &'static str,
    model: String,
    output_modalities: [&'static str; 1],
}

/// Make a client secret
///
/// For a page or an app that must not hold a key: it shows the secret in the key's place, for as many connections to
/// `/v1/realtime`, `/realtime` and `/ws/audio` as it likes until the secret expires. They count as the key's. The secret
/// opens nothing else, and is forgotten at a restart.
#[utoipa::path(
    post, path = "/v1/realtime/client_secrets", tag = "Realtime", operation_id = "create_client_secret",
    request_body = SecretRequest,
    responses(
        (status = 200, description = "The secret", body = SecretAnswer),
        (status = 429, description = "`too_many_secrets`: as many are good as `MAX_CLIENT_SECRETS` allows",
            body = ErrorBody),
        KeyRefusals, BodyRefusals, StoreRefusals,
    ),
)]
pub(in crate::edge) async fn create(
    State(edge): State<Arc<Edge>>,
    Extension(guest): Extension<Guest>,
    ValidatedJson(request): ValidatedJson<SecretRequest>,
) -> Result<Json<SecretAnswer>, ApiError> {
    let SecretRequest { expires_after, session, extension } = request;
    let model = session.and_then(|session| session.model);
    let grant = grant(&edge, model, extension.unwrap_or_default()).await?;
    let seconds = expires_after.and_then(|expires| expires.seconds).unwrap_or(GOOD_FOR_S);
    let value = format!("{PREFIX}{}", random().ok_or_else(ApiError::internal)?);
    let session = SessionAnswer {
        id: format!("sess_{}", random().ok_or_else(ApiError::internal)?),
        object: "realtime.session",
        kind: "realtime",
        model: grant.model.clone().unwrap_or_else(|| DEFAULT_MODEL.to_owned()),
        output_modalities: ["audio"],
    };
    let good_for = Duration::from_secs(seconds.into());
    edge.gate.give(&guest, &value, good_for, grant).map_err(|why| too_many(&why))?;
    metrics::counter!("ai_realtime_client_secrets_total").increment(1);
    let expires_at = Timestamp::now().as_second() + i64::from(seconds);
    Ok(Json(SecretAnswer { value, expires_at, session }))
}

/// What is asked for, where there is such a persona and such a business.
async fn grant(edge: &Edge, model: Option<String>, binding: Binding) -> Result<Grant, ApiError> {
    let Binding { persona, call_id, business_id } = binding;
    let catalog = edge.state.library.catalog();
    let knows = |key: &str| catalog.persona(&key.into()).is_some();
    let persona = persona.or_else(|| persona_of_model(model.as_deref()?, knows));
    if let Some(persona) = &persona {
        known_persona(persona, &catalog)?;
    }
    if let Some(id) = &business_id
        && edge.state.store.business(id.as_str()).await?.is_none()
    {
        return Err(ApiError::unknown_business_in_body());
    }
    Ok(Grant { persona, call_id, business_id, model })
}

fn too_many(why: &TooMany) -> ApiError {
    metrics::counter!("ai_realtime_client_secrets_refused_total").increment(1);
    let sentence =
        "as many client secrets are good as MAX_CLIENT_SECRETS allows: make them shorter-lived, or wait";
    ApiError::new(StatusCode::TOO_MANY_REQUESTS, "too_many_secrets", sentence).retry_after(why.wait_s)
}
