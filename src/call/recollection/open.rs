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

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::json;

    use super::*;
    use crate::call::event::{CallEvent, Logged, TurnStatus};
    use crate::call::recollection::Recollection;
    use crate::tool::ToolStatus;
    use crate::usage::Usage;

    fn conversation(events: Vec<CallEvent>) -> Conversation {
        let started = CallEvent::CallStarted {
            transport: "text".into(),
            business_id: None,
            nobodys: false,
            phone: None,
        };
        let mut recollection = Recollection::default();
        for (at, event) in [started].into_iter().chain(events).enumerate() {
            let call_id = "t1".parse().unwrap();
            recollection.take(Logged { seq: at as u64 + 1, at: Timestamp::UNIX_EPOCH, call_id, event });
        }
        recollection.conversation.unwrap()
    }

    fn asked(turn: u64, tools: &[&str]) -> Vec<CallEvent> {
        let mut events =
            vec![CallEvent::TurnStarted { turn }, CallEvent::CallerText { text: format!("question {turn}") }];
        events.extend(tools.iter().map(|id| CallEvent::ToolStarted {
            name: "lookup_menu".into(),
            arguments: json!({}),
            tool_call_id: (*id).into(),
        }));
        events
    }

    fn done(turn: u64) -> CallEvent {
        CallEvent::TurnDone {
            turn,
            status: TurnStatus::Cancelled,
            taken: true,
            usage: Usage::default(),
            model: None,
            first_token_ms: None,
            duration_ms: 1,
        }
    }

    fn output(id: &str) -> CallEvent {
        CallEvent::ToolDone {
            name: "lookup_menu".into(),
            output: json!({}),
            status: ToolStatus::Ok,
            duration_ms: 1,
            tool_call_id: id.into(),
        }
    }

    #[test]
    fn a_read_is_wanted_when_the_newest_turn_asked_for_it_and_was_cut_off() {
        let mut events = asked(1, &["old"]);
        events.push(done(1));
        events.extend(asked(2, &["given", "cut"]));
        events.push(output("given"));
        let conversation = conversation(events);
        let open: Vec<_> =
            conversation.open_calls().into_iter().map(|call| (call.fate(Some(Effect::Read)), call)).collect();
        let fates: Vec<_> = open.iter().map(|(fate, call)| (call.id.as_str(), *fate)).collect();
        assert_eq!(fates, [("old", Fate::Interrupted), ("cut", Fate::RunAgain)]);
        assert!(open.iter().all(|(_, call)| call.fate(Some(Effect::Write)) == Fate::Settled));
        assert!(open.iter().all(|(_, call)| call.fate(None) == Fate::Settled));
    }

    #[test]
    fn nobody_waits_for_the_reads_of_a_turn_that_ended() {
        let mut events = asked(1, &["late"]);
        events.push(done(1));
        let open = conversation(events).open_calls();
        assert_eq!(open.len(), 1);
        assert_eq!(open[0].fate(Some(Effect::Read)), Fate::Interrupted);
    }

    #[test]
    fn an_answer_stands_behind_its_call_and_leaves_none_open() {
        let mut events = asked(1, &["old"]);
        events.push(done(1));
        events.extend(asked(2, &["cut"]));
        let mut conversation = conversation(events);
        assert!(!conversation.owes_answer(), "it waits for a tool");
        conversation.answer(&"old".into(), "{}".into());
        conversation.answer(&"cut".into(), "{}".into());
        assert!(conversation.open_calls().is_empty());
        let is_output = |content: &Content| matches!(content, Content::ToolOutput { .. });
        let outputs: Vec<_> = conversation.contents.iter().map(is_output).collect();
        assert_eq!(outputs, [false, false, true, false, false, true]);
        assert_eq!(conversation.turn_begins, 3);
        assert!(conversation.owes_answer());
        conversation.on_words();
        assert!(!conversation.owes_answer(), "it was begun");
    }
}
