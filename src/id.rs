//! The names things go by. Each is its own type, so that a call id never stands where an item id belongs.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
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
        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.into())
            }
        }
        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text.into())
            }
        }
        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
    };
}

text_id! {
    /// A persona's key: the stem of its file in the personas folder.
    PersonaKey
}
text_id! {
    /// A business's id, as in the `business_id` of the rows that belong to it.
    BusinessId
}
text_id! {
    /// A document's id, unique in this installation.
    DocumentId
}
text_id! {
    /// The model's id of one tool call (`call_…` on the wire; at most 32 characters when we replay it).
    ToolCallId
}
text_id! {
    /// The id of one item of the model's conversation, at most 32 characters.
    ItemId
}
text_id! {
    /// The model's id of one response.
    ResponseId
}

impl BusinessId {
    /// No business has it, and no row names it: the id of whoever may see the rows of no business.
    const NOBODY: &'static str = "(nobody)";

    /// The id that is nobody's.
    pub fn nobody() -> Self {
        Self(Self::NOBODY.into())
    }

    /// Whether a text can be the id of a business that is made through the service: 1 to 64 characters of
    /// `A-Za-z0-9._-`.
    pub fn is_plain(text: &str) -> bool {
        let known = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        (1..=64).contains(&text.len()) && text.bytes().all(known)
    }

    /// Whether it is nobody's.
    pub fn is_nobody(&self) -> bool {
        self.as_str() == Self::NOBODY
    }
}

/// Nobody's, until it is known whose.
impl Default for BusinessId {
    fn default() -> Self {
        Self::nobody()
    }
}

/// One conversation on any transport: 1–128 characters of `A-Za-z0-9._:-`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CallId(Arc<str>);

impl CallId {
    /// The text call that is meant when a request names none.
    pub const DEFAULT: &'static str = "default";

    /// The id of the default text call.
    pub fn default_call() -> Self {
        Self(Self::DEFAULT.into())
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why a text is no call id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be 1 to 128 characters of A-Z, a-z, 0-9, '.', '_', ':' and '-'")]
pub struct CallIdError;

impl FromStr for CallId {
    type Err = CallIdError;

    fn from_str(text: &str) -> Result<Self, CallIdError> {
        let known = |byte: u8| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte);
        if (1..=128).contains(&text.len()) && text.bytes().all(known) {
            Ok(Self(text.into()))
        } else {
            Err(CallIdError)
        }
    }
}

impl TryFrom<String> for CallId {
    type Error = CallIdError;

    fn try_from(text: String) -> Result<Self, CallIdError> {
        text.parse()
    }
}

impl From<CallId> for String {
    fn from(id: CallId) -> Self {
        id.0.to_string()
    }
}

impl fmt::Display for CallId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_id_is_short_and_plain() {
        for good in ["default", "t1", "CA0123456789abcdef", "wa:250788-1.2_3", &"x".repeat(128)] {
            assert_eq!(good.parse::<CallId>().unwrap().as_str(), good);
        }
        for bad in ["", " ", "a b", "a/b", "é", "a\n", &"x".repeat(129)] {
            assert_eq!(bad.parse::<CallId>(), Err(CallIdError), "{bad:?}");
        }
        assert!(serde_json::from_str::<CallId>("\"a/b\"").is_err());
    }
}
