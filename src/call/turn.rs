//! A turn under way: what is collected until it ends. Pure; times are milliseconds since its start.

use serde_json::Value;

use crate::call::event::{CallEvent, TurnStatus};
use crate::call::{CallError, HandoffDone, Reply, ToolUse};
use crate::id::{PersonaKey, ToolCallId};
use crate::session::{ResponseEnd, ResponseStatus};
use crate::tool::{ToolOutcome, ToolStatus};
use crate::usage::Usage;

/// A turn under way.
#[derive(Debug)]
pub struct Turn {
    /// Its number, from 1.
    pub number: u64,
    /// The line's number for what began it.
    pub saying: u64,
    /// The number of its `turn.started`.
    pub first_seq: u64,
    texts: Vec<String>,
    tools: Vec<(ToolCallId, ToolUse)>,
    handoffs: Vec<HandoffDone>,
    usage: Usage,
    first_token_ms: Option<u64>,
    status: TurnStatus,
    error: Option<CallError>,
    cancelled: bool,
    taken: bool,
}

impl Turn {
    /// A turn that begins.
    pub fn new(number: u64, saying: u64, first_seq: u64) -> Self {
        Self {
            number,
            saying,
            first_seq,
            texts: Vec::new(),
            tools: Vec::new(),
            handoffs: Vec::new(),
            usage: Usage::default(),
            first_token_ms: None,
            status: TurnStatus::Completed,
            error: None,
            cancelled: false,
            taken: false,
        }
    }

    /// A turn that the end of the process cut off.
    pub fn cut_off(number: u64) -> Self {
        let error = Some(CallError::ModelFailed { code: "cut_off_by_a_restart".to_owned() });
        Self { error, taken: true, ..Self::new(number, 0, 0) }
    }

    /// The model has taken what the caller said.
    pub fn on_taken(&mut self) {
        self.taken = true;
    }

    /// A word came.
    pub fn on_word(&mut self, now_ms: u64) {
        self.first_token_ms.get_or_insert(now_ms);
    }

    /// A whole message came.
    pub fn on_message(&mut self, text: String, now_ms: u64) {
        self.on_word(now_ms);
        self.texts.push(text);
    }

    /// A tool was started.
    pub fn on_tool_started(&mut self, id: ToolCallId, name: String, arguments: Value) {
        let status = ToolStatus::Error;
        self.tools.push((id, ToolUse { name, arguments, output: Value::Null, duration_ms: 0, status }));
    }

    /// A tool ended.
    pub fn on_tool_done(&mut self, id: &ToolCallId, outcome: &ToolOutcome, output: Value) {
        if let Some((_, tool)) = self.tools.iter_mut().find(|(started, _)| started == id) {
            tool.output = output;
            tool.duration_ms = outcome.duration_ms;
            tool.status = outcome.status;
        }
    }

    /// The caller was handed over.
    pub fn on_handoff(&mut self, handoff: HandoffDone) {
        self.handoffs.push(handoff);
    }

    /// A response ended. Answers what went wrong with it, if something did that the caller may notice.
    pub fn on_response(&mut self, end: &ResponseEnd) -> Option<CallError> {
        self.usage = self.usage.plus(end.usage);
        self.status = match &end.status {
            ResponseStatus::Completed | ResponseStatus::Retrying => TurnStatus::Completed,
            ResponseStatus::Cancelled => TurnStatus::Cancelled,
            ResponseStatus::Incomplete { .. } => TurnStatus::Incomplete,
            ResponseStatus::Failed { code, fatal } => {
                let code = code.clone();
                let error =
                    if *fatal { CallError::ModelRefused { code } } else { CallError::ModelFailed { code } };
                return Some(self.fail(error));
            }
        };
        None
    }

    /// The caller spoke before the answer was whole: what there is of it is the reply.
    pub fn supersede(&mut self) {
        self.status = TurnStatus::Cancelled;
    }

    /// Whether it was stopped before its end.
    pub fn is_cancelled(&self) -> bool {
        self.status == TurnStatus::Cancelled
    }

    /// The call ended before the turn did.
    pub fn cancel(&mut self) {
        self.status = TurnStatus::Cancelled;
        self.cancelled = true;
    }

    /// There will be no whole answer. The first reason stands.
    pub fn fail(&mut self, error: CallError) -> CallError {
        self.error.get_or_insert(error).clone()
    }

    /// The end: its event, and what the caller is given. `model` is who answered.
    pub fn finish(
        self,
        persona: PersonaKey,
        model: &str,
        duration_ms: u64,
    ) -> (CallEvent, Result<Reply, CallError>) {
        let event = CallEvent::TurnDone {
            turn: self.number,
            status: if self.error.is_some() { TurnStatus::Failed } else { self.status },
            taken: self.taken,
            usage: self.usage,
            model: Some(model.to_owned()),
            first_token_ms: self.first_token_ms,
            duration_ms,
        };
        let outcome = match self.error {
            Some(error) => Err(error),
            None if self.cancelled => Err(CallError::Ended),
            None => Ok(Reply {
                text: self.texts.join("\n\n"),
                persona,
                tools: self.tools.into_iter().map(|(_, tool)| tool).collect(),
                handoffs: self.handoffs,
                usage: self.usage,
                first_token_ms: self.first_token_ms,
                duration_ms,
            }),
        };
        (event, outcome)
    }
}

/// JSON where the text is JSON, else the text as it is.
pub fn json_or_text(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn end(status: ResponseStatus) -> ResponseEnd {
        ResponseEnd {
            response: None,
            status,
            usage: Usage { input_tokens: 10, output_tokens: 2, ..Usage::default() },
        }
    }

    #[test]
    fn a_reply_holds_what_happened_in_order() {
        let mut turn = Turn::new(3, 1, 17);
        turn.on_taken();
        turn.on_tool_started("c1".into(), "lookup_menu".into(), json!({"query": "beer"}));
        turn.on_response(&end(ResponseStatus::Completed));
        let outcome = ToolOutcome { output: "{}".into(), status: ToolStatus::Ok, duration_ms: 4 };
        turn.on_tool_done(&"c1".into(), &outcome, json!({"items": []}));
        turn.on_word(25);
        turn.on_message("We have none.".into(), 30);
        turn.on_response(&end(ResponseStatus::Completed));
        let (event, outcome) = turn.finish("waiter".into(), "m", 40);
        let usage = Usage { input_tokens: 20, output_tokens: 4, ..Usage::default() };
        assert_eq!(
            event,
            CallEvent::TurnDone {
                turn: 3,
                status: TurnStatus::Completed,
                taken: true,
                usage,
                model: Some("m".to_owned()),
                first_token_ms: Some(25),
                duration_ms: 40
            }
        );
        let reply = outcome.unwrap();
        assert_eq!((reply.text.as_str(), reply.tools[0].status), ("We have none.", ToolStatus::Ok));
    }

    #[test]
    fn the_first_reason_for_a_failure_stands() {
        let mut turn = Turn::new(1, 1, 1);
        turn.fail(CallError::ModelTimeout { limit_ms: 5 });
        turn.on_response(&end(ResponseStatus::Failed { code: "server_error".into(), fatal: false }));
        let (event, outcome) = turn.finish("waiter".into(), "m", 9);
        assert!(matches!(event, CallEvent::TurnDone { status: TurnStatus::Failed, .. }));
        assert_eq!(outcome, Err(CallError::ModelTimeout { limit_ms: 5 }));
    }
}
