//! Who is let in: by key, by origin, and with which subprotocol.

use serde_json::json;

use super::line::{open, over, refusal};
use crate::house::Service;

const KEY: &str = "journey-key-0123456789abcdef";
const PATH: &str = "/ws/audio/visitor-1";

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_shown_in_a_header_or_as_a_subprotocol_and_never_answered() {
    let service = Service::start_with(vec![("AI_REALTIME_API_KEYS", KEY.to_owned())]).await;
    let client = &service.client;
    let offer = format!("ai-realtime, openai-insecure-api-key.{KEY}");
    for (name, value) in [("sec-websocket-protocol", &offer), ("authorization", &format!("Bearer {KEY}"))] {
        let mut browser = open(client, PATH, &[(name, value)]).await.unwrap();
        assert_eq!(browser.next().await.unwrap()["type"], "ready");
        let chosen = browser.answer.headers().get("sec-websocket-protocol");
        let expected = (name == "sec-websocket-protocol").then_some("ai-realtime");
        assert_eq!(chosen.map(|value| value.to_str().unwrap()), expected);
    }
    let wrong = "ai-realtime, openai-insecure-api-key.journey-key-0123456789abcdeX";
    for headers in [&[][..], &[("sec-websocket-protocol", wrong)], &[("authorization", "Bearer x")]] {
        let (status, body) = refusal(client, PATH, headers).await;
        assert_eq!((status, &body["code"]), (401, &json!("unauthorized")));
    }
    let delete = client.http.delete(format!("{}/ai/calls/visitor-1", client.base));
    assert_eq!(delete.bearer_auth(KEY).send().await.unwrap().status(), 200);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_other_sites_are_refused_unless_they_are_named() {
    let shop = "https://shop.example.com";
    let service = Service::start_with(vec![("ALLOWED_ORIGINS", shop.to_owned())]).await;
    let client = &service.client;
    for origin in [shop, &client.base] {
        assert!(open(client, PATH, &[("origin", origin)]).await.is_ok(), "{origin}");
    }
    for origin in ["https://evil.example.com", "null"] {
        let (status, body) = refusal(client, PATH, &[("origin", origin)]).await;
        assert_eq!((status, &body["code"]), (403, &json!("origin_not_allowed")), "{origin}");
    }
    over(service).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_be_no_session_is_refused_with_a_word() {
    let service = Service::start().await;
    let client = &service.client;
    let (status, body) = refusal(client, "/ws/audio/a%20b", &[]).await;
    assert_eq!((status, &body["code"]), (400, &json!("invalid_value")));
    assert_eq!(client.get(PATH).await.0, 426);
    client.say("written", "hello").await;
    for (path, code) in
        [("/ws/audio/written", "wrong_line"), ("/ws/audio/visitor-2?persona=nobody", "unknown_persona")]
    {
        let mut browser = open(client, path, &[]).await.unwrap();
        assert_eq!(browser.until_kind("error").await["code"], code);
        assert_eq!(browser.closes().await, Some(1008), "{path}");
    }
    let mut cfo = open(client, "/ws/audio/visitor-3?persona=cfo", &[]).await.unwrap();
    assert_eq!(cfo.until_kind("persona").await["key"], "cfo");
    over(service).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_is_there_without_a_key_and_may_use_the_microphone() {
    let service = Service::start_with(vec![("AI_REALTIME_API_KEYS", KEY.to_owned())]).await;
    let page = service.client.http.get(format!("{}/try", service.client.base)).send().await.unwrap();
    assert_eq!(page.status(), 200);
    assert_eq!(page.headers()["permissions-policy"], "microphone=(self)");
    assert!(page.headers()["content-security-policy"].to_str().unwrap().contains("default-src 'none'"));
    over(service).await;
}
