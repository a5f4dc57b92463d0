//! How a long conversation is summarised while it goes on. The model that speaks does it, beside the conversation and
//! in a quiet moment; the present socket keeps all its items, and only another one is given the summary instead.

use super::beside::SUMMARY;
use super::{Action, Deadline, Dialogue};
use crate::id::ResponseId;
use crate::protocol::openai::{ClientEvent, Response};
use crate::session::history::Older;
use crate::session::{SessionEvent, summary};

/// After a summary that did not come, so much must be said before another is asked for, in items.
const RETRY_ITEMS: usize = 10;

/// A summary that was asked for.
#[derive(Debug)]
struct Asked {
    token: String,
    response: Option<ResponseId>,
    older: Older,
}

/// What is under way of summaries.
#[derive(Debug, Default)]
pub(super) struct Summaries {
    asked: Option<Asked>,
    tokens: u64,
    /// How long the history must be before another try.
    not_before: usize,
}

impl Summaries {
    /// The next socket knows nothing of it.
    pub(super) fn on_socket_lost(&mut self) {
        self.asked = None;
    }
}

impl Dialogue {
    /// Asks for a summary, if the conversation has become long; said in a quiet moment.
    pub(super) fn summarise_older(&mut self, actions: &mut Vec<Action>) {
        let is_ready = self.up && self.in_force.is_some() && self.update.is_none() && self.open.is_empty();
        if !is_ready || self.summaries.asked.is_some() || self.history.len() < self.summaries.not_before {
            return;
        }
        let Some(mut older) = self.history.older() else {
            return;
        };
        self.summaries.tokens += 1;
        let token = format!("{SUMMARY}{}", self.summaries.tokens);
        let response = summary::request(&token, std::mem::take(&mut older.transcript));
        self.summaries.asked = Some(Asked { token: token.clone(), response: None, older });
        actions.push(Action::Arm(Deadline::Summary(token.clone()), self.limits.summary));
        actions.push(Action::Send(ClientEvent::ResponseCreate { event_id: token, response }));
    }

    pub(super) fn is_summary_response(&self, response_id: &ResponseId) -> bool {
        self.summaries.asked.as_ref().is_some_and(|asked| asked.response.as_ref() == Some(response_id))
    }

    /// Whether the response that began is the summary that was asked for.
    pub(super) fn on_summary_created(&mut self, token: &str, response: &Response) -> bool {
        let asked = self.summaries.asked.as_mut().filter(|asked| asked.token == token);
        asked.map(|asked| asked.response.clone_from(&response.id)).is_some()
    }

    pub(super) fn on_summary_done(&mut self, token: &str, response: &Response, actions: &mut Vec<Action>) {
        let Some(asked) = self.summaries.asked.take_if(|asked| asked.token == token) else {
            return;
        };
        asked.response.into_iter().for_each(|response| self.beside.remember_over(response));
        let text: String = response.output.iter().map(crate::protocol::openai::Item::text).collect();
        let is_good = response.status.as_deref() == Some("completed") && !text.trim().is_empty();
        if !is_good || !self.history.fold(&asked.older.until, &text) {
            return self.try_later();
        }
        metrics::counter!("ai_realtime_summaries_total", "result" => "made").increment(1);
        let usage = response.usage.unwrap_or_default().into();
        let through_turn = asked.older.through_turn;
        actions.push(Action::Report(SessionEvent::Summarised { through_turn, text, usage }));
    }

    /// Whether this was the summary's token: there will be none of it.
    pub(super) fn summary_failed(&mut self, token: &str) -> bool {
        let Some(asked) = self.summaries.asked.take_if(|asked| asked.token == token) else {
            return false;
        };
        asked.response.into_iter().for_each(|response| self.beside.remember_over(response));
        self.try_later();
        true
    }

    fn try_later(&mut self) {
        metrics::counter!("ai_realtime_summaries_total", "result" => "failed").increment(1);
        self.summaries.not_before = self.history.len() + RETRY_ITEMS;
    }
}
