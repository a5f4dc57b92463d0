//! Summaries of a conversation that has become long.

use super::*;

/// A turn of the caller's, answered.
fn turn(dialogue: &mut Dialogue, number: u64) -> Vec<Action> {
    let item =
        sent(&dialogue.say(number, format!("question {number}"))).into_iter().find_map(|event| match event {
            ClientEvent::ItemCreate { item: NewItem::Message { id, .. }, .. } => Some(id.clone()),
            _ => None,
        });
    dialogue.on_event(ServerEvent::ItemAdded { item_id: item.unwrap() });
    let id = format!("r{number}");
    let token = format!("rc_{number}");
    dialogue.on_event(ServerEvent::ResponseCreated(response(&id, Some(&token), "in_progress")));
    let item = message_item(&format!("m{number}"), "Yes.");
    dialogue.on_event(ServerEvent::OutputItemDone { response_id: id.as_str().into(), item });
    dialogue.on_event(ServerEvent::ResponseDone(response(&id, Some(&token), "completed")))
}

/// A conversation so long that a summary was asked for; what asked for it.
fn long() -> (Dialogue, Vec<Action>) {
    let mut dialogue = open();
    for number in 1..60 {
        let actions = turn(&mut dialogue, number);
        if !kinds(&actions).is_empty() {
            return (dialogue, actions);
        }
    }
    panic!("no summary was asked for")
}

fn summary(status: &str, text: &str) -> ServerEvent {
    let mut done = response("s1", Some("summary_1"), status);
    done.output = vec![message_item("sm", text)];
    ServerEvent::ResponseDone(done)
}

fn replayed(dialogue: &mut Dialogue) -> usize {
    dialogue.on_lost();
    kinds(&dialogue.on_opened(realtime())).iter().filter(|kind| *kind == "conversation.item.create").count()
}

#[test]
fn a_long_conversation_is_summarised_beside_itself_and_only_another_socket_is_given_that() {
    let (mut dialogue, asked) = long();
    let [ClientEvent::ResponseCreate { event_id, response: params }] = sent(&asked)[..] else {
        panic!("{asked:?}")
    };
    assert_eq!((event_id.as_str(), params.conversation), ("summary_1", Some("none")));
    dialogue.on_event(ServerEvent::ResponseCreated(response("s1", Some("summary_1"), "in_progress")));
    let delta =
        ServerEvent::TextDelta { response_id: "s1".into(), item_id: "sm".into(), delta: "Many".into() };
    assert!(dialogue.on_event(delta).is_empty(), "the caller hears nothing of it");
    let item = message_item("sm", "Many questions.");
    assert!(dialogue.on_event(ServerEvent::OutputItemDone { response_id: "s1".into(), item }).is_empty());
    let made = dialogue.on_event(summary("completed", "Many questions."));
    assert!(kinds(&made).is_empty(), "the present socket keeps its items");
    let [SessionEvent::Summarised { through_turn, text, .. }] = reported(&made)[..] else {
        panic!("{made:?}")
    };
    assert_eq!((*through_turn, text.as_str()), (11, "Many questions."));
    assert_eq!(replayed(&mut dialogue), 41);
}

#[test]
fn an_answer_does_not_wait_for_a_summary() {
    let (mut dialogue, _) = long();
    let turns = dialogue.turn;
    let said = dialogue.say(turns + 1, "and tea?".into());
    assert_eq!(kinds(&said), ["conversation.item.create", "response.create"]);
}

#[test]
fn a_summary_that_does_not_come_costs_nothing_and_is_tried_later() {
    for trouble in [
        Some(summary("failed", "")),
        Some(summary("completed", "  ")),
        Some(error("rate_limit_exceeded", Some("summary_1"))),
        None,
    ] {
        let (mut dialogue, _) = long();
        let before = dialogue.history.len();
        let actions = match trouble {
            Some(event) => dialogue.on_event(event),
            None => dialogue.on_deadline(&Deadline::Summary("summary_1".into())),
        };
        assert!(actions.is_empty(), "{actions:?}");
        let next = dialogue.turn + 1;
        assert!(kinds(&turn(&mut dialogue, next)).is_empty(), "not at once");
        assert_eq!(dialogue.history.len(), before + 2);
        let again = (next + 1..next + 6).flat_map(|number| kinds(&turn(&mut dialogue, number)));
        assert_eq!(again.collect::<Vec<_>>(), ["response.create"]);
        assert_eq!(replayed(&mut dialogue), dialogue.history.len());
    }
}

#[test]
fn a_summary_dies_with_its_socket_and_another_is_asked_for() {
    let (mut dialogue, _) = long();
    let next = dialogue.turn + 1;
    assert!(replayed(&mut dialogue) > 40);
    dialogue.on_next_event(&updated());
    assert!(reported(&dialogue.on_event(summary("completed", "Many."))).is_empty());
    assert_eq!(kinds(&turn(&mut dialogue, next)), ["response.create"]);
}

#[test]
fn a_client_that_deletes_what_was_summarised_leaves_the_summary() {
    let (mut dialogue, _) = long();
    dialogue.on_event(summary("completed", "Many questions."));
    let held = dialogue.history.len();
    for number in 1..=11 {
        let order = crate::session::ClientOrder::Delete(format!("m{number}").as_str().into());
        assert!(dialogue.on_client(order, |_| None).is_empty());
    }
    assert_eq!(dialogue.history.len(), held);
}
