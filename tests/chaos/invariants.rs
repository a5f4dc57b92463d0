//! What must hold of the journal of a call that is over, whatever went wrong. Pure: a journal in, complaints out.

mod persona;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde_json::Value;

use persona::Personas;

/// A sentence shorter than this may well be said twice in one turn.
const SENTENCE: usize = 16;

/// Everything that is wrong with a journal, in sentences.
pub fn complaints(journal: &[Value]) -> Vec<String> {
    let mut reader = Reader::default();
    for (at, event) in journal.iter().enumerate() {
        reader.check_number(at, event);
        reader.read(event);
    }
    reader.finish(journal);
    reader.found
}

#[derive(Default)]
struct Reader {
    found: Vec<String>,
    personas: Personas,
    /// Tool calls: how often each was started and done.
    tools: BTreeMap<String, (u32, u32)>,
    turn: Option<u64>,
    last_turn: u64,
    /// What the persona said in this turn, sentence by sentence.
    said: Vec<String>,
    /// The pieces since the last whole message.
    pieces: String,
    /// What was heard of messages that were cut.
    cut: BTreeMap<String, String>,
    connected: bool,
    ended: u32,
}

impl Reader {
    fn complain(&mut self, event: &Value, why: &str) {
        self.found.push(format!("event {}: {why}: {event}", event["seq"]));
    }

    fn check_number(&mut self, at: usize, event: &Value) {
        if event["seq"].as_u64() != Some(at as u64 + 1) {
            self.complain(event, &format!("it should have the number {}", at + 1));
        }
    }

    fn read(&mut self, event: &Value) {
        if self.ended > 0 {
            self.complain(event, "the call had ended");
        }
        match event["type"].as_str().unwrap_or_default() {
            "call.started" if event["seq"] != 1 => self.complain(event, "the call had begun"),
            // What was open when the process died is told of again.
            "call.resumed" => self.connected = false,
            "call.ended" => self.ended += 1,
            "turn.started" => self.turn_started(event),
            "turn.done" => self.turn_done(event),
            "tool.started" | "tool.done" => self.tool(event),
            "assistant.delta" => self.pieces.push_str(event["text"].as_str().unwrap_or_default()),
            "assistant.text" => self.message(event),
            "assistant.interrupted" => self.interrupted(event),
            "model.connected" | "model.reconnected" | "model.disconnected" => self.socket(event),
            "persona.activated" | "handoff.requested" | "handoff.refused" => {
                if let Err(why) = self.personas.read(event) {
                    self.complain(event, &why);
                }
            }
            _ => {}
        }
    }

    fn turn_started(&mut self, event: &Value) {
        let turn = event["turn"].as_u64().unwrap_or_default();
        if self.turn.is_some() {
            self.complain(event, "a turn is open");
        }
        if turn != self.last_turn + 1 {
            self.complain(event, &format!("it should be turn {}", self.last_turn + 1));
        }
        (self.turn, self.last_turn) = (Some(turn), turn);
        self.said.clear();
    }

    fn turn_done(&mut self, event: &Value) {
        if self.turn.is_none() || event["turn"].as_u64() != self.turn {
            self.complain(event, "this turn is not open");
        }
        self.turn = None;
    }

    fn tool(&mut self, event: &Value) {
        let id = event["tool_call_id"].as_str().unwrap_or_default().to_owned();
        let (started, done) = self.tools.entry(id).or_default();
        if event["type"] == "tool.started" {
            *started += 1;
            if *started > 1 && *done > 0 {
                self.complain(event, "it had an output");
            }
        } else {
            *done += 1;
            let (started, done) = (*started, *done);
            if started == 0 {
                self.complain(event, "it was not started");
            }
            if done > 1 {
                self.complain(event, "it has a second output");
            }
        }
    }

    fn message(&mut self, event: &Value) {
        let text = event["text"].as_str().unwrap_or_default();
        for sentence in text.split_inclusive(['.', '!', '?']).map(str::trim) {
            if sentence.chars().count() < SENTENCE {
                continue;
            }
            if self.said.iter().any(|said| said == sentence) {
                self.complain(event, &format!("`{sentence}` was said before in this turn"));
            }
            self.said.push(sentence.to_owned());
        }
        self.pieces.clear();
    }

    fn interrupted(&mut self, event: &Value) {
        let item_id = event["item_id"].as_str().unwrap_or_default();
        let Some(heard) = event["heard"].as_str() else {
            self.pieces.clear();
            return;
        };
        // What was cut where its sound ended may turn out to have been heard even less.
        let before = self.cut.insert(item_id.to_owned(), bare(heard));
        if let Some(before) = before.filter(|_| !item_id.is_empty()) {
            if !before.starts_with(&bare(heard)) {
                self.complain(event, &format!("it was cut before, after `{before}`"));
            }
            return;
        }
        let pieces = std::mem::take(&mut self.pieces);
        // What was said before a turn was given up may stand before it.
        if !bare(&pieces).contains(&bare(heard)) {
            self.complain(event, &format!("more was heard than was said, which is `{pieces}`"));
        }
    }

    fn socket(&mut self, event: &Value) {
        let opens = event["type"] != "model.disconnected";
        // One that is lost before it is configured is told of by its end only.
        if self.connected && opens {
            self.complain(event, "there is a socket");
        }
        self.connected = opens;
    }

    fn finish(&mut self, journal: &[Value]) {
        if journal.first().is_none_or(|event| event["type"] != "call.started") {
            self.found.push("the journal does not begin with call.started".to_owned());
        }
        if self.ended != 1 {
            self.found.push(format!("the call has {} ends", self.ended));
        }
        if let Some(turn) = self.turn {
            self.found.push(format!("turn {turn} never ended"));
        }
        let open = self.tools.iter().filter(|(_, (_, done))| *done == 0).map(|(id, _)| id.clone());
        let open: Vec<String> = open.collect();
        if !open.is_empty() {
            self.found.push(format!("tool calls without an output: {}", open.join(", ")));
        }
    }
}

/// A text without what deltas and messages may part differently.
fn bare(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_whitespace()).collect()
}
