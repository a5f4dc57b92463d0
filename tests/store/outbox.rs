//! The database goes away in the middle of a call, the process is killed meanwhile, and every event arrives once.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tokio::sync::watch;

use crate::stand::Stand;

const DEADLINE: Duration = Duration::from_secs(60);

/// A way to the database that can be shut.
struct Door {
    url: String,
    open: watch::Sender<bool>,
}

impl Door {
    async fn to(stand: &Stand) -> Self {
        let there = stand.supabase_url.trim_start_matches("http://").trim_end_matches('/').to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (open, state) = watch::channel(true);
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let (there, mut state) = (there.clone(), state.clone());
                tokio::spawn(async move {
                    if !*state.borrow() {
                        return;
                    }
                    let mut far = TcpStream::connect(there).await.unwrap();
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
                        _ = state.wait_for(|open| !open) => {}
                    }
                });
            }
        });
        Self { url, open }
    }
}

/// The service in a process of its own.
struct Service {
    child: Child,
    base: String,
    http: reqwest::Client,
}

impl Service {
    async fn start(home: &Path, door: &Door, stand: &Stand) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ai-realtime"));
        command.env_clear().kill_on_drop(true).current_dir(env!("CARGO_MANIFEST_DIR"));
        command.env("PORT", "0").env("AI_REALTIME_DATA_DIR", home);
        command.env("SUPABASE_URL", &door.url).env("SUPABASE_SERVICE_ROLE_KEY", &stand.service_role_key);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut errors = BufReader::new(child.stderr.take().unwrap()).lines();
        let line = errors.next_line().await.unwrap().expect("it ended before it began");
        let base = line.split("http://").nth(1).unwrap_or_else(|| panic!("{line}"));
        let base = format!("http://{}", base.split(' ').next().unwrap());
        tokio::spawn(async move { while let Ok(Some(_)) = errors.next_line().await {} });
        Self { child, base, http: reqwest::Client::new() }
    }

    async fn say(&self, call: &str, text: &str) {
        let body = json!({"text": text, "call_id": call, "wait": true});
        let answer = self.http.post(format!("{}/ai/say", self.base)).json(&body).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        let answer = self.http.get(format!("{}{path}", self.base)).send().await.unwrap();
        let status = answer.status().as_u16();
        (status, answer.json().await.unwrap())
    }

    /// Comes when nothing waits to be delivered.
    async fn until_delivered(&self) {
        while self.get("/readyz").await.1["outbox"]["events"] != 0 {
            tokio::task::yield_now().await;
        }
    }

    async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }
}

/// The numbers and types of a call's events in the data folder.
fn journal(home: &Path, call: &str) -> Vec<(i64, String)> {
    let file = rusqlite::Connection::open(home.join(ai_realtime::store::embedded::FILE)).unwrap();
    let mut events =
        file.prepare("SELECT seq, kind FROM call_events WHERE call_id = ? ORDER BY seq").unwrap();
    events.query_map([call], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().collect::<Result<_, _>>().unwrap()
}

/// Rows of the database.
async fn rows(stand: &Stand, query: &str) -> Vec<Value> {
    let url = format!("{}/rest/v1/{query}", stand.supabase_url);
    let request = reqwest::Client::new().get(url).header("apikey", &stand.service_role_key);
    request.send().await.unwrap().json().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgREST"]
async fn every_event_arrives_once_though_the_database_goes_away_and_the_process_is_killed() {
    drop(rustls::crypto::ring::default_provider().install_default());
    tokio::time::timeout(DEADLINE, go_away_and_come_back()).await.expect("it did not happen in time");
}

async fn go_away_and_come_back() {
    let stand = Stand::find();
    let (home, door) = (tempfile::tempdir().unwrap(), Door::to(&stand).await);
    let call = uuid::Uuid::now_v7().to_string();
    let first = Service::start(home.path(), &door, &stand).await;
    first.say(&call, "Hello").await;
    first.until_delivered().await;

    door.open.send_replace(false);
    first.say(&call, "Are you still there?").await;
    let (status, away) = first.get("/readyz").await;
    assert_eq!(
        (status, &away["store"], &away["code"]),
        (503, &json!("away"), &json!("store_unavailable")),
        "{away}"
    );
    assert!(away["outbox"]["events"].as_u64().unwrap() > 0, "{away}");
    first.kill().await;

    door.open.send_replace(true);
    let second = Service::start(home.path(), &door, &stand).await;
    second.say(&call, "And now?").await;
    let ended = second.http.delete(format!("{}/ai/calls/{call}", second.base)).send().await.unwrap();
    assert_eq!(ended.status(), 200);
    second.until_delivered().await;

    let events = rows(&stand, &format!("call_events?call_id=eq.{call}&order=seq&select=seq,kind")).await;
    let there: Vec<_> = events
        .iter()
        .map(|event| (event["seq"].as_i64().unwrap(), event["kind"].as_str().unwrap().to_owned()))
        .collect();
    assert_eq!(there, journal(home.path(), &call));
    assert!(there.iter().any(|(_, kind)| kind == "call.resumed"), "{there:?}");
    let log = rows(&stand, &format!("call_logs?call_id=eq.{call}&select=state,turns,usage")).await;
    assert_eq!((log.len(), &log[0]["state"], &log[0]["turns"]), (1, &json!("ended"), &json!(3)), "{log:?}");
    assert!(log[0]["usage"]["rehearsal"]["input_tokens"].as_u64().unwrap() > 0, "{log:?}");
    let (_, record) = second.get(&format!("/api/calls/{call}")).await;
    for said in ["Hello", "Are you still there?", "And now?"] {
        assert!(record["transcript"].to_string().contains(said), "{record}");
    }
    second.kill().await;
}
