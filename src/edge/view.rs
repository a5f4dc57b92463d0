//! What answers hold: the contract's own types, apart from those the calls work with, so that neither binds the
//! other.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::call::transcript::{Entry, Role};
use crate::call::{CallSnapshot, CallState, HandoffDone, Reply, ToolUse};
use crate::persona::Persona;

/// The text was taken; with `wait`, also what came of it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"ok": true, "call_id": "default"}))]
pub(super) struct SayAnswer {
    pub(super) ok: bool,
    /// The call that took the text.
    pub(super) call_id: String,
    /// Only with `wait`: what came of the turn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reply: Option<ReplyView>,
}

/// What came of a turn.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Reply)]
pub(super) struct ReplyView {
    /// What the persona said.
    text: String,
    /// Who said it: the persona at the end of the turn.
    persona: String,
    /// The tools it used, in the order they were started.
    tools: Vec<ToolUseView>,
    /// The handoffs that happened.
    handoffs: Vec<HandoffView>,
    usage: UsageView,
    /// From the turn's start to the first word; null when no word came.
    #[schema(example = 412)]
    first_token_ms: Option<u64>,
    /// From the turn's start to its end.
    #[schema(example = 1240)]
    duration_ms: u64,
}

/// One tool call of a turn.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ToolUse)]
pub(super) struct ToolUseView {
    #[schema(example = "lookup_menu")]
    name: String,
    /// What the model asked for: JSON, or the text as it came when it was not JSON.
    #[schema(example = json!({"query": "drinks"}))]
    arguments: Value,
    /// What the model was given back: JSON, or text.
    #[schema(example = json!({"items": [{"name": "Passion juice", "price": "2500", "currency": "RWF"}]}))]
    output: Value,
    duration_ms: u64,
    /// `ok`, `error`, `timeout` or `refused`.
    #[schema(example = "ok")]
    status: String,
}

/// One handoff of a turn.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Handoff, example = json!({"from": "waiter", "to": "cfo", "reason": "a question about VAT"}))]
pub(super) struct HandoffView {
    from: String,
    to: String,
    /// Why, in the model's words.
    reason: String,
}

/// Tokens of a turn, over all its responses.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Usage)]
pub(super) struct UsageView {
    input_tokens: u64,
    output_tokens: u64,
}

/// The persona is in force.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"ok": true, "active": "cfo", "call_id": "default"}))]
pub(super) struct PersonaAnswer {
    pub(super) ok: bool,
    /// Who speaks.
    pub(super) active: String,
    pub(super) call_id: String,
}

/// A persona of this service.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Persona, example = json!({
    "key": "waiter", "name": "AI Waiter", "voice": "marin", "languages": ["en", "fr", "rw", "mt"],
    "tools": ["lookup_menu", "recommend_pairing"], "handoffs": ["cfo"],
}))]
pub(super) struct PersonaView {
    /// What requests name it by.
    key: String,
    /// What it calls itself.
    name: String,
    /// The model's voice it speaks with.
    voice: String,
    /// BCP 47 tags, its own first.
    languages: Vec<String>,
    /// The names of the tools it may use.
    tools: Vec<String>,
    /// The keys of the personas it may hand a caller to.
    handoffs: Vec<String>,
}

/// A live call.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Call, example = json!({
    "call_id": "default", "transport": "text", "persona": "waiter", "state": "listening", "from": null, "to": null,
    "business_id": null, "started_at": "2026-03-01T12:00:00Z", "turns": 2, "node": "local",
}))]
pub(super) struct CallView {
    call_id: String,
    /// The kind of line.
    transport: &'static str,
    /// Who speaks.
    persona: String,
    state: StateView,
    /// Who called; null for a text call.
    from: Option<String>,
    /// Who was called; null for a text call.
    to: Option<String>,
    /// Whose caller it is.
    business_id: Option<String>,
    #[schema(format = DateTime)]
    started_at: String,
    /// Turns begun so far.
    turns: u64,
    /// The node that holds the call.
    node: String,
}

/// A live call with what was said last.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CallWithTranscript)]
pub(super) struct CallDetail {
    #[serde(flatten)]
    pub(super) call: CallView,
    /// The newest 50 entries, oldest first.
    pub(super) transcript: Vec<EntryView>,
}

/// What a call is doing.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CallState)]
#[serde(rename_all = "snake_case")]
pub(super) enum StateView {
    /// It reads its journal or connects to the model.
    Starting,
    /// It waits for the caller.
    Listening,
    /// A turn is under way.
    Answering,
    /// It is idle, without a connection to the model until the caller says something.
    Asleep,
    /// It is over.
    Ended,
}

/// One entry of a transcript.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TranscriptEntry, example = json!({
    "seq": 4, "at": "2026-03-01T12:00:01Z", "role": "caller", "persona": "waiter", "text": "What drinks do you have?",
}))]
pub(super) struct EntryView {
    /// The event it is made from.
    seq: u64,
    #[schema(format = DateTime)]
    at: String,
    /// `caller`, `assistant`, `tool` or `system`.
    role: &'static str,
    /// The persona in force; null for the first entries of a call.
    persona: Option<String>,
    text: String,
    /// Of what the persona said and the caller did not hear to its end: the words that were heard.
    #[serde(skip_serializing_if = "Option::is_none")]
    heard: Option<String>,
}

/// It is done.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"ok": true}))]
pub(super) struct Done {
    pub(super) ok: bool,
}

/// The service can take calls.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"ok": true, "outbox": {"events": 0, "oldest_s": 0}}))]
pub(super) struct Ready {
    pub(super) ok: bool,
    /// What waits to be delivered to the database; absent without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) outbox: Option<Waiting>,
}

/// Events that wait to be delivered.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Waiting {
    pub(super) events: u64,
    /// How long ago the oldest of them happened, in seconds.
    pub(super) oldest_s: u64,
}

/// How the service is.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "ok": true, "persona": "waiter", "service": "ai-realtime", "calls": 1, "model": "rehearsal",
    "store": "embedded", "version": "0.1.0",
}))]
pub(super) struct Health {
    pub(super) ok: bool,
    /// The persona of the default call.
    pub(super) persona: String,
    pub(super) service: &'static str,
    /// Live calls.
    pub(super) calls: usize,
    /// `openai` or `rehearsal`.
    pub(super) model: &'static str,
    /// `embedded` or `supabase`.
    pub(super) store: &'static str,
    pub(super) version: &'static str,
}

/// One event of a call, as the `data:` of a stream holds it. Which further fields it has depends on its type.
#[derive(ToSchema)]
#[schema(as = CallEvent, example = json!({
    "seq": 17, "at": "2026-03-01T12:00:01Z", "call_id": "default", "type": "assistant.delta", "text": "Welc",
}))]
#[expect(dead_code, reason = "only describes events, which are passed on as they were journaled")]
pub(super) struct CallEventView {
    /// Rises by one per call; also the `id:` of the stream.
    seq: u64,
    #[schema(format = DateTime)]
    at: String,
    call_id: String,
    /// `call.started`, `call.resumed`, `call.ended`, `persona.activated`, `handoff.requested`, `handoff.refused`,
    /// `turn.started`, `caller.text`, `caller.transcript`, `assistant.delta`, `assistant.text`,
    /// `assistant.interrupted`, `assistant.filler`, `tool.started`, `tool.done`, `turn.done`, `conversation.summarised`,
    /// `model.connected`, `model.disconnected`, `model.reconnected`, `model.replaced`, `dtmf`, `transfer.started`,
    /// `line.up`, `line.down`, `error`, and others to come.
    r#type: String,
}

impl From<Reply> for ReplyView {
    fn from(reply: Reply) -> Self {
        Self {
            text: reply.text,
            persona: reply.persona.to_string(),
            tools: reply.tools.into_iter().map(Into::into).collect(),
            handoffs: reply.handoffs.into_iter().map(Into::into).collect(),
            usage: UsageView {
                input_tokens: reply.usage.input_tokens,
                output_tokens: reply.usage.output_tokens,
            },
            first_token_ms: reply.first_token_ms,
            duration_ms: reply.duration_ms,
        }
    }
}

impl From<ToolUse> for ToolUseView {
    fn from(tool: ToolUse) -> Self {
        let ToolUse { name, arguments, output, duration_ms, status } = tool;
        Self { name, arguments, output, duration_ms, status: status.to_string() }
    }
}

impl From<HandoffDone> for HandoffView {
    fn from(handoff: HandoffDone) -> Self {
        Self { from: handoff.from.to_string(), to: handoff.to.to_string(), reason: handoff.reason }
    }
}

impl From<&Persona> for PersonaView {
    fn from(persona: &Persona) -> Self {
        Self {
            key: persona.key.to_string(),
            name: persona.name.clone(),
            voice: persona.voice.clone(),
            languages: persona.languages.clone(),
            tools: persona.tools.clone(),
            handoffs: persona.handoffs.iter().map(|rule| rule.to.to_string()).collect(),
        }
    }
}

impl From<CallSnapshot> for CallView {
    fn from(call: CallSnapshot) -> Self {
        Self {
            call_id: call.call_id.to_string(),
            transport: call.transport,
            persona: call.persona.to_string(),
            state: call.state.into(),
            from: call.from,
            to: call.to,
            business_id: call.business_id.map(|id| id.to_string()),
            started_at: call.started_at.to_string(),
            turns: call.turns,
            node: call.node.to_string(),
        }
    }
}

impl From<CallState> for StateView {
    fn from(state: CallState) -> Self {
        match state {
            CallState::Starting => Self::Starting,
            CallState::Listening => Self::Listening,
            CallState::Answering => Self::Answering,
            CallState::Asleep => Self::Asleep,
            CallState::Ended => Self::Ended,
        }
    }
}

impl From<Entry> for EntryView {
    fn from(entry: Entry) -> Self {
        Self {
            seq: entry.seq,
            at: entry.at.to_string(),
            role: match entry.role {
                Role::Caller => "caller",
                Role::Assistant => "assistant",
                Role::Tool => "tool",
                Role::System => "system",
            },
            persona: entry.persona.map(|persona| persona.to_string()),
            text: entry.text,
            heard: entry.heard,
        }
    }
}
