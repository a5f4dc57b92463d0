//! Responses beside the conversation: words that bridge the time a tool takes, and summaries of what is long past.

use std::collections::VecDeque;

use super::{Action, Deadline, Dialogue};
use crate::id::ResponseId;
use crate::protocol::openai::{ClientEvent, Response, ResponseParams};
use crate::session::SessionEvent;

/// So many responses are remembered as over, so that what still comes of them is passed over.
const REMEMBERED: usize = 64;
/// How the tokens begin of what is said beside the conversation.
const ASIDE: &str = "aside_";
/// How the tokens of summaries begin.
pub(super) const SUMMARY: &str = "summary_";

/// Something said beside the conversation.
#[derive(Debug)]
struct Aside {
    token: String,
    response: Option<ResponseId>,
}

/// What is said beside the conversation.
#[derive(Debug, Default)]
pub(super) struct Beside {
    aside: Option<Aside>,
    asides: u64,
    /// What is over, as far as we are concerned: what still comes of it is passed over.
    over: VecDeque<ResponseId>,
}

impl Beside {
    /// The next socket knows nothing of it.
    pub(super) fn on_socket_lost(&mut self) {
        self.aside = None;
    }

    pub(super) fn remember_over(&mut self, response: ResponseId) {
        if self.over.len() == REMEMBERED {
            self.over.pop_front();
        }
        self.over.push_back(response);
    }
}

impl Dialogue {
    /// Whether a response of this token is none of the conversation's.
    pub(super) fn is_beside(token: &str) -> bool {
        token.starts_with(ASIDE) || token.starts_with(SUMMARY)
    }

    /// Says something beside the conversation, unless something is being said.
    pub fn say_aside(&mut self, words: &str) -> Vec<Action> {
        let mut actions = Vec::new();
        let is_waiting = !self.open.is_empty() && self.sequencer.is_quiet() && self.update.is_none();
        if !self.up || !is_waiting || self.beside.aside.is_some() {
            return actions;
        }
        self.beside.asides += 1;
        let token = format!("{ASIDE}{}", self.beside.asides);
        self.beside.aside = Some(Aside { token: token.clone(), response: None });
        let instructions = format!("Say exactly this, and nothing else: \"{words}\"");
        let response = ResponseParams::aside(&token, instructions);
        actions.push(Action::Arm(Deadline::Aside(token.clone()), self.limits.aside));
        actions.push(Action::Send(ClientEvent::ResponseCreate { event_id: token, response }));
        actions.push(Action::Report(SessionEvent::Aside { text: words.to_owned() }));
        actions
    }

    pub(super) fn is_aside(&self) -> bool {
        self.beside.aside.is_some()
    }

    pub(super) fn is_aside_response(&self, response_id: &ResponseId) -> bool {
        self.beside.over.contains(response_id)
            || self.is_summary_response(response_id)
            || self.beside.aside.as_ref().is_some_and(|aside| aside.response.as_ref() == Some(response_id))
    }

    pub(super) fn on_aside_created(&mut self, response: &Response, actions: &mut Vec<Action>) -> bool {
        let Some(token) = response.token().filter(|token| Self::is_beside(token)) else {
            return false;
        };
        if self.on_summary_created(token, response) {
            return true;
        }
        match self.beside.aside.as_mut().filter(|aside| aside.token == token) {
            Some(aside) => aside.response.clone_from(&response.id),
            // Nobody waits for it any more.
            None => {
                let token = token.to_owned();
                self.cancel_aside(&token, response.id.clone(), actions);
            }
        }
        true
    }

    pub(super) fn on_aside_done(&mut self, response: &Response, actions: &mut Vec<Action>) -> bool {
        let Some(token) = response.token().filter(|token| Self::is_beside(token)) else {
            return false;
        };
        self.on_summary_done(token, response, actions);
        self.aside_is_over(token);
        true
    }

    pub(super) fn aside_is_over(&mut self, token: &str) -> bool {
        if self.summary_failed(token) {
            return true;
        }
        let Some(aside) = self.beside.aside.take_if(|aside| aside.token == token) else {
            return false;
        };
        aside.response.into_iter().for_each(|response| self.beside.remember_over(response));
        true
    }

    pub(super) fn stop_aside(&mut self, actions: &mut Vec<Action>) {
        if let Some(Aside { token, response: Some(response_id) }) = self.beside.aside.take() {
            self.cancel_aside(&token, Some(response_id), actions);
        }
    }

    fn cancel_aside(&mut self, token: &str, response_id: Option<ResponseId>, actions: &mut Vec<Action>) {
        actions.extend(response_id.clone().map(Action::Refuse));
        response_id.clone().into_iter().for_each(|response| self.beside.remember_over(response));
        let event_id = format!("cancel_{token}");
        actions.push(Action::Send(ClientEvent::ResponseCancel { event_id, response_id }));
    }
}
