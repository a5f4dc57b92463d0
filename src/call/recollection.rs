//! What a call knows of itself from its journal: enough to go on where it stopped. Pure: events come in, in
//! order.

mod open;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use super::event::{CallEvent, Logged, PersonaCause, PhoneFacts};
use super::handoff::Handoffs;
use super::voice::REALTIME;
use crate::id::{BusinessId, ItemId, PersonaKey, ToolCallId};
use crate::persona::Carry;
use crate::session::{Content, Told, summary_note};
use crate::store::{BusinessProfile, EffectKey};
use crate::tool::ToolOutcome;

pub use self::open::{Fate, OpenCall};

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
    /// What became of tool calls whose outputs the journal does not have.
    pub settled: Vec<Settled>,
}

/// A tool call whose output was lost with the process that ran it.
#[derive(Debug)]
pub struct Settled {
    /// The model's id of it.
    pub id: ToolCallId,
    /// The tool.
    pub name: String,
    /// What it is known by in the ledger, if that knows of it.
    pub key: Option<EffectKey>,
    /// What came of it.
    pub outcome: ToolOutcome,
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
    /// The kind of line.
    pub transport: String,
    /// What is known of it if it came by phone.
    pub phone: Option<PhoneFacts>,
    /// Whose caller it is, if that is known.
    pub business_id: Option<BusinessId>,
    /// Spoken messages that may still turn out to have been heard in part only.
    spoken: VecDeque<(ItemId, String)>,
    /// Where the turn under way begins in `contents`.
    turn_begins: usize,
    /// Where each turn begins in `contents`.
    begins: VecDeque<(u64, usize)>,
    /// Something was said since the caller spoke, or a tool was asked for.
    has_begun_to_answer: bool,
    summary: String,
}

impl Recollection {
    /// Takes the next event.
    pub fn take(&mut self, logged: Logged) {
        let Logged { seq, at, event, .. } = logged;
        self.last_seq = seq;
        match event {
            CallEvent::CallStarted { transport, phone, business_id, nobodys } => {
                let business_id = business_id.or_else(|| nobodys.then(BusinessId::nobody));
                let begun = Conversation::new(seq, at);
                self.conversation = Some(Conversation { transport, phone, business_id, ..begun });
            }
            CallEvent::CallEnded { .. } => self.conversation = None,
            CallEvent::CallResumed { business_id: Some(business), .. } => self.belongs_to(business),
            CallEvent::CallResumed { nobodys: true, .. } => self.belongs_to(BusinessId::nobody()),
            event => {
                if let Some(conversation) = &mut self.conversation {
                    conversation.take(event);
                }
            }
        }
    }
}

impl Recollection {
    fn belongs_to(&mut self, business: BusinessId) {
        if let Some(conversation) = &mut self.conversation {
            conversation.business_id = Some(business);
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
            transport: String::new(),
            phone: None,
            business_id: None,
            spoken: VecDeque::new(),
            turn_begins: 0,
            begins: VecDeque::new(),
            has_begun_to_answer: false,
            summary: String::new(),
        }
    }

    fn take(&mut self, event: CallEvent) {
        match event {
            CallEvent::PersonaActivated { persona, by, carry, back, .. } => {
                self.activated(persona, by, carry.unwrap_or_default(), back);
            }
            CallEvent::HandoffRequested { summary, .. } => self.summary = summary,
            CallEvent::TurnStarted { turn } => {
                self.turns = turn;
                self.cut_turn = Some(turn);
                self.has_begun_to_answer = false;
                self.turn_begins = self.contents.len() - self.put_before_turn();
                if self.begins.len() == MAX_CONTENTS {
                    self.begins.pop_front();
                }
                self.begins.push_back((turn, self.turn_begins));
            }
            CallEvent::TurnDone { taken, .. } => {
                self.cut_turn = None;
                if !taken {
                    // The caller was told so, and will say it again.
                    self.contents.truncate(self.turn_begins);
                }
            }
            CallEvent::CallerText { text } => self.push(Content::Caller(text)),
            CallEvent::CallerTranscript { text, turn } => self.transcribed(turn, text),
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
                self.has_begun_to_answer = false;
                self.push(Content::ToolCall { id: tool_call_id, name, arguments: as_text(arguments) });
            }
            CallEvent::ToolDone { output, tool_call_id, .. } => {
                self.push(Content::ToolOutput { id: tool_call_id, output: as_text(output) });
            }
            CallEvent::ConversationSummarised { through_turn, text, .. } => {
                self.summarised(through_turn, &text);
            }
            CallEvent::ModelConnected { .. }
            | CallEvent::ModelReconnected { .. }
            | CallEvent::ModelReplaced { .. } => self.connections += 1,
            CallEvent::CallStarted { .. }
            | CallEvent::CallResumed { .. }
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

    /// How much the caller put into the conversation before asking for an answer, as only a Realtime client does: it
    /// belongs to the turn that begins.
    fn put_before_turn(&self) -> usize {
        if self.transport != REALTIME {
            return 0;
        }
        self.contents.iter().rev().take_while(|content| matches!(content, Content::Caller(_))).count()
    }

    /// What was said, and in which turn.
    pub fn told(self) -> Vec<Told> {
        let mut begins = self.begins.into_iter().peekable();
        let mut turn = 0;
        let told = self.contents.into_iter().enumerate().map(|(at, content)| {
            while let Some((begun, _)) = begins.next_if(|(_, begins)| *begins <= at) {
                turn = begun;
            }
            Told { turn, content }
        });
        told.collect()
    }

    /// What came before is known in few words: they are enough.
    fn summarised(&mut self, through_turn: u64, text: &str) {
        let next = self.begins.iter().find(|(turn, _)| *turn > through_turn).map(|(_, begins)| *begins);
        let gone = next.unwrap_or(self.turn_begins).min(self.contents.len());
        self.contents.drain(..gone);
        self.contents.push_front(Content::Note(summary_note(text)));
        self.begins.retain(|(turn, _)| *turn > through_turn);
        self.begins.iter_mut().for_each(|(_, begins)| *begins = *begins + 1 - gone);
        self.turn_begins = (self.turn_begins + 1).saturating_sub(gone);
    }

    /// What the caller said is often written down after its answer, and after the next turn began: it belongs where
    /// its own turn begins.
    fn transcribed(&mut self, turn: u64, text: String) {
        if turn > self.turns {
            // It was said before its turn begins.
            return self.push(Content::Caller(text));
        }
        let known = self.begins.iter().find(|(begun, _)| *begun == turn).map(|(_, begins)| *begins);
        let at = known.unwrap_or(self.turn_begins).min(self.contents.len());
        self.contents.insert(at, Content::Caller(text));
        self.begins.iter_mut().filter(|(begun, _)| *begun > turn).for_each(|(_, begins)| *begins += 1);
        if self.turns > turn {
            self.turn_begins += 1;
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
        if at.is_some()
            && let Some((_, text)) = self.spoken.iter_mut().find(|(said, _)| said == item_id)
        {
            text.clone_from(&heard);
        }
        match (at, heard.is_empty()) {
            (Some(at), true) => {
                self.contents.remove(at);
                self.turn_begins -= usize::from(at < self.turn_begins);
                let after = self.begins.iter_mut().filter(|(_, begins)| *begins > at);
                after.for_each(|(_, begins)| *begins -= 1);
            }
            (Some(at), false) => self.contents[at] = Content::Persona(heard),
            (None, true) => {}
            (None, false) => {
                self.spoke(item_id.clone(), heard.clone());
                self.push(Content::Persona(heard));
            }
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
        self.begins.clear();
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
        self.begins.iter_mut().for_each(|(_, begins)| *begins = begins.saturating_sub(gone));
    }
}

/// The tool call that this is the output of.
fn answers(content: &Content) -> Option<&ToolCallId> {
    match content {
        Content::ToolOutput { id, .. } => Some(id),
        Content::ToolCall { .. } | Content::Caller(_) | Content::Persona(_) | Content::Note(_) => None,
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
