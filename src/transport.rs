//! Lines: how a caller's words get in and the persona's words get out. A line knows nothing of the model.

pub mod browser;
mod cut;
pub mod playout;
pub mod realtime;
mod socket;
pub mod text;
pub mod twilio;

pub use cut::Cut;
pub use text::{TextCommand, TextLine, TextMessage};

use std::any::Any;

use crate::id::{PersonaKey, ResponseId};
use crate::protocol::realtime::Asked;

/// What a connection takes up for as long as it is open. The line only keeps it.
pub type Place = Box<dyn Any + Send + Sync>;

/// What a line reports to its call.
#[derive(Debug, Clone, PartialEq)]
pub enum TransportEvent {
    /// The caller said something, in writing.
    Said {
        /// Which saying, in the line's numbering: answers name it.
        saying: u64,
        /// What.
        text: String,
    },
    /// A line that carries voices has something to tell.
    Line(LineEvent),
}

impl From<LineEvent> for TransportEvent {
    fn from(event: LineEvent) -> Self {
        Self::Line(event)
    }
}

/// What a line that carries voices reports to its call. Audio is not among it: that flows through the lane.
#[derive(Debug, Clone, PartialEq)]
pub enum LineEvent {
    /// A stream of this call is up: the caller can hear and be heard. A later one takes the place of an earlier.
    StreamUp,
    /// The stream is gone, and no other has taken its place.
    StreamDown {
        /// How it went.
        how: StreamEnd,
    },
    /// The caller pressed a key.
    Digit(char),
    /// The caller wrote something, and wants an answer to it.
    Wrote(String),
    /// The caller wants to speak with this persona.
    Wants(PersonaKey),
    /// A client asks for something.
    Asked(Asked),
    /// The persona can be heard: the first audio after silence was written.
    Playing,
    /// Everything that was written has been played, as far as the line knows.
    Played,
    /// Nothing of what was said before will be heard any more.
    Interrupted {
        /// Whether the call asked for it; otherwise the stream is gone.
        asked: bool,
        /// What was left unheard, oldest first. Messages that were heard to their end are not among it.
        cuts: Vec<Cut>,
    },
    /// What came of something that the call wanted of its line.
    Effect(EffectDone),
}

/// How a stream ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamEnd {
    /// The far end said so: the caller hung up, or the call was given other instructions.
    Stopped,
    /// The socket closed or broke without a word, or nothing came through it for too long.
    Lost,
    /// We closed it.
    Closed,
}

/// What a call tells the line that carries its voice, whatever kind it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LineCommand {
    /// The caller spoke: nothing of what was said so far shall be heard any more. Answered by
    /// [`LineEvent::Interrupted`].
    Interrupt {
        /// The response under way, of which nothing may have come yet.
        active: Option<ResponseId>,
    },
    /// The call is over: so is the line.
    HangUp(Goodbye),
    /// Tell whether the call goes on as far as the far end is concerned. Answered by [`LineEvent::Effect`].
    AskStatus,
}

/// How a call takes its leave of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Goodbye {
    /// Why, in the call's own word.
    pub reason: &'static str,
    /// Of which kind that is.
    pub kind: GoodbyeKind,
}

/// What a far end is to make of a goodbye.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GoodbyeKind {
    /// All was said.
    Done,
    /// The service goes down: it will be back.
    GoingDown,
    /// Something of ours failed.
    Failed,
}

/// What came of an effect on the call itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EffectDone {
    /// The call was ended.
    HungUp(Result<(), String>),
    /// The call was given other instructions.
    Redirected(Result<(), String>),
    /// Whether the call goes on, as the far end says; asked when a stream stopped and nobody said why.
    Status(Result<bool, String>),
}
