//! Whether a request comes from Twilio: by its signature over the public URL, never by `Host` or a key of ours.

use std::sync::Arc;
use std::time::Duration;

use axum::body::to_bytes;
use axum::extract::{FromRequest, Request};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use utoipa::IntoResponses;

use super::super::Edge;
use super::super::error::{ApiError, ErrorBody};
use super::Phone;
use crate::config::{WebhookTrust, is_loopback_host};
use crate::protocol::twilio::signature::{
    Proof, SETTINGS_HEADER, SIGNATURE_HEADER, SignatureError, candidates,
};
use crate::protocol::twilio::webhook::{Form, FormError, MAX_BODY_BYTES};

/// How long a form may take to come; Twilio waits for its answer for 15 s.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// A form that Twilio posted.
#[derive(Debug)]
pub(in crate::edge) struct SignedForm(pub(super) Form);

impl FromRequest<Arc<Edge>> for SignedForm {
    type Rejection = ApiError;

    async fn from_request(request: Request, edge: &Arc<Edge>) -> Result<Self, ApiError> {
        let phone = &edge.state.phone;
        require_trust(phone)?;
        refuse_detours(phone, request.uri(), request.headers())?;
        let (parts, body) = request.into_parts();
        let body = tokio::time::timeout(BODY_TIMEOUT, to_bytes(body, MAX_BODY_BYTES)).await;
        let body = body.map_err(|_elapsed| too_slow())?.map_err(|_| too_large())?;
        let form = Form::parse(&body).map_err(|error| unusable(&error))?;
        let asked = path_and_query(&parts.uri);
        let mut urls = candidates(&phone.script.url(&asked));
        if let Some(base) = &phone.written_base {
            urls.extend(candidates(&format!("{base}{asked}")));
        }
        believe(phone, &urls, form.pairs(), &parts.headers)?;
        Ok(Self(form))
    }
}

/// Whether the upgrade to a stream comes from Twilio.
///
/// # Errors
/// 403, or 503 when there is nothing to check it with.
pub(super) fn believe_upgrade(phone: &Phone, uri: &Uri, headers: &HeaderMap) -> Result<(), ApiError> {
    require_trust(phone)?;
    refuse_detours(phone, uri, headers)?;
    believe(phone, &candidates(&phone.script.as_socket(&path_and_query(uri))), &[], headers)
}

fn require_trust(phone: &Phone) -> Result<(), ApiError> {
    match phone.trust {
        WebhookTrust::Signed | WebhookTrust::Unsigned => Ok(()),
        WebhookTrust::NotConfigured => Err(ApiError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "twilio_not_configured",
            "the phone is off: set TWILIO_AUTH_TOKEN to the auth token of the Twilio account, or for trials on one \
             machine TWILIO_ALLOW_UNSIGNED=true, and start again",
        )),
    }
}

/// Without signatures only this machine is believed: not what was passed on, and no page of a browser.
fn refuse_detours(phone: &Phone, uri: &Uri, headers: &HeaderMap) -> Result<(), ApiError> {
    if phone.trust != WebhookTrust::Unsigned {
        return Ok(());
    }
    let passed_on = |name: &HeaderName| {
        let name = name.as_str();
        matches!(name, "forwarded" | "origin") || name.starts_with("x-forwarded-")
    };
    let hosts = headers.get_all(header::HOST).iter().map(|host| host.to_str().unwrap_or_default());
    let mut hosts = hosts.chain(uri.authority().map(Authority::as_str));
    if !headers.keys().any(passed_on) && hosts.all(is_loopback_host) {
        return Ok(());
    }
    metrics::counter!("ai_realtime_twilio_signatures_refused_total", "reason" => "detour").increment(1);
    tracing::warn!(
        "a request was refused: it came through a proxy, a tunnel or a browser, and without a TWILIO_AUTH_TOKEN only \
         programs on this machine are believed"
    );
    Err(forbidden())
}

fn believe(
    phone: &Phone,
    urls: &[String],
    pairs: &[(String, String)],
    headers: &HeaderMap,
) -> Result<(), ApiError> {
    if phone.trust == WebhookTrust::Unsigned {
        return Ok(());
    }
    let values = |name: &str| headers.get_all(name).iter().map(HeaderValue::as_bytes).collect::<Vec<_>>();
    let proof = Proof::read(values(SIGNATURE_HEADER), values(SETTINGS_HEADER));
    let believed = proof.and_then(|proof| phone.verifier.verify_form(urls, pairs, &proof));
    believed.map_err(|error| refused(error, urls.first().map_or("", String::as_str)))
}

/// The answer tells nothing; the log tells the URL that should have been signed, which nearly always is the mistake.
fn refused(error: SignatureError, url: &str) -> ApiError {
    metrics::counter!("ai_realtime_twilio_signatures_refused_total", "reason" => error.as_str()).increment(1);
    // A query may hold anything.
    let url = url.split('?').next().unwrap_or_default();
    tracing::warn!(
        error = %error,
        url,
        "a request that says it is Twilio's was refused: the URL must be what Twilio was told, so check PUBLIC_URL \
         and TWILIO_AUTH_TOKEN"
    );
    forbidden()
}

fn forbidden() -> ApiError {
    ApiError::new(StatusCode::FORBIDDEN, "forbidden", "this request is refused")
}

fn path_and_query(uri: &Uri) -> String {
    uri.path_and_query().map_or_else(|| uri.path().to_owned(), ToString::to_string)
}

/// A form that lacks what it must hold.
pub(super) fn unusable(error: &FormError) -> ApiError {
    match error {
        FormError::TooLong(_) => too_large(),
        FormError::TooMany | FormError::Missing(_) | FormError::Invalid(_) => {
            ApiError::new(StatusCode::BAD_REQUEST, "invalid_form", format!("{error}: post it as Twilio does"))
        }
    }
}

fn too_large() -> ApiError {
    let sentence = format!("the body is too large or broke off: send at most {} KiB", MAX_BODY_BYTES / 1024);
    ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", sentence)
}

fn too_slow() -> ApiError {
    let sentence = "the body did not come in time: send it at once";
    ApiError::new(StatusCode::REQUEST_TIMEOUT, "body_timeout", sentence)
}

/// The refusals every route of Twilio's shares.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "only describes answers")]
pub(in crate::edge) enum WebhookRefusals {
    /// `invalid_form`: the form lacks what Twilio always sends.
    #[response(status = 400)]
    Invalid(ErrorBody),
    /// `forbidden`: the signature is missing or wrong; without signatures, the request is not of this machine.
    #[response(status = 403)]
    Forbidden(ErrorBody),
    /// `body_timeout`: the form did not come within 10 seconds.
    #[response(status = 408)]
    Slow(ErrorBody),
    /// `body_too_large`: over 64 KiB.
    #[response(status = 413)]
    TooLarge(ErrorBody),
    /// `twilio_not_configured`: there is no TWILIO_AUTH_TOKEN.
    #[response(status = 503)]
    NotConfigured(ErrorBody),
}
