//! The model's socket is dropped at fifty random points of a scripted call: the caller's line stays, every question
//! is answered, and no sentence is said twice.

use ai_realtime::caller::Ending;
use ai_realtime::rehearsal::RehearsalOptions;
use futures_util::{StreamExt, stream};
use serde_json::Value;
use tokio::time::{Duration, sleep};

use super::desk::{PACE, books, caller, of_kind, phone};
use crate::house::{DEADLINE, Service, model, soon, with_model};

/// Where the points come from.
const SEED: u64 = 20_261_121;
/// Calls, each with one drop.
const CALLS: usize = 50;
/// Calls at once.
const AT_ONCE: usize = 6;
/// How long the scripted call takes when nothing happens, in milliseconds of the call.
const SCRIPT_MS: u64 = 26_000;
/// A letter may be lost or heard twice where an answer was broken off: the end of the line is not told in words.
const SEAM: usize = 3;
const QUESTIONS: [&str; 2] = ["do you have tea?", "do you have goat?"];
const GOODBYE: &str = "thank you, goodbye";

/// What came of a call.
#[derive(Debug)]
struct Outcome {
    heard: String,
    journal: String,
    answers: usize,
    transcripts: Vec<String>,
    streams: u64,
    disconnections: usize,
}

/// The scripted call; the model is dropped at `at_ms` of it.
async fn scripted(at_ms: Option<u64>) -> Result<Outcome, String> {
    let options = RehearsalOptions { delay_ms: 15, delta_delay_ms: 4, ..RehearsalOptions::default() };
    let model = model(options).await;
    let mut settings = phone();
    settings.extend(with_model(&model));
    let service = Service::start_with(settings).await;
    let client = &service.client;
    let line = caller(client).dial().await.map_err(|error| error.to_string())?;
    let sid = line.call_sid().to_owned();
    let fault = async {
        if let Some(at_ms) = at_ms {
            sleep(Duration::from_millis(at_ms).div_f64(PACE)).await;
            model.drop_all();
        }
    };
    let talk = async {
        let mut events = client.follow(&sid, None).await;
        let late = |error: ai_realtime::caller::Late| error.to_string();
        events.until("turn.done").await;
        line.until_quiet(600, DEADLINE).await.map_err(late)?;
        for words in QUESTIONS {
            line.say(words).await;
            line.until_said(DEADLINE).await.map_err(late)?;
            events.until("turn.done").await;
            line.until_quiet(600, DEADLINE).await.map_err(late)?;
        }
        line.say(GOODBYE).await;
        line.until_ended(DEADLINE).await.map_err(late)
    };
    let (_, ending) = soon(async { tokio::join!(fault, talk) }).await;
    let ending = ending?;
    line.until_over(DEADLINE).await.map_err(|error| error.to_string())?;
    if ending != Ending::Hangup {
        return Err(format!("it ended otherwise: {ending:?}"));
    }
    let events = books(client, &sid).await;
    let text = |event: &&Value| event["text"].as_str().unwrap_or_default().to_owned();
    let said = events.iter().filter_map(|event| match event["type"].as_str()? {
        "assistant.text" => event["text"].as_str(),
        "assistant.interrupted" => event["heard"].as_str(),
        _ => None,
    });
    let outcome = Outcome {
        heard: bare(&line.utterances().concat()),
        journal: bare(&ai_realtime::rehearsal::speech::normal_form(&said.collect::<String>())),
        answers: of_kind(&events, "turn.done").iter().filter(|turn| turn["status"] == "completed").count(),
        transcripts: of_kind(&events, "caller.transcript").iter().map(text).collect(),
        streams: line.counters().streams,
        disconnections: of_kind(&events, "model.disconnected").len(),
    };
    service.stop().await;
    Ok(outcome)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_dropped_at_fifty_points_costs_the_caller_nothing() {
    let whole = scripted(None).await.unwrap();
    assert_eq!((whole.heard.as_str(), whole.streams), (whole.journal.as_str(), 1), "{whole:?}");
    let mut random = fastrand::Rng::with_seed(SEED);
    let points: Vec<u64> = (0..CALLS).map(|_| random.u64(0..SCRIPT_MS)).collect();
    let calls = points.into_iter().map(|at_ms| async move { (at_ms, scripted(Some(at_ms)).await) });
    let outcomes: Vec<_> = stream::iter(calls).buffer_unordered(AT_ONCE).collect().await;
    let wrong: Vec<String> = outcomes
        .iter()
        .filter_map(|(at_ms, outcome)| {
            let why = match outcome {
                Ok(outcome) => what_is_wrong(outcome, &whole)?,
                Err(error) => error.clone(),
            };
            Some(format!("dropped at {at_ms} ms: {why}\n{outcome:#?}"))
        })
        .collect();
    assert!(wrong.is_empty(), "seed {SEED}, {} of {CALLS} calls:\n{}", wrong.len(), wrong.join("\n"));
    let dropped =
        outcomes.iter().filter(|(_, outcome)| outcome.as_ref().is_ok_and(|call| call.disconnections > 0));
    assert!(dropped.count() > CALLS * 3 / 4, "the drops hit something");
}

fn what_is_wrong(call: &Outcome, whole: &Outcome) -> Option<String> {
    if call.streams != 1 {
        return Some("the caller's line was lost".to_owned());
    }
    if call.answers != whole.answers {
        return Some(format!("{} of {} answers", call.answers, whole.answers));
    }
    let mut said = QUESTIONS.iter().chain([&GOODBYE]);
    // What was answered before it was written down may stay unwritten, but nothing is said twice, or otherwise.
    if !call.transcripts.iter().all(|text| said.any(|words| words == text)) {
        return Some("the caller was understood to say something else".to_owned());
    }
    if distance(&call.heard, &whole.heard) > SEAM {
        return Some(format!("the caller heard something else than\n{}", whole.heard));
    }
    if distance(&call.heard, &call.journal) > SEAM {
        return Some("the journal says something else than the caller heard".to_owned());
    }
    None
}

/// A text without its blanks: pauses between messages are no part of what was said.
fn bare(text: &str) -> String {
    text.chars().filter(|letter| *letter != ' ').collect()
}

/// In how many letters two texts differ.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, letter) in one.chars().enumerate() {
        let mut corner = std::mem::replace(&mut row[0], i + 1);
        for (j, wanted) in other.iter().enumerate() {
            let changed = corner + usize::from(letter != *wanted);
            corner = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(corner + 1);
        }
    }
    row[other.len()]
}
