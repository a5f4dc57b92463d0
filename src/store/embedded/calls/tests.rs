//! The log as it is written with events, and found again.

use serde_json::json;

use super::*;
use crate::store::embedded::{journal, schema};
use crate::store::{LogPlace, Tenant};

fn connection() -> Connection {
    let mut connection = Connection::open_in_memory().unwrap();
    schema::prepare(&mut connection).unwrap();
    connection
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_772_366_400 + second).unwrap()
}

fn event(call: &str, seq: u64, change: Option<LogChange>) -> EventRecord {
    let call_id = call.parse().unwrap();
    let seconds = i64::try_from(seq).unwrap();
    EventRecord { call_id, seq, at: at(seconds), kind: "k".into(), body: "{}".into(), change: None }
        .changing(change)
}

fn began(business: Option<&str>, transport: &str, from: Option<&str>) -> Option<LogChange> {
    Some(LogChange::Started {
        transport: transport.into(),
        business_id: business.map(str::to_owned),
        direction: from.map(|_| "inbound"),
        from: from.map(str::to_owned),
        to: None,
    })
}

fn used(tokens: u64) -> Option<LogChange> {
    let usage = Usage { input_tokens: tokens, input_text: tokens, ..Usage::default() };
    Some(LogChange::Used { model: "m".into(), usage })
}

fn said(text: &str) -> Option<LogChange> {
    Some(LogChange::Said(text.into()))
}

fn write(connection: &mut Connection, call: &str, changes: Vec<Option<LogChange>>) {
    let events: Vec<_> = (1..).zip(changes).map(|(seq, change)| event(call, seq, change)).collect();
    journal::append(connection, &events).unwrap();
}

fn found(connection: &Connection, query: CallQuery) -> Vec<String> {
    let limit = if query.limit == 0 { 50 } else { query.limit };
    let logs = list(connection, &CallQuery { limit, ..query }).unwrap();
    logs.into_iter().map(|log| format!("{} {}", log.call_id, log.first_seq)).collect()
}

fn log(connection: &Connection, call: &str, first_seq: Option<u64>) -> CallLog {
    find(connection, &call.parse().unwrap(), first_seq).unwrap().unwrap().log
}

#[test]
fn a_conversation_is_reckoned_as_it_goes() {
    let mut connection = connection();
    let changes = vec![
        began(Some("b"), "twilio", Some("+250788")),
        Some(LogChange::Persona("waiter".into())),
        Some(LogChange::Turn(1)),
        None,
        used(5),
        Some(LogChange::Turn(2)),
        used(7),
    ];
    write(&mut connection, "c", changes);
    let live = log(&connection, "c", None);
    assert_eq!((live.turns, live.usage["m"].input_text, live.state), (2, 12, LogState::Live));
    assert_eq!((live.first_seq, live.last_seq, live.updated_at), (1, 7, at(7)));
    assert_eq!((live.from_number.as_deref(), live.direction.as_deref()), (Some("+250788"), Some("inbound")));
    journal::append(&mut connection, &[event("c", 8, Some(LogChange::Ended("hung_up")))]).unwrap();
    let ended = log(&connection, "c", None);
    assert_eq!((ended.state, ended.end_reason.as_deref()), (LogState::Ended, Some("hung_up")));
    assert_eq!((ended.ended_at, ended.persona.as_deref()), (Some(at(8)), Some("waiter")));
}

#[test]
fn a_batch_that_is_written_again_changes_nothing() {
    let mut connection = connection();
    let events =
        [event("c", 1, began(None, "text", None)), event("c", 2, used(5)), event("c", 3, said("goat"))];
    for _ in 0..3 {
        journal::append(&mut connection, &events).unwrap();
    }
    assert_eq!(log(&connection, "c", None).usage["m"].input_tokens, 5);
    let words = "SELECT count(*) FROM call_words";
    assert_eq!(connection.query_row(words, [], |row| row.get::<_, i64>(0)).unwrap(), 1);
}

#[test]
fn a_call_that_begins_anew_has_a_row_for_each_conversation() {
    let mut connection = connection();
    let changes = vec![
        began(None, "text", None),
        said("one"),
        Some(LogChange::Ended("hung_up")),
        None,
        began(None, "text", None),
        said("two"),
    ];
    write(&mut connection, "default", changes);
    let first = find(&connection, &"default".parse().unwrap(), Some(1)).unwrap().unwrap();
    assert_eq!(
        (first.log.state, first.newest_seq),
        (LogState::Ended, 4),
        "what came after its end is its own"
    );
    let second = find(&connection, &"default".parse().unwrap(), None).unwrap().unwrap();
    assert_eq!((second.log.first_seq, second.newest_seq, second.log.state), (5, 6, LogState::Live));
    assert!(find(&connection, &"default".parse().unwrap(), Some(2)).unwrap().is_none());
    let search = |text: &str| CallQuery { search: Some(text.parse().unwrap()), ..CallQuery::default() };
    assert_eq!(found(&connection, search("one")), ["default 1"]);
    assert_eq!(found(&connection, search("TWO")), ["default 5"]);
}

#[test]
fn calls_are_found_by_each_filter_and_in_pages() {
    let mut connection = connection();
    write(&mut connection, "a", vec![began(Some("x"), "text", None)]);
    write(&mut connection, "b", vec![None, began(Some("y"), "twilio", Some("+35670000001"))]);
    write(
        &mut connection,
        "c",
        vec![None, began(Some("x"), "twilio", None), said("Ħobż biż-żejt, two; \"goat's\"")],
    );
    let by = |query| found(&connection, query);
    let query = CallQuery::default;
    assert_eq!(by(query()), ["c 2", "b 2", "a 1"]);
    assert_eq!(by(CallQuery { tenant: Tenant::Of("x".into()), ..query() }), ["c 2", "a 1"]);
    assert_eq!(by(CallQuery { tenant: Tenant::Of("x' OR 1=1 --".into()), ..query() }), [""; 0]);
    assert_eq!(by(CallQuery { transport: Some("twilio".into()), ..query() }), ["c 2", "b 2"]);
    assert_eq!(by(CallQuery { since: Some(at(2)), ..query() }), ["c 2", "b 2"]);
    assert_eq!(by(CallQuery { until: Some(at(2)), ..query() }), ["a 1"]);
    let search = |text: &str| by(CallQuery { search: Some(text.parse().unwrap()), ..query() });
    for words in ["ħobż", "ŻEJT two", "goat s", "Ħobż, biż"] {
        assert_eq!(search(words), ["c 2"], "{words}");
    }
    assert_eq!(search("7000 0001"), ["b 2"]);
    for nowhere in ["hob", "sheep", "goat AND sheep", "7000 0002", "hobz"] {
        assert_eq!(search(nowhere), [""; 0], "{nowhere}");
    }
    let mut page = CallQuery { limit: 1, ..query() };
    let mut seen = Vec::new();
    while let Some(last) = list(&connection, &page).unwrap().pop() {
        seen.push(last.call_id.to_string());
        page.after = Some(last.place());
    }
    assert_eq!(seen, ["c", "b", "a"]);
    let nowhere = LogPlace { started_at: at(0), call_id: "a".parse().unwrap(), first_seq: u64::MAX };
    assert_eq!(by(CallQuery { after: Some(nowhere), ..query() }), [""; 0]);
}

#[test]
fn the_log_is_read_in_its_order_from_an_index() {
    let connection = connection();
    let plan = "EXPLAIN QUERY PLAN SELECT * FROM call_logs WHERE (started_at, call_id, first_seq) < ('x', 'y', 1) \
                ORDER BY started_at DESC, call_id DESC, first_seq DESC LIMIT 50";
    let mut statement = connection.prepare(plan).unwrap();
    let steps = statement.query_map([], |row| row.get::<_, String>("detail")).unwrap();
    let steps: Vec<String> = steps.collect::<Result<_, _>>().unwrap();
    assert!(steps.iter().all(|step| step.contains("USING INDEX call_logs_by_start")), "{steps:?}");
}

/// A file as the version before left it.
fn of_the_version_before() -> Connection {
    let mut connection = Connection::open_in_memory().unwrap();
    schema::prepare_before_records(&mut connection);
    let write = |call: &str, seq: i64, body: serde_json::Value| {
        let kind = body["type"].as_str().unwrap().to_owned();
        connection
            .execute(
                "INSERT INTO call_events (call_id, seq, at, kind, body) VALUES (?, ?, ?, ?, ?)",
                params![call, seq, at(seq).to_string(), kind, body.to_string()],
            )
            .unwrap();
    };
    let usage = |input: u64| json!({"input_tokens": input, "output_tokens": 1});
    write("d", 1, json!({"type": "call.started", "transport": "text"}));
    write("d", 2, json!({"type": "persona.activated", "persona": "waiter", "by": "start"}));
    write("d", 3, json!({"type": "turn.started", "turn": 1}));
    write("d", 4, json!({"type": "caller.text", "text": "Is there goat?"}));
    write("d", 5, json!({"type": "assistant.delta", "text": "Yes"}));
    write("d", 6, json!({"type": "turn.done", "turn": 1, "usage": usage(10)}));
    write("d", 7, json!({"type": "persona.activated", "persona": "cfo", "by": "api"}));
    write("d", 8, json!({"type": "turn.done", "turn": 2, "usage": usage(20)}));
    write("d", 9, json!({"type": "call.ended", "reason": "hung_up"}));
    write(
        "d",
        10,
        json!({"type": "call.started", "transport": "twilio", "business_id": "b", "direction": "inbound",
        "from": "+1555", "to": "+1556"}),
    );
    write("e", 1, json!({"type": "error", "code": "x", "error": "no conversation"}));
    let broken = "INSERT INTO call_events VALUES ('d', 11, '2026-03-01T12:00:11Z', 'caller.text', 'no JSON')";
    connection.execute(broken, []).unwrap();
    connection
}

#[test]
fn the_journal_of_the_version_before_has_its_log_after_the_update() {
    let mut connection = of_the_version_before();
    schema::prepare(&mut connection).unwrap();
    assert_eq!(found(&connection, CallQuery::default()), ["d 10", "d 1"]);
    let first = log(&connection, "d", Some(1));
    assert_eq!(
        (first.state, first.end_reason.as_deref(), first.last_seq),
        (LogState::Ended, Some("hung_up"), 9)
    );
    assert_eq!((first.started_at, first.ended_at, first.turns), (at(1), Some(at(9)), 1));
    let usage = Usage { input_tokens: 30, output_tokens: 2, ..Usage::default() };
    assert_eq!((first.persona.as_deref(), first.usage["unknown"]), (Some("cfo"), usage));
    let second = log(&connection, "d", None);
    assert_eq!((second.state, second.business_id.as_deref()), (LogState::Live, Some("b")));
    assert_eq!((second.from_number.as_deref(), second.usage.len()), (Some("+1555"), 0));
    let goat = CallQuery { search: Some("goat".parse().unwrap()), ..CallQuery::default() };
    assert_eq!(found(&connection, goat), ["d 1"]);
    journal::append(&mut connection, &[event("d", 12, Some(LogChange::Ended("silence")))]).unwrap();
    assert_eq!(log(&connection, "d", None).end_reason.as_deref(), Some("silence"), "and it goes on");
    let waiting = crate::store::embedded::outbox::backlog(&connection).unwrap();
    assert_eq!((waiting.events, waiting.oldest), (13, Some(at(1))), "all of it is still to be delivered");
}
