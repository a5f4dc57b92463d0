//! The conversation under test, rule by rule. Random orders of events are in [`game`].

mod game;
mod remember;
mod speech;
mod stuck;
mod succession;

use serde_json::json;

use super::*;
use crate::protocol::openai::{
    ApiError, EchoedSession, Item, ItemPart, Response, ServerEvent, StatusDetails,
};
use crate::session::config::tests::config;
use crate::session::{Way, Why};

fn sent(actions: &[Action]) -> Vec<&ClientEvent> {
    actions
        .iter()
        .filter_map(|action| match action {
            Action::Send(event) | Action::Prime(event) => Some(event),
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

fn realtime() -> Capability {
    Capability::of("gpt-realtime-2.1")
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
    let mut dialogue = Dialogue::new(config("waiter"), History::default(), realtime());
    assert_eq!(kinds(&dialogue.on_opened(realtime())), ["session.update"]);
    dialogue.on_next_event(&updated());
    dialogue
}

/// A conversation whose caller has said something, and whose first response `r1` is under way.
fn answering() -> Dialogue {
    let mut dialogue = open();
    dialogue.say(1, "drinks?".into());
    dialogue.on_event(ServerEvent::ItemAdded { item_id: "h_1".into() });
    dialogue.on_event(ServerEvent::ResponseCreated(response("r1", Some("rc_1"), "in_progress")));
    dialogue
}

#[test]
fn nothing_is_asked_for_before_the_first_update_is_acknowledged() {
    let mut dialogue = Dialogue::new(config("waiter"), History::default(), realtime());
    assert!(dialogue.say(1, "hello".into()).is_empty());
    assert_eq!(kinds(&dialogue.on_opened(realtime())), ["session.update", "conversation.item.create"]);
    let actions = dialogue.on_next_event(&updated());
    assert_eq!(kinds(&actions), ["response.create"]);
    assert!(actions.contains(&Action::Switch { why: Why::Lost, replayed_items: 1 }));
}

#[test]
fn several_tool_calls_of_one_response_are_followed_by_one_create() {
    let mut dialogue = answering();
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
    let mut dialogue = answering();
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
    let mut dialogue = answering();
    let item = tool_item("handoff");
    dialogue.on_event(ServerEvent::OutputItemDone { response_id: "r1".into(), item });
    assert_eq!(kinds(&dialogue.configure(config("cfo"), 7)), ["session.update"]);
    let acknowledged = dialogue.on_event(updated());
    assert_eq!(reported(&acknowledged), [&SessionEvent::Configured { revision: 7, way: Way::Update }]);
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
            .contains(&Action::Report(SessionEvent::Configured { revision: 2, way: Way::Update }))
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
    let end = ResponseEnd { response: Some("r2".into()), status, usage: crate::usage::Usage::default() };
    assert_eq!(reported(&told), [&SessionEvent::ResponseDone(end), &SessionEvent::Settled { turn: 1 }]);
}

#[test]
fn a_lost_socket_is_replaced_with_the_conversation_and_the_answer_still_owed() {
    let mut dialogue = answering();
    let delta = ServerEvent::TextDelta { response_id: "r1".into(), item_id: "i".into(), delta: "We".into() };
    dialogue.on_event(delta);
    assert_eq!(reported(&dialogue.on_lost()), [&SessionEvent::MessageCut]);
    assert!(dialogue.is_unsettled());
    assert_eq!(kinds(&dialogue.on_opened(realtime())), ["session.update", "conversation.item.create"]);
    assert_eq!(kinds(&dialogue.on_next_event(&updated())), ["response.create"]);
}

#[test]
fn what_an_abandoned_response_still_says_is_taken_out_of_the_models_memory() {
    let mut dialogue = answering();
    assert_eq!(kinds(&dialogue.abandon()), ["response.cancel"]);
    let item = message_item("late", "too late");
    let late = dialogue.on_event(ServerEvent::OutputItemDone { response_id: "r1".into(), item });
    assert_eq!(kinds(&late), ["conversation.item.delete"]);
    let done = dialogue.on_event(ServerEvent::ResponseDone(response("r1", None, "cancelled")));
    assert!(matches!(
        reported(&done)[..],
        [SessionEvent::ResponseDone(_), SessionEvent::Settled { turn: 1 }]
    ));
}

#[test]
fn a_message_only_the_safety_net_saw_is_told_once() {
    let mut dialogue = answering();
    let mut done = response("r1", None, "completed");
    done.output = vec![message_item("m", "Hello!"), message_item("m", "Hello!")];
    let actions = dialogue.on_event(ServerEvent::ResponseDone(done));
    let message =
        SessionEvent::Message { response: Some("r1".into()), item_id: "m".into(), text: "Hello!".into() };
    assert_eq!(reported(&actions)[0], &message);
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
    assert_eq!(instructions(&dialogue.on_opened(realtime())).as_deref(), Some("waiter"));
}

#[test]
fn a_response_that_failed_after_its_tool_call_is_answered_once() {
    let mut dialogue = answering();
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
    let mut dialogue = answering();
    let item = tool_item("a");
    dialogue.on_event(ServerEvent::OutputItemDone { response_id: "r1".into(), item });
    dialogue.on_event(ServerEvent::ResponseDone(response("r1", None, "failed")));
    let retried = dialogue.on_deadline(&Deadline::Retry);
    assert!(kinds(&retried).is_empty(), "a create before the output of `a`: {retried:?}");
}

#[test]
fn a_retry_that_dies_with_its_socket_does_not_keep_the_turn_open_for_ever() {
    let mut dialogue = answering();
    let item = tool_item("a");
    dialogue.on_event(ServerEvent::OutputItemDone { response_id: "r1".into(), item });
    dialogue.on_event(ServerEvent::ResponseDone(response("r1", None, "failed")));
    dialogue.tool_output(&"a".into(), "{}".into());
    dialogue.on_lost();
    dialogue.on_opened(realtime());
    dialogue.on_next_event(&updated());
    dialogue.on_event(ServerEvent::ResponseCreated(response("r3", Some("rc_3"), "in_progress")));
    let done = dialogue.on_event(ServerEvent::ResponseDone(response("r3", None, "completed")));
    assert!(reported(&done).contains(&&SessionEvent::Settled { turn: 1 }), "{dialogue:?}");
}

#[test]
fn what_has_settled_does_not_settle_again() {
    let mut dialogue = answering();
    let done = dialogue.on_event(ServerEvent::ResponseDone(response("r1", None, "completed")));
    assert!(reported(&done).contains(&&SessionEvent::Settled { turn: 1 }));
    assert!(!reported(&dialogue.abandon()).contains(&&SessionEvent::Settled { turn: 1 }));
}

#[test]
fn a_tool_that_ends_after_the_giving_up_asks_for_no_answer_in_a_later_turn() {
    let mut dialogue = answering();
    let item = tool_item("a");
    dialogue.on_event(ServerEvent::OutputItemDone { response_id: "r1".into(), item });
    dialogue.on_given_up();
    dialogue.say(2, "hello?".into());
    dialogue.on_opened(realtime());
    dialogue.on_next_event(&updated());
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
    frames.extend(dialogue.on_event(error("invalid_value", Some("su_1"))));
    frames.extend(dialogue.on_event(updated()));
    let cleared = sent(&frames).into_iter().any(|event| {
        matches!(event, ClientEvent::SessionUpdate { session, .. } if session.tools.as_ref() == Some(&host.tools))
    });
    assert!(cleared, "the host keeps the waiter's tools: {frames:?}");
}
