//! A call's events as people read them: who said what, which tools ran, who took over. Pure.

use std::collections::VecDeque;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::{CallEvent, Logged, PersonaCause};
use crate::id::{ItemId, PersonaKey};

/// How much of one entry is kept, in characters; what a tool gave can be far longer.
const ENTRY_CHARS: usize = 8_000;

/// So many turns back what the caller said may be written down late.
const MAX_LATE: usize = 8;

/// One entry of a transcript.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Entry {
    /// The event it is made from.
    pub seq: u64,
    /// When it happened.
    pub at: Timestamp,
    /// Whose it is.
    pub role: Role,
    /// The persona in force; absent when that was settled before the first event that was read.
    pub persona: Option<PersonaKey>,
    /// What was said or done.
    pub text: String,
    /// What the caller heard of it; absent when that is all of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub heard: Option<String>,
    /// The model's id of the message.
    #[serde(skip)]
    item_id: Option<ItemId>,
    /// The event it stands behind.
    #[serde(skip)]
    order: u64,
}

/// Whose an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The caller said it.
    Caller,
    /// The persona said it.
    Assistant,
    /// A tool gave it.
    Tool,
    /// It happened to the call.
    System,
}

/// The newest entries of a call, made by reading its events in order.
#[derive(Debug)]
pub struct Transcript {
    limit: usize,
    entries: VecDeque<Entry>,
    persona: Option<PersonaKey>,
    /// Where the newest turns began, by their numbers.
    turns: VecDeque<(u64, u64)>,
    /// The deltas since the last whole message: all there is of one that is cut off.
    unfinished: String,
}

impl Transcript {
    /// An empty transcript that keeps at most `limit` entries, the newest.
    pub fn new(limit: usize) -> Self {
        Self {
            limit,
            entries: VecDeque::new(),
            persona: None,
            turns: VecDeque::new(),
            unfinished: String::new(),
        }
    }

    /// Takes in the next event.
    pub fn read(&mut self, logged: Logged) {
        if let CallEvent::PersonaActivated { persona, .. } = &logged.event {
            self.persona = Some(persona.clone());
        }
        match &logged.event {
            CallEvent::AssistantDelta { text } => {
                // What the entry will not show need not be kept either; a byte is at most a character.
                if self.unfinished.len() <= ENTRY_CHARS * 4 {
                    self.unfinished.push_str(text);
                }
                return;
            }
            CallEvent::TurnStarted { turn } => {
                if self.turns.len() == MAX_LATE {
                    self.turns.pop_front();
                }
                self.turns.push_back((*turn, logged.seq));
                self.unfinished.clear();
            }
            CallEvent::AssistantText { .. } => self.unfinished.clear(),
            _ => {}
        }
        let (seq, at, persona) = (logged.seq, logged.at, self.persona.clone());
        let order = self.order(&logged.event).unwrap_or(seq);
        let Some(Made { role, text, heard, item_id }) = self.entry(logged.event) else {
            return;
        };
        let position =
            self.entries.iter().position(|entry| entry.order > order).unwrap_or(self.entries.len());
        self.entries
            .insert(position, Entry { seq, at, role, persona, text: cut(text), heard, item_id, order });
        if self.entries.len() > self.limit {
            self.entries.pop_front();
        }
    }

    /// The event an entry stands behind, when it is another than its own: what the caller said aloud is written down
    /// late, and stands where its turn began.
    fn order(&self, event: &CallEvent) -> Option<u64> {
        let CallEvent::CallerTranscript { turn, .. } = event else {
            return None;
        };
        self.turns.iter().find(|(begun, _)| begun == turn).map(|(_, seq)| *seq)
    }

    /// A message was not heard to its end. Answers what makes an entry of its own: a message that had none yet.
    fn interrupted(&mut self, item_id: Option<ItemId>, heard: Option<String>) -> Option<Made> {
        let known = self.entries.iter_mut().rev().find(|entry| item_id.is_some() && entry.item_id == item_id);
        if let Some(entry) = known {
            entry.heard = heard.map(cut);
            return None;
        }
        let text = std::mem::take(&mut self.unfinished);
        (!text.is_empty()).then_some(Made { role: Role::Assistant, text, heard: heard.map(cut), item_id })
    }

    /// The entries, oldest first.
    pub fn into_entries(self) -> Vec<Entry> {
        self.entries.into()
    }

    fn entry(&mut self, event: CallEvent) -> Option<Made> {
        let made = |role, text| Some(Made { role, text, heard: None, item_id: None });
        let system = |text| made(Role::System, text);
        match event {
            CallEvent::CallerText { text } => made(Role::Caller, text),
            CallEvent::CallerTranscript { text, .. } => made(Role::Caller, text),
            CallEvent::Dtmf { digit } => made(Role::Caller, format!("pressed {digit}")),
            CallEvent::AssistantText { text, item_id } => {
                Some(Made { role: Role::Assistant, text, heard: None, item_id })
            }
            CallEvent::AssistantInterrupted { item_id, heard, .. } => self.interrupted(item_id, heard),
            CallEvent::AssistantFiller { text } => made(Role::Assistant, text),
            CallEvent::ToolDone { name, output, status, duration_ms, .. } => {
                let output = match output {
                    Value::String(text) => text,
                    json => json.to_string(),
                };
                made(Role::Tool, format!("{name} ({status}, {duration_ms} ms): {output}"))
            }
            CallEvent::CallStarted { .. } => system("the call began".into()),
            CallEvent::CallResumed { .. } => {
                system("the service restarted and took the call up again".into())
            }
            CallEvent::CallEnded { reason } => system(format!("the call ended: {}", reason.told())),
            CallEvent::PersonaActivated { persona, by, .. } => {
                system(format!("{persona} speaks: {}", activated(by)))
            }
            CallEvent::HandoffRequested { from, to, reason, .. } => {
                system(format!("{from} asks to hand over to {to}: {reason}"))
            }
            CallEvent::HandoffRefused { to, why } => {
                system(format!("the handoff to {to} was refused: {why}"))
            }
            CallEvent::TransferStarted { to } => system(format!("the caller is transferred to {to}")),
            CallEvent::LineUp {} => system("the line is up".into()),
            CallEvent::LineDown { .. } => system("the line is gone".into()),
            CallEvent::ModelDisconnected { reason } => system(format!("the model was lost: {reason}")),
            CallEvent::ModelReconnected { .. } => system("the model is back".into()),
            CallEvent::Error { error, .. } => system(error),
            CallEvent::AssistantDelta { .. }
            | CallEvent::ConversationSummarised { .. }
            | CallEvent::TurnStarted { .. }
            | CallEvent::TurnDone { .. }
            | CallEvent::ToolStarted { .. }
            | CallEvent::ModelConnected { .. }
            | CallEvent::ModelReplaced { .. } => None,
        }
    }
}

/// What an entry is made of.
struct Made {
    role: Role,
    text: String,
    heard: Option<String>,
    item_id: Option<ItemId>,
}

fn activated(by: PersonaCause) -> &'static str {
    match by {
        PersonaCause::Start => "the call began so",
        PersonaCause::Api => "by request",
        PersonaCause::Model => "by handoff",
        PersonaCause::Config => "its file changed",
    }
}

fn cut(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(ENTRY_CHARS) {
        text.truncate(end);
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::{TurnStatus, Usage};
    use crate::id::{CallId, ToolCallId};
    use crate::tool::ToolStatus;

    fn transcript(limit: usize, events: Vec<CallEvent>) -> Vec<Entry> {
        let mut transcript = Transcript::new(limit);
        for (seq, event) in (1..).zip(events) {
            transcript.read(Logged {
                seq,
                at: Timestamp::UNIX_EPOCH,
                call_id: CallId::default_call(),
                event,
            });
        }
        transcript.into_entries()
    }

    fn texts(entries: &[Entry]) -> Vec<(Role, Option<&str>, &str)> {
        entries
            .iter()
            .map(|entry| (entry.role, entry.persona.as_ref().map(PersonaKey::as_str), entry.text.as_str()))
            .collect()
    }

    fn delta(text: &str) -> CallEvent {
        CallEvent::AssistantDelta { text: text.into() }
    }

    fn active(persona: &str) -> CallEvent {
        CallEvent::PersonaActivated {
            persona: persona.into(),
            by: PersonaCause::Start,
            carry: None,
            back: false,
            way: None,
        }
    }

    #[test]
    fn a_turn_reads_as_a_conversation() {
        let entries = transcript(
            50,
            vec![
                CallEvent::CallStarted {
                    transport: "text".into(),
                    business_id: None,
                    nobodys: false,
                    phone: None,
                },
                active("waiter"),
                CallEvent::TurnStarted { turn: 1 },
                CallEvent::CallerText { text: "Drinks?".into() },
                CallEvent::ToolStarted {
                    name: "lookup_menu".into(),
                    arguments: serde_json::json!({"query": "drinks"}),
                    tool_call_id: ToolCallId::from("call_1"),
                },
                CallEvent::ToolDone {
                    name: "lookup_menu".into(),
                    output: serde_json::json!({"items": []}),
                    status: ToolStatus::Ok,
                    duration_ms: 3,
                    tool_call_id: ToolCallId::from("call_1"),
                },
                delta("No"),
                delta("ne."),
                CallEvent::AssistantText { text: "None.".into(), item_id: None },
                CallEvent::TurnDone {
                    taken: true,
                    turn: 1,
                    status: TurnStatus::Completed,
                    usage: Usage::default(),
                    model: None,
                    first_token_ms: Some(1),
                    duration_ms: 5,
                },
            ],
        );
        assert_eq!(
            texts(&entries),
            [
                (Role::System, None, "the call began"),
                (Role::System, Some("waiter"), "waiter speaks: the call began so"),
                (Role::Caller, Some("waiter"), "Drinks?"),
                (Role::Tool, Some("waiter"), "lookup_menu (ok, 3 ms): {\"items\":[]}"),
                (Role::Assistant, Some("waiter"), "None."),
            ]
        );
        assert_eq!(entries[2].seq, 4);
    }

    #[test]
    fn what_was_cut_off_is_what_had_come_since_the_last_whole_message() {
        let interrupted = || CallEvent::AssistantInterrupted { played_ms: 0, item_id: None, heard: None };
        let entries = transcript(
            50,
            vec![
                delta("Whole."),
                CallEvent::AssistantText { text: "Whole.".into(), item_id: None },
                delta("Half a sen"),
                interrupted(),
                interrupted(),
                delta("of a turn that failed"),
                CallEvent::TurnStarted { turn: 2 },
                delta("Again"),
                interrupted(),
            ],
        );
        let texts: Vec<_> = texts(&entries).into_iter().map(|(_, _, text)| text).collect();
        assert_eq!(texts, ["Whole.", "Half a sen", "Again"]);
    }

    #[test]
    fn only_the_newest_entries_are_kept_and_long_ones_are_cut() {
        let say = |text: String| CallEvent::CallerText { text };
        let many = (0..60).map(|number| say(number.to_string())).collect();
        let entries = transcript(50, many);
        assert_eq!((entries.len(), entries[0].text.as_str(), entries[49].text.as_str()), (50, "10", "59"));

        let entries = transcript(50, vec![say("é".repeat(ENTRY_CHARS)), say("é".repeat(ENTRY_CHARS + 1))]);
        assert_eq!(entries[0].text.chars().count(), ENTRY_CHARS);
        assert!(entries[1].text.ends_with("é…"), "{}", entries[1].text.chars().count());
    }

    #[test]
    fn what_was_heard_stands_beside_what_was_said_and_late_words_before_their_answer() {
        let entries = transcript(
            9,
            vec![
                CallEvent::TurnStarted { turn: 1 },
                delta("We have coffee, tea and juice."),
                CallEvent::AssistantText {
                    text: "We have coffee, tea and juice.".into(),
                    item_id: Some("m1".into()),
                },
                CallEvent::CallerTranscript { text: "drinks?".into(), turn: 1 },
                CallEvent::AssistantInterrupted {
                    played_ms: 900,
                    item_id: Some("m1".into()),
                    heard: Some("We have coffee,".into()),
                },
            ],
        );
        assert_eq!(
            texts(&entries),
            [(Role::Caller, None, "drinks?"), (Role::Assistant, None, "We have coffee, tea and juice.")]
        );
        assert_eq!(entries[1].heard.as_deref(), Some("We have coffee,"));
    }
}
