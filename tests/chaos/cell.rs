//! One service with its callers, while faults strike; and what is to be said of it afterwards.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use ai_realtime::rehearsal::{Rehearsal, RehearsalOptions};
use ai_realtime::switchboard::Switchboard;
use futures_util::future::join_all;
use rusqlite::Connection;
use serde_json::Value;
use tokio::time::{sleep, timeout};

use crate::callers::{Experience, call, journal};
use crate::desk::{of_kind, phone};
use crate::figures::Figures;
use crate::house::{DEADLINE, Service, model, soon, with_model};
use crate::invariants::complaints;
use crate::plan::{CellPlan, Line, Strike};
use crate::wording::{SEAM, bare, given_up, is_told_twice_or_lost, seams, told};

/// What came of a cell.
#[derive(Debug, Default)]
pub struct Outcome {
    pub figures: Figures,
    pub complaints: Vec<String>,
}

/// Whoever reads the menu counts to half a million first.
const SLOW_MENU: &str = "BEGIN IMMEDIATE; ALTER TABLE menu_items RENAME TO menu_kept; \
    CREATE VIEW menu_items AS SELECT * FROM menu_kept WHERE (WITH RECURSIVE n (i) AS \
    (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 500000) SELECT max(i) FROM n) > 0; COMMIT";
const USUAL_MENU: &str =
    "BEGIN IMMEDIATE; DROP VIEW menu_items; ALTER TABLE menu_kept RENAME TO menu_items; COMMIT";

/// Lets everything happen that is planned.
pub async fn run(plan: CellPlan) -> Outcome {
    let options = RehearsalOptions {
        seed: plan.seed,
        delay_ms: 15,
        delta_delay_ms: 4,
        error_rate: plan.error_rate,
        hostile: plan.hostile,
        faults: plan.faults.clone(),
        ..RehearsalOptions::default()
    };
    let model = model(options).await;
    let mut settings = phone();
    settings.extend(with_model(&model));
    // Calls go four times as fast as life: so do the signs of it, and a lane keeps four times as much.
    let limits = [
        ("TWILIO_AUDIO_QUEUE_SIZE", "2000"),
        ("TURN_TIMEOUT_SECONDS", "2"),
        ("MODEL_CONNECT_SECONDS", "1"),
        ("MODEL_PING_SECONDS", "0.7"),
        ("DRAIN_SECONDS", "5"),
    ];
    settings.extend(limits.map(|(name, value)| (name, value.to_owned())));
    let service = Service::start_with(settings).await;
    let database = service.home.path().join("data/ai-realtime.db");
    let calls = plan.calls.iter().map(|plan| async {
        sleep(Duration::from_millis(plan.at_ms)).await;
        Box::pin(call(&service.client, plan)).await
    });
    let (experiences, ()) =
        tokio::join!(join_all(calls), strike(&plan, &model, &service.switchboard, &database));

    let mut outcome = Outcome::default();
    for (experience, plan) in experiences.into_iter().zip(&plan.calls) {
        let line = match plan.line {
            Line::Phone => "by phone",
            Line::Browser => "by browser",
            Line::Text => "in writing",
        };
        *outcome.figures.calls.entry(line).or_default() += 1;
        if experience.call_id.is_empty() {
            outcome.complaints.extend(experience.complaints);
            continue;
        }
        match journal(&service.client, &experience.call_id).await {
            Ok(journal) => outcome.judge(&experience, &journal, orders(&database, &experience.call_id).await),
            Err(why) => outcome.complaints.push(why),
        }
        outcome.complaints.extend(experience.complaints);
    }
    outcome.count(&plan, &model);
    let left = soon(undelivered(&database)).await;
    if left > 0 {
        outcome.complaints.push(format!("{left} effects whose outputs the ledger does not know delivered"));
    }
    if timeout(DEADLINE, service.stop()).await.is_err() {
        outcome.complaints.push("the service does not stop".to_owned());
    }
    outcome
}

async fn strike(plan: &CellPlan, model: &Rehearsal, switchboard: &Switchboard, database: &Path) {
    let mut now_ms = 0;
    for (at_ms, strike) in &plan.strikes {
        sleep(Duration::from_millis(at_ms.saturating_sub(now_ms))).await;
        now_ms = now_ms.max(*at_ms);
        let sessions = model.open_sessions();
        let one = |which: usize| sessions.get(which % sessions.len().max(1)).copied();
        match strike {
            Strike::Drop(which) => {
                one(*which).map(|session| model.drop_one(session));
            }
            Strike::DropAll => model.drop_all(),
            Strike::HalfOpen(which) => {
                one(*which).map(|session| model.half_open_one(session));
            }
            Strike::Refuse(status, for_ms) => {
                model.refuse(Some(*status));
                sleep(Duration::from_millis(*for_ms)).await;
                model.refuse(None);
                now_ms += for_ms;
            }
            Strike::StallStore(for_ms) => {
                stall(database, Duration::from_millis(*for_ms)).await;
                now_ms += for_ms;
            }
            Strike::SlowTools(for_ms) => {
                ask(database, |connection| connection.execute_batch(SLOW_MENU).unwrap()).await;
                sleep(Duration::from_millis(*for_ms)).await;
                ask(database, |connection| connection.execute_batch(USUAL_MENU).unwrap()).await;
                now_ms += for_ms;
            }
            Strike::Panic(which, part) => {
                let calls = switchboard.calls();
                let call =
                    calls.get(which % calls.len().max(1)).and_then(|call| switchboard.live(&call.call_id));
                call.into_iter().for_each(|call| call.crash(*part));
            }
        }
    }
}

/// Holds the store's lock on writing.
async fn stall(database: &Path, time: Duration) {
    ask(database, move |lock| {
        lock.execute_batch("BEGIN IMMEDIATE").unwrap();
        std::thread::sleep(time);
        lock.execute_batch("ROLLBACK").unwrap();
    })
    .await;
}

/// Asks the store, away from the tasks that carry the calls.
async fn ask<T: Send + 'static>(database: &Path, what: impl FnOnce(&Connection) -> T + Send + 'static) -> T {
    let database = database.to_owned();
    let asked = tokio::task::spawn_blocking(move || {
        let connection = Connection::open(database).unwrap();
        connection.busy_timeout(DEADLINE).unwrap();
        what(&connection)
    });
    asked.await.unwrap()
}

/// Orders of one call.
async fn orders(database: &Path, call_id: &str) -> u64 {
    let call_id = call_id.to_owned();
    let count = move |connection: &Connection| -> i64 {
        let sql = "SELECT count(*) FROM orders WHERE call_id = ?";
        connection.query_row(sql, [call_id], |row| row.get(0)).unwrap()
    };
    ask(database, count).await.unsigned_abs()
}

/// A journal in short: what happened, and how turns and tools ended.
fn outline(journal: &[Value]) -> String {
    let told = journal.iter().filter(|event| event["type"] != "assistant.delta").map(|event| {
        let details =
            ["status", "reason", "heard", "code"].map(|field| event[field].as_str().unwrap_or_default());
        format!("{} {}", event["type"].as_str().unwrap_or_default(), details.concat()).trim_end().to_owned()
    });
    told.collect::<Vec<_>>().join(", ")
}

/// Effects that were done and whose outputs are not known to stand in a journal, once that has settled.
async fn undelivered(database: &Path) -> i64 {
    let count = |connection: &Connection| -> i64 {
        let sql = "SELECT count(*) FROM tool_effects WHERE done_at IS NOT NULL AND delivered_at IS NULL";
        connection.query_row(sql, [], |row| row.get(0)).unwrap()
    };
    for _ in 0..100 {
        if ask(database, count).await == 0 {
            return 0;
        }
        sleep(Duration::from_millis(20)).await;
    }
    ask(database, count).await
}

impl Outcome {
    fn judge(&mut self, experience: &Experience, journal: &[Value], orders: u64) {
        let mut found = Vec::new();
        let mut complain = |why: String| found.push(why);
        complaints(journal).into_iter().for_each(&mut complain);
        let turns = of_kind(journal, "turn.done");
        let failed = turns.iter().filter(|turn| turn["status"] == "failed").count() as u64;
        // A machine that stands still for long cannot play a telephone line: such a caller's words were cut by it.
        let is_whole = experience.frames_lost == 0;
        if let Some(heard) = experience.heard.as_ref().filter(|_| is_whole) {
            let (heard, written) = (bare(heard), told(journal));
            let seams = seams(journal);
            let lost = SEAM * (1 + seams) + given_up(journal);
            if is_told_twice_or_lost(&heard, &written, 1 + seams, lost) {
                complain(format!("the caller heard\n{heard}\nand the journal says\n{written}"));
            }
        }
        if is_whole {
            let mut said = experience.said.iter();
            for event in of_kind(journal, "caller.transcript") {
                if !said.any(|words| *words == event["text"]) {
                    complain(format!(
                        "{:?} were not the caller's words: {:?}",
                        event["text"], experience.said
                    ));
                }
            }
        }
        let effects = Effects::of(journal, orders);
        if let Err(why) = effects.check(experience.orders) {
            complain(why);
        }
        if !found.is_empty() {
            found.push(format!("its journal: {}", outline(journal)));
        }
        let id = &experience.call_id;
        self.complaints.extend(found.into_iter().map(|why| format!("{id}: {why}")));
        let figures = &mut self.figures;
        figures.turns += turns.len() as u64;
        figures.failed_turns += failed;
        figures.frames_lost += experience.frames_lost;
        figures.stalled += u64::from(!is_whole);
        figures.worst_gap_ms = figures.worst_gap_ms.max(experience.worst_gap_ms);
        figures.effects_expected += effects.expected();
        figures.effects_found += effects.found;
    }

    fn count(&mut self, plan: &CellPlan, model: &Rehearsal) {
        let faults = &mut self.figures.faults;
        for (kind, count) in model.faults_struck() {
            *faults.entry(kind.as_str()).or_default() += count;
        }
        for (_, strike) in &plan.strikes {
            *faults.entry(strike.as_str()).or_default() += 1;
        }
        let second = model.refusals().get("conversation_already_has_active_response").copied();
        self.figures.second_responses += second.unwrap_or_default();
        if let Some(refused) = second {
            self.complaints.push(format!("a second response was asked for on one socket {refused} times"));
        }
    }
}

/// The orders of one call.
struct Effects {
    /// Orders by their numbers, as the model was told of them.
    told: BTreeMap<String, u64>,
    /// Orders the model was told no end of.
    uncertain: u64,
    /// Orders in the store.
    found: u64,
}

impl Effects {
    fn of(journal: &[Value], found: u64) -> Self {
        let mut effects = Self { told: BTreeMap::new(), uncertain: 0, found };
        for done in of_kind(journal, "tool.done").into_iter().filter(|done| done["name"] == "place_order") {
            match done["output"]["number"].as_str() {
                Some(number) => *effects.told.entry(number.to_owned()).or_default() += 1,
                None => effects.uncertain += 1,
            }
        }
        effects
    }

    /// Orders there must be: those the model was told of, and where it was told nothing those there are.
    fn expected(&self) -> u64 {
        let told = self.told.len() as u64;
        if self.uncertain == 0 { told } else { told.max(self.found) }
    }

    fn check(&self, asked: u64) -> Result<(), String> {
        if self.found > asked {
            return Err(format!("{} orders, and {asked} were asked for", self.found));
        }
        if self.found != self.expected() {
            return Err(format!("{} orders, and the model was told of {:?}", self.found, self.told));
        }
        Ok(())
    }
}
