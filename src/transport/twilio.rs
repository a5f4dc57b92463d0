//! The phone line: Twilio's Media Streams for what is heard, its REST API for what happens to the call itself.

mod continuity;
mod effect;
mod line;
mod meet;
mod outgoing;
mod reader;
pub mod reframe;
pub mod rest;
pub mod script;
mod stream;
#[cfg(test)]
mod tests;
mod writer;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::WebSocket;
use ractor::DerivedActorRef;

use super::{LineCommand, TransportEvent};
use crate::audio::Lane;
use crate::id::{CallId, ResponseId};
use crate::protocol::twilio::StreamSid;

use rest::TwilioApi;

pub use line::{PhoneLine, PhoneState};
pub use meet::{MeetError, meet, tuned};

/// What a phone line is told by its call.
#[derive(Debug)]
pub enum PhoneMessage {
    /// A stream of this call is there. It takes the place of the one before, if that is still there.
    Attach(Box<MediaStream>),
    /// The caller spoke: nothing of what was said so far shall be heard any more. Answered by
    /// [`LineEvent::Interrupted`](super::LineEvent::Interrupted).
    Interrupt {
        /// The response under way, of which nothing may have come yet.
        active: Option<ResponseId>,
    },
    /// Close the stream: Twilio then asks what to do next.
    CloseStream,
    /// End the call by Twilio's REST API. Answered by
    /// [`LineEvent::Effect`](super::LineEvent::Effect).
    HangUp,
    /// Give the call other instructions by Twilio's REST API. Answered by
    /// [`LineEvent::Effect`](super::LineEvent::Effect).
    Redirect {
        /// The instructions, as TwiML.
        twiml: String,
    },
    /// Ask Twilio whether the call goes on. Answered by
    /// [`LineEvent::Effect`](super::LineEvent::Effect).
    AskStatus,
    /// Panic: for tests.
    #[doc(hidden)]
    Crash,
}

/// A stream whose caller has shown that it is theirs: `start` has been read.
pub struct MediaStream {
    /// The socket.
    pub socket: WebSocket,
    /// Twilio's id of the stream.
    pub stream_sid: StreamSid,
}

impl fmt::Debug for MediaStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MediaStream").field("stream_sid", &self.stream_sid).finish_non_exhaustive()
    }
}

/// What a phone line begins with.
#[derive(Debug)]
pub struct PhoneArguments {
    /// The call, by Twilio's id of it.
    pub call_id: CallId,
    /// The audio of the call.
    pub lane: Arc<Lane>,
    /// To whom everything is reported.
    pub owner: DerivedActorRef<TransportEvent>,
    /// Twilio's REST API; without it a call can be ended only by closing its stream.
    pub api: Option<TwilioApi>,
    /// What a stream may use of our patience.
    pub limits: PhoneLimits,
}

/// How long the far end of a stream may be silent, and how long it may refuse to listen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PhoneLimits {
    /// Twilio sends sound fifty times a second: a stream on which nothing has come for so long is dead.
    pub silence: Duration,
    /// A write may take so long.
    pub write: Duration,
}

impl Default for PhoneLimits {
    fn default() -> Self {
        Self { silence: Duration::from_secs(10), write: Duration::from_secs(10) }
    }
}

impl From<LineCommand> for PhoneMessage {
    fn from(command: LineCommand) -> Self {
        match command {
            LineCommand::Interrupt { active } => Self::Interrupt { active },
            LineCommand::HangUp(_) => Self::HangUp,
            LineCommand::AskStatus => Self::AskStatus,
        }
    }
}
