//! What a Realtime client asks of a spoken conversation.

use proptest::prelude::*;

use super::*;
use crate::protocol::realtime::ItemContent;
use crate::session::{ClientOrder, ClientReport};

/// So much audio came of every message.
const RECEIVED_MS: u64 = 1_800;

fn ask(dialogue: &mut Dialogue, order: ClientOrder) -> Vec<Action> {
    dialogue.on_client(order, |_| Some(RECEIVED_MS))
}

fn add(dialogue: &mut Dialogue, item: &str, text: &str) -> Vec<Action> {
    let content = ItemContent::Text(text.into());
    ask(dialogue, ClientOrder::AddItem { item_id: item.into(), content })
}

fn truncate(dialogue: &mut Dialogue, item: &str, heard_ms: u64) -> Vec<Action> {
    ask(dialogue, ClientOrder::Truncate { item_id: item.into(), heard_ms })
}

fn answered() -> Dialogue {
    let mut dialogue = answering();
    dialogue.on_event(words("m1", "We have coffee, tea and juice."));
    dialogue.on_event(done("m1", "We have coffee, tea and juice."));
    dialogue.on_event(ServerEvent::ResponseDone(response("r1", Some("rc_1"), "completed")));
    dialogue
}

fn frames(actions: &[Action]) -> Vec<serde_json::Value> {
    sent(actions).into_iter().map(|event| serde_json::to_value(event).unwrap()).collect()
}

#[test]
fn a_clients_item_goes_under_a_name_of_ours_and_is_known_by_its_own() {
    let mut dialogue = open_line();
    let created = frames(&add(&mut dialogue, "msg_of_the_client_with_a_long_name_of_its_own", "two beers"));
    assert_eq!(created[0]["item"]["id"], "h_1");
    assert_eq!(created[0]["item"]["content"][0], json!({"type": "input_text", "text": "two beers"}));
    let order = ClientOrder::AddItem { item_id: "sound".into(), content: ItemContent::Audio("AAAA".into()) };
    let created = frames(&ask(&mut dialogue, order));
    assert_eq!(created[0]["item"]["content"][0], json!({"type": "input_audio", "audio": "AAAA"}));
    dialogue.on_lost();
    dialogue.on_opened(realtime());
    dialogue.on_next_event(&updated());
    let deleted = frames(&ask(
        &mut dialogue,
        ClientOrder::Delete("msg_of_the_client_with_a_long_name_of_its_own".into()),
    ));
    assert_eq!(
        (&deleted[0]["type"], &deleted[0]["item_id"]),
        (&json!("conversation.item.delete"), &json!("h_1"))
    );
    assert!(ask(&mut dialogue, ClientOrder::Delete("nothing".into())).is_empty());
}

#[test]
fn an_item_that_the_model_does_not_take_is_taken_back() {
    let mut dialogue = open_line();
    add(&mut dialogue, "mine", "two beers");
    let actions = dialogue.on_event(error("invalid_value", Some("ic_h_1")));
    let report = ClientReport::NotAdded { item_id: "mine".into(), code: "invalid_value".into() };
    assert_eq!(reported(&actions), [&SessionEvent::Client(report)]);
    assert_eq!(dialogue.history.words(&"mine".into()), None);
    let actions = dialogue.on_event(error("input_audio_buffer_commit_empty", None));
    assert_eq!(reported(&actions), [&SessionEvent::Client(ClientReport::NotCommitted)]);
}

#[test]
fn a_clients_position_cuts_what_is_whole_and_never_lengthens() {
    let mut dialogue = answered();
    let actions = truncate(&mut dialogue, "m1", 900);
    assert_eq!(kinds(&actions), ["conversation.item.truncate"]);
    assert_eq!(heard(&actions), [("m1".into(), 900, "We have coffee,".into())]);
    let confirmed = |heard_ms| SessionEvent::Client(ClientReport::Heard { item_id: "m1".into(), heard_ms });
    for again in [900, 1_500, 9_000] {
        let actions = truncate(&mut dialogue, "m1", again);
        assert_eq!((reported(&actions), kinds(&actions).len()), (vec![&confirmed(900)], 0));
    }
    let actions = truncate(&mut dialogue, "m1", 450);
    assert_eq!(heard(&actions), [("m1".into(), 450, "We have".into())]);
    assert_eq!(frames(&actions)[0]["audio_end_ms"], 450);
    let mut dialogue = answered();
    let actions = truncate(&mut dialogue, "m1", 60_000);
    assert_eq!((reported(&actions), kinds(&actions).len()), (vec![&confirmed(RECEIVED_MS)], 0));
}

#[test]
fn what_is_truncated_while_it_is_said_is_stopped() {
    let mut dialogue = answering();
    dialogue.on_event(words("m1", "We have coffee, tea and juice."));
    let actions = truncate(&mut dialogue, "m1", 900);
    assert_eq!(kinds(&actions), ["response.cancel", "conversation.item.truncate"]);
    assert_eq!(heard(&actions).len(), 1);
}

#[test]
fn a_message_cut_by_a_client_on_another_socket_keeps_its_name() {
    let mut dialogue = answered();
    dialogue.on_lost();
    dialogue.on_opened(realtime());
    dialogue.on_next_event(&updated());
    let actions = truncate(&mut dialogue, "m1", 900);
    assert_eq!(kinds(&actions), ["conversation.item.delete", "conversation.item.create"]);
    assert_eq!(dialogue.history.words(&"m1".into()), Some("We have coffee,"));
}

#[test]
fn a_client_that_stops_an_answer_heard_what_was_said_of_it() {
    let mut dialogue = answering();
    dialogue.on_event(words("m1", "We have coffee"));
    let actions = ask(&mut dialogue, ClientOrder::Stop);
    assert_eq!(kinds(&actions), ["response.cancel"]);
    assert_eq!(dialogue.history.words(&"m1".into()), Some("We have coffee"));
    assert!(kinds(&dialogue.on_event(done("m1", "We have coffee"))).is_empty(), "it stays as it is");
    let actions = dialogue.on_event(ServerEvent::ResponseDone(response("r1", Some("rc_1"), "cancelled")));
    assert!(reported(&actions).contains(&&SessionEvent::Settled { turn: 1 }));
    let actions = truncate(&mut dialogue, "m1", 900);
    assert_eq!(kinds(&actions), ["conversation.item.truncate"]);
}

#[test]
fn one_answer_may_be_written_where_the_others_are_spoken() {
    let mut dialogue = open_line();
    add(&mut dialogue, "mine", "drinks?");
    let asked = ask(&mut dialogue, ClientOrder::Respond { turn: 1, is_spoken: Some(false) });
    assert_eq!(frames(&asked)[0]["response"]["output_modalities"], json!(["text"]));
    dialogue.on_event(ServerEvent::ResponseCreated(response("r1", Some("rc_1"), "in_progress")));
    dialogue.on_event(words("m1", "Tea."));
    assert!(!dialogue.spoken.voice_is_locked, "nothing was spoken");
    dialogue.on_event(done("m1", "Tea."));
    dialogue.on_event(ServerEvent::ResponseDone(response("r1", Some("rc_1"), "completed")));
    let asked = dialogue.answer(2);
    assert_eq!(frames(&asked)[0]["response"].get("output_modalities"), None);
}

proptest! {
    #[test]
    fn what_was_heard_only_ever_gets_less(positions in prop::collection::vec(0..4_000_u64, 1..12)) {
        let mut dialogue = answered();
        let mut least = None;
        for position in positions {
            let actions = truncate(&mut dialogue, "m1", position);
            let told = reported(&actions);
            prop_assert_eq!(told.len(), 1);
            let told_ms = match told[0] {
                SessionEvent::Heard { played_ms, .. } => *played_ms,
                SessionEvent::Client(ClientReport::Heard { heard_ms, .. }) => *heard_ms,
                other => panic!("{other:?}"),
            };
            prop_assert!(told_ms <= RECEIVED_MS && told_ms <= least.unwrap_or(RECEIVED_MS));
            least = Some(told_ms);
            for event in frames(&actions) {
                if event["type"] == "conversation.item.truncate" {
                    prop_assert!(event["audio_end_ms"].as_u64().unwrap() <= RECEIVED_MS);
                }
            }
        }
    }
}
