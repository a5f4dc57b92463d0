//! One response while it is told.

use super::Items;
use crate::id::{ItemId, ResponseId};
use crate::protocol::realtime::{Content, Event, Item, ItemStatus, Place, Response, ResponseOutcome};
use crate::usage::Usage;

/// A response that began.
#[derive(Debug)]
pub(super) struct Telling {
    pub(super) id: ResponseId,
    is_spoken: bool,
    metadata: Vec<(String, String)>,
    /// Nothing of it shall be told any more but its end.
    pub(super) is_silenced: bool,
    /// It has ended, but that was not told.
    pub(super) end: Option<(ResponseOutcome, Usage)>,
    messages: Vec<Message>,
}

/// A message whose part was told.
#[derive(Debug)]
struct Message {
    place: Place,
    /// The item before it.
    previous: Option<ItemId>,
    status: ItemStatus,
    words: String,
    has_all_words: bool,
    has_all_sound: bool,
}

impl Telling {
    pub(super) fn new(
        id: ResponseId,
        is_spoken: bool,
        metadata: Vec<(String, String)>,
        is_silenced: bool,
    ) -> Self {
        Self { id, is_spoken, metadata, is_silenced, end: None, messages: Vec::new() }
    }

    /// As it stands.
    pub(super) fn shown(&self) -> Response {
        let is_over = self.end.is_some();
        let output = self.messages.iter().filter(|_| is_over).map(|message| message.item(self.is_spoken));
        Response {
            id: self.id.clone(),
            is_spoken: self.is_spoken,
            metadata: self.metadata.clone(),
            output: output.collect(),
            end: self.end,
        }
    }

    pub(super) fn on_words(
        &mut self,
        item_id: &ItemId,
        text: &str,
        items: &mut Items,
        events: &mut Vec<Event>,
    ) {
        let is_spoken = self.is_spoken;
        if text.is_empty() {
            return;
        }
        if let Some(message) = self.message(item_id, items, events)
            && !message.has_all_words
        {
            message.add_words(is_spoken, text, events);
        }
    }

    /// All words of a message are known. Those that were told already stay as they are.
    pub(super) fn on_all_words(
        &mut self,
        item_id: &ItemId,
        text: &str,
        items: &mut Items,
        events: &mut Vec<Event>,
    ) {
        let is_spoken = self.is_spoken;
        let Some(message) = self.message(item_id, items, events) else {
            return;
        };
        if let Some(rest) = text.strip_prefix(message.words.as_str()).filter(|rest| !rest.is_empty())
            && !message.has_all_words
        {
            message.add_words(is_spoken, rest, events);
        }
        message.has_all_words = true;
        message.close_if_whole(is_spoken, events);
    }

    pub(super) fn on_audio(
        &mut self,
        item_id: &ItemId,
        items: &mut Items,
        events: &mut Vec<Event>,
    ) -> Option<Place> {
        if !self.is_spoken {
            return None;
        }
        let message = self.message(item_id, items, events)?;
        (!message.has_all_sound).then(|| message.place.clone())
    }

    pub(super) fn on_audio_end(&mut self, item_id: &ItemId, events: &mut Vec<Event>) {
        let is_spoken = self.is_spoken;
        let found = self.messages.iter_mut().find(|message| message.place.item_id == *item_id);
        if let Some(message) = found.filter(|message| message.status == ItemStatus::InProgress) {
            message.has_all_sound = true;
            message.close_if_whole(is_spoken, events);
        }
    }

    /// Nothing more comes of a message.
    pub(super) fn break_off(&mut self, item_id: &ItemId, events: &mut Vec<Event>) {
        for message in self.messages.iter_mut().filter(|message| message.place.item_id == *item_id) {
            message.close(ItemStatus::Incomplete, self.is_spoken, events);
        }
    }

    /// Tells the ends of all messages that have not ended.
    pub(super) fn finish(&mut self, outcome: ResponseOutcome, events: &mut Vec<Event>) {
        let status = match outcome {
            ResponseOutcome::Completed => ItemStatus::Completed,
            ResponseOutcome::Interrupted
            | ResponseOutcome::Cancelled
            | ResponseOutcome::OutOfTokens
            | ResponseOutcome::Filtered
            | ResponseOutcome::Failed => ItemStatus::Incomplete,
        };
        for message in &mut self.messages {
            message.close(status, self.is_spoken, events);
        }
    }

    /// A message that more can be told of; it begins if nothing was told of it. `None` for one that has ended, or that
    /// nobody shall hear of.
    fn message(
        &mut self,
        item_id: &ItemId,
        items: &mut Items,
        events: &mut Vec<Event>,
    ) -> Option<&mut Message> {
        if self.is_silenced {
            return None;
        }
        let known = self.messages.iter().position(|message| message.place.item_id == *item_id);
        let at = match known {
            Some(at) => at,
            None if items.told.has(item_id) => return None,
            None => {
                let message = Message::begin(&self.id, item_id, self.messages.len(), items, events)?;
                let place = message.place.clone();
                events.push(Event::PartAdded { place, is_spoken: self.is_spoken });
                self.messages.push(message);
                self.messages.len() - 1
            }
        };
        self.messages.get_mut(at).filter(|message| message.status == ItemStatus::InProgress)
    }
}

impl Message {
    fn begin(
        response: &ResponseId,
        item_id: &ItemId,
        index: usize,
        items: &mut Items,
        events: &mut Vec<Event>,
    ) -> Option<Self> {
        let place = Place { response: response.clone(), item_id: item_id.clone(), index };
        let status = ItemStatus::InProgress;
        let item = Item { id: item_id.clone(), status, is_callers: false, content: None };
        events.push(Event::OutputAdded { place: place.clone(), item: item.clone() });
        let previous = items.add(item, events)?;
        let words = String::new();
        Some(Self { place, previous, status, words, has_all_words: false, has_all_sound: false })
    }

    fn add_words(&mut self, is_spoken: bool, delta: &str, events: &mut Vec<Event>) {
        self.words.push_str(delta);
        events.push(Event::Words { place: self.place.clone(), is_spoken, delta: delta.to_owned() });
    }

    fn close_if_whole(&mut self, is_spoken: bool, events: &mut Vec<Event>) {
        if self.has_all_words && (self.has_all_sound || !is_spoken) {
            self.close(ItemStatus::Completed, is_spoken, events);
        }
    }

    fn close(&mut self, status: ItemStatus, is_spoken: bool, events: &mut Vec<Event>) {
        if self.status != ItemStatus::InProgress {
            return;
        }
        self.status = status;
        let (place, text) = (self.place.clone(), self.words.clone());
        if is_spoken {
            events.push(Event::AudioDone { place: place.clone() });
        }
        events.push(Event::WordsDone { place: place.clone(), is_spoken, text: text.clone() });
        events.push(Event::PartDone { place: place.clone(), is_spoken, text });
        let item = self.item(is_spoken);
        events.push(Event::ItemDone { item: item.clone(), previous: self.previous.clone() });
        events.push(Event::OutputDone { place, item });
    }

    fn item(&self, is_spoken: bool) -> Item {
        let content = Content { is_spoken, text: Some(self.words.clone()) };
        Item {
            id: self.place.item_id.clone(),
            status: self.status,
            is_callers: false,
            content: Some(content),
        }
    }
}
