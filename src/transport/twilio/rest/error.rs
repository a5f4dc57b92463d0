//! What can go wrong with a request, and what to do about it.

use super::MAX_TWIML_CHARS;

/// Why Twilio does not do what it was asked. Never holds a number, a URL of ours or a secret.
#[derive(Debug, thiserror::Error)]
pub enum TwilioError {
    /// The account or its token is wrong; trying again cannot help.
    #[error(
        "Twilio refused our credentials: check TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN, and that they \
         belong to the region of TWILIO_API_BASE"
    )]
    Credentials,
    /// Twilio will not do this; its error catalogue says why.
    #[error("Twilio refused the request with status {status}{}", see(*.code))]
    Rejected {
        /// The HTTP status.
        status: u16,
        /// Twilio's code, if it gave one.
        code: Option<u32>,
    },
    /// More was asked of the account than it may.
    #[error("Twilio takes no more requests for now: try again later, or ask Twilio for a higher rate")]
    Busy,
    /// Something is wrong at Twilio's side.
    #[error("Twilio answered with status {status}: try again later")]
    Failing {
        /// The HTTP status.
        status: u16,
    },
    /// There was no answer.
    #[error("cannot reach Twilio: check the network and TWILIO_API_BASE")]
    Unreachable(#[source] reqwest::Error),
    /// There was an answer, but not of Twilio's API.
    #[error("the answer is not what Twilio's API gives: check TWILIO_API_BASE")]
    Unreadable,
    /// The TwiML does not fit into a request; nothing was sent.
    #[error(
        "the TwiML has {0} characters, and Twilio takes at most {MAX_TWIML_CHARS}: shorten PUBLIC_URL or the \
         address of the human"
    )]
    TwimlTooLong(usize),
    /// A call was asked for, no answer came, and it was not found afterwards.
    #[error("it is not known whether the call was placed: wait for its status callback before asking again")]
    Uncertain,
}

fn see(code: Option<u32>) -> String {
    code.map(|code| format!(": see https://www.twilio.com/docs/api/errors/{code}")).unwrap_or_default()
}

impl TwilioError {
    /// Whether the same may work later. Never true of [`TwilioError::Uncertain`].
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Busy | Self::Failing { .. } | Self::Unreachable(_) => true,
            Self::Credentials
            | Self::Rejected { .. }
            | Self::Unreadable
            | Self::TwimlTooLong(_)
            | Self::Uncertain => false,
        }
    }
}

/// Why the API cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum ApiSetupError {
    /// The base URL cannot have a path.
    #[error("TWILIO_API_BASE must be an http:// or https:// URL")]
    Url,
    /// There is no way to tell the real Twilio from a false one.
    #[error("cannot set up TLS")]
    Tls(#[source] rustls::Error),
    /// The HTTP client cannot be made.
    #[error("cannot set up the HTTP client")]
    Client(#[source] reqwest::Error),
}
