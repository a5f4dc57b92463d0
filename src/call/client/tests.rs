//! What is decided for a Realtime client.

use serde_json::json;

use super::*;
use crate::id::{ItemId, ResponseId};
use crate::protocol::realtime::{ResponseOutcome, SessionWish, Turns};
use crate::session::{ResponseEnd, ResponseStatus};
use crate::sound::AudioFormat;
use crate::usage::Usage;

fn done(response: &str, status: ResponseStatus) -> ResponseEnd {
    ResponseEnd { response: Some(response.into()), status, usage: Usage::default() }
}

/// What is shown, in short.
fn names(shows: &[Show]) -> Vec<String> {
    let name = |show: &Show| match show {
        Show::Responding { response, metadata, .. } => format!("+{response} {}", metadata.len()),
        Show::Words { text, .. } => format!("words {text}"),
        Show::Message { text, .. } => format!("message {text}"),
        Show::Responded { response, end, .. } => format!("-{response} {end:?}"),
        Show::Heard { heard_ms, .. } => format!("heard {heard_ms}"),
        other => panic!("{other:?}"),
    };
    shows.iter().map(name).collect()
}

fn ids(response: &str, item: &str) -> (ResponseId, ItemId) {
    (response.into(), item.into())
}

#[test]
fn a_response_in_which_the_model_only_asks_for_a_tool_is_none_to_the_client() {
    let mut telling = Telling::default();
    telling.begin_turn(true, Some(vec![("topic".into(), "menu".into())]));
    let ((asks, _), (answers, item)) = (ids("r1", ""), ids("r2", "m1"));
    let mut shows = telling.on_started(Some(&asks));
    telling.on_tool(&asks);
    shows.extend(telling.on_done(&done("r1", ResponseStatus::Completed)));
    assert!(shows.is_empty());
    shows.extend(telling.on_started(Some(&answers)));
    shows.extend(telling.on_words(&answers, &item, "We have"));
    shows.extend(telling.on_message(Some(&answers), &item, "We have tea."));
    shows.extend(telling.on_done(&done("r2", ResponseStatus::Completed)));
    shows.extend(telling.end_turn(false));
    assert_eq!(names(&shows), ["+r2 1", "words We have", "message We have tea.", "-r2 Completed"]);
}

#[test]
fn an_answer_that_was_asked_for_and_never_came_is_shown_as_one_that_failed() {
    let mut telling = Telling::default();
    telling.begin_turn(true, Some(Vec::new()));
    assert_eq!(names(&telling.end_turn(false)), ["+resp_none_1 0", "-resp_none_1 Failed"]);
    telling.begin_turn(true, None);
    assert!(telling.end_turn(false).is_empty(), "nobody asked for it");
    telling.begin_turn(true, Some(Vec::new()));
    let (response, item) = ids("r1", "m1");
    telling.on_started(Some(&response));
    telling.on_cancel();
    assert_eq!(names(&telling.end_turn(true)), ["+r1 0", "-r1 Cancelled"]);
    assert!(telling.on_words(&response, &item, "late").is_empty());
    assert!(telling.on_done(&done("r1", ResponseStatus::Cancelled)).is_empty());
}

#[test]
fn a_response_that_nobody_goes_on_with_ends_with_its_socket() {
    let mut telling = Telling::default();
    let (first, item) = ids("r1", "m1");
    telling.begin_turn(false, Some(Vec::new()));
    let mut shows = telling.on_words(&first, &item, "We have");
    // Given up: what it left behind could not be stopped, and its socket was replaced.
    shows.extend(telling.end_turn(false));
    shows.extend(telling.on_lost(false));
    assert_eq!(names(&shows), ["+r1 0", "words We have", "-r1 Failed"]);
}

#[test]
fn a_lost_socket_ends_a_response_with_what_was_heard_of_it() {
    let mut telling = Telling::default();
    let ((first, item), (second, rest)) = (ids("r1", "m1"), ids("r2", "m2"));
    let mut shows = telling.on_words(&first, &item, "We have tea and");
    shows.extend(telling.on_lost(true));
    shows.extend(telling.on_heard(&item, 400, "We have"));
    shows.extend(telling.on_started(Some(&second)));
    shows.extend(telling.on_words(&second, &rest, "tea."));
    assert_eq!(
        names(&shows),
        ["+r1 0", "words We have tea and", "message We have", "-r1 Completed", "+r2 0", "words tea."]
    );
    assert_eq!(names(&telling.on_heard(&rest, 100, "")), ["heard 100"]);
}

#[test]
fn what_ends_a_response_is_told_in_the_clients_terms() {
    let failed = ResponseStatus::Failed { code: "x".into(), fatal: false };
    let filtered = ResponseStatus::Incomplete { reason: "content_filter".into() };
    let short = ResponseStatus::Incomplete { reason: "max_output_tokens".into() };
    for (status, outcome) in [
        (ResponseStatus::Completed, ResponseOutcome::Completed),
        (ResponseStatus::Cancelled, ResponseOutcome::Interrupted),
        (failed, ResponseOutcome::Failed),
        (filtered, ResponseOutcome::Filtered),
        (short, ResponseOutcome::OutOfTokens),
    ] {
        let mut telling = Telling::default();
        let (response, item) = ids("r1", "m1");
        telling.on_words(&response, &item, "We");
        assert_eq!(names(&telling.on_done(&done("r1", status))), [format!("-r1 {outcome:?}")]);
    }
}

#[test]
fn a_format_is_chosen_before_anything_was_said_and_a_voice_before_the_persona_spoke() {
    let usual = Choices::default();
    let wish = SessionWish { format: Some(AudioFormat::Pcmu), ..SessionWish::default() };
    let chosen = usual.with(&wish, Locks::default(), "marin").unwrap();
    assert_eq!(chosen.format, AudioFormat::Pcmu);
    let locked = Locks { format: true, voice: true };
    assert_eq!(usual.with(&wish, locked, "marin").unwrap_err().code, "invalid_value");
    assert_eq!(chosen.with(&wish, locked, "marin").unwrap(), chosen, "it is so already");
    let wish = SessionWish { voice: Some("cedar".into()), ..SessionWish::default() };
    assert_eq!(usual.with(&wish, locked, "marin").unwrap_err().code, "cannot_update_voice");
    assert!(usual.with(&wish, locked, "cedar").is_ok());
    let wish = SessionWish { voice: Some("nobody".into()), ..SessionWish::default() };
    assert_eq!(usual.with(&wish, Locks::default(), "marin").unwrap_err().code, "invalid_value");
    let turns = Turns::ByVolume { threshold: 2.0, prefix_ms: 0, silence_ms: 0, answers: true, stops: true };
    let wish = SessionWish { turns: Some(turns), ..SessionWish::default() };
    assert!(usual.with(&wish, Locks::default(), "marin").is_err());
}

#[test]
fn a_refused_change_takes_back_those_that_were_built_on_it() {
    let mut client = Client::default();
    let before = client.choices.clone();
    for revision in 1..=3 {
        client.changing.push_back(Change { revision, event_id: None, before: client.choices.clone() });
        client.choices.is_spoken = !client.choices.is_spoken;
    }
    assert!(client.confirmed(1) && !client.confirmed(1));
    let after_first = Choices { is_spoken: !before.is_spoken, ..before };
    assert_eq!(client.rejected(2).len(), 2);
    assert_eq!((&client.choices, client.changing.len()), (&after_first, 0));
}

#[test]
fn of_a_tool_a_client_learns_the_sources_and_nothing_else() {
    let passages = json!({"count": 1, "passages": [{"title": "House", "section": null, "text": "On the roof."}],
        "note": "answer from these passages only"});
    let Show::ToolDone { name, result } = told_of_tool("query_knowledge_base", &passages, ToolStatus::Ok)
    else {
        panic!("no tool");
    };
    let sources = json!({"sources": [{"chunk_id": "source_1", "title": "House", "chunk": "On the roof."}]});
    assert_eq!(
        (name.as_str(), serde_json::from_str::<Value>(&result).unwrap()),
        ("query_knowledge_base", sources)
    );
    let Show::ToolDone { result, .. } = told_of_tool("lookup_tax", &json!({"iban": "X"}), ToolStatus::Ok)
    else {
        panic!("no tool");
    };
    assert_eq!(result, r#"{"status":"ok"}"#);
}

#[test]
fn what_was_heard_is_what_an_item_says() {
    let mut items = Items::default();
    let item: ItemId = "m1".into();
    items.add_words(&item, true, "We have ");
    items.add_words(&item, true, "tea.");
    assert_eq!(items.get(&item).unwrap().text, "We have tea.");
    items.set_text(&item, "We have");
    assert_eq!(items.get(&item).unwrap().text, "We have");
    assert!(items.remove(&item) && !items.remove(&item));
    for n in 0..300 {
        items.add_callers(format!("c{n}").as_str().into(), false, String::new());
    }
    assert!(items.get(&"c0".into()).is_none() && items.get(&"c299".into()).is_some());
}
