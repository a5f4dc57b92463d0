//! The requests Twilio makes: signed, bounded, and answered within fifteen seconds.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use secrecy::{ExposeSecret, SecretString};
use tokio::time::Instant;
use url::{Url, form_urlencoded};

use super::signature::sign;
use super::twiml::{MAX_DOCUMENT, Method, TwimlError};

/// Twilio's own limit for an answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(15);
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// Longest part of a foreign answer that an error repeats.
const MAX_TOLD: usize = 500;

/// Parameters of a request, in the order they are sent.
pub type Params = Vec<(String, String)>;

/// Why a call could not be placed, or a request of Twilio's was in vain.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// Nobody listens there.
    #[error("cannot reach {url}: is the service running? Start it with `make run`")]
    Unreachable {
        /// What was asked.
        url: String,
        /// What the network said.
        #[source]
        source: reqwest::Error,
    },
    /// Twilio gives up after fifteen seconds.
    #[error("{url} did not answer within 15 s")]
    Late {
        /// What was asked.
        url: String,
    },
    /// The signature was refused.
    #[error(
        "the service refused the signature (403): --token or TWILIO_AUTH_TOKEN must be the service's own, and {url} must begin with its PUBLIC_URL"
    )]
    Signature {
        /// What was signed.
        url: String,
    },
    /// The request had no signature, and the service wants one.
    #[error("the service refused an unsigned request (403): give its TWILIO_AUTH_TOKEN, or --token")]
    Unsigned,
    /// The service is there and cannot take the call.
    #[error("the service answered {status}: {told}")]
    Status {
        /// The status.
        status: u16,
        /// The service's own words.
        told: String,
    },
    /// The answer is no TwiML that can be followed.
    #[error("the service's TwiML cannot be followed: {0}")]
    Twiml(#[from] TwimlError),
    /// A URL that cannot be asked.
    #[error("`{0}` is no http:// or https:// URL")]
    Url(String),
    /// No HTTP client, most likely for want of certificates.
    #[error("cannot set up HTTP")]
    Http(#[source] reqwest::Error),
}

/// An answer to a request of Twilio's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body; at most 64 KiB of it.
    pub body: String,
    /// How long it took.
    pub took_ms: u64,
}

/// Makes Twilio's requests.
#[derive(Debug, Clone)]
pub struct Webhooks {
    http: reqwest::Client,
    token: Option<Arc<SecretString>>,
    detour: Option<Arc<Detour>>,
}

/// A service is known to Twilio by one address, and reached by another.
#[derive(Debug)]
struct Detour {
    /// `https` or `http`, and host with port, as Twilio writes them.
    public: (bool, String),
    /// The same, as they are reached.
    actual: (bool, String),
}

impl Webhooks {
    /// Requests are signed with `token`; without one they bear no signature.
    ///
    /// # Errors
    /// [`CallError::Http`].
    pub fn new(token: Option<SecretString>) -> Result<Self, CallError> {
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls().as_ref().clone())
            .timeout(ANSWER_LIMIT)
            .connect_timeout(CONNECT_LIMIT)
            .redirect(reqwest::redirect::Policy::none())
            .pool_max_idle_per_host(0)
            .no_proxy()
            .build()
            .map_err(CallError::Http)?;
        Ok(Self { http, token: token.map(Arc::new), detour: None })
    }

    /// Signs for `public` (the service's `PUBLIC_URL`) what goes to the host of `actual`.
    pub(super) fn with_detour(mut self, public: &str, actual: &str) -> Result<Self, CallError> {
        let place =
            |url: &str| split(url).map(|(place, _)| place).ok_or_else(|| CallError::Url(url.to_owned()));
        let (public, actual) = (place(public)?, place(actual)?);
        self.detour = Some(Arc::new(Detour { public, actual }));
        Ok(self)
    }

    /// The address Twilio would know this one by.
    pub(super) fn public(&self, url: &str) -> String {
        self.translated(url, |detour| (&detour.actual, &detour.public))
    }

    /// Where to go for this address.
    pub(super) fn reach(&self, url: &str) -> String {
        self.translated(url, |detour| (&detour.public, &detour.actual))
    }

    fn translated<'a>(
        &'a self,
        url: &str,
        ways: impl Fn(&'a Detour) -> (&'a (bool, String), &'a (bool, String)),
    ) -> String {
        let Some((from, to)) = self.detour.as_deref().map(ways) else { return url.to_owned() };
        match split(url) {
            Some((place, rest)) if place == *from => {
                let scheme = match (url.starts_with("ws"), to.0) {
                    (true, true) => "wss",
                    (true, false) => "ws",
                    (false, true) => "https",
                    (false, false) => "http",
                };
                format!("{scheme}://{}{rest}", to.1)
            }
            _ => url.to_owned(),
        }
    }

    /// The signature of a request, if there is a token.
    pub fn signature(&self, url: &str, params: &[(String, String)]) -> Option<String> {
        self.token.as_ref().map(|token| sign(token.expose_secret(), url, params))
    }

    /// Posts a form, signed.
    ///
    /// # Errors
    /// [`CallError`] when there is no answer; an answer of any status is no error.
    pub async fn post(&self, url: &str, params: &[(String, String)]) -> Result<Answer, CallError> {
        self.ask(url, Method::Post, params).await
    }

    /// Makes a request, signed. A `GET` carries the parameters in its query.
    ///
    /// # Errors
    /// As [`Webhooks::post`].
    pub async fn ask(
        &self,
        url: &str,
        method: Method,
        params: &[(String, String)],
    ) -> Result<Answer, CallError> {
        let began = Instant::now();
        let url = url.split('#').next().unwrap_or_default();
        let (url, signature) = match method {
            Method::Post => (url.to_owned(), self.signature(url, params)),
            Method::Get => {
                let joint = if url.contains('?') { '&' } else { '?' };
                let url = format!("{url}{joint}{}", form(params));
                let signature = self.signature(&url, &[]);
                (url, signature)
            }
        };
        let reached = self.reach(&url);
        let address = Url::parse(&reached)
            .ok()
            .filter(|address| matches!(address.scheme(), "http" | "https"))
            .ok_or_else(|| CallError::Url(url.clone()))?;
        let mut request = match method {
            Method::Get => self.http.get(address),
            Method::Post => self
                .http
                .post(address)
                .header(CONTENT_TYPE, "application/x-www-form-urlencoded; charset=UTF-8")
                .body(form(params)),
        };
        request = request.header("user-agent", "TwilioProxy/1.1 (simulated)");
        if let Some(signature) = signature {
            request = request.header("x-twilio-signature", signature);
        }
        let failed = |source: reqwest::Error| {
            if source.is_timeout() && !source.is_connect() {
                CallError::Late { url: url.clone() }
            } else {
                CallError::Unreachable { url: url.clone(), source }
            }
        };
        let mut response = request.send().await.map_err(failed)?;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            body.extend_from_slice(&chunk);
            if body.len() > MAX_DOCUMENT {
                body.truncate(MAX_DOCUMENT + 1);
                break;
            }
        }
        Ok(Answer {
            status: response.status().as_u16(),
            body: String::from_utf8_lossy(&body).into_owned(),
            took_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        })
    }

    /// What an answer to a request for TwiML means when it is not 2xx.
    pub(super) fn refusal(&self, url: &str, answer: &Answer) -> Option<CallError> {
        match answer.status {
            200..=299 => None,
            403 if self.token.is_some() => Some(CallError::Signature { url: url.to_owned() }),
            403 => Some(CallError::Unsigned),
            status => Some(CallError::Status { status, told: told(&answer.body) }),
        }
    }
}

/// The service's own words: the `error` of its JSON, or the body as it is.
fn told(body: &str) -> String {
    let json: Option<serde_json::Value> = serde_json::from_str(body).ok();
    let error = json.as_ref().and_then(|json| json["error"].as_str()).unwrap_or(body.trim());
    error.chars().take(MAX_TOLD).collect()
}

fn form(params: &[(String, String)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(params).finish()
}

/// Whether a URL is a secure one, its host with the port as written, and what follows.
fn split(url: &str) -> Option<((bool, String), &str)> {
    let (scheme, rest) = url.split_once("://")?;
    let is_secure = match scheme {
        "https" | "wss" => true,
        "http" | "ws" => false,
        _ => return None,
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    Some(((is_secure, rest[..end].to_owned()), &rest[end..]))
}

/// Read once: the system's certificates do not change under a call.
pub(super) fn tls() -> Arc<rustls::ClientConfig> {
    static TLS: OnceLock<Arc<rustls::ClientConfig>> = OnceLock::new();
    Arc::clone(TLS.get_or_init(|| {
        let mut roots = rustls::RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let versions = [&rustls::version::TLS13, &rustls::version::TLS12];
        let builder = rustls::ClientConfig::builder_with_provider(provider);
        #[expect(clippy::expect_used, reason = "ring speaks both versions")]
        let builder = builder.with_protocol_versions(&versions).expect("ring speaks TLS 1.2 and 1.3");
        Arc::new(builder.with_root_certificates(roots).with_no_client_auth())
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_address_leads_to_the_machine_at_hand_and_back() {
        let webhooks = Webhooks::new(None).unwrap();
        let webhooks = webhooks
            .with_detour("https://voice.example.com", "http://127.0.0.1:7070/api/twilio/voice")
            .unwrap();
        for (public, actual) in [
            ("https://voice.example.com/a?b=c", "http://127.0.0.1:7070/a?b=c"),
            ("wss://voice.example.com/stream", "ws://127.0.0.1:7070/stream"),
        ] {
            assert_eq!(webhooks.reach(public), actual);
            assert_eq!(webhooks.public(actual), public);
        }
        let elsewhere = "https://voice.example.com:8443/a";
        assert_eq!(webhooks.reach(elsewhere), elsewhere);
    }

    #[test]
    fn the_services_own_words_are_repeated() {
        let webhooks = Webhooks::new(None).unwrap();
        let answer = |status, body: &str| Answer { status, body: body.to_owned(), took_ms: 1 };
        let said =
            |status, body| webhooks.refusal("http://a/b", &answer(status, body)).map(|e| e.to_string());
        assert_eq!(said(200, ""), None);
        assert_eq!(
            said(503, r#"{"error":"set TWILIO_AUTH_TOKEN","code":"no_token"}"#).unwrap(),
            "the service answered 503: set TWILIO_AUTH_TOKEN"
        );
        assert_eq!(said(500, "oh\n").unwrap(), "the service answered 500: oh");
        assert!(said(403, "").unwrap().contains("unsigned"));
        let signed = Webhooks::new(Some("token".into())).unwrap();
        let error = signed.refusal("http://a/b", &answer(403, "")).unwrap().to_string();
        assert!(error.contains("TWILIO_AUTH_TOKEN") && error.contains("http://a/b"), "{error}");
    }

    #[tokio::test]
    async fn a_service_that_is_not_there_is_asked_after() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/voice", listener.local_addr().unwrap());
        drop(listener);
        let error = Webhooks::new(None).unwrap().post(&url, &[]).await.unwrap_err();
        assert!(error.to_string().contains("make run"), "{error}");
        let error = Webhooks::new(None).unwrap().post("voice", &[]).await.unwrap_err();
        assert!(matches!(error, CallError::Url(_)), "{error}");
    }
}
