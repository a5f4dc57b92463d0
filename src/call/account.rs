//! What a conversation amounts to when it is looked up: its transcript, the tools it used, the handoffs. Pure: events
//! come in, in order.

use std::collections::VecDeque;

use serde_json::Value;

use super::transcript::{Entry, Transcript};
use super::{CallEvent, HandoffDone, Logged, PersonaCause, ToolUse};
use crate::id::ToolCallId;
use crate::tool::ToolStatus;

/// The newest of everything, within limits.
#[derive(Debug)]
pub struct Account {
    limit: usize,
    transcript: Transcript,
    tools: VecDeque<(ToolCallId, ToolUse)>,
    handoffs: VecDeque<HandoffDone>,
    requested: Option<HandoffDone>,
    left_out: bool,
}

/// An account, closed.
#[derive(Debug)]
pub struct Closed {
    /// What was said and done, oldest first.
    pub transcript: Vec<Entry>,
    /// The tools that were used, in the order they were started.
    pub tools: Vec<ToolUse>,
    /// The handoffs that happened.
    pub handoffs: Vec<HandoffDone>,
    /// Whether older ones of any of these were left out.
    pub left_out: bool,
}

impl Account {
    /// An empty account that keeps at most `limit` of each.
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            // One more, to know that there was one.
            transcript: Transcript::new(limit + 1),
            tools: VecDeque::new(),
            handoffs: VecDeque::new(),
            requested: None,
            left_out: false,
        }
    }

    /// Takes in the next event.
    pub fn read(&mut self, logged: Logged) {
        match &logged.event {
            CallEvent::ToolStarted { name, arguments, tool_call_id } => {
                let tool = ToolUse {
                    name: name.clone(),
                    arguments: arguments.clone(),
                    output: Value::Null,
                    duration_ms: 0,
                    status: ToolStatus::Error,
                };
                self.left_out |= keep(&mut self.tools, (tool_call_id.clone(), tool), self.limit);
            }
            CallEvent::ToolDone { tool_call_id, output, status, duration_ms, .. } => {
                let started = self.tools.iter_mut().rev().find(|(started, _)| started == tool_call_id);
                if let Some((_, tool)) = started {
                    tool.output = output.clone();
                    tool.status = *status;
                    tool.duration_ms = *duration_ms;
                }
            }
            CallEvent::HandoffRequested { from, to, reason, .. } => {
                self.requested =
                    Some(HandoffDone { from: from.clone(), to: to.clone(), reason: reason.clone() });
            }
            CallEvent::PersonaActivated { persona, by: PersonaCause::Model, .. } => {
                let done = self.requested.take().filter(|handoff| handoff.to == *persona);
                if let Some(handoff) = done {
                    self.left_out |= keep(&mut self.handoffs, handoff, self.limit);
                }
            }
            CallEvent::HandoffRefused { .. } => self.requested = None,
            _ => {}
        }
        self.transcript.read(logged);
    }

    /// Notes that events before these were not read.
    pub fn leave_out(&mut self) {
        self.left_out = true;
    }

    /// What there is.
    pub fn close(self) -> Closed {
        let mut transcript = self.transcript.into_entries();
        let over = transcript.len().saturating_sub(self.limit);
        transcript.drain(..over);
        Closed {
            transcript,
            tools: self.tools.into_iter().map(|(_, tool)| tool).collect(),
            handoffs: self.handoffs.into(),
            left_out: self.left_out || over > 0,
        }
    }
}

/// Keeps the newest; whether one had to go.
fn keep<T>(kept: &mut VecDeque<T>, next: T, limit: usize) -> bool {
    kept.push_back(next);
    let is_over = kept.len() > limit;
    if is_over {
        kept.pop_front();
    }
    is_over
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::id::CallId;

    fn account(limit: usize, events: Vec<CallEvent>) -> Closed {
        let mut account = Account::new(limit);
        for (seq, event) in (1..).zip(events) {
            account.read(Logged {
                seq,
                at: jiff::Timestamp::UNIX_EPOCH,
                call_id: CallId::default_call(),
                event,
            });
        }
        account.close()
    }

    fn started(id: &str) -> CallEvent {
        let arguments = json!({"query": id});
        CallEvent::ToolStarted { name: "lookup_menu".into(), arguments, tool_call_id: id.into() }
    }

    fn handoff(to: &str) -> CallEvent {
        CallEvent::HandoffRequested {
            from: "waiter".into(),
            to: to.into(),
            reason: "VAT".into(),
            summary: String::new(),
        }
    }

    fn activated(persona: &str, by: PersonaCause) -> CallEvent {
        CallEvent::PersonaActivated { persona: persona.into(), by, carry: None, back: false, way: None }
    }

    #[test]
    fn tools_are_told_with_what_came_of_them() {
        let done = CallEvent::ToolDone {
            name: "lookup_menu".into(),
            output: json!({"items": []}),
            status: ToolStatus::Ok,
            duration_ms: 4,
            tool_call_id: "a".into(),
        };
        let closed = account(9, vec![started("a"), started("b"), done]);
        let told: Vec<_> = closed.tools.iter().map(|tool| (tool.status, tool.output.clone())).collect();
        assert_eq!(told, [(ToolStatus::Ok, json!({"items": []})), (ToolStatus::Error, Value::Null)]);
        assert_eq!(closed.tools[0].arguments, json!({"query": "a"}));
        assert!(!closed.left_out);
    }

    #[test]
    fn only_a_handoff_that_happened_is_one() {
        let refused = CallEvent::HandoffRefused { to: "cfo".into(), why: "no".into() };
        let closed = account(
            9,
            vec![
                handoff("cfo"),
                refused,
                activated("cfo", PersonaCause::Api),
                handoff("cfo"),
                activated("cfo", PersonaCause::Model),
            ],
        );
        assert_eq!(closed.handoffs.len(), 1);
        assert_eq!((closed.handoffs[0].to.as_str(), closed.handoffs[0].reason.as_str()), ("cfo", "VAT"));
    }

    #[test]
    fn what_does_not_fit_is_said_to_be_left_out() {
        let say = |text: &str| CallEvent::CallerText { text: text.into() };
        assert!(!account(2, vec![say("a"), say("b")]).left_out);
        let closed = account(2, vec![say("a"), say("b"), say("c")]);
        assert!(closed.left_out);
        assert_eq!(closed.transcript.iter().map(|entry| entry.text.as_str()).collect::<Vec<_>>(), ["b", "c"]);
        assert!(account(1, vec![started("a"), started("b")]).left_out);
    }
}
