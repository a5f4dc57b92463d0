//! One socket takes the place of another, rule by rule.

use super::*;
use crate::session::config::tests::spoken;
use crate::session::restore::{Life, Stage};

/// A waiter who has been heard, whose answer `r1` asks to hand the caller over to someone with another voice.
fn handing_over() -> Dialogue {
    let mut dialogue = Dialogue::new(spoken("waiter", "marin"), History::default(), realtime());
    dialogue.on_opened(realtime());
    dialogue.on_next_event(&updated());
    dialogue.prompt(1, "Greet the caller.".into());
    dialogue.on_event(ServerEvent::ResponseCreated(response("r1", Some("rc_1"), "in_progress")));
    let words =
        ServerEvent::TextDelta { response_id: "r1".into(), item_id: "m1".into(), delta: "Hello.".into() };
    dialogue.on_event(words);
    let item = message_item("m1", "Hello.");
    dialogue.on_event(ServerEvent::OutputItemDone { response_id: "r1".into(), item });
    let item = tool_item("handoff");
    dialogue.on_event(ServerEvent::OutputItemDone { response_id: "r1".into(), item });
    let asked = dialogue.configure(spoken("cfo", "cedar"), 7);
    assert_eq!(asked, [Action::Open(Why::Voice)], "the present session keeps its voice");
    dialogue
}

fn end_of_answer() -> ServerEvent {
    ServerEvent::ResponseDone(response("r1", Some("rc_1"), "completed"))
}

fn added(dialogue: &mut Dialogue, opened: &[Action]) -> Vec<Action> {
    let ids: Vec<ItemId> = sent(opened)
        .into_iter()
        .filter_map(|event| match event {
            ClientEvent::ItemCreate { event_id, .. } => event_id.strip_prefix("ic_").map(ItemId::from),
            _ => None,
        })
        .collect();
    ids.into_iter().flat_map(|item_id| dialogue.on_next_event(&ServerEvent::ItemAdded { item_id })).collect()
}

#[test]
fn a_handoff_to_another_voice_goes_done_switch_output_create() {
    let mut dialogue = handing_over();
    let opened = dialogue.on_opened(realtime());
    assert_eq!(kinds(&opened)[0], "session.update");
    assert!(kinds(&opened)[1..].iter().all(|kind| kind == "conversation.item.create"), "{opened:?}");
    dialogue.on_next_event(&updated());
    assert!(added(&mut dialogue, &opened).is_empty(), "the answer under way is not left");
    let switched = dialogue.on_event(end_of_answer());
    let items = Action::Switch { why: Why::Voice, replayed_items: 3 };
    let configured = SessionEvent::Configured { revision: 7, way: Way::Replacement };
    let at = |wanted: &Action| switched.iter().position(|action| action == wanted).expect("it is decided");
    assert!(at(&items) < at(&Action::Report(configured)), "{switched:?}");
    assert!(
        sent(&switched).is_empty(),
        "nothing changed since it was given, and the old persona is not asked"
    );
    let output = dialogue.tool_output(&"handoff".into(), "{}".into());
    assert_eq!(kinds(&output), ["conversation.item.create", "response.create"]);
}

#[test]
fn a_replacement_that_is_refused_leaves_the_old_persona_in_force() {
    let mut dialogue = handing_over();
    dialogue.on_opened(realtime());
    let refused = dialogue.on_next_event(&error("invalid_value", Some("sn_1")));
    let rejected = SessionEvent::ConfigureRejected { revision: 7, why: "invalid_value".into() };
    assert_eq!(reported(&refused), [&rejected]);
    assert!(refused.contains(&Action::Discard("invalid_value".into())), "{refused:?}");
    dialogue.on_event(end_of_answer());
    let output = dialogue.tool_output(&"handoff".into(), "{}".into());
    assert_eq!(kinds(&output), ["conversation.item.create", "response.create"], "the waiter goes on");
}

#[test]
fn a_voice_that_is_refused_as_locked_takes_another_socket() {
    let mut dialogue = Dialogue::new(spoken("waiter", "marin"), History::default(), realtime());
    dialogue.on_opened(realtime());
    dialogue.on_next_event(&updated());
    assert_eq!(kinds(&dialogue.configure(spoken("cfo", "cedar"), 1)), ["session.update"]);
    let refused = dialogue.on_event(error("cannot_update_voice", None));
    assert!(refused.contains(&Action::Open(Why::Voice)) && reported(&refused).is_empty(), "{refused:?}");
}

#[test]
fn a_socket_lost_while_its_successor_waits_costs_no_time() {
    let mut dialogue = handing_over();
    let opened = dialogue.on_opened(realtime());
    dialogue.on_next_event(&updated());
    added(&mut dialogue, &opened);
    let lost = dialogue.on_lost();
    assert!(lost.iter().any(|action| matches!(action, Action::Switch { why: Why::Lost, .. })), "{lost:?}");
}

#[test]
fn a_sick_socket_whose_successor_is_ready_is_left_for_it() {
    let mut dialogue = answering();
    dialogue.retries = 1;
    dialogue.on_deadline(&Deadline::Age(Stage::Early));
    let opened = dialogue.on_opened(realtime());
    dialogue.on_next_event(&updated());
    added(&mut dialogue, &opened);
    let mut failed = response("r1", Some("rc_1"), "failed");
    let error = ApiError { kind: Some("server_error".into()), ..ApiError::default() };
    failed.status_details = StatusDetails { reason: None, error: Some(error) };
    let actions = dialogue.on_event(ServerEvent::ResponseDone(failed));
    let at = |wanted: fn(&Action) -> bool| actions.iter().position(wanted);
    let replaced = at(|action| matches!(action, Action::Replace(_)));
    let switched = at(|action| matches!(action, Action::Switch { .. }));
    assert!(switched.is_some() && replaced < switched, "{actions:?}");
}

#[test]
fn an_old_session_whose_successor_was_taken_for_another_voice_looks_for_one_again() {
    let mut dialogue = handing_over();
    dialogue.age.stage = Some(Stage::Early);
    let back = dialogue.configure(spoken("waiter", "marin"), 8);
    let discarded = back.iter().position(|action| matches!(action, Action::Discard(_)));
    let opened = back.iter().position(|action| *action == Action::Open(Why::Age));
    assert!(discarded.is_some() && discarded < opened, "{back:?}");
}

#[test]
fn an_old_session_waits_for_a_quiet_moment_and_looks_again_when_there_is_no_other() {
    let mut dialogue = open();
    let life = Life::new(Some(3_600), 0, std::time::Duration::from_secs(3_600), 1.0);
    dialogue.age.life = Some(life);
    dialogue.say(1, "hello".into());
    let early = dialogue.on_deadline(&Deadline::Age(Stage::Early));
    assert!(early.contains(&Action::Open(Why::Age)), "{early:?}");
    let failed = dialogue.on_next_lost("refused");
    assert!(failed.contains(&Action::Arm(Deadline::Again, life.again_after())), "{failed:?}");
    assert_eq!(dialogue.on_deadline(&Deadline::Again), [Action::Open(Why::Age)]);
    let opened = dialogue.on_opened(realtime());
    dialogue.on_next_event(&updated());
    assert!(added(&mut dialogue, &opened).is_empty(), "an answer is asked for");
    dialogue.on_event(ServerEvent::ItemAdded { item_id: "h_1".into() });
    dialogue.on_event(ServerEvent::ResponseCreated(response("r1", Some("rc_1"), "in_progress")));
    let done = dialogue.on_event(end_of_answer());
    assert!(done.iter().any(|action| matches!(action, Action::Switch { why: Why::Age, .. })), "{done:?}");
}
