//! What the answers of `/api/calls` hold.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::query::cursor;
use crate::call::account::Closed;
use crate::edge::query::cut_to_page;
use crate::edge::view::{EntryView, HandoffView, ToolUseView};
use crate::store::{CallLog, LogState};
use crate::usage::prices::{CURRENCY, Cost, Prices};
use crate::usage::{ModelUsage, Usage, total};

/// A page of the call log.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::edge) struct CallPage {
    /// Newest first.
    calls: Vec<LoggedCall>,
    /// What to give as `cursor` for the next page; null on the last.
    next_cursor: Option<String>,
}

/// A conversation, as the log has it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "call_id": "default", "first_seq": 1, "business_id": null, "transport": "text", "direction": null, "from": null,
    "to": null, "persona": "waiter", "state": "ended", "started_at": "2026-03-01T12:00:00Z",
    "ended_at": "2026-03-01T12:01:30Z", "duration_ms": 90000, "end_reason": "hung_up", "turns": 2,
    "usage": {"input_tokens": 1500, "output_tokens": 300, "models": {"rehearsal": {
        "input_tokens": 1500, "output_tokens": 300, "input_text": 1500, "output_text": 300}}},
    "cost": "0", "currency": "USD",
}))]
pub(in crate::edge) struct LoggedCall {
    call_id: String,
    /// The number of the event it begins with: with `call_id` it names the conversation.
    first_seq: u64,
    /// Whose caller it is.
    business_id: Option<String>,
    /// The kind of line.
    transport: String,
    /// `inbound` or `outbound`; null for a text call.
    direction: Option<String>,
    /// Who called.
    from: Option<String>,
    /// Who was called.
    to: Option<String>,
    /// Who speaks, or spoke last.
    persona: Option<String>,
    /// `live` or `ended`.
    state: &'static str,
    #[schema(format = DateTime)]
    started_at: String,
    #[schema(format = DateTime)]
    ended_at: Option<String>,
    /// Null while it goes on.
    duration_ms: Option<u64>,
    /// Why it ended, such as `hung_up`.
    end_reason: Option<String>,
    /// Turns begun.
    turns: u64,
    usage: LoggedUsage,
    /// What the model's tokens cost, a decimal number; null when that is not known.
    cost: Option<String>,
    /// ISO 4217.
    currency: &'static str,
    /// Why the cost is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    cost_note: Option<String>,
}

/// Tokens of a conversation.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in crate::edge) struct LoggedUsage {
    input_tokens: u64,
    output_tokens: u64,
    /// By model and kind.
    models: BTreeMap<String, TokensView>,
}

/// Tokens of one model. Of what it read, the cached shares are counted in `input_text` and `input_audio`, too; a kind
/// that is absent is 0.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in crate::edge) struct TokensView {
    #[serde(flatten)]
    #[schema(value_type = BTreeMap<String, u64>)]
    tokens: Usage,
}

/// A conversation with all that came of it.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::edge) struct CallRecord {
    call: LoggedCall,
    /// What was said and done, oldest first; of what the caller did not hear to its end, `heard` is what they heard.
    transcript: Vec<EntryView>,
    /// The tools it used, in the order they were started.
    tools: Vec<ToolUseView>,
    /// The handoffs that happened.
    handoffs: Vec<HandoffView>,
    /// Whether older entries, tools or handoffs were left out, because the conversation is too long to be shown whole.
    truncated: bool,
    usage: LoggedUsage,
    /// As in `call`.
    cost: Option<String>,
    /// ISO 4217.
    currency: &'static str,
}

impl CallPage {
    /// A page of at most `limit` calls, made of those and the next one, if there is one.
    pub(super) fn new(mut calls: Vec<CallLog>, limit: u32, prices: &Prices) -> Self {
        let next_cursor = cut_to_page(&mut calls, limit as usize, |last| cursor(&last.place()));
        Self { calls: calls.into_iter().map(|call| LoggedCall::new(call, prices)).collect(), next_cursor }
    }
}

impl LoggedCall {
    fn new(log: CallLog, prices: &Prices) -> Self {
        let (cost, cost_note) = match prices.cost(&log.usage) {
            Cost::Known(cost) => (Some(cost.to_string()), None),
            Cost::Unknown(why) => (None, Some(why)),
        };
        let lasted = log.ended_at.map(|ended| ended.as_millisecond() - log.started_at.as_millisecond());
        Self {
            call_id: log.call_id.to_string(),
            first_seq: log.first_seq,
            business_id: log.business_id,
            transport: log.transport,
            direction: log.direction,
            from: log.from_number,
            to: log.to_number,
            persona: log.persona,
            state: match log.state {
                LogState::Live => "live",
                LogState::Ended => "ended",
            },
            started_at: log.started_at.to_string(),
            ended_at: log.ended_at.map(|ended| ended.to_string()),
            duration_ms: lasted.map(|lasted| u64::try_from(lasted).unwrap_or(0)),
            end_reason: log.end_reason,
            turns: log.turns,
            usage: log.usage.into(),
            cost,
            currency: CURRENCY,
            cost_note,
        }
    }
}

impl From<ModelUsage> for LoggedUsage {
    fn from(usage: ModelUsage) -> Self {
        let Usage { input_tokens, output_tokens, .. } = total(&usage);
        let models = usage.into_iter().map(|(model, tokens)| (model, TokensView { tokens })).collect();
        Self { input_tokens, output_tokens, models }
    }
}

impl CallRecord {
    pub(super) fn new(log: CallLog, closed: Closed, prices: &Prices) -> Self {
        let call = LoggedCall::new(log, prices);
        Self {
            transcript: closed.transcript.into_iter().map(Into::into).collect(),
            tools: closed.tools.into_iter().map(Into::into).collect(),
            handoffs: closed.handoffs.into_iter().map(Into::into).collect(),
            truncated: closed.left_out,
            usage: call.usage.clone(),
            cost: call.cost.clone(),
            currency: CURRENCY,
            call,
        }
    }
}
