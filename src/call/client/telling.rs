//! How answers are told to a client: each response begins once and ends once, and one in which the model only asked for
//! tools is none to the client.

use std::collections::VecDeque;

use crate::id::{ItemId, ResponseId};
use crate::protocol::realtime::{ResponseOutcome, Show};
use crate::session::{ResponseEnd, ResponseStatus};
use crate::usage::Usage;

/// So many responses are remembered as ended: what still comes of them is passed over.
const REMEMBERED: usize = 16;

/// The response under way.
#[derive(Debug)]
struct Current {
    id: ResponseId,
    is_shown: bool,
    /// The model asked for a tool in it: another response follows.
    asks: bool,
    /// The client cancelled it.
    is_cancelled: bool,
    /// Its socket is gone.
    is_broken: bool,
    items: Vec<ItemId>,
}

/// What a client was shown of answers.
#[derive(Debug, Default)]
pub struct Telling {
    current: Option<Current>,
    ended: VecDeque<ResponseId>,
    /// How the turn under way is answered.
    is_spoken: bool,
    /// What the client wants repeated with each response of the turn under way.
    metadata: Vec<(String, String)>,
    /// The client asked for an answer and was shown nothing of one.
    owes: bool,
    /// Numbers responses that never came about.
    made_up: u64,
}

impl Telling {
    /// A turn begins. `asked`: what the client wants repeated, if it asked for the turn.
    pub fn begin_turn(&mut self, is_spoken: bool, asked: Option<Vec<(String, String)>>) {
        self.is_spoken = is_spoken;
        self.owes = asked.is_some();
        self.metadata = asked.unwrap_or_default();
    }

    /// How the turn under way is answered.
    pub fn is_spoken(&self) -> bool {
        self.is_spoken
    }

    /// The response under way, if there is one by this name.
    pub fn is_current(&self, response: &ResponseId) -> bool {
        self.current.as_ref().is_some_and(|current| current.id == *response)
    }

    /// A response began.
    pub fn on_started(&mut self, response: Option<&ResponseId>) -> Vec<Show> {
        let Some(response) = response else {
            return Vec::new();
        };
        // One whose end nobody told of, since its socket is gone: this one goes on where it was.
        let shows = self.end_current(ResponseOutcome::Completed, Usage::default());
        self.current = Some(Current {
            id: response.clone(),
            is_shown: false,
            asks: false,
            is_cancelled: false,
            is_broken: false,
            items: Vec::new(),
        });
        shows
    }

    /// A piece of what the persona says.
    pub fn on_words(&mut self, response: &ResponseId, item_id: &ItemId, text: &str) -> Vec<Show> {
        let mut shows = self.about(response, item_id);
        if self.is_current(response) {
            shows.push(Show::Words {
                response: response.clone(),
                item_id: item_id.clone(),
                text: text.to_owned(),
            });
        }
        shows
    }

    /// All words of a message. Of which response is not known when its socket is gone, or it was stopped.
    pub fn on_message(&mut self, response: Option<&ResponseId>, item_id: &ItemId, text: &str) -> Vec<Show> {
        let known = self.current.as_ref().filter(|current| current.items.contains(item_id));
        let Some(response) = response.cloned().or_else(|| known.map(|current| current.id.clone())) else {
            return Vec::new();
        };
        let mut shows = self.about(&response, item_id);
        if self.is_current(&response) {
            shows.push(Show::Message { response, item_id: item_id.clone(), text: text.to_owned() });
        }
        shows
    }

    /// The model asks for a tool.
    pub fn on_tool(&mut self, response: &ResponseId) {
        if let Some(current) = self.current.as_mut().filter(|current| current.id == *response) {
            current.asks = true;
        }
    }

    /// A message was not heard to its end.
    pub fn on_heard(&mut self, item_id: &ItemId, heard_ms: u64, heard: &str) -> Vec<Show> {
        let is_broken =
            |current: &&Current| current.is_broken && current.is_shown && current.items.contains(item_id);
        if let Some(response) = self.current.as_ref().filter(is_broken).map(|current| current.id.clone()) {
            // The caller did nothing: what came of it is all of it, and another response goes on.
            let text = heard.to_owned();
            let mut shows = vec![Show::Message { response, item_id: item_id.clone(), text }];
            shows.extend(self.end_current(ResponseOutcome::Completed, Usage::default()));
            return shows;
        }
        vec![Show::Heard { item_id: item_id.clone(), heard_ms }]
    }

    /// The client stops the response under way.
    pub fn on_cancel(&mut self) {
        if let Some(current) = &mut self.current {
            current.is_cancelled = true;
        }
    }

    /// A response ended.
    pub fn on_done(&mut self, end: &ResponseEnd) -> Vec<Show> {
        let is_it = |current: &&mut Current| end.response.as_ref().is_none_or(|id| current.id == *id);
        let Some(current) = self.current.as_mut().filter(is_it) else {
            return Vec::new();
        };
        let (outcome, is_silent) = match &end.status {
            ResponseStatus::Completed => (ResponseOutcome::Completed, current.asks),
            ResponseStatus::Cancelled if current.is_cancelled => (ResponseOutcome::Cancelled, true),
            ResponseStatus::Cancelled => (ResponseOutcome::Interrupted, true),
            ResponseStatus::Incomplete { reason } if reason == "content_filter" => {
                (ResponseOutcome::Filtered, current.asks)
            }
            ResponseStatus::Incomplete { .. } => (ResponseOutcome::OutOfTokens, current.asks),
            ResponseStatus::Retrying => (ResponseOutcome::Failed, true),
            ResponseStatus::Failed { .. } => (ResponseOutcome::Failed, false),
        };
        let mut shows = Vec::new();
        if !current.is_shown && !is_silent {
            shows.extend(self.show_current());
        }
        shows.extend(self.end_current(outcome, end.usage));
        shows
    }

    /// The model's socket is gone. Nothing goes on where it was unless a turn is under way.
    pub fn on_lost(&mut self, is_in_turn: bool) -> Vec<Show> {
        match &mut self.current {
            Some(current) if current.is_cancelled || !current.is_shown => {
                self.end_current(ResponseOutcome::Cancelled, Usage::default())
            }
            Some(_) if !is_in_turn => self.end_current(ResponseOutcome::Failed, Usage::default()),
            Some(current) => {
                current.is_broken = true;
                Vec::new()
            }
            None => Vec::new(),
        }
    }

    /// The turn is over. A client that asked for an answer and was shown none is shown one that ended.
    pub fn end_turn(&mut self, is_cancelled: bool) -> Vec<Show> {
        let outcome = if is_cancelled { ResponseOutcome::Cancelled } else { ResponseOutcome::Failed };
        let mut shows = Vec::new();
        if self.current.as_ref().is_some_and(|current| current.is_broken) {
            shows.extend(self.end_current(outcome, Usage::default()));
        }
        if std::mem::take(&mut self.owes) {
            let silent = self.current.take_if(|current| !current.is_shown).map(|current| current.id);
            let response = silent.unwrap_or_else(|| {
                self.made_up += 1;
                ResponseId::from(format!("resp_none_{}", self.made_up))
            });
            shows.push(self.responding(&response));
            shows.push(Show::Responded { response: response.clone(), end: outcome, usage: Usage::default() });
            self.forget(response);
        }
        self.metadata.clear();
        shows
    }

    /// Something comes of a response: it is shown, if it was not, and its message known.
    fn about(&mut self, response: &ResponseId, item_id: &ItemId) -> Vec<Show> {
        let mut shows = Vec::new();
        if self.ended.contains(response) {
            return shows;
        }
        if !self.is_current(response) {
            shows.extend(self.on_started(Some(response)));
        }
        let Some(current) = &mut self.current else {
            return shows;
        };
        if !current.items.contains(item_id) {
            current.items.push(item_id.clone());
        }
        if !current.is_shown {
            shows.extend(self.show_current());
        }
        shows
    }

    fn show_current(&mut self) -> Option<Show> {
        let current = self.current.as_mut()?;
        current.is_shown = true;
        self.owes = false;
        let response = current.id.clone();
        Some(self.responding(&response))
    }

    fn responding(&self, response: &ResponseId) -> Show {
        let (is_spoken, metadata) = (self.is_spoken, self.metadata.clone());
        Show::Responding { response: response.clone(), is_spoken, metadata }
    }

    fn end_current(&mut self, end: ResponseOutcome, usage: Usage) -> Vec<Show> {
        let Some(Current { id: response, is_shown, .. }) = self.current.take() else {
            return Vec::new();
        };
        self.forget(response.clone());
        if is_shown { vec![Show::Responded { response, end, usage }] } else { Vec::new() }
    }

    fn forget(&mut self, response: ResponseId) {
        if self.ended.len() == REMEMBERED {
            self.ended.pop_front();
        }
        self.ended.push_back(response);
    }
}
