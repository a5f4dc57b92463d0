//! Webhooks: what Twilio posts. Parameters are added at any time, so a body is read into pairs first, and views take
//! from it what they know.
//!
//! Sources: <https://www.twilio.com/docs/voice/twiml#request-parameters>,
//! <https://www.twilio.com/docs/messaging/guides/webhook-request>

mod status;
mod views;

pub use status::{AnsweredBy, CallStatus, DialStatus, Greeting, StreamEvent};
pub use views::{
    CallStatusUpdate, DialResult, IncomingCall, IncomingMessage, MachineDetection, StreamStatusUpdate,
};

use super::CallSid;

/// The longest body we read. A message of 1,600 characters takes 20 KiB at most, all else is short.
pub const MAX_BODY_BYTES: usize = 64 << 10;
/// The most parameters we read; Twilio sends about fifty.
pub const MAX_PAIRS: usize = 256;

/// Why a webhook cannot be used. Names the parameter, never its value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormError {
    /// More than [`MAX_BODY_BYTES`].
    #[error("the form has {0} bytes, and at most {MAX_BODY_BYTES} are read")]
    TooLong(usize),
    /// More than [`MAX_PAIRS`].
    #[error("the form has more than {MAX_PAIRS} parameters")]
    TooMany,
    /// A parameter that must be there is not.
    #[error("the form has no `{0}`")]
    Missing(&'static str),
    /// A parameter is not what it must be.
    #[error("the form's `{0}` cannot be read")]
    Invalid(&'static str),
}

/// A posted form: names and values, decoded, in the order they came. Blank values are kept, since they are signed.
#[derive(Clone, PartialEq, Eq)]
pub struct Form(Vec<(String, String)>);

/// Values are the caller's affairs: only the names are shown.
impl std::fmt::Debug for Form {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

impl Form {
    /// Reads a raw body, or a query string. Bytes that are no UTF-8 become U+FFFD, which no signature covers.
    ///
    /// # Errors
    /// [`FormError::TooLong`] or [`FormError::TooMany`].
    pub fn parse(body: &[u8]) -> Result<Self, FormError> {
        if body.len() > MAX_BODY_BYTES {
            return Err(FormError::TooLong(body.len()));
        }
        let mut pairs = Vec::new();
        for (name, value) in url::form_urlencoded::parse(body) {
            if pairs.len() == MAX_PAIRS {
                return Err(FormError::TooMany);
            }
            pairs.push((name.into_owned(), value.into_owned()));
        }
        Ok(Self(pairs))
    }

    /// All pairs, as a signature covers them.
    pub fn pairs(&self) -> &[(String, String)] {
        &self.0
    }

    /// The first value of this name, blank or not.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The first value of this name, unless it is blank.
    fn filled(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| !value.is_empty())
    }

    fn required(&self, name: &'static str) -> Result<&str, FormError> {
        self.filled(name).ok_or(FormError::Missing(name))
    }

    fn call_sid(&self) -> Result<CallSid, FormError> {
        self.required("CallSid")?.parse().map_err(|_| FormError::Invalid("CallSid"))
    }

    /// A number that may be missing; one that is none counts as missing.
    fn number<T: std::str::FromStr>(&self, name: &str) -> Option<T> {
        self.get(name)?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_keep_their_order_their_blanks_and_their_doubles() {
        let form = Form::parse(b"b=2&a=1&CallerName=&b=3&flag&Body=Gr%C3%BC%C3%9Fe+%26+1%2B1%3D2").unwrap();
        let pairs: Vec<_> =
            form.pairs().iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(
            pairs,
            [("b", "2"), ("a", "1"), ("CallerName", ""), ("b", "3"), ("flag", ""), ("Body", "Grüße & 1+1=2")]
        );
        assert_eq!((form.get("b"), form.get("CallerName"), form.get("c")), (Some("2"), Some(""), None));
        assert!(Form::parse(b"").unwrap().pairs().is_empty());
    }

    #[test]
    fn a_form_has_limits() {
        assert!(Form::parse(&b"a=1&".repeat(MAX_PAIRS)).is_ok());
        assert_eq!(Form::parse(&b"a=1&".repeat(MAX_PAIRS + 1)), Err(FormError::TooMany));
        let long = vec![b'a'; MAX_BODY_BYTES + 1];
        assert_eq!(Form::parse(&long), Err(FormError::TooLong(long.len())));
        assert!(Form::parse(&long[1..]).is_ok());
    }

    #[test]
    fn a_form_does_not_show_what_the_caller_said() {
        let shown = format!("{:?}", Form::parse(b"Body=my+secret&From=%2B14158675309").unwrap());
        assert_eq!(shown, r#"["Body", "From"]"#);
    }
}
