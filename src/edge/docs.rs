//! What the API says of itself: `/openapi.json` for programs, `/docs` to read and try.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderName, header};
use axum::response::{Html, IntoResponse};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::{Modify, OpenApi};

use super::Edge;

/// The page holds its own script and style and asks nobody but this service.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; \
                           connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What the description says besides routes.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "ai-realtime",
        description = "Voice and text calls between a business's callers and a realtime model. Fields and events are \
                       added, never renamed or removed. Every answer carries `x-request-id`. A key is needed only \
                       when the service was started with `AI_REALTIME_API_KEYS`."
    ),
    tags(
        (name = "Conversation", description = "Speak to a call, and choose who answers"),
        (name = "Calls", description = "Look at calls, follow, place, transfer and end them"),
        (name = "Browser", description = "Speak from a browser"),
        (name = "Realtime", description = "Speak by OpenAI's own clients"),
        (name = "Businesses", description = "Whose calls are taken, and how they are answered"),
        (name = "Records", description = "Look calls up: the log, transcripts, what they cost"),
        (name = "Knowledge", description = "What callers are answered from"),
        (name = "Phone", description = "What Twilio asks, behind its signature"),
        (name = "Service", description = "How the service is"),
    ),
    modifiers(&Keys),
    security((), ("key" = [])),
)]
pub(super) struct Description;

struct Keys;

impl Modify for Keys {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        openapi.components.get_or_insert_with(Default::default).add_security_scheme("key", scheme);
    }
}

/// Read this description
#[utoipa::path(
    get, path = "/openapi.json", tag = "Service", operation_id = "openapi", security(()),
    responses((status = 200, description = "OpenAPI 3.1", content_type = "application/json")),
)]
pub(super) async fn openapi(State(edge): State<Arc<Edge>>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], edge.description.clone())
}

/// Read and try the API in a browser
#[utoipa::path(
    get, path = "/docs", tag = "Service", operation_id = "docs", security(()),
    responses((status = 200, description = "A page", content_type = "text/html")),
)]
pub(super) async fn page() -> impl IntoResponse {
    const POLICY: HeaderName = header::CONTENT_SECURITY_POLICY;
    ([(POLICY, PAGE_POLICY)], Html(include_str!("docs.html")))
}

#[cfg(test)]
mod tests {

    #[test]
    fn the_page_needs_nothing_from_elsewhere_and_writes_no_html_from_data() {
        let page = include_str!("docs.html");
        for outside in
            ["http://", "https://", "src=", "@import", "innerHTML", "insertAdjacent", "document.write"]
        {
            assert!(!page.contains(outside), "{outside}");
        }
    }

    /// `UPDATE_OPENAPI=1 cargo test --lib committed_description` writes the file anew.
    #[test]
    fn the_committed_description_is_the_one_that_is_served() {
        let served = super::super::describe().to_pretty_json().unwrap() + "\n";
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/openapi.json");
        if std::env::var_os("UPDATE_OPENAPI").is_some() {
            std::fs::write(path, &served).unwrap();
        }
        let committed = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            committed == served,
            "the API changed: see the comment of this test to write docs/openapi.json anew"
        );
    }
}
