//! What a client and its call say to each other, whatever the dialect: what a client asks for comes up as a [`Wish`],
//! what the conversation does goes down as a [`Show`].

use crate::id::{ItemId, PersonaKey, ResponseId};
use crate::sound::AudioFormat;
use crate::usage::Usage;

/// Something a client asks of its call. Sound is not among it: that flows through the lane.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// The client's own name for the event, which an error about it repeats.
    pub event_id: Option<String>,
    /// What.
    pub wish: Wish,
}

/// What a client may ask for.
#[derive(Debug, Clone, PartialEq)]
pub enum Wish {
    /// Change how it is heard and spoken to. Answered by [`Show::Session`] once it is in force.
    Session(SessionWish),
    /// What it sent so far is a saying of the caller's. Answered by [`Show::Said`].
    Commit,
    /// Forget what it sent and nobody has taken yet. Answered by [`Show::InputCleared`].
    ClearInput,
    /// Put this into the conversation. Answered by [`Show::ItemAdded`].
    AddItem {
        /// Its name: the client's, or made for it.
        item_id: ItemId,
        /// What.
        content: ItemContent,
    },
    /// Show this item as it stands. Answered by [`Show::Item`].
    Retrieve(ItemId),
    /// The caller heard only so much of this message. Answered by [`Show::Heard`].
    Truncate {
        /// Which.
        item_id: ItemId,
        /// How much was heard, in milliseconds.
        heard_ms: u64,
    },
    /// Take this out of the conversation. Answered by [`Show::ItemDeleted`].
    Delete(ItemId),
    /// Answer. A client that is in charge of turns asks for every answer.
    Respond(ResponseWish),
    /// Stop answering: this response, or whichever is under way.
    Cancel(Option<ResponseId>),
    /// Who calls, and what about: claims of the client's, to be treated as such.
    Introduce(Introduction),
    /// Speak with this persona.
    Persona(PersonaKey),
}

/// What a client adds to the conversation; always in the caller's name.
#[derive(Debug, Clone, PartialEq)]
pub enum ItemContent {
    /// Words.
    Text(String),
    /// Sound, as base64 in the session's format.
    Audio(String),
}

/// What a client may change of the session; absent means unchanged.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SessionWish {
    /// How audio is written, both ways: only before any was.
    pub format: Option<AudioFormat>,
    /// Who finds the ends of turns.
    pub turns: Option<Turns>,
    /// With which voice it is spoken to: only before it was.
    pub voice: Option<String>,
    /// Whether it is spoken to; else it is written to.
    pub is_spoken: Option<bool>,
    /// Whether it is shown in writing what the caller says.
    pub is_transcribed: Option<bool>,
}

/// Who finds the ends of the caller's turns.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Turns {
    /// The client: it commits, and asks for answers.
    Client,
    /// The model's side, by loudness.
    ByVolume {
        /// How loud speech is: 0 to 1.
        threshold: f64,
        /// Audio before the speech that belongs to it.
        prefix_ms: u32,
        /// Silence that ends a turn.
        silence_ms: u32,
        /// Whether the end of a turn is answered without being asked.
        answers: bool,
        /// Whether speech stops an answer.
        stops: bool,
    },
    /// The model's side, by what is said.
    ByMeaning {
        /// How soon a turn is taken for ended.
        eagerness: Eagerness,
        /// Whether the end of a turn is answered without being asked.
        answers: bool,
        /// Whether speech stops an answer.
        stops: bool,
    },
}

impl Default for Turns {
    /// As the protocol says of a session that nobody changed.
    fn default() -> Self {
        Self::ByVolume { threshold: 0.5, prefix_ms: 300, silence_ms: 500, answers: true, stops: true }
    }
}

impl Turns {
    /// Whether the end of a turn is answered without being asked.
    pub fn answers(self) -> bool {
        match self {
            Self::Client => false,
            Self::ByVolume { answers, .. } | Self::ByMeaning { answers, .. } => answers,
        }
    }

    /// Whether speech stops an answer.
    pub fn stops(self) -> bool {
        match self {
            Self::Client => false,
            Self::ByVolume { stops, .. } | Self::ByMeaning { stops, .. } => stops,
        }
    }
}

/// How soon a turn is taken for ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Eagerness {
    /// After 8 s at most.
    Low,
    /// After 4 s at most; what `auto` means.
    #[default]
    Medium,
    /// After 2 s at most.
    High,
}

/// How a client wants one answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ResponseWish {
    /// Spoken, or written; as the session when absent.
    pub is_spoken: Option<bool>,
    /// What the client wants repeated with the response: at most 16 pairs.
    pub metadata: Vec<(String, String)>,
}

/// What a client says of who calls and why (`session.getting`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Introduction {
    /// What the caller wants, in the client's words.
    pub intent: Option<String>,
    /// What the client knows of the caller, by name; `name` is theirs.
    pub user_info: Vec<(String, String)>,
}

/// How a session is, as far as its client may know.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionView {
    /// How audio is written, both ways.
    pub format: AudioFormat,
    /// Who finds the ends of turns.
    pub turns: Turns,
    /// The voice.
    pub voice: String,
    /// Whether it is spoken to.
    pub is_spoken: bool,
    /// Whether it is shown in writing what the caller says.
    pub is_transcribed: bool,
}

/// What the conversation does, as its client is shown it. Ids are the model's, or the client's own.
#[derive(Debug, Clone, PartialEq)]
pub enum Show {
    /// How the session is: answers [`Wish::Session`], and is shown first of all.
    Session(SessionView),
    /// A response began. Shown before anything of it.
    Responding {
        /// Which.
        response: ResponseId,
        /// Whether it is spoken; else it is written.
        is_spoken: bool,
        /// What its asker wanted repeated.
        metadata: Vec<(String, String)>,
    },
    /// A piece of what the persona says or writes.
    Words {
        /// Of which response.
        response: ResponseId,
        /// Of which message.
        item_id: ItemId,
        /// The piece.
        text: String,
    },
    /// All words of a message.
    Message {
        /// Of which response.
        response: ResponseId,
        /// Which message.
        item_id: ItemId,
        /// The words.
        text: String,
    },
    /// A response ended.
    Responded {
        /// Which.
        response: ResponseId,
        /// How.
        end: ResponseOutcome,
        /// What it cost.
        usage: Usage,
    },
    /// A message was not heard to its end; 0 ms when nothing of it was.
    Heard {
        /// Which.
        item_id: ItemId,
        /// How much was, in milliseconds.
        heard_ms: u64,
    },
    /// The caller began to speak.
    SpeechStarted {
        /// The item that their words will be.
        item_id: ItemId,
    },
    /// The caller fell silent.
    SpeechStopped {
        /// The item that their words will be.
        item_id: ItemId,
    },
    /// What the caller said stands in the conversation.
    Said {
        /// As this item.
        item_id: ItemId,
    },
    /// What the caller said, in writing.
    Transcribed {
        /// Which item.
        item_id: ItemId,
        /// The words; empty when nobody could write them down.
        text: String,
    },
    /// What was sent and not taken is forgotten.
    InputCleared,
    /// The client's item stands in the conversation.
    ItemAdded {
        /// Which.
        item_id: ItemId,
        /// What it is.
        content: ItemContent,
    },
    /// An item as it stands.
    Item(ItemView),
    /// An item is out of the conversation.
    ItemDeleted(ItemId),
    /// A tool gave its output; the call itself is not shown.
    ToolDone {
        /// The tool.
        name: String,
        /// JSON text: what the client may know of its output.
        result: String,
    },
    /// Who speaks.
    Persona(PersonaKey),
    /// The introduction was taken.
    Introduced,
    /// Something the client asked for cannot be done, or something of ours failed.
    Refused {
        /// The client's own name for the event this is about.
        event_id: Option<String>,
        /// As the protocol names it, or as ours; `server_error` when the client could do nothing about it.
        code: &'static str,
        /// What to do about it.
        message: String,
    },
}

/// How a response ended, as a client is shown it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResponseOutcome {
    /// It is whole.
    Completed,
    /// The caller spoke.
    Interrupted,
    /// The client cancelled it.
    Cancelled,
    /// A limit of the model's cut it short.
    OutOfTokens,
    /// A filter of the model's cut it short.
    Filtered,
    /// It failed.
    Failed,
}

/// An item, as a client is shown it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemView {
    /// Which.
    pub item_id: ItemId,
    /// Whether the caller said it; else the persona did.
    pub is_callers: bool,
    /// Whether it was spoken; else it was written.
    pub is_spoken: bool,
    /// The words, as far as they are known and were heard.
    pub text: String,
}
