//! What peers stand on: Python with their packages, the judge between service and model, the service itself.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use ai_realtime::rehearsal::speech::speak;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// The one deadline of everything that is awaited.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// Awaits something, but not for ever.
pub(crate) async fn soon<F: Future>(what: F) -> F::Output {
    tokio::time::timeout(DEADLINE, what).await.expect("it did not happen in time")
}

/// A script of this folder under the Python that `make test-services` has prepared.
pub(crate) fn script(name: &str) -> Command {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/python");
    let mut command = python();
    command.arg(folder.join(name));
    command
}

/// The Python that `make test-services` has prepared.
pub(crate) fn python() -> Command {
    let python = std::env::var("PEERS_PYTHON")
        .expect("PEERS_PYTHON names no Python with the peers' packages: run `make test-services`");
    let mut command = Command::new(python);
    // All talk stays on this machine.
    command.env("NO_PROXY", "127.0.0.1");
    // No __pycache__ among the sources.
    command.arg("-B").stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// Runs a script to its end, within a limit that suits it: what it printed.
pub(crate) async fn run(mut script: Command, limit: Duration) -> String {
    let output = tokio::time::timeout(limit, script.output()).await.expect("it took too long").unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}\n{stdout}\n{stderr}", output.status);
    stdout.into_owned()
}

/// Runs a script that reads one JSON document, and prints one.
pub(crate) async fn ask(mut script: Command, given: &Value) -> Value {
    script.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = script.spawn().expect("PEERS_PYTHON cannot be started");
    let mut stdin = child.stdin.take().unwrap();
    soon(stdin.write_all(given.to_string().as_bytes())).await.unwrap();
    drop(stdin);
    let output = soon(child.wait_with_output()).await.unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}\n{stdout}\n{stderr}", output.status);
    serde_json::from_str(stdout.trim()).unwrap()
}

/// Writes silence of that length and what is said then, as 16-bit PCM of 24 kHz.
pub(crate) fn write_pcm(path: &Path, text: &str, silence: Duration) {
    let spoken = speak(text);
    let next = spoken.iter().skip(1).chain(std::iter::once(&0));
    // From 8 to 24 kHz, along straight lines.
    let samples = spoken.iter().zip(next).flat_map(|(from, to)| {
        let (from, to) = (i32::from(*from), i32::from(*to));
        (0..3).map(move |third| (from + (to - from) * third / 3) as i16)
    });
    let silence = std::iter::repeat_n(0, silence.as_millis() as usize * 24);
    std::fs::write(path, silence.chain(samples).flat_map(i16::to_le_bytes).collect::<Vec<_>>()).unwrap();
}

/// What a judge has seen, and what was wrong with it.
#[derive(Debug, Deserialize)]
pub(crate) struct Report {
    /// Sockets.
    pub(crate) sockets: u64,
    judged: BTreeMap<String, u64>,
    complaints: Vec<Value>,
}

impl Report {
    /// How often a kind of event was judged: "client response.create", "server response.done/failed".
    pub(crate) fn count(&self, kind: &str) -> u64 {
        self.judged.get(kind).copied().unwrap_or(0)
    }

    /// Panics unless there was nothing to complain about, and each of these kinds was seen so often.
    pub(crate) fn praise(&self, at_least: &[(&str, u64)]) {
        assert!(self.complaints.is_empty(), "{:#?}", self.complaints);
        let missing: Vec<_> = at_least.iter().filter(|(kind, least)| self.count(kind) < *least).collect();
        assert!(missing.is_empty(), "too little was judged: {missing:?} of {:#?}", self.judged);
    }

    /// What was wrong, in the judge's words.
    pub(crate) fn complaints(&self) -> Vec<&str> {
        self.complaints.iter().map(|complaint| complaint["what"].as_str().unwrap()).collect()
    }

    /// What was wrong with what the client said.
    pub(crate) fn complaints_about_client(&self) -> Vec<&str> {
        let of_client = self.complaints.iter().filter(|complaint| complaint["side"] == "client");
        of_client.map(|complaint| complaint["what"].as_str().unwrap()).collect()
    }

    /// The kinds of errors the model has answered with.
    pub(crate) fn errors(&self) -> Vec<&str> {
        self.judged.keys().filter_map(|kind| kind.strip_prefix("server error/")).collect()
    }
}

/// Stands between a client and a model and judges every frame of both.
pub(crate) struct Judge {
    child: Child,
    stdin: ChildStdin,
    stdout: Lines<BufReader<ChildStdout>>,
    port: u64,
}

impl Judge {
    /// Before the model at this address.
    pub(crate) async fn before(model: impl std::fmt::Display) -> Self {
        Self::start("proxy.py", model).await
    }

    /// Before the service at this address, whose clients it stands up for.
    pub(crate) async fn of_clients(service: impl std::fmt::Display) -> Self {
        Self::start("gateway_proxy.py", service).await
    }

    async fn start(name: &str, upstream: impl std::fmt::Display) -> Self {
        let mut command = script(name);
        command.arg(format!("ws://{upstream}")).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("PEERS_PYTHON cannot be started");
        let stdin = child.stdin.take().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = soon(stdout.next_line()).await.unwrap().expect("the judge ended before it began");
        let port = serde_json::from_str::<Value>(&line).unwrap()["port"].as_u64().unwrap();
        Self { child, stdin, stdout, port }
    }

    /// Where clients find it.
    pub(crate) fn url(&self) -> String {
        format!("ws://127.0.0.1:{}/v1/realtime", self.port)
    }

    /// Ends it: its report.
    pub(crate) async fn report(mut self) -> Report {
        drop(self.stdin);
        let line = soon(self.stdout.next_line()).await.unwrap().expect("the judge ended without a word");
        assert!(soon(self.child.wait()).await.unwrap().success());
        serde_json::from_str(&line).unwrap()
    }
}

/// The program under test: the service, or its model alone.
pub(crate) struct Program {
    child: Child,
    /// What it said of itself when it was ready.
    pub(crate) start_up: String,
}

impl Program {
    /// Starts it with arguments and settings, and nothing else in its environment.
    pub(crate) async fn start(home: &Path, arguments: &[&str], settings: &[(&str, String)]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ai-realtime"));
        command.args(arguments).env_clear().current_dir(home).kill_on_drop(true);
        command.envs(settings.iter().map(|(name, value)| (name, value)));
        // What it logs after it is ready goes to nobody: a pipe that is not read would stop it.
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut errors = BufReader::new(child.stderr.take().unwrap()).lines();
        let start_up = soon(errors.next_line()).await.unwrap().expect("it ended before it began");
        tokio::spawn(async move { while let Ok(Some(_)) = errors.next_line().await {} });
        Self { child, start_up }
    }

    /// The address that its first line names after this.
    pub(crate) fn address_after(&self, prefix: &str) -> String {
        let rest = self.start_up.split(prefix).nth(1).expect(&self.start_up);
        rest.split([' ', '/']).next().unwrap().to_owned()
    }

    /// Asks it to end, and waits until it has.
    pub(crate) async fn end(mut self) {
        let id = self.child.id().unwrap().to_string();
        assert!(soon(Command::new("kill").args(["-TERM", &id]).status()).await.unwrap().success());
        assert!(soon(self.child.wait()).await.unwrap().success());
    }
}

/// The service, in a home of its own.
pub(crate) struct Service {
    program: Program,
    http: reqwest::Client,
    /// Where its API is.
    pub(crate) base: String,
    home: tempfile::TempDir,
}

impl Service {
    /// The service with some settings.
    pub(crate) async fn start(more: &[(&str, String)]) -> Self {
        let home = tempfile::tempdir().unwrap();
        let personas = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("personas");
        let mut settings = vec![
            ("PORT", "0".to_owned()),
            ("AI_REALTIME_DATA_DIR", home.path().join("data").display().to_string()),
            ("PERSONAS_DIR", personas.display().to_string()),
            ("LOG_LEVEL", "off".to_owned()),
        ];
        settings.extend(more.iter().cloned());
        let program = Program::start(home.path(), &[], &settings).await;
        let base = format!("http://{}", program.address_after("http://"));
        // The first one in wins, and all are the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { program, http, base, home }
    }

    /// The service with a model that a judge stands before.
    pub(crate) async fn start_before(judge: &Judge, more: &[(&str, String)]) -> Self {
        let mut settings = vec![
            ("OPENAI_API_KEY", "sk-peer-0123456789".to_owned()),
            ("OPENAI_REALTIME_ENDPOINT", judge.url()),
        ];
        settings.extend(more.iter().cloned());
        Self::start(&settings).await
    }

    /// Where it keeps its data.
    pub(crate) fn data(&self) -> PathBuf {
        self.home.path().join("data")
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, Value) {
        answer(self.http.get(format!("{}{path}", self.base))).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        answer(self.http.post(format!("{}{path}", self.base)).json(&body)).await
    }

    /// Posts a form with that signature: the answer, which is a good one.
    pub(crate) async fn post_form(&self, path: &str, form: &[(String, String)], signature: &str) -> String {
        let request = self.http.post(format!("{}{path}", self.base)).form(form);
        let response = soon(request.header("x-twilio-signature", signature).send()).await.unwrap();
        assert_eq!(response.status(), 200);
        soon(response.text()).await.unwrap()
    }

    pub(crate) async fn delete(&self, path: &str) -> u16 {
        answer(self.http.delete(format!("{}{path}", self.base))).await.0
    }

    /// Says something and waits for the reply.
    pub(crate) async fn say(&self, call: &str, text: &str) -> Value {
        let (status, body) = self.post("/ai/say", json!({"text": text, "call_id": call, "wait": true})).await;
        assert_eq!(status, 200, "{body}");
        body["reply"].clone()
    }

    /// Comes when a call is in a state.
    pub(crate) async fn until(&self, call: &str, state: &str) {
        soon(async {
            while self.get(&format!("/ai/calls/{call}")).await.1["state"] != state {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }

    /// Ends it as a signal would.
    pub(crate) async fn end(self) {
        self.program.end().await;
    }
}

async fn answer(request: reqwest::RequestBuilder) -> (u16, Value) {
    let response = soon(request.send()).await.unwrap();
    let status = response.status().as_u16();
    let text = soon(response.text()).await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}
