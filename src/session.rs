//! A session: one conversation with the model over one persistent WebSocket. It is told what to say and who to
//! be; it reports what the model says and asks for.

pub mod actor;
pub mod backoff;
pub mod config;
pub mod dialogue;
pub mod fault;
pub mod history;
pub mod sequencer;
pub mod socket;

pub use actor::{SessionActor, SessionArguments, SessionMessage};
pub use config::SessionConfig;
pub use history::{Content, History};
pub use socket::Endpoint;

use crate::id::{ResponseId, ToolCallId};

/// What a session reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionEvent {
    /// A socket is open, configured, and knows the conversation.
    Connected(Connection),
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
    /// A response began.
    ResponseStarted,
    /// A piece of what the persona says.
    Delta {
        /// The piece.
        text: String,
    },
    /// A whole message of the persona.
    Message {
        /// What it says.
        text: String,
    },
    /// The deltas since the last message were all that will come of it.
    MessageCut,
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
    /// The model owes nothing more: no response is under way, wanted, or waiting for a tool.
    Settled {
        /// The turn that was the last to be begun.
        turn: u64,
    },
}

/// A socket that came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connection {
    /// How many this session has had, this one included.
    pub connection: u64,
    /// Which attempt succeeded, from 1.
    pub attempt: u32,
    /// How long there was none, in milliseconds; 0 for the first.
    pub gap_ms: u64,
    /// How many items the model was given again.
    pub replayed_items: u64,
}

/// The end of a response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResponseEnd {
    /// How it ended.
    pub status: ResponseStatus,
    /// Tokens read.
    pub input_tokens: u64,
    /// Tokens written.
    pub output_tokens: u64,
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
