//! What a client is told, and in which order. Pure: what the conversation does and what is heard of it come in, in
//! whatever order; events come out in the one that every client counts on. A response begins before anything of it. An
//! item is added once, and named only then. A message has its part before any words or sound of it, and all of them
//! before its end. A response ends last, and ends for certain if it began.
//!
//! The end of a response that is still on its way to the caller waits until its sound was told, and the beginning of the
//! next waits with it.

mod said;
mod telling;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use self::said::Said;
use self::telling::Telling;
use super::ended::Ended;
use crate::audio::Spoken;
use crate::id::{ItemId, ResponseId};
use crate::protocol::realtime::{
    Complaint, Event, Item, ItemContent, Place, ResponseOutcome, SessionView, Show,
};
use crate::usage::Usage;

/// So many items are remembered: older ones are not named any more.
const MAX_ITEMS: usize = 4_096;
/// So many of what is looked at only for a while.
const MAX_RECENT: usize = 64;
/// So much of the next response waits for the end of the last.
const MAX_WAITING: usize = 1_024;

/// The teller of one connection.
#[derive(Debug)]
pub(super) struct Narrator {
    ended: Ended,
    /// Whether a response is spoken of which that was not shown.
    is_spoken: bool,
    items: Items,
    said: Said,
    /// Those that began and have not ended.
    responses: VecDeque<Telling>,
    /// Those that ended.
    over: Recent<ResponseId>,
    /// Those of which nothing shall be heard any more.
    silenced: Recent<ResponseId>,
    /// What belongs to responses that wait for the end of the last.
    waiting: VecDeque<Show>,
    events: Vec<Event>,
}

/// What was told of lately, oldest first.
#[derive(Debug)]
struct Recent<T> {
    kept: VecDeque<T>,
    limit: usize,
}

impl<T: PartialEq> Recent<T> {
    fn new(limit: usize) -> Self {
        Self { kept: VecDeque::new(), limit }
    }

    fn has(&self, one: &T) -> bool {
        self.kept.iter().rev().any(|kept| kept == one)
    }

    fn put(&mut self, one: T) {
        if self.kept.len() == self.limit {
            self.kept.pop_front();
        }
        self.kept.push_back(one);
    }
}

/// The items that the client knows.
#[derive(Debug)]
struct Items {
    /// Those that stand in the conversation, in order.
    told: Recent<ItemId>,
    /// Those that it has named itself.
    named: Recent<ItemId>,
}

impl Items {
    /// Tells of an item that nobody was told of before. Gives the one before it; `None` for an item that is known.
    fn add(&mut self, item: Item, events: &mut Vec<Event>) -> Option<Option<ItemId>> {
        if self.told.has(&item.id) {
            return None;
        }
        let previous = self.last();
        self.told.put(item.id.clone());
        events.push(Event::ItemAdded { item, previous: previous.clone() });
        Some(previous)
    }

    /// Tells of an item that is whole from the beginning.
    fn add_whole(&mut self, item: Item, events: &mut Vec<Event>) {
        if let Some(previous) = self.add(item.clone(), events) {
            events.push(Event::ItemDone { item, previous });
        }
    }

    fn last(&self) -> Option<ItemId> {
        self.told.kept.back().cloned()
    }

    fn may_be_named(&self, item_id: &ItemId) -> bool {
        self.told.has(item_id) || self.named.has(item_id)
    }
}

impl Narrator {
    /// For a client whose session is so. These responses ended before it came.
    pub(super) fn new(view: &SessionView, ended: Ended) -> Self {
        Self {
            ended,
            is_spoken: view.is_spoken,
            items: Items { told: Recent::new(MAX_ITEMS), named: Recent::new(MAX_RECENT) },
            said: Said::default(),
            responses: VecDeque::new(),
            over: Recent::new(MAX_RECENT),
            silenced: Recent::new(MAX_RECENT),
            waiting: VecDeque::new(),
            events: Vec::new(),
        }
    }

    /// What is to be told now.
    pub(super) fn take(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    /// Whether sound of this response can be told at once: whoever shows that it began may be late.
    pub(super) fn knows(&self, response: &ResponseId) -> bool {
        self.is_under_way(response) || self.over.has(response) || self.silenced.has(response)
    }

    /// The client has named an item itself: it can be told what became of it.
    pub(super) fn on_named(&mut self, item_id: &ItemId) {
        self.items.named.put(item_id.clone());
    }

    /// The conversation does something. The client had sent so much audio when the model heard it, in milliseconds.
    pub(super) fn on_show(&mut self, show: Show, heard_ms: u64) {
        if response_of(&show).is_some_and(|response| self.is_to_wait(response)) {
            self.waiting.push_back(show);
            if self.waiting.len() > MAX_WAITING {
                self.end_all();
            }
            return;
        }
        match show {
            Show::Session(view) => {
                self.is_spoken = view.is_spoken;
                self.events.push(Event::SessionUpdated(view));
            }
            Show::Responding { response, is_spoken, metadata } => {
                self.begin(response, is_spoken, metadata);
            }
            Show::Words { response, item_id, text } => {
                self.on_words(&response, |telling, items, events| {
                    telling.on_words(&item_id, &text, items, events);
                });
            }
            Show::Message { response, item_id, text } => {
                self.on_words(&response, |telling, items, events| {
                    telling.on_all_words(&item_id, &text, items, events);
                });
            }
            Show::Responded { response, end, usage } => {
                self.begin_if_new(&response);
                if let Some(telling) = self.under_way(&response) {
                    telling.end.get_or_insert((end, usage));
                }
            }
            Show::Heard { item_id, heard_ms } => {
                if self.items.may_be_named(&item_id) {
                    self.events.push(Event::ItemTruncated { item_id, heard_ms });
                }
            }
            Show::SpeechStarted { item_id } => self.said.on_started(item_id, heard_ms, &mut self.events),
            Show::SpeechStopped { item_id } => self.said.on_stopped(item_id, heard_ms, &mut self.events),
            Show::Said { item_id } => self.on_said(&item_id),
            Show::Transcribed { item_id, text } => {
                let is_known = self.items.told.has(&item_id);
                self.said.on_transcribed(item_id, text, is_known, &mut self.events);
            }
            Show::InputCleared => self.events.push(Event::Cleared),
            Show::ItemAdded { item_id, content } => self.on_added(&item_id, &content),
            Show::Item(view) => self.events.push(Event::ItemRetrieved(view.into())),
            Show::ItemDeleted(item_id) => self.on_deleted(item_id),
            Show::ToolDone { name, result } => {
                self.events.push(Event::ToolDone { previous: self.items.last(), name, result });
            }
            Show::Persona(persona) => self.events.push(Event::Persona(persona)),
            Show::Introduced => self.events.push(Event::Introduced),
            Show::Refused { event_id, code, message } => {
                let complaint = Complaint { event_id, code: code.to_owned(), param: None, message };
                self.events.push(Event::Error(complaint));
            }
        }
    }

    /// Sound comes. Gives the place it belongs to, once all that must be told before was; `None` for sound that nobody
    /// shall hear.
    pub(super) fn on_audio(&mut self, of: &Spoken) -> Option<Place> {
        // Sound comes in order: with it, that of all others was told.
        self.finish_ended_but(Some(&of.response));
        if !self.knows(&of.response) {
            self.end_all();
        }
        self.begin_if_new(&of.response);
        let telling = self.responses.iter_mut().find(|telling| telling.id == of.response)?;
        telling.on_audio(&of.item, &mut self.items, &mut self.events)
    }

    /// All sound of a message was told.
    pub(super) fn on_audio_end(&mut self, of: &Spoken) {
        for telling in self.responses.iter_mut().filter(|telling| telling.id == of.response) {
            telling.on_audio_end(&of.item, &mut self.events);
        }
    }

    /// All sound that came was told.
    pub(super) fn on_quiet(&mut self) {
        self.finish_ended();
    }

    /// Nothing of this response shall be told any more but its end.
    pub(super) fn on_silenced(&mut self, response: &ResponseId) {
        self.silenced.put(response.clone());
        if let Some(telling) = self.under_way(response) {
            telling.is_silenced = true;
        }
    }

    fn on_words(
        &mut self,
        response: &ResponseId,
        tell: impl FnOnce(&mut Telling, &mut Items, &mut Vec<Event>),
    ) {
        self.begin_if_new(response);
        if let Some(telling) = self.responses.iter_mut().find(|telling| telling.id == *response) {
            tell(telling, &mut self.items, &mut self.events);
        }
    }

    fn on_said(&mut self, item_id: &ItemId) {
        if self.items.told.has(item_id) {
            return;
        }
        self.events.push(Event::Committed { item_id: item_id.clone(), previous: self.items.last() });
        self.items.add_whole(Item::said(item_id.clone()), &mut self.events);
        self.said.on_told(item_id, &mut self.events);
    }

    fn on_added(&mut self, item_id: &ItemId, content: &ItemContent) {
        self.items.add_whole(Item::added(item_id.clone(), content), &mut self.events);
        self.said.on_told(item_id, &mut self.events);
    }

    /// A message that is gone ends first.
    fn on_deleted(&mut self, item_id: ItemId) {
        if !self.items.may_be_named(&item_id) {
            return;
        }
        for telling in &mut self.responses {
            telling.break_off(&item_id, &mut self.events);
        }
        self.items.told.kept.retain(|told| *told != item_id);
        self.events.push(Event::ItemDeleted(item_id));
    }

    fn is_under_way(&self, response: &ResponseId) -> bool {
        self.responses.iter().any(|telling| telling.id == *response)
    }

    fn under_way(&mut self, response: &ResponseId) -> Option<&mut Telling> {
        self.responses.iter_mut().find(|telling| telling.id == *response)
    }

    /// Whether it has not begun, and another one's end is still to be told: clients know of one response at a time.
    fn is_to_wait(&self, response: &ResponseId) -> bool {
        !self.responses.is_empty() && !self.is_under_way(response) && !self.over.has(response)
    }

    /// Nobody will tell how those under way ended.
    fn end_all(&mut self) {
        for telling in &mut self.responses {
            telling.end.get_or_insert((ResponseOutcome::Completed, Usage::default()));
        }
        self.finish_ended();
    }

    fn begin_if_new(&mut self, response: &ResponseId) {
        self.begin(response.clone(), self.is_spoken, Vec::new());
    }

    fn begin(&mut self, response: ResponseId, is_spoken: bool, metadata: Vec<(String, String)>) {
        if self.is_under_way(&response) || self.over.has(&response) {
            return;
        }
        let is_silenced = self.silenced.has(&response);
        let mut telling = Telling::new(response, is_spoken, metadata, is_silenced);
        self.events.push(Event::ResponseCreated(telling.shown()));
        telling.end = self.ended.of(&telling.id);
        self.responses.push_back(telling);
    }

    fn finish_ended(&mut self) {
        self.finish_ended_but(None);
    }

    /// Tells the ends of all that have ended, and begins what waited for that.
    fn finish_ended_but(&mut self, not: Option<&ResponseId>) {
        let is_done = |telling: &Telling| telling.end.is_some() && Some(&telling.id) != not;
        while let Some(at) = self.responses.iter().position(is_done)
            && let Some(mut telling) = self.responses.remove(at)
        {
            let outcome = telling.end.map_or(ResponseOutcome::Failed, |(outcome, _)| outcome);
            telling.finish(outcome, &mut self.events);
            self.events.push(Event::ResponseDone(telling.shown()));
            self.over.put(telling.id);
            for show in std::mem::take(&mut self.waiting) {
                // None of these is about the caller's audio.
                self.on_show(show, 0);
            }
        }
    }
}

fn response_of(show: &Show) -> Option<&ResponseId> {
    match show {
        Show::Responding { response, .. }
        | Show::Words { response, .. }
        | Show::Message { response, .. }
        | Show::Responded { response, .. } => Some(response),
        Show::Session(_)
        | Show::Heard { .. }
        | Show::SpeechStarted { .. }
        | Show::SpeechStopped { .. }
        | Show::Said { .. }
        | Show::Transcribed { .. }
        | Show::InputCleared
        | Show::ItemAdded { .. }
        | Show::Item(_)
        | Show::ItemDeleted(_)
        | Show::ToolDone { .. }
        | Show::Persona(_)
        | Show::Introduced
        | Show::Refused { .. } => None,
    }
}
