//! Looking calls up: the log, and one conversation with all that came of it: `/api/calls`.

mod query;
mod view;

use std::sync::Arc;

use axum::Json;
use axum::extract::State;

use self::query::Conversation;
use self::view::{CallPage, CallRecord};
use super::Edge;
use super::calls::NamedCall;
use super::error::{ApiError, KeyRefusals, QueryRefusals, StoreRefusals, UnknownCall};
use super::query::Asked;
use crate::call::Logged;
use crate::call::account::{Account, Closed};
use crate::store::{CallQuery, FoundCall, Store, StoreError};

/// How many entries, tools and handoffs are shown of one conversation: the newest.
const SHOWN: usize = 1_000;
/// How many events are read to find them, from the newest back.
const READ_EVENTS: u64 = 20_000;
/// How many of them at once.
const PAGE: usize = 512;

/// Search the call log
///
/// Conversations that began, newest first, with what they cost. A call id that began anew, such as `default`, has one
/// for each time.
#[utoipa::path(
    get, path = "/api/calls", tag = "Records", operation_id = "search_calls",
    params(
        ("business_id" = Option<String>, Query, description = "Of this business"),
        ("from" = Option<String>, Query, description = "Begun at or after: RFC 3339, or a day (UTC)", example = "2026-03-01"),
        ("to" = Option<String>, Query, description = "Begun before this time (RFC 3339), or on this day (UTC) or before"),
        ("transport" = Option<String>, Query, description = "On this kind of line", example = "twilio"),
        ("q" = Option<String>, Query, description = "Words that were all said at once, whatever their case, by the caller \
            or the persona; or three digits or more of a number"),
        ("limit" = Option<u32>, Query, description = "1 to 200; 50 when absent"),
        ("cursor" = Option<String>, Query, description = "`next_cursor` of the page before"),
    ),
    responses(
        (status = 200, description = "A page of the log", body = CallPage),
        KeyRefusals, QueryRefusals, StoreRefusals,
    ),
)]
pub(super) async fn list(
    State(edge): State<Arc<Edge>>,
    Asked(query): Asked<CallQuery>,
) -> Result<Json<CallPage>, ApiError> {
    let limit = query.limit;
    // One more than the page, to know whether there is another.
    let calls = edge.state.store.calls(CallQuery { limit: limit + 1, ..query }).await?;
    Ok(Json(CallPage::new(calls, limit, &edge.state.prices)))
}

/// Look a call up
///
/// One conversation, live or over, with its transcript as it was heard, the tools and handoffs, and what it cost. Of a
/// long one the newest 1000 of each; `truncated` then says so.
#[utoipa::path(
    get, path = "/api/calls/{call_id}", tag = "Records", operation_id = "look_up_call",
    params(
        ("call_id" = String, Path, description = "The call", example = "default"),
        ("first_seq" = Option<u64>, Query, description = "Which of its conversations, as the log names them; the newest when absent"),
    ),
    responses(
        (status = 200, description = "The conversation", body = CallRecord),
        KeyRefusals, QueryRefusals, UnknownCall, StoreRefusals,
    ),
)]
pub(super) async fn show(
    State(edge): State<Arc<Edge>>,
    NamedCall(call_id): NamedCall,
    Asked(Conversation(first_seq)): Asked<Conversation>,
) -> Result<Json<CallRecord>, ApiError> {
    let store = &edge.state.store;
    let call = store.call(&call_id, first_seq).await?.ok_or_else(ApiError::unrecorded_call)?;
    let closed = account(store, &call).await?;
    Ok(Json(CallRecord::new(call.log, closed, &edge.state.prices)))
}

/// Reads the newest events of a conversation.
async fn account(store: &Store, call: &FoundCall) -> Result<Closed, StoreError> {
    let mut account = Account::new(SHOWN);
    let before = call.log.first_seq.saturating_sub(1);
    let mut after = before.max(call.newest_seq.saturating_sub(READ_EVENTS));
    if after > before {
        account.leave_out();
    }
    while after < call.newest_seq {
        let page = store.call_events(call, after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = last.seq;
        page.iter().filter_map(Logged::read).for_each(|logged| account.read(logged));
    }
    Ok(account.close())
}
