//! One response on its way: what the model does, as the events of the real server, one delta at a time.

use std::collections::VecDeque;

use serde_json::{Map, Value, json};

use super::event::ServerEvent;
use super::ids::Ids;
use super::item::{Body, Item, Role, Status};
use super::items::Items;
use super::manner::{Ending, Failure, Manner};
use super::model::Act;
use super::part::{Part, Speech};
use super::request::Plan;
use super::script::{Piece, Script};
use super::usage::{Input, Tokens, spoken_tokens, text_tokens, usage};

/// A response that is being generated.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) id: String,
    pub(super) manner: Manner,
    acts: VecDeque<Act>,
    current: Option<Current>,
    /// The items that are finished, as shown.
    output: Vec<Value>,
    input: Input,
    spent: Tokens,
    /// Samples sent, of all items together.
    sent: usize,
    /// How the audio is cut.
    cuts: fastrand::Rng,
    failure: Option<Failure>,
    /// Deltas that still come before it stops for good, where it is to.
    deltas_left: Option<u32>,
    session_id: String,
}

/// The item that is being written.
#[derive(Debug)]
struct Current {
    item: Item,
    script: Script,
}

/// What came of one step.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) events: Vec<ServerEvent>,
    pub(super) done: bool,
}

impl Running {
    /// A response as it was planned; `cuts` decides where its audio is cut.
    pub(super) fn new(
        id: String,
        plan: Plan,
        failure: Option<Failure>,
        cuts: fastrand::Rng,
        session_id: &str,
    ) -> Self {
        Self {
            id,
            manner: plan.manner,
            acts: plan.acts.into(),
            current: None,
            output: Vec::new(),
            input: plan.input,
            spent: Tokens::default(),
            sent: 0,
            cuts,
            failure,
            deltas_left: None,
            session_id: session_id.to_owned(),
        }
    }

    /// Lets it stop for good after so many deltas.
    pub(super) fn stopping_after(self, deltas: Option<u32>) -> Self {
        Self { deltas_left: deltas, ..self }
    }

    /// Whether nothing more comes of it by itself.
    pub(super) fn is_stuck(&self) -> bool {
        self.deltas_left == Some(0)
    }

    /// How long the audio sent so far plays, in milliseconds.
    pub(super) fn spoken_ms(&self) -> u64 {
        self.manner.tone.ms(self.sent)
    }

    /// `response.created`.
    pub(super) fn created(&self) -> ServerEvent {
        ServerEvent::new(
            "response.created",
            json!({"response": self.to_wire("in_progress", &Value::Null, &Value::Null)}),
        )
    }

    /// Generates up to the next delta.
    pub(super) fn step(&mut self, items: &mut Items, ids: &mut Ids) -> Step {
        if self.failure == Some(Failure::AtOnce) {
            return self.end(Ending::Failed, items);
        }
        let mut events = Vec::new();
        if self.current.is_none()
            && let Some(act) = self.acts.pop_front()
        {
            events.extend(self.open(act, items, ids));
        }
        let Some(piece) = self.current.as_mut().and_then(|current| current.script.next()) else {
            events.extend(self.close(Status::Completed, items));
            if self.acts.is_empty() {
                let last = self.end(Ending::Completed, items);
                events.extend(last.events);
                return Step { events, done: true };
            }
            return Step { events, done: false };
        };
        if !self.can_afford(&piece) {
            let last = self.end(Ending::OutOfTokens, items);
            events.extend(last.events);
            return Step { events, done: true };
        }
        events.extend(self.delta(&piece, items));
        self.deltas_left = self.deltas_left.map(|left| left.saturating_sub(1));
        if self.failure == Some(Failure::AfterTheFirstDelta) {
            let last = self.end(Ending::Failed, items);
            events.extend(last.events);
            return Step { events, done: true };
        }
        Step { events, done: false }
    }

    /// Ends the response here and now: the open item is incomplete.
    pub(super) fn end(&mut self, ending: Ending, items: &mut Items) -> Step {
        let mut events = self.close(Status::Incomplete, items);
        let (status, details) = ending.to_wire(&self.session_id);
        let nothing_said = self.spent == Tokens::default() && ending == Ending::Failed;
        let usage = if nothing_said { Value::Null } else { usage(self.input, self.spent) };
        events.push(ServerEvent::new(
            "response.done",
            json!({"response": self.to_wire(status, &details, &usage)}),
        ));
        Step { events, done: true }
    }

    fn to_wire(&self, status: &str, details: &Value, usage: &Value) -> Value {
        json!({
            "object": "realtime.response", "id": self.id, "status": status, "status_details": details,
            "output": self.output, "conversation_id": self.manner.conversation,
            "output_modalities": [if self.manner.spoken { "audio" } else { "text" }],
            "max_output_tokens": self.manner.max_output_tokens,
            "audio": {"output": {"format": self.manner.format, "voice": self.manner.voice}},
            "usage": usage, "metadata": self.manner.metadata,
        })
    }

    fn in_conversation(&self) -> bool {
        self.manner.conversation.is_some()
    }

    fn open(&mut self, act: Act, items: &mut Items, ids: &mut Ids) -> Vec<ServerEvent> {
        let mut next_id = |prefix: &str| {
            let mut id = ids.next(prefix);
            while items.get(&id).is_some() || items.has_call(&id) {
                id = ids.next(prefix);
            }
            id
        };
        let id = next_id("item");
        let (body, script) = match act {
            Act::Say(text) => {
                let tone = self.manner.tone;
                let (part, script) = if self.manner.spoken {
                    (Part::OutputAudio(Speech::new(tone)), Script::spoken(&text, tone, self.cuts.fork()))
                } else {
                    (Part::OutputText(String::new()), Script::written(&text))
                };
                (Body::Message { role: Role::Assistant, parts: vec![part] }, script)
            }
            Act::Call { name, arguments } => {
                let arguments = Value::Object(arguments).to_string();
                let call = Body::Call { call_id: next_id("call"), name, arguments: String::new() };
                (call, Script::arguments(&arguments))
            }
        };
        let item = Item { id, status: Status::InProgress, body, response: self.id.clone() };
        let mut shown = item.to_wire(false);
        let is_message = matches!(item.body, Body::Message { .. });
        if is_message {
            shown["content"] = json!([]);
        }
        let mut events = vec![self.item_event("response.output_item.added", &shown)];
        if self.in_conversation() {
            let fields = json!({"item": shown, "previous_item_id": items.last_id()});
            events.push(ServerEvent::new("conversation.item.added", fields));
            items.push(item.clone());
        }
        self.current = Some(Current { item, script });
        if is_message {
            let part = if self.manner.spoken {
                json!({"type": "audio", "transcript": ""})
            } else {
                json!({"type": "text", "text": ""})
            };
            events.push(self.part_event("response.content_part.added", json!({ "part": part })));
        }
        events
    }

    fn can_afford(&self, piece: &Piece) -> bool {
        let Some(limit) = self.manner.max_output_tokens.as_u64() else {
            return true;
        };
        self.spent.total() + self.price(piece).total() <= limit
    }

    fn price(&self, piece: &Piece) -> Tokens {
        let tokens_to = |sample: usize| spoken_tokens(self.manner.tone.ms(sample));
        let audio = tokens_to(piece.samples.end) - tokens_to(piece.samples.start);
        Tokens { text: piece.words.as_deref().map_or(0, text_tokens), audio, image: 0 }
    }

    fn delta(&mut self, piece: &Piece, items: &mut Items) -> Vec<ServerEvent> {
        let price = self.price(piece);
        self.spent.add(price);
        self.sent += piece.samples.len();
        let Some(current) = self.current.as_mut() else {
            return Vec::new();
        };
        write(&mut current.item, piece);
        if let Some(kept) = items.get_mut(&current.item.id) {
            write(kept, piece);
        }
        let audio = current.script.audio(&piece.samples);
        let mut events = Vec::new();
        if let Some(words) = &piece.words {
            events.push(match &current.item.body {
                Body::Call { call_id, .. } => {
                    let more = json!({"call_id": call_id, "delta": words});
                    self.call_event("response.function_call_arguments.delta", more)
                }
                _ if self.manner.spoken => {
                    self.part_event("response.output_audio_transcript.delta", json!({"delta": words}))
                }
                _ => self.part_event("response.output_text.delta", json!({"delta": words})),
            });
        }
        if !audio.is_empty() {
            let delta = base64_simd::STANDARD.encode_to_string(audio);
            events.push(self.part_event("response.output_audio.delta", json!({ "delta": delta })));
        }
        events
    }

    /// Ends the open item, if there is one.
    fn close(&mut self, status: Status, items: &mut Items) -> Vec<ServerEvent> {
        let Some(current) = self.current.as_mut() else {
            return Vec::new();
        };
        current.item.status = status;
        let item = current.item.clone();
        let mut events = match &item.body {
            Body::Call { call_id, name, arguments } if status == Status::Completed => {
                let more = json!({"call_id": call_id, "name": name, "arguments": arguments});
                vec![self.call_event("response.function_call_arguments.done", more)]
            }
            Body::Message { .. } => self.close_part(&item.text()),
            Body::Call { .. } | Body::Output { .. } | Body::Approval(_) => Vec::new(),
        };
        let shown = match items.get_mut(&item.id) {
            Some(kept) => {
                kept.status = status;
                kept.to_wire(false)
            }
            None => item.to_wire(false),
        };
        if self.in_conversation() {
            let previous = items.id_before(&item.id);
            let fields = json!({"item": shown, "previous_item_id": previous});
            events.push(ServerEvent::new("conversation.item.done", fields));
        }
        events.push(self.item_event("response.output_item.done", &shown));
        self.current = None;
        self.output.push(shown);
        events
    }

    fn close_part(&self, text: &str) -> Vec<ServerEvent> {
        let done = |kind: &str, fields: Value| self.part_event(kind, fields);
        if self.manner.spoken {
            let part = json!({"type": "audio", "transcript": text});
            vec![
                done("response.output_audio.done", json!({})),
                done("response.output_audio_transcript.done", json!({"transcript": text})),
                done("response.content_part.done", json!({ "part": part })),
            ]
        } else {
            let part = json!({"type": "text", "text": text});
            vec![
                done("response.output_text.done", json!({"text": text})),
                done("response.content_part.done", json!({ "part": part })),
            ]
        }
    }

    fn item_event(&self, kind: &str, item: &Value) -> ServerEvent {
        let fields = json!({"response_id": self.id, "output_index": self.output.len(), "item": item});
        ServerEvent::new(kind, fields)
    }

    fn call_event(&self, kind: &str, more: Value) -> ServerEvent {
        let item_id = self.current.as_ref().map(|current| current.item.id.clone());
        let mut event = ServerEvent::new(kind, more);
        event.fields.extend(object(json!({
            "response_id": self.id, "item_id": item_id, "output_index": self.output.len(),
        })));
        event
    }

    fn part_event(&self, kind: &str, more: Value) -> ServerEvent {
        let mut event = self.call_event(kind, more);
        event.fields.insert("content_index".to_owned(), json!(0));
        event
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

/// Adds what was just generated to an item.
fn write(item: &mut Item, piece: &Piece) {
    let words = piece.words.as_deref().unwrap_or_default();
    match &mut item.body {
        Body::Call { arguments, .. } => arguments.push_str(words),
        Body::Message { parts, .. } => match parts.first_mut() {
            Some(Part::OutputText(text)) => text.push_str(words),
            Some(Part::OutputAudio(speech)) => speech.add(words, piece.samples.len()),
            _ => {}
        },
        Body::Output { .. } | Body::Approval(_) => {}
    }
}
