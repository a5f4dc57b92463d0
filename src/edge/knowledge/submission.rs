//! A document as it is sent: as JSON, or as a form with a file.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::multipart::{Field, Multipart, MultipartError};
use axum::extract::{FromRequest, Request};
use axum::http::{StatusCode, header};
use serde::Deserialize;
use utoipa::ToSchema;
use validator::{Validate, ValidationError};

use super::super::body::{is_json, is_line, names_business, parse, too_slow, unreadable};
use super::super::error::{ApiError, Fields};
use super::refusal::broken_off;
use crate::id::{BusinessId, DocumentId};
use crate::knowledge::{DocumentText, Format, Submission};
use crate::store::Row;

/// The largest body taken, in bytes.
pub(in crate::edge) const MAX_BODY_BYTES: usize = 10 << 20;
/// How long it may take to come.
const BODY_TIMEOUT: Duration = Duration::from_secs(120);
/// The longest metadata, in bytes of JSON: it is given back with each result.
const MAX_METADATA_BYTES: usize = 8 << 10;

/// A document.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"id": "house-rules", "title": "House rules", "content": "# Parking\n\nBehind the house."}))]
pub(in crate::edge) struct DocumentRequest {
    /// Its id, or that of the document it replaces: 1 to 128 characters of `A-Za-z0-9._:-`. Made up when absent.
    #[validate(custom(function = fits_id))]
    #[schema(pattern = "^[A-Za-z0-9._:-]{1,128}$")]
    id: Option<String>,
    /// The business whose callers find it; when absent those of every business do.
    #[validate(custom(function = names_business))]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 128)]
    business_id: Option<BusinessId>,
    /// What it is called: 1 to 200 characters.
    #[validate(length(min = 1, max = 200, message = "must be 1 to 200 characters"), custom(function = is_line))]
    #[schema(min_length = 1, max_length = 200)]
    title: String,
    /// What stands in it.
    content: String,
    /// `base64` when `content` is a file, such as a PDF, in base64.
    #[validate(custom(function = fits_encoding))]
    #[schema(example = "base64")]
    encoding: Option<String>,
    /// `text/markdown`, `text/plain`, `text/html` or `application/pdf`; when absent it is told by the content.
    content_type: Option<String>,
    /// Given back with each result: an object of at most 8 KiB.
    #[validate(custom(function = fits_metadata))]
    #[schema(value_type = Option<Object>)]
    metadata: Option<Row>,
}

/// A document as a form: `curl -F file=@menu.pdf -F title=Menu`.
#[derive(Debug, Default, ToSchema)]
pub(in crate::edge) struct DocumentForm {
    /// The file: Markdown, plain text, HTML or PDF, as its type or its name says.
    #[schema(value_type = String, format = Binary)]
    file: Option<SentFile>,
    /// What it is called; the file's name when absent.
    title: Option<String>,
    /// As in the JSON.
    id: Option<String>,
    /// As in the JSON.
    business_id: Option<String>,
    /// As in the JSON, written as JSON.
    metadata: Option<String>,
}

#[derive(Debug)]
struct SentFile {
    name: Option<String>,
    content_type: Option<String>,
    bytes: Bytes,
}

/// A document that was sent and can be taken in.
pub(in crate::edge) struct Submitted(pub(super) Submission);

impl<S: Send + Sync> FromRequest<S> for Submitted {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let read = tokio::time::timeout(BODY_TIMEOUT, receive(request, state)).await;
        read.map_err(|_elapsed| too_slow())?.map(Self)
    }
}

async fn receive<S: Send + Sync>(request: Request, state: &S) -> Result<Submission, ApiError> {
    if is_json(request.headers()) {
        let body = Bytes::from_request(request, state).await;
        let body = body.map_err(|error| unreadable(&error, MAX_BODY_BYTES))?;
        return from_json(parse(&body)?);
    }
    let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    if !content_type.is_some_and(|text| text.to_ascii_lowercase().starts_with("multipart/form-data")) {
        let sentence = "send the document as JSON with the header content-type: application/json, or as \
                        multipart/form-data with a file";
        return Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", sentence));
    }
    let parts = Multipart::from_request(request, state).await;
    let mut parts =
        parts.map_err(|_| invalid_form("the form has no boundary: let your client make the header"))?;
    let mut form = DocumentForm::default();
    while let Some(field) = parts.next_field().await.map_err(|error| broken(&error))? {
        form.take(field).await?;
    }
    from_form(form)
}

impl DocumentForm {
    async fn take(&mut self, field: Field<'_>) -> Result<(), ApiError> {
        let name = field.name().unwrap_or_default().to_owned();
        if name == "file" {
            let file_name = field.file_name().map(str::to_owned);
            let content_type = field.content_type().map(str::to_owned);
            let bytes = field.bytes().await.map_err(|error| broken(&error))?;
            return set(&mut self.file, "file", SentFile { name: file_name, content_type, bytes });
        }
        let (place, name) = match name.as_str() {
            "title" => (&mut self.title, "title"),
            "id" => (&mut self.id, "id"),
            "business_id" => (&mut self.business_id, "business_id"),
            "metadata" => (&mut self.metadata, "metadata"),
            _ => {
                let sentence =
                    "the form has a field that is not known: use file, title, id, business_id and metadata";
                return Err(ApiError::bad_request("unknown_field", sentence, Fields::new()));
            }
        };
        let text = field.text().await.map_err(|error| broken(&error))?;
        set(place, name, text)
    }
}

fn set<T>(place: &mut Option<T>, name: &str, value: T) -> Result<(), ApiError> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(field_error("invalid_value", name, "is there twice: send it once")),
    }
}

fn from_form(form: DocumentForm) -> Result<Submission, ApiError> {
    let Some(file) = form.file else {
        return Err(field_error("missing_field", "file", "is missing"));
    };
    let metadata =
        form.metadata.filter(|text| !text.trim().is_empty()).map(|text| serde_json::from_str(&text));
    let metadata = metadata
        .transpose()
        .map_err(|_| field_error("invalid_value", "metadata", "must be a JSON object"))?;
    let request = DocumentRequest {
        id: form.id.filter(|text| !text.is_empty()),
        business_id: form.business_id.filter(|text| !text.is_empty()).map(BusinessId::from),
        title: form.title.or_else(|| file.name.clone()).unwrap_or_default(),
        content: String::new(),
        encoding: None,
        content_type: file.content_type,
        metadata,
    };
    request.validate().map_err(|errors| super::super::body::invalid(&errors))?;
    submission(request, file.bytes.into(), file.name.as_deref())
}

fn from_json(mut request: DocumentRequest) -> Result<Submission, ApiError> {
    let content = std::mem::take(&mut request.content);
    let bytes = if request.encoding.is_some() {
        // White space may stand in it, as programs break lines.
        base64_simd::forgiving_decode_to_vec(content.as_bytes())
            .map_err(|_| field_error("invalid_value", "content", "must be base64, as encoding says"))?
    } else {
        content.into_bytes()
    };
    submission(request, bytes, None)
}

fn submission(
    request: DocumentRequest,
    bytes: Vec<u8>,
    file_name: Option<&str>,
) -> Result<Submission, ApiError> {
    let format = Format::of(request.content_type.as_deref(), file_name, &bytes);
    let format = format.map_err(|error| broken_off(error.into()))?;
    Ok(Submission {
        id: request.id.map(DocumentId::from),
        business_id: request.business_id,
        title: request.title.trim().to_owned(),
        metadata: request.metadata.unwrap_or_default(),
        text: DocumentText { format, bytes },
    })
}

/// Whether a text can be a document's id.
pub(super) fn is_id(text: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte);
    (1..=128).contains(&text.len()) && text.bytes().all(known)
}

fn fits_id(text: &str) -> Result<(), ValidationError> {
    check(is_id(text), "must be 1 to 128 characters of A-Z, a-z, 0-9, '.', '_', ':' and '-'")
}

fn fits_encoding(text: &str) -> Result<(), ValidationError> {
    check(text == "base64", "must be base64, or be left out")
}

fn fits_metadata(metadata: &Row) -> Result<(), ValidationError> {
    let text = serde_json::to_string(metadata).unwrap_or_default();
    check(text.len() <= MAX_METADATA_BYTES, "must be at most 8 KiB of JSON")?;
    // Postgres has no such character.
    check(!text.contains("\\u0000"), "must not hold the character U+0000")
}

fn check(good: bool, message: &'static str) -> Result<(), ValidationError> {
    if good { Ok(()) } else { Err(ValidationError::new("other").with_message(message.into())) }
}

fn field_error(code: &'static str, field: &str, problem: &str) -> ApiError {
    let fields = Fields::from([(field.to_owned(), vec![problem.to_owned()])]);
    ApiError::bad_request(code, format!("{field} {problem}"), fields)
}

fn invalid_form(sentence: &str) -> ApiError {
    ApiError::bad_request("invalid_form", sentence, Fields::new())
}

fn broken(error: &MultipartError) -> ApiError {
    if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
        return super::super::body::too_large(MAX_BODY_BYTES);
    }
    invalid_form("the form is broken: send it again")
}
