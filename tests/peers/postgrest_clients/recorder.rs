//! Stands before a Supabase project, passes everything on and remembers what was read.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use tokio::net::TcpListener;

/// One read, as it came.
#[derive(Debug, Clone)]
pub(super) struct Read {
    pub(super) uri: Uri,
    pub(super) range: Option<String>,
}

struct Passage {
    upstream: String,
    client: reqwest::Client,
    reads: Mutex<Vec<Read>>,
}

pub(super) struct Recorder {
    url: String,
    passage: Arc<Passage>,
}

impl Recorder {
    pub(super) async fn before(upstream: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let passage = Passage { upstream, client: reqwest::Client::new(), reads: Mutex::default() };
        let passage = Arc::new(passage);
        let router = Router::new().fallback(pass_on).with_state(Arc::clone(&passage));
        tokio::spawn(axum::serve(listener, router).into_future());
        Self { url, passage }
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// What was read since this was asked last.
    pub(super) fn take(&self) -> Vec<Read> {
        std::mem::take(&mut self.passage.reads.lock().unwrap())
    }
}

async fn pass_on(
    State(passage): State<Arc<Passage>>,
    method: Method,
    uri: Uri,
    mut headers: HeaderMap,
    body: Bytes,
) -> Response {
    if method == Method::GET {
        let range = headers.get(header::RANGE).map(|range| range.to_str().unwrap().to_owned());
        passage.reads.lock().unwrap().push(Read { uri: uri.clone(), range });
    }
    for name in [header::HOST, header::CONNECTION, header::ACCEPT_ENCODING, header::CONTENT_LENGTH] {
        headers.remove(name);
    }
    let url = format!("{}{uri}", passage.upstream);
    let request = passage.client.request(method, url).headers(headers).body(body);
    let answer = request.send().await.unwrap();
    let status = StatusCode::from_u16(answer.status().as_u16()).unwrap();
    let kind = answer.headers().get(header::CONTENT_TYPE).cloned();
    let kind = kind.into_iter().map(|kind| (header::CONTENT_TYPE, kind));
    let kind: HeaderMap = kind.collect();
    (status, kind, answer.bytes().await.unwrap()).into_response()
}
