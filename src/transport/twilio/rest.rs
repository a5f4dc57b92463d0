//! What the service asks of Twilio: placing calls, ending them, sending them elsewhere.
//!
//! Source: <https://www.twilio.com/docs/voice/api/call-resource>

mod answer;
mod error;
mod given;
mod message;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use reqwest::{Method, RequestBuilder};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use tokio::time::Instant;
use url::Url;

use answer::{Answer, Fault, receive};
use given::Given;

pub use error::{ApiSetupError, TwilioError};

use crate::protocol::twilio::CallSid;
use crate::protocol::twilio::webhook::CallStatus;
use crate::tls;

/// The longest TwiML that fits into a request, in characters.
pub const MAX_TWIML_CHARS: usize = 4000;

/// The longest that Twilio lets a call ring, in seconds.
const MAX_RINGING_S: u32 = 600;
const CONNECT_LIMIT: Duration = Duration::from_secs(3);
const REQUEST_LIMIT: Duration = Duration::from_secs(10);
/// How often one thing is tried, and how long all tries may take together.
const MAX_TRIES: u32 = 3;
const PATIENCE: Duration = Duration::from_secs(5);
/// The longest wait before the second try; it doubles for the third.
const FIRST_WAIT: Duration = Duration::from_millis(300);
/// How far Twilio's clock may be behind ours.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_secs(5);

/// Twilio's REST API, for one account. Cheap to clone: all share one pool of connections.
#[derive(Clone)]
pub struct TwilioApi {
    calls: Arc<Url>,
    account_sid: Arc<str>,
    auth_token: SecretString,
    client: reqwest::Client,
    given: Given,
    patience: Duration,
}

/// A call to be placed.
#[derive(Clone)]
pub struct CreateCall {
    /// Whom to call, as E.164.
    pub to: String,
    /// The number they see: one of the account's.
    pub from: String,
    /// Asked for TwiML when they answer.
    pub url: String,
    /// Told how far the call has come, at every step.
    pub status_callback: Option<String>,
    /// Told who answered, while the call already goes on; `None`: nobody asks.
    pub machine_detection: Option<String>,
    /// How long it rings, in seconds: 1 to 600, and otherwise the nearer of these.
    pub timeout_s: u32,
}

/// What a call is to do now.
#[derive(Clone)]
pub enum Update {
    /// End.
    Completed,
    /// Go on with this TwiML, at most [`MAX_TWIML_CHARS`] long. Its stream ends.
    Twiml(String),
}

/// What came of an update.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Updated {
    /// The call does it.
    Done,
    /// The call was over already.
    AlreadyOver,
}

impl TwilioApi {
    /// The API at this URL, `https://api.twilio.com` or a region's.
    ///
    /// # Errors
    /// [`ApiSetupError`] when the URL or TLS cannot be used.
    pub fn new(base: &Url, account_sid: &str, auth_token: SecretString) -> Result<Self, ApiSetupError> {
        if !matches!(base.scheme(), "http" | "https") {
            return Err(ApiSetupError::Url);
        }
        let mut calls = base.clone();
        calls.path_segments_mut().map_err(|()| ApiSetupError::Url)?.pop_if_empty().extend([
            "2010-04-01",
            "Accounts",
            account_sid,
        ]);
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls::client_config().map_err(ApiSetupError::Tls)?)
            .connect_timeout(CONNECT_LIMIT)
            .timeout(REQUEST_LIMIT)
            // A redirect would carry the credentials along.
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(ApiSetupError::Client)?;
        let account_sid = account_sid.into();
        Ok(Self {
            calls: Arc::new(calls),
            account_sid,
            auth_token,
            client,
            given: Given::default(),
            patience: PATIENCE,
        })
    }

    /// Places a call. A request that may have been taken is not repeated: the call is looked for instead, since nobody
    /// wants to be called twice.
    ///
    /// # Errors
    /// [`TwilioError`]; after [`TwilioError::Uncertain`] the call may yet come.
    pub async fn create_call(&self, call: &CreateCall) -> Result<CallSid, TwilioError> {
        let since = Timestamp::now().saturating_sub(CLOCK_SKEW).unwrap_or(Timestamp::MIN);
        let form = call.form();
        let made =
            self.retry("create_call", Fault::was_not_taken, || self.post(&["Calls.json"], &form)).await;
        let sid = match made.map(|answer| answer.call_sid()) {
            Ok(Ok(sid)) => sid,
            Err(fault) if !fault.may_have_been_taken() => return Err(fault.into()),
            Ok(Err(_)) | Err(_) => {
                let found = self.find_recent_call(&call.to, &call.from, since).await;
                found.ok().flatten().ok_or(TwilioError::Uncertain)?
            }
        };
        self.given.note(sid.clone());
        Ok(sid)
    }

    /// Changes a call. That it is over already is no error. To end it may be asked for twice; other TwiML may not, since
    /// a second `<Dial>` would cut off the human of the first: it is repeated only when it was certainly not taken.
    ///
    /// # Errors
    /// [`TwilioError`].
    pub async fn update_call(&self, sid: &CallSid, update: &Update) -> Result<Updated, TwilioError> {
        let safe = match update {
            Update::Completed => Fault::may_pass,
            Update::Twiml(_) => Fault::was_not_taken,
        };
        let form = match update {
            Update::Completed => [("Status", "completed")],
            Update::Twiml(xml) => {
                let characters = xml.chars().count();
                if characters > MAX_TWIML_CHARS {
                    return Err(TwilioError::TwimlTooLong(characters));
                }
                [("Twiml", xml.as_str())]
            }
        };
        let path = ["Calls", &format!("{sid}.json")];
        match self.retry("update_call", safe, || self.post(&path, &form)).await {
            Ok(_) => Ok(Updated::Done),
            Err(fault) if fault.says_over() => Ok(Updated::AlreadyOver),
            Err(fault) => Err(fault.into()),
        }
    }

    /// How far a call has come; `None` when Twilio knows no such call.
    ///
    /// # Errors
    /// [`TwilioError`].
    pub async fn call_status(&self, sid: &CallSid) -> Result<Option<CallStatus>, TwilioError> {
        let path = ["Calls", &format!("{sid}.json")];
        match self.retry("call_status", Fault::may_pass, || self.request(Method::GET, &path)).await {
            Ok(answer) => answer.status().map(Some),
            Err(fault) if fault.says_over() => Ok(None),
            Err(fault) => Err(fault.into()),
        }
    }

    /// The newest call between these two numbers since then of which this process has not been told, if there is one:
    /// those it was told of were placed by other requests.
    ///
    /// # Errors
    /// [`TwilioError`].
    pub async fn find_recent_call(
        &self,
        to: &str,
        from: &str,
        since: Timestamp,
    ) -> Result<Option<CallSid>, TwilioError> {
        let list = || {
            let mut url = self.url(&["Calls.json"]);
            // Not by `StartTime`, which a call that waits to be placed does not have.
            url.query_pairs_mut()
                .append_pair("To", to)
                .append_pair("From", from)
                .append_pair("PageSize", "20");
            self.authorized(self.client.get(url))
        };
        let answer = self.retry("find_recent_call", Fault::may_pass, list).await?;
        answer.newest_since(since, |sid| !self.given.has(sid))
    }

    fn url(&self, path: &[&str]) -> Url {
        let mut url = Url::clone(&self.calls);
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.extend(path);
        }
        url
    }

    fn request(&self, method: Method, path: &[&str]) -> RequestBuilder {
        self.authorized(self.client.request(method, self.url(path)))
    }

    fn post(&self, path: &[&str], form: &(impl Serialize + ?Sized)) -> RequestBuilder {
        self.request(Method::POST, path).form(form)
    }

    fn authorized(&self, request: RequestBuilder) -> RequestBuilder {
        request.basic_auth(&self.account_sid, Some(self.auth_token.expose_secret()))
    }

    /// Sends a request until it is answered, until trying again is not `safe` or no use, or until patience ends.
    async fn retry(
        &self,
        operation: &'static str,
        safe: impl Fn(&Fault) -> bool,
        request: impl Fn() -> RequestBuilder,
    ) -> Result<Answer, Fault> {
        let deadline = Instant::now() + self.patience;
        let mut tried = 1;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let fault = match receive(request().timeout(left)).await {
                Ok(answer) => return Ok(answer),
                Err(fault) => fault,
            };
            let wait = wait_after(tried, fastrand::f64());
            let over = deadline.saturating_duration_since(Instant::now()) <= wait;
            if tried == MAX_TRIES || over || !safe(&fault) {
                metrics::counter!("ai_realtime_twilio_failures_total", "operation" => operation).increment(1);
                return Err(fault);
            }
            metrics::counter!("ai_realtime_twilio_retries_total", "operation" => operation).increment(1);
            tokio::time::sleep(wait).await;
            tried += 1;
        }
    }
}

impl CreateCall {
    fn form(&self) -> Vec<(&'static str, Cow<'_, str>)> {
        let mut form: Vec<(_, Cow<'_, str>)> = vec![
            ("To", self.to.as_str().into()),
            ("From", self.from.as_str().into()),
            ("Url", self.url.as_str().into()),
            ("Timeout", self.timeout_s.clamp(1, MAX_RINGING_S).to_string().into()),
        ];
        if let Some(url) = &self.status_callback {
            form.push(("StatusCallback", url.into()));
            let steps = ["initiated", "ringing", "answered", "completed"];
            form.extend(steps.map(|step| ("StatusCallbackEvent", step.into())));
        }
        if let Some(url) = &self.machine_detection {
            // The machine's beep is waited for, and a human is not kept waiting meanwhile.
            form.push(("MachineDetection", "DetectMessageEnd".into()));
            form.push(("AsyncAmd", "true".into()));
            form.push(("AsyncAmdStatusCallback", url.into()));
        }
        form
    }
}

/// Half to the whole of a time that doubles, so that many calls do not come back at one moment.
fn wait_after(tried: u32, draw: f64) -> Duration {
    FIRST_WAIT.saturating_mul(1 << (tried - 1).min(8)).mul_f64(0.5 + 0.5 * draw.clamp(0.0, 1.0))
}

/// Shows neither the account nor its token.
impl fmt::Debug for TwilioApi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TwilioApi").field("host", &self.calls.host_str()).finish_non_exhaustive()
    }
}
