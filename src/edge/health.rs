//! How the service is, for people, load balancers and Prometheus: `/healthz`, `/readyz`, `/metrics`.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;

use super::Edge;
use super::error::{ApiError, ErrorBody, KeyRefusals};
use super::view::{Health, Ready, Waiting};
use crate::call::CallError;
use crate::store::{Backlog, StoreError};
use crate::switchboard::SwitchboardError;

/// How long the store may take to say that it is there: less than a load balancer waits.
const PING_LIMIT: Duration = Duration::from_secs(2);
const PROMETHEUS_TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// See that the service is alive
#[utoipa::path(
    get, path = "/healthz", tag = "Service", operation_id = "healthz", security(()),
    responses((status = 200, description = "It is", body = Health)),
)]
pub(super) async fn healthz(State(edge): State<Arc<Edge>>) -> Json<Health> {
    let state = &edge.state;
    Json(Health {
        ok: true,
        persona: state.switchboard.default_persona().to_string(),
        service: env!("CARGO_PKG_NAME"),
        calls: state.switchboard.calls().len(),
        model: state.settings.model.label(),
        store: state.store.kind(),
        version: env!("CARGO_PKG_VERSION"),
    })
}

/// See that the service can take calls
#[utoipa::path(
    get, path = "/readyz", tag = "Service", operation_id = "readyz", security(()),
    responses(
        (status = 200, description = "It can", body = Ready),
        (status = 503, description = "`draining`, `store_unavailable` or `model_unavailable`; the latter two also say \
            what waits to be delivered", body = ErrorBody),
    ),
)]
pub(super) async fn readyz(State(edge): State<Arc<Edge>>) -> Result<Json<Ready>, Response> {
    if edge.state.switchboard.is_draining() {
        return Err(ApiError::from(SwitchboardError::Draining).into_response());
    }
    let limit_ms = PING_LIMIT.as_millis().try_into().unwrap_or(u64::MAX);
    let ping = tokio::time::timeout(PING_LIMIT, edge.state.store.ping()).await;
    let ping = ping.unwrap_or(Err(StoreError::Timeout { limit_ms }));
    let backlog = edge.state.store.backlog().await;
    match (ping, backlog) {
        (Ok(()), Ok(backlog)) if edge.state.provider.is_away() => Err(model_away(backlog)),
        (Ok(()), Ok(backlog)) => Ok(Json(Ready { ok: true, outbox: backlog.map(Waiting::of) })),
        (Err(error), backlog) => Err(not_ready(error, backlog.ok().flatten())),
        (Ok(()), Err(error)) => Err(not_ready(error, None)),
    }
}

/// Says what is out of reach, and how much waits for it.
fn not_ready(error: StoreError, backlog: Option<Backlog>) -> Response {
    let outbox = backlog.map(Waiting::of);
    ApiError::from(error)
        .with("store", "away".into())
        .with("outbox", serde_json::json!(outbox))
        .into_response()
}

/// No endpoint of the model can be had now.
fn model_away(backlog: Option<Backlog>) -> Response {
    ApiError::from(CallError::ModelUnavailable)
        .with("model", "away".into())
        .with("outbox", serde_json::json!(backlog.map(Waiting::of)))
        .into_response()
}

impl Waiting {
    fn of(backlog: Backlog) -> Self {
        let age = backlog.oldest.map_or(0, |oldest| Timestamp::now().as_second() - oldest.as_second());
        Self { events: backlog.events, oldest_s: u64::try_from(age).unwrap_or(0) }
    }
}

/// Read the figures
#[utoipa::path(
    get, path = "/metrics", tag = "Service", operation_id = "metrics",
    responses((status = 200, description = "Prometheus text", body = String, content_type = "text/plain"), KeyRefusals),
)]
pub(super) async fn metrics(State(edge): State<Arc<Edge>>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, PROMETHEUS_TEXT)], edge.state.figures.render())
}
