//! The phone: what Twilio asks of us and tells us, and what is asked of Twilio. `/api/twilio/*`, and of `/ai/calls`
//! what concerns the phone.

mod away;
mod detections;
pub(super) mod message;
mod opening;
pub(super) mod outbound;
mod passes;
pub(super) mod resume;
mod resumes;
mod sender;
mod signed;
mod split;
pub(super) mod status;
pub(super) mod stream;
#[cfg(test)]
mod tests;
pub(super) mod transfer;
pub(super) mod voice;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::http::header;
use axum::response::{IntoResponse, Response};
use secrecy::SecretString;
use tokio::sync::Semaphore;

use super::once::Once;
use crate::config::{PhoneSettings, WebhookTrust};
use crate::protocol::twilio::signature::Verifier;
use crate::store::Store;
use crate::store::once::OnceLimits;
use crate::transport::twilio::rest::{ApiSetupError, TwilioApi};
use crate::transport::twilio::script::Script;
use detections::Detections;
use message::Answers;
use outbound::Placed;
use passes::Passes;
use resumes::Resumes;

/// Sockets that may wait to show whose they are.
const WAITING_STREAMS: usize = 256;
/// Passes and returns that are remembered: several for every call a node may hold.
const REMEMBERED: usize = 32_768;
/// Answers to messages that are remembered. Twilio asks again within minutes, if at all.
const ANSWERED_MESSAGES: OnceLimits = OnceLimits { most: 10_000, keep: Duration::from_secs(600) };
/// Idempotency keys that are remembered, and for how long.
const IDEMPOTENCY_KEYS: OnceLimits = OnceLimits { most: 10_000, keep: Duration::from_secs(24 * 3_600) };

const TWIML: &str = "text/xml; charset=utf-8";

/// How the edge and Twilio reach and believe each other.
#[derive(Debug, Clone)]
pub struct Phone {
    /// What Twilio is told, and where it finds us.
    pub script: Script,
    /// `PUBLIC_URL` as it was written, where that is not how [`Script`] writes it: in capitals, say.
    pub written_base: Option<String>,
    /// How requests of Twilio's are known.
    pub trust: WebhookTrust,
    /// Checks their signatures.
    pub verifier: Verifier,
    /// Twilio's REST API, if there is an account.
    pub api: Option<TwilioApi>,
    /// The settings.
    pub settings: PhoneSettings,
}

impl Phone {
    /// The phone of a service that listens there.
    ///
    /// # Errors
    /// [`ApiSetupError`] when Twilio's REST API cannot be set up.
    pub fn new(settings: &PhoneSettings, listens_at: SocketAddr) -> Result<Self, ApiSetupError> {
        let tokens: Vec<SecretString> = settings.auth_tokens.clone();
        let api = match (&settings.account_sid, tokens.first()) {
            (Some(account), Some(token)) => Some(TwilioApi::new(&settings.api_base, account, token.clone())?),
            (None, _) | (_, None) => None,
        };
        let script = Script::new(&settings.public_url(listens_at));
        Ok(Self {
            written_base: settings.public_url_as_written.clone().filter(|base| *base != script.url("")),
            script,
            trust: settings.trust(),
            verifier: Verifier::new(tokens).with_shared_keys(settings.webhook_keys.iter().cloned().collect()),
            api,
            settings: settings.clone(),
        })
    }
}

/// What is remembered between one request of Twilio's and the next.
#[derive(Debug)]
pub(super) struct Desk {
    passes: Mutex<Passes>,
    resumes: Mutex<Resumes>,
    detections: Mutex<Detections>,
    waiting_streams: Arc<Semaphore>,
    answers: Answers,
    idempotency: Once<Placed>,
}

impl Desk {
    /// A desk that remembers what the store does.
    pub(super) fn new(store: &Store) -> Self {
        Self {
            passes: Mutex::new(Passes::new(REMEMBERED)),
            resumes: Mutex::new(Resumes::new(REMEMBERED)),
            detections: Mutex::new(Detections::new(REMEMBERED)),
            waiting_streams: Arc::new(Semaphore::new(WAITING_STREAMS)),
            answers: Once::new("messages", ANSWERED_MESSAGES, store.clone()),
            idempotency: Once::new("placed_calls", IDEMPOTENCY_KEYS, store.clone()),
        }
    }
}

/// Looks at, or changes, something of the desk's. What is kept there is whole after every step.
fn with<T, R>(kept: &Mutex<T>, act: impl FnOnce(&mut T) -> R) -> R {
    act(&mut kept.lock().unwrap_or_else(PoisonError::into_inner))
}

/// An answer in TwiML.
struct Twiml(String);

impl IntoResponse for Twiml {
    fn into_response(self) -> Response {
        ([(header::CONTENT_TYPE, TWIML)], self.0).into_response()
    }
}
