//! What the conversation asks of the model now.

use std::collections::BTreeSet;

use serde_json::Value;

use super::model::Entry;
use super::phrase::is_question;
use super::toolbox::is_handoff;
use super::words::stems;

/// An answer to a question has no more words that count.
const ANSWER_MAX: usize = 4;

/// The last thing the caller said and what has happened since.
#[derive(Debug, Default)]
pub(super) struct Turn<'a> {
    pub(super) utterance: Option<String>,
    pub(super) audio_ms: u64,
    /// Outputs of before the caller spoke, oldest first.
    pub(super) earlier: Vec<Value>,
    /// Outputs since then.
    pub(super) found: Vec<Value>,
    pub(super) said: Vec<&'a str>,
    /// Calls made since the caller spoke.
    pub(super) calls: Vec<(&'a str, &'a Value)>,
    /// Outputs since the caller spoke that nothing was said about yet.
    pub(super) fresh: Vec<Fresh<'a>>,
    pub(super) answered: bool,
    /// The last thing said was a question for something that was missing.
    asked: bool,
    pub(super) waiting: bool,
}

/// A tool's output that waits to be spoken of.
#[derive(Debug)]
pub(super) struct Fresh<'a> {
    pub(super) tool: &'a str,
    response: &'a str,
    pub(super) output: &'a str,
}

impl<'a> Turn<'a> {
    pub(super) fn of(entries: &'a [Entry]) -> Self {
        let mut turn = Self::default();
        let mut made: Vec<(&str, &str, &str)> = Vec::new();
        let mut open: BTreeSet<&str> = BTreeSet::new();
        for entry in entries {
            match entry {
                Entry::System { .. } => {}
                Entry::User { text, audio_ms } => turn.begin(text, *audio_ms),
                Entry::Assistant { text } => {
                    turn.asked = is_question(text);
                    turn.answered = true;
                    turn.fresh.clear();
                }
                Entry::Call { call_id, name, arguments, response } => {
                    // outputs of an earlier response have done their part; of this one they may come between calls
                    turn.fresh.retain(|fresh| response.is_empty() || fresh.response == response);
                    made.push((call_id, name, response));
                    open.insert(call_id);
                    turn.calls.push((name, arguments));
                    turn.answered = false;
                }
                Entry::Output { call_id, output } => {
                    open.remove(call_id.as_str());
                    turn.found.extend(serde_json::from_str::<Value>(output));
                    let call = made.iter().rev().find(|(id, ..)| id == call_id);
                    let (_, tool, response) = call.copied().unwrap_or_default();
                    turn.fresh.push(Fresh { tool, response, output });
                }
            }
        }
        turn.waiting = !turn.calls.is_empty() && turn.fresh.is_empty() && !open.is_empty();
        // a handoff that carries nothing but a summary leaves no utterance behind
        if turn.utterance.is_none() {
            let carried = turn.calls.iter().rev().find(|(name, _)| is_handoff(name));
            let summary = carried.and_then(|(_, arguments)| arguments["summary"].as_str());
            // what the caller said stands there between quotation marks, as the model itself writes it
            turn.utterance = summary.map(|text| text.split('"').nth(1).unwrap_or(text).to_owned());
        }
        turn
    }

    fn begin(&mut self, text: &'a str, audio_ms: u64) {
        let mut earlier = std::mem::take(&mut self.earlier);
        earlier.append(&mut self.found);
        let mut said = std::mem::take(&mut self.said);
        // "Which country?" – "Canada": the answer means nothing without what it completes
        let completes = self.asked && stems(text).len() <= ANSWER_MAX;
        let before = self.utterance.take().filter(|_| completes);
        let utterance = before.map_or_else(|| text.to_owned(), |before| format!("{before}, {text}"));
        said.push(text);
        *self = Self { utterance: Some(utterance), audio_ms, earlier, said, ..Self::default() };
    }

    pub(super) fn called(&self, name: &str) -> bool {
        self.calls.iter().any(|(called, _)| *called == name)
    }
}
