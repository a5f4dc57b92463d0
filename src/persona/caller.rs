//! Who calls, as far as it is known: what prompts may say of it, and whose rows the tools may read.

use std::sync::Arc;

use crate::store::BusinessProfile;

/// What is known of the caller when a call begins; it stays the same while the call lasts.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CallerFacts {
    /// The kind of line.
    pub transport: Transport,
    /// The number they call from, in E.164.
    pub number: Option<String>,
    /// The language to begin in, as a BCP 47 tag; without one it is the persona's first.
    pub language: Option<String>,
    /// Whose caller it is; without one the tools read the rows of every business.
    pub business: Option<Arc<BusinessProfile>>,
    /// Whether there is a human the caller can be transferred to.
    pub can_transfer: bool,
}

impl CallerFacts {
    /// Whose rows the tools of the call may read; `None` reads those of every business.
    pub fn business_id(&self) -> Option<&str> {
        self.business.as_deref().map(|business| business.id.as_str())
    }
}

/// The kind of line a caller is on, as far as a persona cares.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Transport {
    /// The caller writes and reads.
    #[default]
    Text,
    /// The caller speaks and hears.
    Phone,
    /// The caller speaks, hears and reads.
    Browser,
}

impl Transport {
    /// The word for it, as templates see it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Phone => "phone",
            Self::Browser => "browser",
        }
    }
}
