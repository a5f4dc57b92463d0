//! OpenAI's own clients, and one of the beta, hold conversations with the service; OpenAI's typed models, and the rules
//! these clients rely on, judge every event they are told.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde::Deserialize;
use tokio::process::Command;

use crate::bench::{Judge, Service, python, run, script, write_pcm};

const KEY: &str = "peer-key-0123456789abcdef";
/// What is asked aloud.
const QUESTION: &str = "how much is the african tea?";
const PATIENCE: Duration = Duration::from_secs(120);
/// What every client has to be able to do.
const EVERYBODY: [&str; 4] = ["connect", "session.update", "tool call", "handoff"];

/// What a client said of its conversation.
#[derive(Debug, Deserialize)]
struct Told {
    client: String,
    features: BTreeMap<String, bool>,
    failed: Option<String>,
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Python and Node with OpenAI's clients: make test-services"]
async fn stock_clients_ask_for_the_menu_and_are_handed_over() {
    let service = Service::start(&[("AI_REALTIME_API_KEYS", KEY.to_owned())]).await;
    let address = service.base.strip_prefix("http://").unwrap().to_owned();
    let judge = Judge::of_clients(&address).await;
    let home = tempfile::tempdir().unwrap();
    let question = home.path().join("question.pcm");
    write_pcm(&question, QUESTION, Duration::ZERO);
    let (cert, private_key) = certificate(home.path()).await;

    let sockets = judge.url();
    let mut plain = script("gateway_client.py");
    plain
        .arg(format!("{}/v1", service.base))
        .arg(sockets.trim_end_matches("/realtime"))
        .arg(KEY)
        .arg(&question);
    let mut agents = node("agents_client.cjs");
    agents.args([&sockets, KEY]).arg(&question);
    let mut openai = node("openai_client.cjs");
    let judged_address = sockets.strip_prefix("ws://").unwrap().split('/').next().unwrap();
    openai.env("NODE_EXTRA_CA_CERTS", &cert).args([judged_address, KEY]).args([&cert, &private_key]);
    let mut beta = node("beta_client.cjs");
    beta.args([&sockets, KEY]).arg(&question);

    let mut all = Vec::new();
    for client in [plain, agents, openai, beta] {
        let told: Told = serde_json::from_str(run(client, PATIENCE).await.lines().last().unwrap()).unwrap();
        all.push(told);
    }
    service.end().await;
    println!("{}", table(&all));
    for told in &all {
        assert!(told.failed.is_none(), "{}: {}", told.client, told.failed.as_deref().unwrap_or_default());
        let missing: Vec<_> = EVERYBODY.iter().filter(|name| !told.features.contains_key(**name)).collect();
        assert!(missing.is_empty(), "{}: {missing:?}", told.client);
    }
    let report = judge.report().await;
    assert_eq!(report.sockets, 4);
    report.praise(&[
        ("session.created", 3),
        ("session.updated", 3),
        ("conversation.item.added", 12),
        ("conversation.item.done", 12),
        ("conversation.item.retrieved", 2),
        ("conversation.item.truncated", 2),
        ("conversation.item.deleted", 2),
        ("input_audio_buffer.speech_started", 2),
        ("input_audio_buffer.committed", 2),
        ("response.output_audio.delta", 20),
        ("response.output_audio_transcript.delta", 20),
        ("response.output_text.delta", 5),
        ("response.done", 9),
        ("extension.middle_tier_tool.response", 6),
        ("extension.persona.activated", 3),
        ("error", 2),
        ("beta response.audio.delta", 10),
        ("beta conversation.item.created", 6),
        ("beta response.done", 4),
    ]);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Python with OpenAI's package: make test-services"]
async fn the_program_of_the_readme_hears_about_the_menu() {
    let service = Service::start(&[]).await;
    let readme = include_str!("../../README.md");
    let program = readme.split("```python\n").nth(1).unwrap().split("```").next().unwrap();
    assert!(program.lines().count() <= 14, "{program}");
    let mut command = python();
    command.arg("-c").arg(program.replace("http://127.0.0.1:7070", &service.base));
    let said = run(command, PATIENCE).await;
    service.end().await;
    assert!(said.contains("I found 28 items"), "{said}");
}

/// A script of the other folder under the Node whose packages `make test-services` has installed.
fn node(name: &str) -> Command {
    let packages = std::env::var("PEERS_NODE")
        .expect("PEERS_NODE names no folder of packages: run `make test-services`");
    let mut command = Command::new("node");
    command.env("PEERS_NODE", packages).env("NO_PROXY", "127.0.0.1").stdin(Stdio::null()).kill_on_drop(true);
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers/node").join(name));
    command
}

/// A certificate for this machine that nobody else believes, and its key.
async fn certificate(home: &Path) -> (PathBuf, PathBuf) {
    let (cert, key) = (home.join("cert.pem"), home.join("key.pem"));
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]);
    openssl.args(["-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]);
    openssl.arg("-keyout").arg(&key).arg("-out").arg(&cert);
    run(openssl, PATIENCE).await;
    (cert, key)
}

/// Which client did what.
fn table(all: &[Told]) -> String {
    let features: BTreeSet<_> = all.iter().flat_map(|told| told.features.keys()).collect();
    let head = all.iter().map(|told| format!(" {} |", told.client)).collect::<String>();
    let mut table = format!("| feature |{head}\n| --- |{}\n", " --- |".repeat(all.len()));
    for feature in features {
        let cells = all.iter().map(|told| if told.features.contains_key(feature) { " yes |" } else { " |" });
        table.push_str(&format!("| {feature} |{}\n", cells.collect::<String>()));
    }
    table
}
