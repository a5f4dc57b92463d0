//! What the conversation decides: actions for the shell, and deadlines that come back.

use std::time::Duration;

use crate::id::{ItemId, ResponseId};
use crate::protocol::openai::{ClientEvent, NewItem};
use crate::session::restore::Stage;
use crate::session::{SessionEvent, Why};

/// The wait before a failed response is tried once more.
pub const RETRY_WAIT: Duration = Duration::from_millis(500);

/// What the shell shall do.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Send this.
    Send(ClientEvent),
    /// Tell the owner.
    Report(SessionEvent),
    /// Open the next socket, while this one goes on.
    Open(Why),
    /// Send this on the next socket.
    Prime(ClientEvent),
    /// The next socket is the present one from here on: it is configured and knows the conversation. The one before is
    /// closed, if it lives.
    Switch {
        /// Why.
        why: Why,
        /// How many items it was given.
        replayed_items: u64,
    },
    /// The next socket is of no use.
    Discard(String),
    /// Come back with this after that long, if this socket is still there.
    Arm(Deadline, Duration),
    /// Come back with this after that long, if the next socket is still there, as the next one or the present one.
    ArmNext(Deadline, Duration),
    /// Get another socket: this one is of no more use. A switch that follows is that other socket.
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
    /// No socket took the place of this one, though one should have.
    NotReplaced(Why),
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
    /// The answer to this update of the next socket, and the place of what it was given after it.
    Primed(String),
    /// The end of the wait for a good moment to move to the next socket.
    Patience,
    /// The session's age.
    Age(Stage),
    /// The next look for a socket to take the place of an old one.
    Again,
    /// The end of the summary asked for with this token.
    Summary(String),
    /// The next look whether the response of this number comes along.
    Progress(u64),
}

/// The `event_id` of an item's create names the item, so that an error leads back to it.
pub(in crate::session) fn create_item(item: NewItem) -> ClientEvent {
    let id = match &item {
        NewItem::Message { id, .. }
        | NewItem::FunctionCall { id, .. }
        | NewItem::FunctionCallOutput { id, .. } => id,
    };
    ClientEvent::ItemCreate { event_id: format!("ic_{id}"), item }
}
