//! A spoken conversation as a game: the caller speaks, interrupts and is written down whenever they like, sockets
//! break, tools take their time; in every order the rules of the protocol hold.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::session::restore::Stage;

/// The model's side of one socket.
#[derive(Default)]
struct Peer {
    /// Has told who to be, and may be heard.
    updates: usize,
    /// The voices that were asked for, newest last.
    voices: Vec<String>,
    is_ready: bool,
    creates: Vec<String>,
    active: Option<String>,
    asides: Vec<String>,
    aside: Option<String>,
    /// Spoken messages with the milliseconds sent of each; `true` once done.
    spoken: BTreeMap<String, (u64, bool)>,
    /// Everything that stands in the conversation.
    items: BTreeSet<String>,
    cut: BTreeSet<String>,
    outputs: BTreeMap<String, u32>,
    /// Which item gave the output of which tool call.
    output_of: BTreeMap<String, String>,
}

struct Game {
    dialogue: Dialogue,
    peer: Peer,
    next: Option<Peer>,
    is_opening: bool,
    up: bool,
    /// What an earlier socket said and the caller may still hear.
    sounding: BTreeMap<String, (u64, bool)>,
    /// Who the owner believes to speak, with which voice.
    voice: String,
    asked: BTreeMap<u64, String>,
    armed_next: Vec<Deadline>,
    names: u32,
    turns: u64,
    revisions: u64,
    unwritten: Vec<String>,
    running: Vec<String>,
    heard: BTreeMap<String, u32>,
}

impl Game {
    fn new() -> Self {
        let mut game = Self {
            dialogue: Dialogue::new(spoken("p0", "marin"), History::default(), realtime()),
            peer: Peer::default(),
            next: None,
            is_opening: true,
            up: false,
            sounding: BTreeMap::new(),
            voice: "marin".to_owned(),
            asked: BTreeMap::new(),
            armed_next: Vec::new(),
            names: 0,
            turns: 0,
            revisions: 0,
            unwritten: Vec::new(),
            running: Vec::new(),
            heard: BTreeMap::new(),
        };
        game.open();
        game
    }

    fn name(&mut self, kind: &str) -> String {
        self.names += 1;
        format!("{kind}_{}", self.names)
    }

    fn lose(&mut self) {
        if let Some(last) = self.peer.spoken.keys().last().cloned() {
            let base64 = self.peer.spoken[&last].0 * 8 * 4 / 3;
            self.dialogue.note_received(last.as_str().into(), base64);
        }
        self.up = false;
        self.peer = Peer::default();
        self.sounding.clear();
        self.unwritten.clear();
        let lost = self.dialogue.on_lost();
        self.take(lost);
        if !self.up && self.next.is_none() {
            self.is_opening = true;
        }
        self.open();
    }

    fn open(&mut self) {
        if std::mem::take(&mut self.is_opening) {
            self.next = Some(Peer::default());
            let opened = self.dialogue.on_opened(realtime());
            self.take(opened);
        }
    }

    fn lose_next(&mut self) {
        if self.next.take().is_some() || std::mem::take(&mut self.is_opening) {
            self.armed_next.clear();
            let lost = self.dialogue.on_next_lost("closed");
            self.take(lost);
            self.is_opening = !self.up;
            self.open();
        }
    }

    fn take(&mut self, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Send(event) => self.check(event),
                Action::Prime(event) => {
                    let present = std::mem::replace(&mut self.peer, self.next.take().expect("it is open"));
                    self.check(event);
                    self.next = Some(std::mem::replace(&mut self.peer, present));
                }
                Action::Open(_) => (self.is_opening, self.next) = (true, None),
                Action::Discard(_) => (self.is_opening, self.next) = (!self.up, None),
                Action::ArmNext(deadline, _) => self.armed_next.push(deadline),
                Action::Switch { why, .. } => {
                    assert_eq!(self.up, why != Why::Lost, "{why:?}");
                    assert!(self.peer.active.is_none() && self.peer.creates.is_empty(), "in an answer");
                    let old = std::mem::replace(&mut self.peer, self.next.take().expect("it is open"));
                    assert!(self.peer.is_ready, "nobody has told it who to be");
                    self.sounding =
                        old.spoken.into_iter().filter(|(item, _)| !old.cut.contains(item)).collect();
                    self.unwritten.clear();
                    self.armed_next.clear();
                    self.up = true;
                }
                Action::Report(SessionEvent::ToolCalled { id, .. }) => self.running.push(id.to_string()),
                Action::Report(SessionEvent::Heard { item_id, .. }) => {
                    *self.heard.entry(item_id.to_string()).or_default() += 1;
                }
                Action::Report(SessionEvent::Configured { revision, .. }) => {
                    self.voice.clone_from(&self.asked[&revision]);
                }
                Action::Replace(why) => panic!("{why}"),
                _ => {}
            }
        }
    }

    fn check(&mut self, event: ClientEvent) {
        match event {
            ClientEvent::SessionUpdate { session, .. } => {
                assert_eq!(self.peer.updates, 0, "an update before the answer to another");
                let output = session.audio.and_then(|audio| audio.output);
                if let Some(voice) = output.and_then(|output| output.voice) {
                    assert!(self.peer.spoken.is_empty(), "the voice of a session that was heard");
                    self.peer.voices.push(voice);
                }
                self.peer.updates = 1;
            }
            ClientEvent::ItemCreate { item, .. } => {
                assert!(
                    self.peer.updates == 0 || !self.peer.is_ready,
                    "an item between an update and its answer"
                );
                let value = serde_json::to_value(&item).unwrap();
                let id = value["id"].as_str().unwrap().to_owned();
                assert!(self.peer.items.insert(id.clone()), "{id} twice");
                let text = value.pointer("/content/0/text").and_then(|text| text.as_str());
                assert!(text.is_none_or(|text| !text.is_empty()), "an empty message");
                if let NewItem::FunctionCallOutput { call_id, .. } = item {
                    self.peer.output_of.insert(id, call_id.to_string());
                    let outputs = self.peer.outputs.entry(call_id.to_string()).or_default();
                    *outputs += 1;
                    assert_eq!(*outputs, 1, "a second output for {call_id}");
                }
            }
            ClientEvent::ItemTruncate { item_id, audio_end_ms, .. } => {
                let (sent, _) =
                    self.peer.spoken.get(item_id.as_str()).expect("only what was spoken is truncated");
                assert!(audio_end_ms <= *sent, "{audio_end_ms} of {sent}");
                assert!(self.peer.cut.insert(item_id.to_string()), "{item_id} was cut before");
            }
            ClientEvent::ItemDelete { item_id, .. } => {
                assert!(self.peer.items.remove(item_id.as_str()), "{item_id} is not there");
                if let Some(call) = self.peer.output_of.remove(item_id.as_str()) {
                    self.peer.outputs.remove(&call);
                }
            }
            ClientEvent::ResponseCreate { event_id, .. } if event_id.starts_with("aside_") => {
                assert!(self.peer.active.is_none() && self.peer.creates.is_empty(), "over an answer");
                self.peer.asides.push(event_id);
            }
            ClientEvent::ResponseCreate { event_id, .. } => {
                assert!(self.peer.is_ready && self.peer.updates == 0, "a create before an update's answer");
                assert!(self.peer.creates.is_empty(), "a create while another is in flight");
                assert!(!self.dialogue.is_aside(), "over an aside");
                self.peer.creates.push(event_id);
            }
            ClientEvent::ResponseCancel { .. } => {}
        }
    }

    fn hear(&mut self, event: ServerEvent) {
        let actions = self.dialogue.on_event(event);
        self.take(actions);
    }

    /// The message that is being spoken.
    fn current(&self) -> Option<String> {
        self.peer.spoken.iter().rev().find(|(_, (_, done))| !done).map(|(item, _)| item.clone())
    }

    fn step(&mut self, op: u8, share: u8) {
        match op % 16 {
            0 => self.caller_speaks(!share.is_multiple_of(4)),
            1 => {
                self.turns += 1;
                let actions = self.dialogue.prompt(self.turns, "Say hello.".into());
                self.take(actions);
            }
            2 => self.answer_update(),
            3 => self.answer_create(),
            4 | 5 => self.speak(u64::from(share)),
            6 => self.end_message(),
            7 => self.finish("completed"),
            8 | 9 => self.interrupt(share),
            10 => {
                if let Some(item) = self.unwritten.pop() {
                    let transcript = if share > 200 { String::new() } else { "words".to_owned() };
                    self.hear(ServerEvent::Transcribed { item_id: item.as_str().into(), transcript });
                }
            }
            11 => self.announce(),
            12 => self.end_tool(),
            13 if share > 220 => self.lose(),
            13 if share > 100 => {
                self.revisions += 1;
                let voice = if share.is_multiple_of(2) { "cedar" } else { "marin" };
                self.asked.insert(self.revisions, voice.to_owned());
                let persona = spoken(&format!("p{}", self.revisions % 3), voice);
                let actions = self.dialogue.configure(persona, self.revisions);
                self.take(actions);
            }
            13 if share > 60 => {
                let stage = if share > 80 { Stage::Early } else { Stage::Forced };
                if self.up {
                    let actions = self.dialogue.on_deadline(&Deadline::Age(stage));
                    self.take(actions);
                }
            }
            13 if share > 40 => self.lose_next(),
            13 => {
                if let Some(deadline) = self.armed_next.pop().filter(|due| *due == Deadline::Patience) {
                    let actions = self.dialogue.on_next_deadline(&deadline);
                    self.take(actions);
                }
            }
            14 => {
                let actions = self.dialogue.say_aside("One moment.");
                self.take(actions);
            }
            _ => self.aside_goes_on(),
        }
    }

    fn caller_speaks(&mut self, counts: bool) {
        if !self.peer.is_ready {
            return;
        }
        let item = self.name("user");
        self.peer.items.insert(item.clone());
        self.hear(ServerEvent::Committed { item_id: item.as_str().into() });
        let actions = if counts {
            self.turns += 1;
            self.unwritten.push(item);
            self.dialogue.answer(self.turns)
        } else {
            self.dialogue.ignore(&item.as_str().into())
        };
        self.take(actions);
    }

    fn answer_next(&mut self) {
        let Some(next) = &mut self.next else {
            return;
        };
        let items: Vec<_> = next.items.iter().cloned().collect();
        if std::mem::take(&mut next.updates) > 0 {
            next.is_ready = true;
            let actions = self.dialogue.on_next_event(&updated());
            self.take(actions);
        }
        for item in items {
            let added = ServerEvent::ItemAdded { item_id: item.as_str().into() };
            let actions = self.dialogue.on_next_event(&added);
            self.take(actions);
        }
    }

    fn answer_update(&mut self) {
        self.open();
        self.answer_next();
        if std::mem::take(&mut self.peer.updates) > 0 {
            self.peer.is_ready = true;
            self.hear(updated());
        }
    }

    fn answer_create(&mut self) {
        if self.peer.active.is_none()
            && let Some(token) = self.peer.creates.pop()
        {
            let id = self.name("resp");
            self.peer.active = Some(id.clone());
            self.hear(ServerEvent::ResponseCreated(response(&id, Some(&token), "in_progress")));
        }
    }

    fn speak(&mut self, ms: u64) {
        let Some(active) = self.peer.active.clone() else {
            return;
        };
        let item = self.current().unwrap_or_else(|| self.name("msg"));
        self.peer.items.insert(item.clone());
        self.peer.spoken.entry(item.clone()).or_default().0 += ms * 4;
        let (response_id, item_id) = (active.as_str().into(), item.as_str().into());
        self.hear(ServerEvent::TextDelta { response_id, item_id, delta: "some words ".into() });
    }

    fn end_message(&mut self) {
        if let (Some(active), Some(item)) = (self.peer.active.clone(), self.current()) {
            self.peer.spoken.get_mut(&item).unwrap().1 = true;
            let item = message_item(&item, "some words and more");
            self.hear(ServerEvent::OutputItemDone { response_id: active.as_str().into(), item });
        }
    }

    fn finish(&mut self, status: &str) {
        if let Some(id) = self.peer.active.take() {
            self.peer.spoken.values_mut().for_each(|(_, done)| *done = true);
            self.hear(ServerEvent::ResponseDone(response(&id, None, status)));
        }
    }

    /// The caller speaks over the persona: whatever was heard in full is not told of, as the line does it.
    fn interrupt(&mut self, share: u8) {
        let unheard = usize::from(share % 3);
        let known: Vec<_> =
            self.peer.spoken.iter().filter(|(item, _)| !self.peer.cut.contains(*item)).collect();
        let known = known.into_iter().filter(|(item, _)| self.peer.items.contains(*item));
        // What an earlier socket said is on the line before what this one says.
        let known = self.sounding.iter().chain(known);
        let newest: Vec<_> =
            known.rev().take(unheard + 1).map(|(item, (sent, _))| (item.clone(), *sent)).collect();
        let parts: Vec<_> = newest
            .into_iter()
            .rev()
            .enumerate()
            .map(|(at, (item, sent))| {
                part(&item, if at == 0 { sent * u64::from(share) / 255 } else { 0 }, sent)
            })
            .collect();
        let actions = self.dialogue.interrupted(&parts);
        self.take(actions);
        self.sounding.clear();
        if share.is_multiple_of(2) {
            self.finish("cancelled");
        }
    }

    fn announce(&mut self) {
        if let Some(active) = self.peer.active.clone() {
            let call = self.name("call");
            let item = tool_item(&call);
            self.peer.items.insert(item.id.clone().unwrap().to_string());
            self.hear(ServerEvent::OutputItemDone { response_id: active.as_str().into(), item });
        }
    }

    fn end_tool(&mut self) {
        if let Some(id) = self.running.pop() {
            let actions = self.dialogue.tool_output(&id.as_str().into(), "{}".into());
            self.take(actions);
        }
    }

    fn aside_goes_on(&mut self) {
        if let Some(token) = self.peer.aside.take() {
            self.hear(ServerEvent::ResponseDone(response("any", Some(&token), "completed")));
        } else if let Some(token) = self.peer.asides.pop() {
            let id = self.name("aside_resp");
            self.peer.aside = Some(token.clone());
            self.hear(ServerEvent::ResponseCreated(response(&id, Some(&token), "in_progress")));
        }
    }

    fn settle(&mut self) {
        for _ in 0..64 {
            self.answer_update();
            self.answer_create();
            self.end_message();
            self.finish("completed");
            self.end_tool();
            self.aside_goes_on();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2048, ..ProptestConfig::default() })]

    #[test]
    fn in_any_order_of_speech_the_rules_hold(ops in proptest::collection::vec((any::<u8>(), any::<u8>()), 0..160)) {
        let mut game = Game::new();
        for (op, share) in ops {
            game.step(op, share);
        }
        game.settle();
        let waits_for_words = !game.dialogue.history.unwritten().is_empty();
        prop_assert!(!game.dialogue.is_unsettled() || waits_for_words, "something is owed: {:?}", game.dialogue);
        // Once when its socket broke, and once when the caller then spoke over what had come of it.
        prop_assert!(game.heard.values().all(|&times| times <= 2), "{:?}", game.heard);
        prop_assert_eq!(game.peer.voices.last(), Some(&game.voice), "who is heard");
        prop_assert!(game.dialogue.next.is_none() || waits_for_words, "a socket is left over");
        game.lose();
    }
}
