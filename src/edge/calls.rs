//! Looking at calls, following and ending them: `/ai/calls`.

use std::sync::Arc;

use axum::Json;
use axum::extract::{FromRequestParts, Path, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};

use super::Edge;
use super::error::{ApiError, CallRefusals, Fields, KeyRefusals, UnknownCall};
use super::events::{self, CallJournal, Tail, Until};
use super::view::{CallDetail, CallView, Done};
use crate::call::transcript::{Entry, Transcript};
use crate::call::{CallError, CallSnapshot, Logged};
use crate::id::CallId;
use crate::store::Store;
use crate::switchboard::SwitchboardError;

/// How many entries of a transcript are shown.
const SHOWN_ENTRIES: usize = 50;
/// How many events are read to find them, from the newest back: nearly always far more than enough.
const READ_EVENTS: u64 = 20_000;
/// How many of them at once.
const PAGE: usize = 512;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// The call a path names. Text that can be no id names no call.
pub(super) struct NamedCall(pub(super) CallId);

impl<S: Send + Sync> FromRequestParts<S> for NamedCall {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Path(text) =
            Path::<String>::from_request_parts(parts, state).await.map_err(|_| ApiError::unknown_call())?;
        text.parse().map(Self).map_err(|_| ApiError::unknown_call())
    }
}

/// List the live calls
#[utoipa::path(
    get, path = "/ai/calls", tag = "Calls", operation_id = "list_calls",
    responses((status = 200, description = "All live calls, oldest first", body = Vec<CallView>), KeyRefusals),
)]
pub(super) async fn list(State(edge): State<Arc<Edge>>) -> Json<Vec<CallView>> {
    Json(edge.state.switchboard.calls().into_iter().map(Into::into).collect())
}

/// Look at a call
///
/// As it stands, with its last 50 transcript entries.
#[utoipa::path(
    get, path = "/ai/calls/{call_id}", tag = "Calls", operation_id = "get_call",
    params(("call_id" = String, Path, description = "The call", example = "default")),
    responses(
        (status = 200, description = "The call", body = CallDetail),
        KeyRefusals, UnknownCall, CallRefusals,
    ),
)]
pub(super) async fn show(
    State(edge): State<Arc<Edge>>,
    NamedCall(call_id): NamedCall,
) -> Result<Json<CallDetail>, ApiError> {
    let snapshot = edge.state.switchboard.find(&call_id).await?.snapshot();
    let entries = newest_entries(&edge.state.store, &snapshot).await?;
    let transcript = entries.into_iter().map(Into::into).collect();
    Ok(Json(CallDetail { call: snapshot.into(), transcript }))
}

/// End a call
#[utoipa::path(
    delete, path = "/ai/calls/{call_id}", tag = "Calls", operation_id = "end_call",
    params(("call_id" = String, Path, description = "The call", example = "default")),
    responses(
        (status = 200, description = "The call has ended", body = Done),
        KeyRefusals, UnknownCall, CallRefusals,
    ),
)]
pub(super) async fn hang_up(
    State(edge): State<Arc<Edge>>,
    NamedCall(call_id): NamedCall,
) -> Result<Json<Done>, ApiError> {
    match edge.state.switchboard.find(&call_id).await?.hang_up().await {
        Ok(()) => Ok(Json(Done { ok: true })),
        // Somebody else ended it in between.
        Err(CallError::Ended) => Err(ApiError::unknown_call()),
        Err(error) => Err(error.into()),
    }
}

/// Follow a call
///
/// The call's events from the beginning of the conversation, or after `Last-Event-ID`, as they are journaled; the
/// stream ends with the call. Of a call that has ended, what the journal holds; 204 when nothing is left, so that a
/// browser's `EventSource` does not come again.
#[utoipa::path(
    get, path = "/ai/calls/{call_id}/events", tag = "Calls", operation_id = "follow_call",
    params(
        ("call_id" = String, Path, description = "The call", example = "default"),
        ("Last-Event-ID" = Option<u64>, Header, description = "The last event that was seen"),
    ),
    responses(
        (status = 200, description = "The events", body = super::view::CallEventView,
            content_type = "text/event-stream"),
        (status = 204, description = "The call has ended and all its events were seen"),
        (status = 400, description = "`invalid_value`: a `Last-Event-ID` that is no number",
            body = super::error::ErrorBody),
        KeyRefusals, UnknownCall, CallRefusals,
    ),
)]
pub(super) async fn events(
    State(edge): State<Arc<Edge>>,
    NamedCall(call_id): NamedCall,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let seen = last_event_id(&headers)?;
    let place = edge.streams.begin()?;
    let store = edge.state.store.clone();
    let (after, from, live) = match edge.state.switchboard.find(&call_id).await {
        Ok(call) => {
            let snapshot = call.snapshot();
            // Of what was never journaled nothing can have been seen.
            let after =
                seen.map_or(snapshot.first_seq.saturating_sub(1), |seen| seen.min(snapshot.journaled));
            (after, snapshot.first_seq, Some(call.watch()))
        }
        Err(SwitchboardError::UnknownCall(_)) => {
            let newest = store.latest_event(&call_id, None).await?.ok_or_else(ApiError::unknown_call)?;
            let began =
                store.latest_event(&call_id, Some("call.started")).await?.map_or(1, |event| event.seq);
            let after = seen.unwrap_or(began.saturating_sub(1));
            if after >= newest.seq {
                return Ok(StatusCode::NO_CONTENT.into_response());
            }
            (after, began, None)
        }
        Err(error) => return Err(error.into()),
    };
    let tail = Tail::new(CallJournal { store, call_id }, after, Until::CallEnded { from }, live);
    Ok(events::respond(tail, place, std::future::pending()))
}

fn last_event_id(headers: &HeaderMap) -> Result<Option<u64>, ApiError> {
    let Some(value) = headers.get(LAST_EVENT_ID) else {
        return Ok(None);
    };
    // A reader that has seen no event yet may send an empty one.
    if value.is_empty() {
        return Ok(None);
    }
    value.to_str().unwrap_or_default().trim().parse().map(Some).map_err(|_| {
        let problem = "must be the id of an event, a whole number";
        let fields = Fields::from([(LAST_EVENT_ID.to_string(), vec![problem.to_owned()])]);
        ApiError::bad_request("invalid_value", format!("{LAST_EVENT_ID} {problem}"), fields)
    })
}

/// The last entries of the conversation under way, from its journal.
async fn newest_entries(store: &Store, call: &CallSnapshot) -> Result<Vec<Entry>, ApiError> {
    let mut transcript = Transcript::new(SHOWN_ENTRIES);
    let mut after = call.first_seq.saturating_sub(1).max(call.journaled.saturating_sub(READ_EVENTS));
    while after < call.journaled {
        let page = store.events_after(&call.call_id, after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = last.seq;
        page.iter().filter_map(Logged::read).for_each(|logged| transcript.read(logged));
    }
    Ok(transcript.into_entries())
}

#[cfg(test)]
mod tests {
    use super::*;

    use axum::http::HeaderValue;

    fn parsed(value: &str) -> Result<Option<u64>, ApiError> {
        let mut headers = HeaderMap::new();
        headers.insert(LAST_EVENT_ID, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        last_event_id(&headers)
    }

    #[test]
    fn a_last_event_id_is_a_number_or_nothing() {
        assert_eq!(last_event_id(&HeaderMap::new()), Ok(None));
        assert_eq!(parsed(""), Ok(None));
        assert_eq!(parsed(" 17 "), Ok(Some(17)));
        for wrong in ["x", "-1", "1.5", "99999999999999999999", "é"] {
            assert_eq!(parsed(wrong).unwrap_err().told().1, "invalid_value", "{wrong}");
        }
    }
}
