//! A call: one caller, from start to hang-up. It owns the line, the model's session and the persona, decides who
//! has the floor, and keeps the journal.

pub mod account;
pub mod actor;
pub mod client;
pub mod conduct;
pub mod digits;
pub mod event;
pub mod floor;
mod handle;
pub mod handoff;
pub mod journal;
mod log;
pub mod phone;
pub mod prompts;
pub mod recollection;
pub mod saying;
pub mod transcript;
pub mod turn;
pub mod voice;
pub mod writer;

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::oneshot;

pub use crate::usage::Usage;
pub use actor::{
    BrowserDesk, CallActor, CallArguments, CallDependencies, CallLimits, CallMessage, PhoneDesk,
    RealtimeDesk, ReplySink,
};
pub use event::{CallEvent, EndReason, Logged, PersonaCause, PhoneFacts, TurnStatus};
pub use handle::{CallHandle, Part};
pub use phone::{AnsweredBy, Dial, Dialled, Direction, Next, PhoneOrder, PhoneStart, PhoneStatus};
pub use voice::{BrowserStart, RealtimeStart, VoiceStart};

use crate::id::{BusinessId, CallId, PersonaKey};
use crate::persona::Catalog;
use crate::tool::ToolStatus;

/// A call as it stands, for lists and health; never behind by more than one event.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CallSnapshot {
    /// The call.
    pub call_id: CallId,
    /// The kind of line: `text`, `twilio`, `browser` or `realtime`.
    pub transport: &'static str,
    /// Who speaks.
    pub persona: PersonaKey,
    /// What it is doing.
    pub state: CallState,
    /// Who called; absent for a text call.
    pub from: Option<String>,
    /// Who was called; absent for a text call.
    pub to: Option<String>,
    /// Whose caller it is.
    pub business_id: Option<BusinessId>,
    /// When the call began.
    pub started_at: Timestamp,
    /// Turns begun so far.
    pub turns: u64,
    /// The node that holds the call.
    pub node: Arc<str>,
    /// Since when it has been asleep.
    #[serde(skip)]
    pub asleep_since: Option<Timestamp>,
    /// The newest event that is safely in the journal.
    #[serde(skip)]
    pub journaled: u64,
    /// The event the call began with (`call.started`): where its transcript begins.
    #[serde(skip)]
    pub first_seq: u64,
}

/// What a call is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallState {
    /// It reads its journal or connects to the model.
    Starting,
    /// It waits for the caller.
    Listening,
    /// A turn is under way.
    Answering,
    /// It is idle, and the model's socket is closed until the caller says something.
    Asleep,
    /// It is over.
    Ended,
}

/// The model has taken what the caller said.
#[derive(Debug)]
pub struct Taken {
    /// The turn it began, from 1.
    pub turn: u64,
    /// The `seq` of that turn's `turn.started`.
    pub first_seq: u64,
    /// The reply, once the turn has ended and is journaled.
    pub reply: oneshot::Receiver<Result<Reply, CallError>>,
}

/// What came of a turn.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reply {
    /// What the persona said.
    pub text: String,
    /// Who said it: the persona at the end of the turn.
    pub persona: PersonaKey,
    /// The tools it used, in the order they were started.
    pub tools: Vec<ToolUse>,
    /// The handoffs that happened.
    pub handoffs: Vec<HandoffDone>,
    /// Tokens the turn cost, over all its responses.
    pub usage: Usage,
    /// From the turn's start to the first word, in milliseconds; absent when no word came.
    pub first_token_ms: Option<u64>,
    /// From the turn's start to its end, in milliseconds.
    pub duration_ms: u64,
}

/// One tool call of a turn.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ToolUse {
    /// The tool.
    pub name: String,
    /// What the model asked for: JSON, or the text as it came when it was not JSON.
    pub arguments: Value,
    /// What the model was given back: JSON, or text.
    pub output: Value,
    /// How long it ran, in milliseconds.
    pub duration_ms: u64,
    /// How it ended.
    pub status: ToolStatus,
}

/// One handoff of a turn.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HandoffDone {
    /// Who handed over.
    pub from: PersonaKey,
    /// Who took over.
    pub to: PersonaKey,
    /// Why, in the model's words.
    pub reason: String,
}

/// Why a call could not do what it was asked; each says what the caller can do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// Sixteen texts wait already.
    #[error("{waiting} texts are waiting on this call already: wait for a turn to end, then try again")]
    TurnQueueFull {
        /// How many wait.
        waiting: usize,
    },
    /// No such persona.
    #[error("there is no persona `{key}`: use one of {}", known.join(", "))]
    UnknownPersona {
        /// What was asked for.
        key: String,
        /// What there is.
        known: Vec<String>,
    },
    /// The model's side did not take the persona; the old one is in force.
    #[error("the model did not accept the persona ({why}); {active} is still active")]
    PersonaRejected {
        /// What the model said.
        why: String,
        /// Who speaks.
        active: PersonaKey,
    },
    /// The model cannot be reached; trying again later can help.
    #[error("the model cannot be reached: try again in a moment")]
    ModelUnavailable,
    /// The model refuses us; someone must mend the key, the model's name or the account.
    #[error(
        "the model refuses this service ({code}): check OPENAI_API_KEY, OPENAI_REALTIME_MODEL and the persona's tools"
    )]
    ModelRefused {
        /// The model's own word for it.
        code: String,
    },
    /// The model did not answer in time.
    #[error("the model did not answer within {limit_ms} ms: try again")]
    ModelTimeout {
        /// The limit, in milliseconds.
        limit_ms: u64,
    },
    /// The model answered the turn with an error, again after a retry.
    #[error("the model failed to answer ({code}): try again")]
    ModelFailed {
        /// The model's own word for it.
        code: String,
    },
    /// The call is over.
    #[error("this call has ended: start another by saying something")]
    Ended,
    /// The call's actor stopped without having ended the call.
    #[error("the call was interrupted: try again")]
    Interrupted,
    /// Something that only a phone call can do was asked of another.
    #[error("this is no phone call: only a caller on the phone can be put through to a human")]
    NoPhone,
    /// There is no human to put the caller through to.
    #[error("there is nobody to put the caller through to: give a number in `to`, or set TRANSFER_NUMBER")]
    NobodyToTransferTo,
    /// The journal takes no more; nothing is promised that could be lost.
    #[error("the journal cannot be written: try again in a moment")]
    JournalUnavailable,
}

impl CallError {
    /// The error's code, as clients and the journal see it.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TurnQueueFull { .. } => "turn_queue_full",
            Self::UnknownPersona { .. } => "unknown_persona",
            Self::PersonaRejected { .. } => "persona_rejected",
            Self::ModelUnavailable => "model_unavailable",
            Self::ModelRefused { .. } => "model_refused",
            Self::ModelTimeout { .. } => "model_timeout",
            Self::ModelFailed { .. } => "model_failed",
            Self::Ended => "call_ended",
            Self::Interrupted => "call_interrupted",
            Self::NoPhone => "no_phone",
            Self::NobodyToTransferTo => "nobody_to_transfer_to",
            Self::JournalUnavailable => "store_unavailable",
        }
    }
}

/// Checks that there is such a persona.
///
/// # Errors
/// [`CallError::UnknownPersona`], which names those there are.
pub fn known_persona(key: &PersonaKey, catalog: &Catalog) -> Result<(), CallError> {
    if catalog.persona(key).is_some() {
        return Ok(());
    }
    let known = catalog.keys().iter().map(ToString::to_string).collect();
    Err(CallError::UnknownPersona { key: key.to_string(), known })
}
