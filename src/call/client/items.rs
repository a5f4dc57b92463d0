//! What of the conversation a client knows, by its items: as it was said, written or heard.

use std::collections::VecDeque;

use crate::id::ItemId;
use crate::protocol::realtime::ItemView;

/// So many items are remembered; the oldest go first.
const MAX_ITEMS: usize = 256;

/// The items a client knows, oldest first.
#[derive(Debug, Default)]
pub struct Items {
    known: VecDeque<ItemView>,
}

impl Items {
    /// An item.
    pub fn get(&self, item_id: &ItemId) -> Option<&ItemView> {
        self.known.iter().find(|item| item.item_id == *item_id)
    }

    /// The caller said, or wrote, something.
    pub fn add_callers(&mut self, item_id: ItemId, is_spoken: bool, text: String) {
        self.add(ItemView { item_id, is_callers: true, is_spoken, text });
    }

    /// More of what the persona says or writes.
    pub fn add_words(&mut self, item_id: &ItemId, is_spoken: bool, words: &str) {
        match self.known.iter_mut().find(|item| item.item_id == *item_id) {
            Some(item) => item.text.push_str(words),
            None => self.add(ItemView {
                item_id: item_id.clone(),
                is_callers: false,
                is_spoken,
                text: words.to_owned(),
            }),
        }
    }

    /// All words of an item, as they are known now, or as far as they were heard.
    pub fn set_text(&mut self, item_id: &ItemId, text: &str) {
        if let Some(item) = self.known.iter_mut().find(|item| item.item_id == *item_id) {
            text.clone_into(&mut item.text);
        }
    }

    /// Takes an item out. Answers whether it was there.
    pub fn remove(&mut self, item_id: &ItemId) -> bool {
        let at = self.known.iter().position(|item| item.item_id == *item_id);
        at.and_then(|at| self.known.remove(at)).is_some()
    }

    fn add(&mut self, item: ItemView) {
        if self.get(&item.item_id).is_some() {
            return;
        }
        if self.known.len() == MAX_ITEMS {
            self.known.pop_front();
        }
        self.known.push_back(item);
    }
}
