//! Tool calls that the journal has no output for: the process that ran them is gone. Each is answered once. Pure.

use std::collections::HashSet;

use serde_json::Value;

use super::{Conversation, answers};
use crate::call::turn::json_or_text;
use crate::id::ToolCallId;
use crate::session::Content;
use crate::tool::Effect;

/// A tool call without an output.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenCall {
    /// The model's id of it.
    pub id: ToolCallId,
    /// The tool.
    pub name: String,
    /// What the model asked for.
    pub arguments: Value,
    /// Whether the newest turn asked for it, and was cut off.
    pub is_wanted: bool,
}

/// How a tool call is answered whose output was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// The ledger knows what became of it.
    Settled,
    /// It only looks: it is simply run again.
    RunAgain,
    /// Nobody waits for it any more.
    Interrupted,
}

impl OpenCall {
    /// How it is answered; `effect` is what its tool does, where there still is one.
    pub fn fate(&self, effect: Option<Effect>) -> Fate {
        match effect {
            // The ledger may know of a tool that is gone.
            Some(Effect::Write) | None => Fate::Settled,
            Some(Effect::Read) if self.is_wanted => Fate::RunAgain,
            Some(Effect::Read) => Fate::Interrupted,
        }
    }
}

impl Conversation {
    /// Tool calls without an output, oldest first.
    pub fn open_calls(&self) -> Vec<OpenCall> {
        let answered: HashSet<_> = self.contents.iter().filter_map(answers).collect();
        let is_cut = self.cut_turn.is_some();
        let open = self.contents.iter().enumerate().filter_map(|(at, content)| match content {
            Content::ToolCall { id, name, arguments } if !answered.contains(id) => Some(OpenCall {
                id: id.clone(),
                name: name.clone(),
                arguments: json_or_text(arguments),
                is_wanted: is_cut && at >= self.turn_begins,
            }),
            Content::ToolCall { .. }
            | Content::ToolOutput { .. }
            | Content::Caller(_)
            | Content::Persona(_)
            | Content::Note(_) => None,
        });
        open.collect()
    }

    /// A tool call is answered after all.
    pub fn answer(&mut self, call: &ToolCallId, output: String) {
        let is_it = |content: &Content| matches!(content, Content::ToolCall { id, .. } if id == call);
        let after = self.contents.iter().position(is_it).map_or(self.contents.len(), |at| at + 1);
        self.contents.insert(after, Content::ToolOutput { id: call.clone(), output });
        self.turn_begins += usize::from(after <= self.turn_begins);
        self.begins.iter_mut().filter(|(_, begins)| *begins >= after).for_each(|(_, begins)| *begins += 1);
    }

    /// Something is being said in answer.
    pub fn on_words(&mut self) {
        self.has_begun_to_answer = true;
    }

    /// Whether the turn that was cut off had everything it needed for an answer, and not a word of it was said.
    pub fn owes_answer(&self) -> bool {
        let is_ready = match self.contents.back() {
            Some(Content::Caller(_) | Content::ToolOutput { .. }) => true,
            Some(Content::Persona(_) | Content::Note(_) | Content::ToolCall { .. }) | None => false,
        };
        self.cut_turn.is_some() && !self.has_begun_to_answer && is_ready
    }
}
