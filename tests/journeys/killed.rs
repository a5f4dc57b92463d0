//! The process is killed in the middle of fifty phone calls and started again: every call goes on, and everything was
//! written, done and answered once.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use ai_realtime::caller::{Caller, Line, Webhooks};
use futures_util::future::join_all;
use futures_util::{StreamExt, stream};
use rusqlite::Connection;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::crashes::check;
use crate::house::{DEADLINE, Process, soon};
use crate::phone::line::{ACCOUNT, OUR_NUMBER, TOKEN, message};
use crate::phone_faults::desk::times;

const PUBLIC: &str = "https://voice.example.com";
const CALLS: usize = 50;
/// Calls whose tools are at work, who were handed over, and who have ordered.
const IN_TOOLS: usize = 6;
const HANDED_OVER: usize = 12;
const ORDERED: usize = 12;
/// As fast as real time: there are many callers, and what they hear is made and understood on the same machine.
const PACE: f64 = 1.0;
/// So many dial at once.
const AT_ONCE: usize = 8;
/// Fifty calls on a busy machine take their time.
const PATIENCE: Duration = Duration::from_secs(120);
const ORDER: &str = "please order two african tea for table 5";
const VAT: &str = "i have a question about vat on restaurant meals in the eu";

/// What stands before the service and holds whoever comes until there is one.
struct Gate {
    address: SocketAddr,
    is_shut: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Gate {
    async fn open(service: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (is_shut, state) = watch::channel(false);
        let task = tokio::spawn(async move {
            while let Ok((mut outside, _)) = listener.accept().await {
                let mut state = state.clone();
                tokio::spawn(async move {
                    // A process that dies still takes what it will never answer.
                    if state.wait_for(|is_shut| !is_shut).await.is_err() {
                        return;
                    }
                    let mut inside = TcpStream::connect(service).await.unwrap();
                    let _ = (outside.set_nodelay(true), inside.set_nodelay(true));
                    let _ = tokio::io::copy_bidirectional(&mut outside, &mut inside).await;
                });
            }
        });
        Self { address, is_shut, task }
    }

    fn shut(&self) {
        self.is_shut.send_replace(true);
    }

    fn reopen(&self) {
        self.is_shut.send_replace(false);
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port()
}

fn settings(port: u16) -> Vec<(&'static str, String)> {
    vec![
        ("PORT", port.to_string()),
        ("TWILIO_AUTH_TOKEN", TOKEN.to_owned()),
        ("PUBLIC_URL", PUBLIC.to_owned()),
        ("DEFAULT_BUSINESS", "agaseke-kigali".to_owned()),
        ("LOG_LEVEL", "warn".to_owned()),
    ]
}

fn database(home: &Path) -> Connection {
    let database = Connection::open(home.join("data/ai-realtime.db")).unwrap();
    database.busy_timeout(DEADLINE).unwrap();
    database
}

fn count(database: &Connection, of: &str) -> usize {
    database.query_row(&format!("SELECT count(*) FROM {of}"), [], |row| row.get::<_, i64>(0)).unwrap()
        as usize
}

/// Whoever reads the menu from here on does not come back, by SQLite's own means.
fn hold_menu(database: &Connection) {
    database
        .execute_batch(
            "CREATE VIEW endless AS WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n; \
             ALTER TABLE menu_items RENAME TO menu_kept; \
             CREATE VIEW menu_items AS SELECT * FROM menu_kept WHERE (SELECT max(i) FROM endless) > 0;",
        )
        .unwrap();
}

fn give_menu_back(database: &Connection) {
    database
        .execute_batch("DROP VIEW menu_items; DROP VIEW endless; ALTER TABLE menu_kept RENAME TO menu_items;")
        .unwrap();
}

/// Comes when there are so many of something.
async fn until(database: &Connection, of: &str, wanted: usize) {
    let began = tokio::time::Instant::now();
    while count(database, of) < wanted {
        let found = count(database, of);
        assert!(began.elapsed() < PATIENCE, "{found} of {wanted} {of}");
        tokio::task::yield_now().await;
    }
}

/// Waits until the caller has heard these words. Blanks do not count: on a busy machine speech may stumble.
async fn heard(line: &Line, words: &str) {
    while times(&line.heard_text(), words) == 0 {
        line.until_more(line.events().len(), PATIENCE).await.unwrap();
    }
}

async fn dial(gate: &Gate) -> Line {
    let caller = Caller::builder(&format!("http://{}/api/twilio/voice", gate.address));
    let line = caller.public_url(PUBLIC).token(TOKEN.into()).to(OUR_NUMBER).pace(PACE).dial().await.unwrap();
    heard(&line, "today?").await;
    line
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_that_was_cut_off_is_run_again_once() {
    let home = tempfile::tempdir().unwrap();
    let first = Process::start(home.path(), Vec::new()).await;
    first.client.say("r", "Hello").await;
    let database = database(home.path());
    hold_menu(&database);
    first.client.post("/ai/say", json!({"text": "What drinks do you have?", "call_id": "r"})).await;
    until(&database, "call_events WHERE kind = 'tool.started'", 1).await;
    first.kill().await;
    give_menu_back(&database);
    for restart in 0..2 {
        let next = Process::start(home.path(), Vec::new()).await;
        let (status, _) = next.client.get("/ai/calls/r").await;
        assert_eq!(status, 200);
        next.client.say("r", "Thank you").await;
        let outputs = "call_events WHERE call_id = 'r' AND kind = 'tool.done'";
        assert_eq!(count(&database, outputs), 1, "after start {restart}");
        let found = format!("{outputs} AND body LIKE '%Ikigage%' AND body LIKE '%\"status\":\"ok\"%'");
        assert_eq!(count(&database, &found), 1);
        next.kill().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_phone_calls_outlive_the_process_that_held_them() {
    let home = tempfile::tempdir().unwrap();
    let port = free_port().await;
    let gate = Gate::open(SocketAddr::from(([127, 0, 0, 1], port))).await;
    let first = Process::start(home.path(), settings(port)).await;
    let lines: Vec<_> = stream::iter((0..CALLS).map(|_| dial(&gate))).buffered(AT_ONCE).collect().await;
    let database = database(home.path());
    let (in_tools, others) = lines.split_at(IN_TOOLS);
    let (handed_over, others) = others.split_at(HANDED_OVER);
    let (ordered, others) = others.split_at(ORDERED);
    join_all(handed_over.iter().map(|line| line.say(VAT))).await;
    join_all(ordered.iter().map(|line| line.say(ORDER))).await;
    until(&database, "call_events WHERE kind = 'persona.activated'", CALLS + HANDED_OVER).await;
    until(&database, "orders", ORDERED).await;
    hold_menu(&database);
    join_all(in_tools.iter().map(|line| line.say("what drinks do you have?"))).await;
    join_all(others.iter().map(|line| line.say("hello there, i am about to ask something"))).await;
    let asked = "call_events WHERE kind = 'tool.started' AND body LIKE '%lookup_menu%'";
    until(&database, asked, IN_TOOLS).await;
    gate.shut();
    first.kill().await;
    give_menu_back(&database);
    let before: usize = count(&database, "call_events");

    let second = Process::start(home.path(), settings(port)).await;
    gate.reopen();
    for line in &lines {
        line.until_streams(2, PATIENCE).await.unwrap();
    }
    until(&database, "call_events WHERE kind = 'call.resumed'", CALLS).await;
    until(&database, "call_events WHERE kind = 'line.up'", 2 * CALLS).await;
    // A call shows itself as it is once all it has to write is written.
    let calls = loop {
        let (_, calls) = second.client.get("/ai/calls").await;
        let calls = calls.as_array().unwrap().clone();
        if calls.iter().all(|call| call["state"] != "starting") {
            break calls;
        }
    };
    assert_eq!(calls.len(), CALLS);
    for line in handed_over {
        let call = calls.iter().find(|call| call["call_id"] == line.call_sid()).unwrap();
        assert_eq!(call["persona"], "cfo", "{call}");
    }
    // The handoff stack is what it was: back is to the waiter.
    let back = &handed_over[0];
    back.until_quiet(1_500, PATIENCE).await.unwrap();
    back.listen_afresh();
    back.say("how much is the african tea?").await;
    heard(back, "african tea").await;

    join_all(lines.iter().map(Line::hang_up)).await;
    until(&database, "call_events WHERE kind = 'call.ended'", CALLS).await;
    let resumed_with = |line: &Line| {
        let of = format!("call_events WHERE call_id = '{}' AND kind = ", line.call_sid());
        (count(&database, &format!("{of}'call.started'")), count(&database, &format!("{of}'call.resumed'")))
    };
    for line in &lines {
        assert_eq!(resumed_with(line), (1, 1));
        let mut events = second.client.follow(line.call_sid(), None).await;
        let events = events.until("call.ended").await;
        check(&events);
    }
    assert!(count(&database, "call_events") > before);
    assert_eq!(count(&database, "orders"), ORDERED, "nothing was ordered twice");
    second.kill().await;
}

async fn place(process: &Process, key: &str) -> (u16, Value) {
    let body = json!({"transport": "twilio", "to": "+35699123456"});
    let url = format!("{}/ai/calls", process.client.base);
    let request = process.client.http.post(url).header("idempotency-key", key).json(&body);
    let response = soon(request.send()).await.unwrap();
    (response.status().as_u16(), soon(response.json()).await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_called_twice_though_the_process_was_killed() {
    use ai_realtime::caller::{Callee, Exchange, ExchangeOptions};
    let exchange = Exchange::start(ExchangeOptions::new(ACCOUNT, TOKEN.into())).await.unwrap();
    exchange.set_callee(Callee::Busy);
    let home = tempfile::tempdir().unwrap();
    let settings = vec![
        ("TWILIO_AUTH_TOKEN", TOKEN.to_owned()),
        ("TWILIO_ACCOUNT_SID", ACCOUNT.to_owned()),
        ("TWILIO_API_BASE", exchange.url()),
        ("TWILIO_PHONE_NUMBER", OUR_NUMBER.to_owned()),
    ];
    let first = Process::start(home.path(), settings.clone()).await;
    let (status, placed) = place(&first, "k1").await;
    assert_eq!(status, 202, "{placed}");
    first.kill().await;
    let second = Process::start(home.path(), settings).await;
    assert_eq!(place(&second, "k1").await, (202, placed));
    let path = format!("/2010-04-01/Accounts/{ACCOUNT}/Calls.json");
    let placed =
        exchange.requests().iter().filter(|asked| asked.method == "POST" && asked.path == path).count();
    assert_eq!(placed, 1);
    second.kill().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_answered_once_though_the_process_was_killed() {
    let home = tempfile::tempdir().unwrap();
    let settings =
        vec![("TWILIO_ALLOW_UNSIGNED", "true".to_owned()), ("DEFAULT_BUSINESS", "agaseke-kigali".to_owned())];
    let webhooks = Webhooks::new(None).unwrap();
    let ask = async |process: &Process| {
        let form = message(&format!("SM{:032x}", 7), "+35699123456", "What drinks do you have?");
        let url = format!("{}/api/twilio/message", process.client.base);
        webhooks.post(&url, &form).await.unwrap().body
    };
    let first = Process::start(home.path(), settings.clone()).await;
    let answer = ask(&first).await;
    assert!(answer.contains("items"), "{answer}");
    first.kill().await;
    let second = Process::start(home.path(), settings).await;
    assert_eq!(ask(&second).await, answer);
    assert_eq!(count(&database(home.path()), "call_events WHERE kind = 'turn.started'"), 1);
    second.kill().await;
}
