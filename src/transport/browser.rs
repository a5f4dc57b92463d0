//! The line of a browser: one WebSocket that carries JSON, with audio as 16-bit PCM at 24 kHz in base64. It is lost and
//! found again without the call's noticing more than a gap.

mod line;
mod outgoing;
mod reader;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{WebSocket, WebSocketUpgrade};
use ractor::DerivedActorRef;

use super::{LineCommand, Place, TransportEvent};
use crate::audio::Lane;
use crate::id::{CallId, ResponseId};
use crate::protocol::browser::ServerMessage;

use super::Goodbye;
use super::socket::{self, Patience};

pub use line::{BrowserLine, BrowserState};

/// Largest message that is taken.
const MAX_MESSAGE: usize = 1 << 20;
/// A chunk of 40 ms has about 2,600 bytes.
const READ_BUFFER: usize = 8 << 10;

/// What a browser's line is told by its call.
#[derive(Debug)]
pub enum BrowserMessage {
    /// A connection of this call is there. It takes the place of the one before, if that is still there.
    Attach(Box<BrowserStream>),
    /// The caller spoke: nothing of what was said so far shall be heard any more. Answered by
    /// [`LineEvent::Interrupted`](super::LineEvent::Interrupted).
    Interrupt {
        /// The response under way, of which nothing may have come yet.
        active: Option<ResponseId>,
    },
    /// The call is over. Answered by [`LineEvent::StreamDown`](super::LineEvent::StreamDown), or by
    /// [`LineEvent::Effect`](super::LineEvent::Effect) when no connection is there.
    HangUp(Goodbye),
    /// Tell whether there is a connection. Answered by [`LineEvent::Effect`](super::LineEvent::Effect).
    AskStatus,
    /// Show this to the caller, if they are there.
    Show(ServerMessage),
    /// Panic: for tests.
    #[doc(hidden)]
    Crash,
}

impl From<LineCommand> for BrowserMessage {
    fn from(command: LineCommand) -> Self {
        match command {
            LineCommand::Interrupt { active } => Self::Interrupt { active },
            LineCommand::HangUp(goodbye) => Self::HangUp(goodbye),
            LineCommand::AskStatus => Self::AskStatus,
        }
    }
}

/// A connection that was let in.
pub struct BrowserStream {
    /// The socket.
    pub socket: WebSocket,
    /// What it takes up.
    pub place: Place,
}

impl fmt::Debug for BrowserStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BrowserStream")
    }
}

/// What a browser's line begins with.
#[derive(Debug)]
pub struct BrowserArguments {
    /// The call.
    pub call_id: CallId,
    /// The audio of the call.
    pub lane: Arc<Lane>,
    /// To whom everything is reported.
    pub owner: DerivedActorRef<TransportEvent>,
    /// What a connection may use of our patience.
    pub limits: BrowserLimits,
}

/// What a connection may use of our patience.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BrowserLimits {
    /// So often the browser is pinged, so that nothing between us takes the connection for dead.
    pub ping: Duration,
    /// Nothing may come for so long, not even the answer to a ping.
    pub silence: Duration,
    /// A write may take so long.
    pub write: Duration,
    /// So many frames may wait for a browser that does not keep up.
    pub waiting: usize,
}

impl Default for BrowserLimits {
    fn default() -> Self {
        Self {
            ping: Duration::from_secs(20),
            silence: Duration::from_secs(60),
            write: Duration::from_secs(20),
            waiting: 500,
        }
    }
}

impl BrowserLimits {
    fn patience(self) -> Patience {
        let Self { ping, silence, write, waiting: _ } = self;
        Patience { ping, silence, write }
    }
}

/// Tells a browser that is not let in why, in words, and closes the socket with this code.
pub async fn turn_away(socket: WebSocket, why: &ServerMessage, code: u16) {
    socket::close_with(socket, why.to_json(), code).await;
}

/// An upgrade with the limits and buffers of a browser's line.
pub fn tuned(upgrade: WebSocketUpgrade) -> WebSocketUpgrade {
    upgrade
        .max_message_size(MAX_MESSAGE)
        .max_frame_size(MAX_MESSAGE)
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0)
}
