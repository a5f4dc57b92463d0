//! The conversation under test: sentences about single rules, and properties over random orders of events.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::protocol::openai::{
    ApiError, EchoedSession, Item, ItemPart, Response, ServerEvent, StatusDetails,
};
use crate::session::config::tests::config;

fn sent(actions: &[Action]) -> Vec<&ClientEvent> {
    actions
        .iter()
        .filter_map(|action| match action {
            Action::Send(event) => Some(event),
            _ => None,
        })
        .collect()
}

fn reported(actions: &[Action]) -> Vec<&SessionEvent> {
    actions
        .iter()
        .filter_map(|action| match action {
            Action::Report(event) => Some(event),
            _ => None,
        })
        .collect()
}

fn kinds(actions: &[Action]) -> Vec<String> {
    sent(actions)
        .into_iter()
        .map(|event| serde_json::to_value(event).unwrap()["type"].as_str().unwrap().to_owned())
        .collect()
}

fn updated() -> ServerEvent {
    ServerEvent::SessionUpdated(EchoedSession::default())
}

fn response(id: &str, token: Option<&str>, status: &str) -> Response {
    let value = json!({"id": id, "status": status, "metadata": token.map(|token| json!({"token": token}))});
    serde_json::from_value(value).unwrap()
}

fn tool_item(call: &str) -> Item {
    Item {
        id: Some(format!("item_{call}").as_str().into()),
        kind: "function_call".into(),
        status: Some("completed".into()),
        name: Some("lookup".into()),
        call_id: Some(call.into()),
        arguments: Some("{}".into()),
        ..Item::default()
    }
}

fn message_item(id: &str, text: &str) -> Item {
    let content = vec![ItemPart { text: Some(text.into()), transcript: None }];
    Item { id: Some(id.into()), kind: "message".into(), content, ..Item::default() }
}

fn error(code: &str, event_id: Option<&str>) -> ServerEvent {
    let error =
        ApiError { code: Some(code.into()), event_id: event_id.map(str::to_owned), ..ApiError::default() };
    ServerEvent::Error(error)
}

/// A conversation whose first update is acknowledged.
fn open() -> Dialogue {
    let mut dialogue = Dialogue::new(config("waiter"), History::default());
    assert_eq!(kinds(&dialogue.on_opened()), ["session.update"]);
    dialogue.on_event(updated());
    dialogue
}

#[test]
fn nothing_is_asked_for_before_the_first_update_is_acknowledged() {
    let mut dialogue = Dialogue::new(config("waiter"), History::default());
    assert!(dialogue.say(1, "hello".into()).is_empty());
    assert_eq!(kinds(&dialogue.on_opened()), ["session.update", "conversation.item.create"]);
    let actions = dialogue.on_event(updated());
    assert_eq!(kinds(&actions), ["response.create"]);
    assert!(actions.contains(&Action::Ready { replayed_items: 1 }));
}

#[test]
fn several_tool_calls_of_one_response_are_followed_by_one_create() {
    let mut dialogue = open();
    dialogue.say(1, "drinks?".into());
    dialogue.on_event(ServerEvent::ItemAdded { item_id: "h_1".into() });
    dialogue.on_event(ServerEvent::ResponseCreated(response("r1", Some("rc_1"), "in_progress")));
    for call in ["a", "b"] {
        let item = tool_item(call);
        dialogue.on_event(ServerEvent::OutputItemDone { response_id: "r1".into(), item });
    }
    assert_eq!(kinds(&dialogue.tool_output(&"b".into(), "{}".into())), ["conversation.item.create"]);
    assert!(
        kinds(&dialogue.on_event(ServerEvent::ResponseDone(response("r1", None, "completed")))).is_empty()
    );
    let last = dialogue.tool_output(&"a".into(), "{}".into());
    assert_eq!(kinds(&last), ["conversation.item.create", "response.create"]);
    assert_eq!(dialogue.tool_output(&"a".into(), "{}".into()), [Action::Notice(Notice::StrayOutput)]);
}

#[test]
fn a_tool_call_announced_after_the_output_of_another_is_waited_for() {
    let mut dialogue = open();
    dialogue.say(1, "revenue of March and of April?".into());
    dialogue.on_event(ServerEvent::ItemAdded { item_id: "h_1".into() });
    dialogue.on_event(ServerEvent::ResponseCreated(response("r1", Some("rc_1"), "in_progress")));
    let announced = |call| ServerEvent::OutputItemDone { response_id: "r1".into(), item: tool_item(call) };
    dialogue.on_event(announced("march"));
    dialogue.tool_output(&"march".into(), "{}".into());
    dialogue.on_event(announced("april"));
    let done = dialogue.on_event(ServerEvent::ResponseDone(response("r1", None, "completed")));
    assert!(kinds(&done).is_empty(), "{done:?}");
    let last = dialogue.tool_output(&"april".into(), "{}".into());
    assert_eq!(kinds(&last), ["conversation.item.create", "response.create"]);
}

#[test]
fn a_handoff_goes_update_ack_output_done_create() {
    let mut dialogue = open();
    dialogue.say(1, "VAT?".into());
    dialogue.on_event(ServerEvent::ItemAdded { item_id: "h_1".into() });
    dialogue.on_event(ServerEvent::ResponseCreated(response("r1", Some("rc_1"), "in_progress")));
    let item = tool_item("handoff");
    dialogue.on_event(ServerEvent::OutputItemDone { response_id: "r1".into(), item });
    assert_eq!(kinds(&dialogue.configure(config("cfo"), 7)), ["session.update"]);
    let acknowledged = dialogue.on_event(updated());
    assert_eq!(reported(&acknowledged), [&SessionEvent::Configured { revision: 7 }]);
    assert_eq!(kinds(&dialogue.tool_output(&"handoff".into(), "{}".into())), ["conversation.item.create"]);
    let done = dialogue.on_event(ServerEvent::ResponseDone(response("r1", None, "completed")));
    assert_eq!(kinds(&done), ["response.create"]);
}

#[test]
fn a_refused_update_leaves_the_old_persona_and_says_why() {
    let mut dialogue = open();
    dialogue.configure(config("cfo"), 1);
    let refused = ApiError {
        code: Some("invalid_value".into()),
        message: Some("no such thing".into()),
        param: Some("session.tools".into()),
        ..ApiError::default()
    };
    let actions = dialogue.on_event(ServerEvent::Error(refused));
    let why = "invalid_value".to_owned();
    assert_eq!(reported(&actions), [&SessionEvent::ConfigureRejected { revision: 1, why }]);
    assert!(
        dialogue
            .configure(config("waiter"), 2)
            .contains(&Action::Report(SessionEvent::Configured { revision: 2 }))
    );
}

#[test]
fn a_failed_response_is_tried_once_more_and_then_told() {
    let mut dialogue = open();
    dialogue.say(1, "hello".into());
    dialogue.on_event(ServerEvent::ItemAdded { item_id: "h_1".into() });
    let failed = |id: &str| {
        let mut response = response(id, None, "failed");
        let error = ApiError { kind: Some("server_error".into()), ..ApiError::default() };
        response.status_details = StatusDetails { reason: None, error: Some(error) };
        ServerEvent::ResponseDone(response)
    };
    dialogue.on_event(ServerEvent::ResponseCreated(response("r1", Some("rc_1"), "in_progress")));
    assert!(dialogue.on_event(failed("r1")).contains(&Action::Arm(Deadline::Retry, RETRY_WAIT)));
    assert_eq!(kinds(&dialogue.on_deadline(&Deadline::Retry)), ["response.create"]);
    dialogue.on_event(ServerEvent::ResponseCreated(response("r2", Some("rc_2"), "in_progress")));
    let told = dialogue.on_event(failed("r2"));
    let status = ResponseStatus::Failed { code: "server_error".into(), fatal: false };
    let end = ResponseEnd { status, input_tokens: 0, output_tokens: 0 };
    assert_eq!(reported(&told), [&SessionEvent::ResponseDone(end), &SessionEvent::Settled { turn: 1 }]);
}

#[test]
fn a_lost_socket_is_replaced_with_the_conversation_and_the_answer_still_owed() {
    let mut dialogue = open();
    dialogue.say(1, "hello".into());
    dialogue.on_event(ServerEvent::ItemAdded { item_id: "h_1".into() });
    dialogue.on_event(ServerEvent::ResponseCreated(response("r1", Some("rc_1"), "in_progress")));
    let delta = ServerEvent::TextDelta { response_id: "r1".into(), item_id: "i".into(), delta: "We".into() };
    dialogue.on_event(delta);
    assert_eq!(reported(&dialogue.on_lost()), [&SessionEvent::MessageCut]);
    assert!(dialogue.is_unsettled());
    assert_eq!(kinds(&dialogue.on_opened()), ["session.update", "conversation.item.create"]);
    assert_eq!(kinds(&dialogue.on_event(updated())), ["response.create"]);
}

#[test]
fn what_an_abandoned_response_still_says_is_taken_out_of_the_models_memory() {
    let mut dialogue = open();
    dialogue.say(1, "hello".into());
    dialogue.on_event(ServerEvent::ItemAdded { item_id: "h_1".into() });
    dialogue.on_event(ServerEvent::ResponseCreated(response("r1", Some("rc_1"), "in_progress")));
    assert_eq!(kinds(&dialogue.abandon()), ["response.cancel"]);
    let item = message_item("late", "too late");
    let late = dialogue.on_event(ServerEvent::OutputItemDone { response_id: "r1".into(), item });
    assert_eq!(kinds(&late), ["conversation.item.delete"]);
    let done = dialogue.on_event(ServerEvent::ResponseDone(response("r1", None, "cancelled")));
    assert_eq!(reported(&done), [&SessionEvent::Settled { turn: 1 }]);
}

#[test]
fn a_message_only_the_safety_net_saw_is_told_once() {
    let mut dialogue = open();
    dialogue.say(1, "hello".into());
    dialogue.on_event(ServerEvent::ItemAdded { item_id: "h_1".into() });
    dialogue.on_event(ServerEvent::ResponseCreated(response("r1", Some("rc_1"), "in_progress")));
    let mut done = response("r1", None, "completed");
    done.output = vec![message_item("m", "Hello!"), message_item("m", "Hello!")];
    let actions = dialogue.on_event(ServerEvent::ResponseDone(done));
    assert_eq!(reported(&actions)[0], &SessionEvent::Message { text: "Hello!".into() });
    assert_eq!(reported(&actions).len(), 3);
}

fn instructions(actions: &[Action]) -> Option<String> {
    sent(actions).into_iter().find_map(|event| match event {
        ClientEvent::SessionUpdate { session, .. } => session.instructions.clone(),
        _ => None,
    })
}

#[test]
fn a_persona_that_was_told_as_refused_is_not_in_force_on_the_next_socket() {
    let mut dialogue = open();
    dialogue.on_lost();
    dialogue.configure(config("cfo"), 1);
    let given_up = dialogue.on_given_up();
    assert!(matches!(reported(&given_up)[..], [&SessionEvent::ConfigureRejected { revision: 1, .. }]));
    dialogue.say(1, "hello".into());
    assert_eq!(instructions(&dialogue.on_opened()).as_deref(), Some("waiter"));
}

#[test]
fn a_response_that_failed_after_its_tool_call_is_answered_once() {
    let mut dialogue = open();
    dialogue.say(1, "drinks?".into());
    dialogue.on_event(ServerEvent::ItemAdded { item_id: "h_1".into() });
    dialogue.on_event(ServerEvent::ResponseCreated(response("r1", Some("rc_1"), "in_progress")));
    let item = tool_item("a");
    dialogue.on_event(ServerEvent::OutputItemDone { response_id: "r1".into(), item });
    dialogue.on_event(ServerEvent::ResponseDone(response("r1", None, "failed")));
    assert_eq!(
        kinds(&dialogue.tool_output(&"a".into(), "{}".into())),
        ["conversation.item.create", "response.create"]
    );
    dialogue.on_event(ServerEvent::ResponseCreated(response("r2", Some("rc_2"), "in_progress")));
    dialogue.on_deadline(&Deadline::Retry);
    let done = dialogue.on_event(ServerEvent::ResponseDone(response("r2", None, "completed")));
    assert!(kinds(&done).is_empty(), "a second answer to one question: {done:?}");
}

#[test]
fn nothing_is_asked_for_while_a_tool_call_is_open() {
    let mut dialogue = open();
    dialogue.say(1, "drinks?".into());
    dialogue.on_event(ServerEvent::ItemAdded { item_id: "h_1".into() });
    dialogue.on_event(ServerEvent::ResponseCreated(response("r1", Some("rc_1"), "in_progress")));
    let item = tool_item("a");
    dialogue.on_event(ServerEvent::OutputItemDone { response_id: "r1".into(), item });
    dialogue.on_event(ServerEvent::ResponseDone(response("r1", None, "failed")));
    let retried = dialogue.on_deadline(&Deadline::Retry);
    assert!(kinds(&retried).is_empty(), "a create before the output of `a`: {retried:?}");
}

#[test]
fn a_retry_that_dies_with_its_socket_does_not_keep_the_turn_open_for_ever() {
    let mut dialogue = open();
    dialogue.say(1, "drinks?".into());
    dialogue.on_event(ServerEvent::ItemAdded { item_id: "h_1".into() });
    dialogue.on_event(ServerEvent::ResponseCreated(response("r1", Some("rc_1"), "in_progress")));
    let item = tool_item("a");
    dialogue.on_event(ServerEvent::OutputItemDone { response_id: "r1".into(), item });
    dialogue.on_event(ServerEvent::ResponseDone(response("r1", None, "failed")));
    dialogue.tool_output(&"a".into(), "{}".into());
    dialogue.on_lost();
    dialogue.on_opened();
    dialogue.on_event(updated());
    dialogue.on_event(ServerEvent::ResponseCreated(response("r3", Some("rc_3"), "in_progress")));
    let done = dialogue.on_event(ServerEvent::ResponseDone(response("r3", None, "completed")));
    assert!(reported(&done).contains(&&SessionEvent::Settled { turn: 1 }), "{dialogue:?}");
}

#[test]
fn what_has_settled_does_not_settle_again() {
    let mut dialogue = open();
    dialogue.say(1, "hello".into());
    dialogue.on_event(ServerEvent::ItemAdded { item_id: "h_1".into() });
    dialogue.on_event(ServerEvent::ResponseCreated(response("r1", Some("rc_1"), "in_progress")));
    let done = dialogue.on_event(ServerEvent::ResponseDone(response("r1", None, "completed")));
    assert!(reported(&done).contains(&&SessionEvent::Settled { turn: 1 }));
    assert!(!reported(&dialogue.abandon()).contains(&&SessionEvent::Settled { turn: 1 }));
}

#[test]
fn a_tool_that_ends_after_the_giving_up_asks_for_no_answer_in_a_later_turn() {
    let mut dialogue = open();
    dialogue.say(1, "drinks?".into());
    dialogue.on_event(ServerEvent::ItemAdded { item_id: "h_1".into() });
    dialogue.on_event(ServerEvent::ResponseCreated(response("r1", Some("rc_1"), "in_progress")));
    let item = tool_item("a");
    dialogue.on_event(ServerEvent::OutputItemDone { response_id: "r1".into(), item });
    dialogue.on_given_up();
    dialogue.say(2, "hello?".into());
    dialogue.on_opened();
    dialogue.on_event(updated());
    dialogue.on_event(ServerEvent::ItemAdded { item_id: "h_4".into() });
    dialogue.on_event(ServerEvent::ItemAdded { item_id: "h_3".into() });
    dialogue.on_event(ServerEvent::ItemAdded { item_id: "h_2".into() });
    dialogue.on_event(ServerEvent::ResponseCreated(response("r2", Some("rc_2"), "in_progress")));
    let done = dialogue.on_event(ServerEvent::ResponseDone(response("r2", None, "completed")));
    assert!(
        reported(&done).contains(&&SessionEvent::Settled { turn: 2 }),
        "turn 2 waits for turn 1's tool: {dialogue:?}"
    );
}

#[test]
fn an_update_behind_a_refused_one_says_everything_that_differs_from_what_is_in_force() {
    let mut dialogue = open();
    let cfo = SessionConfig { tools: Vec::new(), ..config("cfo") };
    let host = SessionConfig { instructions: "host".into(), ..cfo.clone() };
    dialogue.configure(cfo, 1);
    let mut frames = dialogue.configure(host.clone(), 2);
    frames.extend(dialogue.on_event(error("invalid_value", Some("su_2"))));
    frames.extend(dialogue.on_event(updated()));
    let cleared = sent(&frames).into_iter().any(|event| {
        matches!(event, ClientEvent::SessionUpdate { session, .. } if session.tools.as_ref() == Some(&host.tools))
    });
    assert!(cleared, "the host keeps the waiter's tools: {frames:?}");
}

/// The model's side, as far as the rules need it; it starts responses of its own, too.
#[derive(Default)]
struct Peer {
    updates: VecDeque<String>,
    configured: bool,
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
    turns: u64,
    up: bool,
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
            turns: 0,
            up: false,
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
                Action::Report(
                    SessionEvent::Configured { revision } | SessionEvent::ConfigureRejected { revision, .. },
                ) => *self.answered_revisions.entry(revision).or_default() += 1,
                Action::Replace(_) => self.up = false,
                Action::Report(_) | Action::Ready { .. } | Action::GiveUp { .. } | Action::Notice(_) => {}
            }
        }
        if !self.up {
            self.reopen();
        }
    }

    fn check(&mut self, event: ClientEvent) {
        match event {
            ClientEvent::SessionUpdate { event_id, .. } => self.peer.updates.push_back(event_id),
            ClientEvent::ItemCreate { item, .. } => {
                let first_update = !self.peer.configured && self.peer.updates.len() == 1;
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
            ClientEvent::ResponseCreate { event_id, .. } => {
                assert!(
                    self.peer.configured && self.peer.updates.is_empty(),
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
                let actions =
                    self.dialogue.configure(config(&format!("p{}", self.revisions % 3)), self.revisions);
                self.take(actions);
            }
            2 | 3 => self.answer_update(op % 18 == 3),
            4 => self.answer_create(),
            5 if self.peer.active.is_none() && self.peer.configured => self.begin(None),
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
        let Some(event_id) = self.peer.updates.pop_front() else {
            return;
        };
        if refuse && self.peer.configured {
            self.hear(error("invalid_value", Some(&event_id)));
        } else {
            self.peer.configured = true;
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
    #![proptest_config(ProptestConfig { cases: 1024, ..ProptestConfig::default() })]

    #[test]
    fn in_any_order_of_events_there_is_one_create_at_a_time_and_one_output_a_call(
        ops in proptest::collection::vec(any::<u8>(), 0..160)
    ) {
        let mut game = Game::new();
        for op in ops {
            game.step(op);
        }
        game.settle();
        prop_assert!(!game.dialogue.is_unsettled(), "something is owed: {:?}", game.dialogue);
        prop_assert!(game.dialogue.open.is_empty());
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
