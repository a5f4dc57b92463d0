//! What only a spoken conversation does.

mod client;
mod game;

use super::*;
use crate::session::HeardPart;
use crate::session::config::tests::spoken;

/// A spoken conversation whose first update is acknowledged.
fn open_line() -> Dialogue {
    let mut dialogue = Dialogue::new(spoken("waiter", "marin"), History::default(), realtime());
    dialogue.on_opened(realtime());
    dialogue.on_next_event(&updated());
    dialogue
}

fn words(item: &str, text: &str) -> ServerEvent {
    ServerEvent::TextDelta { response_id: "r1".into(), item_id: item.into(), delta: text.into() }
}

fn done(item: &str, text: &str) -> ServerEvent {
    ServerEvent::OutputItemDone { response_id: "r1".into(), item: message_item(item, text) }
}

/// The caller has said something in turn 1, and the answer `r1` is under way.
fn answering() -> Dialogue {
    let mut dialogue = open_line();
    let said = dialogue.on_event(ServerEvent::Committed { item_id: "u1".into() });
    assert_eq!(reported(&said), [&SessionEvent::CallerSaid { item_id: "u1".into() }]);
    assert!(sent(&said).is_empty(), "whether it is answered is for the owner to say");
    assert_eq!(kinds(&dialogue.answer(1)), ["response.create"]);
    dialogue.on_event(ServerEvent::ResponseCreated(response("r1", Some("rc_1"), "in_progress")));
    dialogue
}

fn part(item: &str, played_ms: u64, sent_ms: u64) -> HeardPart {
    HeardPart { item_id: item.into(), played_ms, sent_ms }
}

fn heard(actions: &[Action]) -> Vec<(String, u64, String)> {
    reported(actions)
        .into_iter()
        .filter_map(|event| match event {
            SessionEvent::Heard { item_id, played_ms, heard } => {
                Some((item_id.to_string(), *played_ms, heard.clone()))
            }
            _ => None,
        })
        .collect()
}

#[test]
fn what_was_heard_is_what_is_remembered() {
    let mut dialogue = answering();
    dialogue.on_event(words("m1", "We have coffee, tea and juice."));
    dialogue.on_event(done("m1", "We have coffee, tea and juice."));
    dialogue.on_event(ServerEvent::ResponseDone(response("r1", Some("rc_1"), "completed")));
    // Generated long ago, heard half: 30 characters in 1,800 ms.
    let actions = dialogue.interrupted(&[part("m1", 900, 1_800)]);
    assert_eq!(kinds(&actions), ["conversation.item.truncate"], "there is nothing to cancel any more");
    assert_eq!(heard(&actions), [("m1".into(), 900, "We have coffee,".into())]);
    assert_eq!(dialogue.history.words(&"m1".into()), Some("We have coffee,"));
}

#[test]
fn an_answer_under_way_is_cancelled_and_its_messages_cut_each_where_it_was() {
    let mut dialogue = answering();
    dialogue.on_event(words("m1", "One moment."));
    dialogue.on_event(done("m1", "One moment."));
    dialogue.on_event(words("m2", "The soup is leek, and the fish is tilapia."));
    let actions = dialogue.interrupted(&[part("m2", 600, 1_200), part("m3", 0, 400)]);
    assert_eq!(kinds(&actions), ["response.cancel", "conversation.item.truncate"]);
    assert_eq!(heard(&actions), [("m2".into(), 600, "The soup".into())]);
    // What still comes of them is passed over.
    assert!(reported(&dialogue.on_event(words("m2", "more"))).is_empty());
    assert!(dialogue.on_event(done("m2", "The soup is leek, and")).is_empty());
    let end = dialogue.on_event(ServerEvent::ResponseDone(response("r1", Some("rc_1"), "cancelled")));
    assert!(
        matches!(reported(&end)[..], [SessionEvent::ResponseDone(_), SessionEvent::Settled { turn: 1 }]),
        "{end:?}"
    );
}

#[test]
fn an_answer_that_the_server_stopped_by_itself_is_remembered_as_far_as_it_was_heard() {
    let mut dialogue = answering();
    let text = "The soup is leek, and the fish is tilapia.";
    dialogue.on_event(words("m1", text));
    let mut stopped = message_item("m1", text);
    stopped.status = Some("incomplete".to_owned());
    dialogue.on_event(ServerEvent::OutputItemDone { response_id: "r1".into(), item: stopped });
    let end = dialogue.on_event(ServerEvent::ResponseDone(response("r1", Some("rc_1"), "cancelled")));
    assert!(!reported(&end).iter().any(|event| matches!(event, SessionEvent::Message { .. })), "{end:?}");
    // 700 ms of audio had come when it was stopped, and all its words.
    let actions = dialogue.interrupted(&[part("m1", 600, 700)]);
    assert_eq!(kinds(&actions), ["conversation.item.truncate"]);
    assert_eq!(heard(&actions), [("m1".into(), 600, "The soup".into())]);
}

#[test]
fn of_what_nobody_heard_nothing_stays() {
    let mut dialogue = answering();
    dialogue.on_event(words("m1", "Welcome."));
    dialogue.on_event(done("m1", "Welcome."));
    dialogue.on_event(words("m2", "We also"));
    let actions = dialogue.interrupted(&[part("m1", 0, 480)]);
    assert_eq!(kinds(&actions), ["response.cancel", "conversation.item.delete", "conversation.item.delete"]);
    assert_eq!(heard(&actions).len(), 2);
    assert_eq!(dialogue.history.words(&"m1".into()), None);
}

#[test]
fn a_message_heard_to_its_end_is_left_alone_and_none_is_cut_twice() {
    let mut dialogue = answering();
    dialogue.on_event(done("m1", "Welcome."));
    assert!(heard(&dialogue.interrupted(&[part("m1", 460, 480)])).is_empty());
    let mut dialogue = answering();
    dialogue.on_event(done("m1", "Welcome to the house."));
    assert_eq!(heard(&dialogue.interrupted(&[part("m1", 600, 1_260)])).len(), 1);
    assert!(dialogue.interrupted(&[part("m1", 900, 1_260)]).is_empty());
}

#[test]
fn the_callers_words_may_be_written_down_long_after_they_were_answered() {
    let mut dialogue = answering();
    dialogue.on_event(done("m1", "Coffee, then."));
    let late = ServerEvent::Transcribed { item_id: "u1".into(), transcript: " a coffee please\n".into() };
    let actions = dialogue.on_event(late);
    assert!(actions.contains(&Action::Understood("u1".into())));
    let told = SessionEvent::CallerTranscribed { item_id: "u1".into(), text: "a coffee please".into() };
    assert_eq!(reported(&actions), [&told]);
    assert_eq!(dialogue.history.words(&"u1".into()), Some("a coffee please"));
}

#[test]
fn a_socket_lost_in_an_answer_costs_no_word_and_repeats_none() {
    let mut dialogue = answering();
    dialogue.on_event(ServerEvent::Transcribed { item_id: "u1".into(), transcript: "drinks?".into() });
    dialogue.on_event(words("m1", "We have coffee, tea and juice."));
    // 960 ms of G.711 have come: 16 characters of it.
    dialogue.note_received("m1".into(), 960 * 8 * 4 / 3);
    let lost = dialogue.on_lost();
    assert_eq!(heard(&lost), [("m1".into(), 960, "We have coffee,".into())]);
    let opened = dialogue.on_opened(realtime());
    let replayed: Vec<_> =
        sent(&opened).into_iter().map(|event| serde_json::to_string(event).unwrap()).collect();
    assert!(replayed[2].contains("We have coffee,\"") && !replayed[2].contains("juice"), "{}", replayed[2]);
    assert!(replayed[3].contains("Go on from there"), "{}", replayed[3]);
    assert_eq!(kinds(&dialogue.on_next_event(&updated())), ["response.create"]);
}

#[test]
fn a_socket_lost_behind_a_message_is_asked_to_go_on_since_nobody_knows_that_it_was_all() {
    let mut dialogue = answering();
    dialogue.on_event(ServerEvent::Transcribed { item_id: "u1".into(), transcript: "drinks?".into() });
    dialogue.on_event(words("m1", "Let me check."));
    dialogue.on_event(done("m1", "Let me check."));
    dialogue.on_lost();
    let opened = dialogue.on_opened(realtime());
    let note = serde_json::to_string(sent(&opened).last().unwrap()).unwrap();
    assert!(note.contains("has heard: \\\"Let me check.") && note.contains("Go on"), "{note}");
    assert_eq!(kinds(&dialogue.on_next_event(&updated())), ["response.create"]);
}

#[test]
fn words_whose_answer_had_no_audio_yet_are_heard_again() {
    let mut dialogue = answering();
    let first = dialogue.on_event(words("m1", "We have"));
    assert!(!first.contains(&Action::Understood("u1".into())), "nobody has heard an answer");
    dialogue.note_received("m1".into(), 0);
    dialogue.on_lost();
    assert_eq!(kinds(&dialogue.on_opened(realtime())), ["session.update"]);
    assert!(sent(&dialogue.on_next_event(&updated())).is_empty());
}

#[test]
fn what_was_cut_after_a_reconnect_is_remembered_as_heard() {
    let mut dialogue = answering();
    dialogue.on_event(ServerEvent::Transcribed { item_id: "u1".into(), transcript: "drinks?".into() });
    dialogue.on_event(done("m1", "We have coffee, tea and juice."));
    dialogue.on_event(ServerEvent::ResponseDone(response("r1", Some("rc_1"), "completed")));
    dialogue.on_lost();
    dialogue.on_opened(realtime());
    dialogue.on_next_event(&updated());
    let actions = dialogue.interrupted(&[part("m1", 900, 1_800)]);
    assert_eq!(kinds(&actions), ["conversation.item.delete", "conversation.item.create"]);
    assert_eq!(heard(&actions), [("m1".into(), 900, "We have coffee,".into())]);
    let again = serde_json::to_string(sent(&actions)[1]).unwrap();
    assert!(again.contains("We have coffee,\"") && !again.contains("juice"), "{again}");
}

#[test]
fn an_aside_that_was_stopped_is_no_part_of_the_conversation() {
    let mut dialogue = answering();
    dialogue.on_event(ServerEvent::OutputItemDone { response_id: "r1".into(), item: tool_item("c1") });
    dialogue.on_event(ServerEvent::ResponseDone(response("r1", Some("rc_1"), "completed")));
    dialogue.say_aside("One moment.");
    dialogue.on_event(ServerEvent::ResponseCreated(response("ra", Some("aside_1"), "in_progress")));
    let stopped = dialogue.interrupted(&[part("ma", 100, 200)]);
    assert!(stopped.contains(&Action::Refuse("ra".into())));
    let late = ServerEvent::TextDelta { response_id: "ra".into(), item_id: "ma".into(), delta: "mom".into() };
    assert!(dialogue.on_event(late).is_empty());
    let item = message_item("ma", "One mom");
    assert!(dialogue.on_event(ServerEvent::OutputItemDone { response_id: "ra".into(), item }).is_empty());
}

#[test]
fn an_answer_that_was_given_up_is_told_to_have_ended() {
    let mut dialogue = answering();
    dialogue.abandon();
    let end = dialogue.on_event(ServerEvent::ResponseDone(response("r1", Some("rc_1"), "cancelled")));
    assert!(
        matches!(reported(&end)[..], [SessionEvent::ResponseDone(_), SessionEvent::Settled { .. }]),
        "{end:?}"
    );
}

#[test]
fn words_that_were_never_understood_are_heard_again_by_the_next_socket() {
    let mut dialogue = answering();
    let lost = dialogue.on_lost();
    assert!(!lost.contains(&Action::Understood("u1".into())), "their audio is still needed");
    let opened = dialogue.on_opened(realtime());
    assert_eq!(kinds(&opened), ["session.update"], "there is nothing to replay");
    let updated = dialogue.on_next_event(&updated());
    assert!(sent(&updated).is_empty(), "they are answered when they have been heard");
}

#[test]
fn a_caller_who_talks_past_a_slow_tool_is_answered() {
    let mut dialogue = answering();
    dialogue.on_event(ServerEvent::OutputItemDone { response_id: "r1".into(), item: tool_item("c1") });
    dialogue.on_event(ServerEvent::ResponseDone(response("r1", Some("rc_1"), "completed")));
    assert_eq!(kinds(&dialogue.say_aside("One moment.")), ["response.create"]);
    dialogue.on_event(ServerEvent::ResponseCreated(response("ra", Some("aside_1"), "in_progress")));
    let said = ServerEvent::TextDelta { response_id: "ra".into(), item_id: "ma".into(), delta: "One".into() };
    assert!(reported(&dialogue.on_event(said)).is_empty(), "it is no part of the conversation");
    let actions = dialogue.interrupted(&[part("ma", 100, 200)]);
    assert_eq!(kinds(&actions), ["response.cancel"], "and there is nothing of it to truncate");
    dialogue.on_event(ServerEvent::Committed { item_id: "u2".into() });
    assert_eq!(kinds(&dialogue.answer(2)), ["response.create"]);
    dialogue.on_event(ServerEvent::ResponseCreated(response("r2", Some("rc_2"), "in_progress")));
    let end = dialogue.on_event(ServerEvent::ResponseDone(response("r2", Some("rc_2"), "completed")));
    assert!(!reported(&end).iter().any(|event| matches!(event, SessionEvent::Settled { .. })));
    assert_eq!(
        kinds(&dialogue.tool_output(&"c1".into(), "{}".into())),
        ["conversation.item.create", "response.create"]
    );
}

#[test]
fn an_answer_waits_until_the_aside_is_over() {
    let mut dialogue = answering();
    dialogue.on_event(ServerEvent::OutputItemDone { response_id: "r1".into(), item: tool_item("c1") });
    assert!(dialogue.say_aside("One moment.").is_empty(), "the response is still under way");
    dialogue.on_event(ServerEvent::ResponseDone(response("r1", Some("rc_1"), "completed")));
    dialogue.say_aside("One moment.");
    dialogue.on_event(ServerEvent::ResponseCreated(response("ra", Some("aside_1"), "in_progress")));
    assert_eq!(kinds(&dialogue.tool_output(&"c1".into(), "{}".into())), ["conversation.item.create"]);
    let end = dialogue.on_event(ServerEvent::ResponseDone(response("ra", Some("aside_1"), "completed")));
    assert_eq!(kinds(&end), ["response.create"]);
}

#[test]
fn an_aside_does_not_outlive_its_socket() {
    let mut dialogue = answering();
    dialogue.on_event(ServerEvent::OutputItemDone { response_id: "r1".into(), item: tool_item("c1") });
    dialogue.on_event(ServerEvent::ResponseDone(response("r1", Some("rc_1"), "completed")));
    dialogue.say_aside("One moment.");
    dialogue.on_lost();
    dialogue.on_opened(realtime());
    dialogue.on_next_event(&updated());
    let output = dialogue.tool_output(&"c1".into(), "{}".into());
    assert_eq!(kinds(&output), ["conversation.item.create", "response.create"]);
}

#[test]
fn what_the_server_stops_since_the_caller_speaks_is_not_cancelled_too() {
    let mut dialogue = answering();
    dialogue.on_event(words("m1", "The soup is leek, and the fish is tilapia."));
    dialogue.on_event(ServerEvent::SpeechStarted { item_id: Some("u1".into()), at_ms: 0 });
    let actions = dialogue.interrupted(&[part("m1", 600, 1_200)]);
    assert_eq!(kinds(&actions), ["conversation.item.truncate"]);
}

#[test]
fn noise_is_forgotten() {
    let mut dialogue = open_line();
    dialogue.on_event(ServerEvent::Committed { item_id: "u1".into() });
    assert_eq!(kinds(&dialogue.ignore(&"u1".into())), ["conversation.item.delete"]);
    assert!(dialogue.history.is_empty());
}

#[test]
fn a_prompt_of_the_service_is_acted_on_at_once() {
    let mut dialogue = open_line();
    let actions = dialogue.prompt(1, "Greet the caller.".into());
    assert_eq!(kinds(&actions), ["conversation.item.create", "response.create"]);
}
