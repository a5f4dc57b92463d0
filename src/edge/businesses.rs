//! The businesses whose calls the service takes: `/api/businesses`.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use validator::Validate;

use super::Edge;
use super::body::{ValidatedJson, is_business_id, is_line};
use super::error::{ApiError, BodyRefusals, ErrorBody, KeyRefusals, QueryRefusals, StoreRefusals};
use super::query::{Asked, FromQuery, Parameters, cut_to_page};
use super::settings::{country, currency, language, number, refused};
use super::view::Done;
use crate::id::BusinessId;
use crate::store::BusinessRecord;
use crate::store::business::Written;

/// Businesses in one answer, when it is not said how many.
const PAGE: u32 = 100;
/// And at most.
const MAX_PAGE: u32 = 500;

/// Which page.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct PageQuery {
    /// At most so many, 1 to 500; 100 when absent.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
    /// The `next_cursor` of the page before.
    #[param(value_type = Option<String>)]
    cursor: Option<BusinessId>,
}

impl FromQuery for PageQuery {
    fn take(parameters: &mut Parameters) -> Self {
        let id = |text: &str| Some(BusinessId::from(text)).filter(|id| is_business_id(id).is_ok());
        Self { limit: parameters.limit(MAX_PAGE), cursor: parameters.cursor(id) }
    }
}

/// A business.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Business, example = json!({
    "id": "bastion-valletta", "name": "Bastion Table, Valletta", "phone_number": "+35670000001", "country": "MT",
    "currency": "EUR", "language": "en",
}))]
pub(super) struct BusinessView {
    id: String,
    name: String,
    /// Its callers dial it: E.164.
    phone_number: Option<String>,
    /// ISO 3166-1 alpha-2.
    country: Option<String>,
    /// ISO 4217.
    currency: Option<String>,
    /// A BCP 47 tag.
    language: Option<String>,
}

/// A page of businesses.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BusinessPage)]
pub(super) struct BusinessPage {
    /// By id.
    businesses: Vec<BusinessView>,
    /// Give it as `cursor` to read on; null when this is the last page.
    next_cursor: Option<String>,
}

/// What a business is from now on. What is absent is nothing from now on.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "name": "Bastion Table, Valletta", "phone_number": "+35670000001", "country": "MT", "currency": "EUR",
    "language": "en",
}))]
pub(super) struct PutBusiness {
    /// What it is called: 1 to 200 characters.
    #[validate(length(min = 1, max = 200, message = "must be 1 to 200 characters"), custom(function = is_line))]
    #[schema(min_length = 1, max_length = 200)]
    name: String,
    /// The number its callers dial, in international form; no other business may have it.
    phone_number: Option<String>,
    /// ISO 3166-1 alpha-2, such as `MT`.
    country: Option<String>,
    /// ISO 4217, such as `EUR`.
    currency: Option<String>,
    /// A BCP 47 tag, such as `en`.
    language: Option<String>,
}

/// List the businesses
#[utoipa::path(
    get, path = "/api/businesses", tag = "Businesses", operation_id = "list_businesses", params(PageQuery),
    responses(
        (status = 200, description = "A page of them, by id", body = BusinessPage),
        KeyRefusals, QueryRefusals, StoreRefusals,
    ),
)]
pub(super) async fn list(
    State(edge): State<Arc<Edge>>,
    Asked(page): Asked<PageQuery>,
) -> Result<Json<BusinessPage>, ApiError> {
    let limit = page.limit.unwrap_or(PAGE) as usize;
    let after = page.cursor.as_ref().map_or("", BusinessId::as_str);
    // One more than the page, to know whether there is another.
    let mut found = edge.state.store.businesses(after, limit + 1).await?;
    let next_cursor = cut_to_page(&mut found, limit, |last| last.id.to_string());
    Ok(Json(BusinessPage { businesses: found.into_iter().map(Into::into).collect(), next_cursor }))
}

/// Look at a business
#[utoipa::path(
    get, path = "/api/businesses/{id}", tag = "Businesses", operation_id = "get_business",
    params(("id" = String, Path, description = "The business", example = "bastion-valletta")),
    responses(
        (status = 200, description = "The business", body = BusinessView),
        (status = 404, description = "`unknown_business`", body = ErrorBody),
        KeyRefusals, StoreRefusals,
    ),
)]
pub(super) async fn show(
    State(edge): State<Arc<Edge>>,
    id: Result<Path<BusinessId>, PathRejection>,
) -> Result<Json<BusinessView>, ApiError> {
    let found = edge.state.store.business_record(&named(id)?).await?;
    found.map(|business| Json(business.into())).ok_or_else(ApiError::unknown_business)
}

/// Make a business, or write over one
///
/// What is configured for it stays.
#[utoipa::path(
    put, path = "/api/businesses/{id}", tag = "Businesses", operation_id = "put_business",
    params(("id" = String, Path, description = "1 to 64 characters of `A-Za-z0-9._-`", example = "bastion-valletta")),
    request_body = PutBusiness,
    responses(
        (status = 200, description = "The business", body = BusinessView),
        (status = 409, description = "`number_taken`: another business has the number", body = ErrorBody),
        KeyRefusals, BodyRefusals, StoreRefusals,
    ),
)]
pub(super) async fn put(
    State(edge): State<Arc<Edge>>,
    id: Result<Path<BusinessId>, PathRejection>,
    ValidatedJson(request): ValidatedJson<PutBusiness>,
) -> Result<Json<BusinessView>, ApiError> {
    let id = id.map(|Path(id)| id).ok().filter(|id| BusinessId::is_plain(id.as_str())).ok_or_else(|| {
        refused("id", "must be 1 to 64 characters of A-Z, a-z, 0-9, '.', '_' and '-'".to_owned())
    })?;
    let business = request.checked(id)?;
    match edge.state.store.put_business(business.clone()).await? {
        Written::Done => Ok(Json(business.into())),
        Written::NumberTaken => {
            let sentence = "another business has this phone_number: GET /api/businesses lists them";
            Err(ApiError::new(StatusCode::CONFLICT, "number_taken", sentence))
        }
    }
}

/// Take a business away
///
/// With what is configured for it. The rows of other tables that belong to it stay, and its calls under way go on.
#[utoipa::path(
    delete, path = "/api/businesses/{id}", tag = "Businesses", operation_id = "delete_business",
    params(("id" = String, Path, description = "The business", example = "bastion-valletta")),
    responses(
        (status = 200, description = "It is gone", body = Done),
        (status = 404, description = "`unknown_business`", body = ErrorBody),
        KeyRefusals, StoreRefusals,
    ),
)]
pub(super) async fn delete(
    State(edge): State<Arc<Edge>>,
    id: Result<Path<BusinessId>, PathRejection>,
) -> Result<Json<Done>, ApiError> {
    if edge.state.store.delete_business(&named(id)?).await? {
        return Ok(Json(Done { ok: true }));
    }
    Err(ApiError::unknown_business())
}

/// The business a path names. Text that can be no id names none.
fn named(id: Result<Path<BusinessId>, PathRejection>) -> Result<BusinessId, ApiError> {
    id.map(|Path(id)| id).map_err(|_| ApiError::unknown_business())
}

impl PutBusiness {
    /// The business, if every value fits its field.
    fn checked(self, id: BusinessId) -> Result<BusinessRecord, ApiError> {
        let phone_number = self.phone_number.map(|text| number(&text)).transpose();
        let phone_number = phone_number.map_err(|problem| refused("phone_number", problem))?;
        for (field, value, check) in [
            ("country", &self.country, country as fn(&str) -> Result<(), String>),
            ("currency", &self.currency, currency),
            ("language", &self.language, language),
        ] {
            value.as_deref().map_or(Ok(()), check).map_err(|problem| refused(field, problem))?;
        }
        let Self { name, country, currency, language, .. } = self;
        Ok(BusinessRecord { id, name: name.trim().to_owned(), phone_number, country, currency, language })
    }
}

impl From<BusinessRecord> for BusinessView {
    fn from(business: BusinessRecord) -> Self {
        let BusinessRecord { id, name, phone_number, country, currency, language } = business;
        Self { id: id.to_string(), name, phone_number, country, currency, language }
    }
}
