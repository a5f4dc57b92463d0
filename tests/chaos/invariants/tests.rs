//! The checker can fail: a sound journal passes, and each defect of it is found.

use serde_json::{Value, json};

use super::complaints;

/// The journal of a call with a tool, a handoff and back, an interruption and a lost socket.
fn sound() -> Vec<Value> {
    numbered(vec![
        json!({"type": "call.started", "transport": "twilio"}),
        json!({"type": "persona.activated", "persona": "waiter", "by": "start"}),
        json!({"type": "turn.started", "turn": 1}),
        json!({"type": "model.connected", "connection": 1}),
        json!({"type": "tool.started", "name": "lookup_menu", "arguments": {}, "tool_call_id": "c1"}),
        json!({"type": "tool.done", "name": "lookup_menu", "output": {}, "status": "ok", "tool_call_id": "c1"}),
        json!({"type": "assistant.delta", "text": "We have Primus and "}),
        json!({"type": "assistant.delta", "text": "Mützig."}),
        json!({"type": "assistant.text", "text": "We have Primus and Mützig."}),
        json!({"type": "turn.done", "turn": 1, "status": "completed"}),
        json!({"type": "turn.started", "turn": 2}),
        json!({"type": "handoff.requested", "from": "waiter", "to": "cfo"}),
        json!({"type": "persona.activated", "persona": "cfo", "by": "model"}),
        json!({"type": "assistant.delta", "text": "Hello, this is your AI CFO."}),
        json!({"type": "assistant.interrupted", "played_ms": 300, "heard": "Hello, this"}),
        json!({"type": "turn.done", "turn": 2, "status": "cancelled"}),
        json!({"type": "model.disconnected", "reason": "closed"}),
        json!({"type": "model.reconnected", "gap_ms": 20}),
        json!({"type": "turn.started", "turn": 3}),
        json!({"type": "handoff.requested", "from": "cfo", "to": "waiter"}),
        json!({"type": "persona.activated", "persona": "waiter", "by": "model", "back": true}),
        json!({"type": "assistant.text", "text": "We have Primus and Mützig."}),
        json!({"type": "turn.done", "turn": 3, "status": "completed"}),
        json!({"type": "call.ended", "reason": "hung_up"}),
    ])
}

fn numbered(mut events: Vec<Value>) -> Vec<Value> {
    for (at, event) in events.iter_mut().enumerate() {
        event["seq"] = json!(at + 1);
    }
    events
}

/// The place of the first event of a type, counted among those of its type.
fn place(journal: &[Value], kind: &str, which: usize) -> usize {
    let mut places = journal.iter().enumerate().filter(|(_, event)| event["type"] == kind);
    places.nth(which).unwrap().0
}

fn without(kind: &str, which: usize) -> Vec<Value> {
    let mut journal = sound();
    journal.remove(place(&journal, kind, which));
    numbered(journal)
}

fn twice(kind: &str) -> Vec<Value> {
    let mut journal = sound();
    let at = place(&journal, kind, 0);
    journal.insert(at + 1, journal[at].clone());
    numbered(journal)
}

fn with(kind: &str, which: usize, field: &str, value: Value) -> Vec<Value> {
    let mut journal = sound();
    let at = place(&journal, kind, which);
    journal[at][field] = value;
    journal
}

#[test]
fn a_sound_journal_is_not_complained_of() {
    assert_eq!(complaints(&sound()), [] as [&str; 0]);
}

#[test]
fn an_event_that_is_missing_or_there_twice_is_found_by_its_number() {
    let mut journal = sound();
    journal.remove(6);
    assert!(complaints(&journal)[0].contains("it should have the number 7"));
    let mut journal = sound();
    journal.insert(6, journal[6].clone());
    assert!(complaints(&journal)[0].contains("it should have the number 8"));
    let mut journal = sound();
    journal.swap(6, 7);
    assert_eq!(complaints(&journal).len(), 2);
}

#[test]
fn each_defect_is_told() {
    let defects = [
        (without("tool.done", 0), "without an output: c1"),
        (twice("tool.done"), "second output"),
        (without("tool.started", 0), "was not started"),
        (without("call.ended", 0), "has 0 ends"),
        (twice("call.ended"), "the call had ended"),
        (without("call.started", 0), "does not begin with"),
        (twice("call.started"), "the call had begun"),
        (without("turn.done", 0), "a turn is open"),
        (without("turn.done", 2), "turn 3 never ended"),
        (twice("turn.done"), "not open"),
        (without("turn.started", 1), "not open"),
        (with("turn.started", 1, "turn", json!(4)), "should be turn 2"),
        (without("model.disconnected", 0), "there is a socket"),
        (twice("model.connected"), "there is a socket"),
        (twice("assistant.text"), "was said before"),
        (with("assistant.interrupted", 0, "heard", json!("Hello, that")), "more was heard"),
        (
            with("assistant.interrupted", 0, "heard", json!("Hello, this is your AI CFO. Which")),
            "more was heard",
        ),
        (without("handoff.requested", 0), "nobody asked"),
        (twice("handoff.requested"), "under way"),
        (with("handoff.requested", 1, "from", json!("waiter")), "(\"cfo\") speaks"),
        (with("persona.activated", 1, "persona", json!("chef")), "nobody asked"),
        (with("persona.activated", 1, "by", json!("api")), "way back leads to None"),
    ];
    for (journal, told) in defects {
        let found = complaints(&journal);
        assert!(found.iter().any(|why| why.contains(told)), "{told}: {found:#?}");
    }
}

#[test]
fn a_tool_that_a_restart_interrupted_may_be_started_again_but_not_answered_again() {
    let mut journal = sound();
    journal.insert(5, json!({"type": "call.resumed"}));
    journal.insert(6, journal[4].clone());
    // The socket is opened anew after it.
    journal.insert(7, json!({"type": "model.reconnected"}));
    assert_eq!(complaints(&numbered(journal.clone())), [] as [&str; 0]);
    journal.insert(9, journal[4].clone());
    assert!(complaints(&numbered(journal)).iter().any(|why| why.contains("it had an output")));
}
