//! The conversation under test as a game against a model that answers when and how it likes: in every order of
//! events the rules hold.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use proptest::prelude::*;

use super::*;
use crate::protocol::openai::SessionPatch;
use crate::session::restore::Life;
use std::time::Duration;

/// One socket of the model's side, as far as the rules need it; it starts responses of its own, too.
#[derive(Default)]
struct Peer {
    updates: VecDeque<(String, SessionPatch)>,
    /// The instructions in force, once an update was taken.
    instructions: Option<String>,
    creates: VecDeque<String>,
    /// Creates the client has given up waiting for; they may still begin.
    late: Vec<String>,
    active: Option<String>,
    /// Items that it has not said a word about.
    items: VecDeque<ItemId>,
    cancels: usize,
    /// Every name that was ever used here, and which tool call it gave the output of.
    used: BTreeMap<ItemId, Option<String>>,
    outputs: BTreeMap<String, u32>,
}

/// One conversation between a dialogue and a peer, with everything that must hold checked on the way.
struct Game {
    dialogue: Dialogue,
    capability: Capability,
    peer: Peer,
    /// The socket on its way; `None` while it is being opened.
    next: Option<Peer>,
    is_opening: bool,
    names: u32,
    announced: BTreeSet<String>,
    running: Vec<String>,
    armed: Vec<Deadline>,
    armed_next: Vec<Deadline>,
    revisions: u64,
    answered_revisions: BTreeMap<u64, u32>,
    /// Who the owner believes to be in force, by what it was told.
    believed: String,
    turns: u64,
    /// What was said and neither taken nor refused.
    untaken: BTreeSet<u64>,
    up: bool,
    is_lost: bool,
    given_up: bool,
}

/// The persona that a revision asks for.
fn persona(revision: u64) -> String {
    format!("p{}", revision % 3)
}

impl Game {
    fn new(capability: Capability) -> Self {
        let mut game = Self {
            dialogue: Dialogue::new(config("waiter"), History::default(), capability),
            capability,
            peer: Peer::default(),
            next: None,
            is_opening: true,
            names: 0,
            announced: BTreeSet::new(),
            running: Vec::new(),
            armed: Vec::new(),
            armed_next: Vec::new(),
            revisions: 0,
            answered_revisions: BTreeMap::new(),
            believed: "waiter".to_owned(),
            turns: 0,
            untaken: BTreeSet::new(),
            up: false,
            is_lost: false,
            given_up: false,
        };
        game.open();
        game
    }

    /// The present socket is lost; another is opened, unless one is on its way.
    fn lose(&mut self) {
        self.up = false;
        self.peer = Peer::default();
        self.armed.clear();
        let lost = self.dialogue.on_lost();
        self.take(lost);
        if !self.up && self.next.is_none() {
            self.is_opening = true;
            self.open();
        }
    }

    fn open(&mut self) {
        if std::mem::take(&mut self.is_opening) {
            self.next = Some(Peer::default());
            let opened = self.dialogue.on_opened(self.capability);
            self.take(opened);
        }
    }

    /// The socket on its way falls, or cannot be opened.
    fn lose_next(&mut self) {
        if self.next.take().is_none() && !std::mem::take(&mut self.is_opening) {
            return;
        }
        self.armed_next.clear();
        let lost = self.dialogue.on_next_lost("closed");
        self.take(lost);
        if !self.up {
            self.is_opening = true;
            self.open();
        }
    }

    fn take(&mut self, actions: Vec<Action>) {
        let mut has_switched = false;
        for action in actions {
            match action {
                Action::Send(event) => {
                    let mut peer = std::mem::take(&mut self.peer);
                    self.check(event, &mut peer);
                    self.peer = peer;
                }
                Action::Prime(event) => {
                    let mut peer = self.next.take().expect("it is open");
                    self.check(event, &mut peer);
                    assert!(peer.creates.is_empty(), "a response is asked for before the switch");
                    self.next = Some(peer);
                }
                Action::Arm(deadline, _) => self.armed.push(deadline),
                Action::ArmNext(deadline, _) => self.armed_next.push(deadline),
                Action::Open(_) => {
                    self.is_opening = true;
                    self.next = None;
                    self.armed_next.clear();
                }
                Action::Discard(_) => {
                    self.next = None;
                    self.armed_next.clear();
                    self.is_opening = !self.up;
                }
                Action::Switch { why, .. } => {
                    assert_eq!(self.up, why != Why::Lost, "{why:?}");
                    assert!(
                        self.peer.active.is_none() && self.peer.creates.is_empty(),
                        "in the middle of an answer"
                    );
                    self.peer = self.next.take().expect("it is open");
                    self.armed = std::mem::take(&mut self.armed_next);
                    (self.up, self.is_lost, has_switched) = (true, false, true);
                }
                Action::Report(event) => self.told(event),
                Action::Replace(reason) => {
                    assert!(!has_switched, "the socket that has just come is dropped: {reason}");
                    self.is_lost = true;
                }
                Action::GiveUp { .. } => self.given_up = true,
                Action::Understood(_) | Action::Refuse(_) | Action::Notice(_) => {}
            }
        }
        if std::mem::take(&mut self.given_up) {
            let actions = self.dialogue.on_given_up();
            self.untaken.clear();
            self.next = None;
            self.take(actions);
            self.lose();
        }
        if std::mem::take(&mut self.is_lost) {
            self.lose();
        }
        if !self.up {
            self.open();
        }
    }

    fn told(&mut self, event: SessionEvent) {
        match event {
            SessionEvent::ToolCalled { id, .. } => self.running.push(id.to_string()),
            SessionEvent::Configured { revision, way } => {
                assert!(way == Way::Update || self.capability != realtime(), "nobody needed another socket");
                *self.answered_revisions.entry(revision).or_default() += 1;
                self.believed = persona(revision);
            }
            SessionEvent::ConfigureRejected { revision, .. } => {
                *self.answered_revisions.entry(revision).or_default() += 1;
            }
            SessionEvent::Taken { turn } | SessionEvent::NotTaken { turn, .. } => {
                assert!(self.untaken.remove(&turn), "turn {turn} was told of before");
            }
            _ => {}
        }
    }

    fn check(&self, event: ClientEvent, peer: &mut Peer) {
        match event {
            ClientEvent::SessionUpdate { event_id, session } => {
                assert!(peer.updates.is_empty(), "an update before the answer to another");
                let changes_all = peer.instructions.is_none() || self.capability.instructions_mutable;
                assert!(changes_all || session.instructions.is_none(), "what cannot be changed is changed");
                peer.updates.push_back((event_id, session));
            }
            ClientEvent::ItemCreate { item, .. } => {
                let first_update = peer.instructions.is_none();
                assert!(peer.updates.is_empty() || first_update, "an item between an update and its answer");
                let (id, call) = match item {
                    NewItem::Message { id, .. } | NewItem::FunctionCall { id, .. } => (id, None),
                    NewItem::FunctionCallOutput { id, call_id, .. } => (id, Some(call_id.to_string())),
                };
                if let Some(call) = &call {
                    let count = peer.outputs.entry(call.clone()).or_default();
                    *count += 1;
                    assert_eq!(*count, 1, "a second output for {call}");
                }
                assert!(peer.used.insert(id.clone(), call).is_none(), "{id} is used twice");
                peer.items.push_back(id);
            }
            ClientEvent::ItemTruncate { .. } => panic!("nothing of a text can be truncated"),
            ClientEvent::ResponseCreate { event_id, .. } => {
                assert!(
                    peer.instructions.is_some() && peer.updates.is_empty(),
                    "a create before an update's answer"
                );
                assert!(peer.creates.is_empty(), "a create while another is in flight");
                assert!(
                    self.dialogue.next.is_none() || !self.dialogue.is_moving(),
                    "the old persona is asked"
                );
                let unanswered = self.announced.iter().find(|call| !peer.outputs.contains_key(*call));
                assert_eq!(unanswered, None, "a create before the output of a tool call");
                peer.creates.push_back(event_id);
            }
            ClientEvent::ResponseCancel { .. } => peer.cancels += 1,
            ClientEvent::ItemDelete { item_id, .. } => {
                if let Some(Some(call)) = peer.used.get(&item_id) {
                    peer.outputs.remove(call);
                }
            }
        }
    }

    fn hear(&mut self, event: ServerEvent) {
        let actions = self.dialogue.on_event(event);
        self.take(actions);
    }

    fn name(&mut self, kind: &str) -> String {
        self.names += 1;
        format!("{kind}_{}", self.names)
    }

    fn begin(&mut self, token: Option<&str>) {
        let id = self.name("resp");
        self.peer.active = Some(id.clone());
        self.hear(ServerEvent::ResponseCreated(response(&id, token, "in_progress")));
    }

    fn step(&mut self, op: u8) {
        match op % 23 {
            18 | 19 => self.open(),
            20 => self.answer_next(op > 230),
            21 if op > 200 => self.lose_next(),
            21 => {
                let age = self
                    .armed
                    .iter()
                    .position(|deadline| matches!(deadline, Deadline::Age(_) | Deadline::Again));
                if let Some(age) = age {
                    let deadline = self.armed.remove(age);
                    let actions = self.dialogue.on_deadline(&deadline);
                    self.take(actions);
                }
            }
            22 => {
                if !self.armed_next.is_empty() {
                    let deadline = self.armed_next.remove(op as usize % self.armed_next.len());
                    let actions = self.dialogue.on_next_deadline(&deadline);
                    self.take(actions);
                }
            }
            0 => {
                self.turns += 1;
                self.untaken.insert(self.turns);
                let actions = self.dialogue.say(self.turns, format!("words {}", self.turns));
                self.take(actions);
            }
            1 => {
                self.revisions += 1;
                let actions = self.dialogue.configure(config(&persona(self.revisions)), self.revisions);
                self.take(actions);
            }
            2 | 3 => self.answer_update(op % 23 == 3),
            4 => self.answer_create(),
            5 if self.peer.active.is_none() && self.peer.instructions.is_some() => self.begin(None),
            6 => {
                if let Some(id) = self.peer.active.clone() {
                    let delta = "word ".to_owned();
                    let response_id = id.as_str().into();
                    self.hear(ServerEvent::TextDelta { response_id, item_id: "m".into(), delta });
                }
            }
            7 | 8 => self.announce(op % 23 == 8),
            9 => self.finish("completed"),
            10 => self.finish("failed"),
            11 | 12 => {
                if !self.running.is_empty() {
                    let id = self.running.remove(op as usize % self.running.len());
                    let actions = self.dialogue.tool_output(&id.as_str().into(), "{}".into());
                    self.take(actions);
                }
            }
            13 => {
                if !self.up {
                    self.untaken.clear();
                }
                let actions = self.dialogue.abandon();
                self.take(actions);
            }
            14 if op > 200 => self.lose(),
            14 if op > 150 => {
                self.given_up = true;
                self.take(Vec::new());
            }
            14 if op > 90 => {
                let actions = self.dialogue.note("By the way.".to_owned());
                self.take(actions);
            }
            // As a handoff does: nothing of the turn under way is forgotten, and earlier turns are at their end.
            14 if self.announced.is_empty() && self.dialogue.untaken.len() < 2 => {
                let actions = self.dialogue.forget_before_turn();
                self.take(actions);
            }
            15 => {
                if let Some(item_id) = self.peer.items.pop_front() {
                    if op > 220 {
                        self.hear(error("invalid_value", Some(&format!("ic_{item_id}"))));
                    } else {
                        self.hear(ServerEvent::ItemAdded { item_id });
                    }
                }
            }
            16 => {
                if op > 180 && !self.armed.is_empty() {
                    let deadline = self.armed.remove(op as usize % self.armed.len());
                    if let Deadline::Created(token) = &deadline {
                        let creates = std::mem::take(&mut self.peer.creates);
                        let (late, waiting): (VecDeque<_>, _) =
                            creates.into_iter().partition(|create| create == token);
                        self.peer.creates = waiting;
                        self.peer.late.extend(late);
                    }
                    let actions = self.dialogue.on_deadline(&deadline);
                    self.take(actions);
                }
            }
            17 if self.peer.active.is_none() => {
                if let Some(token) = self.peer.late.pop() {
                    self.begin(Some(&token));
                }
            }
            _ => self.hear(error("server_error", None)),
        }
    }

    fn answer_update(&mut self, refuse: bool) {
        let Some((event_id, patch)) = self.peer.updates.pop_front() else {
            return;
        };
        if refuse {
            self.hear(error("invalid_value", Some(&event_id)));
        } else {
            let before = self.peer.instructions.take().unwrap_or_default();
            self.peer.instructions = Some(patch.instructions.unwrap_or(before));
            self.hear(updated());
        }
    }

    /// The socket on its way answers its update, and all items after it.
    fn answer_next(&mut self, refuse: bool) {
        let Some(next) = &mut self.next else {
            return;
        };
        if let Some((event_id, patch)) = next.updates.pop_front() {
            if !refuse {
                let life = Life::new(Some(3_600), 0, Duration::from_secs(3_600), 0.5);
                let before = next.instructions.take().unwrap_or_default();
                next.instructions = Some(patch.instructions.unwrap_or(before));
                let lives = self.dialogue.on_next_lives(life);
                self.take(lives);
            }
            let answer = if refuse { error("invalid_value", Some(&event_id)) } else { updated() };
            let actions = self.dialogue.on_next_event(&answer);
            self.take(actions);
        }
        while let Some(item_id) = self.next.as_mut().and_then(|next| next.items.pop_front()) {
            let answer = if refuse {
                error("invalid_value", Some(&format!("ic_{item_id}")))
            } else {
                ServerEvent::ItemAdded { item_id }
            };
            let actions = self.dialogue.on_next_event(&answer);
            self.take(actions);
        }
    }

    fn answer_create(&mut self) {
        let Some(token) = self.peer.creates.pop_front() else {
            return;
        };
        if self.peer.active.is_some() {
            self.hear(error("conversation_already_has_active_response", Some(&token)));
        } else {
            self.begin(Some(&token));
        }
    }

    fn announce(&mut self, again: bool) {
        let Some(response_id) = self.peer.active.clone() else {
            return;
        };
        let call = if again { self.announced.last().cloned() } else { None };
        let call = call.unwrap_or_else(|| self.name("call"));
        self.announced.insert(call.clone());
        let item = tool_item(&call);
        self.hear(ServerEvent::OutputItemDone { response_id: response_id.as_str().into(), item });
    }

    fn finish(&mut self, status: &str) {
        if let Some(id) = self.peer.active.take() {
            let mut done = response(&id, None, status);
            let error = ApiError { kind: Some("server_error".into()), ..ApiError::default() };
            done.status_details.error = Some(error).filter(|_| status == "failed");
            self.hear(ServerEvent::ResponseDone(done));
        }
    }

    /// Everything that is under way comes to its end; then nothing may be owed.
    fn settle(&mut self) {
        for _ in 0..64 {
            self.open();
            self.answer_next(false);
            while let Some(item_id) = self.peer.items.pop_front() {
                self.hear(ServerEvent::ItemAdded { item_id });
            }
            self.answer_update(false);
            self.answer_create();
            self.finish("completed");
            if let Some(id) = self.running.pop() {
                let actions = self.dialogue.tool_output(&id.as_str().into(), "{}".into());
                self.take(actions);
            }
            if self.dialogue.retry_is_due {
                let actions = self.dialogue.on_deadline(&Deadline::Retry);
                self.take(actions);
            }
            if std::mem::take(&mut self.peer.cancels) > 0 {
                self.hear(error("response_cancel_not_active", Some("cancel")));
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, ..ProptestConfig::default() })]

    #[test]
    fn in_any_order_of_events_the_rules_hold(
        is_fixed in any::<bool>(),
        ops in proptest::collection::vec(any::<u8>(), 0..200)
    ) {
        let capability = if is_fixed { Capability::of("gpt-live-1") } else { realtime() };
        let mut game = Game::new(capability);
        for op in ops {
            game.step(op);
        }
        game.settle();
        prop_assert!(!game.dialogue.is_unsettled(), "something is owed: {:?}", game.dialogue);
        prop_assert!(game.dialogue.open.is_empty());
        prop_assert!(game.untaken.is_empty(), "what became of {:?}?", game.untaken);
        prop_assert!(game.dialogue.next.is_none(), "a socket is left over");
        prop_assert_eq!(game.peer.instructions.as_ref(), Some(&game.believed), "who speaks");
        // A fresh session is given each call with one output: `check` counts them.
        game.lose();
        let peer = game.next.as_ref().expect("another is open");
        for call in &game.announced {
            prop_assert_eq!(peer.outputs.get(call), Some(&1), "{} has no output", call);
        }
        for revision in 1..=game.revisions {
            prop_assert_eq!(game.answered_revisions.get(&revision), Some(&1), "revision {}", revision);
        }
    }
}
