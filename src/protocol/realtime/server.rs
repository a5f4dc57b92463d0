//! What clients are told: one set of events, put into the words of either dialect.

mod parts;
mod session;
#[cfg(test)]
mod tests;
mod wording;

use super::model::{ItemContent, ItemView, ResponseOutcome, SessionView};
use crate::id::{ItemId, PersonaKey, ResponseId};
use crate::usage::Usage;

pub use wording::{SessionFacts, Wording, refusal_json};

/// Something a client is told.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// How its session begins.
    SessionCreated(SessionView),
    /// How its session is now.
    SessionUpdated(SessionView),
    /// Something did not go well; the connection goes on unless it is closed behind this.
    Error(Complaint),
    /// The caller began to speak.
    SpeechStarted {
        /// As this item, once it is there.
        item_id: ItemId,
        /// Where in all audio that came on this connection.
        at_ms: u64,
    },
    /// The caller fell silent.
    SpeechStopped {
        /// As this item, once it is there.
        item_id: ItemId,
        /// Where in all audio that came on this connection.
        at_ms: u64,
    },
    /// Audio was taken for a saying.
    Committed {
        /// As this item.
        item_id: ItemId,
        /// The item before it.
        previous: Option<ItemId>,
    },
    /// Audio that was not taken is forgotten.
    Cleared,
    /// An item stands in the conversation.
    ItemAdded {
        /// What.
        item: Item,
        /// The item before it.
        previous: Option<ItemId>,
    },
    /// An item will not change any more.
    ItemDone {
        /// What.
        item: Item,
        /// The item before it.
        previous: Option<ItemId>,
    },
    /// An item, as asked for.
    ItemRetrieved(Item),
    /// Only so much of a message was heard.
    ItemTruncated {
        /// Which.
        item_id: ItemId,
        /// How much.
        heard_ms: u64,
    },
    /// An item is gone.
    ItemDeleted(ItemId),
    /// What the caller said, in writing.
    Transcribed {
        /// Which item.
        item_id: ItemId,
        /// The words.
        text: String,
        /// How long they spoke, as far as is known.
        ms: u64,
    },
    /// Nobody could write down what the caller said.
    NotTranscribed(ItemId),
    /// A response began.
    ResponseCreated(Response),
    /// A response ended.
    ResponseDone(Response),
    /// A response has a message.
    OutputAdded {
        /// Which.
        place: Place,
        /// As it stands.
        item: Item,
    },
    /// A message of a response is whole, or as much of it as there will be.
    OutputDone {
        /// Which.
        place: Place,
        /// As it stands.
        item: Item,
    },
    /// A message has its part.
    PartAdded {
        /// Which.
        place: Place,
        /// Whether it is spoken.
        is_spoken: bool,
    },
    /// More of a message's words.
    Words {
        /// Which.
        place: Place,
        /// Whether they are spoken.
        is_spoken: bool,
        /// The piece.
        delta: String,
    },
    /// All audio of a message was told.
    AudioDone {
        /// Which.
        place: Place,
    },
    /// All words of a message were told.
    WordsDone {
        /// Which.
        place: Place,
        /// Whether they are spoken.
        is_spoken: bool,
        /// All of them.
        text: String,
    },
    /// A message's part is whole.
    PartDone {
        /// Which.
        place: Place,
        /// Whether it is spoken.
        is_spoken: bool,
        /// All words.
        text: String,
    },
    /// A tool gave its output.
    ToolDone {
        /// The item before.
        previous: Option<ItemId>,
        /// The tool.
        name: String,
        /// JSON text.
        result: String,
    },
    /// Who speaks.
    Persona(PersonaKey),
    /// The introduction was taken.
    Introduced,
}

/// Where in a response a message stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The response.
    pub response: ResponseId,
    /// The message.
    pub item_id: ItemId,
    /// Which message of the response, from 0.
    pub index: usize,
}

/// What did not go well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    /// The client's own name for the event that it is about.
    pub event_id: Option<String>,
    /// What, for programs.
    pub code: String,
    /// Which field it is about.
    pub param: Option<String>,
    /// A sentence for people.
    pub message: String,
}

/// How far an item is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ItemStatus {
    /// More will come.
    InProgress,
    /// It is whole.
    Completed,
    /// It was cut short.
    Incomplete,
}

/// An item, as it is told. The sound of it is not in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Which.
    pub id: ItemId,
    /// How far it is.
    pub status: ItemStatus,
    /// Whether the caller said it; else the persona did.
    pub is_callers: bool,
    /// What is in it; nothing while nothing was told of it.
    pub content: Option<Content>,
}

/// What is in an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// Whether it was spoken; else it was written.
    pub is_spoken: bool,
    /// The words; absent while they are not known.
    pub text: Option<String>,
}

impl From<ItemView> for Item {
    fn from(view: ItemView) -> Self {
        let ItemView { item_id, is_callers, is_spoken, text } = view;
        let text = Some(text).filter(|text| !(text.is_empty() && is_spoken));
        let content = Some(Content { is_spoken, text });
        Self { id: item_id, status: ItemStatus::Completed, is_callers, content }
    }
}

impl Item {
    /// An item of the caller's: what they said, in sound.
    pub fn said(id: ItemId) -> Self {
        Self::callers(id, Content { is_spoken: true, text: None })
    }

    /// An item that the client put into the conversation.
    pub fn added(id: ItemId, content: &ItemContent) -> Self {
        let content = match content {
            ItemContent::Text(text) => Content { is_spoken: false, text: Some(text.clone()) },
            ItemContent::Audio(_) => Content { is_spoken: true, text: None },
        };
        Self::callers(id, content)
    }

    fn callers(id: ItemId, content: Content) -> Self {
        Self { id, status: ItemStatus::Completed, is_callers: true, content: Some(content) }
    }
}

/// A response, as it is told.
#[derive(Debug, Clone, PartialEq)]
pub struct Response {
    /// Which.
    pub id: ResponseId,
    /// Whether it is spoken.
    pub is_spoken: bool,
    /// What its asker wanted repeated.
    pub metadata: Vec<(String, String)>,
    /// Its messages, once it has ended.
    pub output: Vec<Item>,
    /// How it ended, and what it cost; absent while it goes on.
    pub end: Option<(ResponseOutcome, Usage)>,
}
