//! OpenAI's Realtime protocol from the other side: what clients of ours send, and what they are told. Two dialects, the
//! one of the API as it is and the one of its beta, and one model of both.
//!
//! Source: <https://platform.openai.com/docs/api-reference/realtime>

mod client;
mod model;
mod server;

pub use client::{ClientFrame, Refusal, event_id_of, fresh_item_id, parse};
pub use model::{
    Asked, Eagerness, Introduction, ItemContent, ItemView, ResponseOutcome, ResponseWish, SessionView,
    SessionWish, Show, Turns, Wish,
};
pub use server::{
    Complaint, Content, Event, Item, ItemStatus, Place, Response, SessionFacts, Wording, refusal_json,
};

/// In which form a client is told things. It is chosen when it connects.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Dialect {
    /// The API as it is.
    #[default]
    Ga,
    /// The API as it was before: `OpenAI-Beta: realtime=v1`.
    Beta,
}

/// How the event about a tool is named: its first users wrote one name, and their documents another.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ExtensionNames {
    /// `extension.middle_tier_tool_response`.
    #[default]
    Underscored,
    /// `extension.middle_tier_tool.response`.
    Dotted,
}
