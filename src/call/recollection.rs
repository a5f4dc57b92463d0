//! What a call knows of itself from its journal: enough to go on where it stopped. Pure: events come in, in
//! order.

use std::collections::VecDeque;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use super::event::{CallEvent, Logged, PersonaCause, PhoneFacts};
use super::handoff::Handoffs;
use crate::id::{ItemId, PersonaKey};
use crate::persona::Carry;
use crate::session::Content;
use crate::store::BusinessProfile;

/// At most so many things of the conversation are recalled: as many as a session keeps.
const MAX_CONTENTS: usize = 400;

/// So many spoken messages are told apart by their ids: an interruption is about the newest.
const MAX_SPOKEN: usize = 16;

/// What the journal says of a call.
#[derive(Debug, Default)]
pub struct Recollection {
    /// The newest event's number.
    pub last_seq: u64,
    /// The conversation under way, if the call did not end.
    pub conversation: Option<Conversation>,
    /// Whose caller it is, if the journal names a business and there is still one.
    pub business: Option<Arc<BusinessProfile>>,
}

/// A conversation that goes on.
#[derive(Debug)]
pub struct Conversation {
    /// The number of its `call.started`.
    pub first_seq: u64,
    /// When it began.
    pub started_at: Timestamp,
    /// Who spoke, and whom the caller met; `None` when the call never got so far.
    pub handoffs: Option<Handoffs>,
    /// What was said.
    pub contents: VecDeque<Content>,
    /// Turns begun.
    pub turns: u64,
    /// The turn that was cut off by the end of the process.
    pub cut_turn: Option<u64>,
    /// Sockets the call has had.
    pub connections: u64,
    /// What is known of it if it came by phone.
    pub phone: Option<PhoneFacts>,
    /// Whose caller it is, if that is known.
    pub business_id: Option<String>,
    /// Spoken messages that may still turn out to have been heard in part only.
    spoken: VecDeque<(ItemId, String)>,
    /// Where the turn under way begins in `contents`.
    turn_begins: usize,
    summary: String,
}

impl Recollection {
    /// Takes the next event.
    pub fn take(&mut self, logged: Logged) {
        let Logged { seq, at, event, .. } = logged;
        self.last_seq = seq;
        match event {
            CallEvent::CallStarted { phone, business_id, .. } => {
                self.conversation = Some(Conversation { phone, business_id, ..Conversation::new(seq, at) });
            }
            CallEvent::CallEnded { .. } => self.conversation = None,
            event => {
                if let Some(conversation) = &mut self.conversation {
                    conversation.take(event);
                }
            }
        }
    }
}

impl Conversation {
    fn new(first_seq: u64, started_at: Timestamp) -> Self {
        Self {
            first_seq,
            started_at,
            handoffs: None,
            contents: VecDeque::new(),
            turns: 0,
            cut_turn: None,
            connections: 0,
            phone: None,
            business_id: None,
            spoken: VecDeque::new(),
            turn_begins: 0,
            summary: String::new(),
        }
    }

    fn take(&mut self, event: CallEvent) {
        match event {
            CallEvent::PersonaActivated { persona, by, carry, back } => {
                self.activated(persona, by, carry.unwrap_or_default(), back);
            }
            CallEvent::HandoffRequested { summary, .. } => self.summary = summary,
            CallEvent::TurnStarted { turn } => {
                self.turns = turn;
                self.cut_turn = Some(turn);
                self.turn_begins = self.contents.len();
            }
            CallEvent::TurnDone { taken, .. } => {
                self.cut_turn = None;
                if !taken {
                    // The caller was told so, and will say it again.
                    self.contents.truncate(self.turn_begins);
                }
            }
            CallEvent::CallerText { text } => self.push(Content::Caller(text)),
            CallEvent::CallerTranscript { text, .. } => {
                // Often written down after its answer: it belongs before it.
                self.contents.insert(self.turn_begins, Content::Caller(text));
            }
            CallEvent::AssistantText { text, item_id } => {
                if let Some(item_id) = item_id {
                    self.spoke(item_id, text.clone());
                }
                self.push(Content::Persona(text));
            }
            CallEvent::AssistantInterrupted { item_id: Some(item_id), heard: Some(heard), .. } => {
                self.heard(&item_id, heard);
            }
            CallEvent::ToolStarted { name, arguments, tool_call_id } => {
                self.push(Content::ToolCall { id: tool_call_id, name, arguments: as_text(arguments) });
            }
            CallEvent::ToolDone { output, tool_call_id, .. } => {
                self.push(Content::ToolOutput { id: tool_call_id, output: as_text(output) });
            }
            CallEvent::ModelConnected { .. } | CallEvent::ModelReconnected { .. } => self.connections += 1,
            CallEvent::CallStarted { .. }
            | CallEvent::CallResumed {}
            | CallEvent::CallEnded { .. }
            | CallEvent::HandoffRefused { .. }
            | CallEvent::AssistantDelta { .. }
            | CallEvent::AssistantInterrupted { .. }
            | CallEvent::AssistantFiller { .. }
            | CallEvent::ModelDisconnected { .. }
            | CallEvent::Dtmf { .. }
            | CallEvent::LineUp {}
            | CallEvent::LineDown { .. }
            | CallEvent::TransferStarted { .. }
            | CallEvent::Error { .. } => {}
        }
    }

    fn spoke(&mut self, item_id: ItemId, text: String) {
        if self.spoken.len() == MAX_SPOKEN {
            self.spoken.pop_front();
        }
        self.spoken.push_back((item_id, text));
    }

    /// What was heard of a message is what is remembered of it.
    fn heard(&mut self, item_id: &ItemId, heard: String) {
        let said = self.spoken.iter().find(|(said, _)| said == item_id).map(|(_, text)| text);
        let is_it = |content: &Content| matches!((content, said), (Content::Persona(text), Some(said)) if text == said);
        let at = self.contents.iter().rposition(is_it);
        match (at, heard.is_empty()) {
            (Some(at), true) => {
                self.contents.remove(at);
                self.turn_begins -= usize::from(at < self.turn_begins);
            }
            (Some(at), false) => self.contents[at] = Content::Persona(heard),
            (None, true) => {}
            (None, false) => self.push(Content::Persona(heard)),
        }
    }

    fn activated(&mut self, persona: PersonaKey, by: PersonaCause, carry: Carry, back: bool) {
        let Some(handoffs) = &mut self.handoffs else {
            self.handoffs = Some(Handoffs::new(persona));
            return;
        };
        if by == PersonaCause::Model {
            handoffs.moved(persona, back);
            self.carry(carry);
            return;
        }
        let swapped = persona != *handoffs.active();
        handoffs.activate(persona.clone());
        if swapped {
            self.push(Content::Note(swap_note(&persona)));
        }
    }

    /// What a handoff left out of the model's sight stays out of it.
    fn carry(&mut self, carry: Carry) {
        if carry == Carry::All {
            return;
        }
        self.contents.drain(..self.turn_begins);
        self.turn_begins = 0;
        let summary = std::mem::take(&mut self.summary);
        if carry == Carry::Summary && !summary.is_empty() {
            self.contents.push_front(Content::Note(format!("What was said before: {summary}")));
            self.turn_begins = 1;
        }
    }

    fn push(&mut self, content: Content) {
        self.contents.push_back(content);
        if self.contents.len() > MAX_CONTENTS && self.turn_begins > 0 {
            self.drop_oldest_turn();
        }
    }

    /// A tool's output must not stay without its call: the oldest turn goes as a whole.
    fn drop_oldest_turn(&mut self) {
        let is_caller = |content: &Content| matches!(content, Content::Caller(_));
        let next = self.contents.iter().skip(1).position(is_caller).map_or(self.turn_begins, |at| at + 1);
        let gone = next.min(self.turn_begins);
        self.contents.drain(..gone);
        self.turn_begins -= gone;
    }
}

/// What the model is told when someone other than itself put a persona in force.
pub fn swap_note(persona: &PersonaKey) -> String {
    format!("From here on you are the persona `{persona}`. What was said before stays true.")
}

/// The text as it was before it was read as JSON.
fn as_text(value: Value) -> String {
    match value {
        Value::String(text) => text,
        json => json.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::call::event::{EndReason, TurnStatus, Usage};
    use crate::tool::ToolStatus;

    fn recalled(events: Vec<CallEvent>) -> Recollection {
        let mut recollection = Recollection::default();
        for (at, event) in events.into_iter().enumerate() {
            let call_id = "t1".parse().unwrap();
            recollection.take(Logged { seq: at as u64 + 1, at: Timestamp::UNIX_EPOCH, call_id, event });
        }
        recollection
    }

    fn started() -> Vec<CallEvent> {
        vec![
            CallEvent::CallStarted { transport: "text".into(), business_id: None, phone: None },
            activated("waiter", PersonaCause::Start, None),
        ]
    }

    fn activated(persona: &str, by: PersonaCause, carry: Option<Carry>) -> CallEvent {
        CallEvent::PersonaActivated { persona: persona.into(), by, carry, back: false }
    }

    fn said(turn: u64, text: &str) -> Vec<CallEvent> {
        vec![CallEvent::TurnStarted { turn }, CallEvent::CallerText { text: text.into() }]
    }

    fn done(turn: u64, status: TurnStatus) -> CallEvent {
        let usage = Usage::default();
        let taken = status == TurnStatus::Completed;
        CallEvent::TurnDone { turn, status, taken, usage, first_token_ms: None, duration_ms: 1 }
    }

    #[test]
    fn a_conversation_goes_on_where_it_stopped() {
        let mut events = started();
        events.extend(said(1, "drinks?"));
        events.push(CallEvent::ToolStarted {
            name: "lookup_menu".into(),
            arguments: json!({"query": "drinks"}),
            tool_call_id: "c1".into(),
        });
        events.push(CallEvent::ToolDone {
            name: "lookup_menu".into(),
            output: json!({"items": []}),
            status: ToolStatus::Ok,
            duration_ms: 3,
            tool_call_id: "c1".into(),
        });
        events.push(CallEvent::AssistantText { text: "None.".into(), item_id: None });
        events.push(done(1, TurnStatus::Completed));
        events.push(activated("cfo", PersonaCause::Api, None));
        let recollection = recalled(events);
        assert_eq!(recollection.last_seq, 9);
        let conversation = recollection.conversation.unwrap();
        assert_eq!(conversation.handoffs.unwrap().active(), &"cfo".into());
        assert_eq!((conversation.turns, conversation.cut_turn, conversation.first_seq), (1, None, 1));
        assert_eq!(
            Vec::from(conversation.contents),
            [
                Content::Caller("drinks?".into()),
                Content::ToolCall {
                    id: "c1".into(),
                    name: "lookup_menu".into(),
                    arguments: r#"{"query":"drinks"}"#.into()
                },
                Content::ToolOutput { id: "c1".into(), output: r#"{"items":[]}"#.into() },
                Content::Persona("None.".into()),
                Content::Note(swap_note(&"cfo".into())),
            ]
        );
    }

    #[test]
    fn a_call_that_ended_begins_anew_with_the_next_number() {
        let mut events = started();
        events.push(CallEvent::CallEnded { reason: EndReason::HungUp });
        let recollection = recalled(events);
        assert_eq!(recollection.last_seq, 3);
        assert!(recollection.conversation.is_none());
    }

    #[test]
    fn a_turn_cut_off_keeps_the_callers_words_and_one_the_model_never_took_does_not() {
        let mut events = started();
        events.extend(said(1, "lost"));
        events.push(done(1, TurnStatus::Failed));
        events.extend(said(2, "kept"));
        let conversation = recalled(events).conversation.unwrap();
        assert_eq!(conversation.cut_turn, Some(2));
        assert_eq!(Vec::from(conversation.contents), [Content::Caller("kept".into())]);
    }

    #[test]
    fn the_oldest_turns_go_as_a_whole() {
        let mut events = started();
        for turn in 1..=200 {
            events.extend(said(turn, "drinks?"));
            events.push(CallEvent::AssistantText { text: "None.".into(), item_id: None });
            events.push(CallEvent::AssistantText { text: "Really.".into(), item_id: None });
            events.push(done(turn, TurnStatus::Completed));
        }
        let contents = recalled(events).conversation.unwrap().contents;
        assert!(contents.len() <= MAX_CONTENTS && contents.len() > MAX_CONTENTS - 6);
        assert_eq!(contents[0], Content::Caller("drinks?".into()));
    }

    #[test]
    fn what_a_handoff_left_behind_stays_behind() {
        let mut events = started();
        events.extend(said(1, "beer"));
        events.push(done(1, TurnStatus::Completed));
        events.extend(said(2, "VAT?"));
        events.push(CallEvent::HandoffRequested {
            from: "waiter".into(),
            to: "cfo".into(),
            reason: "tax".into(),
            summary: "They like beer.".into(),
        });
        events.push(activated("cfo", PersonaCause::Model, Some(Carry::Summary)));
        let conversation = recalled(events).conversation.unwrap();
        assert!(conversation.handoffs.unwrap().can_go_back());
        assert_eq!(
            Vec::from(conversation.contents),
            [Content::Note("What was said before: They like beer.".into()), Content::Caller("VAT?".into())]
        );
    }

    #[test]
    fn of_what_was_spoken_the_heard_part_is_recalled_behind_the_words_it_answered() {
        let mut events = started();
        events.push(CallEvent::TurnStarted { turn: 1 });
        for (item, text) in [("m1", "We have coffee, tea and juice."), ("m2", "And beer.")] {
            events.push(CallEvent::AssistantText { text: text.into(), item_id: Some(item.into()) });
        }
        events.push(CallEvent::CallerTranscript { text: "drinks?".into(), turn: 1 });
        for (item, heard) in [("m1", "We have coffee,"), ("m2", "")] {
            events.push(CallEvent::AssistantInterrupted {
                played_ms: 1,
                item_id: Some(item.into()),
                heard: Some(heard.into()),
            });
        }
        let conversation = recalled(events).conversation.unwrap();
        assert_eq!(
            conversation.contents,
            [Content::Caller("drinks?".into()), Content::Persona("We have coffee,".into())]
        );
    }
}
