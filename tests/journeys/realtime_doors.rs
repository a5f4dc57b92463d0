//! Who is let in to speak OpenAI's Realtime protocol, by what, how often, and how the others are told.

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Error;

use crate::browser::line::{Browser, open, over, refusal};
use crate::house::{Client, Service, soon};

const KEY: &str = "journey-key-0123456789abcdef";
const OTHER_KEY: &str = "another-key-0123456789abcdef";
const OFFER: &str = "sec-websocket-protocol";

async fn start(settings: &[(&'static str, &str)]) -> Service {
    let keys = ("AI_REALTIME_API_KEYS", format!("{KEY},{OTHER_KEY}"));
    let others = settings.iter().map(|(name, value)| (*name, (*value).to_owned()));
    Service::start_with(others.chain([keys]).collect()).await
}

fn bearer(key: &str) -> String {
    format!("Bearer {key}")
}

/// What a browser offers that shows this.
fn offer(key: &str) -> String {
    format!("realtime, openai-insecure-api-key.{key}")
}

async fn let_in(client: &Client, path: &str, key: &str) -> Browser {
    let mut line = Box::pin(open(client, path, &[("authorization", &bearer(key))])).await.unwrap();
    let first = line.next().await.unwrap();
    assert!(matches!(first["type"].as_str().unwrap(), "session.created" | "ready"), "{first}");
    line
}

/// What a browser is told that is not let in, and the code its socket is closed with.
async fn told(client: &Client, path: &str, shown: &str) -> (Value, Option<u16>) {
    let mut line = Box::pin(open(client, path, &[(OFFER, &offer(shown))])).await.unwrap();
    assert_eq!(line.answer.headers()[OFFER], "realtime");
    let event = line.next().await.unwrap();
    assert_eq!(event["type"], "error", "{event}");
    assert!(event["event_id"].is_string() && event["error"]["message"].is_string(), "{event}");
    (event["error"]["code"].clone(), line.closes().await)
}

async fn secret(client: &Client, body: &Value) -> Value {
    let url = format!("{}/v1/realtime/client_secrets", client.base);
    let asked = client.http.post(url).bearer_auth(KEY).json(body);
    let answer = soon(asked.send()).await.unwrap();
    assert_eq!(answer.status(), 200);
    soon(answer.json()).await.unwrap()
}

/// Ends all calls, then the service.
async fn end(service: Service) {
    let client = &service.client;
    let calls = client.http.get(format!("{}/ai/calls", client.base)).bearer_auth(KEY).send();
    let calls: Value = soon(soon(calls).await.unwrap().json()).await.unwrap();
    for call in calls.as_array().unwrap() {
        let url = format!("{}/ai/calls/{}", client.base, call["call_id"].as_str().unwrap());
        soon(client.http.delete(url).bearer_auth(KEY).send()).await.unwrap();
    }
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_shows_no_key_is_told_so_in_a_way_it_can_read() {
    let service = start(&[]).await;
    let client = &service.client;
    for path in ["/v1/realtime", "/realtime"] {
        for headers in [&[][..], &[("authorization", "Bearer wrong")]] {
            let (status, body) = refusal(client, path, headers).await;
            assert_eq!((status, &body["code"]), (401, &json!("unauthorized")));
        }
        for shown in ["wrong", "null", "ek_0123456789abcdef0123456789abcdef"] {
            assert_eq!(told(client, path, shown).await, (json!("unauthorized"), Some(1008)), "{shown}");
        }
    }
    let plain = client.http.get(format!("{}/v1/realtime", client.base)).bearer_auth(KEY);
    assert_eq!(soon(plain.send()).await.unwrap().status(), 426);
    end(service).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wishes_that_cannot_be_met_are_refused_with_a_word() {
    let service = Service::start().await;
    let client = &service.client;
    client.say("written", "hello").await;
    for (path, status, code) in [
        ("/v1/realtime?call_id=a%20b", 400, "invalid_value"),
        ("/v1/realtime?persona=nobody", 400, "unknown_persona"),
        ("/v1/realtime?model=persona:nobody", 400, "unknown_persona"),
    ] {
        let (told_status, body) = refusal(client, path, &[]).await;
        assert_eq!((told_status, &body["code"]), (status, &json!(code)), "{path}");
        assert_eq!(told(client, path, "null").await, (json!(code), Some(1008)), "{path}");
    }
    let written = "/v1/realtime?call_id=written";
    assert_eq!(told(client, written, "null").await, (json!("wrong_line"), Some(1008)));
    let evil = [("origin", "https://evil.example.com"), (OFFER, "realtime")];
    let (status, body) = refusal(client, "/v1/realtime", &evil).await;
    assert_eq!((status, &body["code"]), (403, &json!("origin_not_allowed")));
    over(service).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_secret_opens_sockets_and_nothing_else() {
    let service = start(&[]).await;
    let client = &service.client;
    let wanted = json!({
        "expires_after": {"anchor": "created_at", "seconds": 60},
        "session": {"type": "realtime", "model": "gpt-realtime-2.1", "audio": {"output": {"voice": "marin"}}},
    });
    let made = secret(client, &wanted).await;
    let value = made["value"].as_str().unwrap();
    assert!(value.starts_with("ek_") && value.len() == 35, "{made}");
    assert_eq!(
        (&made["session"]["type"], &made["session"]["model"]),
        (&json!("realtime"), &json!("gpt-realtime-2.1"))
    );
    let left = made["expires_at"].as_i64().unwrap() - jiff::Timestamp::now().as_second();
    assert!((50..=60).contains(&left), "{made}");

    for path in ["/v1/realtime", "/realtime", "/ws/audio/visitor-1"] {
        let mut line = Box::pin(open(client, path, &[(OFFER, &offer(value))])).await.unwrap();
        assert_ne!(line.next().await.unwrap()["type"], "error", "{path}");
    }
    let other_routes = [
        client.http.get(format!("{}/ai/calls", client.base)),
        client.http.post(format!("{}/v1/realtime/client_secrets", client.base)).json(&json!({})),
    ];
    for request in other_routes {
        assert_eq!(soon(request.bearer_auth(value).send()).await.unwrap().status(), 401);
    }
    end(service).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_secret_is_good_for_what_it_was_made_for() {
    let service = start(&[]).await;
    let client = &service.client;
    let bound =
        json!({"extension": {"persona": "cfo", "call_id": "visitor-7", "business_id": "agaseke-kigali"}});
    let made = secret(client, &bound).await;
    let value = made["value"].as_str().unwrap();
    for path in ["/v1/realtime?call_id=visitor-8", "/v1/realtime?model=waiter"] {
        assert_eq!(told(client, path, value).await, (json!("not_granted"), Some(1008)), "{path}");
    }
    let (status, body) = refusal(client, "/ws/audio/visitor-8", &[(OFFER, &offer(value))]).await;
    assert_eq!((status, &body["code"]), (403, &json!("not_granted")));
    let mut line =
        Box::pin(open(client, "/v1/realtime?model=gpt-realtime", &[(OFFER, &offer(value))])).await.unwrap();
    assert_eq!(line.next().await.unwrap()["type"], "session.created");
    let call = client.http.get(format!("{}/ai/calls/visitor-7", client.base)).bearer_auth(KEY);
    let call: Value = soon(soon(call.send()).await.unwrap().json()).await.unwrap();
    assert_eq!((&call["persona"], &call["business_id"]), (&json!("cfo"), &json!("agaseke-kigali")));
    end(service).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn client_secrets_are_checked_and_bounded() {
    let service = Service::start_with(vec![("MAX_CLIENT_SECRETS", "2".to_owned())]).await;
    let client = &service.client;
    for (body, code) in [
        (json!({"expires_after": {"seconds": 9}}), "invalid_value"),
        (json!({"expires_after": {"anchor": "later"}}), "invalid_value"),
        (json!({"session": {"type": "transcription"}}), "invalid_value"),
        (json!({"session": ["realtime"]}), "wrong_type"),
        (json!({"extension": {"persona": "nobody"}}), "unknown_persona"),
        (json!({"extension": {"business_id": "nobody"}}), "unknown_business"),
        (json!({"persona": "waiter"}), "unknown_field"),
    ] {
        let (status, told) = client.post("/v1/realtime/client_secrets", body).await;
        assert_eq!((status, &told["code"]), (400, &json!(code)));
    }
    for _ in 0..2 {
        assert_eq!(client.post("/v1/realtime/client_secrets", json!({})).await.0, 200);
    }
    let (status, told) = client.post("/v1/realtime/client_secrets", json!({})).await;
    assert_eq!((status, &told["code"]), (429, &json!("too_many_secrets")));
    over(service).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_has_so_many_connections_and_its_secrets_count_as_it() {
    let service = start(&[("CONNECTIONS_PER_KEY", "2")]).await;
    let client = &service.client;
    let made = secret(client, &json!({})).await;
    let value = made["value"].as_str().unwrap();
    let first = let_in(client, "/v1/realtime", KEY).await;
    let _second = let_in(client, "/ws/audio/visitor-1", value).await;

    let headers = [("authorization", bearer(KEY))];
    let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    for path in ["/v1/realtime", "/ws/audio/visitor-2"] {
        match Box::pin(open(client, path, &headers)).await {
            Err(Error::Http(answer)) => {
                assert_eq!(
                    (answer.status().as_u16(), &answer.headers()["retry-after"]),
                    (429, &"5".parse().unwrap())
                );
            }
            other => panic!("{:?}", other.map(|_| ())),
        }
    }
    assert_eq!(told(client, "/v1/realtime", value).await, (json!("rate_limited"), Some(1013)));
    let_in(client, "/v1/realtime", OTHER_KEY).await;

    drop(first);
    let mut line = soon(async {
        loop {
            if let Ok(line) = Box::pin(open(client, "/v1/realtime", &headers)).await {
                break line;
            }
        }
    })
    .await;
    assert_eq!(line.next().await.unwrap()["type"], "session.created");
    end(service).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_opens_so_many_connections_in_a_minute() {
    let service = Service::start_with(vec![("NEW_CONNECTIONS_PER_MINUTE", "1".to_owned())]).await;
    let client = &service.client;
    let line = Box::pin(open(client, "/v1/realtime", &[])).await.unwrap();
    drop(line);
    let (status, body) = refusal(client, "/v1/realtime", &[]).await;
    assert_eq!((status, &body["code"]), (429, &json!("rate_limited")));
    over(service).await;
}
