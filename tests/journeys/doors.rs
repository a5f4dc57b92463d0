//! Who may come in, and what a wrong setting is told.

use serde_json::json;

use crate::house::{Process, Service, soon};

const KEY: &str = "a-key-of-sixteen-or-more";

#[tokio::test(flavor = "multi_thread")]
async fn with_keys_only_who_shows_one_comes_in() {
    let service =
        Service::start_with(vec![("AI_REALTIME_API_KEYS", format!("{KEY},another-key-of-sixteen"))]).await;
    let client = &service.client;
    let (status, body) = client.post("/ai/say", json!({"text": "hi"})).await;
    assert_eq!((status, body["code"].as_str()), (401, Some("unauthorized")));
    assert_eq!(client.get("/metrics").await.0, 401);
    assert_eq!(client.get("/healthz").await.0, 200);
    let said = client.http.post(format!("{}/ai/say", client.base)).bearer_auth(KEY);
    let response = soon(said.json(&json!({"text": "hi"})).send()).await.unwrap();
    assert_eq!(response.status(), 200);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_setting_stops_the_start_with_one_line_that_names_it() {
    let home = tempfile::tempdir().unwrap();
    let cases = [
        ("PORT", "high", "PORT"),
        ("HOST", "0.0.0.0", "AI_REALTIME_API_KEYS"),
        ("MAX_CALLS", "0", "MAX_CALLS"),
        ("DEFAULT_PERSONA", "chef", "cfo, waiter"),
        ("PERSONAS_DIR", "nowhere", "PERSONAS_DIR"),
        ("OPENAI_REALTIME_ENDPOINT", "https://api.openai.com", "OPENAI_REALTIME_ENDPOINT"),
    ];
    for (name, value, named) in cases {
        for arguments in [&[][..], &["check"][..]] {
            let (content, said) = Process::run(home.path(), vec![(name, value.to_owned())], arguments).await;
            assert!(!content, "{name}={value} was taken");
            assert_eq!(said.trim_end().lines().count(), 1, "{said}");
            assert!(said.contains(named), "{said}");
        }
    }
    let (content, said) = Process::run(home.path(), Vec::new(), &["check"]).await;
    assert!(content && said.contains("in order"), "{said}");
}
