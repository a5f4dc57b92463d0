//! Twilio's identifiers. Those we write into URLs and frames are checked when they are read, so that they need no
//! escaping afterwards.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::Deserialize;

/// The longest stream id we take; Twilio's have 34 characters.
const MAX_STREAM_SID: usize = 64;

/// Why a text is no id of Twilio's. Never holds the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be {0}")]
pub struct SidError(&'static str);

macro_rules! sid {
    ($(#[$doc:meta])* $name:ident, $shape:literal, $fits:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
        #[serde(try_from = "String")]
        pub struct $name(Arc<str>);

        impl $name {
            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl FromStr for $name {
            type Err = SidError;

            fn from_str(text: &str) -> Result<Self, SidError> {
                let fits: fn(&str) -> bool = $fits;
                if fits(text) { Ok(Self(text.into())) } else { Err(SidError($shape)) }
            }
        }
        impl TryFrom<String> for $name {
            type Error = SidError;

            fn try_from(text: String) -> Result<Self, SidError> {
                text.parse()
            }
        }
    };
}

sid! {
    /// One leg of a call, from ringing to hang-up: `CA` and 32 hexadecimal digits.
    CallSid, "`CA` and 32 hexadecimal digits", is_call
}
sid! {
    /// One media stream of a call; a call can have several, one after the other. Twilio's are `MZ` and 32 hexadecimal
    /// digits; any letters and digits are taken, since it is only ever given back.
    StreamSid, "1 to 64 letters and digits", is_stream
}

fn is_call(text: &str) -> bool {
    text.strip_prefix("CA")
        .is_some_and(|rest| rest.len() == 32 && rest.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

fn is_stream(text: &str) -> bool {
    (1..=MAX_STREAM_SID).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_twilio_issues_names_a_call() {
        let good = "CA0123456789abcdef0123456789abcdef";
        assert_eq!(good.parse::<CallSid>().unwrap().as_str(), good);
        for bad in ["", "CA", "CA1", &good[1..], &format!("{good}0"), &good.replace('f', "g"), "CA/../x"] {
            assert!(bad.parse::<CallSid>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_stream_id_cannot_break_out_of_a_frame() {
        assert!("MZ00000000000000000000000000000001".parse::<StreamSid>().is_ok());
        for bad in ["", "MZ\"", "MZ\\", "MZ 1", &"M".repeat(65)] {
            assert!(bad.parse::<StreamSid>().is_err(), "{bad:?}");
        }
    }
}
