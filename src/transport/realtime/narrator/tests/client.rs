//! A client that takes nothing that is out of order.

use std::collections::{BTreeMap, BTreeSet};

use crate::id::{ItemId, ResponseId};
use crate::protocol::realtime::{Event, ItemStatus, Place};

/// What it knows.
#[derive(Debug, Default)]
pub(super) struct StrictClient {
    created: BTreeSet<ResponseId>,
    done: BTreeSet<ResponseId>,
    /// The items it has, and those that were done.
    items: BTreeSet<ItemId>,
    items_done: BTreeSet<ItemId>,
    order: Vec<ItemId>,
    messages: BTreeMap<(ResponseId, ItemId), Message>,
    started: BTreeSet<ItemId>,
    last_ms: u64,
}

#[derive(Debug)]
struct Message {
    place: Place,
    words: String,
    has_part: bool,
    audio_done: bool,
    words_done: bool,
    part_done: bool,
    output_done: bool,
}

impl StrictClient {
    pub(super) fn hear(&mut self, events: Vec<Event>) {
        for event in events {
            self.on(event);
        }
    }

    pub(super) fn hear_audio(&mut self, place: &Place) {
        let message = self.open(place);
        assert!(message.has_part && !message.audio_done);
    }

    /// Whatever began has ended.
    pub(super) fn is_content(&self) {
        assert_eq!(self.created, self.done);
        assert!(self.messages.values().all(|message| message.output_done));
    }

    fn open(&mut self, place: &Place) -> &mut Message {
        assert!(self.created.contains(&place.response) && !self.done.contains(&place.response));
        let message = self
            .messages
            .get_mut(&(place.response.clone(), place.item_id.clone()))
            .expect("a message that was added");
        assert_eq!(message.place, *place);
        assert!(!message.output_done);
        message
    }

    fn on(&mut self, event: Event) {
        match event {
            Event::ResponseCreated(response) => {
                assert!(response.output.is_empty() && response.end.is_none());
                assert!(self.created.insert(response.id), "created twice");
            }
            Event::ResponseDone(response) => {
                assert!(self.created.contains(&response.id) && response.end.is_some());
                let told: Vec<_> = response.output.iter().map(|item| item.id.clone()).collect();
                let mut messages: Vec<_> =
                    self.messages.values().filter(|message| message.place.response == response.id).collect();
                messages.sort_by_key(|message| message.place.index);
                assert!(messages.iter().all(|message| message.output_done));
                assert_eq!(told, messages.iter().map(|it| it.place.item_id.clone()).collect::<Vec<_>>());
                assert!(self.done.insert(response.id), "done twice");
            }
            Event::OutputAdded { place, item } => {
                assert!(self.created.contains(&place.response) && !self.done.contains(&place.response));
                assert!(item.content.is_none() && item.status == ItemStatus::InProgress);
                let key = (place.response.clone(), item.id);
                let message = Message {
                    place,
                    words: String::new(),
                    has_part: false,
                    audio_done: false,
                    words_done: false,
                    part_done: false,
                    output_done: false,
                };
                assert!(self.messages.insert(key, message).is_none(), "added twice");
            }
            Event::ItemAdded { item, previous } => {
                assert_eq!(previous, self.order.last().cloned());
                assert!(self.items.insert(item.id.clone()), "an item twice");
                self.order.push(item.id);
            }
            Event::ItemDone { item, .. } => {
                assert!(self.items.contains(&item.id));
                assert!(item.content.is_some() && item.status != ItemStatus::InProgress);
                self.items_done.insert(item.id);
            }
            Event::Words { place, delta, .. } => {
                let message = self.open(&place);
                assert!(message.has_part && !message.words_done && !delta.is_empty());
                message.words.push_str(&delta);
            }
            Event::AudioDone { place } => {
                assert!(!std::mem::replace(&mut self.open(&place).audio_done, true));
            }
            Event::PartAdded { place, .. } => {
                assert!(self.items.contains(&place.item_id));
                assert!(!std::mem::replace(&mut self.open(&place).has_part, true));
            }
            Event::WordsDone { place, text, .. } => {
                let message = self.open(&place);
                assert_eq!(message.words, text);
                assert!(!std::mem::replace(&mut message.words_done, true));
            }
            Event::PartDone { place, text, .. } => {
                let message = self.open(&place);
                assert!(message.words_done && message.words == text);
                assert!(!std::mem::replace(&mut message.part_done, true));
            }
            Event::OutputDone { place, item } => {
                let message = self.open(&place);
                assert!(message.part_done && item.status != ItemStatus::InProgress);
                message.output_done = true;
                assert!(self.items_done.contains(&item.id));
            }
            Event::ItemTruncated { item_id, .. } => assert!(self.items.contains(&item_id)),
            Event::ItemDeleted(item_id) => {
                assert!(self.order.contains(&item_id));
                self.order.retain(|item| *item != item_id);
                self.items.remove(&item_id);
                let mut messages = self.messages.values();
                assert!(messages.all(|message| message.place.item_id != item_id || message.output_done));
            }
            Event::SpeechStarted { item_id, at_ms } => {
                assert!(self.last_ms <= at_ms);
                self.last_ms = at_ms;
                self.started.insert(item_id);
            }
            Event::SpeechStopped { item_id, at_ms } => {
                assert!(self.last_ms <= at_ms && self.started.contains(&item_id));
                self.last_ms = at_ms;
            }
            Event::Committed { item_id, previous } => {
                assert_eq!(previous, self.order.last().cloned());
                assert!(!self.items.contains(&item_id));
            }
            Event::Transcribed { item_id, .. } | Event::NotTranscribed(item_id) => {
                assert!(self.items.contains(&item_id));
            }
            Event::ToolDone { previous, .. } => assert_eq!(previous, self.order.last().cloned()),
            Event::SessionCreated(_)
            | Event::SessionUpdated(_)
            | Event::Error(_)
            | Event::Cleared
            | Event::ItemRetrieved(_)
            | Event::Persona(_)
            | Event::Introduced => {}
        }
    }
}

/// An event, in short.
pub(super) fn name(event: &Event) -> &'static str {
    match event {
        Event::SessionCreated(_) | Event::SessionUpdated(_) => "session",
        Event::Error(_) => "error",
        Event::SpeechStarted { .. } => "started",
        Event::SpeechStopped { .. } => "stopped",
        Event::Committed { .. } => "committed",
        Event::Cleared => "cleared",
        Event::ItemAdded { .. } => "item added",
        Event::ItemDone { .. } => "item done",
        Event::ItemRetrieved(_) => "retrieved",
        Event::ItemTruncated { .. } => "truncated",
        Event::ItemDeleted(_) => "deleted",
        Event::Transcribed { .. } => "transcribed",
        Event::NotTranscribed(_) => "not transcribed",
        Event::ResponseCreated(_) => "created",
        Event::ResponseDone(_) => "done",
        Event::OutputAdded { .. } => "output added",
        Event::OutputDone { .. } => "output done",
        Event::PartAdded { .. } => "part added",
        Event::Words { .. } => "words",
        Event::AudioDone { .. } => "audio done",
        Event::WordsDone { .. } => "words done",
        Event::PartDone { .. } => "part done",
        Event::ToolDone { .. } => "tool",
        Event::Persona(_) => "persona",
        Event::Introduced => "introduced",
    }
}
