//! What was said, as it must be replayed to another session. Pure.

mod client;
mod older;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, VecDeque};

use crate::id::{ItemId, ToolCallId};
use crate::protocol::openai::{ContentPart, NewItem, Role};

use self::older::Turns;
pub use self::older::{Older, Told};

/// One thing of the conversation, in the form that another session can be given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// The caller's words.
    Caller(String),
    /// The persona's words.
    Persona(String),
    /// A note of the service.
    Note(String),
    /// The model asked for a tool.
    ToolCall {
        /// The model's id of the tool call.
        id: ToolCallId,
        /// The tool.
        name: String,
        /// JSON text.
        arguments: String,
    },
    /// What the tool gave.
    ToolOutput {
        /// The tool call it answers.
        id: ToolCallId,
        /// JSON text.
        output: String,
    },
}

impl Content {
    fn len(&self) -> usize {
        match self {
            Self::Caller(text) | Self::Persona(text) | Self::Note(text) => text.len(),
            Self::ToolCall { name, arguments, .. } => name.len() + arguments.len(),
            Self::ToolOutput { output, .. } => output.len(),
        }
    }
}

/// One item that a socket holds, or should: which thing of the history, in which wording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    key: u64,
    version: u32,
    /// The output that stands for the one a tool call will never get.
    is_stand_in: bool,
}

impl Piece {
    /// What it is called on a socket that is given it, the first time and when it was given it `times` times before.
    pub fn name(&self, times: u32) -> ItemId {
        let of = if self.is_stand_in { "o" } else { "" };
        let again = if times == 0 { String::new() } else { format!("_{times}") };
        ItemId::from(format!("h_{}{of}{again}", self.key))
    }
}

#[derive(Debug, Clone)]
struct Entry {
    /// Stays the same on every socket.
    key: u64,
    /// Rises when its words change.
    version: u32,
    /// What it was called first: the line knows it by that.
    first_id: ItemId,
    /// What the present socket calls it.
    item_id: ItemId,
    content: Content,
}

impl Entry {
    fn is(&self, item_id: &ItemId) -> bool {
        self.item_id == *item_id || self.first_id == *item_id
    }

    fn piece(&self) -> Piece {
        Piece { key: self.key, version: self.version, is_stand_in: false }
    }
}

/// At most so many things are kept: some 100 turns with tools.
const MAX_ENTRIES: usize = 400;
/// At most so much text is kept, in bytes: some 60,000 tokens.
const MAX_BYTES: usize = 256 << 10;

/// The conversation so far, within its limits: the oldest turn goes first.
#[derive(Debug, Default)]
pub struct History {
    entries: VecDeque<Entry>,
    bytes: usize,
    keys: u64,
    forgotten: u64,
    turns: Turns,
}

impl History {
    /// A history that another session, or another process, left.
    pub fn restored(contents: impl IntoIterator<Item = impl Into<Told>>) -> Self {
        let mut history = Self::default();
        for told in contents {
            let Told { turn, content } = told.into();
            let begins = matches!(content, Content::Caller(_));
            let item_id = history.add(content);
            if begins {
                history.begins_turn(turn, item_id);
            }
        }
        history
    }

    /// How many things it holds.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing was said.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many things the limits have cost so far.
    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// Adds something of ours, and names it.
    pub fn add(&mut self, content: Content) -> ItemId {
        let key = self.keys + 1;
        let item_id = Piece { key, version: 0, is_stand_in: false }.name(0);
        self.push(item_id.clone(), content);
        item_id
    }

    /// Adds something that the model's side named.
    pub fn push(&mut self, item_id: ItemId, content: Content) {
        self.keys += 1;
        self.bytes += content.len();
        let first_id = item_id.clone();
        self.entries.push_back(Entry { key: self.keys, version: 0, first_id, item_id, content });
        while self.entries.len() > MAX_ENTRIES || self.bytes > MAX_BYTES {
            if !self.drop_oldest_turn() {
                break;
            }
        }
    }

    /// Takes back something that the model never took.
    pub fn retract(&mut self, item_id: &ItemId) {
        if let Some(at) = self.entries.iter().position(|entry| entry.is(item_id)) {
            self.remove(at);
        }
    }

    /// The words of something that was said, once they are known, or as far as they were heard.
    pub fn reword(&mut self, item_id: &ItemId, text: &str) {
        if let Some(entry) = self.entries.iter_mut().find(|entry| entry.is(item_id)) {
            self.bytes -= entry.content.len();
            if let Content::Caller(words) | Content::Persona(words) = &mut entry.content
                && *words != text
            {
                text.clone_into(words);
                entry.version += 1;
            }
            self.bytes += entry.content.len();
        }
    }

    /// The words of one message.
    pub fn words(&self, item_id: &ItemId) -> Option<&str> {
        let entry = self.entries.iter().find(|entry| entry.is(item_id))?;
        match &entry.content {
            Content::Caller(words) | Content::Persona(words) => Some(words),
            Content::Note(_) | Content::ToolCall { .. } | Content::ToolOutput { .. } => None,
        }
    }

    /// What something is called on this socket, whatever it was called before.
    pub fn present_id(&self, item_id: &ItemId) -> Option<ItemId> {
        self.entries.iter().find(|entry| entry.is(item_id)).map(|entry| entry.item_id.clone())
    }

    /// What the caller said and nobody has written down yet, and whether the persona has said anything since.
    pub fn unwritten(&self) -> Vec<(ItemId, bool)> {
        let mut found = Vec::new();
        let mut is_answered = false;
        for entry in self.entries.iter().rev() {
            match &entry.content {
                Content::Persona(_) => is_answered = true,
                Content::Caller(words) if words.is_empty() => {
                    found.push((entry.item_id.clone(), is_answered));
                }
                Content::Caller(_)
                | Content::Note(_)
                | Content::ToolCall { .. }
                | Content::ToolOutput { .. } => {}
            }
        }
        found
    }

    /// The persona's newest words.
    pub fn last_words(&self) -> Option<&str> {
        self.entries.iter().rev().find_map(|entry| match &entry.content {
            Content::Persona(words) => Some(words.as_str()),
            Content::Caller(_) | Content::Note(_) | Content::ToolCall { .. } | Content::ToolOutput { .. } => {
                None
            }
        })
    }

    /// Forgets everything before the caller's last words; the ids of what is forgotten.
    pub fn forget_before_turn(&mut self) -> Vec<ItemId> {
        let is_caller = |entry: &Entry| matches!(entry.content, Content::Caller(_));
        let keep_from = self.entries.iter().rposition(is_caller).unwrap_or(0);
        let mut forgotten = self.take_folded();
        forgotten.extend((0..keep_from).filter_map(|_| self.remove(0)).map(|entry| entry.item_id));
        forgotten
    }

    /// The item that adds one thing to a conversation.
    pub fn item(item_id: ItemId, content: &Content) -> NewItem {
        let message = |role, part| NewItem::Message { id: item_id.clone(), role, content: [part] };
        match content {
            Content::Caller(text) => message(Role::User, ContentPart::InputText { text: text.clone() }),
            Content::Persona(text) => {
                message(Role::Assistant, ContentPart::OutputText { text: text.clone() })
            }
            Content::Note(text) => message(Role::System, ContentPart::InputText { text: text.clone() }),
            Content::ToolCall { id, name, arguments } => NewItem::FunctionCall {
                id: item_id,
                call_id: id.clone(),
                name: name.clone(),
                arguments: arguments.clone(),
            },
            Content::ToolOutput { id, output } => {
                NewItem::FunctionCallOutput { id: item_id, call_id: id.clone(), output: output.clone() }
            }
        }
    }

    /// What a socket should hold, in order. A tool call that nobody will answer any more (`is_open` says no) has an
    /// output that says so; words that were never written down cannot be given, and empty messages are refused.
    pub fn pieces(&self, is_open: impl Fn(&ToolCallId) -> bool) -> Vec<Piece> {
        let (mut called, mut answered) = (BTreeSet::new(), BTreeSet::new());
        for entry in &self.entries {
            match &entry.content {
                Content::ToolCall { id, .. } => drop(called.insert(id)),
                Content::ToolOutput { id, .. } if called.contains(id) => drop(answered.insert(id)),
                Content::ToolOutput { .. } | Content::Caller(_) | Content::Persona(_) | Content::Note(_) => {}
            }
        }
        let mut called = BTreeSet::new();
        let mut pieces = Vec::with_capacity(self.entries.len());
        for entry in &self.entries {
            match &entry.content {
                Content::Caller(words) | Content::Persona(words) | Content::Note(words) => {
                    pieces.extend((!words.is_empty()).then(|| entry.piece()));
                }
                Content::ToolCall { id, .. } => {
                    called.insert(id);
                    pieces.push(entry.piece());
                    if !answered.contains(id) && !is_open(id) {
                        pieces.push(Piece { is_stand_in: true, ..entry.piece() });
                    }
                }
                // Without its call, which the limits may have cost, an output is refused.
                Content::ToolOutput { id, .. } => pieces.extend(called.contains(id).then(|| entry.piece())),
            }
        }
        pieces
    }

    /// The item that gives a socket this piece, under this name.
    pub fn item_of(&self, piece: Piece, item_id: ItemId) -> Option<NewItem> {
        let at = self.entries.binary_search_by_key(&piece.key, |entry| entry.key).ok()?;
        let content = &self.entries[at].content;
        match content {
            Content::ToolCall { id, .. } if piece.is_stand_in => {
                let output = INTERRUPTED.to_owned();
                Some(Self::item(item_id, &Content::ToolOutput { id: id.clone(), output }))
            }
            _ => Some(self.replayed(at, item_id)),
        }
    }

    /// Another socket is the present one, and calls things so.
    pub fn rename(&mut self, name: impl Fn(Piece) -> Option<ItemId>) {
        self.take_folded();
        for entry in &mut self.entries {
            let piece = entry.piece();
            entry.item_id = name(piece).unwrap_or_else(|| piece.name(0));
        }
    }

    /// Drops the oldest words of the caller and what followed them; never the turn under way.
    fn drop_oldest_turn(&mut self) -> bool {
        let is_caller = |entry: &Entry| matches!(entry.content, Content::Caller(_));
        let Some(next) = self.entries.iter().skip(1).position(is_caller).map(|at| at + 1) else {
            return false;
        };
        for _ in 0..next {
            self.remove(0);
        }
        self.forgotten += next as u64;
        self.forget_begins();
        true
    }

    fn remove(&mut self, at: usize) -> Option<Entry> {
        let entry = self.entries.remove(at)?;
        self.bytes -= entry.content.len();
        Some(entry)
    }
}

/// What the model is told when it was cut off while it spoke, and shall go on. `heard` is what the caller heard of it.
pub fn go_on_note(heard: &str) -> String {
    let heard = heard.trim().replace('"', "'");
    if heard.is_empty() {
        return "You were cut off before the caller could hear you. Say it again, without a word about it."
            .to_owned();
    }
    format!(
        "You were cut off while you spoke. The caller has heard: \"{heard}\" Go on from there without a word about \
         it, and repeat nothing of what they have heard. If that was all you had to say, ask in a few words whether \
         there is anything else."
    )
}

/// The output of a tool call that was cut off.
pub const INTERRUPTED: &str = r#"{"error":"interrupted"}"#;
