//! The server as a client sees it: without a socket, and over one.

mod consistency;
mod faults;
mod hearing;
mod order;
mod refusals;
mod socket;
mod updates;

use serde_json::{Value, json};

use super::conversation::{Action, Conversation, Setup};
use super::fault::Ailments;
use super::samples::waiter_json;

/// A client of one connection's state.
struct Client {
    conversation: Conversation,
    /// Everything the server has sent.
    events: Vec<Value>,
    /// Responses that wait to go on.
    waiting: Vec<String>,
    /// The last watch over the caller's silence, and after how many milliseconds.
    watch: Option<(u64, u64)>,
    closed: Option<u16>,
}

impl Client {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut Setup)) -> Self {
        let mut setup = Setup {
            model: "gpt-realtime-2.1".into(),
            expires_at: 1_767_000_000,
            id_seed: 1,
            fault_seed: 1,
            delay_ms: 0,
            delta_delay_ms: 0,
            error_rate: 0.0,
            hostile: false,
            fixed_instructions: false,
            ailments: Ailments::default(),
        };
        change(&mut setup);
        let (conversation, first) = Conversation::open(setup);
        let mut client =
            Self { conversation, events: Vec::new(), waiting: Vec::new(), watch: None, closed: None };
        client.perform(first);
        client
    }

    /// A client with the waiter's tools that writes instead of speaking.
    fn waiter() -> Self {
        let mut client = Self::new();
        let session = json!({"type": "realtime", "output_modalities": ["text"], "tools": waiter_json(),
            "instructions": "You are AI Waiter."});
        client.send(&json!({"type": "session.update", "session": session}));
        client
    }

    fn perform(&mut self, actions: Vec<Action>) -> Vec<Value> {
        let before = self.events.len();
        for action in actions {
            match action {
                Action::Send(text) => self.events.push(serde_json::from_str(&text).unwrap()),
                Action::Continue { response, .. } => self.waiting.push(response),
                Action::Watch { watch, after_ms } => self.watch = Some((watch, after_ms)),
                Action::Close { code, .. } => self.closed = Some(code),
                Action::Refused(_) | Action::Struck(_) => {}
            }
        }
        self.events[before..].to_vec()
    }

    /// Sends one event; the answers so far.
    fn send(&mut self, event: &Value) -> Vec<Value> {
        let actions = self.conversation.on_text(&event.to_string());
        self.perform(actions)
    }

    /// Lets one response generate its next delta.
    fn step(&mut self) -> Vec<Value> {
        let response = self.waiting.remove(0);
        let actions = self.conversation.on_continue(&response);
        self.perform(actions)
    }

    /// Lets all responses come to their end.
    fn finish(&mut self) -> Vec<Value> {
        let before = self.events.len();
        while !self.waiting.is_empty() {
            self.step();
        }
        self.events[before..].to_vec()
    }

    fn user(&mut self, text: &str) {
        let content = json!([{"type": "input_text", "text": text}]);
        self.send(&json!({"type": "conversation.item.create",
            "item": {"type": "message", "role": "user", "content": content}}));
    }

    /// A response to what the user says, from its creation to its end.
    fn respond(&mut self, text: &str) -> Vec<Value> {
        self.user(text);
        let mut events = self.send(&json!({"type": "response.create"}));
        events.extend(self.finish());
        events
    }

    fn refused(&mut self, event: &Value) -> Value {
        let answer = self.send(event);
        assert_eq!(answer.len(), 1, "{event} was answered with {answer:?}");
        assert_eq!(answer[0]["type"], "error", "{event} was taken");
        answer[0]["error"].clone()
    }
}

fn kinds(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["type"].as_str().unwrap()).collect()
}

fn last<'a>(events: &'a [Value], kind: &str) -> &'a Value {
    events
        .iter()
        .rev()
        .find(|event| event["type"] == kind)
        .unwrap_or_else(|| panic!("no {kind} in {:?}", kinds(events)))
}
