//! A session: one conversation with the model over one persistent WebSocket. It is told what to say and who to
//! be; it reports what the model says and asks for.

pub mod actor;
pub mod admission;
pub mod backoff;
pub mod breaker;
pub mod capability;
pub mod client;
pub mod config;
pub mod dialogue;
pub mod endpoint;
pub mod fault;
pub mod gap;
pub mod history;
#[cfg(test)]
mod hours;
pub mod limits;
pub mod pace;
pub mod provider;
mod pulse;
pub mod restore;
pub mod sequencer;
pub mod socket;
pub mod summary;
pub mod watchdog;

pub use actor::{SessionActor, SessionArguments, SessionMessage};
pub use client::{ClientOrder, ClientReport};
pub use config::{SessionConfig, SpeechConfig};
pub use dialogue::said_within;
pub use endpoint::Endpoint;
pub use history::{Content, History, Told, go_on_note};
pub use limits::SessionLimits;
pub use provider::{Lease, Provider};
pub use summary::summary_note;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::id::{ItemId, ResponseId, ToolCallId};
use crate::usage::Usage;

/// What a session reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionEvent {
    /// A socket is open, configured, and knows the conversation.
    Connected(Connection),
    /// Another socket took the place of one that still talked.
    Replaced(Replacement),
    /// The socket is gone; another is opened when anything is owed.
    Disconnected {
        /// Why.
        reason: String,
    },
    /// No socket can be had for now: whatever was asked for will not come.
    Unavailable(SessionError),
    /// A configuration is in force.
    Configured {
        /// Which, in the asker's numbering.
        revision: u64,
        /// How it came into force.
        way: Way,
    },
    /// A configuration was refused; the one before is still in force.
    ConfigureRejected {
        /// Which.
        revision: u64,
        /// The model's own word for it.
        why: String,
    },
    /// The model has taken what the caller said.
    Taken {
        /// In which turn.
        turn: u64,
    },
    /// The model did not take what the caller said.
    NotTaken {
        /// In which turn.
        turn: u64,
        /// The model's own word for it.
        code: String,
    },
    /// The caller speaks.
    CallerSpeaks(SpeechEdge),
    /// The caller fell silent.
    CallerSilent(SpeechEdge),
    /// What the caller said stands in the conversation; whether it is answered is for the owner to say.
    CallerSaid {
        /// As this item.
        item_id: ItemId,
    },
    /// What the caller said, in writing; often later than its answer.
    CallerTranscribed {
        /// Which item.
        item_id: ItemId,
        /// The words; empty when there were none, or nobody could write them down.
        text: String,
    },
    /// A response began.
    ResponseStarted {
        /// The model's id of it.
        response: Option<ResponseId>,
    },
    /// A piece of what the persona says.
    Delta {
        /// Of which response.
        response: ResponseId,
        /// Of which message.
        item_id: ItemId,
        /// The piece.
        text: String,
    },
    /// A whole message of the persona.
    Message {
        /// Of which response; absent when the socket it came through is gone.
        response: Option<ResponseId>,
        /// The model's id of it.
        item_id: ItemId,
        /// What it says.
        text: String,
    },
    /// A spoken message was not heard to its end.
    Heard {
        /// Which.
        item_id: ItemId,
        /// How much of it was heard, in milliseconds.
        played_ms: u64,
        /// The words of it that were heard.
        heard: String,
    },
    /// The deltas since the last message were all that will come of it.
    MessageCut,
    /// Something is said beside the conversation.
    Aside {
        /// What.
        text: String,
    },
    /// The older turns were summarised: that is what another socket is given of them.
    Summarised {
        /// The newest of them.
        through_turn: u64,
        /// The summary.
        text: String,
        /// What it cost.
        usage: Usage,
    },
    /// The model asks for a tool.
    ToolCalled {
        /// The response that asks.
        response: ResponseId,
        /// The model's id of the tool call.
        id: ToolCallId,
        /// The tool.
        name: String,
        /// JSON text, or what the model thought was.
        arguments: String,
    },
    /// A response ended.
    ResponseDone(ResponseEnd),
    /// What came of something that a client asked for.
    Client(ClientReport),
    /// The model owes nothing more: no response is under way, wanted, or waiting for a tool.
    Settled {
        /// The turn that was the last to be begun.
        turn: u64,
    },
}

/// Where in the audio that a socket was given the caller's speech begins or ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpeechEdge {
    /// The item that their words will be.
    pub item_id: Option<ItemId>,
    /// So much audio was given to this socket before.
    pub at_ms: u64,
}

/// How much of a spoken message was heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeardPart {
    /// Which message.
    pub item_id: ItemId,
    /// What the caller heard of it, in milliseconds.
    pub played_ms: u64,
    /// What there was of it to hear, in milliseconds.
    pub sent_ms: u64,
}

/// A socket that came about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// The model it leads to.
    pub model: Arc<str>,
    /// How many this session has had, this one included.
    pub connection: u64,
    /// Which attempt succeeded, from 1.
    pub attempt: u32,
    /// How long there was none, in milliseconds; 0 for the first.
    pub gap_ms: u64,
    /// How many items the model was given again.
    pub replayed_items: u64,
}

/// Why there is another socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// There was none, or it was lost.
    Lost,
    /// Its session had grown old.
    Age,
    /// Another voice was to speak.
    Voice,
    /// Another persona was to speak, and the model takes no other instructions within a session.
    Instructions,
}

impl Why {
    /// As the journal writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Lost => "lost",
            Self::Age => "age",
            Self::Voice => "voice",
            Self::Instructions => "instructions",
        }
    }
}

/// How a configuration came into force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// The session was told.
    Update,
    /// Another session took its place.
    Replacement,
}

/// A socket that took the place of one that still talked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replacement {
    /// The model it leads to.
    pub model: Arc<str>,
    /// Why.
    pub why: Why,
    /// How many sockets this session has had, this one included.
    pub connection: u64,
    /// How many items the model was given again.
    pub replayed_items: u64,
}

/// The end of a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResponseEnd {
    /// Which; absent when it never began, or the model named none.
    pub response: Option<ResponseId>,
    /// How it ended.
    pub status: ResponseStatus,
    /// Tokens used.
    pub usage: Usage,
}

/// How a response ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResponseStatus {
    /// It is whole.
    Completed,
    /// Someone stopped it.
    Cancelled,
    /// A limit or a filter of the model cut it short.
    Incomplete {
        /// The model's own word for it.
        reason: String,
    },
    /// It failed and is tried once more.
    Retrying,
    /// It failed for good.
    Failed {
        /// The model's own word for it.
        code: String,
        /// Whether only the operator can mend it.
        fatal: bool,
    },
}

/// Why there is no socket to the model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SessionError {
    /// The model's side refuses us; trying again cannot help.
    #[error("the model refused us: {code}")]
    Refused {
        /// Its own word for it.
        code: String,
    },
    /// It could not be reached, `attempts` times in a row.
    #[error("the model could not be reached in {attempts} attempts: {last}")]
    Unreachable {
        /// How often it was tried.
        attempts: u32,
        /// What went wrong the last time.
        last: String,
    },
}
