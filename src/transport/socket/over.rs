//! Why a connection is over, and what each end is told of it.

use crate::transport::{GoodbyeKind, StreamEnd};

/// Why a connection is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::transport) enum Over {
    /// The caller closed it, and meant it.
    HungUp,
    /// It broke, or nothing came or went for too long.
    Lost,
    /// It was sent more at once than we take.
    TooLarge,
    /// The call said goodbye.
    Goodbye(GoodbyeKind),
    /// Another one took its place.
    Replaced,
    /// More waits for the other side than may.
    Slow,
    /// The other side sends more than it may.
    Flood,
    /// Too little of what the other side sends can be used.
    Garbage,
    /// Neither side said anything for too long.
    Idle,
    /// It lasted as long as one may.
    Expired,
    /// The line itself is gone.
    Abandoned,
}

impl Over {
    /// What the call is told of it, if anything.
    pub(in crate::transport) fn reported(self) -> Option<StreamEnd> {
        match self {
            Self::HungUp | Self::Goodbye(_) | Self::Idle => Some(StreamEnd::Stopped),
            Self::Lost | Self::TooLarge | Self::Slow | Self::Flood | Self::Garbage | Self::Expired => {
                Some(StreamEnd::Lost)
            }
            Self::Replaced | Self::Abandoned => None,
        }
    }

    /// Whether it says that the caller is done with the call.
    pub(in crate::transport) fn is_goodbye_of_callers(self) -> bool {
        matches!(self, Self::HungUp | Self::Idle)
    }

    /// The WebSocket's word for it. 4001 is ours: whoever is told must not come back by itself.
    pub(in crate::transport) fn close_code(self) -> u16 {
        match self {
            Self::HungUp | Self::Goodbye(GoodbyeKind::Done) => 1000,
            Self::Lost
            | Self::Abandoned
            | Self::Idle
            | Self::Expired
            | Self::Goodbye(GoodbyeKind::GoingDown) => 1001,
            Self::Flood | Self::Garbage => 1008,
            Self::TooLarge => 1009,
            Self::Goodbye(GoodbyeKind::Failed) => 1011,
            Self::Slow => 1013,
            Self::Replaced => 4001,
        }
    }

    /// What the other side is told in words: a code, and what to do.
    pub(in crate::transport) fn told(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Flood => Some(("flood", "more came than may for long: send audio as fast as it is spoken")),
            Self::Garbage => {
                Some(("too_many_errors", "too many messages could not be used: see the errors before"))
            }
            Self::TooLarge => {
                Some(("message_too_large", "a message may have 1 MiB: send audio in chunks of 40 ms"))
            }
            Self::Replaced => Some(("replaced", "this session goes on in another connection")),
            Self::Slow => Some(("too_slow", "the audio was not taken as fast as it came: connect again")),
            Self::Idle => Some(("idle", "nothing was said for too long: connect again to go on")),
            Self::Expired => {
                Some(("session_expired", "a connection lasts no longer: connect again to go on"))
            }
            Self::HungUp | Self::Lost | Self::Goodbye(_) | Self::Abandoned => None,
        }
    }

    /// For the count of ends.
    pub(in crate::transport) fn label(self) -> &'static str {
        match self {
            Self::HungUp => "hung_up",
            Self::Lost => "lost",
            Self::TooLarge => "too_large",
            Self::Goodbye(_) => "goodbye",
            Self::Replaced => "replaced",
            Self::Slow => "slow",
            Self::Flood => "flood",
            Self::Garbage => "garbage",
            Self::Idle => "idle",
            Self::Expired => "expired",
            Self::Abandoned => "abandoned",
        }
    }
}
