//! Requests that make no sense get a clear answer, and nothing is created.

use serde_json::{Value, json};

use crate::house::{Service, soon};

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_request_is_told_what_is_wrong() {
    let service = Service::start().await;
    let client = &service.client;
    let long = "x".repeat(5_001);
    let cases = [
        (json!({"text": ""}), 400, "invalid_value", "text"),
        (json!({"text": long}), 400, "invalid_value", "text"),
        (json!({}), 400, "missing_field", "text"),
        (json!({"text": 7}), 400, "wrong_type", "text"),
        (json!({"text": "hi", "txet": "hi"}), 400, "unknown_field", "txet"),
        (json!({"text": "hi", "call_id": "a b"}), 400, "invalid_value", "call_id"),
        (json!({"text": "hi", "persona": "chef"}), 400, "unknown_persona", ""),
    ];
    for (body, status, code, field) in cases {
        let (got, answer) = client.post("/ai/say", body.clone()).await;
        assert_eq!((got, answer["code"].as_str()), (status, Some(code)), "{answer}");
        assert!(answer["error"].as_str().is_some_and(|error| !error.contains(&long)), "{answer}");
        if !field.is_empty() {
            assert!(answer.to_string().contains(field), "{answer}");
        }
    }
    let broken =
        client.http.post(format!("{}/ai/say", client.base)).header("content-type", "application/json");
    let response = soon(broken.body("{\"text\":").send()).await.unwrap();
    assert_eq!(response.status(), 400);
    assert!(response.headers().contains_key("x-request-id"));
    let answer: Value = response.json().await.unwrap();
    assert_eq!(answer["code"], "invalid_json");
    let huge = json!({"text": "x".repeat(300 << 10)});
    assert_eq!(client.post("/ai/say", huge).await.0, 413);
    assert_eq!(client.get("/ai/calls").await.1, json!([]), "nothing was created");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_not_found_in_the_same_shape() {
    let service = Service::start().await;
    let client = &service.client;
    assert_eq!(client.get("/ai/calls/nobody").await.1["code"], "unknown_call");
    assert_eq!(client.delete("/ai/calls/nobody").await.0, 404);
    assert_eq!(client.get("/ai/calls/nobody/events").await.0, 404);
    assert_eq!(client.get("/nothing/here").await.0, 404);
    assert_eq!(client.get("/ai/say").await.0, 405);
    let (status, description) = client.get("/openapi.json").await;
    assert_eq!((status, description["openapi"].as_str().map(|version| &version[..3])), (200, Some("3.1")));
    assert_eq!(client.get("/docs").await.0, 200);
    assert_eq!(client.get("/readyz").await.0, 200);
    service.stop().await;
}
