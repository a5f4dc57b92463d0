//! The call log: written by the journal, delivered where there is a database, and found in both places alike.

use std::time::Duration;

use ai_realtime::outbox::Outbox;
use ai_realtime::store::{CallQuery, EventRecord, LogChange, LogState, Store, Tenant};
use ai_realtime::usage::Usage;
use jiff::Timestamp;
use serde_json::json;

use super::on_both_stores;
use super::subject::Subject;

on_both_stores!(
    a_conversation_is_found_by_its_business_its_words_and_its_number,
    the_log_comes_in_pages,
    a_conversation_is_read_back_as_it_was_written,
    words_are_words_whatever_they_hold,
    calls_of_one_name_in_two_journals_stay_apart,
    an_older_row_of_the_log_does_not_replace_a_newer_one,
);

const LIMIT: Duration = Duration::from_secs(20);

/// A call that nobody else has.
fn new_call() -> String {
    uuid::Uuid::now_v7().to_string()
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_772_366_400 + second).unwrap()
}

fn event(call: &str, seq: u64, kind: &str, text: &str, change: Option<LogChange>) -> EventRecord {
    let at = at(i64::try_from(seq).unwrap());
    let body = json!({"seq": seq, "at": at, "call_id": call, "type": kind, "text": text}).to_string();
    let call_id = call.parse().unwrap();
    EventRecord { call_id, seq, at, kind: kind.into(), body: body.into(), change: None }.changing(change)
}

fn began(subject: &Subject, call: &str, seq: u64, from: Option<&str>) -> EventRecord {
    let change = LogChange::Started {
        transport: "twilio".into(),
        business_id: Some(subject.business.clone()),
        direction: Some("inbound"),
        from: from.map(str::to_owned),
        to: None,
    };
    event(call, seq, "call.started", "", Some(change))
}

fn said(call: &str, seq: u64, text: &str) -> EventRecord {
    event(call, seq, "caller.text", text, Some(LogChange::Said(text.into())))
}

/// Writes events, and has them delivered.
async fn write(subject: &Subject, events: Vec<EventRecord>) {
    subject.store.append_events(events).await.unwrap();
    if let Store::Supabase(store) = &subject.store {
        Outbox::start(store.clone()).finish(LIMIT).await;
        assert_eq!(store.local().backlog().await.unwrap().events, 0);
    }
}

async fn found(subject: &Subject, query: CallQuery) -> Vec<String> {
    let tenant = Tenant::Of(subject.business.as_str().into());
    let calls = subject.far().await.calls(CallQuery { tenant, limit: 50, ..query }).await.unwrap();
    calls.into_iter().map(|call| call.call_id.to_string()).collect()
}

fn words(text: &str) -> CallQuery {
    CallQuery { search: Some(text.parse().unwrap()), ..CallQuery::default() }
}

async fn a_conversation_is_found_by_its_business_its_words_and_its_number(subject: Subject) {
    let (one, two) = (new_call(), new_call());
    write(
        &subject,
        vec![began(&subject, &one, 1, Some("+35670000001")), said(&one, 2, "Two goat's brochettes, please")],
    )
    .await;
    write(
        &subject,
        vec![said(&two, 1, "before"), began(&subject, &two, 2, None), said(&two, 3, "Ħobż 12.50")],
    )
    .await;
    assert_eq!(found(&subject, CallQuery::default()).await, [two.as_str(), one.as_str()]);
    assert_eq!(found(&subject, words("GOAT two")).await, [one.as_str()]);
    assert_eq!(found(&subject, words("ħOBŻ 50")).await, [two.as_str()]);
    assert_eq!(found(&subject, words("7000 0001")).await, [one.as_str()]);
    for nothing in ["sheep", "goa", "7000 0002", "goat hobz"] {
        assert_eq!(found(&subject, words(nothing)).await, [""; 0], "{nothing}");
    }
    let since = CallQuery { since: Some(at(2)), ..CallQuery::default() };
    assert_eq!(found(&subject, since).await, [two.as_str()]);
    let until = CallQuery { until: Some(at(2)), ..CallQuery::default() };
    assert_eq!(found(&subject, until).await, [one.as_str()]);
    let text = CallQuery { transport: Some("text".into()), ..CallQuery::default() };
    assert_eq!(found(&subject, text).await, [""; 0]);
}

async fn the_log_comes_in_pages(subject: Subject) {
    let calls = [new_call(), new_call(), new_call()];
    let events = calls.iter().map(|call| began(&subject, call, 1, None)).collect();
    write(&subject, events).await;
    let store = subject.far().await;
    let tenant = Tenant::Of(subject.business.as_str().into());
    let mut query = CallQuery { tenant, limit: 2, ..CallQuery::default() };
    let mut seen = Vec::new();
    loop {
        let page = store.calls(query.clone()).await.unwrap();
        let Some(last) = page.last() else { break };
        query.after = Some(last.place());
        seen.extend(page.into_iter().map(|call| call.call_id.to_string()));
    }
    let mut expected = calls.to_vec();
    expected.sort_by(|left, right| right.cmp(left));
    assert_eq!(seen, expected, "all began at once");
}

async fn a_conversation_is_read_back_as_it_was_written(subject: Subject) {
    let call = new_call();
    let usage =
        Usage { input_tokens: 7, output_tokens: 2, input_text: 7, output_text: 2, ..Usage::default() };
    let events = vec![
        began(&subject, &call, 1, None),
        event(&call, 2, "turn.started", "", Some(LogChange::Turn(1))),
        said(&call, 3, "a \u{0} \\u0000 \"quote\"\nline é"),
        event(&call, 4, "turn.done", "", Some(LogChange::Used { model: "m".into(), usage })),
        event(&call, 5, "call.ended", "", Some(LogChange::Ended("hung_up"))),
        began(&subject, &call, 6, None),
        event(&call, 7, "assistant.delta", "x", None),
    ];
    write(&subject, events).await;
    let store = subject.far().await;
    let id = call.parse().unwrap();
    let first = store.call(&id, Some(1)).await.unwrap().unwrap();
    assert_eq!((first.log.state, first.log.end_reason.as_deref()), (LogState::Ended, Some("hung_up")));
    assert_eq!((first.log.usage["m"], first.log.turns, first.newest_seq), (usage, 1, 5));
    assert_eq!((first.log.started_at, first.log.ended_at), (at(1), Some(at(5))));
    let read = store.call_events(&first, 0, 50).await.unwrap();
    assert_eq!(read.iter().map(|event| event.seq).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
    let body: serde_json::Value = serde_json::from_str(&read[2].body).unwrap();
    let nul = if subject.is_supabase() { "\u{fffd}" } else { "\u{0}" };
    assert_eq!(body["text"], format!("a {nul} \\u0000 \"quote\"\nline é"));
    let newest = store.call(&id, None).await.unwrap().unwrap();
    assert_eq!((newest.log.first_seq, newest.log.state, newest.newest_seq), (6, LogState::Live, 7));
    assert_eq!(store.call(&new_call().parse().unwrap(), None).await.unwrap(), None);
}

async fn words_are_words_whatever_they_hold(subject: Subject) {
    let call = new_call();
    write(
        &subject,
        vec![began(&subject, &call, 1, None), said(&call, 2, "50% off, (a_b) 'c' \"d\" & e|f !g :* h-i")],
    )
    .await;
    for some in ["50", "off", "a b", "c d", "e f", "g h", "H I", "'c'; drop table call_logs --"] {
        let expected: &[&str] = if some.contains("drop") { &[] } else { &[&call] };
        assert_eq!(found(&subject, words(some)).await, expected, "{some}");
    }
}

/// Two nodes have a call `default` each, as has a service whose data folder was lost.
async fn calls_of_one_name_in_two_journals_stay_apart(subject: Subject) {
    if !subject.is_supabase() {
        return;
    }
    let (call, elsewhere) = (new_call(), subject.with_another_folder().await);
    write(&subject, vec![began(&subject, &call, 1, None), said(&call, 2, "goat")]).await;
    let later = event(&call, 3, "call.ended", "", Some(LogChange::Ended("hung_up")));
    write(&elsewhere, vec![began(&elsewhere, &call, 1, None), said(&call, 2, "sheep"), later]).await;
    for (words_said, state) in [("goat", LogState::Live), ("sheep", LogState::Ended)] {
        let tenant = Tenant::Of(subject.business.as_str().into());
        let query = CallQuery { tenant, limit: 50, ..words(words_said) };
        let rows = subject.far().await.calls(query).await.unwrap();
        assert_eq!(rows.iter().map(|row| row.state).collect::<Vec<_>>(), [state], "{words_said}");
    }
    for (at_home, words_said) in [(&subject, "goat"), (&elsewhere, "sheep")] {
        let tenant = Tenant::Of(subject.business.as_str().into());
        let all = CallQuery { tenant, limit: 50, ..CallQuery::default() };
        assert_eq!(at_home.store.calls(all).await.unwrap().len(), 2, "its own, and the other's");
        let found = at_home.store.call(&call.parse().unwrap(), None).await.unwrap().unwrap();
        let events = at_home.store.call_events(&found, 0, 50).await.unwrap();
        assert!(events[1].body.contains(words_said), "{events:?}");
    }
    let far = subject.far().await;
    let found = far.call(&call.parse().unwrap(), None).await.unwrap().unwrap();
    let said = far.call_events(&found, 0, 50).await.unwrap().len() as u64;
    assert_eq!(said, found.newest_seq, "the events of one journal");
}

async fn an_older_row_of_the_log_does_not_replace_a_newer_one(subject: Subject) {
    let Store::Supabase(store) = &subject.store else { return };
    let call = new_call();
    write(&subject, vec![began(&subject, &call, 1, None)]).await;
    let id = call.parse().unwrap();
    let older = subject.store.call(&id, None).await.unwrap().unwrap().log;
    write(&subject, vec![event(&call, 2, "call.ended", "", Some(LogChange::Ended("hung_up")))]).await;
    // It was on its way all the time.
    store.deliver_logs(&[older]).await.unwrap();
    let found = subject.far().await.call(&id, None).await.unwrap().unwrap();
    assert_eq!((found.log.state, found.log.last_seq), (LogState::Ended, 2));
}
