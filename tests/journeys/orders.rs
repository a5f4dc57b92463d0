//! Orders and bookings: what a tool writes is written once, whoever asks again, and whenever the process is killed.

use std::path::Path;

use ai_realtime::rehearsal::RehearsalOptions;
use rusqlite::Connection;
use serde_json::{Value, json};

use crate::house::{Client, DEADLINE, Process, Service, model, soon, with_model};

const ORDER: &str = "Please order two Mützig and one goat brochette for table 5";

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_placed_at_the_menus_prices_and_once() {
    let service = Service::start().await;
    let client = &service.client;
    let reply = client.say("o", ORDER).await;
    let placed = &reply["tools"][0];
    assert_eq!((&placed["name"], &placed["status"]), (&json!("place_order"), &json!("ok")), "{reply}");
    assert_eq!(placed["output"]["total"], "8500", "{placed}");
    let number = placed["output"]["number"].as_str().unwrap();
    let said = reply["text"].as_str().unwrap();
    assert!(said.contains(number) && said.contains("The total is 8500 RWF"), "{said}");
    let database = database(service.home.path());
    assert_eq!(
        rows(&database, "SELECT business_id, table_name, total, currency, call_id FROM orders"),
        [["agaseke-kigali", "5", "8500", "RWF", "o"]]
    );
    assert_eq!(
        rows(&database, "SELECT item_id, quantity || '', unit_price, line_total FROM order_items"),
        [["kgl-mutzig", "2", "2500", "5000"], ["kgl-brochette-goat", "1", "3500", "3500"]]
    );

    let again = client.say("o", ORDER).await;
    let repeated = &again["tools"][0]["output"];
    assert_eq!((&repeated["already_done"], &repeated["number"]), (&json!(true), &json!(number)), "{again}");
    assert_eq!(count(&database, "orders"), 1);

    let more = client.say("o", &format!("{ORDER} once more")).await;
    assert_eq!(more["tools"][0]["arguments"]["repeat"], 2, "{more}");
    assert_eq!((count(&database, "orders"), count(&database, "order_items")), (2, 4));

    // Another call, and a new call of the same id, are other guests.
    client.say("p", ORDER).await;
    client.delete("/ai/calls/o").await;
    client.say("o", ORDER).await;
    assert_eq!(count(&database, "orders"), 4);
    delivered(&database, 4).await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_is_booked_for_the_day_that_was_said() {
    let service = Service::start().await;
    let asked = "Book a table for four on 2030-12-24 at 19:30 in the name of Aline Uwase";
    let reply = service.client.say("b", asked).await;
    assert_eq!(reply["tools"][0]["output"]["booking"]["status"], "booked", "{reply}");
    let query = "SELECT guest_name, party_size || '', booking_date, booking_time FROM table_bookings";
    let database = database(service.home.path());
    assert_eq!(rows(&database, query), [["Aline Uwase", "4", "2030-12-24", "19:30"]]);
    let impossible = service.client.say("b", &asked.replace("2030-12-24", "2030-02-30")).await;
    assert_eq!(impossible["tools"][0]["status"], "refused", "{impossible}");
    assert_eq!(count(&database, "table_bookings"), 1);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_on_the_menu_is_refused_in_words() {
    let service = Service::start().await;
    let reply = service.client.say("o", "Please order two goat submarines").await;
    let refused = &reply["tools"][0];
    assert_eq!(refused["status"], "refused", "{reply}");
    assert!(refused["output"]["error"].as_str().unwrap().contains("near it are"), "{refused}");
    let two = service.client.say("o", "Please order one goat brochette and one Kinnie").await;
    assert!(two["tools"][0]["output"]["error"].as_str().unwrap().contains("two orders"), "{two}");
    assert_eq!(count(&database(service.home.path()), "tool_effects"), 0);
    service.stop().await;
}

/// Where the process is killed.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// `tool.started` is written; the ledger knows nothing.
    Intending,
    /// The ledger knows what is to be done.
    Applying,
    /// The order is in the database, its output nowhere but in the ledger.
    Answering,
    /// The output is in the journal.
    Delivering,
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_step_there_is_one_order_and_one_output() {
    for step in [Step::Intending, Step::Applying, Step::Answering, Step::Delivering] {
        let home = tempfile::tempdir().unwrap();
        let model = model(RehearsalOptions::default()).await;
        let first = Process::start(home.path(), with_model(&model)).await;
        first.client.say("k", "Hello").await;
        let database = database(home.path());
        stop_at(&database, step);
        first.client.post("/ai/say", json!({"text": ORDER, "call_id": "k"})).await;
        reached(&database, step).await;
        first.kill().await;
        go_on(&database);

        let second = Process::start(home.path(), with_model(&model)).await;
        let client = &second.client;
        let finished = outputs_after_restart(client).await;
        match step {
            // Nothing was begun: the caller asks again.
            Step::Intending => {
                assert_eq!((finished.len(), &finished[0]["status"]), (1, &json!("error")), "{finished:?}");
            }
            Step::Applying | Step::Answering | Step::Delivering => {
                assert_eq!(
                    (finished.len(), &finished[0]["status"]),
                    (1, &json!("ok")),
                    "{step:?}: {finished:?}"
                );
            }
        }
        let again = client.say("k", ORDER).await;
        let output = &again["tools"][0]["output"];
        if let Some(before) = finished.first().filter(|before| before["status"] == "ok") {
            assert_eq!(output["already_done"], true, "{step:?}: {output}");
            assert_eq!(output["order_id"], before["output"]["order_id"], "{step:?}");
        }
        assert_eq!((count(&database, "orders"), count(&database, "order_items")), (1, 2), "{step:?}");
        delivered(&database, 1).await;
        second.end().await;
    }
}

/// Makes one step take longer than anyone waits, by SQLite's own means: the service knows nothing of it.
fn stop_at(database: &Connection, step: Step) {
    let place = match step {
        Step::Intending => "BEFORE INSERT ON tool_effects",
        Step::Applying => "BEFORE INSERT ON orders",
        Step::Answering => "BEFORE INSERT ON call_events WHEN NEW.kind = 'tool.done'",
        Step::Delivering => "BEFORE UPDATE OF delivered_at ON tool_effects",
    };
    let stop = format!(
        "CREATE VIEW endless AS WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n; \
         CREATE TRIGGER stop {place} BEGIN SELECT max(i) FROM endless; END;"
    );
    database.execute_batch(&stop).unwrap();
}

fn go_on(database: &Connection) {
    database.execute_batch("DROP TRIGGER stop; DROP VIEW endless;").unwrap();
}

/// Comes when everything before the step is on the disk and the service is in the middle of it.
async fn reached(database: &Connection, step: Step) {
    let before = match step {
        Step::Intending => "call_events WHERE call_id = 'k' AND kind = 'tool.started'",
        Step::Applying => "tool_effects",
        Step::Answering => "tool_effects WHERE done_at IS NOT NULL",
        Step::Delivering => "call_events WHERE call_id = 'k' AND kind = 'tool.done'",
    };
    database.busy_timeout(std::time::Duration::ZERO).unwrap();
    soon(async {
        while count(database, before) == 0 || database.execute_batch("BEGIN IMMEDIATE; ROLLBACK").is_ok() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    database.busy_timeout(DEADLINE).unwrap();
}

/// The outputs the call's journal has, once the turn that was cut off is closed.
async fn outputs_after_restart(client: &Client) -> Vec<Value> {
    assert_eq!(client.get("/ai/calls/k").await.0, 200);
    let mut events = client.follow("k", None).await;
    let mut seen = events.until("call.resumed").await;
    seen.extend(events.until("turn.done").await);
    seen.into_iter().filter(|event| event["type"] == "tool.done").collect()
}

fn database(home: &Path) -> Connection {
    let database = Connection::open(home.join("data/ai-realtime.db")).unwrap();
    database.busy_timeout(DEADLINE).unwrap();
    database
}

fn count(database: &Connection, of: &str) -> i64 {
    database.query_row(&format!("SELECT count(*) FROM {of}"), [], |row| row.get(0)).unwrap()
}

fn rows<const N: usize>(database: &Connection, sql: &str) -> Vec<[String; N]> {
    let mut statement = database.prepare(sql).unwrap();
    let rows = statement.query_map([], |row| Ok(std::array::from_fn(|place| row.get(place).unwrap())));
    rows.unwrap().collect::<Result<_, _>>().unwrap()
}

/// Comes when the ledger knows that so many outputs stand in the journal.
async fn delivered(database: &Connection, effects: i64) {
    soon(async {
        while count(database, "tool_effects WHERE delivered_at IS NOT NULL") < effects {
            tokio::task::yield_now().await;
        }
    })
    .await;
}
