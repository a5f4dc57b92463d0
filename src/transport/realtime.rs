//! The line of a client that speaks OpenAI's Realtime protocol: one WebSocket. What it is told is told anew from what
//! the call does; nothing of the model's socket is passed on.

mod ended;
mod line;
mod narrator;
mod outgoing;
mod reader;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{WebSocket, WebSocketUpgrade};
use ractor::DerivedActorRef;

use super::socket::{self, Patience};
use super::{Goodbye, LineCommand, Place, TransportEvent};
use crate::audio::Lane;
use crate::id::{CallId, ResponseId};
use crate::protocol::realtime::refusal_json;
use crate::sound::AudioFormat;

pub use crate::protocol::realtime::{
    Asked, Dialect, Eagerness, ExtensionNames, Introduction, ItemContent, ItemView, ResponseOutcome,
    ResponseWish, SessionView, SessionWish, Show, Turns, Wish,
};
pub use line::{RealtimeLine, RealtimeState};

/// Largest message that is taken.
const MAX_MESSAGE: usize = 1 << 20;
/// A chunk of 100 ms has about 6,500 bytes.
const READ_BUFFER: usize = 8 << 10;

/// What a client's line is told by its call.
#[derive(Debug)]
pub enum RealtimeMessage {
    /// A connection of this call is there. It takes the place of the one before, if that is still there.
    Attach(Box<RealtimeStream>),
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
    /// Audio is written so, whatever the client asked for.
    Format(AudioFormat),
    /// Show this to the client, if it is there. How the session is, is remembered for the next connection.
    Show(Show),
}

impl From<LineCommand> for RealtimeMessage {
    fn from(command: LineCommand) -> Self {
        match command {
            LineCommand::Interrupt { active } => Self::Interrupt { active },
            LineCommand::HangUp(goodbye) => Self::HangUp(goodbye),
            LineCommand::AskStatus => Self::AskStatus,
        }
    }
}

/// A connection that was let in.
pub struct RealtimeStream {
    /// The socket.
    pub socket: WebSocket,
    /// In which form it is told things.
    pub dialect: Dialect,
    /// How the event about a tool is named.
    pub extensions: ExtensionNames,
    /// The model's name, as the client asked for it and is told it.
    pub model: String,
    /// How the session is, unless the line has been shown better: told at once, as `session.created`.
    pub first: SessionView,
    /// What it takes up.
    pub place: Place,
}

impl RealtimeStream {
    /// Says why there is no call for it, and closes the socket; what it takes up is given back then.
    pub async fn turn_away(self: Box<Self>, code: &'static str, message: &'static str, close: u16) {
        let Self { socket, place, .. } = *self;
        turn_away(socket, code, message, close).await;
        drop(place);
    }
}

impl fmt::Debug for RealtimeStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RealtimeStream({:?})", self.dialect)
    }
}

/// What a client's line begins with.
#[derive(Debug)]
pub struct RealtimeArguments {
    /// The call.
    pub call_id: CallId,
    /// The audio of the call.
    pub lane: Arc<Lane>,
    /// To whom everything is reported.
    pub owner: DerivedActorRef<TransportEvent>,
    /// What a connection may use of our patience.
    pub limits: RealtimeLimits,
}

/// What a connection may use of our patience.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RealtimeLimits {
    /// So often the client is pinged, so that nothing between us takes the connection for dead.
    pub ping: Duration,
    /// Nothing may come for so long, not even the answer to a ping.
    pub silence: Duration,
    /// A write may take so long.
    pub write: Duration,
    /// So much audio may wait for a client that does not keep up.
    pub waiting: Duration,
    /// So many frames may.
    pub frames: usize,
    /// A client may ask and say nothing for so long, while it is told nothing.
    pub idle: Duration,
    /// A connection may last so long.
    pub longest: Duration,
}

impl Default for RealtimeLimits {
    fn default() -> Self {
        Self {
            ping: Duration::from_secs(20),
            silence: Duration::from_secs(60),
            write: Duration::from_secs(20),
            waiting: Duration::from_secs(30),
            frames: 500,
            idle: Duration::from_secs(15 * 60),
            longest: Duration::from_secs(60 * 60),
        }
    }
}

impl RealtimeLimits {
    fn patience(self) -> Patience {
        let Self { ping, silence, write, waiting: _, frames: _, idle: _, longest: _ } = self;
        Patience { ping, silence, write }
    }
}

/// An upgrade with the limits and buffers of a client's line.
pub fn tuned(upgrade: WebSocketUpgrade) -> WebSocketUpgrade {
    upgrade
        .max_message_size(MAX_MESSAGE)
        .max_frame_size(MAX_MESSAGE)
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0)
}

/// Tells a client that is not let in why, with an `error` event, and closes the socket with this code. For clients that
/// cannot read a refused handshake.
pub async fn turn_away(socket: WebSocket, code: &str, message: &str, close: u16) {
    socket::close_with(socket, refusal_json(code, message), close).await;
}
