//! What reaches the session's actor: what it is told, and what its sockets and timers bring.

use tokio::sync::OwnedSemaphorePermit;

use crate::id::{ItemId, ToolCallId};
use crate::protocol::openai::ServerEvent;
use crate::session::client::ClientOrder;
use crate::session::dialogue::Deadline;
use crate::session::endpoint::Stream;
use crate::session::provider::{Lease, NotOpened};
use crate::session::{HeardPart, SessionConfig};

/// What a session is told.
#[derive(Debug)]
pub enum SessionMessage {
    /// The caller says something, and wants an answer.
    Say {
        /// In which turn.
        turn: u64,
        /// What.
        text: String,
    },
    /// Be this from here on.
    Configure {
        /// What.
        config: Box<SessionConfig>,
        /// Comes back in the report.
        revision: u64,
    },
    /// Something for the model to know, to which nobody need answer.
    Note(String),
    /// A tool gave its output.
    ToolOutput {
        /// The tool call it answers.
        id: ToolCallId,
        /// JSON text.
        output: String,
    },
    /// Answer what the caller said aloud.
    Answer {
        /// In which turn.
        turn: u64,
    },
    /// What was taken for words was none: forget it.
    Ignore(ItemId),
    /// Act on this note of the service at once.
    Prompt {
        /// In which turn.
        turn: u64,
        /// What.
        note: String,
    },
    /// The caller spoke while you did: stop, and remember what was heard.
    Interrupted(Vec<HeardPart>),
    /// Say this beside the conversation, while tools are at work.
    SayAside(String),
    /// Take everything before the caller's last words out of the model's sight.
    ForgetBeforeTurn,
    /// Nobody waits for an answer any more.
    Abandon,
    /// This socket is of no more use: get another.
    Replace(String),
    /// A client asks for something.
    Client(ClientOrder),
    /// Close the socket until something is said.
    Sleep,
    /// Panic: for tests.
    #[doc(hidden)]
    Crash,
    /// Of the session's own making: the gap of this number has lasted long.
    #[doc(hidden)]
    Gap(u64),
    /// Of the session's own making: what its tasks and timers bring.
    #[doc(hidden)]
    Own(Own),
}

/// What the session's tasks and timers bring, with the socket they belong to.
#[derive(Debug)]
pub struct Own {
    pub(super) generation: u64,
    pub(super) what: Brought,
}

#[derive(Debug)]
pub(super) enum Brought {
    Opened(Result<Box<OpenSocket>, NotOpened>),
    Event(Box<ServerEvent>, OwnedSemaphorePermit),
    Lost { reason: String, fatal: bool },
    Due(Deadline),
}

/// An opened stream on its way to the actor.
pub(super) struct OpenSocket(pub(super) Stream, pub(super) Lease);

impl std::fmt::Debug for OpenSocket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OpenSocket")
    }
}
