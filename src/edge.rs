//! The HTTP edge: takes requests, knows who may make them, and tells calls what was asked. It knows nothing of the
//! model.

mod ai;
mod auth;
mod body;
mod browser;
mod businesses;
mod calls;
mod docs;
mod error;
mod events;
mod gate;
mod health;
mod knowledge;
pub mod listener;
mod once;
mod query;
mod random;
mod realtime;
mod records;
mod request;
mod settings;
mod twilio;
mod view;

use std::any::Any;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::DefaultBodyLimit;
use axum::http::{Method, StatusCode};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use tokio::sync::Semaphore;
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::config::{Config, RealtimeSettings};
use crate::knowledge::Knowledge;
use crate::persona::Library;
use crate::secret::ApiKeys;
use crate::session::Provider;
use crate::store::{Directory, Store};
use crate::switchboard::Switchboard;
use crate::telemetry::Figures;
use crate::usage::prices::Prices;

use error::ApiError;
use events::Streams;
use gate::Gate;
use twilio::Desk;

pub use browser::Origins;
pub use twilio::Phone;

/// How many streams of events may be open for each call the node may hold.
const STREAMS_PER_CALL: usize = 2;

/// What the edge stands on.
#[derive(Debug)]
pub struct EdgeState {
    /// The calls.
    pub switchboard: Switchboard,
    /// The personas.
    pub library: Library,
    /// The journal's home.
    pub store: Store,
    /// Whose caller a caller is.
    pub directory: Directory,
    /// What models cost.
    pub prices: Prices,
    /// Where the model is.
    pub provider: Provider,
    /// The documents.
    pub knowledge: Knowledge,
    /// What `/metrics` shows.
    pub figures: Figures,
    /// How Twilio and we reach and believe each other.
    pub phone: Phone,
    /// Whose pages may connect.
    pub origins: Origins,
    /// What the settings say of the edge.
    pub settings: EdgeSettings,
}

/// The settings that concern the edge.
#[derive(Debug, Clone)]
pub struct EdgeSettings {
    /// The keys clients must show.
    pub api_keys: ApiKeys,
    /// Which model answers.
    pub model: ModelKind,
    /// How many streams of events may be open at once; the next is answered 503.
    pub max_event_streams: usize,
    /// How many calls the node may hold.
    pub max_calls: u32,
    /// How many connections and client secrets a key may have.
    pub realtime: RealtimeSettings,
}

/// Which model answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModelKind {
    /// OpenAI's, or Azure's.
    OpenAi,
    /// The built-in one.
    Rehearsal,
}

impl ModelKind {
    fn label(self) -> &'static str {
        match self {
            Self::OpenAi => "openai",
            Self::Rehearsal => "rehearsal",
        }
    }
}

impl From<&Config> for EdgeSettings {
    fn from(config: &Config) -> Self {
        let has_key = config.openai_api_key.is_some();
        let calls = usize::try_from(config.max_calls).unwrap_or(usize::MAX);
        Self {
            api_keys: config.api_keys.clone(),
            model: if has_key { ModelKind::OpenAi } else { ModelKind::Rehearsal },
            max_event_streams: calls.saturating_mul(STREAMS_PER_CALL),
            max_calls: config.max_calls,
            realtime: config.realtime.clone(),
        }
    }
}

/// What handlers share.
#[derive(Debug)]
struct Edge {
    state: EdgeState,
    /// Who is let in.
    gate: Arc<Gate>,
    streams: Streams,
    /// Places for documents that come in.
    uploads: Arc<Semaphore>,
    /// What is remembered between one request of Twilio's and the next.
    desk: Desk,
    /// `/openapi.json`, made once.
    description: Bytes,
}

/// The whole API.
pub fn router(state: EdgeState) -> Router {
    let gate = Arc::new(Gate::new(state.settings.api_keys.clone(), &state.settings.realtime));
    let (routes, description) = routes(Arc::clone(&gate)).split_for_parts();
    let edge = Edge {
        gate,
        streams: Streams::new(state.settings.max_event_streams),
        uploads: Arc::new(Semaphore::new(knowledge::MAX_UPLOADS)),
        desk: Desk::new(&state.store),
        // A description that cannot be written would be a mistake of ours that a test finds.
        description: description.to_json().unwrap_or_default().into(),
        state,
    };
    dress(routes.with_state(Arc::new(edge)))
}

/// Every route. Method and path stand above each handler, from where the description is made too.
fn routes(gate: Arc<Gate>) -> OpenApiRouter<Arc<Edge>> {
    let behind_a_key = OpenApiRouter::with_openapi(docs::Description::openapi())
        .routes(routes!(ai::say))
        .routes(routes!(ai::activate))
        .routes(routes!(ai::personas))
        .routes(routes!(calls::list, twilio::outbound::place))
        .routes(routes!(calls::show, calls::hang_up))
        .routes(routes!(calls::events))
        .routes(routes!(twilio::transfer::transfer))
        .routes(routes!(businesses::list))
        .routes(routes!(businesses::show, businesses::put, businesses::delete))
        .routes(routes!(settings::show))
        .routes(routes!(settings::put, settings::delete))
        .routes(routes!(records::list))
        .routes(routes!(records::show))
        .routes(routes!(health::metrics))
        .routes(routes!(realtime::mint::create))
        .merge(documents())
        .route_layer(from_fn_with_state(Arc::clone(&gate), auth::require_key));
    let sockets = OpenApiRouter::new()
        .routes(routes!(browser::audio))
        .route_layer(from_fn_with_state(gate, auth::require_key_of_socket));
    // These see to it themselves: some of their clients cannot read an answer that is no upgrade.
    let realtime = OpenApiRouter::new()
        .routes(routes!(realtime::realtime))
        .routes(routes!(realtime::realtime_without_version));
    let open = OpenApiRouter::new()
        .routes(routes!(health::healthz))
        .routes(routes!(health::readyz))
        .routes(routes!(docs::openapi))
        .routes(routes!(docs::page))
        .routes(routes!(browser::page));
    behind_a_key.merge(sockets).merge(realtime).merge(open).merge(webhooks())
}

/// What callers are answered from. Documents may be larger than other bodies.
fn documents() -> OpenApiRouter<Arc<Edge>> {
    let large = OpenApiRouter::new()
        .routes(routes!(knowledge::add, knowledge::list))
        .layer(DefaultBodyLimit::max(knowledge::MAX_BODY_BYTES));
    let small = OpenApiRouter::new()
        .routes(routes!(knowledge::show, knowledge::delete))
        .routes(routes!(knowledge::query));
    large.merge(small)
}

/// What Twilio asks: behind its signature, never behind a key.
fn webhooks() -> OpenApiRouter<Arc<Edge>> {
    OpenApiRouter::new()
        .routes(routes!(twilio::voice::voice))
        .routes(routes!(twilio::stream::stream))
        .routes(routes!(twilio::resume::resume))
        .routes(routes!(twilio::status::status))
        .routes(routes!(twilio::resume::whisper))
        .routes(routes!(twilio::message::message))
}

/// Puts round routes what every request needs: answers for what is not there, limits, and a log line.
fn dress(routes: Router) -> Router {
    routes
        .fallback(unknown_route)
        .method_not_allowed_fallback(wrong_method)
        .layer(DefaultBodyLimit::max(body::MAX_BODY_BYTES))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn(request::attend))
}

async fn unknown_route() -> ApiError {
    ApiError::new(
        StatusCode::NOT_FOUND,
        "unknown_route",
        "there is no such route: GET /docs lists all of them",
    )
}

/// The `allow` header is added by the router.
async fn wrong_method(method: Method) -> Response {
    if method == Method::OPTIONS {
        return StatusCode::NO_CONTENT.into_response();
    }
    let sentence = "this route does not take that method: the allow header lists those it takes";
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", sentence).into_response()
}

/// The panic itself is logged where it happens.
fn panicked(_panic: Box<dyn Any + Send>) -> Response {
    ApiError::internal().into_response()
}

#[cfg(test)]
fn describe() -> utoipa::openapi::OpenApi {
    let settings = Config::load(|_| None).unwrap_or_else(|error| unreachable!("{error}")).realtime;
    routes(Arc::new(Gate::new(ApiKeys::default(), &settings))).split_for_parts().1
}

#[cfg(test)]
mod tests;
