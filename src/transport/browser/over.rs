//! Why a browser's connection is over, and what each end is told of it.

use crate::transport::{GoodbyeKind, StreamEnd};

/// Why a connection is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Over {
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
    /// More waits for the browser than may.
    Slow,
    /// The browser sends more than it may.
    Flood,
    /// Too little of what the browser sends can be used.
    Garbage,
    /// The line itself is gone.
    Abandoned,
}

impl Over {
    /// What the call is told of it, if anything.
    pub(super) fn reported(self) -> Option<StreamEnd> {
        match self {
            Self::HungUp | Self::Goodbye(_) => Some(StreamEnd::Stopped),
            Self::Lost | Self::TooLarge | Self::Slow | Self::Flood | Self::Garbage => Some(StreamEnd::Lost),
            Self::Replaced | Self::Abandoned => None,
        }
    }

    /// The WebSocket's word for it. 4001 is ours: whoever is told must not come back by itself.
    pub(super) fn close_code(self) -> u16 {
        match self {
            Self::HungUp | Self::Goodbye(GoodbyeKind::Done) => 1000,
            Self::Lost | Self::Abandoned | Self::Goodbye(GoodbyeKind::GoingDown) => 1001,
            Self::Flood | Self::Garbage => 1008,
            Self::TooLarge => 1009,
            Self::Goodbye(GoodbyeKind::Failed) => 1011,
            Self::Slow => 1013,
            Self::Replaced => 4001,
        }
    }

    /// What the browser is told in words: a code, and what to do.
    pub(super) fn told(self) -> Option<(&'static str, &'static str)> {
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
            Self::HungUp | Self::Lost | Self::Goodbye(_) | Self::Abandoned => None,
        }
    }

    /// For the count of ends.
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::HungUp => "hung_up",
            Self::Lost => "lost",
            Self::TooLarge => "too_large",
            Self::Goodbye(_) => "goodbye",
            Self::Replaced => "replaced",
            Self::Slow => "slow",
            Self::Flood => "flood",
            Self::Garbage => "garbage",
            Self::Abandoned => "abandoned",
        }
    }
}
