//! Documents that callers are answered from: `/api/rag`.

mod refusal;
mod stream;
mod submission;
#[cfg(test)]
mod tests;
mod view;

use std::sync::Arc;

use axum::Json;
use axum::extract::{FromRequestParts, Path, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use tokio::sync::OwnedSemaphorePermit;
use utoipa::{IntoParams, ToSchema};
use validator::Validate;

use self::refusal::{DocumentRefusals, UnknownDocument, broken_off, unknown_business, unknown_document};
use self::submission::{DocumentForm, DocumentRequest, Submitted, is_id};
use self::view::{DocumentAnswer, DocumentPage, DocumentProgress, DocumentView, QueryAnswer};
use super::Edge;
use super::ai::{not_blank, wants_events};
use super::body::{ValidatedJson, names_business};
use super::error::{ApiError, BodyRefusals, KeyRefusals, QueryRefusals, StoreRefusals};
use super::query::{Asked, FromQuery, Parameters, cut_to_page};
use super::view::Done;
use crate::id::{BusinessId, DocumentId};
use crate::knowledge::{MAX_INGESTS, busy};

pub(super) use self::submission::MAX_BODY_BYTES;

/// Documents of one page when no number is asked for, and at most.
const PAGE: u32 = 50;
const MAX_PAGE: u32 = 200;
/// Documents whose bodies come at once; each may be of [`MAX_BODY_BYTES`]. As many again as are taken in.
pub(super) const MAX_UPLOADS: usize = 2 * MAX_INGESTS;
/// Passages given when no number is asked for.
const PASSAGES: u32 = 3;

/// A question to the documents.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"query": "Is there parking?", "limit": 3}))]
pub(super) struct QueryRequest {
    /// Search as this business's callers do: its own documents and those of the house. All documents when absent.
    #[validate(custom(function = names_business))]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 128)]
    business_id: Option<BusinessId>,
    /// What to look for: 1 to 2000 characters.
    #[validate(
        length(min = 1, max = 2000, message = "must be 1 to 2000 characters"),
        custom(function = not_blank)
    )]
    #[schema(min_length = 1, max_length = 2000, pattern = "\\S")]
    query: String,
    /// At most so many passages: 1 to 20, 3 when absent.
    #[validate(range(min = 1, max = 20, message = "must be 1 to 20"))]
    #[schema(minimum = 1, maximum = 20)]
    limit: Option<u32>,
}

/// Which documents are listed.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ListQuery {
    /// Only what this business's callers are answered from: its own documents and those of the house.
    #[param(value_type = Option<String>, min_length = 1, max_length = 128)]
    business_id: Option<BusinessId>,
    /// At most so many: 1 to 200, 50 when absent.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
    /// The `next_cursor` of the page before.
    #[param(value_type = Option<String>)]
    cursor: Option<DocumentId>,
}

/// Whose document is meant.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct OwnerQuery {
    /// Act for this business: it sees its own documents and those of the house, and changes its own only.
    #[param(value_type = Option<String>, min_length = 1, max_length = 128)]
    business_id: Option<BusinessId>,
}

/// The document a path names. Text that can be no id names no document.
pub(super) struct NamedDocument(DocumentId);

impl<S: Send + Sync> FromRequestParts<S> for NamedDocument {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Path(text) =
            Path::<String>::from_request_parts(parts, state).await.map_err(|_| unknown_document())?;
        if is_id(&text) { Ok(Self(text.into())) } else { Err(unknown_document()) }
    }
}

impl FromQuery for ListQuery {
    fn take(parameters: &mut Parameters) -> Self {
        Self {
            business_id: parameters.business(),
            limit: parameters.limit(MAX_PAGE),
            cursor: parameters.cursor(|text| is_id(text).then(|| text.into())),
        }
    }
}

impl FromQuery for OwnerQuery {
    fn take(parameters: &mut Parameters) -> Self {
        Self { business_id: parameters.business() }
    }
}

/// A place for a document, held while its body comes and until it is taken in.
pub(super) struct Place(
    #[expect(dead_code, reason = "held, and given back by dropping it")] OwnedSemaphorePermit,
);

impl FromRequestParts<Arc<Edge>> for Place {
    type Rejection = ApiError;

    async fn from_request_parts(_parts: &mut Parts, edge: &Arc<Edge>) -> Result<Self, ApiError> {
        let place = edge.uploads.clone().try_acquire_owned();
        place.map(Self).map_err(|_full| broken_off(busy()))
    }
}

/// Bring a document
///
/// Markdown, plain text, HTML or PDF, up to 10 MiB: as JSON (a PDF in base64), or as a form with a `file`. It is read,
/// cut into passages and found all at once. A document of the same `id` and owner is replaced, and found as it was
/// until the new one is complete; the same document again changes nothing. With `Accept: text/event-stream` its
/// progress is told meanwhile; the last event is the answer.
#[utoipa::path(
    post, path = "/api/rag", tag = "Knowledge", operation_id = "add_document",
    request_body(content(
        (DocumentRequest = "application/json"),
        (DocumentForm = "multipart/form-data"),
    )),
    responses(
        (status = 201, description = "The document is found", body = DocumentAnswer),
        (status = 200, description = "It has replaced the one of its id, or was there already; or its progress", content(
            (DocumentAnswer = "application/json"),
            (DocumentProgress = "text/event-stream"),
        )),
        KeyRefusals, DocumentRefusals,
    ),
)]
pub(super) async fn add(
    State(edge): State<Arc<Edge>>,
    headers: HeaderMap,
    _place: Place,
    Submitted(submission): Submitted,
) -> Result<Response, ApiError> {
    if let Some(business) = &submission.business_id
        && edge.state.store.business(business.as_str()).await?.is_none()
    {
        return Err(unknown_business());
    }
    let place = if wants_events(&headers) { Some(edge.streams.begin()?) } else { None };
    let ingesting = edge.state.knowledge.ingest(submission).map_err(broken_off)?;
    if let Some(place) = place {
        return Ok(stream::respond(ingesting, place));
    }
    let ingested = ingesting.ended().await.map_err(broken_off)?;
    let status = if ingested.is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(DocumentAnswer::from(ingested))).into_response())
}

/// List the documents
#[utoipa::path(
    get, path = "/api/rag", tag = "Knowledge", operation_id = "list_documents", params(ListQuery),
    responses(
        (status = 200, description = "A page of them, by id", body = DocumentPage),
        KeyRefusals, QueryRefusals, StoreRefusals,
    ),
)]
pub(super) async fn list(
    State(edge): State<Arc<Edge>>,
    Asked(query): Asked<ListQuery>,
) -> Result<Json<DocumentPage>, ApiError> {
    let limit = query.limit.unwrap_or(PAGE);
    // One more than the page, to know whether there is another.
    let mut found = edge.state.store.documents(&query.business_id.into(), query.cursor, limit + 1).await?;
    let next_cursor = cut_to_page(&mut found, limit as usize, |last| last.id.to_string());
    Ok(Json(DocumentPage { documents: found.into_iter().map(DocumentView::from).collect(), next_cursor }))
}

/// Look at a document
///
/// With its status, and how far it is while it is being taken in.
#[utoipa::path(
    get, path = "/api/rag/{id}", tag = "Knowledge", operation_id = "get_document",
    params(("id" = String, Path, description = "The document", example = "house-rules"), OwnerQuery),
    responses(
        (status = 200, description = "The document", body = DocumentView),
        KeyRefusals, QueryRefusals, UnknownDocument, StoreRefusals,
    ),
)]
pub(super) async fn show(
    State(edge): State<Arc<Edge>>,
    NamedDocument(id): NamedDocument,
    Asked(owner): Asked<OwnerQuery>,
) -> Result<Json<DocumentView>, ApiError> {
    let found = edge.state.store.document(&owner.business_id.into(), &id).await?;
    found.map(|document| Json(document.into())).ok_or_else(unknown_document)
}

/// Delete a document
///
/// With all its passages. One that is being taken in comes no further.
#[utoipa::path(
    delete, path = "/api/rag/{id}", tag = "Knowledge", operation_id = "delete_document",
    params(("id" = String, Path, description = "The document", example = "house-rules"), OwnerQuery),
    responses(
        (status = 200, description = "It is gone", body = Done),
        KeyRefusals, QueryRefusals, UnknownDocument, StoreRefusals,
    ),
)]
pub(super) async fn delete(
    State(edge): State<Arc<Edge>>,
    NamedDocument(id): NamedDocument,
    Asked(owner): Asked<OwnerQuery>,
) -> Result<Json<Done>, ApiError> {
    let was_there = edge.state.store.delete_document(&owner.business_id.into(), &id).await?;
    if was_there { Ok(Json(Done { ok: true })) } else { Err(unknown_document()) }
}

/// Ask the documents
///
/// As the tool `query_knowledge_base` does for callers: by words, and by meaning where there are embeddings. No results
/// when nothing is near.
#[utoipa::path(
    post, path = "/api/rag/query", tag = "Knowledge", operation_id = "query_documents", request_body = QueryRequest,
    responses(
        (status = 200, description = "The passages that fit best", body = QueryAnswer),
        KeyRefusals, BodyRefusals, StoreRefusals,
    ),
)]
pub(super) async fn query(
    State(edge): State<Arc<Edge>>,
    ValidatedJson(request): ValidatedJson<QueryRequest>,
) -> Result<Json<QueryAnswer>, ApiError> {
    let limit = request.limit.unwrap_or(PASSAGES);
    let found = edge.state.knowledge.search(request.business_id.into(), &request.query, limit).await?;
    Ok(Json(QueryAnswer { results: found.into_iter().map(Into::into).collect() }))
}
