//! The human a call may be handed to.

use std::str::FromStr;

/// What happens when the service dials a human.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Human {
    /// Answers, hears the whisper, talks for so long and hangs up.
    Answers {
        /// Milliseconds of the call.
        talks_ms: u64,
    },
    /// The number is engaged.
    Busy,
    /// Nobody answers.
    NoAnswer,
}

impl Default for Human {
    fn default() -> Self {
        Self::Answers { talks_ms: 2_000 }
    }
}

impl Human {
    /// The `DialCallStatus` this comes to.
    pub(super) fn outcome(self) -> &'static str {
        match self {
            Self::Answers { .. } => "completed",
            Self::Busy => "busy",
            Self::NoAnswer => "no-answer",
        }
    }
}

impl FromStr for Human {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "answers" => Ok(Self::default()),
            "busy" => Ok(Self::Busy),
            "no-answer" => Ok(Self::NoAnswer),
            _ => Err("must be answers, busy or no-answer".to_owned()),
        }
    }
}
