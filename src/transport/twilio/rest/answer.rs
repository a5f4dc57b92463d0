//! What comes back from a request.

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use reqwest::RequestBuilder;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::TwilioError;
use crate::protocol::twilio::CallSid;
use crate::protocol::twilio::webhook::CallStatus;

/// The longest answer we read: twenty calls have about 40 KiB.
const MAX_BODY: usize = 256 << 10;
const TOO_MANY_REQUESTS: u16 = 429;
const UNAUTHORIZED: u16 = 401;
/// Codes of <https://www.twilio.com/docs/api/errors>.
const AUTHENTICATION_FAILED: u32 = 20003;
const NOT_FOUND: u32 = 20404;
const CALL_NOT_IN_PROGRESS: u32 = 21220;

/// A request that was done.
#[derive(Debug)]
pub(super) struct Answer(Vec<u8>);

/// A request that was not, as far as we know.
#[derive(Debug)]
pub(super) enum Fault {
    /// There was no connection.
    NotSent(reqwest::Error),
    /// The request may have arrived, and no whole answer came.
    Lost(reqwest::Error),
    /// The answer was too long to be one of Twilio's.
    TooLong,
    /// Twilio said no.
    Refused { status: u16, code: Option<u32> },
}

/// Sends a request and reads its answer. Errors do not hold the URL: it may name numbers.
pub(super) async fn receive(request: RequestBuilder) -> Result<Answer, Fault> {
    let lost = |error: reqwest::Error| Fault::Lost(error.without_url());
    let mut response =
        request.send().await.map_err(|error| match error.is_connect() || error.is_builder() {
            true => Fault::NotSent(error.without_url()),
            false => lost(error),
        })?;
    let status = response.status();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(lost)? {
        if body.len() + chunk.len() > MAX_BODY {
            return Err(Fault::TooLong);
        }
        body.extend_from_slice(&chunk);
    }
    if status.is_success() {
        return Ok(Answer(body));
    }
    let code = serde_json::from_slice::<Refusal>(&body).ok().and_then(|refusal| refusal.code);
    Err(Fault::Refused { status: status.as_u16(), code })
}

#[derive(Deserialize)]
struct Refusal {
    code: Option<u32>,
}

#[derive(Deserialize)]
struct Call {
    sid: CallSid,
    status: String,
}

#[derive(Deserialize)]
struct Calls {
    calls: Vec<Listed>,
}

#[derive(Deserialize)]
struct Listed {
    sid: CallSid,
    direction: String,
    /// As RFC 2822.
    date_created: Option<String>,
}

impl Answer {
    /// The call it is about.
    pub(super) fn call_sid(&self) -> Result<CallSid, TwilioError> {
        self.read::<Call>().map(|call| call.sid)
    }

    /// How far that call has come.
    pub(super) fn status(&self) -> Result<CallStatus, TwilioError> {
        self.read::<Call>().map(|call| CallStatus::read(&call.status))
    }

    /// Of a list of calls, the newest one that was placed since then and is `new` to us.
    pub(super) fn newest_since(
        &self,
        since: Timestamp,
        is_new: impl Fn(&CallSid) -> bool,
    ) -> Result<Option<CallSid>, TwilioError> {
        let calls = self.read::<Calls>()?.calls.into_iter();
        let ours = calls.filter(|call| call.direction == "outbound-api" && is_new(&call.sid));
        let created = ours.filter_map(|call| {
            let at = rfc2822::parse(&call.date_created?).ok()?.timestamp();
            // Twilio's times are whole seconds.
            (at.as_second() >= since.as_second()).then_some((at, call.sid))
        });
        Ok(created.max_by_key(|(at, _)| *at).map(|(_, sid)| sid))
    }

    fn read<T: DeserializeOwned>(&self) -> Result<T, TwilioError> {
        // What serde would say may quote the answer.
        serde_json::from_slice(&self.0).map_err(|_| TwilioError::Unreadable)
    }
}

impl Fault {
    /// Whether it may work when tried again.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Self::NotSent(_) | Self::Lost(_) => true,
            Self::TooLong => false,
            Self::Refused { status, .. } => *status == TOO_MANY_REQUESTS || *status >= 500,
        }
    }

    /// Whether Twilio has certainly not done it, and may do it when asked again.
    pub(super) fn was_not_taken(&self) -> bool {
        match self {
            Self::NotSent(_) => true,
            Self::Lost(_) | Self::TooLong => false,
            Self::Refused { status, .. } => *status == TOO_MANY_REQUESTS,
        }
    }

    /// Whether Twilio may have done it all the same.
    pub(super) fn may_have_been_taken(&self) -> bool {
        match self {
            Self::NotSent(_) => false,
            Self::Lost(_) | Self::TooLong => true,
            Self::Refused { status, .. } => *status >= 500,
        }
    }

    /// Whether it says that the call is over.
    pub(super) fn says_over(&self) -> bool {
        matches!(self, Self::Refused { code: Some(NOT_FOUND | CALL_NOT_IN_PROGRESS), .. })
    }
}

impl From<Fault> for TwilioError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::NotSent(error) | Fault::Lost(error) => Self::Unreachable(error),
            Fault::TooLong => Self::Unreadable,
            Fault::Refused { code: Some(AUTHENTICATION_FAILED), .. }
            | Fault::Refused { status: UNAUTHORIZED, .. } => Self::Credentials,
            Fault::Refused { status: TOO_MANY_REQUESTS, .. } => Self::Busy,
            Fault::Refused { status, .. } if status >= 500 => Self::Failing { status },
            Fault::Refused { status, code } => Self::Rejected { status, code },
        }
    }
}
