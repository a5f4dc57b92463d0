//! The model's socket is killed at random points of a scripted call: the caller's line stays, every question is
//! answered, no sentence is heard twice, and what was ordered is ordered once.

use std::time::Duration;

use ai_realtime::caller::{Ending, Late, Line, answer_times_ms};
use ai_realtime::rehearsal::RehearsalOptions;
use futures_util::{StreamExt, stream};
use rusqlite::Connection;
use serde_json::Value;
use tokio::time::sleep;

use crate::desk::{books, caller, of_kind, phone};
use crate::figures::{dropped_frames, record};
use crate::house::{DEADLINE, Events, Service, model, soon, with_model};
use crate::invariants::complaints;
use crate::wording::{SEAM, bare, is_told_twice_or_lost, told};
use crate::{SEED, setting};

/// Calls, each with one kill, when nobody says otherwise.
const KILLS: usize = 8;
/// Calls at once.
const AT_ONCE: usize = 12;
/// How much faster than real time the caller lives: what is lost with a socket before it is noticed is a matter of the
/// wall, and may be a second of the call.
const PACE: f64 = 3.0;
/// How long the scripted call takes when nothing happens, in milliseconds of the call.
const SCRIPT_MS: u64 = 32_000;
/// Silence after which the persona has said all, in milliseconds of the call: longer than a busy machine stands still.
const QUIET_MS: u64 = 1_500;
const QUESTION: &str = "do you have fanta citron?";
const ORDER: &str = "please order two fanta citron for table 5";
const GOODBYE: &str = "thank you, goodbye";

/// What came of a call.
#[derive(Debug)]
struct Outcome {
    heard: String,
    journal: String,
    answers: usize,
    transcripts: Vec<String>,
    streams: u64,
    frames_lost: u64,
    orders: i64,
    disconnections: usize,
    complaints: Vec<String>,
    /// The longest the caller waited for the persona, in milliseconds of the wall.
    wait_ms: u64,
    /// How long there was no socket, in milliseconds.
    gaps_ms: Vec<u64>,
}

/// The scripted call; the model is killed at `at_ms` of it.
async fn scripted(at_ms: Option<u64>) -> Result<Outcome, String> {
    let options = RehearsalOptions { delay_ms: 15, delta_delay_ms: 4, ..RehearsalOptions::default() };
    let model = model(options).await;
    let mut settings = phone();
    settings.extend(with_model(&model));
    // The call goes three times as fast as life: so do the signs of it, and its lane keeps three times as much.
    settings.push(("TWILIO_AUDIO_QUEUE_SIZE", "1500".to_owned()));
    settings.push(("MODEL_PING_SECONDS", "1".to_owned()));
    let service = Service::start_with(settings).await;
    let client = &service.client;
    let line = caller(client).pace(PACE).dial().await.map_err(|error| error.to_string())?;
    let fault = async {
        if let Some(at_ms) = at_ms {
            sleep(Duration::from_millis(at_ms).div_f64(PACE)).await;
            model.drop_all();
        }
    };
    let talk = async {
        let mut events = client.follow(line.call_sid(), None).await;
        talk(&line, &mut events).await.map_err(|late| late.to_string())
    };
    let (_, ending) = soon(async { tokio::join!(fault, talk) }).await;
    let ending = ending?;
    line.until_over(DEADLINE).await.map_err(|error| error.to_string())?;
    if ending != Ending::Hangup {
        return Err(format!("it ended otherwise: {ending:?}"));
    }
    let events = books(client, line.call_sid()).await;
    let text = |event: &&Value| event["text"].as_str().unwrap_or_default().to_owned();
    let database = Connection::open(service.home.path().join("data/ai-realtime.db")).unwrap();
    let completed = |turn: &&&Value| turn["status"] == "completed";
    let outcome = Outcome {
        heard: bare(&line.utterances().concat()),
        journal: told(&events),
        answers: of_kind(&events, "turn.done").iter().filter(completed).count(),
        transcripts: of_kind(&events, "caller.transcript").iter().map(text).collect(),
        streams: line.counters().streams,
        frames_lost: line.counters().frames_lost,
        orders: database.query_row("SELECT count(*) FROM orders", [], |row| row.get(0)).unwrap(),
        disconnections: of_kind(&events, "model.disconnected").len(),
        complaints: complaints(&events),
        wait_ms: (answer_times_ms(&line.events()).into_iter().max().unwrap_or_default() as f64 / PACE) as u64,
        gaps_ms: events.iter().filter_map(|event| event["gap_ms"].as_u64()).collect(),
    };
    drop(line);
    service.stop().await;
    Ok(outcome)
}

async fn talk(line: &Line, events: &mut Events) -> Result<Ending, Late> {
    events.until("turn.done").await;
    line.until_quiet(QUIET_MS, DEADLINE).await?;
    for words in [QUESTION, ORDER] {
        line.say(words).await;
        line.until_said(DEADLINE).await?;
        events.until("turn.done").await;
        line.until_quiet(QUIET_MS, DEADLINE).await?;
    }
    line.press('5').await;
    line.press('#').await;
    events.until("turn.done").await;
    line.until_quiet(QUIET_MS, DEADLINE).await?;
    line.say(GOODBYE).await;
    line.until_ended(DEADLINE).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn killing_the_models_socket_at_any_point_of_a_call_costs_the_caller_nothing() {
    record();
    let dropped_before = dropped_frames();
    let (seed, kills) = (setting("CHAOS_SEED", SEED), setting("CHAOS_KILLS", KILLS));
    let mut random = fastrand::Rng::with_seed(seed);
    // One call beside them is left alone: it is what they all should be like.
    let points: Vec<_> =
        [None].into_iter().chain((0..kills).map(|_| Some(random.u64(0..SCRIPT_MS)))).collect();
    let calls =
        points.into_iter().map(|at_ms| async move { (at_ms.unwrap_or(0), Box::pin(scripted(at_ms)).await) });
    let mut outcomes: Vec<_> = stream::iter(calls).buffered(AT_ONCE).collect().await;
    let whole = outcomes.remove(0).1.unwrap();
    for words in ["welcome!", "fantacitron", "youpressed5", "goodbye!"] {
        assert!(whole.journal.contains(words), "{words}: {whole:#?}");
    }
    assert_eq!(what_is_wrong(&whole, &whole), None, "{whole:?}");
    let wrong: Vec<String> = outcomes
        .iter()
        .filter_map(|(at_ms, outcome)| {
            let why = match outcome {
                Ok(outcome) => what_is_wrong(outcome, &whole)?,
                Err(error) => error.clone(),
            };
            Some(format!("killed at {at_ms} ms: {why}\n{outcome:#?}"))
        })
        .collect();
    let struck: Vec<&Outcome> = outcomes.iter().filter_map(|(_, outcome)| outcome.as_ref().ok()).collect();
    println!(
        "{} sockets killed, seed {seed}: {} calls not as they should be\n{}",
        kills,
        wrong.len(),
        figures(&struck, &whole)
    );
    assert!(wrong.is_empty(), "make chaos SEED={seed} KILLS={kills}\n{}", wrong.join("\n"));
    assert_eq!(dropped_frames(), dropped_before, "frames of callers were lost");
    let dropped = struck.iter().filter(|call| call.disconnections > 0);
    assert!(kills == 0 || dropped.count() > kills / 2, "the kills hit something");
}

fn figures(calls: &[&Outcome], whole: &Outcome) -> String {
    let mut gaps: Vec<u64> = calls.iter().flat_map(|call| call.gaps_ms.iter().copied()).collect();
    // What a kill made the caller wait longer than without one.
    let mut waits: Vec<u64> = calls.iter().map(|call| call.wait_ms.saturating_sub(whole.wait_ms)).collect();
    let frames: u64 = calls.iter().map(|call| call.frames_lost).sum();
    let double = calls.iter().filter(|call| call.orders > 1).count();
    format!(
        "| frames of callers lost | {frames}\n| double effects         | {double}\n\
         | without a socket       | p50 {} ms, p99 {} ms\n| heard by the caller    | p50 {} ms, p99 {} ms more\n",
        percentile(&mut gaps, 50),
        percentile(&mut gaps, 99),
        percentile(&mut waits, 50),
        percentile(&mut waits, 99)
    )
}

fn percentile(values: &mut [u64], share: usize) -> u64 {
    values.sort_unstable();
    let at = (values.len() * share).div_ceil(100).saturating_sub(1);
    values.get(at).copied().unwrap_or_default()
}

fn what_is_wrong(call: &Outcome, whole: &Outcome) -> Option<String> {
    if call.streams != 1 {
        return Some("the caller's line was lost".to_owned());
    }
    if call.frames_lost > 0 {
        return Some(format!("{} frames of the caller were lost", call.frames_lost));
    }
    if call.answers != whole.answers {
        return Some(format!("{} of {} answers", call.answers, whole.answers));
    }
    if call.orders != 1 {
        return Some(format!("{} orders", call.orders));
    }
    if !call.complaints.is_empty() {
        return Some(call.complaints.join("\n"));
    }
    let mut said = [QUESTION, ORDER, GOODBYE].into_iter();
    // What was answered before it was written down may stay unwritten, but nothing is said twice, or otherwise.
    if !call.transcripts.iter().all(|text| said.any(|words| words == *text)) {
        return Some("the caller was understood to say something else".to_owned());
    }
    // An order's number is its own.
    if is_told_twice_or_lost(&without_digits(&call.heard), &without_digits(&whole.journal), 1, SEAM) {
        return Some(format!("the caller heard something else than\n{}", whole.journal));
    }
    if is_told_twice_or_lost(&call.heard, &call.journal, 1, SEAM) {
        return Some("the journal says something else than the caller heard".to_owned());
    }
    None
}

fn without_digits(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_ascii_digit()).collect()
}
