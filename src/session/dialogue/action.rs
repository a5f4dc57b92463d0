//! What the conversation decides: actions for the shell, and deadlines that come back.

use std::time::Duration;

use crate::id::{ItemId, ResponseId};
use crate::protocol::openai::{ClientEvent, NewItem};
use crate::session::SessionEvent;

/// A `session.update` must be answered within this.
pub(super) const UPDATE_LIMIT: Duration = Duration::from_secs(5);
/// An item must stand in the conversation within this.
pub(super) const ITEM_LIMIT: Duration = Duration::from_secs(5);
/// A response must begin within this.
pub(super) const CREATED_LIMIT: Duration = Duration::from_secs(10);
/// What is said beside the conversation must have been generated within this.
pub(super) const ASIDE_LIMIT: Duration = Duration::from_secs(10);
/// The wait before a failed response is tried once more.
pub const RETRY_WAIT: Duration = Duration::from_millis(500);

/// What the shell shall do.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Send this.
    Send(ClientEvent),
    /// Tell the owner.
    Report(SessionEvent),
    /// A socket is configured and knows the conversation.
    Ready {
        /// How many items it was given.
        replayed_items: u64,
    },
    /// Come back with this after that long.
    Arm(Deadline, Duration),
    /// Get another socket: this one is of no more use.
    Replace(String),
    /// Stop trying: only the operator can mend it.
    GiveUp {
        /// The model's own word for it.
        code: String,
    },
    /// What the caller said up to this item is known in a form that outlives the socket, or has been answered: their
    /// audio need not be kept.
    Understood(ItemId),
    /// What still comes of this response shall not be heard.
    Refuse(ResponseId),
    /// Something an operator should find in the log.
    Notice(Notice),
}

/// Something for the log; holds no words of the conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// The model echoed a configuration that is not what was asked for.
    Mismatch(&'static str),
    /// The model reported an error that needs nothing done.
    Error(String),
    /// An event of a type nobody told us of.
    UnknownEvent(String),
    /// An output came for a tool call that is not open.
    StrayOutput,
}

/// Something that must happen by a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deadline {
    /// The answer to this update.
    Update(String),
    /// This item's place in the conversation.
    Item(ItemId),
    /// The beginning of the response asked for with this token.
    Created(String),
    /// The next try of a failed response.
    Retry,
    /// The end of what is said beside the conversation, with this token.
    Aside(String),
}

/// The `event_id` of an item's create names the item, so that an error leads back to it.
pub(super) fn create_item(item: NewItem) -> Action {
    let id = match &item {
        NewItem::Message { id, .. }
        | NewItem::FunctionCall { id, .. }
        | NewItem::FunctionCallOutput { id, .. } => id,
    };
    Action::Send(ClientEvent::ItemCreate { event_id: format!("ic_{id}"), item })
}
