//! What is done for every request, whatever its route: it gets an id, one log line and its figures.

use std::time::Duration;

use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::Response;
use tokio::time::Instant;
use tracing::Instrument;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The longest id taken over from a client, in characters.
const MAX_ID_CHARS: usize = 128;

/// Runs a request under its id. Its log lines carry the id, its answer shows it.
pub(super) async fn attend(request: Request, next: Next) -> Response {
    let id = request_id(request.headers());
    let method = method_label(request.method());
    // The pattern, not the path: ids in a path would make figures without end.
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map_or("unmatched", MatchedPath::as_str).to_owned();
    // At error level, so that lines have the id whatever level the log is set to.
    let span = tracing::error_span!("http", request_id = id, method, route);

    let began = Instant::now();
    let mut response = next.run(request).instrument(span.clone()).await;
    note(&span, method, route, response.status().as_u16(), began.elapsed());

    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert(REQUEST_ID, id);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// One line and the figures of a request; for a stream, at its beginning.
fn note(span: &tracing::Span, method: &'static str, route: String, status: u16, took: Duration) {
    let duration_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    span.in_scope(|| tracing::info!(status, duration_ms, "request answered"));
    metrics::counter!(
        "http_requests_total",
        "method" => method, "route" => route.clone(), "status" => status.to_string()
    )
    .increment(1);
    metrics::histogram!("http_request_duration_seconds", "method" => method, "route" => route).record(took);
}

/// The client's id when it is a sane one, else a new one that sorts by time.
fn request_id(headers: &HeaderMap) -> String {
    let sane = |id: &&str| {
        (1..=MAX_ID_CHARS).contains(&id.len())
            && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
    };
    match headers.get(REQUEST_ID).and_then(|value| value.to_str().ok()).filter(sane) {
        Some(id) => id.to_owned(),
        None => uuid::Uuid::now_v7().simple().to_string(),
    }
}

/// A client may invent methods; figures know the common ones.
fn method_label(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "HEAD" => "HEAD",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id_for(sent: &str) -> String {
        let mut headers = HeaderMap::new();
        headers.insert(REQUEST_ID, HeaderValue::from_bytes(sent.as_bytes()).unwrap());
        request_id(&headers)
    }

    #[test]
    fn a_sane_id_is_kept_and_any_other_replaced() {
        for sane in ["a", "req-1_2.3", &"x".repeat(128)] {
            assert_eq!(id_for(sane), sane);
        }
        for bad in ["", "a b", "a\"b", "é", "a/b", &"x".repeat(129)] {
            let id = id_for(bad);
            assert!(id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{bad}: {id}");
        }
        assert_ne!(request_id(&HeaderMap::new()), request_id(&HeaderMap::new()));
    }
}
