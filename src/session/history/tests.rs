//! What is remembered, and how it is given again.

use super::*;

fn call(id: &str) -> Content {
    Content::ToolCall { id: id.into(), name: "lookup_menu".into(), arguments: "{}".into() }
}

fn items(history: &History) -> Vec<NewItem> {
    let pieces = history.pieces(|id| id.as_str() == "call_open");
    pieces.into_iter().filter_map(|piece| history.item_of(piece, piece.name(0))).collect()
}

fn id(item: &NewItem) -> &str {
    match item {
        NewItem::Message { id, .. }
        | NewItem::FunctionCall { id, .. }
        | NewItem::FunctionCallOutput { id, .. } => id.as_str(),
    }
}

#[test]
fn every_piece_has_a_name_of_ours_and_no_tool_call_is_without_output() {
    let mut history = History::default();
    history.add(Content::Caller("hi".into()));
    history.push("item_from_the_server_with_its_own_name".into(), Content::Persona("hello".into()));
    history.push("item_c".into(), call("call_dead"));
    history.push("item_d".into(), call("call_open"));
    let items = items(&history);
    let answered: Vec<_> = items
        .iter()
        .filter_map(|item| match item {
            NewItem::FunctionCallOutput { call_id, .. } => Some(call_id.as_str()),
            NewItem::Message { .. } | NewItem::FunctionCall { .. } => None,
        })
        .collect();
    assert_eq!(answered, ["call_dead"]);
    let ids: BTreeSet<_> = items.iter().map(id).collect();
    assert!(ids.len() == 5 && ids.iter().all(|id| id.len() <= 32 && id.starts_with("h_")));
    let longest = Piece { key: u64::MAX, version: 0, is_stand_in: true }.name(1_000_000);
    assert!(longest.as_str().len() <= 32, "{longest}");
}

#[test]
fn an_output_whose_call_is_forgotten_and_words_nobody_wrote_down_are_left_out() {
    let mut history = History::default();
    history.add(Content::ToolOutput { id: "call_gone".into(), output: "{}".into() });
    history.push("u1".into(), Content::Caller(String::new()));
    assert!(items(&history).is_empty());
    history.reword(&"u1".into(), "tea");
    assert_eq!(items(&history).len(), 1);
}

#[test]
fn what_the_line_calls_a_message_is_known_on_every_socket() {
    let mut history = History::default();
    history.push("item_x".into(), Content::Persona("hello".into()));
    for name in ["h_1", "h_1_1"] {
        history.rename(|_| Some(name.into()));
        assert_eq!(history.present_id(&"item_x".into()), Some(name.into()));
    }
}

#[test]
fn the_oldest_turn_goes_first_and_the_one_under_way_never() {
    let mut history = History::default();
    history.add(Content::Caller("first".into()));
    history.push("a".into(), Content::Persona("x".repeat(MAX_BYTES / 2)));
    history.add(Content::Caller("second".into()));
    history.push("b".into(), Content::Persona("y".repeat(MAX_BYTES)));
    assert_eq!((history.len(), history.forgotten()), (2, 2));
    assert_eq!(history.entries[0].content, Content::Caller("second".into()));
}

#[test]
fn a_handoff_may_forget_what_came_before_the_turn() {
    let mut history = History::default();
    let first = history.add(Content::Caller("one".into()));
    history.push("two".into(), Content::Persona("two".into()));
    history.add(Content::Caller("three".into()));
    history.push("four".into(), call("c"));
    assert_eq!(history.forget_before_turn(), [first, "two".into()]);
    assert_eq!(history.len(), 2);
    assert!(history.forget_before_turn().is_empty());
}

#[test]
fn what_the_model_never_took_is_taken_back() {
    let mut history = History::default();
    let id = history.add(Content::Caller("lost".into()));
    history.retract(&id);
    history.retract(&id);
    assert!(history.is_empty() && history.bytes == 0);
}
