//! Lines: how a caller's words get in and the persona's words get out. A line knows nothing of the model.

pub mod playout;
pub mod text;
pub mod twilio;

pub use text::{TextCommand, TextLine, TextMessage};

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
}
