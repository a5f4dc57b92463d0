//! What was said, as it must be replayed to another session. Pure.

mod client;

use std::collections::VecDeque;

use crate::id::{ItemId, ToolCallId};
use crate::protocol::openai::{ContentPart, NewItem, Role};

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

#[derive(Debug, Clone)]
struct Entry {
    item_id: ItemId,
    /// What the model's side called it before it was replayed to another socket.
    first_id: Option<ItemId>,
    content: Content,
}

impl Entry {
    fn is(&self, item_id: &ItemId) -> bool {
        self.item_id == *item_id || self.first_id.as_ref() == Some(item_id)
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
    ids: u64,
    forgotten: u64,
}

impl History {
    /// A history that another session, or another process, left.
    pub fn restored(contents: impl IntoIterator<Item = Content>) -> Self {
        let mut history = Self::default();
        for content in contents {
            history.add(content);
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
        self.ids += 1;
        let item_id = ItemId::from(format!("h_{}", self.ids));
        self.push(item_id.clone(), content);
        item_id
    }

    /// Adds something that the model's side named.
    pub fn push(&mut self, item_id: ItemId, content: Content) {
        self.bytes += content.len();
        self.entries.push_back(Entry { item_id, first_id: None, content });
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
            if let Content::Caller(words) | Content::Persona(words) = &mut entry.content {
                text.clone_into(words);
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
        (0..keep_from).filter_map(|_| self.remove(0)).map(|entry| entry.item_id).collect()
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

    /// The items that give a new session this conversation. Things the model's side named get names of ours; a
    /// tool call that nobody will answer any more (`is_open` says no) gets an output that says so.
    pub fn replay(&mut self, is_open: impl Fn(&ToolCallId) -> bool) -> Vec<NewItem> {
        for entry in &mut self.entries {
            if !entry.item_id.as_str().starts_with("h_") {
                self.ids += 1;
                let ours = ItemId::from(format!("h_{}", self.ids));
                entry.first_id = Some(std::mem::replace(&mut entry.item_id, ours));
            }
        }
        let mut items = Vec::with_capacity(self.entries.len());
        for Entry { item_id, content, .. } in &self.entries {
            // Words that were never written down cannot be given again, and empty messages are refused.
            if content.len() == 0 && !matches!(content, Content::ToolOutput { .. }) {
                continue;
            }
            items.push(Self::item(item_id.clone(), content));
            if let Content::ToolCall { id, .. } = content
                && !self.is_answered(id)
                && !is_open(id)
            {
                self.ids += 1;
                items.push(NewItem::FunctionCallOutput {
                    id: ItemId::from(format!("h_{}", self.ids)),
                    call_id: id.clone(),
                    output: INTERRUPTED.to_owned(),
                });
            }
        }
        items
    }

    fn is_answered(&self, call: &ToolCallId) -> bool {
        self.entries
            .iter()
            .any(|entry| matches!(&entry.content, Content::ToolOutput { id, .. } if id == call))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn call(id: &str) -> Content {
        Content::ToolCall { id: id.into(), name: "lookup_menu".into(), arguments: "{}".into() }
    }

    #[test]
    fn a_replay_names_every_item_anew_and_leaves_no_tool_call_without_output() {
        let mut history = History::default();
        history.add(Content::Caller("hi".into()));
        history.push("item_from_the_server_with_its_own_name".into(), Content::Persona("hello".into()));
        history.push("item_c".into(), call("call_dead"));
        history.push("item_d".into(), call("call_open"));
        let items = history.replay(|id| id.as_str() == "call_open");
        let answered: Vec<_> = items
            .iter()
            .filter_map(|item| match item {
                NewItem::FunctionCallOutput { call_id, .. } => Some(call_id.as_str()),
                NewItem::Message { .. } | NewItem::FunctionCall { .. } => None,
            })
            .collect();
        assert_eq!(answered, ["call_dead"]);
        let ids: std::collections::HashSet<_> = items
            .iter()
            .map(|item| match item {
                NewItem::Message { id, .. }
                | NewItem::FunctionCall { id, .. }
                | NewItem::FunctionCallOutput { id, .. } => id.as_str(),
            })
            .collect();
        assert!(ids.len() == 5 && ids.iter().all(|id| id.len() <= 32 && id.starts_with("h_")));
    }

    #[test]
    fn the_oldest_turn_goes_first_and_the_one_under_way_never() {
        let mut history = History::default();
        history.add(Content::Caller("first".into()));
        history.push("a".into(), Content::Persona("x".repeat(MAX_BYTES / 2)));
        history.add(Content::Caller("second".into()));
        history.push("b".into(), Content::Persona("y".repeat(MAX_BYTES)));
        assert_eq!((history.len(), history.forgotten()), (2, 2));
        assert_eq!(history.entries[0].content, Content::Caller("second".into()));
    }

    #[test]
    fn a_handoff_may_forget_what_came_before_the_turn() {
        let mut history = History::default();
        let first = history.add(Content::Caller("one".into()));
        history.push("two".into(), Content::Persona("two".into()));
        history.add(Content::Caller("three".into()));
        history.push("four".into(), call("c"));
        assert_eq!(history.forget_before_turn(), [first, "two".into()]);
        assert_eq!(history.len(), 2);
        assert!(history.forget_before_turn().is_empty());
    }

    #[test]
    fn what_the_model_never_took_is_taken_back() {
        let mut history = History::default();
        let id = history.add(Content::Caller("lost".into()));
        history.retract(&id);
        history.retract(&id);
        assert!(history.is_empty() && history.bytes == 0);
    }
}
