//! Parts of a call fail, one after the other: the caller hears at most a breath, nothing is said twice, and each tool call
//! has one output.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ai_realtime::call::Part;
use ai_realtime::caller::{Line, Tap, TimelineEvent};
use futures_util::future::join_all;
use serde_json::Value;

use crate::house::{DEADLINE, Service, soon};
use crate::phone::line::{GREETING, OnThePhone, Phone, aloud};
use crate::phone_faults::desk::{greeted, hang_up, times, until_heard};

const DRINKS: &str = "what drinks do you have?";
const TEA: &str = "how much is the african tea?";
/// Where an answer was broken off the word that was being said may be begun again, and a letter be lost at each seam.
const WORD: usize = 14;
const SEAM: usize = 4;

fn crash(service: &Service, call: &str, part: Part) {
    service.switchboard.live(&call.parse().unwrap()).expect("it lives").crash(part);
}

/// A caller who was greeted and has asked once: what the whole answer is.
async fn asked(phone: &Phone) -> (OnThePhone, String) {
    let on = phone.greeted().await;
    on.line.until_quiet(600, DEADLINE).await.unwrap();
    on.line.listen_afresh();
    let whole = on.asks(DRINKS).await;
    on.line.listen_afresh();
    (on, whole)
}

/// The caller asks again; a part fails in the middle of the answer, which is heard to its end all the same.
async fn fails_while_the_persona_speaks(part: Part) -> (Phone, OnThePhone) {
    let phone = Phone::connected().await;
    let (on, whole) = asked(&phone).await;
    on.line.say(DRINKS).await;
    until_heard(&on.line, "i found 15").await;
    crash(&phone.service, on.line.call_sid(), part);
    let last = aloud(&whole);
    let last = last.rsplit(' ').next().unwrap().to_owned();
    until_heard(&on.line, &last).await;
    on.line.until_quiet(1_500, DEADLINE).await.unwrap();
    assert_gone_on(&on.line.heard_text(), &whole);
    on.line.listen_afresh();
    let answer = on.asks(TEA).await;
    assert!(answer.contains("african tea"), "{answer}");
    (phone, on)
}

/// Whether this is the whole of a text with half a word said again at most.
#[track_caller]
fn assert_gone_on(heard: &str, whole: &str) {
    let bare = |text: &str| {
        let letters: String = aloud(text).chars().filter(|letter| *letter != ' ').collect();
        // On a busy machine the caller may have been silent for long enough to be asked.
        let answer = letters.split("areyoustill").next().unwrap_or_default();
        answer.chars().collect::<Vec<_>>()
    };
    let (heard, whole) = (bare(heard), bare(whole));
    let again = heard.len().saturating_sub(whole.len());
    let lost = distance(&heard, &whole);
    let texts = || (heard.iter().collect::<String>(), whole.iter().collect::<String>());
    assert!(again <= WORD && lost <= again + SEAM, "{lost} letters differ: {:#?}", texts());
}

fn distance(one: &[char], other: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (at, letter) in one.iter().enumerate() {
        let mut corner = std::mem::replace(&mut row[0], at + 1);
        for (place, known) in other.iter().enumerate() {
            let change = corner + usize::from(letter != known);
            corner = row[place + 1];
            row[place + 1] = change.min(corner + 1).min(row[place] + 1);
        }
    }
    row[other.len()]
}

/// The whole journal of a call that has ended: its numbers have no gap, and each tool call has one output.
async fn books(service: &Service, call: &str) -> Vec<Value> {
    let events = service.client.follow(call, None).await.all().await;
    check(&events);
    events
}

/// Each event is there once, and each tool call has one output.
#[track_caller]
pub fn check(events: &[Value]) {
    let numbers: Vec<_> = events.iter().map(|event| event["seq"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (1..=events.len() as u64).collect::<Vec<_>>());
    let mut outputs: BTreeMap<&str, (u32, u32)> = BTreeMap::new();
    for event in events {
        let id = event["tool_call_id"].as_str().unwrap_or_default();
        match event["type"].as_str() {
            Some("tool.started") => outputs.entry(id).or_default().0 += 1,
            Some("tool.done") => outputs.entry(id).or_default().1 += 1,
            _ => {}
        }
    }
    assert!(outputs.values().all(|counts| *counts == (1, 1)), "{outputs:?}");
}

fn greetings(events: &[Value]) -> usize {
    events.iter().filter(|event| event["type"] == "assistant.text" && event["text"] == GREETING).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_fails_while_the_persona_speaks_goes_on_in_the_middle_of_the_word() {
    let (phone, mut on) = fails_while_the_persona_speaks(Part::Session).await;
    on.hangs_up().await;
    let events = books(&phone.service, on.line.call_sid()).await;
    assert_eq!((greetings(&events), on.line.counters().streams), (1, 1), "the caller's line stays");
    phone.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_persona_that_fails_while_it_speaks_is_not_noticed() {
    let (phone, mut on) = fails_while_the_persona_speaks(Part::Persona).await;
    on.hangs_up().await;
    let events = books(&phone.service, on.line.call_sid()).await;
    assert_eq!((greetings(&events), on.line.counters().streams), (1, 1));
    assert!(!events.iter().any(|event| event["type"] == "assistant.interrupted"));
    phone.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_fails_while_the_persona_speaks_is_found_again_by_the_next_stream() {
    let (phone, mut on) = fails_while_the_persona_speaks(Part::Line).await;
    on.hangs_up().await;
    let events = books(&phone.service, on.line.call_sid()).await;
    assert_eq!((greetings(&events), on.line.counters().streams), (1, 2));
    let down = events.iter().find(|event| event["type"] == "line.down").unwrap();
    assert_eq!(down["how"], "lost");
    phone.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_fails_goes_on_from_its_journal_with_the_next_stream() {
    let phone = Phone::connected().await;
    let on = phone.greeted().await;
    on.line.until_quiet(600, DEADLINE).await.unwrap();
    on.asks("i have a question about vat on restaurant meals in the eu").await;
    on.line.listen_afresh();
    on.line.say("what was our ebitda in 2026-02?").await;
    on.line.until_said(DEADLINE).await.unwrap();
    crash(&phone.service, on.line.call_sid(), Part::Call);
    on.has_streams(2).await;
    let sid = on.line.call_sid().to_owned();
    let mut journal = phone.service.client.follow(&sid, None).await;
    journal.until("call.resumed").await;
    journal.until("turn.done").await;
    journal.until("turn.done").await;
    on.line.until_quiet(1_500, DEADLINE).await.unwrap();
    let (_, calls) = phone.service.client.get("/ai/calls").await;
    assert_eq!((calls.as_array().unwrap().len(), &calls[0]["persona"]), (1, &Value::from("cfo")), "{calls}");
    on.line.listen_afresh();
    let answer = on.asks(TEA).await;
    assert!(answer.contains("african tea"), "it could go back to the waiter: {answer}");
    on.line.hang_up().await;
    soon(journal.until("call.ended")).await;
    let events = books(&phone.service, &sid).await;
    assert_eq!(greetings(&events), 1);
    phone.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tool_that_panics_is_answered_once_and_hurts_nothing_else() {
    let phone = Phone::connected().await;
    let mut on = phone.greeted().await;
    on.line.until_quiet(600, DEADLINE).await.unwrap();
    crash(&phone.service, on.line.call_sid(), Part::Tool);
    on.asks(DRINKS).await;
    assert_eq!(on.journaled("tool.done").await["status"], "error");
    on.line.listen_afresh();
    let answer = on.asks(TEA).await;
    assert!(answer.contains("african tea"), "{answer}");
    on.hangs_up().await;
    books(&phone.service, on.line.call_sid()).await;
    phone.service.stop().await;
}

/// A part fails while a tool that takes long is at work: its output comes all the same, once.
async fn fails_while_a_tool_runs(part: Part) {
    let service = crate::phone_faults::slow_tool::service().await;
    let line = greeted(&service.client).await;
    let mut journal = service.client.follow(line.call_sid(), None).await;
    line.listen_afresh();
    line.say("is there champagne in the cellar?").await;
    journal.until("tool.started").await;
    crash(&service, line.call_sid(), part);
    until_heard(&line, "widow clicquot").await;
    line.until_quiet(1_500, DEADLINE).await.unwrap();
    assert_eq!(times(&line.heard_text(), "widow clicquot"), 1);
    hang_up(&line).await;
    books(&service, line.call_sid()).await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_fails_while_a_tool_runs_is_told_what_it_gave() {
    fails_while_a_tool_runs(Part::Session).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_persona_that_fails_while_a_tool_runs_has_it_run_again() {
    fails_while_a_tool_runs(Part::Persona).await;
}

/// A part fails while the caller speaks: no more than a few words are lost, and they are answered.
async fn fails_while_the_caller_speaks(part: Part) -> Vec<Value> {
    let phone = Phone::plain().await;
    let mut on = phone.greeted().await;
    on.line.until_quiet(600, DEADLINE).await.unwrap();
    on.line.listen_afresh();
    on.line.say("i would like to know all of them before i choose, so what drinks do you have?").await;
    on.notices("the caller", |event| matches!(event, TimelineEvent::CallerSpeaks)).await;
    crash(&phone.service, on.line.call_sid(), part);
    on.line.until_said(DEADLINE).await.unwrap();
    until_heard(&on.line, "i found").await;
    on.line.until_quiet(1_500, DEADLINE).await.unwrap();
    on.line.listen_afresh();
    let answer = on.asks(TEA).await;
    assert!(answer.contains("african tea"), "{answer}");
    on.hangs_up().await;
    let events = books(&phone.service, on.line.call_sid()).await;
    assert_eq!(greetings(&events), 1);
    phone.service.stop().await;
    events
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_fails_while_the_caller_speaks_hears_all_of_it() {
    let events = fails_while_the_caller_speaks(Part::Session).await;
    let said = events.iter().find(|event| event["type"] == "caller.transcript").unwrap();
    assert_eq!(said["text"], "i would like to know all of them before i choose, so what drinks do you have?");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_fails_while_the_caller_speaks_costs_no_more_than_those_words() {
    fails_while_the_caller_speaks(Part::Line).await;
}

/// When audio came in, for one call.
#[derive(Default)]
struct Clocked(Mutex<Vec<Instant>>);

impl Tap for Clocked {
    fn on_sent(&self, _: &[u8]) {}

    fn on_received(&self, _: &[u8]) {
        self.0.lock().unwrap().push(Instant::now());
    }
}

impl Clocked {
    /// The longest wait from one piece of audio to the next, and it begins anew.
    fn worst(&self) -> Duration {
        let came = std::mem::take(&mut *self.0.lock().unwrap());
        came.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or_default()
    }
}

/// Everyone asks at once; of each the longest wait within the answer.
async fn round(lines: &[(Line, Arc<Clocked>)]) -> Vec<Duration> {
    let answers = lines.iter().map(|(line, clocked)| async move {
        line.listen_afresh();
        line.say(DRINKS).await;
        line.until_said(DEADLINE).await.unwrap();
        clocked.worst();
        until_heard(line, "i found").await;
        line.until_quiet(800, DEADLINE).await.unwrap();
        clocked.worst()
    });
    let mut worst = join_all(answers).await;
    worst.sort();
    worst
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_calls_do_not_notice_that_others_fail() {
    const OTHERS: usize = 20;
    const FACTOR: u32 = 8;
    let phone = Phone::plain().await;
    let lines = join_all((0..OTHERS).map(|_| async {
        let clocked = Arc::new(Clocked::default());
        let line = phone.caller().pace(2.0).tap(Arc::clone(&clocked) as Arc<dyn Tap>).dial().await.unwrap();
        until_heard(&line, "today?").await;
        line.until_quiet(600, DEADLINE).await.unwrap();
        (line, clocked)
    }))
    .await;
    let failing = join_all((0..4).map(|_| async {
        let line = phone.caller().pace(2.0).dial().await.unwrap();
        until_heard(&line, "today?").await;
        line
    }))
    .await;
    let calm = round(&lines).await;
    let parts = [Part::Session, Part::Persona, Part::Line, Part::Call];
    let crashes = async {
        for (line, part) in failing.iter().zip(parts) {
            line.say(TEA).await;
            line.until_said(DEADLINE).await.unwrap();
            crash(&phone.service, line.call_sid(), part);
        }
    };
    let (stormy, ()) = tokio::join!(round(&lines), crashes);
    let at = |worst: &[Duration], percent: usize| worst[(worst.len() - 1) * percent / 100];
    for percent in [50, 95, 100] {
        let (before, meanwhile) = (at(&calm, percent), at(&stormy, percent));
        assert!(meanwhile <= before * FACTOR, "p{percent}: {before:?} before, {meanwhile:?} meanwhile");
    }
    for (line, _) in &lines {
        line.hang_up().await;
        assert_eq!(line.counters().streams, 1);
    }
    for line in &failing {
        line.hang_up().await;
    }
    phone.service.stop().await;
}
