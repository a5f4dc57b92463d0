//! The model's socket is dropped at fifty random points of a scripted call: the caller's line stays, every question
//! is answered, and no sentence is said twice.

use ai_realtime::caller::Ending;
use ai_realtime::rehearsal::RehearsalOptions;
use futures_util::{StreamExt, stream};
use serde_json::Value;
use tokio::time::{Duration, sleep};

use super::desk::{books, caller, of_kind, phone};
use crate::house::{DEADLINE, Service, model, soon, with_model};

/// Where the points come from.
const SEED: u64 = 20_261_121;
/// Calls, each with one drop.
const CALLS: usize = 50;
/// Calls at once.
const AT_ONCE: usize = 12;
/// How much faster than real time: less than elsewhere, since what reconnects does so in the time of the wall.
const PACE: f64 = 5.0;
/// How long the scripted call takes when nothing happens, in milliseconds of the call.
const SCRIPT_MS: u64 = 24_000;
/// Silence after which the persona has said all, in milliseconds of the call: longer than a busy machine stands still.
const QUIET_MS: u64 = 1_500;
/// Where an answer was broken off, so many letters may be lost or muddled: nobody says where in a letter it was.
const SEAM: usize = 2;
/// There the word that was being said may be begun again.
const WORD: usize = 14;
const QUESTION: &str = "do you have fanta citron?";
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
    let line = caller(client).pace(PACE).dial().await.map_err(|error| error.to_string())?;
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
        line.until_quiet(QUIET_MS, DEADLINE).await.map_err(late)?;
        line.say(QUESTION).await;
        line.until_said(DEADLINE).await.map_err(late)?;
        events.until("turn.done").await;
        line.until_quiet(QUIET_MS, DEADLINE).await.map_err(late)?;
        line.press('5').await;
        line.press('#').await;
        events.until("turn.done").await;
        line.until_quiet(QUIET_MS, DEADLINE).await.map_err(late)?;
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
    let mut random = fastrand::Rng::with_seed(SEED);
    // One call beside them is left alone: it is what they all should be like.
    let points: Vec<_> =
        [None].into_iter().chain((0..CALLS).map(|_| Some(random.u64(0..SCRIPT_MS)))).collect();
    let calls = points.into_iter().map(|at_ms| async move { (at_ms.unwrap_or(0), scripted(at_ms).await) });
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
    let mut said = [QUESTION, GOODBYE].into_iter();
    // What was answered before it was written down may stay unwritten, but nothing is said twice, or otherwise.
    if !call.transcripts.iter().all(|text| said.any(|words| words == *text)) {
        return Some("the caller was understood to say something else".to_owned());
    }
    if is_told_twice_or_lost(&call.heard, &whole.journal) {
        return Some(format!("the caller heard something else than\n{}", whole.journal));
    }
    if is_told_twice_or_lost(&call.heard, &call.journal) {
        return Some("the journal says something else than the caller heard".to_owned());
    }
    None
}

/// Whether a text is something else than the whole of another with half a word said again.
fn is_told_twice_or_lost(heard: &str, whole: &str) -> bool {
    let again = heard.chars().count().saturating_sub(whole.chars().count());
    again > WORD || distance(heard, whole) > again + SEAM
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
