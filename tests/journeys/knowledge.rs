//! Documents: brought in any form, they answer callers at once; replaced, deleted, and kept apart by business.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use futures_util::StreamExt;
use serde_json::{Value, json};

use crate::house::{Client, MODEL_KEY, Service, model, soon, with_model};

const RULES: &str = "# The house\n\nWelcome to the terrace.\n\n## Parking\n\nYou can park behind the house, free of \
                     charge.\n\n## Wifi\n\nThe wifi password is mango42.\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_document_is_quoted_in_the_next_answer() {
    let service = Service::start().await;
    let client = &service.client;
    let before = client.say("guest", "What is the wifi password?").await;
    assert!(before["text"].as_str().unwrap().contains("found nothing"), "{before}");

    let (status, brought) =
        client.post("/api/rag", json!({"id": "rules", "title": "The house", "content": RULES})).await;
    assert_eq!((status, &brought), (201, &json!({"id": "rules", "chunks": 3})));
    let reply = client.say("guest", "What is the wifi password?").await;
    assert_eq!(reply["tools"][0]["name"], "query_knowledge_base");
    assert!(reply["text"].as_str().unwrap().contains("The wifi password is mango42"), "{reply}");
    let reply = client.say("guest", "Do you have parking?").await;
    assert!(reply["text"].as_str().unwrap().contains("park behind the house"), "{reply}");

    let replaced = RULES.replace("mango42", "papaya7");
    let (status, _) =
        client.post("/api/rag", json!({"id": "rules", "title": "The house", "content": replaced})).await;
    assert_eq!(status, 200);
    let reply = client.say("guest", "And what is the wifi password today?").await;
    assert!(reply["text"].as_str().unwrap().contains("papaya7"), "{reply}");

    assert_eq!(client.delete("/api/rag/rules").await, (200, json!({"ok": true})));
    assert_eq!(client.delete("/api/rag/rules").await.1["code"], "unknown_document");
    let reply = client.say("guest", "Tell me the wifi password").await;
    assert!(!reply["text"].as_str().unwrap().contains("papaya7"), "{reply}");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_several_kinds_come_in_and_others_are_told_why_not() {
    let service = Service::start().await;
    let client = &service.client;
    let page = "<html><body><script>no()</script><h1>Events</h1><p>Jazz is on Fridays.</p></body></html>";
    let (status, _) = send_file(client, "events.html", page.as_bytes()).await;
    assert_eq!(status, 201);
    let (status, answer) = send_file(client, "menu.pdf", &pdf("Brunch is served until three.")).await;
    assert_eq!(status, 201, "{answer}");
    assert_eq!(found(client, "jazz").await, ["Jazz is on Fridays."]);
    assert_eq!(found(client, "brunch").await, ["Brunch is served until three."]);
    assert!(found(client, "no()").await.is_empty());

    for (name, bytes, status, code) in [
        ("scan.pdf", pdf(""), 422, "unreadable_document"),
        ("broken.pdf", b"%PDF-1.4 garbage".to_vec(), 422, "unreadable_document"),
        ("letter.docx", b"PK".to_vec(), 415, "unsupported_media_type"),
        ("latin.txt", vec![b'a', 0xe9], 422, "unreadable_document"),
        ("empty.md", b"\n".to_vec(), 422, "empty_document"),
    ] {
        let (found, answer) = send_file(client, name, &bytes).await;
        assert_eq!((found, &answer["code"]), (status, &json!(code)), "{name}: {answer}");
    }
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_business_has_its_own_documents_and_those_of_the_house() {
    let service = Service::start().await;
    let client = &service.client;
    let (kigali, valletta) = ("agaseke-kigali", "bastion-valletta");
    let bring = |id: &str, business: Option<&str>, content: &str| {
        let body = json!({"id": id, "business_id": business, "title": "Notes", "content": content});
        let client = client.clone();
        async move { client.post("/api/rag", body).await }
    };
    assert_eq!(bring("k", Some(kigali), "The cellar key is with Aline.").await.0, 201);
    assert_eq!(bring("h", None, "The cellar closes at ten.").await.0, 201);
    assert_eq!(bring("x", Some("nobody"), "x").await.1["code"], "unknown_business");
    for (owner, count) in [(Some(kigali), 2), (Some(valletta), 1), (None, 2)] {
        let body = json!({"business_id": owner, "query": "cellar"});
        let (_, answer) = client.post("/api/rag/query", body).await;
        assert_eq!(answer["results"].as_array().unwrap().len(), count, "{owner:?}: {answer}");
    }
    let (_, listed) = client.get(&format!("/api/rag?business_id={valletta}")).await;
    assert_eq!(listed["documents"].as_array().unwrap().len(), 1);
    for (query, code, field) in [
        ("limit=0", "invalid_value", "limit"),
        ("cursor=a%20b", "invalid_value", "cursor"),
        ("business_id=", "invalid_value", "business_id"),
        ("offset=1", "unknown_field", "offset"),
    ] {
        let (status, refused) = client.get(&format!("/api/rag?{query}")).await;
        assert_eq!((status, &refused["code"]), (400, &json!(code)), "{refused}");
        assert!(refused["fields"][field].is_array(), "{refused}");
    }
    let (_, page) = client.get("/api/rag?limit=1").await;
    assert_eq!((page["documents"][0]["id"].as_str(), page["next_cursor"].as_str()), (Some("h"), Some("h")));
    let (_, page) = client.get("/api/rag?limit=1&cursor=h").await;
    assert_eq!((page["documents"][0]["id"].as_str(), &page["next_cursor"]), (Some("k"), &Value::Null));

    let as_valletta = format!("/api/rag/k?business_id={valletta}");
    assert_eq!(client.get(&as_valletta).await.0, 404);
    assert_eq!(client.delete(&as_valletta).await.0, 404);
    assert_eq!(bring("k", Some(valletta), "Mine now.").await.1["code"], "unknown_document");
    let (_, seen) = client.get(&format!("/api/rag/k?business_id={kigali}")).await;
    assert_eq!(
        (&seen["status"], &seen["chunks"], &seen["progress"]),
        (&json!("ready"), &json!(1), &Value::Null)
    );
    assert_eq!(client.get("/api/rag?plate=1").await.1["code"], "unknown_field");
    assert_eq!(client.get("/api/rag/a%20b").await.1["code"], "unknown_document");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_may_be_anything() {
    let service = Service::start().await;
    let client = &service.client;
    client.post("/api/rag", json!({"title": "The house", "content": RULES})).await;
    for hostile in ["parking\" OR *", "NEAR(", "'; DROP TABLE documents; --", "\0", "-a:b^", "(((", "🦀"] {
        let (status, answer) = client.post("/api/rag/query", json!({"query": hostile})).await;
        assert_eq!(status, 200, "{hostile}: {answer}");
    }
    let (status, _) = client.post("/api/rag/query", json!({"query": "x".repeat(2_001)})).await;
    assert_eq!(status, 400);
    let (status, _) = client.post("/api/rag/query", json!({"query": "x".repeat(1 << 20)})).await;
    assert_eq!(status, 413);
    let reply = client.say("hostile", "Do you have \"parking\" OR (wifi*) -- NEAR?").await;
    assert_eq!(reply["tools"][0]["status"], "ok", "{reply}");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_embeddings_progress_is_told_and_nothing_is_made_twice() {
    let api = StandIn::start().await;
    let service = start_with_embeddings(&api).await;
    let client = &service.client;
    let content: String = (0..80)
        .map(|number| {
            format!("## Room {number}\n\nRoom {number} has a view of the harbour and a bed for two.\n\n")
        })
        .collect();
    let body = json!({"id": "rooms", "title": "Rooms", "content": content});
    let events = stream(client, &body).await;
    assert_eq!(events.last().unwrap(), &json!({"id": "rooms", "chunks": 80}));
    let done: Vec<u64> = events.iter().filter_map(|event| event["done"].as_u64()).collect();
    assert!(done.windows(2).all(|pair| pair[0] <= pair[1]) && done.last() == Some(&80), "{events:?}");
    let made = api.made();
    assert_eq!(made, 80);

    // The same again, and the same under another id: nothing new is asked for.
    assert_eq!(stream(client, &body).await.last().unwrap()["chunks"], 80);
    assert_eq!(client.delete("/api/rag/rooms").await.0, 200);
    assert_eq!(client.post("/api/rag", body).await.0, 201);
    assert_eq!(api.made(), made);

    // While the API refuses the words alone decide, and new documents are not taken.
    api.break_down();
    assert_eq!(found(client, "Room 42 harbour").await.len(), 3);
    let body = json!({"id": "new", "title": "New", "content": "A room in the garden."});
    let (status, refused) = client.post("/api/rag", body).await;
    assert_eq!((status, &refused["code"]), (502, &json!("embeddings_refused")));
    assert_eq!(client.get("/api/rag/new").await.1["status"], "failed");
    service.stop().await;
}

async fn start_with_embeddings(api: &StandIn) -> Service {
    let model = model(ai_realtime::rehearsal::RehearsalOptions::default()).await;
    let mut settings = with_model(&model);
    settings.push(("EMBEDDING_BASE_URL", api.base.clone()));
    Service::start_with(settings).await
}

async fn found(client: &Client, query: &str) -> Vec<String> {
    let (status, answer) = client.post("/api/rag/query", json!({"query": query})).await;
    assert_eq!(status, 200, "{answer}");
    let results = answer["results"].as_array().unwrap();
    results.iter().map(|result| result["content"].as_str().unwrap().to_owned()).collect()
}

/// As `curl -F file=@…` sends it.
async fn send_file(client: &Client, name: &str, bytes: &[u8]) -> (u16, Value) {
    let head = format!("--b\r\ncontent-disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\r\n");
    let body = [head.as_bytes(), bytes, b"\r\n--b--\r\n"].concat();
    let request = client.http.post(format!("{}/api/rag", client.base)).body(body);
    let request = request.header("content-type", "multipart/form-data; boundary=b");
    let response = soon(request.send()).await.unwrap();
    (response.status().as_u16(), serde_json::from_str(&soon(response.text()).await.unwrap()).unwrap())
}

/// The events of an ingest.
async fn stream(client: &Client, body: &Value) -> Vec<Value> {
    let request = client.http.post(format!("{}/api/rag", client.base)).json(body);
    let response = soon(request.header("accept", "text/event-stream").send()).await.unwrap();
    let mut chunks = Box::pin(response.bytes_stream());
    let mut text = String::new();
    while let Some(chunk) = soon(chunks.next()).await {
        text.push_str(std::str::from_utf8(&chunk.unwrap()).unwrap());
    }
    text.lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .map(|data| serde_json::from_str(data).unwrap())
        .collect()
}

/// A PDF of one page.
fn pdf(text: &str) -> Vec<u8> {
    let stream = format!("BT /F1 12 Tf 72 720 Td ({text}) Tj ET");
    let objects = [
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        "<< /Type /Pages /Kids [4 0 R] /Count 1 >>".to_owned(),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>".to_owned(),
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 5 0 R /Resources << /Font << /F1 3 0 R >> >> >>"
            .to_owned(),
        format!("<< /Length {} >>\nstream\n{stream}\nendstream", stream.len()),
    ];
    let mut file = "%PDF-1.4\n".to_owned();
    let mut table = "xref\n0 6\n0000000000 65535 f \n".to_owned();
    for (number, object) in objects.iter().enumerate() {
        table.push_str(&format!("{:010} 00000 n \n", file.len()));
        file.push_str(&format!("{} 0 obj\n{object}\nendobj\n", number + 1));
    }
    let start = file.len();
    format!("{file}{table}trailer\n<< /Size 6 /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n").into_bytes()
}

/// An embeddings' API on loopback: a text points where its words do.
struct StandIn {
    base: String,
    state: Arc<StandInState>,
}

#[derive(Default)]
struct StandInState {
    made: AtomicUsize,
    /// It refuses its first request, to see that it is sent again.
    was_busy: AtomicBool,
    is_broken: AtomicBool,
}

impl StandIn {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}/v1", listener.local_addr().unwrap());
        let state = Arc::new(StandInState::default());
        let router = Router::new().route("/v1/embeddings", post(embed)).with_state(Arc::clone(&state));
        tokio::spawn(async { axum::serve(listener, router).await });
        Self { base, state }
    }

    fn made(&self) -> usize {
        self.state.made.load(Ordering::SeqCst)
    }

    fn break_down(&self) {
        self.state.is_broken.store(true, Ordering::SeqCst);
    }
}

async fn embed(
    State(state): State<Arc<StandInState>>,
    headers: axum::http::HeaderMap,
    Json(request): Json<Value>,
) -> Response {
    assert_eq!(headers["authorization"], format!("Bearer {MODEL_KEY}"));
    assert_eq!((&request["dimensions"], &request["model"]), (&json!(1536), &json!("text-embedding-3-small")));
    if state.is_broken.load(Ordering::SeqCst) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let texts = request["input"].as_array().unwrap();
    if !state.was_busy.swap(true, Ordering::SeqCst) {
        return (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "0")]).into_response();
    }
    state.made.fetch_add(texts.len(), Ordering::SeqCst);
    let data: Vec<Value> = texts
        .iter()
        .enumerate()
        .map(|(index, text)| json!({"index": index, "embedding": bag_of_words(text.as_str().unwrap())}))
        .collect();
    Json(json!({ "data": data })).into_response()
}

fn bag_of_words(text: &str) -> Vec<f32> {
    let mut numbers = vec![0.0; 1536];
    for word in
        text.to_lowercase().split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty())
    {
        let mut hash = DefaultHasher::new();
        word.hash(&mut hash);
        numbers[hash.finish() as usize % 1536] += 1.0;
    }
    numbers
}
