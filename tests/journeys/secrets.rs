//! A whole journey, and nothing in the log that does not belong there.

use ai_realtime::rehearsal::RehearsalOptions;
use serde_json::{Value, json};

use crate::house::{MODEL_KEY, Process, model, soon, with_model};

const KEY: &str = "client-key-0123456789";

#[tokio::test(flavor = "multi_thread")]
async fn no_key_and_no_word_of_a_conversation_is_logged_and_every_line_is_bunyan() {
    let home = tempfile::tempdir().unwrap();
    let model = model(RehearsalOptions::default()).await;
    let mut settings = with_model(&model);
    settings.push(("AI_REALTIME_API_KEYS", KEY.to_owned()));
    let service = Process::start(home.path(), settings).await;
    let client = &service.client;
    let say = |body: Value| client.http.post(format!("{}/ai/say", client.base)).bearer_auth(KEY).json(&body);
    let asked = "I have a question about VAT on restaurant meals in the EU, codeword xylophone";
    let response = soon(say(json!({"text": asked, "wait": true})).send()).await.unwrap();
    let reply: Value = response.json().await.unwrap();
    assert_eq!(reply["reply"]["tools"][0]["status"], "ok");
    client.post("/ai/say", json!({"text": "without a key"})).await;
    let (logs, errors) = service.end().await;

    for secret in [KEY, MODEL_KEY, "xylophone", "2006/112"] {
        assert!(!logs.contains(secret) && !errors.contains(secret), "{secret} in {logs}{errors}");
    }
    let lines: Vec<Value> = logs.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    for line in &lines {
        for field in ["name", "hostname", "pid", "level", "time", "msg", "v"] {
            assert!(!line[field].is_null(), "{field} is missing in {line}");
        }
    }
    let of = |msg: &str| lines.iter().filter(|line| line["msg"] == msg).collect::<Vec<_>>();
    assert_eq!(of("tool executed")[0]["tool"], "check_tax_rule");
    assert_eq!(of("tool executed")[0]["call_id"], "default");
    assert_eq!(of("the model's socket is open")[0]["call_id"], "default");
    assert_eq!(of("persona activated").len(), 2);
    assert!(of("request answered").iter().any(|line| line["status"] == 401 && line["duration_ms"].is_u64()));
}

#[tokio::test(flavor = "multi_thread")]
async fn replies_are_streamed_to_stdout_when_asked_for() {
    let home = tempfile::tempdir().unwrap();
    let settings = vec![("LOG_REPLIES", "true".to_owned()), ("LOG_LEVEL", "off".to_owned())];
    let service = Process::start(home.path(), settings).await;
    let reply = service.client.say("default", "What drinks do you have?").await;
    let (stdout, _) = service.end().await;
    assert!(stdout.contains(reply["text"].as_str().unwrap()), "{stdout}");
}
