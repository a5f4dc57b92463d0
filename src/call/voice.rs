//! What a spoken call begins with, whatever its line is.

use std::sync::Arc;

use crate::call::event::PhoneFacts;
use crate::call::phone::PhoneStart;
use crate::id::PersonaKey;
use crate::persona::{CallerFacts, Transport};
use crate::store::{BusinessProfile, Lookup};

/// The kind of line of a call by phone.
pub(crate) const PHONE: &str = "twilio";
/// The kind of line of a browser.
pub(crate) const BROWSER: &str = "browser";
/// The kind of line of a client that speaks OpenAI's Realtime protocol.
pub(crate) const REALTIME: &str = "realtime";
/// The kind of line of a text call.
pub(crate) const TEXT: &str = "text";

/// What a spoken call begins with.
#[derive(Debug, Clone, PartialEq)]
pub enum VoiceStart {
    /// A phone rang, or is to ring.
    Phone(PhoneStart),
    /// Someone speaks from a browser.
    Browser(BrowserStart),
    /// A client speaks OpenAI's Realtime protocol.
    Realtime(RealtimeStart),
}

/// What a call from a browser begins with.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BrowserStart {
    /// Who speaks first; the default persona when absent.
    pub persona: Option<PersonaKey>,
    /// Whose caller it is.
    pub business: Option<Arc<BusinessProfile>>,
}

/// What a call of a Realtime client begins with.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RealtimeStart {
    /// Who speaks; the default persona when absent.
    pub persona: Option<PersonaKey>,
    /// Whose caller it is.
    pub business: Option<Arc<BusinessProfile>>,
    /// Whether the persona speaks first. The clients of others expect to do so themselves.
    pub greets: bool,
}

impl VoiceStart {
    /// What is known of a spoken call that the journal remembers; `None` for one that was not spoken.
    pub fn recalled(
        transport: &str,
        phone: Option<PhoneFacts>,
        business: Option<Arc<BusinessProfile>>,
    ) -> Option<Self> {
        match phone {
            Some(facts) => Some(Self::Phone(PhoneStart::recalled(facts, business))),
            None if transport == BROWSER => Some(Self::Browser(BrowserStart { persona: None, business })),
            None if transport == REALTIME => {
                Some(Self::Realtime(RealtimeStart { persona: None, business, greets: false }))
            }
            None => None,
        }
    }

    /// The kind of line.
    pub fn transport(&self) -> &'static str {
        match self {
            Self::Phone(_) => PHONE,
            Self::Browser(_) => BROWSER,
            Self::Realtime(_) => REALTIME,
        }
    }

    /// What only a call by phone begins with.
    pub fn phone(&self) -> Option<&PhoneStart> {
        match self {
            Self::Phone(start) => Some(start),
            Self::Browser(_) | Self::Realtime(_) => None,
        }
    }

    /// The same, to be changed.
    pub fn phone_mut(&mut self) -> Option<&mut PhoneStart> {
        match self {
            Self::Phone(start) => Some(start),
            Self::Browser(_) | Self::Realtime(_) => None,
        }
    }

    /// How to find out whose caller it is, where that is not known yet.
    pub fn sought(&self) -> Option<&Lookup> {
        self.phone().and_then(|phone| phone.sought.as_ref())
    }

    /// Who speaks first.
    pub fn persona(&self) -> Option<&PersonaKey> {
        match self {
            Self::Phone(start) => start.persona.as_ref(),
            Self::Browser(start) => start.persona.as_ref(),
            Self::Realtime(start) => start.persona.as_ref(),
        }
    }

    /// Whose caller it is.
    pub fn business(&self) -> Option<&Arc<BusinessProfile>> {
        match self {
            Self::Phone(start) => start.business.as_ref(),
            Self::Browser(start) => start.business.as_ref(),
            Self::Realtime(start) => start.business.as_ref(),
        }
    }

    /// The voice the business chose.
    pub fn voice(&self) -> Option<&str> {
        self.business().and_then(|business| business.voice.as_deref())
    }

    /// What a persona may know of the caller.
    pub fn caller_facts(&self, can_transfer: bool) -> CallerFacts {
        match self {
            Self::Phone(start) => start.caller_facts(can_transfer),
            // To a persona, a client of this kind is a caller who speaks, hears and reads, as at a browser.
            Self::Browser(_) | Self::Realtime(_) => {
                let business = self.business().cloned();
                CallerFacts {
                    transport: Transport::Browser,
                    number: None,
                    language: business.as_ref().and_then(|business| business.language.clone()),
                    business,
                    can_transfer: false,
                }
            }
        }
    }
}
