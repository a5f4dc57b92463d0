//! The door of clients that speak OpenAI's Realtime protocol: `GET /v1/realtime` and `GET /realtime`, WebSockets. Which
//! dialect a client speaks, and what it shows and wishes, is decided in `handshake`.

pub(super) mod handshake;
pub(super) mod limits;
pub(super) mod mint;
mod refusal;
pub(super) mod secrets;

use std::sync::Arc;

use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{WebSocket, WebSocketUpgrade};
use axum::extract::{OriginalUri, State};
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse, Response};

use super::Edge;
use super::ai::belongs_to;
use super::auth;
use super::browser::{check_origin, no_upgrade};
use super::error::{ApiError, ErrorBody, KeyRefusals};
use super::gate::{Guest, Seat};
use super::random::random;
use crate::call::{CallHandle, RealtimeStart, known_persona};
use crate::id::CallId;
use crate::sound::AudioFormat;
use crate::transport::realtime::{
    Dialect, ExtensionNames, RealtimeStream, SessionView, Turns, tuned, turn_away,
};
use handshake::{Handshake, ToldBy, Wishes};
use refusal::Refusal;

/// The model that is told of to who named none.
const DEFAULT_MODEL: &str = "gpt-realtime";
/// The kind of line.
const TRANSPORT: &str = "realtime";

/// Someone who was let in, and what they get.
struct Entry {
    dialect: Dialect,
    extensions: ExtensionNames,
    guest: Guest,
    seat: Seat,
    call_id: CallId,
    wishes: Wishes,
}

/// Speak with OpenAI's own clients
///
/// A WebSocket that speaks OpenAI's Realtime protocol, so that its clients connect by another base URL. Instructions,
/// tools and tool calls stay with the service. Events have their GA names, or those of the beta for a client that sends
/// the header `OpenAI-Beta: realtime=v1` or offers the subprotocol `openai-beta.realtime-v1`. Browsers show their key, or
/// a client secret, as the subprotocol `openai-insecure-api-key.<key>`, beside `realtime`, and are told why they are not
/// let in by an `error` event before the socket is closed.
#[utoipa::path(
    get, path = "/v1/realtime", tag = "Realtime", operation_id = "realtime",
    params(
        ("model" = Option<String>, Query,
            description = "A persona's key, alone or behind `persona:`; any other name says nothing"),
        ("persona" = Option<String>, Query, description = "Who speaks first, if the call is new"),
        ("call_id" = Option<String>, Query, description = "The call: a new one when absent", example = "visitor-1"),
        ("greet" = Option<String>, Query, description = "`true`: the persona speaks first; else `false`"),
        ("extensions" = Option<String>, Query,
            description = "How the event of a tool's output is named: `dotted` or `underscored`"),
    ),
    responses(
        (status = 101, description = "OpenAI's Realtime protocol"),
        (status = 400, description = "`invalid_value` or `unknown_persona`", body = ErrorBody),
        (status = 403, description = "`origin_not_allowed`: a page of another origin; `not_granted`: the client secret \
            was made for another call or persona", body = ErrorBody),
        (status = 426, description = "`upgrade_required`: this is no WebSocket's upgrade", body = ErrorBody),
        (status = 429, description = "`rate_limited`: the key has too many connections, or opened too many",
            body = ErrorBody),
        KeyRefusals,
    ),
)]
pub(super) async fn realtime(
    State(edge): State<Arc<Edge>>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    open(edge, &uri, &headers, upgrade).unwrap_or_else(IntoResponse::into_response)
}

/// Speak with OpenAI's own clients, of a base URL without `/v1`
///
/// The same as `/v1/realtime`. A front end that connects here without a model, a key or a subprotocol speaks the dialect
/// of the beta.
#[utoipa::path(
    get, path = "/realtime", tag = "Realtime", operation_id = "realtime_without_version",
    responses(
        (status = 101, description = "OpenAI's Realtime protocol"),
        (status = 400, description = "`invalid_value` or `unknown_persona`", body = ErrorBody),
        (status = 403, description = "`origin_not_allowed` or `not_granted`", body = ErrorBody),
        (status = 426, description = "`upgrade_required`", body = ErrorBody),
        (status = 429, description = "`rate_limited`", body = ErrorBody),
        KeyRefusals,
    ),
)]
pub(super) async fn realtime_without_version(
    State(edge): State<Arc<Edge>>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    open(edge, &uri, &headers, upgrade).unwrap_or_else(IntoResponse::into_response)
}

fn open(
    edge: Arc<Edge>,
    uri: &Uri,
    headers: &HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, ApiError> {
    // A page of another site is told nothing, not even by an event.
    check_origin(&edge, headers).inspect_err(|_| refusal::count("origin"))?;
    let upgrade = upgrade.map_err(|_| no_upgrade())?;
    let catalog = edge.state.library.catalog();
    let knows = |key: &str| catalog.persona(&key.into()).is_some();
    let handshake = Handshake::read(uri.path(), uri.query().unwrap_or_default(), headers, knows);
    let upgrade = tuned(upgrade).protocols(handshake.subprotocol);
    let (told_by, has_shown) = (handshake.told_by, handshake.credential.is_some());
    Ok(match (enter(&edge, handshake), told_by) {
        (Ok(entry), _) => upgrade.on_upgrade(move |socket| connect(edge, entry, socket)),
        (Err(refusal), ToldBy::Event) => upgrade.on_upgrade(move |socket| send_away(socket, refusal)),
        (Err(refusal), ToldBy::Answer) => auth::with_challenge(refusal.into_error(), has_shown),
    })
}

/// Whether a client is let in.
fn enter(edge: &Edge, handshake: Handshake) -> Result<Entry, Refusal> {
    let Handshake { dialect, extensions, credential, wishes, .. } = handshake;
    let guest = edge.gate.admit_socket(credential.as_deref());
    let guest = guest.ok_or_else(|| Refusal::new("key", auth::no_key()))?;
    let wishes = wishes.map_err(|bad| Refusal::new("query", bad.into()))?;
    let mut wishes = guest.settle(wishes).map_err(|error| Refusal::new("grant", error))?;
    if let Some(persona) = &wishes.persona {
        let known = known_persona(persona, &edge.state.library.catalog());
        known.map_err(|error| Refusal::new("persona", error.into()))?;
    }
    let call_id = match wishes.call_id.take() {
        Some(call_id) => call_id,
        None => fresh_id().ok_or_else(|| Refusal::new("internal", ApiError::internal()))?,
    };
    // Last, so that nobody's place is taken by a client that is not let in.
    let seat = edge.gate.seat(&guest).map_err(|error| Refusal::new("crowded", error))?;
    Ok(Entry { dialect, extensions, guest, seat, call_id, wishes })
}

/// The id of a call that nobody named.
fn fresh_id() -> Option<CallId> {
    format!("rt_{}", random()?).parse().ok()
}

/// Hands a new connection to its call, or says why not and closes it.
async fn connect(edge: Arc<Edge>, entry: Entry, socket: WebSocket) {
    match find_call(&edge, &entry).await {
        Ok(call) => {
            let Entry { dialect, extensions, seat, wishes, .. } = entry;
            let model = wishes.model.unwrap_or_else(|| DEFAULT_MODEL.to_owned());
            let first = first_view(&edge, &call);
            let stream = RealtimeStream { socket, dialect, extensions, model, first, place: Box::new(seat) };
            // A call that is gone closes the socket with the message.
            drop(call.attach_realtime(stream));
        }
        Err(refusal) => send_away(socket, refusal).await,
    }
}

/// How the session is before its call has shown it.
fn first_view(edge: &Edge, call: &CallHandle) -> SessionView {
    let catalog = edge.state.library.catalog();
    let persona = catalog.persona(&call.snapshot().persona);
    SessionView {
        format: AudioFormat::Pcm24k,
        turns: Turns::default(),
        voice: persona.map(|persona| persona.voice.clone()).unwrap_or_default(),
        is_spoken: true,
        is_transcribed: false,
    }
}

async fn find_call(edge: &Edge, entry: &Entry) -> Result<CallHandle, Refusal> {
    let (switchboard, id) = (&edge.state.switchboard, &entry.call_id);
    let call = match switchboard.existing(id).await? {
        Some(call) => call,
        None => {
            let business = edge.business_of(&entry.guest).await;
            let business = business.map_err(|error| Refusal::new("unavailable", error.into()))?;
            let Wishes { persona, greets, .. } = entry.wishes.clone();
            switchboard.realtime_call(id, RealtimeStart { persona, business, greets }).await?
        }
    };
    if call.snapshot().transport != TRANSPORT {
        return Err(Refusal::wrong_line());
    }
    if let Some(business) = entry.guest.business_id() {
        belongs_to(&call, business).await.map_err(|error| Refusal::new("business", error))?;
    }
    Ok(call)
}

/// Says why a client is not let in, and closes its socket.
async fn send_away(socket: WebSocket, refusal: Refusal) {
    let (code, sentence, close) = refusal.told();
    turn_away(socket, code, sentence, close).await;
}
