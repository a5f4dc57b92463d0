//! What is read out of a request, tried without a store behind it.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::DefaultBodyLimit;
use axum::http::Request;
use axum::routing::post;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::*;
use crate::knowledge::Format;

async fn read(Submitted(submission): Submitted) -> Json<Value> {
    Json(json!({
        "id": submission.id.map(|id| id.to_string()),
        "business_id": submission.business_id.map(|business| business.to_string()),
        "title": submission.title,
        "metadata": submission.metadata,
        "format": submission.text.format.as_str(),
        "bytes": submission.text.bytes.len(),
    }))
}

async fn send(content_type: &str, body: impl Into<Body>) -> (u16, Value) {
    let router = Router::new().route("/api/rag", post(read)).layer(DefaultBodyLimit::max(MAX_BODY_BYTES));
    let request = Request::post("/api/rag").header("content-type", content_type).body(body.into()).unwrap();
    let response = super::super::dress(router).oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    (status, serde_json::from_slice(&to_bytes(response.into_body(), 100_000).await.unwrap()).unwrap())
}

async fn send_json(body: &Value) -> (u16, Value) {
    send("application/json", body.to_string()).await
}

async fn send_form(parts: &[(&str, &str)]) -> (u16, Value) {
    let mut body = String::new();
    for (head, text) in parts {
        body.push_str(&format!("--b\r\ncontent-disposition: form-data; {head}\r\n\r\n{text}\r\n"));
    }
    send("multipart/form-data; boundary=b", body + "--b--\r\n").await
}

#[tokio::test]
async fn a_document_comes_as_json() {
    let (status, read) = send_json(&json!({"title": " Rules ", "content": "# Parking"})).await;
    assert_eq!(
        (status, &read["title"], &read["format"]),
        (200, &json!("Rules"), &json!("markdown")),
        "{read}"
    );
    let packed = json!({
        "id": "a:b.c-1", "business_id": "b", "title": "T", "content": "JVBE\nRi0x", "encoding": "base64",
        "metadata": {"page": 1},
    });
    let (_, read) = send_json(&packed).await;
    assert_eq!((&read["format"], &read["bytes"], &read["id"]), (&json!("pdf"), &json!(6), &json!("a:b.c-1")));
    assert_eq!((&read["metadata"], &read["business_id"]), (&json!({"page": 1}), &json!("b")));
}

#[tokio::test]
async fn a_document_comes_as_a_form() {
    let file = "name=\"file\"; filename=\"menu.md\"\r\ncontent-type: text/markdown";
    let (status, read) = send_form(&[(file, "# Menu"), ("name=\"metadata\"", "{\"page\": 1}")]).await;
    assert_eq!(
        (status, &read["title"], &read["format"]),
        (200, &json!("menu.md"), &json!("markdown")),
        "{read}"
    );
    assert_eq!((&read["bytes"], &read["metadata"]), (&json!(6), &json!({"page": 1})));
    for (parts, code) in [
        (vec![("name=\"title\"", "T")], "missing_field"),
        (vec![(file, "x"), ("name=\"plate\"", "1")], "unknown_field"),
        (vec![(file, "x"), (file, "y")], "invalid_value"),
        (vec![(file, "x"), ("name=\"metadata\"", "[1]")], "invalid_value"),
        (vec![(file, "x"), ("name=\"title\"", " ")], "invalid_value"),
        (vec![(file, "x"), ("name=\"id\"", "a b")], "invalid_value"),
    ] {
        let (status, refused) = send_form(&parts).await;
        assert_eq!((status, &refused["code"]), (400, &json!(code)), "{parts:?}: {refused}");
    }
    let (status, refused) = send("multipart/form-data; boundary=b", "--b\r\nbroken").await;
    assert_eq!((status, &refused["code"]), (400, &json!("invalid_form")));
    assert_eq!(send("multipart/form-data", "x").await.1["code"], "invalid_form");
}

#[tokio::test]
async fn what_is_no_document_is_refused_with_its_reason() {
    let good = || json!({"title": "T", "content": "x"});
    for (field, value, code) in [
        ("title", json!(""), "invalid_value"),
        ("title", json!("a\nb"), "invalid_value"),
        ("title", json!("é".repeat(201)), "invalid_value"),
        ("id", json!("a b"), "invalid_value"),
        ("business_id", json!(""), "invalid_value"),
        ("encoding", json!("gzip"), "invalid_value"),
        ("metadata", json!([]), "wrong_type"),
        ("metadata", json!({"a": "x".repeat(9_000)}), "invalid_value"),
        ("metadata", json!({"a": "\0"}), "invalid_value"),
        ("content", json!(5), "wrong_type"),
        ("chunks", json!(5), "unknown_field"),
    ] {
        let mut body = good();
        body[field] = value;
        let (status, refused) = send_json(&body).await;
        assert_eq!((status, &refused["code"]), (400, &json!(code)), "{field}: {refused}");
    }
    let (_, refused) = send_json(&json!({"title": "T", "content": "?", "encoding": "base64"})).await;
    assert_eq!(refused["fields"], json!({"content": ["must be base64, as encoding says"]}));
    let (status, refused) =
        send_json(&json!({"title": "T", "content": "x", "content_type": "image/png"})).await;
    assert_eq!((status, &refused["code"]), (415, &json!("unsupported_media_type")));
    assert_eq!(send("text/markdown", "# x").await.0, 415);
}

#[tokio::test]
async fn a_document_may_be_larger_than_other_bodies_and_no_larger() {
    let whole = |bytes: usize| json!({"title": "T", "content": "x".repeat(bytes)}).to_string();
    let around = whole(0).len();
    let (status, read) = send("application/json", whole(MAX_BODY_BYTES - around)).await;
    assert_eq!((status, &read["bytes"]), (200, &json!(MAX_BODY_BYTES - around)));
    let (status, refused) = send("application/json", whole(MAX_BODY_BYTES - around + 1)).await;
    assert_eq!((status, &refused["code"]), (413, &json!("body_too_large")));
    assert!(refused["error"].as_str().unwrap().contains("10240 KiB"), "{refused}");
    let large = "x".repeat(MAX_BODY_BYTES);
    let (status, refused) = send_form(&[("name=\"file\"; filename=\"a.md\"", &large)]).await;
    assert_eq!((status, &refused["code"]), (413, &json!("body_too_large")));
}

#[test]
fn the_word_for_a_format_is_not_that_of_another() {
    let words = [Format::Markdown, Format::Plain, Format::Html, Format::Pdf].map(Format::as_str);
    assert_eq!(words, ["markdown", "plain", "html", "pdf"]);
}
