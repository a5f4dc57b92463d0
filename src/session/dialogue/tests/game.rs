//! The conversation under test as a game against a model that answers when and how it likes: in every order of
//! events the rules hold.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use proptest::prelude::*;

use super::*;
use crate::protocol::openai::SessionPatch;

/// The model's side, as far as the rules need it; it starts responses of its own, too.
#[derive(Default)]
struct Peer {
    updates: VecDeque<(String, SessionPatch)>,
    /// The instructions in force, once an update was taken.
    instructions: Option<String>,
    creates: VecDeque<String>,
    /// Creates the client has given up waiting for; they may still begin.
    late: Vec<String>,
    active: Option<String>,
    items: VecDeque<ItemId>,
    cancels: usize,
    outputs: BTreeMap<String, u32>,
    names: u32,
}

/// One conversation between a dialogue and a peer, with everything that must hold checked on the way.
struct Game {
    dialogue: Dialogue,
    peer: Peer,
    announced: BTreeSet<String>,
    running: Vec<String>,
    armed: Vec<Deadline>,
    revisions: u64,
    answered_revisions: BTreeMap<u64, u32>,
    /// Who the owner believes to be in force, by what it was told.
    believed: String,
    turns: u64,
    up: bool,
    given_up: bool,
}

/// The persona that a revision asks for.
fn persona(revision: u64) -> String {
    format!("p{}", revision % 3)
}

impl Game {
    fn new() -> Self {
        let mut game = Self {
            dialogue: Dialogue::new(config("waiter"), History::default()),
            peer: Peer::default(),
            announced: BTreeSet::new(),
            running: Vec::new(),
            armed: Vec::new(),
            revisions: 0,
            answered_revisions: BTreeMap::new(),
            believed: "waiter".to_owned(),
            turns: 0,
            up: false,
            given_up: false,
        };
        game.reopen();
        game
    }

    fn reopen(&mut self) {
        self.up = true;
        let lost = self.dialogue.on_lost();
        self.take(lost);
        self.peer = Peer { names: self.peer.names, ..Peer::default() };
        self.armed.clear();
        let opened = self.dialogue.on_opened();
        self.take(opened);
    }

    fn take(&mut self, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Send(event) => self.check(event),
                Action::Arm(deadline, _) => self.armed.push(deadline),
                Action::Report(SessionEvent::ToolCalled { id, .. }) => self.running.push(id.to_string()),
                Action::Report(SessionEvent::Configured { revision }) => {
                    *self.answered_revisions.entry(revision).or_default() += 1;
                    self.believed = persona(revision);
                }
                Action::Report(SessionEvent::ConfigureRejected { revision, .. }) => {
                    *self.answered_revisions.entry(revision).or_default() += 1;
                }
                Action::Replace(_) => self.up = false,
                Action::GiveUp { .. } => self.given_up = true,
                Action::Report(_)
                | Action::Ready { .. }
                | Action::Understood(_)
                | Action::Refuse(_)
                | Action::Notice(_) => {}
            }
        }
        if std::mem::take(&mut self.given_up) {
            let actions = self.dialogue.on_given_up();
            self.take(actions);
            self.reopen();
        }
        if !self.up {
            self.reopen();
        }
    }

    fn check(&mut self, event: ClientEvent) {
        match event {
            ClientEvent::SessionUpdate { event_id, session } => {
                assert!(self.peer.updates.is_empty(), "an update before the answer to another");
                self.peer.updates.push_back((event_id, session));
            }
            ClientEvent::ItemCreate { item, .. } => {
                let first_update = self.peer.instructions.is_none();
                assert!(
                    self.peer.updates.is_empty() || first_update,
                    "an item between an update and its answer"
                );
                if let NewItem::FunctionCallOutput { call_id, .. } = &item {
                    let count = self.peer.outputs.entry(call_id.to_string()).or_default();
                    *count += 1;
                    assert_eq!(*count, 1, "a second output for {call_id}");
                }
                if let NewItem::Message { id, .. } = item {
                    self.peer.items.push_back(id);
                }
            }
            ClientEvent::ItemTruncate { .. } => panic!("nothing of a text can be truncated"),
            ClientEvent::ResponseCreate { event_id, .. } => {
                assert!(
                    self.peer.instructions.is_some() && self.peer.updates.is_empty(),
                    "a create before an update's answer"
                );
                assert!(self.peer.creates.is_empty(), "a create while another is in flight");
                let unanswered = self.announced.iter().find(|call| !self.peer.outputs.contains_key(*call));
                assert_eq!(unanswered, None, "a create before the output of a tool call");
                self.peer.creates.push_back(event_id);
            }
            ClientEvent::ResponseCancel { .. } => self.peer.cancels += 1,
            ClientEvent::ItemDelete { .. } => {}
        }
    }

    fn hear(&mut self, event: ServerEvent) {
        let actions = self.dialogue.on_event(event);
        self.take(actions);
    }

    fn name(&mut self, kind: &str) -> String {
        self.peer.names += 1;
        format!("{kind}_{}", self.peer.names)
    }

    fn begin(&mut self, token: Option<&str>) {
        let id = self.name("resp");
        self.peer.active = Some(id.clone());
        self.hear(ServerEvent::ResponseCreated(response(&id, token, "in_progress")));
    }

    fn step(&mut self, op: u8) {
        match op % 18 {
            0 => {
                self.turns += 1;
                let actions = self.dialogue.say(self.turns, format!("words {}", self.turns));
                self.take(actions);
            }
            1 => {
                self.revisions += 1;
                let actions = self.dialogue.configure(config(&persona(self.revisions)), self.revisions);
                self.take(actions);
            }
            2 | 3 => self.answer_update(op % 18 == 3),
            4 => self.answer_create(),
            5 if self.peer.active.is_none() && self.peer.instructions.is_some() => self.begin(None),
            6 => {
                if let Some(id) = self.peer.active.clone() {
                    let delta = "word ".to_owned();
                    let response_id = id.as_str().into();
                    self.hear(ServerEvent::TextDelta { response_id, item_id: "m".into(), delta });
                }
            }
            7 | 8 => self.announce(op % 18 == 8),
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
                let actions = self.dialogue.abandon();
                self.take(actions);
            }
            14 if op > 200 => self.reopen(),
            14 if op > 160 => self.given_up = true,
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
                    self.hear(ServerEvent::ItemAdded { item_id });
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
            self.hear(ServerEvent::ResponseDone(response(&id, None, status)));
        }
    }

    /// Everything that is under way comes to its end; then nothing may be owed.
    fn settle(&mut self) {
        for _ in 0..64 {
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
        ops in proptest::collection::vec(any::<u8>(), 0..160)
    ) {
        let mut game = Game::new();
        for op in ops {
            game.step(op);
        }
        game.settle();
        prop_assert!(!game.dialogue.is_unsettled(), "something is owed: {:?}", game.dialogue);
        prop_assert!(game.dialogue.open.is_empty());
        prop_assert_eq!(game.peer.instructions.as_ref(), Some(&game.believed), "who speaks");
        // A fresh session is given each call with one output: `check` counts them.
        game.reopen();
        for call in &game.announced {
            prop_assert_eq!(game.peer.outputs.get(call), Some(&1), "{} has no output", call);
        }
        for revision in 1..=game.revisions {
            prop_assert_eq!(game.answered_revisions.get(&revision), Some(&1), "revision {}", revision);
        }
    }
}
