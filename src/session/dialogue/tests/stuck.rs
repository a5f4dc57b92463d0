//! Responses that do not come, or not to their end.

use super::*;
use crate::session::config::tests::spoken;

/// The looks that find nothing new until something is done about it.
fn wait_in_vain(dialogue: &mut Dialogue, number: u64) -> Vec<Action> {
    for _ in 0..32 {
        let actions = dialogue.on_deadline(&Deadline::Progress(number));
        if !matches!(actions[..], [Action::Arm(Deadline::Progress(_), _)]) {
            return actions;
        }
    }
    panic!("nothing is done about it: {dialogue:?}")
}

fn retrying(actions: &[Action]) -> bool {
    reported(actions).iter().any(
        |event| matches!(event, SessionEvent::ResponseDone(end) if end.status == ResponseStatus::Retrying),
    )
}

fn begin(dialogue: &mut Dialogue, id: &str, token: &str) {
    dialogue.on_event(ServerEvent::ResponseCreated(response(id, Some(token), "in_progress")));
}

#[test]
fn a_response_that_stops_in_its_middle_is_cancelled_and_asked_for_again_once_it_has_ended() {
    let mut dialogue = answering();
    dialogue.on_event(ServerEvent::TextDelta {
        response_id: "r1".into(),
        item_id: "m".into(),
        delta: "We".into(),
    });
    let actions = wait_in_vain(&mut dialogue, 1);
    assert_eq!(kinds(&actions), ["response.cancel"]);
    assert!(retrying(&actions) && reported(&actions).contains(&&SessionEvent::MessageCut));
    assert!(kinds(&dialogue.on_deadline(&Deadline::Retry)).is_empty(), "the first has not ended");
    let ended = dialogue.on_event(ServerEvent::ResponseDone(response("r1", None, "cancelled")));
    assert_eq!(kinds(&ended), ["response.create"]);
}

#[test]
fn a_cancelled_response_that_does_not_end_costs_the_socket() {
    let mut dialogue = answering();
    wait_in_vain(&mut dialogue, 1);
    dialogue.on_deadline(&Deadline::Retry);
    let actions = wait_in_vain(&mut dialogue, 1);
    assert_eq!(actions, [Action::Replace("a cancelled response did not end".to_owned())]);
    dialogue.on_lost();
    dialogue.on_opened(realtime());
    assert_eq!(kinds(&dialogue.on_next_event(&updated())), ["response.create"], "the answer is owed still");
}

#[test]
fn the_second_that_is_stuck_costs_the_socket_and_the_third_is_told() {
    let mut dialogue = answering();
    wait_in_vain(&mut dialogue, 1);
    dialogue.on_deadline(&Deadline::Retry);
    dialogue.on_event(ServerEvent::ResponseDone(response("r1", None, "cancelled")));
    begin(&mut dialogue, "r2", "rc_2");
    let second = wait_in_vain(&mut dialogue, 2);
    assert!(second.contains(&Action::Replace("response_stalled".to_owned())), "{second:?}");
    dialogue.on_lost();
    dialogue.on_opened(realtime());
    assert_eq!(kinds(&dialogue.on_next_event(&updated())), ["response.create"]);
    begin(&mut dialogue, "r3", "rc_3");
    let third = wait_in_vain(&mut dialogue, 3);
    let status = ResponseStatus::Failed { code: "response_stalled".into(), fatal: false };
    let end = ResponseEnd { response: None, status, usage: crate::usage::Usage::default() };
    assert!(reported(&third).contains(&&SessionEvent::ResponseDone(end)), "{third:?}");
    assert!(third.contains(&Action::Replace("response_stalled".to_owned())), "{third:?}");
    dialogue.on_lost();
    dialogue.on_opened(realtime());
    assert!(kinds(&dialogue.on_next_event(&updated())).is_empty(), "it was told as failed");
    assert!(!dialogue.is_unsettled());
}

#[test]
fn responses_that_never_begin_cost_the_socket_and_the_answer_is_owed_to_the_next() {
    let mut dialogue = open();
    dialogue.say(1, "drinks?".into());
    dialogue.on_event(ServerEvent::ItemAdded { item_id: "h_1".into() });
    assert!(retrying(&dialogue.on_deadline(&Deadline::Created("rc_1".into()))));
    assert_eq!(kinds(&dialogue.on_deadline(&Deadline::Retry)), ["response.create"]);
    let second = dialogue.on_deadline(&Deadline::Created("rc_2".into()));
    assert!(second.contains(&Action::Replace("response_overdue".to_owned())), "{second:?}");
    dialogue.on_lost();
    dialogue.on_opened(realtime());
    assert_eq!(kinds(&dialogue.on_next_event(&updated())), ["response.create"]);
}

#[test]
fn a_session_that_answers_everything_with_server_error_is_replaced_and_the_next_turn_is_answered() {
    let failed = |id: &str| {
        let mut response = response(id, None, "failed");
        let error = ApiError { kind: Some("server_error".into()), ..ApiError::default() };
        response.status_details = StatusDetails { reason: None, error: Some(error) };
        ServerEvent::ResponseDone(response)
    };
    let mut dialogue = answering();
    dialogue.on_event(failed("r1"));
    dialogue.on_deadline(&Deadline::Retry);
    begin(&mut dialogue, "r2", "rc_2");
    assert!(dialogue.on_event(failed("r2")).contains(&Action::Replace("server_error".to_owned())));
    dialogue.on_lost();
    dialogue.on_opened(realtime());
    assert!(kinds(&dialogue.on_next_event(&updated())).is_empty(), "it was told as failed");
    let next = dialogue.say(2, "wine?".into());
    assert_eq!(kinds(&next), ["conversation.item.create", "response.create"]);
}

#[test]
fn of_a_spoken_answer_that_is_stuck_what_was_heard_is_not_said_again() {
    let mut dialogue = Dialogue::new(spoken("waiter", "marin"), History::default(), realtime());
    dialogue.on_opened(realtime());
    dialogue.on_next_event(&updated());
    dialogue.on_event(ServerEvent::Committed { item_id: "u1".into() });
    dialogue.answer(1);
    begin(&mut dialogue, "r1", "rc_1");
    let delta = "The soup is leek, and the fish is tilapia.".to_owned();
    dialogue.on_event(ServerEvent::TextDelta { response_id: "r1".into(), item_id: "m1".into(), delta });
    // 600 ms of it, at 8 bytes each, in base64.
    dialogue.note_received("m1".into(), 6_400);
    let actions = wait_in_vain(&mut dialogue, 1);
    assert_eq!(
        kinds(&actions),
        ["response.cancel", "conversation.item.truncate", "conversation.item.create"]
    );
    assert!(actions.contains(&Action::Refuse("r1".into())), "{actions:?}");
    let heard = SessionEvent::Heard { item_id: "m1".into(), played_ms: 600, heard: "The soup".into() };
    assert!(reported(&actions).contains(&&heard), "{actions:?}");
    assert!(dialogue.history.last_words() == Some("The soup"));
    dialogue.on_deadline(&Deadline::Retry);
    let ended = dialogue.on_event(ServerEvent::ResponseDone(response("r1", None, "cancelled")));
    assert_eq!(kinds(&ended), ["response.create"]);
}

/// A spoken answer of which one word has come, and so much audio, in milliseconds of it; the response has failed.
fn failed_after(ms: u64, retries: u32) -> (Dialogue, Vec<Action>) {
    let mut dialogue = Dialogue::new(spoken("waiter", "marin"), History::default(), realtime());
    dialogue.on_opened(realtime());
    dialogue.on_next_event(&updated());
    dialogue.prompt(1, "Greet.".into());
    dialogue.retries = retries;
    begin(&mut dialogue, "r1", "rc_1");
    let delta = "Welcome to us! What".to_owned();
    dialogue.on_event(ServerEvent::TextDelta { response_id: "r1".into(), item_id: "m1".into(), delta });
    dialogue.note_received("m1".into(), ms * 32 / 3);
    let actions = dialogue.on_event(ServerEvent::ResponseDone(response("r1", None, "failed")));
    (dialogue, actions)
}

#[test]
fn of_an_answer_that_fails_for_good_what_was_heard_is_remembered() {
    let (dialogue, actions) = failed_after(600, 1);
    let heard = SessionEvent::Heard { item_id: "m1".into(), played_ms: 600, heard: "Welcome to".into() };
    assert!(reported(&actions).contains(&&heard), "{actions:?}");
    assert_eq!(dialogue.history.last_words(), Some("Welcome to"));
}

#[test]
fn an_answer_that_failed_before_its_first_word_was_heard_leaves_nothing_that_looks_like_one() {
    for retries in [0, 1] {
        let (dialogue, actions) = failed_after(60, retries);
        assert_eq!(kinds(&actions), ["conversation.item.delete"]);
        assert_eq!(dialogue.history.last_words(), None);
    }
}

#[test]
fn audio_that_comes_without_words_is_progress() {
    let mut dialogue = Dialogue::new(spoken("waiter", "marin"), History::default(), realtime());
    dialogue.on_opened(realtime());
    dialogue.on_next_event(&updated());
    dialogue.prompt(1, "Greet.".into());
    begin(&mut dialogue, "r1", "rc_1");
    for received in 1..40 {
        dialogue.note_received("m1".into(), received * 400);
        let actions = dialogue.on_deadline(&Deadline::Progress(1));
        assert!(matches!(actions[..], [Action::Arm(Deadline::Progress(1), _)]), "{actions:?}");
    }
}
