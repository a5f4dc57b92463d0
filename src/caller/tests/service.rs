//! A service of a few lines: it answers webhooks with scripted TwiML, and hands its streams to the test.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::State;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::super::{Caller, CallerBuilder, sign};

pub(super) const TOKEN: &str = "0123456789abcdef";
pub(super) const SOON: Duration = Duration::from_secs(10);

/// A webhook as it came in.
#[derive(Debug)]
pub(super) struct Post {
    pub(super) path: String,
    pub(super) form: HashMap<String, String>,
    pub(super) is_signed: bool,
}

pub(super) struct Service {
    pub(super) base: String,
    shared: Arc<Shared>,
    posts: mpsc::Receiver<Post>,
    streams: mpsc::Receiver<Peer>,
}

struct Shared {
    base: String,
    answers: Mutex<HashMap<String, (u16, String)>>,
    posts: mpsc::Sender<Post>,
    streams: mpsc::Sender<Peer>,
}

impl Service {
    pub(super) async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let (posts, posted) = mpsc::channel(1_000);
        let (streams, streaming) = mpsc::channel(10);
        let shared = Arc::new(Shared { base: base.clone(), answers: Mutex::default(), posts, streams });
        let router = axum::Router::new()
            .route("/stream", get(stream))
            .fallback(any(webhook))
            .with_state(Arc::clone(&shared));
        tokio::spawn(async move { axum::serve(listener, router).await });
        let service = Self { base, shared, posts: posted, streams: streaming };
        service.answer("/voice", &service.connect(""));
        service
    }

    /// TwiML that opens a stream; `after` is what follows it.
    pub(super) fn connect(&self, after: &str) -> String {
        format!(
            "<Response><Connect>{}</Connect>{after}</Response>",
            self.stream("<Parameter name=\"call_token\" value=\"t1\"/>")
        )
    }

    pub(super) fn stream(&self, inside: &str) -> String {
        let url = self.base.replace("http", "ws");
        format!(
            "<Stream url=\"{url}/stream\" name=\"ai\" statusCallback=\"/stream-status\">{inside}</Stream>"
        )
    }

    /// What a path answers from now on. A path nobody scripted answers 204.
    pub(super) fn answer(&self, path: &str, twiml: &str) {
        self.answer_with(path, 200, twiml);
    }

    pub(super) fn answer_with(&self, path: &str, status: u16, body: &str) {
        self.shared.answers.lock().unwrap().insert(path.to_owned(), (status, body.to_owned()));
    }

    pub(super) fn caller(&self) -> CallerBuilder {
        Caller::builder(&format!("{}/voice", self.base)).token(TOKEN.into()).pace(4.0)
    }

    /// The next post to `path`; others are passed over.
    pub(super) async fn post_to(&mut self, path: &str) -> Post {
        let wait = async {
            loop {
                let post = self.posts.recv().await.unwrap();
                if post.path == path {
                    return post;
                }
            }
        };
        tokio::time::timeout(SOON, wait).await.unwrap_or_else(|_| panic!("no post to {path}"))
    }

    pub(super) async fn stream_opened(&mut self) -> Peer {
        tokio::time::timeout(SOON, self.streams.recv()).await.expect("no stream").unwrap()
    }
}

async fn webhook(State(shared): State<Arc<Shared>>, uri: Uri, headers: HeaderMap, body: String) -> Response {
    let form: Vec<(String, String)> = url::form_urlencoded::parse(body.as_bytes()).into_owned().collect();
    let signature = sign(TOKEN, &format!("{}{uri}", shared.base), &form);
    let is_signed = headers.get("x-twilio-signature").is_some_and(|shown| shown == signature.as_str());
    let path = uri.path().to_owned();
    let answer = shared.answers.lock().unwrap().get(&path).cloned();
    shared.posts.send(Post { path, form: form.into_iter().collect(), is_signed }).await.unwrap();
    match answer {
        None => StatusCode::NO_CONTENT.into_response(),
        Some((status, body)) => {
            (StatusCode::from_u16(status).unwrap(), [("content-type", "text/xml")], body).into_response()
        }
    }
}

async fn stream(
    State(shared): State<Arc<Shared>>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    let url = format!("{}/stream", shared.base.replace("http", "ws"));
    if headers.get("x-twilio-signature").is_none_or(|shown| shown != sign(TOKEN, &url, &[]).as_str()) {
        return (StatusCode::FORBIDDEN, "not signed").into_response();
    }
    upgrade.on_upgrade(move |socket| async move {
        shared.streams.send(Peer { socket, stream_sid: String::new() }).await.unwrap();
    })
}

/// The service's end of a stream.
pub(super) struct Peer {
    socket: WebSocket,
    pub(super) stream_sid: String,
}

impl Peer {
    /// The next message; `None` when the socket has ended without a word, or with one.
    pub(super) async fn next(&mut self) -> Option<Value> {
        loop {
            let message = tokio::time::timeout(SOON, self.socket.recv()).await.expect("no message");
            match message {
                Some(Ok(Message::Text(text))) => return Some(serde_json::from_str(&text).unwrap()),
                Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
                Some(Ok(_)) => {}
            }
        }
    }

    /// The next message of that event.
    pub(super) async fn next_of(&mut self, event: &str) -> Value {
        loop {
            let message = self.next().await.unwrap_or_else(|| panic!("the stream ended before {event}"));
            if message["event"] == event {
                return message;
            }
        }
    }

    /// Reads `connected` and `start`, and knows the stream's id from then on.
    pub(super) async fn started(&mut self) -> Value {
        assert_eq!(self.next().await.unwrap()["event"], "connected");
        let start = self.next().await.unwrap();
        assert_eq!(start["event"], "start");
        self.stream_sid = start["streamSid"].as_str().unwrap().to_owned();
        start
    }

    pub(super) async fn send_raw(&mut self, message: Message) {
        self.socket.send(message).await.unwrap();
    }

    async fn send(&mut self, message: Value) {
        self.send_raw(Message::text(message.to_string())).await;
    }

    pub(super) async fn media(&mut self, mulaw: &[u8]) {
        let payload = base64_simd::STANDARD.encode_to_string(mulaw);
        self.send(json!({"event": "media", "streamSid": self.stream_sid, "media": {"payload": payload}}))
            .await;
    }

    pub(super) async fn say(&mut self, text: &str) {
        self.media(&super::super::ulaw::encode(&super::super::speech::speak(text))).await;
    }

    pub(super) async fn mark(&mut self, name: &str) {
        self.send(json!({"event": "mark", "streamSid": self.stream_sid, "mark": {"name": name}})).await;
    }

    pub(super) async fn clear(&mut self) {
        self.send(json!({"event": "clear", "streamSid": self.stream_sid})).await;
    }

    /// Hears the caller until he has been silent for 300 ms, and understands him.
    pub(super) async fn hear(&mut self) -> String {
        let (mut samples, mut quiet) = (Vec::new(), 0);
        while quiet < 15 || samples.is_empty() {
            let media = self.next_of("media").await;
            let payload = media["media"]["payload"].as_str().unwrap();
            let audio = base64_simd::STANDARD.decode_to_vec(payload).unwrap();
            assert_eq!(audio.len(), 160);
            if audio.iter().any(|byte| super::super::ulaw::is_audible(*byte)) {
                quiet = 0;
            } else {
                quiet += 1;
            }
            if quiet == 0 || !samples.is_empty() {
                samples.extend(super::super::ulaw::decode(&audio));
            }
        }
        super::super::speech::understand(&samples).trim().to_owned()
    }
}
