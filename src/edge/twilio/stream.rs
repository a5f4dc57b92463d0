//! The sound of a call: `GET /api/twilio/stream`, a WebSocket. It is Twilio's by its signature, and the call's by a
//! pass that we gave out, for that call, once.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{WebSocket, WebSocketUpgrade, rejection::WebSocketUpgradeRejection};
use axum::extract::{OriginalUri, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use super::super::Edge;
use super::super::error::{ApiError, ErrorBody};
use super::passes::PassError;
use super::signed::{WebhookRefusals, believe_upgrade};
use super::voice::call_id;
use super::with;
use crate::call::CallHandle;
use crate::protocol::twilio::stream::Start;
use crate::transport::twilio::{MediaStream, meet, tuned};

/// A socket must have shown whose it is within this.
const START_LIMIT: Duration = Duration::from_secs(5);
/// The parameter that holds the pass.
const CALL_TOKEN: &str = "call_token";

/// Stream a call
///
/// Twilio opens this WebSocket as `/api/twilio/voice` told it. A stream that does not show within 5 s the token that
/// was given to its call is closed with 1008.
#[utoipa::path(
    get, path = "/api/twilio/stream", tag = "Phone", operation_id = "twilio_stream", security(()),
    responses(
        (status = 101, description = "Twilio's Media Streams protocol"),
        (status = 426, description = "`upgrade_required`: this is no WebSocket's upgrade", body = ErrorBody),
        (status = 429, description = "`too_many_streams`: too many streams wait to show whose they are",
            body = ErrorBody),
        WebhookRefusals,
    ),
)]
pub(in crate::edge) async fn stream(
    State(edge): State<Arc<Edge>>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, ApiError> {
    believe_upgrade(&edge.state.phone, &uri, &headers)?;
    let upgrade = upgrade.map_err(|_| no_upgrade())?;
    let place = Arc::clone(&edge.desk.waiting_streams).try_acquire_owned().map_err(|_| too_many())?;
    Ok(tuned(upgrade).on_upgrade(move |socket| admit(edge, socket, place)))
}

/// Hands a new stream to its call, or closes it.
async fn admit(edge: Arc<Edge>, socket: WebSocket, place: OwnedSemaphorePermit) {
    match meet(socket, START_LIMIT).await {
        Ok((start, stream)) => match owner(&edge, &start) {
            Ok(call) => {
                if call.attach(stream).is_err() {
                    // The socket closes with the message; Twilio then asks what to do next.
                    refused("gone");
                }
            }
            Err(why) => {
                refused(why);
                refuse(stream).await;
            }
        },
        Err(error) => {
            tracing::debug!(error = %error, "a stream did not say whose it is");
            refused("no_start");
        }
    }
    drop(place);
}

/// The call a stream belongs to, or why it belongs to none.
fn owner(edge: &Edge, start: &Start) -> Result<CallHandle, &'static str> {
    let id = call_id(&start.call_sid).map_err(|_| "token")?;
    let shown = start.custom_parameters.get(CALL_TOKEN).map_or("", String::as_str);
    let taken =
        with(&edge.desk.passes, |passes| passes.redeem(&id, &start.account_sid, shown, Instant::now()));
    taken.map_err(|error| match error {
        PassError::Pass => "token",
        PassError::Account => "account",
    })?;
    edge.state.switchboard.live(&id).ok_or("gone")
}

async fn refuse(stream: MediaStream) {
    stream.refuse().await;
}

fn refused(why: &'static str) {
    metrics::counter!("ai_realtime_twilio_streams_refused_total", "reason" => why).increment(1);
    tracing::warn!(why, "a stream was refused");
}

fn too_many() -> ApiError {
    refused("waiting");
    let sentence = "too many streams wait to show whose they are: try again in a moment";
    ApiError::new(StatusCode::TOO_MANY_REQUESTS, "too_many_streams", sentence).retry_after(1)
}

fn no_upgrade() -> ApiError {
    let sentence = "this is a WebSocket: ask with the headers of an upgrade";
    ApiError::new(StatusCode::UPGRADE_REQUIRED, "upgrade_required", sentence)
}
