//! The routes of the REST API.
//!
//! Source: <https://www.twilio.com/docs/voice/api/call-resource>

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, Path, RawQuery, Request, State as Shown};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use jiff::Timestamp;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use url::form_urlencoded;

use super::super::call::{Command, Update};
use super::super::identity::sid;
use super::super::line::Handle;
use super::super::timeline::TimelineEvent;
use super::super::twiml::{Link, Method};
use super::super::webhook::Params;
use super::{ApiRequest, Fault, Shared, outbound};

/// Largest form.
const MAX_BODY: usize = 64 << 10;
/// Longest `Twiml` of an update, in characters.
const MAX_TWIML: usize = 4_000;
/// Longest `Body` of a message, in UTF-16 code units.
const MAX_MESSAGE: usize = 1_600;
/// How long a request without an answer is held before its connection is closed.
const SILENCE: Duration = Duration::from_secs(120);

pub(super) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/2010-04-01/Accounts/{account}/Calls.json", get(list).post(create))
        .route("/2010-04-01/Accounts/{account}/Calls/{call}", get(show).post(update))
        .route("/2010-04-01/Accounts/{account}/Messages.json", post(send))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(middleware::from_fn_with_state(Arc::clone(&shared), faulty))
        .with_state(shared)
}

/// Keeps the request, checks who asks, and lets the next fault happen.
async fn faulty(Shown(shared): Shown<Arc<Shared>>, request: Request, next: Next) -> Response {
    let method = request.method().to_string();
    let path = request.uri().path_and_query().map(ToString::to_string).unwrap_or_default();
    let (head, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, MAX_BODY).await else {
        return ApiError::new(413, 20_001, "the form is too large").into_response();
    };
    let form: Params = form_urlencoded::parse(&body).into_owned().collect();
    let keep = |status| {
        let (method, path, form) = (method.clone(), path.clone(), form.clone());
        shared.keep(ApiRequest { method, path, form, status });
    };
    if !is_admitted(&shared, &head.headers, head.uri.path()) {
        keep(Some(401));
        return ApiError::new(401, 20_003, "Authenticate").into_response();
    }
    let fault = shared.state().faults.pop_front();
    if let Some(Fault::Status(status)) = fault {
        keep(Some(status));
        let code = if status == 429 { 20_429 } else { 20_500 };
        return ApiError::new(status, code, "scripted").into_response();
    }
    if fault == Some(Fault::Silence) {
        keep(None);
        return silence().await;
    }
    let response = next.run(Request::from_parts(head, body.into())).await;
    if fault == Some(Fault::LostAnswer) {
        keep(None);
        return silence().await;
    }
    keep(Some(response.status().as_u16()));
    response
}

async fn silence() -> Response {
    tokio::time::sleep(SILENCE).await;
    StatusCode::GATEWAY_TIMEOUT.into_response()
}

/// HTTP Basic with the account's id and token, for the account of the path.
fn is_admitted(shared: &Shared, headers: &HeaderMap, path: &str) -> bool {
    let proof = format!("{}:{}", shared.account_sid, shared.token.expose_secret());
    let expected = format!("Basic {}", base64_simd::STANDARD.encode_to_string(proof));
    let shown = headers.get("authorization").map_or(&b""[..], |value| value.as_bytes());
    let is_own = path.starts_with(&format!("/2010-04-01/Accounts/{}/", shared.account_sid));
    is_own && bool::from(subtle::ConstantTimeEq::ct_eq(expected.as_bytes(), shown))
}

async fn list(Shown(shared): Shown<Arc<Shared>>, RawQuery(query): RawQuery) -> Json<Value> {
    let query = query.unwrap_or_default();
    let wanted: Vec<_> = form_urlencoded::parse(query.as_bytes()).collect();
    let fits = |call: &Handle| {
        wanted.iter().all(|(name, value)| match name.as_ref() {
            "To" => call.identity.to == *value,
            "From" => call.identity.from == *value,
            "Status" => call.record.read().status == value,
            // What else can be asked for, times and pages, does not narrow a list this short.
            _ => true,
        })
    };
    let calls: Vec<Handle> = shared.state().calls.iter().rev().filter(|call| fits(call)).cloned().collect();
    let calls: Vec<Value> = calls.iter().map(described).collect();
    Json(json!({"calls": calls, "page": 0, "page_size": calls.len(), "next_page_uri": null}))
}

async fn show(
    Shown(shared): Shown<Arc<Shared>>,
    Path((_, call)): Path<(String, String)>,
) -> Result<Json<Value>, ApiError> {
    Ok(Json(described(&known(&shared, &call)?)))
}

async fn create(Shown(shared): Shown<Arc<Shared>>, body: String) -> Result<Response, ApiError> {
    let form: Params = form_urlencoded::parse(body.as_bytes()).into_owned().collect();
    let handle = outbound::place(&shared, &form)?;
    Ok((StatusCode::CREATED, Json(described(&handle))).into_response())
}

async fn update(
    Shown(shared): Shown<Arc<Shared>>,
    Path((_, call)): Path<(String, String)>,
    body: String,
) -> Result<Json<Value>, ApiError> {
    let handle = known(&shared, &call)?;
    let form: Params = form_urlencoded::parse(body.as_bytes()).into_owned().collect();
    let (update, told) = wanted(&form)?;
    let (has_ended, status) = {
        let state = handle.record.read();
        (state.ended_s.is_some(), state.status)
    };
    if has_ended {
        return Err(ApiError::new(400, 21_220, "Invalid call state: the call is not in-progress"));
    }
    if matches!(update, Update::Canceled) && !matches!(status, "queued" | "ringing") {
        return Err(ApiError::new(400, 21_220, "Invalid call state: the call was answered"));
    }
    handle.record.note(TimelineEvent::Updated { to: told });
    handle
        .commands
        .try_send(Command::Update(update))
        .map_err(|_| ApiError::new(400, 21_220, "Invalid call state: the call is ending"))?;
    Ok(Json(described(&handle)))
}

/// Takes a message. Nobody reads it: the test finds it among the requests.
async fn send(Shown(shared): Shown<Arc<Shared>>, body: String) -> Result<Response, ApiError> {
    let form: Params = form_urlencoded::parse(body.as_bytes()).into_owned().collect();
    let needed = |name, code, message| {
        field(&form, name).filter(|value| !value.is_empty()).ok_or(ApiError::new(400, code, message))
    };
    let to = needed("To", 21_604, "A 'To' phone number is required.")?;
    let from = needed("From", 21_603, "A 'From' phone number is required.")?;
    let text = needed("Body", 21_602, "Message body is required.")?;
    if text.encode_utf16().count() > MAX_MESSAGE {
        return Err(ApiError::new(
            400,
            21_617,
            "The concatenated message body exceeds the 1600 character limit.",
        ));
    }
    let message = json!({
        "sid": sid("SM"),
        "account_sid": shared.account_sid,
        "api_version": "2010-04-01",
        "from": from,
        "to": to,
        "body": text,
        "direction": "outbound-api",
        "status": "queued",
        "date_created": rfc2822(Timestamp::now()),
    });
    Ok((StatusCode::CREATED, Json(message)).into_response())
}

/// What an update asks for, and how the timeline tells it.
fn wanted(form: &[(String, String)]) -> Result<(Update, String), ApiError> {
    if let Some(link) = link(form, "Url", "Method") {
        let told = link.url.clone();
        return Ok((Update::Url(link), told));
    }
    if let Some(twiml) = field(form, "Twiml") {
        if twiml.chars().count() > MAX_TWIML {
            return Err(ApiError::new(400, 21_207, "Twiml is longer than 4000 characters"));
        }
        return Ok((Update::Twiml(twiml.to_owned()), "Twiml".to_owned()));
    }
    match field(form, "Status") {
        Some("completed") => Ok((Update::Completed, "Status=completed".to_owned())),
        Some("canceled") => Ok((Update::Canceled, "Status=canceled".to_owned())),
        Some(_) => Err(ApiError::new(400, 21_218, "Status is completed or canceled")),
        None => Err(ApiError::new(400, 20_001, "one of Url, Twiml and Status is needed")),
    }
}

fn known(shared: &Shared, call: &str) -> Result<Handle, ApiError> {
    let found = call.strip_suffix(".json").and_then(|call_sid| shared.find(call_sid));
    found.ok_or_else(|| ApiError::new(404, 20_404, "The requested resource was not found"))
}

pub(super) fn field<'a>(form: &'a [(String, String)], name: &str) -> Option<&'a str> {
    form.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
}

pub(super) fn link(form: &[(String, String)], url: &str, method: &str) -> Option<Link> {
    let method = if field(form, method) == Some("GET") { Method::Get } else { Method::Post };
    field(form, url).map(|url| Link { url: url.to_owned(), method })
}

fn described(call: &Handle) -> Value {
    let (status, ended_s) = {
        let state = call.record.read();
        (state.status, state.ended_s)
    };
    let identity = &call.identity;
    json!({
        "sid": identity.call_sid,
        "account_sid": identity.account_sid,
        "api_version": "2010-04-01",
        "from": identity.from,
        "to": identity.to,
        "direction": identity.direction,
        "status": status,
        "date_created": rfc2822(call.record.created),
        "duration": ended_s.map(|seconds| seconds.to_string()),
        "parent_call_sid": identity.parent,
        "uri": format!("/2010-04-01/Accounts/{}/Calls/{}.json", identity.account_sid, identity.call_sid),
    })
}

/// A time as Twilio's API tells it.
fn rfc2822(at: Timestamp) -> Option<String> {
    jiff::fmt::rfc2822::to_string(&at.to_zoned(jiff::tz::TimeZone::UTC)).ok()
}

/// An error in Twilio's words.
#[derive(Debug)]
pub(super) struct ApiError {
    status: u16,
    code: u32,
    message: &'static str,
}

impl ApiError {
    pub(super) fn new(status: u16, code: u32, message: &'static str) -> Self {
        Self { status, code, message }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let Self { status, code, message } = self;
        let more_info = format!("https://www.twilio.com/docs/errors/{code}");
        let body = json!({"code": code, "message": message, "more_info": more_info, "status": status});
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, Json(body)).into_response()
    }
}
