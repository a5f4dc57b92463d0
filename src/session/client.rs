//! What a client that speaks OpenAI's Realtime protocol asks of a session, and what it is told of it.

use crate::id::ItemId;
use crate::protocol::realtime::ItemContent;

/// What a client asks.
#[derive(Debug, Clone, PartialEq)]
pub enum ClientOrder {
    /// Put this into the conversation, in the caller's name.
    AddItem {
        /// What the client calls it.
        item_id: ItemId,
        /// What.
        content: ItemContent,
    },
    /// The caller heard only so much of this message.
    Truncate {
        /// Which.
        item_id: ItemId,
        /// How much was heard, in milliseconds.
        heard_ms: u64,
    },
    /// Take this out of the conversation.
    Delete(ItemId),
    /// Answer what stands in the conversation.
    Respond {
        /// In which turn.
        turn: u64,
        /// Aloud, or in writing; as the session when absent.
        is_spoken: Option<bool>,
    },
    /// Nobody waits for an answer any more; what was said of it was heard.
    Stop,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientReport {
    /// A message that was not heard to its end stands as it was cut before, or was heard to its end.
    Heard {
        /// Which.
        item_id: ItemId,
        /// How much of it was heard, in milliseconds.
        heard_ms: u64,
    },
    /// What was sent is too little to be a saying of the caller's.
    NotCommitted,
    /// The model did not take an item.
    NotAdded {
        /// What the client calls it.
        item_id: ItemId,
        /// The model's own word for it.
        code: String,
    },
}
