//! What holds for every route, tried without a call behind it. What needs calls is tried over real sockets.

use axum::body::{Body, to_bytes};
use axum::http::Request;
use axum::routing::{get, post};
use serde_json::{Value, json};
use tower::ServiceExt;

use super::*;

fn router() -> Router {
    async fn panics() -> &'static str {
        panic!("a secret")
    }
    dress(
        Router::new()
            .route("/ai/say", post(|| async { "said" }))
            .route("/healthz", get(|| async { "well" }).delete(|| async { "gone" }))
            .route("/panics", get(panics)),
    )
}

async fn answer(method: &str, path: &str) -> Response {
    let request = Request::builder().method(method).uri(path).header("x-request-id", "req-7");
    router().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
}

async fn body(response: Response) -> Value {
    let bytes = to_bytes(response.into_body(), 100_000).await.unwrap();
    if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes).unwrap() }
}

#[tokio::test]
async fn every_answer_shows_the_requests_id() {
    for (method, path) in [("GET", "/healthz"), ("GET", "/nowhere"), ("PUT", "/ai/say"), ("GET", "/panics")] {
        let response = answer(method, path).await;
        assert_eq!(response.headers()["x-request-id"], "req-7", "{method} {path}");
        assert_eq!(response.headers()["x-content-type-options"], "nosniff");
        assert_eq!(response.headers()["cache-control"], "no-store");
    }
    let request = Request::get("/healthz").body(Body::empty()).unwrap();
    let response = router().oneshot(request).await.unwrap();
    assert_eq!(response.headers()["x-request-id"].len(), 32);
}

#[tokio::test]
async fn what_is_not_there_is_answered_in_the_shape_of_errors() {
    let response = answer("GET", "/nowhere").await;
    assert_eq!(response.status(), 404);
    assert_eq!(body(response).await["code"], "unknown_route");

    let response = answer("GET", "/ai/say").await;
    assert_eq!(response.status(), 405);
    assert_eq!(response.headers()["allow"], "POST");
    assert_eq!(body(response).await["code"], "method_not_allowed");
}

#[tokio::test]
async fn head_and_options_are_answered_without_a_body() {
    let response = answer("HEAD", "/healthz").await;
    assert_eq!((response.status().as_u16(), body(response).await), (200, Value::Null));

    let response = answer("OPTIONS", "/healthz").await;
    assert_eq!(response.status(), 204);
    assert_eq!(response.headers()["allow"], "GET,HEAD,DELETE");
    assert_eq!(body(response).await, Value::Null);
}

#[tokio::test]
async fn a_panic_is_answered_without_its_words() {
    let response = answer("GET", "/panics").await;
    assert_eq!(response.status(), 500);
    let body = body(response).await;
    assert_eq!(body["code"], "internal");
    assert!(!body.to_string().contains("secret"));
}

#[test]
fn the_routes_are_these_and_only_these_are_open() {
    let description = serde_json::to_value(describe()).unwrap();
    assert_eq!(description["openapi"], "3.1.0");
    let mut found: Vec<String> = Vec::new();
    for (path, operations) in description["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let is_open = operation["security"] == json!([{}]);
            found.push(format!("{} {path}{}", method.to_uppercase(), if is_open { " open" } else { "" }));
            assert!(
                operation["summary"].is_string() && operation["operationId"].is_string(),
                "{method} {path}"
            );
        }
    }
    found.sort();
    assert_eq!(
        found,
        [
            "DELETE /ai/calls/{call_id}",
            "DELETE /api/businesses/{id}",
            "DELETE /api/config/{key}",
            "DELETE /api/rag/{id}",
            "GET /ai/calls",
            "GET /ai/calls/{call_id}",
            "GET /ai/calls/{call_id}/events",
            "GET /ai/personas",
            "GET /api/businesses",
            "GET /api/businesses/{id}",
            "GET /api/calls",
            "GET /api/calls/{call_id}",
            "GET /api/config",
            "GET /api/rag",
            "GET /api/rag/{id}",
            "GET /api/twilio/stream open",
            "GET /docs open",
            "GET /healthz open",
            "GET /metrics",
            "GET /openapi.json open",
            "GET /readyz open",
            "GET /realtime",
            "GET /try open",
            "GET /v1/realtime",
            "GET /ws/audio/{session_id}",
            "POST /ai/calls",
            "POST /ai/calls/{call_id}/transfer",
            "POST /ai/persona",
            "POST /ai/say",
            "POST /api/rag",
            "POST /api/rag/query",
            "POST /api/twilio/message open",
            "POST /api/twilio/resume open",
            "POST /api/twilio/status open",
            "POST /api/twilio/voice open",
            "POST /api/twilio/whisper open",
            "POST /v1/realtime/client_secrets",
            "PUT /api/businesses/{id}",
            "PUT /api/config/{key}",
        ]
    );
}

#[test]
fn the_settings_of_the_edge_follow_from_the_settings() {
    let settings = EdgeSettings::from(&Config::load(|_| None).unwrap());
    assert_eq!((settings.model, settings.max_event_streams), (ModelKind::Rehearsal, 2000));
    assert_eq!(settings.max_calls, 1000);
    let with_key = Config::load(|name| (name == "OPENAI_API_KEY").then(|| "sk-x".to_owned())).unwrap();
    assert_eq!(EdgeSettings::from(&with_key).model, ModelKind::OpenAi);
}
