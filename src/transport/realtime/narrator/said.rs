//! What the caller says, as it is told: when they began and ended, and in writing once there is an item for it.

use std::collections::VecDeque;

use crate::id::ItemId;
use crate::protocol::realtime::Event;

/// So many sayings are remembered.
const MAX_SAYINGS: usize = 16;
/// So long before speech was noticed it began: what it takes to notice it, and the padding that belongs to it.
const BEFORE_MS: u64 = 500;

#[derive(Debug)]
struct Saying {
    item_id: ItemId,
    start_ms: u64,
    end_ms: Option<u64>,
}

/// The sayings of late.
#[derive(Debug, Default)]
pub(super) struct Said {
    sayings: VecDeque<Saying>,
    /// What was written down before there was an item for it.
    early: VecDeque<(ItemId, String)>,
    /// Up to where all sayings go.
    last_ms: u64,
}

impl Said {
    pub(super) fn on_started(&mut self, item_id: ItemId, heard_ms: u64, events: &mut Vec<Event>) {
        if self.sayings.iter().any(|saying| saying.item_id == item_id) {
            return;
        }
        let start_ms = heard_ms.saturating_sub(BEFORE_MS).max(self.last_ms);
        self.last_ms = start_ms;
        if self.sayings.len() == MAX_SAYINGS {
            self.sayings.pop_front();
        }
        events.push(Event::SpeechStarted { item_id: item_id.clone(), at_ms: start_ms });
        self.sayings.push_back(Saying { item_id, start_ms, end_ms: None });
    }

    pub(super) fn on_stopped(&mut self, item_id: ItemId, heard_ms: u64, events: &mut Vec<Event>) {
        self.on_started(item_id.clone(), heard_ms, events);
        let saying = self.sayings.iter_mut().find(|saying| saying.item_id == item_id);
        if let Some(saying) = saying.filter(|saying| saying.end_ms.is_none()) {
            let at_ms = heard_ms.max(saying.start_ms);
            saying.end_ms = Some(at_ms);
            self.last_ms = self.last_ms.max(at_ms);
            events.push(Event::SpeechStopped { item_id, at_ms });
        }
    }

    pub(super) fn on_transcribed(
        &mut self,
        item_id: ItemId,
        text: String,
        is_known: bool,
        events: &mut Vec<Event>,
    ) {
        if is_known {
            return events.push(self.written(item_id, text));
        }
        if self.early.len() == MAX_SAYINGS {
            self.early.pop_front();
        }
        self.early.push_back((item_id, text));
    }

    /// There is an item now.
    pub(super) fn on_told(&mut self, item_id: &ItemId, events: &mut Vec<Event>) {
        while let Some(at) = self.early.iter().position(|(early, _)| early == item_id)
            && let Some((item_id, text)) = self.early.remove(at)
        {
            events.push(self.written(item_id, text));
        }
    }

    fn written(&self, item_id: ItemId, text: String) -> Event {
        if text.is_empty() {
            return Event::NotTranscribed(item_id);
        }
        let saying = self.sayings.iter().find(|saying| saying.item_id == item_id);
        let ms = saying.map_or(0, |saying| saying.end_ms.unwrap_or(saying.start_ms) - saying.start_ms);
        Event::Transcribed { item_id, text, ms }
    }
}
