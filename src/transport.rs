//! Lines: how a caller's words get in and the persona's words get out. A line knows nothing of the model.

pub mod playout;
pub mod text;
pub mod twilio;

pub use text::{TextCommand, TextLine, TextMessage};

use crate::id::{ItemId, ResponseId};

/// What a line reports to its call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TransportEvent {
    /// The caller said something, in writing.
    Said {
        /// Which saying, in the line's numbering: answers name it.
        saying: u64,
        /// What.
        text: String,
    },
    /// The phone line has something to tell.
    Phone(PhoneEvent),
}

/// What a phone line reports to its call. Audio is not among it: that flows through the lane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PhoneEvent {
    /// A stream of this call is up: the caller can hear and be heard. A later one takes the place of an earlier.
    StreamUp {
        /// Twilio's id of it.
        stream_sid: String,
    },
    /// The stream is gone, and no other has taken its place.
    StreamDown {
        /// How it went.
        how: StreamEnd,
    },
    /// The caller pressed a key.
    Digit(char),
    /// The persona can be heard: the first audio after silence was written.
    Playing,
    /// Everything that was written has been played, by the marks.
    Played,
    /// Nothing of what was said before will be heard any more.
    Interrupted {
        /// Whether the call asked for it; otherwise the stream is gone.
        asked: bool,
        /// What was left unheard, oldest first. Messages that were heard to their end are not among it.
        cuts: Vec<Cut>,
    },
    /// A call was ended, or given other instructions, by Twilio's REST API, or could not be.
    Effect(EffectDone),
}

/// How a stream ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamEnd {
    /// Twilio said so: the caller hung up, or the call was given other instructions.
    Stopped,
    /// The socket closed or broke without a word, or nothing came through it for too long.
    Lost,
    /// We closed it.
    Closed,
}

/// A message that was not heard to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// Of which response.
    pub response: ResponseId,
    /// Which message.
    pub item: ItemId,
    /// How much of it was heard, in milliseconds; never more than was sent.
    pub played_ms: u64,
    /// How much of it was handed over, in milliseconds.
    pub sent_ms: u64,
}

/// What came of an effect on the phone call itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EffectDone {
    /// The call was ended.
    HungUp(Result<(), String>),
    /// The call was given other instructions.
    Redirected(Result<(), String>),
    /// Whether the call goes on, as Twilio says; asked when a stream stopped and nobody said why.
    Status(Result<bool, String>),
}
