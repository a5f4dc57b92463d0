//! What the conversation asks of the model now.

use std::collections::BTreeSet;

use serde_json::Value;

use super::model::Entry;
use super::toolbox::is_handoff;

/// The last thing the caller said and what has happened since.
#[derive(Debug, Default)]
pub(super) struct Turn<'a> {
    pub(super) utterance: Option<String>,
    pub(super) audio_ms: u64,
    /// Outputs of before this turn and in it, oldest first.
    pub(super) outputs: Vec<Value>,
    pub(super) said: Vec<&'a str>,
    /// Calls made since the caller spoke.
    pub(super) calls: Vec<(&'a str, &'a Value)>,
    /// Outputs since the caller spoke that nothing was said about yet.
    pub(super) fresh: Vec<Fresh<'a>>,
    pub(super) answered: bool,
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
                Entry::User { text, audio_ms } => turn.begin(text, *audio_ms),
                Entry::Assistant => {
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
                    turn.outputs.extend(serde_json::from_str::<Value>(output));
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
            turn.utterance = summary.map(str::to_owned);
        }
        turn
    }

    fn begin(&mut self, text: &'a str, audio_ms: u64) {
        let outputs = std::mem::take(&mut self.outputs);
        let mut said = std::mem::take(&mut self.said);
        said.push(text);
        *self = Self { utterance: Some(text.to_owned()), audio_ms, outputs, said, ..Self::default() };
    }

    pub(super) fn called(&self, name: &str) -> bool {
        self.calls.iter().any(|(called, _)| *called == name)
    }
}
