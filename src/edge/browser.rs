//! The door of browsers: `GET /ws/audio/{session_id}`, a WebSocket, and `GET /try`, a page that speaks through it.

mod origin;

use std::sync::Arc;

use axum::Extension;
use axum::extract::rejection::QueryRejection;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{WebSocket, WebSocketUpgrade};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use serde::Deserialize;

use super::Edge;
use super::ai::belongs_to;
use super::error::{ApiError, ErrorBody, Fields, KeyRefusals};
use super::gate::{Guest, Seat};
use super::realtime::handshake;
use crate::call::{BrowserStart, CallError, CallHandle};
use crate::id::{CallId, PersonaKey};
use crate::protocol::browser::ServerMessage;
use crate::switchboard::SwitchboardError;
use crate::transport::browser::{BrowserStream, tuned, turn_away};

/// The subprotocols a browser may offer beside its key; the answer takes one of these, never the key.
const SUBPROTOCOLS: [&str; 2] = ["ai-realtime", "realtime"];
/// Policy violation, and "try again later".
const REFUSED: u16 = 1008;
const LATER: u16 = 1013;

/// The page holds its own script, style and worklets, and asks nobody but this service.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'unsafe-inline' blob:; worker-src blob:; \
                           style-src 'unsafe-inline'; connect-src 'self'; base-uri 'none'; form-action 'none'; \
                           frame-ancestors 'none'";

/// What a connection may ask for.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Wishes {
    /// Who speaks first, if the call is new.
    persona: Option<PersonaKey>,
}

/// Someone who was let in, and what they get.
struct Entry {
    id: CallId,
    persona: Option<PersonaKey>,
    guest: Guest,
    seat: Seat,
}

/// Speak from a browser
///
/// A WebSocket of JSON messages; audio is base64 of 16-bit little-endian PCM, 24 kHz, mono. In: `audio {data}`,
/// `text {text}`, `persona {key}`, `played {ms, clear?}`. Out: `ready {call_id, format, sample_rate}`, `audio {data}`,
/// `clear {clear}`, `transcript {role, text, final, item_id?, interrupted?}`, `persona {key}`, `tool {name, status}`,
/// `error {code, error}`, `ended {reason}`. A second connection of the same session takes the line over, and the
/// conversation goes on; one that is lost is waited for 30 s. Browsers may show their key as the subprotocol
/// `openai-insecure-api-key.<key>`, beside `ai-realtime`.
#[utoipa::path(
    get, path = "/ws/audio/{session_id}", tag = "Browser", operation_id = "browser_audio",
    params(
        ("session_id" = String, Path, description = "The call: 1 to 128 of A-Z, a-z, 0-9, '.', '_', ':' and '-'",
            example = "visitor-1"),
        ("persona" = Option<String>, Query, description = "Who speaks first, if the call is new"),
    ),
    responses(
        (status = 101, description = "The protocol above"),
        (status = 400, description = "`invalid_value`: a session id that can be none", body = ErrorBody),
        (status = 403, description = "`origin_not_allowed`: a page of another origin; `not_granted`: the client secret \
            was made for another call or persona", body = ErrorBody),
        (status = 426, description = "`upgrade_required`: this is no WebSocket's upgrade", body = ErrorBody),
        (status = 429, description = "`rate_limited`: the key has too many connections, or opened too many",
            body = ErrorBody),
        KeyRefusals,
    ),
)]
pub(super) async fn audio(
    State(edge): State<Arc<Edge>>,
    Extension(guest): Extension<Guest>,
    Path(session_id): Path<String>,
    wishes: Result<Query<Wishes>, QueryRejection>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, ApiError> {
    check_origin(&edge, &headers).inspect_err(|_| refused("origin"))?;
    let id: CallId = session_id.parse().map_err(|_| invalid_id())?;
    let upgrade = upgrade.map_err(|_| no_upgrade())?;
    // Of what cannot be read nothing is wished.
    let Wishes { persona } = wishes.map(|Query(wishes)| wishes).unwrap_or_default();
    let wished = handshake::Wishes { persona, call_id: Some(id.clone()), ..handshake::Wishes::default() };
    let persona = guest.settle(wished).inspect_err(|_| refused("grant"))?.persona;
    let seat = edge.gate.seat(&guest).inspect_err(|_| refused("crowded"))?;
    let entry = Entry { id, persona, guest, seat };
    Ok(tuned(upgrade).protocols(SUBPROTOCOLS).on_upgrade(move |socket| admit(edge, entry, socket)))
}

/// Whether a page of this origin may connect.
///
/// # Errors
/// What to tell its browser.
pub(super) fn check_origin(edge: &Edge, headers: &HeaderMap) -> Result<(), ApiError> {
    if edge.state.origins.allow(headers) {
        return Ok(());
    }
    let sentence = "pages of this origin may not connect: name it in ALLOWED_ORIGINS";
    Err(ApiError::new(StatusCode::FORBIDDEN, "origin_not_allowed", sentence))
}

/// Hands a new connection to its call, or says why not and closes it.
async fn admit(edge: Arc<Edge>, entry: Entry, socket: WebSocket) {
    match find_call(&edge, &entry).await {
        // A call that is gone closes the socket with the message.
        Ok(call) => drop(call.attach_browser(BrowserStream { socket, place: Box::new(entry.seat) })),
        Err((why, code)) => turn_away(socket, &why, code).await,
    }
}

async fn find_call(edge: &Edge, entry: &Entry) -> Result<CallHandle, (ServerMessage, u16)> {
    let (switchboard, id) = (&edge.state.switchboard, &entry.id);
    // Whose caller it is has to be known of a new call only: nobody who comes back waits for the store.
    let call = match switchboard.existing(id).await.map_err(turned_away)? {
        Some(call) => call,
        None => {
            let business = edge.business_of(&entry.guest).await.map_err(|error| unlisted(&error.into()))?;
            let start = BrowserStart { persona: entry.persona.clone(), business };
            switchboard.browser_call(id, start).await.map_err(turned_away)?
        }
    };
    let call = of_a_browser(call)?;
    if let Some(business) = entry.guest.business_id() {
        belongs_to(&call, business).await.map_err(|error| foreign(&error))?;
    }
    Ok(call)
}

/// The call is not one of the business the client's secret was made for.
fn foreign(error: &ApiError) -> (ServerMessage, u16) {
    refused("business");
    let code = if error.is_passing() { LATER } else { REFUSED };
    (ServerMessage::error(error.code(), error.sentence()), code)
}

/// It could not be looked up whose caller this is.
fn unlisted(error: &ApiError) -> (ServerMessage, u16) {
    refused("unavailable");
    (ServerMessage::error(error.code(), "the store does not answer: try again later"), LATER)
}

fn of_a_browser(call: CallHandle) -> Result<CallHandle, (ServerMessage, u16)> {
    if call.snapshot().transport == "browser" {
        return Ok(call);
    }
    refused("line");
    let sentence = "a call of this id is under way on another line: choose another session id";
    Err((ServerMessage::error("wrong_line", sentence), REFUSED))
}

fn turned_away(error: SwitchboardError) -> (ServerMessage, u16) {
    let (why, code) = match &error {
        SwitchboardError::AtCapacity { .. } => ("capacity", LATER),
        SwitchboardError::Draining => ("draining", LATER),
        SwitchboardError::Call(CallError::UnknownPersona { .. }) => ("persona", REFUSED),
        SwitchboardError::UnknownCall(_) | SwitchboardError::Call(_) => ("unavailable", LATER),
    };
    refused(why);
    let sentence = error.to_string();
    (ServerMessage::error(ApiError::from(error).code(), sentence), code)
}

fn refused(why: &'static str) {
    metrics::counter!("ai_realtime_browser_refused_total", "reason" => why).increment(1);
    tracing::warn!(why, "a browser was turned away");
}

fn invalid_id() -> ApiError {
    let problem = "must be 1 to 128 characters of A-Z, a-z, 0-9, '.', '_', ':' and '-'";
    let fields = Fields::from([("session_id".to_owned(), vec![problem.to_owned()])]);
    ApiError::bad_request("invalid_value", format!("the session id {problem}"), fields)
}

pub(super) fn no_upgrade() -> ApiError {
    let sentence = "this is a WebSocket: ask with the headers of an upgrade";
    ApiError::new(StatusCode::UPGRADE_REQUIRED, "upgrade_required", sentence)
}

/// Speak with a persona in a browser
#[utoipa::path(
    get, path = "/try", tag = "Browser", operation_id = "try_page", security(()),
    responses((status = 200, description = "A page", content_type = "text/html")),
)]
pub(super) async fn page() -> impl IntoResponse {
    const POLICY: HeaderName = header::CONTENT_SECURITY_POLICY;
    const PERMISSIONS: HeaderName = HeaderName::from_static("permissions-policy");
    let headers = [(POLICY, HeaderValue::from_static(PAGE_POLICY)), (PERMISSIONS, OWN_MICROPHONE)];
    (headers, Html(include_str!("browser/try.html")))
}

const OWN_MICROPHONE: HeaderValue = HeaderValue::from_static("microphone=(self)");

pub use origin::Origins;

#[cfg(test)]
mod tests {
    #[test]
    fn the_page_needs_nothing_from_elsewhere_and_writes_no_html_from_data() {
        let page = include_str!("browser/try.html");
        for outside in
            ["http://", "https://", "src=", "@import", "innerHTML", "insertAdjacent", "document.write"]
        {
            assert!(!page.contains(outside), "{outside}");
        }
    }
}
