//! What journeys stand on: a service in this process or in one of its own, a model beside it, and a client.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use ai_realtime::app::App;
use ai_realtime::config::Config;
use ai_realtime::rehearsal::{Rehearsal, RehearsalOptions};
use ai_realtime::switchboard::Switchboard;
use ai_realtime::telemetry::Figures;
use futures_util::StreamExt;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// The one deadline of everything that is awaited.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// The key the journeys' model is spoken to with; it must never be seen in a log.
pub const MODEL_KEY: &str = "sk-journey-0123456789abcdef";

/// Awaits something, but not for ever.
pub async fn soon<F: Future>(what: F) -> F::Output {
    tokio::time::timeout(DEADLINE, what).await.expect("it did not happen in time")
}

/// The rehearsal model on a port of its own.
pub async fn model(options: RehearsalOptions) -> Rehearsal {
    Rehearsal::start(SocketAddr::from(([127, 0, 0, 1], 0)), options).await.unwrap()
}

/// Settings that make the service speak to that model.
pub fn with_model(model: &Rehearsal) -> Vec<(&'static str, String)> {
    vec![("OPENAI_API_KEY", MODEL_KEY.to_owned()), ("OPENAI_REALTIME_ENDPOINT", model.url())]
}

/// A folder of personas that a journey may change.
pub fn personas(home: &Path) -> PathBuf {
    let folder = home.join("personas");
    copy(Path::new("personas"), &folder);
    folder
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// The service in this process.
pub struct Service {
    pub client: Client,
    pub home: TempDir,
    /// The calls, so that parts of them can be made to fail.
    pub switchboard: Switchboard,
    stop: Option<oneshot::Sender<()>>,
    served: JoinHandle<()>,
}

impl Service {
    /// The service with the built-in model.
    pub async fn start() -> Self {
        Self::start_with(Vec::new()).await
    }

    /// The service with some settings.
    pub async fn start_with(settings: Vec<(&'static str, String)>) -> Self {
        Self::start_at(tempfile::tempdir().unwrap(), settings).await
    }

    /// The service in a home that another has left.
    pub async fn start_at(home: TempDir, settings: Vec<(&'static str, String)>) -> Self {
        let mut variables = defaults(home.path());
        variables.extend(settings);
        let config = Config::load(|name| variables.get(name).cloned()).unwrap();
        let app = App::start(config, Figures::detached().unwrap()).await.unwrap();
        let client = Client::new(app.address().unwrap());
        let switchboard = app.switchboard().clone();
        let (stop, stopped) = oneshot::channel();
        let served = tokio::spawn(async move {
            app.serve(async { drop(stopped.await) }).await;
        });
        Self { client, home, switchboard, stop: Some(stop), served }
    }

    /// Ends the service as a signal would, and gives its home back.
    pub async fn stop(mut self) -> TempDir {
        drop(self.stop.take());
        soon(&mut self.served).await.unwrap();
        self.home
    }
}

fn defaults(home: &Path) -> HashMap<&'static str, String> {
    let folder = home.join("personas");
    if !folder.exists() {
        personas(home);
    }
    HashMap::from([
        ("PORT", "0".to_owned()),
        ("AI_REALTIME_DATA_DIR", home.join("data").display().to_string()),
        ("PERSONAS_DIR", folder.display().to_string()),
    ])
}

/// The service in a process of its own, which can be killed.
pub struct Process {
    pub client: Client,
    child: Child,
    logs: JoinHandle<String>,
    start_up: String,
    errors: JoinHandle<String>,
}

impl Process {
    /// Starts the program.
    pub async fn start(home: &Path, settings: Vec<(&'static str, String)>) -> Self {
        let mut child = command(home, settings).spawn().unwrap();
        let mut errors = BufReader::new(child.stderr.take().unwrap()).lines();
        let start_up = soon(errors.next_line()).await.unwrap().expect("it ended before it began");
        let address = start_up.split("http://").nth(1).expect(&start_up);
        let address = address.split(' ').next().unwrap().parse().unwrap();
        let logs = BufReader::new(child.stdout.take().unwrap()).lines();
        Self {
            client: Client::new(address),
            child,
            logs: tokio::spawn(gather(logs)),
            start_up,
            errors: tokio::spawn(gather(errors)),
        }
    }

    /// Runs the program with arguments to its end: whether it was content, and what it said on stderr.
    pub async fn run(
        home: &Path,
        settings: Vec<(&'static str, String)>,
        arguments: &[&str],
    ) -> (bool, String) {
        let mut command = command(home, settings);
        command.args(arguments);
        let output = soon(command.output()).await.unwrap();
        (output.status.success(), String::from_utf8(output.stderr).unwrap())
    }

    /// The line that says what is in force.
    pub fn start_up(&self) -> &str {
        &self.start_up
    }

    pub fn id(&self) -> u32 {
        self.child.id().unwrap()
    }

    /// `kill -9`.
    pub async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// Asks it to end (SIGTERM): what it logged, and what it said on stderr after the start-up line.
    pub async fn end(mut self) -> (String, String) {
        self.terminate().await;
        let status = soon(self.child.wait()).await.unwrap();
        let (logs, errors) = (self.logs.await.unwrap(), self.errors.await.unwrap());
        assert!(status.success(), "{status}: {errors}{logs}");
        (logs, errors)
    }

    /// SIGTERM.
    pub async fn terminate(&self) {
        let kill = Command::new("kill").args(["-TERM", &self.id().to_string()]).status();
        assert!(kill.await.unwrap().success());
    }
}

fn command(home: &Path, settings: Vec<(&'static str, String)>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ai-realtime"));
    command.env_clear().envs(defaults(home)).envs(settings).current_dir(home);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

async fn gather<R: tokio::io::AsyncBufRead + Unpin>(mut lines: tokio::io::Lines<R>) -> String {
    let mut text = String::new();
    while let Ok(Some(line)) = lines.next_line().await {
        text.push_str(&line);
        text.push('\n');
    }
    text
}

/// Speaks HTTP to a service.
#[derive(Clone)]
pub struct Client {
    pub base: String,
    pub http: reqwest::Client,
}

impl Client {
    fn new(address: SocketAddr) -> Self {
        // The first one in wins, and all are the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self { base: format!("http://{address}"), http: reqwest::Client::new() }
    }

    pub async fn get(&self, path: &str) -> (u16, Value) {
        answer(self.http.get(format!("{}{path}", self.base))).await
    }

    pub async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        answer(self.http.post(format!("{}{path}", self.base)).json(&body)).await
    }

    pub async fn delete(&self, path: &str) -> (u16, Value) {
        answer(self.http.delete(format!("{}{path}", self.base))).await
    }

    /// Says something and waits for the reply.
    pub async fn say(&self, call: &str, text: &str) -> Value {
        let (status, body) = self.post("/ai/say", json!({"text": text, "call_id": call, "wait": true})).await;
        assert_eq!(status, 200, "{body}");
        body["reply"].clone()
    }

    /// A stream of events.
    pub async fn events(&self, request: reqwest::RequestBuilder) -> Events {
        let response = soon(request.send()).await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Events { chunks: Box::pin(response.bytes_stream()), text: String::new() }
    }

    /// The events of a call that someone else is about to begin.
    pub async fn follow_when_there(&self, call: &str) -> Events {
        soon(async {
            while self.get(&format!("/ai/calls/{call}")).await.0 != 200 {
                tokio::task::yield_now().await;
            }
        })
        .await;
        self.follow(call, None).await
    }

    /// Comes when the service says that it takes no more.
    pub async fn until_not_ready(&self) {
        soon(async {
            while self.get("/readyz").await.0 != 503 {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }

    /// The events of a call, from its beginning or after one of them.
    pub async fn follow(&self, call: &str, after: Option<u64>) -> Events {
        let mut request = self.http.get(format!("{}/ai/calls/{call}/events", self.base));
        if let Some(seq) = after {
            request = request.header("last-event-id", seq.to_string());
        }
        self.events(request).await
    }
}

async fn answer(request: reqwest::RequestBuilder) -> (u16, Value) {
    let response = soon(request.send()).await.unwrap();
    let status = response.status().as_u16();
    let text = soon(response.text()).await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

/// Server-sent events, one at a time.
pub struct Events {
    chunks: std::pin::Pin<Box<dyn futures_util::Stream<Item = reqwest::Result<axum::body::Bytes>> + Send>>,
    text: String,
}

impl Events {
    /// The next event, or `None` at the end of the stream.
    pub async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let event = read_event(block);
                self.text = rest.to_owned();
                if event.is_some() {
                    return event;
                }
                continue;
            }
            let chunk = soon(self.chunks.next()).await?.ok()?;
            self.text.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }

    /// Events up to and with the first of a type.
    pub async fn until(&mut self, kind: &str) -> Vec<Value> {
        let mut seen = Vec::new();
        while let Some(event) = self.next().await {
            let last = event["type"] == kind;
            seen.push(event);
            if last {
                return seen;
            }
        }
        panic!("the stream ended without {kind}: {seen:?}");
    }

    /// All events up to the end of the stream.
    pub async fn all(mut self) -> Vec<Value> {
        let mut seen = Vec::new();
        while let Some(event) = self.next().await {
            seen.push(event);
        }
        seen
    }
}

fn read_event(block: &str) -> Option<Value> {
    let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    let event: Value = serde_json::from_str(field("data:")?).unwrap();
    assert_eq!(field("id:"), Some(event["seq"].to_string().as_str()), "the id is the seq");
    Some(event)
}

/// The types of events, in order.
pub fn kinds(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["type"].as_str().unwrap()).collect()
}
