//! Faults of a connection, as its state shows them.

use serde_json::json;

use super::{Client, kinds};
use crate::rehearsal::fault::{Ailments, Fault};

fn with(faults: &[Fault]) -> Client {
    Client::with(|setup| setup.ailments = Ailments::new(faults.to_vec()))
}

#[test]
fn a_response_that_is_never_created_leaves_no_trace_and_the_next_comes() {
    let mut client = with(&[Fault::NoResponse { responses: 0..1 }]);
    client.user("hello");
    assert_eq!(client.send(&json!({"type": "response.create"})), [] as [serde_json::Value; 0]);
    assert!(client.waiting.is_empty());
    let events = client.respond("hello");
    assert_eq!(kinds(&events).last(), Some(&"response.done"));
}

#[test]
fn a_response_without_a_delta_ends_when_it_is_cancelled() {
    let mut client = with(&[Fault::NoDelta { responses: 0..1 }]);
    let events = client.respond("hello");
    assert_eq!(kinds(&events), ["response.created", "rate_limits.updated"]);
    assert_eq!(
        client.refused(&json!({"type": "response.create"}))["code"],
        "conversation_already_has_active_response"
    );
    let events = client.send(&json!({"type": "response.cancel"}));
    assert_eq!(events[0]["response"]["status"], "cancelled");
}

#[test]
fn a_response_may_stop_in_the_middle() {
    let mut client = with(&[Fault::Stall { responses: 0..1, deltas: 2 }]);
    let events = client.respond("hello");
    let deltas = kinds(&events).iter().filter(|kind| **kind == "response.output_audio.delta").count();
    assert!((1..=2).contains(&deltas), "{:?}", kinds(&events));
    assert!(!kinds(&events).contains(&"response.done"));
    let events = client.send(&json!({"type": "response.cancel"}));
    assert_eq!(kinds(&events).last(), Some(&"response.done"));
}

#[test]
fn a_sick_session_fails_every_response_and_takes_everything_else() {
    let mut client = with(&[Fault::Fail { responses: 1..u32::MAX }]);
    assert_eq!(client.respond("hello").last().unwrap()["response"]["status"], "completed");
    for _ in 0..3 {
        let events = client.respond("hello");
        let done = &events.last().unwrap()["response"];
        assert_eq!(
            (&done["status"], &done["status_details"]["error"]["type"]),
            (&json!("failed"), &json!("server_error"))
        );
    }
    let updated = client.send(&json!({"type": "session.update", "session": {"type": "realtime"}}));
    assert_eq!(updated[0]["type"], "session.updated");
}

#[test]
fn an_update_may_never_be_answered_and_is_not_in_force_then() {
    let mut client = with(&[Fault::NoUpdate { updates: 0..1 }]);
    let update =
        |text: &str| json!({"type": "session.update", "session": {"type": "realtime", "instructions": text}});
    assert!(client.send(&update("one")).is_empty());
    let updated = client.send(&json!({"type": "session.update", "session": {"type": "realtime"}}));
    assert_ne!(updated[0]["session"]["instructions"], "one");
    assert_eq!(client.send(&update("two"))[0]["session"]["instructions"], "two");
}

#[test]
fn a_model_of_fixed_instructions_takes_new_ones_up_to_its_first_response() {
    let mut client = Client::with(|setup| setup.fixed_instructions = true);
    let update = json!({"type": "session.update", "session": {"type": "realtime", "instructions": "new"}});
    assert_eq!(client.send(&update)[0]["type"], "session.updated");
    client.respond("hello");
    let error = client.refused(&update);
    assert_eq!(
        (&error["type"], &error["param"]),
        (&json!("invalid_request_error"), &json!("session.instructions"))
    );
}
