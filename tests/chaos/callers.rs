//! The callers: each does what its plan says, waits no longer than a person would, and hangs up.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use ai_realtime::caller::{TimelineEvent, answer_times_ms};
use futures_util::FutureExt;
use futures_util::future::join_all;
use serde_json::json;
use tokio::time::timeout;

use crate::desk::{books, caller};
use crate::house::{Client, Events};
use crate::line::Browser;
use crate::plan::{CallPlan, Line, Step};

/// How much faster than real time callers on the phone live: a turn that is given up is over before ten seconds of the
/// call are, which is what is kept of the caller's audio.
const PACE: f64 = 4.0;
/// Silence after which the persona has said all, in milliseconds of the call.
const QUIET_MS: u64 = 1_500;
/// How long a caller waits for an answer, on the wall's clock: longer than a turn may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long everything may take that no fault excuses: hanging up, and the books being closed.
const CLOSING: Duration = Duration::from_secs(15);
/// How often someone who writes asks again.
const ATTEMPTS: usize = 4;
/// What is said at once in a flood.
const FLOOD: usize = 30;
/// Whoever is taken of a flood waits for all before: a turn each, and what stopping it takes.
const FLOOD_PATIENCE: Duration = Duration::from_secs(150);

/// What a caller noticed.
#[derive(Debug, Default)]
pub struct Experience {
    pub call_id: String,
    /// What was heard on the phone. A browser says itself what it has played, and here it says so before it has.
    pub heard: Option<String>,
    /// What was said aloud.
    pub said: Vec<String>,
    /// Orders that were asked for.
    pub orders: u64,
    pub frames_lost: u64,
    pub worst_gap_ms: u64,
    pub complaints: Vec<String>,
}

/// Calls, and hangs up when everything was said.
pub async fn call(client: &Client, plan: &CallPlan) -> Experience {
    let talk = async {
        match plan.line {
            Line::Phone => phone(client, plan).await,
            Line::Browser => Box::pin(browse(client, plan)).await,
            Line::Text => write(client, plan).await,
        }
    };
    // What a helper expects of a journey may be too much to expect here.
    let talked = AssertUnwindSafe(talk).catch_unwind().await;
    talked.unwrap_or_else(|panic| Err(words_of(&panic))).unwrap_or_else(|why| {
        let why = format!("caller {}, {:?}: {why}", plan.number, plan.line);
        Experience { complaints: vec![why], ..Experience::default() }
    })
}

fn words_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic").to_owned()
}

/// Comes when the turn that is on its way has ended, or the caller's patience has.
async fn until_done(events: &mut Events) -> bool {
    let done = async {
        while let Some(event) = events.next().await {
            if event["type"] == "turn.done" {
                return true;
            }
        }
        false
    };
    timeout(PATIENCE, done).await.unwrap_or(false)
}

async fn phone(client: &Client, plan: &CallPlan) -> Result<Experience, String> {
    let line = caller(client).pace(PACE).dial().await.map_err(|error| format!("no line: {error}"))?;
    let mut told = Experience { call_id: line.call_sid().to_owned(), ..Experience::default() };
    let mut events = timeout(CLOSING, client.follow_when_there(line.call_sid()))
        .await
        .map_err(|_| "the call never came to be".to_owned())?;
    until_done(&mut events).await;
    for step in &plan.steps {
        // A caller who was let go says nothing more.
        if line.until_quiet(QUIET_MS, PATIENCE).await.is_err() {
            break;
        }
        let words = plan.words(*step);
        line.say(&words).await;
        told.said.push(words);
        told.orders += u64::from(*step == Step::Order);
        if line.until_said(PATIENCE).await.is_err() || !until_done(&mut events).await {
            break;
        }
    }
    drop(line.until_quiet(QUIET_MS, PATIENCE).await);
    line.hang_up().await;
    line.until_over(CLOSING)
        .await
        .map_err(|error| format!("{}: the call does not end: {error}", told.call_id))?;
    told.heard = Some(line.utterances().concat());
    told.frames_lost = line.counters().frames_lost;
    let moments = line.events();
    told.worst_gap_ms = answer_times_ms(&moments).into_iter().max().unwrap_or_default();
    let streams = moments.iter().filter(|moment| matches!(moment.event, TimelineEvent::StreamStarted { .. }));
    if streams.count() != 1 {
        told.complaints.push(format!("{}: the caller's line was lost", told.call_id));
    }
    Ok(told)
}

async fn browse(client: &Client, plan: &CallPlan) -> Result<Experience, String> {
    let id = format!("browser-{}", plan.number);
    let mut told = Experience { call_id: id.clone(), ..Experience::default() };
    let mut browser = Box::pin(Browser::connect(client, &id)).await;
    let mut events = timeout(CLOSING, client.follow_when_there(&id))
        .await
        .map_err(|_| "the call never came to be".to_owned())?;
    listen(&mut browser, &mut events).await;
    for step in &plan.steps {
        let words = plan.words(*step);
        browser.say(&words).await;
        told.said.push(words);
        told.orders += u64::from(*step == Step::Order);
        if !listen(&mut browser, &mut events).await {
            break;
        }
    }
    drop(browser);
    let ended = timeout(CLOSING, client.delete(&format!("/ai/calls/{id}"))).await;
    ended.map_err(|_| format!("{id}: it cannot be ended"))?;
    Ok(told)
}

/// Listens until the turn has ended and nothing more comes, or the caller's patience is at its end.
async fn listen(browser: &mut Browser, events: &mut Events) -> bool {
    let mut done = std::pin::pin!(until_done(events));
    loop {
        tokio::select! {
            is_done = &mut done => {
                // What the last turn said is on its way.
                let rest = async { while browser.next().await.is_ok() {} };
                drop(timeout(Duration::from_millis(300), rest).await);
                return is_done;
            }
            message = timeout(PATIENCE, browser.next()) => {
                if message.is_ok_and(|message| message.is_err()) {
                    return false;
                }
            }
        }
    }
}

async fn write(client: &Client, plan: &CallPlan) -> Result<Experience, String> {
    let id = format!("text-{}", plan.number);
    let mut told = Experience { call_id: id.clone(), ..Experience::default() };
    for step in &plan.steps {
        let words = plan.words(*step);
        told.orders += u64::from(*step == Step::Order && told.orders == 0);
        if *step == Step::Flood {
            let said = json!({"text": words, "call_id": id});
            let says = (0..FLOOD).map(|_| {
                client.http.post(format!("{}/ai/say", client.base)).json(&said).timeout(FLOOD_PATIENCE).send()
            });
            for answer in join_all(says).await {
                let status = answer.map_err(|error| format!("{id}: {error}"))?.status().as_u16();
                if ![200, 429, 502, 503, 504].contains(&status) {
                    told.complaints.push(format!("{id}: {status} in a flood"));
                }
            }
            continue;
        }
        // The same words again are the same order.
        for _ in 0..ATTEMPTS {
            let say = json!({"text": words, "call_id": id, "wait": true});
            let answer = timeout(CLOSING, client.post("/ai/say", say)).await;
            let (status, _) = answer.map_err(|_| format!("{id}: no answer to `{words}`"))?;
            if status == 200 {
                break;
            }
        }
    }
    let ended = timeout(CLOSING, client.delete(&format!("/ai/calls/{id}"))).await;
    ended.map_err(|_| format!("{id}: it cannot be ended"))?;
    Ok(told)
}

/// The whole journal of a call that is over.
pub async fn journal(client: &Client, call_id: &str) -> Result<Vec<serde_json::Value>, String> {
    let journal = timeout(CLOSING, books(client, call_id)).await;
    journal.map_err(|_| format!("{call_id}: its journal has no end"))
}
