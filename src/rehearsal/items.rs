//! The conversation's list of items: where they go, and what may be done to them.

use serde_json::Value;

use super::item::{Body, Item, Role, Status};
use super::model::Entry;
use super::refusal::Refusal;

/// Most items of one conversation; the real server has a token limit instead.
const ITEMS_MAX: usize = 2_000;

/// Most bytes of one conversation, audio and images included.
const BYTES_MAX: usize = 64 << 20;

/// The items, oldest first.
#[derive(Debug, Default)]
pub(super) struct Items {
    list: Vec<Item>,
}

impl Items {
    pub(super) fn get(&self, id: &str) -> Option<&Item> {
        self.list.iter().find(|item| item.id == id)
    }

    pub(super) fn get_mut(&mut self, id: &str) -> Option<&mut Item> {
        self.list.iter_mut().find(|item| item.id == id)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Item> {
        self.list.iter()
    }

    /// The id of the last item.
    pub(super) fn last_id(&self) -> Option<String> {
        self.list.last().map(|item| item.id.clone())
    }

    /// The id of the item before this one.
    pub(super) fn id_before(&self, id: &str) -> Option<String> {
        let at = self.list.iter().position(|item| item.id == id)?;
        at.checked_sub(1).map(|before| self.list[before].id.clone())
    }

    /// Puts an item of the model at the end.
    pub(super) fn push(&mut self, item: Item) {
        self.list.push(item);
    }

    /// Puts an item of the client where `after` says: absent at the end, `root` first. The id before it is returned.
    ///
    /// # Errors
    /// An id that is taken, a place that does not exist, an output without its call, or a full conversation.
    pub(super) fn insert(&mut self, item: Item, after: Option<&str>) -> Result<Option<String>, Refusal> {
        let bytes: usize = self.list.iter().map(Item::bytes).sum();
        if self.list.len() >= ITEMS_MAX || bytes + item.bytes() > BYTES_MAX {
            let why = format!(
                "Conversation is full: {ITEMS_MAX} items or {BYTES_MAX} bytes. Delete items or start a new session."
            );
            return Err(Refusal::new("conversation_item_limit_reached", why));
        }
        self.check_new(&item)?;
        let at = match after {
            None => self.list.len(),
            Some("root") => 0,
            Some(id) => {
                self.list.iter().position(|before| before.id == id).map(|at| at + 1).ok_or_else(|| {
                    let why = format!("Error adding item: the previous item with id '{id}' does not exist.");
                    Refusal::new("item_create_invalid_item_id", why).at("previous_item_id")
                })?
            }
        };
        let previous = at.checked_sub(1).map(|before| self.list[before].id.clone());
        self.list.insert(at, item);
        Ok(previous)
    }

    fn check_new(&self, item: &Item) -> Result<(), Refusal> {
        if self.get(&item.id).is_some() {
            let why = format!("Error adding item: an item with id '{}' already exists.", item.id);
            return Err(Refusal::new("item_create_duplicate_item_id", why).at("item.id"));
        }
        let Body::Output { call_id, .. } = &item.body else {
            return Ok(());
        };
        if !self.has_call(call_id) {
            let why = format!("Tool call ID '{call_id}' not found in conversation.");
            return Err(Refusal::new("invalid_tool_call_id", why).at("item.call_id"));
        }
        let answered =
            |other: &Item| matches!(&other.body, Body::Output { call_id: id, .. } if id == call_id);
        if self.list.iter().any(answered) {
            let why = format!("Tool call ID '{call_id}' already has an output.");
            return Err(Refusal::new("invalid_tool_call_id", why).at("item.call_id"));
        }
        Ok(())
    }

    /// Whether a tool call of this id was made.
    pub(super) fn has_call(&self, call_id: &str) -> bool {
        self.list.iter().any(|item| matches!(&item.body, Body::Call { call_id: id, .. } if id == call_id))
    }

    /// Takes an item out.
    ///
    /// # Errors
    /// `item_delete_invalid_item_id` when it is not there.
    pub(super) fn delete(&mut self, id: &str) -> Result<(), Refusal> {
        let Some(at) = self.list.iter().position(|item| item.id == id) else {
            let why = format!("Error deleting item: the item with id '{id}' does not exist.");
            return Err(Refusal::new("item_delete_invalid_item_id", why).at("item_id"));
        };
        self.list.remove(at);
        Ok(())
    }

    /// Forgets what the caller has not heard of an answer.
    ///
    /// # Errors
    /// An item that is not there, that holds no audio of the model, or less of it than is to be kept.
    pub(super) fn truncate(
        &mut self,
        id: &str,
        content_index: u64,
        audio_end_ms: u64,
    ) -> Result<(), Refusal> {
        let Some(item) = self.get_mut(id) else {
            let why = format!("Error truncating item: the item with id '{id}' does not exist.");
            return Err(Refusal::new("item_truncate_invalid_item_id", why).at("item_id"));
        };
        let Some(speech) = item.speech_mut(content_index) else {
            let why = "Only model output audio messages can be truncated.";
            return Err(Refusal::new("unsupported_content_type", why).at("item_id"));
        };
        let sent_ms = speech.audio_ms();
        if audio_end_ms > sent_ms {
            let why = format!("Audio content of {sent_ms}ms is already shorter than {audio_end_ms}ms");
            return Err(Refusal::new("invalid_value", why).at("audio_end_ms"));
        }
        speech.truncate(audio_end_ms);
        Ok(())
    }
}

/// The items as the model sees them.
pub(super) fn entries<'a>(items: impl Iterator<Item = &'a Item>) -> Vec<Entry> {
    items.filter_map(entry).collect()
}

fn entry(item: &Item) -> Option<Entry> {
    match &item.body {
        Body::Message { role: Role::User, .. } => {
            Some(Entry::User { text: item.text(), audio_ms: item.audio_ms() })
        }
        Body::Message { role: Role::Assistant, .. } => Some(Entry::Assistant { text: item.text() }),
        Body::Message { role: Role::System, .. } => Some(Entry::System { text: item.text() }),
        Body::Approval(_) => None,
        // a call cut off in the middle is no call
        Body::Call { .. } if item.status == Status::Incomplete => None,
        Body::Call { call_id, name, arguments } => Some(Entry::Call {
            call_id: call_id.clone(),
            name: name.clone(),
            arguments: serde_json::from_str(arguments).unwrap_or(Value::Null),
            response: item.response.clone(),
        }),
        Body::Output { call_id, output } => {
            Some(Entry::Output { call_id: call_id.clone(), output: output.clone() })
        }
    }
}
