//! What is configured for a business: `/api/config`.

mod value;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use validator::Validate;

use super::Edge;
use super::body::{ValidatedJson, names_business};
use super::error::{ApiError, BodyRefusals, ErrorBody, Fields, KeyRefusals, StoreRefusals};
use super::query::{Asked, FromQuery, Parameters};
use super::view::Done;
use crate::call::known_persona;
use crate::id::BusinessId;
use crate::store::business::ProfileKey;
use crate::store::directory::DirectoryError;

pub(super) use value::{country, currency, language, number};

/// A business has at most so many keys that only its prompts know.
const MAX_SETTINGS: usize = 100;

/// Whose configuration.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Whose {
    /// The business; `DEFAULT_BUSINESS` when absent.
    #[param(value_type = Option<String>, min_length = 1, max_length = 128)]
    business_id: Option<BusinessId>,
}

impl FromQuery for Whose {
    fn take(parameters: &mut Parameters) -> Self {
        Self { business_id: parameters.business() }
    }
}

/// A value, and whose it is.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"business_id": "bastion-valletta", "value": "Merhba! What can I do for you?"}))]
pub(super) struct PutValue {
    /// The business; `DEFAULT_BUSINESS` when absent.
    #[validate(custom(function = names_business))]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 128)]
    business_id: Option<BusinessId>,
    /// A text; for `opening_hours` an object, or its text.
    value: Value,
}

/// What is configured for a business.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Configuration, example = json!({
    "business_id": "bastion-valletta",
    "values": {"default_persona": "waiter", "greeting_message": "Merhba! What can I do for you?"},
}))]
pub(super) struct ConfigurationView {
    #[schema(value_type = String)]
    business_id: BusinessId,
    /// By key. `opening_hours` is an object, the others are texts.
    values: BTreeMap<String, Value>,
}

/// A value that is configured.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ConfiguredValue)]
pub(super) struct ValueView {
    #[schema(value_type = String)]
    business_id: BusinessId,
    key: String,
    /// As it is kept.
    value: Value,
}

/// Read what is configured for a business
#[utoipa::path(
    get, path = "/api/config", tag = "Businesses", operation_id = "get_config", params(Whose),
    responses(
        (status = 200, description = "All of it", body = ConfigurationView),
        (status = 400, description = "`business_required`: name one, there is no `DEFAULT_BUSINESS`; or `unknown_field` \
            or `invalid_value`", body = ErrorBody),
        (status = 404, description = "`unknown_business`", body = ErrorBody),
        KeyRefusals, StoreRefusals,
    ),
)]
pub(super) async fn show(
    State(edge): State<Arc<Edge>>,
    Asked(whose): Asked<Whose>,
) -> Result<Json<ConfigurationView>, ApiError> {
    let business_id = edge.business_meant(whose.business_id)?;
    let values = edge.state.store.configuration(&business_id).await?;
    let values = values.ok_or_else(ApiError::unknown_business)?;
    let values = values.into_iter().map(|(key, text)| (key.clone(), shown(&key, text))).collect();
    Ok(Json(ConfigurationView { business_id, values }))
}

/// Configure a value of a business
///
/// Calls that begin after it have it; those under way go on as they were. `ai_personality` (2000 characters),
/// `greeting_message` (500), `default_persona`, `language`, `voice`, `transfer_number`, `opening_hours`, `country` and
/// `currency` mean something to the service; any other key of `a-z`, `0-9` and `_` is a text of up to 2000 characters that
/// prompts find as `business.settings.<key>`.
#[utoipa::path(
    put, path = "/api/config/{key}", tag = "Businesses", operation_id = "put_config",
    params(("key" = String, Path, description = "The key", example = "greeting_message")),
    request_body = PutValue,
    responses(
        (status = 200, description = "The value is configured", body = ValueView),
        (status = 409, description = "`too_many_settings`: a business has at most 100 keys of its own",
            body = ErrorBody),
        (status = 503, description = "`store_unavailable`, or `default_business_missing` when none is named",
            body = ErrorBody),
        KeyRefusals, BodyRefusals,
    ),
)]
pub(super) async fn put(
    State(edge): State<Arc<Edge>>,
    key: Result<Path<String>, PathRejection>,
    ValidatedJson(request): ValidatedJson<PutValue>,
) -> Result<Json<ValueView>, ApiError> {
    let key = named(key)?;
    let missing = match request.business_id {
        Some(_) => ApiError::unknown_business_in_body,
        None => || DirectoryError::Gone.into(),
    };
    let business_id = edge.business_meant(request.business_id)?;
    let text = value::kept(&key, &request.value).map_err(|problem| refused("value", problem))?;
    if ProfileKey::parse(&key) == Some(ProfileKey::DefaultPersona) {
        known_persona(&text.as_str().into(), &edge.state.library.catalog())?;
    }
    let values = edge.state.store.configuration(&business_id).await?.ok_or_else(missing)?;
    has_room(&values, &key)?;
    if !edge.state.store.configure(&business_id, &key, &text).await? {
        return Err(missing());
    }
    let value = shown(&key, text);
    Ok(Json(ValueView { business_id, key, value }))
}

/// Take a configured value of a business away
#[utoipa::path(
    delete, path = "/api/config/{key}", tag = "Businesses", operation_id = "delete_config",
    params(("key" = String, Path, description = "The key", example = "greeting_message"), Whose),
    responses(
        (status = 200, description = "It is not configured any more", body = Done),
        (status = 400, description = "`business_required`, `unknown_field` or `invalid_value`", body = ErrorBody),
        (status = 404, description = "`unknown_business` or `not_configured`", body = ErrorBody),
        KeyRefusals, StoreRefusals,
    ),
)]
pub(super) async fn delete(
    State(edge): State<Arc<Edge>>,
    key: Result<Path<String>, PathRejection>,
    Asked(whose): Asked<Whose>,
) -> Result<Json<Done>, ApiError> {
    let key = named(key)?;
    let business_id = edge.business_meant(whose.business_id)?;
    if edge.state.store.unconfigure(&business_id, &key).await? {
        return Ok(Json(Done { ok: true }));
    }
    if edge.state.store.business_record(&business_id).await?.is_none() {
        return Err(ApiError::unknown_business());
    }
    let sentence = "nothing is configured under this key: GET /api/config lists what is";
    Err(ApiError::new(StatusCode::NOT_FOUND, "not_configured", sentence))
}

impl Edge {
    /// The business a request is about.
    fn business_meant(&self, named: Option<BusinessId>) -> Result<BusinessId, ApiError> {
        named.or_else(|| self.state.directory.default_id().cloned()).ok_or_else(|| {
            let sentence = "name a business with business_id: there is no DEFAULT_BUSINESS, and GET /api/businesses \
                            lists those there are";
            ApiError::new(StatusCode::BAD_REQUEST, "business_required", sentence)
        })
    }
}

/// Whether a business may have this key beside those it has.
fn has_room(values: &BTreeMap<String, String>, key: &str) -> Result<(), ApiError> {
    let own = values.keys().filter(|key| ProfileKey::parse(key).is_none()).count();
    if ProfileKey::parse(key).is_some() || own < MAX_SETTINGS || values.contains_key(key) {
        return Ok(());
    }
    let sentence = format!("a business has at most {MAX_SETTINGS} keys of its own: delete one first");
    Err(ApiError::new(StatusCode::CONFLICT, "too_many_settings", sentence))
}

fn named(key: Result<Path<String>, PathRejection>) -> Result<String, ApiError> {
    let key = key.map(|Path(key)| key).ok().filter(|key| value::is_key(key));
    key.ok_or_else(|| refused("key", "must be 1 to 64 characters of a-z, 0-9 and '_'".to_owned()))
}

/// A field that may not hold what it holds.
pub(super) fn refused(field: &str, problem: String) -> ApiError {
    let sentence = format!("{field} {problem}");
    ApiError::bad_request("invalid_value", sentence, Fields::from([(field.to_owned(), vec![problem])]))
}

fn shown(key: &str, text: String) -> Value {
    match ProfileKey::parse(key) {
        Some(ProfileKey::OpeningHours) => serde_json::from_str(&text).unwrap_or(Value::String(text)),
        Some(_) | None => Value::String(text),
    }
}
