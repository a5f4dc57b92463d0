//! What is delivered is noted, and what is not is found.

use super::*;
use crate::store::LogChange;
use crate::store::embedded::schema;

fn connection() -> Connection {
    let mut connection = Connection::open_in_memory().unwrap();
    schema::prepare(&mut connection).unwrap();
    connection
}

fn call(id: &str) -> CallId {
    id.parse().unwrap()
}

fn event(id: &str, seq: u64, at: i64) -> EventRecord {
    let at = Timestamp::from_millisecond(1_772_366_400_000 + at).unwrap();
    EventRecord { call_id: call(id), seq, at, kind: "k".into(), body: "\"four bytes\"".into(), change: None }
}

fn numbers(connection: &Connection, max_events: usize, max_bytes: usize) -> Vec<String> {
    let events = undelivered(connection, max_events, max_bytes).unwrap();
    events.into_iter().map(|event| format!("{}{}", event.call_id, event.seq)).collect()
}

#[test]
fn what_is_not_delivered_comes_in_order_the_longest_waiting_call_first() {
    let mut connection = connection();
    journal::append(&mut connection, &[event("b", 1, 5), event("a", 1, 7), event("b", 2, 8)]).unwrap();
    journal::append(&mut connection, &[event("a", 2, 9), event("c", 1, 1)]).unwrap();
    assert_eq!(numbers(&connection, 9, 999), ["c1", "b1", "b2", "a1", "a2"]);
    assert_eq!(numbers(&connection, 2, 999), ["c1", "b1"]);
    assert_eq!(numbers(&connection, 9, 25), ["c1", "b1"], "two bodies of twelve bytes");
    assert_eq!(numbers(&connection, 9, 1), ["c1"], "one at least");
    let waiting = backlog(&connection).unwrap();
    assert_eq!((waiting.events, waiting.oldest.unwrap().subsec_millisecond()), (5, 1));
}

#[test]
fn what_is_delivered_is_not_found_again_and_what_comes_after_is() {
    let mut connection = connection();
    journal::append(&mut connection, &[event("a", 1, 1), event("a", 2, 2), event("b", 1, 3)]).unwrap();
    delivered(&mut connection, &BTreeMap::from([(call("a"), 1)])).unwrap();
    assert_eq!(numbers(&connection, 9, 999), ["a2", "b1"]);
    assert_eq!(backlog(&connection).unwrap().oldest.unwrap().subsec_millisecond(), 2);
    delivered(&mut connection, &BTreeMap::from([(call("a"), 2), (call("b"), 1)])).unwrap();
    assert_eq!((numbers(&connection, 9, 999).len(), backlog(&connection).unwrap()), (0, Backlog::default()));
    journal::append(&mut connection, &[event("a", 3, 9)]).unwrap();
    // An answer that came late takes nothing back.
    delivered(&mut connection, &BTreeMap::from([(call("a"), 1)])).unwrap();
    assert_eq!(numbers(&connection, 9, 999), ["a3"]);
}

#[test]
fn an_event_that_is_written_again_is_not_delivered_again() {
    let mut connection = connection();
    journal::append(&mut connection, &[event("a", 1, 1)]).unwrap();
    delivered(&mut connection, &BTreeMap::from([(call("a"), 1)])).unwrap();
    journal::append(&mut connection, &[event("a", 1, 1)]).unwrap();
    assert_eq!(backlog(&connection).unwrap(), Backlog::default());
}

#[test]
fn the_rows_that_events_changed_are_those_that_are_delivered() {
    let mut connection = connection();
    let began = || {
        Some(LogChange::Started {
            transport: "text".into(),
            business_id: None,
            direction: None,
            from: None,
            to: None,
        })
    };
    let events = [
        event("a", 1, 1).changing(began()),
        event("a", 2, 2),
        event("a", 3, 3).changing(Some(LogChange::Turn(1))),
        event("a", 4, 4).changing(began()),
        event("a", 5, 5),
    ];
    journal::append(&mut connection, &events).unwrap();
    for (range, conversations) in
        [((1, 2), vec![1]), ((3, 5), vec![1, 4]), ((4, 5), vec![4]), ((5, 5), vec![])]
    {
        let rows = logs(&connection, &BTreeMap::from([(call("a"), range)])).unwrap();
        assert_eq!(rows.iter().map(|row| row.first_seq).collect::<Vec<_>>(), conversations, "{range:?}");
    }
}

#[test]
fn calls_that_wait_are_found_in_an_index() {
    let connection = connection();
    let plan = "EXPLAIN QUERY PLAN SELECT call_id, delivered_seq FROM outbox WHERE pending_since IS NOT NULL \
                ORDER BY pending_since LIMIT 5";
    let steps: String = connection.query_row(plan, [], |row| row.get("detail")).unwrap();
    assert!(steps.contains("USING INDEX outbox_pending"), "{steps}");
}
