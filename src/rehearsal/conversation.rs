//! One connection's state: client events come in, actions go out. Pure: no socket, no clock, no `await`.

use serde_json::{Value, json};

use super::event::ServerEvent;
use super::fault::{Ailments, Fate, FaultKind};
use super::hostile::Hostility;
use super::idle::Idle;
use super::ids::Ids;
use super::input::InputBuffer;
use super::item::Item;
use super::items::Items;
use super::manner::{Ending, Failure};
use super::refusal::{Refusal, missing};
use super::request;
use super::response::Running;
use super::session::{Locks, Session};
use super::table::{CLIENT_EVENTS, EVENT_ID_MAX};
use super::usage::Meter;

/// Most responses at once: one in the conversation and the rest beside it.
const RESPONSES_MAX: usize = 8;

/// What a connection begins with.
#[derive(Debug, Clone)]
pub(super) struct Setup {
    pub(super) model: String,
    /// Unix seconds.
    pub(super) expires_at: u64,
    /// What the ids follow from.
    pub(super) id_seed: u64,
    /// What the faults follow from.
    pub(super) fault_seed: u64,
    /// Milliseconds before a response's first delta.
    pub(super) delay_ms: u64,
    /// Milliseconds between deltas.
    pub(super) delta_delay_ms: u64,
    /// Share of responses that fail.
    pub(super) error_rate: f64,
    pub(super) hostile: bool,
    /// Whether its instructions cannot be changed once it has answered.
    pub(super) fixed_instructions: bool,
    /// What goes wrong.
    pub(super) ailments: Ailments,
}

/// What the shell is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Action {
    /// Send one text frame.
    Send(String),
    /// Come back to this response after so many milliseconds.
    Continue { response: String, after_ms: u64 },
    /// Come back after so many milliseconds to see whether the caller is still silent. The last one counts.
    Watch { watch: u64, after_ms: u64 },
    /// Close the socket.
    Close { code: u16, reason: &'static str },
    /// An event of the client was refused with this code; for those who count.
    Refused(&'static str),
    /// A fault has struck; for those who count.
    Struck(FaultKind),
}

/// The state of one connection.
#[derive(Debug)]
pub(super) struct Conversation {
    setup: Setup,
    id: String,
    pub(super) session: Session,
    pub(super) items: Items,
    pub(super) ids: Ids,
    pub(super) meter: Meter,
    pub(super) input: InputBuffer,
    /// The item that what is being said will become.
    pub(super) spoken_item: Option<String>,
    pub(super) idle: Idle,
    running: Vec<Running>,
    faults: fastrand::Rng,
    /// Where the audio of responses is cut.
    cuts: fastrand::Rng,
    /// From the first audio of the model on, the voice is fixed.
    pub(super) has_spoken: bool,
    /// Responses and updates asked for so far.
    responses: u32,
    updates: u32,
    hostility: Option<Hostility>,
    pub(super) out: Vec<Action>,
}

impl Conversation {
    /// A new connection, and what it says first.
    pub(super) fn open(setup: Setup) -> (Self, Vec<Action>) {
        let mut ids = Ids::new(setup.id_seed);
        let session = Session::new(ids.next("sess"), &setup.model, setup.expires_at);
        let mut conversation = Self {
            id: ids.next("conv"),
            items: Items::default(),
            ids,
            meter: Meter::default(),
            input: InputBuffer::new(session.input_encoding(), session.vad()),
            spoken_item: None,
            idle: Idle::default(),
            session,
            running: Vec::new(),
            faults: fastrand::Rng::with_seed(setup.fault_seed),
            cuts: fastrand::Rng::with_seed(!setup.fault_seed),
            has_spoken: false,
            responses: 0,
            updates: 0,
            hostility: setup.hostile.then(Hostility::default),
            out: Vec::new(),
            setup,
        };
        let created = json!({"session": conversation.session.to_wire()});
        conversation.send(ServerEvent::new("session.created", created));
        let actions = conversation.take();
        (conversation, actions)
    }

    /// One text frame of the client.
    pub(super) fn on_text(&mut self, text: &str) -> Vec<Action> {
        let event = serde_json::from_str::<Value>(text);
        let client_id = event.as_ref().ok().and_then(|event| event["event_id"].as_str());
        let client_id = client_id.filter(|id| id.len() <= EVENT_ID_MAX).map(str::to_owned);
        let handled = match event {
            Ok(event) => check(&event).and_then(|()| self.handle(&event)),
            Err(_) => Err(Refusal::new("invalid_json", "The event is not valid JSON.")),
        };
        if let Err(refusal) = handled {
            self.out.push(Action::Refused(refusal.code));
            self.send(refusal.event(client_id.as_deref()));
        }
        self.take()
    }

    /// It is time for the next delta of a response.
    pub(super) fn on_continue(&mut self, response: &str) -> Vec<Action> {
        let Some(at) = self.running.iter().position(|running| running.id == response) else {
            return Vec::new();
        };
        let step = self.running[at].step(&mut self.items, &mut self.ids);
        self.has_spoken |= step.events.iter().any(|event| event.kind == "response.output_audio.delta");
        step.events.into_iter().for_each(|event| self.send(event));
        if step.done {
            let ended = self.running.remove(at);
            self.watch_from(&ended);
        } else if !self.running[at].is_stuck() {
            let after_ms = self.setup.delta_delay_ms;
            self.out.push(Action::Continue { response: response.to_owned(), after_ms });
        }
        self.take()
    }

    /// The session has reached its age limit.
    pub(super) fn on_expiry(&mut self) -> Vec<Action> {
        let why = "Your session hit the maximum duration of 60 minutes.";
        self.send(Refusal::new("session_expired", why).event(None));
        self.out.push(Action::Close { code: 1001, reason: why });
        self.take()
    }

    pub(super) fn take(&mut self) -> Vec<Action> {
        std::mem::take(&mut self.out)
    }

    pub(super) fn send(&mut self, event: ServerEvent) {
        let events = match &mut self.hostility {
            Some(hostility) => hostility.season(event),
            None => vec![event],
        };
        for event in events {
            let text = event.to_text(&self.ids.next("event"));
            self.out.push(Action::Send(text));
        }
    }

    fn handle(&mut self, event: &Value) -> Result<(), Refusal> {
        let text = |name: &str| event[name].as_str().unwrap_or_default();
        match text("type") {
            "session.update" => self.update_session(&event["session"]),
            "input_audio_buffer.append" => self.hear(text("audio")),
            "input_audio_buffer.commit" => self.commit(),
            "input_audio_buffer.clear" => {
                self.clear_input();
                Ok(())
            }
            "conversation.item.create" => {
                self.create_item(&event["item"], event["previous_item_id"].as_str())
            }
            "conversation.item.retrieve" => self.retrieve(text("item_id")),
            "conversation.item.delete" => {
                self.items.delete(text("item_id"))?;
                self.send(ServerEvent::new("conversation.item.deleted", json!({"item_id": text("item_id")})));
                Ok(())
            }
            "conversation.item.truncate" => self.truncate(event),
            "response.create" => self.create_response(&event["response"]),
            "response.cancel" => self.cancel(event["response_id"].as_str()),
            // playback is the client's own affair on a WebSocket
            _ => Err(Refusal::new("invalid_event", "output_audio_buffer.clear is for WebRTC and SIP only.")
                .at("type")),
        }
    }

    fn update_session(&mut self, patch: &Value) -> Result<(), Refusal> {
        let update = self.updates;
        self.updates += 1;
        if self.setup.ailments.ignores_update(update) {
            self.out.push(Action::Struck(FaultKind::NoUpdate));
            return Ok(());
        }
        let is_fixed = self.setup.fixed_instructions && self.responses > 0;
        self.session.update(patch, Locks { voice: self.has_spoken, instructions: is_fixed })?;
        self.retune();
        self.send(ServerEvent::new("session.updated", json!({"session": self.session.to_wire()})));
        Ok(())
    }

    fn create_item(&mut self, item: &Value, after: Option<&str>) -> Result<(), Refusal> {
        let id = item["id"].as_str().map_or_else(|| self.new_item_id(), str::to_owned);
        let call_id = self.ids.next("call");
        let item = Item::read(item, id, call_id, self.session.input_encoding(), "item")?;
        let shown = item.to_wire(false);
        let previous = self.items.insert(item, after)?;
        self.show_item(&shown, previous.as_deref());
        Ok(())
    }

    pub(super) fn show_item(&mut self, item: &Value, previous: Option<&str>) {
        let fields = json!({"item": item, "previous_item_id": previous});
        self.send(ServerEvent::new("conversation.item.added", fields.clone()));
        self.send(ServerEvent::new("conversation.item.done", fields));
    }

    fn retrieve(&mut self, id: &str) -> Result<(), Refusal> {
        let Some(item) = self.items.get(id) else {
            let why = format!("Error retrieving item: the item with id '{id}' does not exist.");
            return Err(Refusal::new("item_retrieve_invalid_item_id", why).at("item_id"));
        };
        let shown = item.to_wire(true);
        self.send(ServerEvent::new("conversation.item.retrieved", json!({"item": shown})));
        Ok(())
    }

    fn truncate(&mut self, event: &Value) -> Result<(), Refusal> {
        let id = event["item_id"].as_str().unwrap_or_default();
        let number = |name: &str| event[name].as_u64().unwrap_or_default();
        let (content_index, audio_end_ms) = (number("content_index"), number("audio_end_ms"));
        self.items.truncate(id, content_index, audio_end_ms)?;
        let fields = json!({"item_id": id, "content_index": content_index, "audio_end_ms": audio_end_ms});
        self.send(ServerEvent::new("conversation.item.truncated", fields));
        Ok(())
    }

    pub(super) fn create_response(&mut self, asked: &Value) -> Result<(), Refusal> {
        let in_conversation = asked["conversation"] != "none";
        if let Some(active) = self.active().filter(|_| in_conversation) {
            let why = format!(
                "Conversation already has an active response in progress: {}. \
                 Wait until the response is finished before creating a new one.",
                active.id
            );
            return Err(Refusal::new("conversation_already_has_active_response", why));
        }
        if self.running.len() >= RESPONSES_MAX {
            let why = format!("No more than {RESPONSES_MAX} responses may be in progress at once.");
            return Err(Refusal { kind: "rate_limit_error", ..Refusal::new("rate_limit_exceeded", why) });
        }
        let conversation = in_conversation.then(|| self.id.clone());
        let plan = request::plan(self, asked, conversation)?;
        let left = 800_000_u64.saturating_sub(plan.input.read.total());
        let (fate, struck) = self.setup.ailments.fate(self.responses);
        self.responses += 1;
        self.out.extend(struck.map(Action::Struck));
        let drawn = self.failure();
        let (failure, stops_after) = match fate {
            Fate::NeverCreated => return Ok(()),
            Fate::Fails => (Some(Failure::AtOnce), None),
            Fate::Stops { deltas } => (None, Some(deltas)),
            Fate::Lives => (drawn, None),
        };
        let id = self.ids.next("resp");
        let running = Running::new(id.clone(), plan, failure, self.cuts.fork(), &self.session.id)
            .stopping_after(stops_after);
        self.send(running.created());
        let limits = json!([{"name": "tokens", "limit": 800_000, "remaining": left, "reset_seconds": 0.0}]);
        self.send(ServerEvent::new("rate_limits.updated", json!({"rate_limits": limits})));
        let is_stuck = running.is_stuck();
        self.running.push(running);
        if in_conversation {
            self.idle.stop();
        }
        if !is_stuck {
            self.out.push(Action::Continue { response: id, after_ms: self.setup.delay_ms });
        }
        Ok(())
    }

    fn failure(&mut self) -> Option<Failure> {
        // two draws each time: whether a response fails does not depend on how the one before it did
        let (fails, at_once) = (self.faults.f64() < self.setup.error_rate, self.faults.bool());
        fails.then_some(if at_once { Failure::AtOnce } else { Failure::AfterTheFirstDelta })
    }

    fn cancel(&mut self, id: Option<&str>) -> Result<(), Refusal> {
        let meant = |running: &Running| match id {
            Some(id) => running.id == id,
            None => running.manner.conversation.is_some(),
        };
        let Some(at) = self.running.iter().position(meant) else {
            let why = "Cancellation failed: no active response found";
            return Err(Refusal::new("response_cancel_not_active", why));
        };
        let cancelled = self.end_response(at, Ending::Cancelled);
        self.watch_from(&cancelled);
        Ok(())
    }

    /// The response that is on its way in the conversation.
    pub(super) fn active(&self) -> Option<&Running> {
        self.running.iter().find(|running| running.manner.conversation.is_some())
    }

    /// The caller has begun to speak: what is on its way in the conversation is not wanted any more.
    pub(super) fn interrupt(&mut self) {
        if let Some(at) = self.running.iter().position(|running| running.manner.conversation.is_some()) {
            self.end_response(at, Ending::Interrupted);
        }
    }

    fn end_response(&mut self, at: usize, ending: Ending) -> Running {
        let mut ended = self.running.remove(at);
        let step = ended.end(ending, &mut self.items);
        step.events.into_iter().for_each(|event| self.send(event));
        ended
    }

    /// A response in the conversation has ended: from the end of its playback on the caller may be silent too long.
    fn watch_from(&mut self, ended: &Running) {
        if ended.manner.conversation.is_some() {
            self.watch_for_silence(ended.spoken_ms());
        }
    }

    pub(super) fn new_item_id(&mut self) -> String {
        loop {
            let id = self.ids.next("item");
            if self.items.get(&id).is_none() {
                return id;
            }
        }
    }
}

/// Checks an event against the table of its type.
fn check(event: &Value) -> Result<(), Refusal> {
    let Value::Object(_) = event else {
        return Err(Refusal::new("invalid_event", "The event must be a JSON object."));
    };
    let kind = match &event["type"] {
        Value::String(kind) => kind,
        Value::Null => return Err(missing("type")),
        _ => return Err(Refusal::new("invalid_event", "The type of an event must be a string.").at("type")),
    };
    match CLIENT_EVENTS.iter().find(|(name, _)| name == kind) {
        Some((_, shape)) => shape.check(event, ""),
        None => {
            let known: Vec<String> = CLIENT_EVENTS.iter().map(|(name, _)| format!("'{name}'")).collect();
            let why = format!("Invalid value: '{kind}'. Supported values are: {}.", known.join(", "));
            Err(Refusal::new("invalid_event", why).at("type"))
        }
    }
}
