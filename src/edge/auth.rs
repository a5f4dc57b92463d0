//! Who may use the API: whoever shows one of its keys, or anyone when it has none.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::error::ApiError;
use super::gate::{Gate, Guest};

const ASK: HeaderValue = HeaderValue::from_static("Bearer realm=\"ai-realtime\"");
const ASK_AGAIN: HeaderValue =
    HeaderValue::from_static("Bearer realm=\"ai-realtime\", error=\"invalid_token\"");

/// What stands before a key that is shown as a subprotocol, as OpenAI's clients write it.
const KEY_SUBPROTOCOL: &str = "openai-insecure-api-key.";

/// Lets a request pass that shows a key, or every one when there are no keys.
pub(super) async fn require_key(State(gate): State<Arc<Gate>>, request: Request, next: Next) -> Response {
    let shown = bearer(request.headers());
    let (guest, has_shown) = (gate.admit(shown), shown.is_some());
    admit(guest, has_shown, request, next).await
}

/// The same for a WebSocket, which may show its key as a subprotocol, since a browser's can send no header; and for
/// which a client secret is good, too.
pub(super) async fn require_key_of_socket(
    State(gate): State<Arc<Gate>>,
    request: Request,
    next: Next,
) -> Response {
    let shown = bearer(request.headers()).or_else(|| offered(request.headers()));
    let (guest, has_shown) = (gate.admit_socket(shown), shown.is_some());
    admit(guest, has_shown, request, next).await
}

/// Whoever is behind a door finds its guest among the request's extensions.
async fn admit(guest: Option<Guest>, has_shown: bool, mut request: Request, next: Next) -> Response {
    let Some(guest) = guest else {
        return with_challenge(no_key(), has_shown);
    };
    request.extensions_mut().insert(guest);
    next.run(request).await
}

/// An answer to who is not let in; one who showed no key, or a wrong one, is asked for one.
pub(super) fn with_challenge(refused: ApiError, has_shown: bool) -> Response {
    let mut response = refused.into_response();
    if response.status() == StatusCode::UNAUTHORIZED {
        let ask = if has_shown { ASK_AGAIN } else { ASK };
        response.headers_mut().insert(header::WWW_AUTHENTICATE, ask);
    }
    response
}

/// What is wrong with a request that shows no key, or a wrong one.
pub(super) fn no_key() -> ApiError {
    let sentence = "this route needs a key: send the header `Authorization: Bearer <key>` with one of \
                    AI_REALTIME_API_KEYS";
    ApiError::new(StatusCode::UNAUTHORIZED, "unauthorized", sentence)
}

/// The key among the subprotocols that are offered.
pub(super) fn offered(headers: &HeaderMap) -> Option<&str> {
    offers(headers).find_map(|offer| offer.strip_prefix(KEY_SUBPROTOCOL))
}

/// The subprotocols that are offered.
pub(super) fn offers(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let lists = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter();
    lists.filter_map(|list| list.to_str().ok()).flat_map(|list| list.split(',')).map(str::trim)
}

/// The key in the header.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, key) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    use axum::Router;
    use axum::body::Body;
    use axum::middleware::from_fn_with_state;
    use axum::routing::get;
    use tower::ServiceExt;

    use crate::config::Config;
    use crate::secret::ApiKeys;

    const KEY: &str = "0123456789abcdef-key";

    fn gate(keys: ApiKeys) -> Gate {
        Gate::new(keys, &Config::load(|_| None).unwrap().realtime)
    }

    async fn answer(keys: &str, authorization: Option<&str>) -> (u16, Option<String>) {
        let keys = if keys.is_empty() { ApiKeys::default() } else { ApiKeys::parse(keys).unwrap() };
        let router = Router::new()
            .route("/", get(|| async { "in" }))
            .route_layer(from_fn_with_state(Arc::new(gate(keys)), require_key));
        let mut request = axum::http::Request::get("/");
        if let Some(value) = authorization {
            request = request.header("authorization", value);
        }
        let response = router.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let ask = response.headers().get("www-authenticate").map(|value| value.to_str().unwrap().to_owned());
        (response.status().as_u16(), ask)
    }

    #[tokio::test]
    async fn a_key_opens_and_nothing_else_does() {
        let keys = format!("another-key-0123456789,{KEY}");
        for good in [format!("Bearer {KEY}"), format!("bearer {KEY}"), "Bearer another-key-0123456789".into()]
        {
            assert_eq!(answer(&keys, Some(&good)).await, (200, None), "{good}");
        }
        assert_eq!(answer(&keys, None).await, (401, Some("Bearer realm=\"ai-realtime\"".into())));
        for bad in [KEY.to_owned(), format!("Basic {KEY}"), "Bearer".into(), format!("Bearer{KEY}")] {
            assert_eq!(answer(&keys, Some(&bad)).await.0, 401, "{bad}");
        }
        for wrong in [format!("Bearer {KEY}x"), "Bearer ".into(), format!("Bearer {KEY} {KEY}")] {
            let (status, ask) = answer(&keys, Some(&wrong)).await;
            assert_eq!(status, 401, "{wrong}");
            assert!(ask.unwrap().contains("invalid_token"));
        }
    }

    #[tokio::test]
    async fn without_keys_everyone_is_let_in() {
        assert_eq!(answer("", None).await.0, 200);
        assert_eq!(answer("", Some("Bearer whatever")).await.0, 200);
    }
}
