//! Why a document is not taken, as clients are told.

use axum::http::StatusCode;
use utoipa::IntoResponses;

use super::super::error::{ApiError, ErrorBody, Fields};
use crate::knowledge::{EmbeddingError, IngestError, ReadError};

pub(super) fn unknown_document() -> ApiError {
    let sentence = "there is no such document: GET /api/rag lists them";
    ApiError::new(StatusCode::NOT_FOUND, "unknown_document", sentence)
}

pub(super) fn unknown_business() -> ApiError {
    let problem = "is no business of this service: leave it out for a document of the house";
    let fields = Fields::from([("business_id".to_owned(), vec![problem.to_owned()])]);
    ApiError::bad_request("unknown_business", format!("business_id {problem}"), fields)
}

/// What is said of an ingest that did not come to its end.
pub(super) fn broken_off(error: IngestError) -> ApiError {
    let sentence = error.to_string();
    match error {
        IngestError::Read(error) => unreadable(error),
        IngestError::TooLong => ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "document_too_long", sentence),
        IngestError::NotYours => unknown_document(),
        IngestError::Overtaken => {
            let sentence =
                format!("{sentence}: look at it with GET /api/rag/{{id}}, and send it again if need be");
            ApiError::new(StatusCode::CONFLICT, "document_changed", sentence)
        }
        IngestError::Busy => at_capacity(),
        IngestError::Embeddings(error) => no_embeddings(&error),
        IngestError::Store(error) => error.into(),
        IngestError::Broken => ApiError::internal(),
    }
}

fn unreadable(error: ReadError) -> ApiError {
    let told = |status, code| ApiError::new(status, code, error.to_string());
    match error {
        ReadError::Unsupported => told(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type"),
        ReadError::Empty => told(StatusCode::UNPROCESSABLE_ENTITY, "empty_document"),
        ReadError::NotText
        | ReadError::UnreadablePdf
        | ReadError::ProtectedPdf
        | ReadError::NoTextInPdf
        | ReadError::TooSlow => told(StatusCode::UNPROCESSABLE_ENTITY, "unreadable_document"),
        ReadError::Busy => at_capacity(),
    }
}

fn at_capacity() -> ApiError {
    let sentence = "other documents are being taken in: try again in a moment";
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "at_capacity", sentence).retry_after(5)
}

fn no_embeddings(error: &EmbeddingError) -> ApiError {
    if error.is_passing() {
        let sentence = "the embeddings of the document could not be made now: try again in a moment; what was made \
                        is kept";
        return ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "embeddings_unavailable", sentence)
            .retry_after(10);
    }
    let sentence =
        "the embeddings' API refuses: check OPENAI_API_KEY, EMBEDDING_MODEL and EMBEDDING_BASE_URL";
    ApiError::new(StatusCode::BAD_GATEWAY, "embeddings_refused", sentence)
}

/// The refusals of a document.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "only describes answers")]
pub(super) enum DocumentRefusals {
    /// `invalid_json`, `unknown_field`, `missing_field`, `wrong_type`, `invalid_value`, `invalid_form` or
    /// `unknown_business`.
    #[response(status = 400)]
    Invalid(ErrorBody),
    /// `unknown_document`: the id is that of another owner's document.
    #[response(status = 404)]
    NotYours(ErrorBody),
    /// `body_timeout`: the body did not come within 120 s.
    #[response(status = 408)]
    Slow(ErrorBody),
    /// `document_changed`: it was brought anew or deleted meanwhile.
    #[response(status = 409)]
    Overtaken(ErrorBody),
    /// `body_too_large`: over 10 MiB; or `document_too_long`.
    #[response(status = 413)]
    TooLarge(ErrorBody),
    /// `unsupported_media_type`: neither JSON nor a form, or a kind of file that is not read.
    #[response(status = 415)]
    MediaType(ErrorBody),
    /// `unreadable_document` or `empty_document`.
    #[response(status = 422)]
    Unreadable(ErrorBody),
    /// `embeddings_refused`.
    #[response(status = 502)]
    EmbeddingsRefused(ErrorBody),
    /// `at_capacity`, `embeddings_unavailable` or `store_unavailable`.
    #[response(status = 503)]
    Unavailable(ErrorBody),
}

/// A document that is not there, or not for whom it is asked.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "only describes answers")]
pub(super) enum UnknownDocument {
    /// `unknown_document`.
    #[response(status = 404)]
    Unknown(ErrorBody),
}
