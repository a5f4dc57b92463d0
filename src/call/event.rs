//! The events of a call: what the journal keeps, what clients are streamed, what a transcript is made of.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::phone::Direction;
use crate::id::{BusinessId, CallId, ItemId, PersonaKey, ToolCallId};
use crate::persona::Carry;
use crate::session::{Way, Why};
use crate::store::EventRecord;
use crate::tool::ToolStatus;
use crate::usage::Usage;

/// An event with its number: one line of the journal, as clients see it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Logged {
    /// Rises by one per call, from 1.
    pub seq: u64,
    /// When it happened.
    pub at: Timestamp,
    /// The call.
    pub call_id: CallId,
    /// What happened.
    #[serde(flatten)]
    pub event: CallEvent,
}

impl Logged {
    /// Reads an event of the journal. One that cannot be read, of a later version say, is told in the log: the rest
    /// still can.
    pub fn read(record: &EventRecord) -> Option<Self> {
        match serde_json::from_str(&record.body) {
            Ok(logged) => Some(logged),
            Err(error) => {
                tracing::warn!(seq = record.seq, error = %error, "an event of the journal cannot be read");
                None
            }
        }
    }
}

/// What happens in a call. Fields are added, never renamed or removed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum CallEvent {
    /// The call began; numbering goes on where an earlier conversation of the same id stopped.
    #[serde(rename = "call.started")]
    CallStarted {
        /// The kind of line.
        transport: String,
        /// Whose caller it is, if that is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        business_id: Option<BusinessId>,
        /// Whether it is nobody's, and sees the rows of no business.
        #[serde(default, skip_serializing_if = "is_false")]
        nobodys: bool,
        /// What is known of a call by phone.
        #[serde(flatten, skip_serializing_if = "Option::is_none")]
        phone: Option<PhoneFacts>,
    },
    /// The service restarted and took the call up again from its journal; or it turned out whose call it is.
    #[serde(rename = "call.resumed")]
    CallResumed {
        /// Whose caller it is, if that was not known when the call began.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        business_id: Option<BusinessId>,
        /// Whether it is nobody's from now on, and sees the rows of no business.
        #[serde(default, skip_serializing_if = "is_false")]
        nobodys: bool,
    },
    /// The call is over.
    #[serde(rename = "call.ended")]
    CallEnded {
        /// Why.
        reason: EndReason,
    },
    /// A persona is in force.
    #[serde(rename = "persona.activated")]
    PersonaActivated {
        /// Who.
        persona: PersonaKey,
        /// By whom.
        by: PersonaCause,
        /// After a handoff: what of the conversation it was given.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        carry: Option<Carry>,
        /// After a handoff: whether the caller went back to who had handed them over.
        #[serde(default, skip_serializing_if = "is_false")]
        back: bool,
        /// When it took the place of another: whether the model's session was told, or another took its place.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        way: Option<Way>,
    },
    /// The model asks to hand the caller over.
    #[serde(rename = "handoff.requested")]
    HandoffRequested {
        /// Who speaks.
        from: PersonaKey,
        /// Who shall.
        to: PersonaKey,
        /// Why, in the model's words.
        reason: String,
        /// The conversation so far, in the model's words.
        summary: String,
    },
    /// A handoff was refused; the old persona goes on.
    #[serde(rename = "handoff.refused")]
    HandoffRefused {
        /// Who should have taken over.
        to: PersonaKey,
        /// Why not.
        why: String,
    },
    /// A turn began.
    #[serde(rename = "turn.started")]
    TurnStarted {
        /// Its number, from 1.
        turn: u64,
    },
    /// The caller wrote.
    #[serde(rename = "caller.text")]
    CallerText {
        /// What.
        text: String,
    },
    /// The caller spoke, as it was understood.
    #[serde(rename = "caller.transcript")]
    CallerTranscript {
        /// What.
        text: String,
        /// In which turn; it is often written down after that turn's answer.
        #[serde(default)]
        turn: u64,
    },
    /// A piece of what the persona says, as it comes.
    #[serde(rename = "assistant.delta")]
    AssistantDelta {
        /// The piece.
        text: String,
    },
    /// One message of the persona, whole.
    #[serde(rename = "assistant.text")]
    AssistantText {
        /// What it said.
        text: String,
        /// The model's id of the message; absent where nothing is spoken.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        item_id: Option<ItemId>,
    },
    /// What the persona was saying was cut off: the deltas since the last `assistant.text` were all of it.
    #[serde(rename = "assistant.interrupted")]
    AssistantInterrupted {
        /// How much the caller heard, in milliseconds of audio; 0 for text.
        played_ms: u64,
        /// The model's id of the message; absent where nothing is spoken.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        item_id: Option<ItemId>,
        /// The words of it that were heard; absent where nothing is spoken.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        heard: Option<String>,
    },
    /// Something was said beside the conversation, to bridge the time a tool takes; or a tone was heard, since there was
    /// no model for too long.
    #[serde(rename = "assistant.filler")]
    AssistantFiller {
        /// What.
        text: String,
    },
    /// A tool was started.
    #[serde(rename = "tool.started")]
    ToolStarted {
        /// The tool.
        name: String,
        /// Its arguments: JSON, or the text as it came when it was not JSON.
        arguments: Value,
        /// The model's id of this tool call.
        tool_call_id: ToolCallId,
    },
    /// A tool ended.
    #[serde(rename = "tool.done")]
    ToolDone {
        /// The tool.
        name: String,
        /// What the model was given: JSON, or text.
        output: Value,
        /// How it ended.
        status: ToolStatus,
        /// How long it took, in milliseconds.
        duration_ms: u64,
        /// The model's id of this tool call.
        tool_call_id: ToolCallId,
    },
    /// A turn ended: the model owes nothing more.
    #[serde(rename = "turn.done")]
    TurnDone {
        /// Its number.
        turn: u64,
        /// How it ended.
        status: TurnStatus,
        /// Whether the model took what the caller said; if not, it was never said.
        #[serde(default = "yes", skip_serializing_if = "is_true")]
        taken: bool,
        /// What it cost, over all its responses.
        usage: Usage,
        /// The model that answered; `rehearsal` for the built-in one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        model: Option<String>,
        /// From its start to the first word, in milliseconds; null when no word came.
        first_token_ms: Option<u64>,
        /// From its start to its end, in milliseconds.
        duration_ms: u64,
    },
    /// The older turns were summarised: a conversation that is taken up again begins with that.
    #[serde(rename = "conversation.summarised")]
    ConversationSummarised {
        /// The newest of them.
        through_turn: u64,
        /// The summary.
        text: String,
        /// What it cost.
        #[serde(default)]
        usage: Usage,
        /// The model that wrote it; `rehearsal` for the built-in one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        model: Option<String>,
    },
    /// A socket to the model was opened and configured.
    #[serde(rename = "model.connected")]
    ModelConnected {
        /// How many times this call has opened one, this one included.
        connection: u64,
    },
    /// The socket to the model is gone.
    #[serde(rename = "model.disconnected")]
    ModelDisconnected {
        /// Why.
        reason: String,
    },
    /// A new socket took its place, the conversation replayed.
    #[serde(rename = "model.reconnected")]
    ModelReconnected {
        /// Which attempt succeeded, from 1.
        attempt: u32,
        /// How long there was none, in milliseconds.
        gap_ms: u64,
        /// How many items were replayed.
        replayed_items: u64,
    },
    /// A new socket took the place of one that still talked, the conversation replayed.
    #[serde(rename = "model.replaced")]
    ModelReplaced {
        /// Why: `age`, `voice` or `instructions`.
        reason: Why,
        /// How long there was none, in milliseconds.
        gap_ms: u64,
        /// How many items were replayed.
        replayed_items: u64,
    },
    /// The caller pressed a key.
    #[serde(rename = "dtmf")]
    Dtmf {
        /// Which.
        digit: String,
    },
    /// The caller is being handed to a human.
    #[serde(rename = "transfer.started")]
    TransferStarted {
        /// To which number.
        to: String,
    },
    /// The caller's line is up: they can hear and be heard.
    #[serde(rename = "line.up")]
    LineUp {},
    /// The caller's line is gone.
    #[serde(rename = "line.down")]
    LineDown {
        /// How: `stopped`, `lost` or `closed`.
        how: LineEnd,
    },
    /// Something went wrong that the caller may notice.
    #[serde(rename = "error")]
    Error {
        /// What, in snake case.
        code: String,
        /// What, in a sentence.
        error: String,
    },
}

/// Why a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// The caller hung up, or someone ended it through the API.
    HungUp,
    /// It could not go on.
    Failed,
    /// The persona ended it, when everything was said.
    Assistant,
    /// The caller stayed silent.
    Silence,
    /// It had lasted as long as a call may.
    MaxDuration,
    /// A human took the caller over.
    Transferred,
    /// Nobody took the call we placed: busy, no answer, or it could not be put through.
    NotTaken,
    /// A machine took the call we placed.
    Voicemail,
    /// The model could not be had.
    ModelUnavailable,
    /// The caller's line broke and did not come back.
    LineLost,
    /// The service went down.
    Shutdown,
}

impl EndReason {
    /// As the journal writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::HungUp => "hung_up",
            Self::Failed => "failed",
            Self::Assistant => "assistant",
            Self::Silence => "silence",
            Self::MaxDuration => "max_duration",
            Self::Transferred => "transferred",
            Self::NotTaken => "not_taken",
            Self::Voicemail => "voicemail",
            Self::ModelUnavailable => "model_unavailable",
            Self::LineLost => "line_lost",
            Self::Shutdown => "shutdown",
        }
    }

    /// The reason in words.
    pub fn told(self) -> &'static str {
        match self {
            Self::HungUp => "it was hung up",
            Self::Failed => "it could not go on",
            Self::Assistant => "everything was said",
            Self::Silence => "the caller stayed silent",
            Self::MaxDuration => "it had lasted as long as a call may",
            Self::Transferred => "a human took over",
            Self::NotTaken => "nobody took it",
            Self::Voicemail => "a machine took it",
            Self::ModelUnavailable => "the model could not be had",
            Self::LineLost => "the line broke",
            Self::Shutdown => "the service went down",
        }
    }
}

/// How a caller's line went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LineEnd {
    /// The phone network said so: the caller hung up, or the call was given other instructions.
    Stopped,
    /// It broke.
    Lost,
    /// We closed it.
    Closed,
}

/// What is known of a call by phone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhoneFacts {
    /// Who called whom.
    pub direction: Direction,
    /// Who called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Who was called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

/// Who put a persona in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PersonaCause {
    /// The call began with it.
    Start,
    /// A request.
    Api,
    /// A handoff by the model.
    Model,
    /// Its file changed.
    Config,
}

impl PersonaCause {
    /// As the journal writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Api => "api",
            Self::Model => "model",
            Self::Config => "config",
        }
    }
}

/// How a turn ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TurnStatus {
    /// The model answered.
    Completed,
    /// The answer was cut short by a limit or a filter of the model.
    Incomplete,
    /// The answer was cancelled.
    Cancelled,
    /// There is no answer.
    Failed,
}

fn yes() -> bool {
    true
}

// serde gives a reference.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_true(flag: &bool) -> bool {
    *flag
}

#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_false(flag: &bool) -> bool {
    !flag
}

impl CallEvent {
    /// The event's type, as on the wire.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::CallStarted { .. } => "call.started",
            Self::CallResumed { .. } => "call.resumed",
            Self::CallEnded { .. } => "call.ended",
            Self::PersonaActivated { .. } => "persona.activated",
            Self::HandoffRequested { .. } => "handoff.requested",
            Self::HandoffRefused { .. } => "handoff.refused",
            Self::TurnStarted { .. } => "turn.started",
            Self::CallerText { .. } => "caller.text",
            Self::CallerTranscript { .. } => "caller.transcript",
            Self::AssistantDelta { .. } => "assistant.delta",
            Self::AssistantText { .. } => "assistant.text",
            Self::AssistantInterrupted { .. } => "assistant.interrupted",
            Self::AssistantFiller { .. } => "assistant.filler",
            Self::ToolStarted { .. } => "tool.started",
            Self::ToolDone { .. } => "tool.done",
            Self::TurnDone { .. } => "turn.done",
            Self::ConversationSummarised { .. } => "conversation.summarised",
            Self::ModelConnected { .. } => "model.connected",
            Self::ModelDisconnected { .. } => "model.disconnected",
            Self::ModelReconnected { .. } => "model.reconnected",
            Self::ModelReplaced { .. } => "model.replaced",
            Self::Dtmf { .. } => "dtmf",
            Self::TransferStarted { .. } => "transfer.started",
            Self::LineUp {} => "line.up",
            Self::LineDown { .. } => "line.down",
            Self::Error { .. } => "error",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_told_as_the_journal_writes_it() {
        for reason in [
            EndReason::HungUp,
            EndReason::Failed,
            EndReason::Assistant,
            EndReason::Silence,
            EndReason::MaxDuration,
            EndReason::Transferred,
            EndReason::NotTaken,
            EndReason::Voicemail,
            EndReason::ModelUnavailable,
            EndReason::LineLost,
            EndReason::Shutdown,
        ] {
            assert_eq!(serde_json::to_value(reason).unwrap(), reason.as_str());
        }
    }
}
