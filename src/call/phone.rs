//! What a call over the phone is begun with, told, and asked.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use crate::call::CallError;
use crate::call::event::PhoneFacts;
use crate::id::PersonaKey;
use crate::persona::{CallerFacts, Transport};
use crate::store::{BusinessProfile, Lookup};
use crate::transport::twilio::MediaStream;

/// Who called whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// The caller called us.
    Inbound,
    /// We called them.
    Outbound,
}

/// What a call over the phone begins with. Its id is Twilio's `CallSid`.
#[derive(Debug, Clone, PartialEq)]
pub struct PhoneStart {
    /// Who called whom.
    pub direction: Direction,
    /// The number of the person: who called us, or whom we called.
    pub caller: Option<String>,
    /// The number of ours.
    pub called: Option<String>,
    /// Who speaks first; the default persona when absent.
    pub persona: Option<PersonaKey>,
    /// Whose caller it is.
    pub business: Option<Arc<BusinessProfile>>,
    /// How to find out whose caller it is, where that is not known yet: the call does, while it rings.
    pub sought: Option<Lookup>,
}

impl PhoneStart {
    /// Who called.
    pub fn from(&self) -> Option<&str> {
        match self.direction {
            Direction::Inbound => self.caller.as_deref(),
            Direction::Outbound => self.called.as_deref(),
        }
    }

    /// Who was called.
    pub fn to(&self) -> Option<&str> {
        match self.direction {
            Direction::Inbound => self.called.as_deref(),
            Direction::Outbound => self.caller.as_deref(),
        }
    }
}

impl PhoneStart {
    /// What is known of a call that the journal remembers.
    pub fn recalled(facts: PhoneFacts, business: Option<Arc<BusinessProfile>>) -> Self {
        let PhoneFacts { direction, from, to } = facts;
        let (caller, called) = match direction {
            Direction::Inbound => (from, to),
            Direction::Outbound => (to, from),
        };
        Self { direction, caller, called, persona: None, business, sought: None }
    }

    /// What the journal shall remember.
    pub fn facts(&self) -> PhoneFacts {
        PhoneFacts {
            direction: self.direction,
            from: self.from().map(ToOwned::to_owned),
            to: self.to().map(ToOwned::to_owned),
        }
    }

    /// What a persona may know of the caller.
    pub fn caller_facts(&self, can_transfer: bool) -> CallerFacts {
        CallerFacts {
            transport: Transport::Phone,
            number: self.caller.clone(),
            language: self.business.as_ref().and_then(|business| business.language.clone()),
            business: self.business.clone(),
            can_transfer,
        }
    }
}

/// What the outside tells a phone call, or asks it.
#[derive(Debug)]
pub enum PhoneOrder {
    /// A stream of this call is there.
    Attach(Box<MediaStream>),
    /// Twilio asks what to do next: the stream has ended, or a dialled human has.
    Next {
        /// How the dialling of a human went, if that is what ended.
        dialled: Option<Dialled>,
        /// Answered at once.
        reply: oneshot::Sender<Next>,
    },
    /// Twilio told what became of the call; told again and again, and in any order.
    Status(PhoneStatus),
    /// Who took up an outbound call.
    AnsweredBy(AnsweredBy),
    /// Put the caller through to a human.
    Transfer {
        /// The number; the business's, or the service's, when absent.
        to: Option<String>,
        /// What the human is told before.
        summary: Option<String>,
        /// Answered when it has begun.
        reply: oneshot::Sender<Result<(), CallError>>,
    },
    /// A human is on the line, and asks what the call is about.
    Whisper {
        /// What they are told; nothing when no transfer is under way.
        reply: oneshot::Sender<Option<String>>,
    },
}

/// What Twilio shall do next with a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Connect it to us again.
    Stream,
    /// Dial a human.
    Dial(Dial),
    /// Tell the caller that the service is out of order, and put them through to a human if there is one.
    Apologise,
    /// End it.
    HangUp,
}

/// A human to be dialled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dial {
    /// The number, or a `client:` or `sip:` address.
    pub to: String,
    /// The number the human sees.
    pub caller_id: Option<String>,
}

/// How the dialling of a human went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialled {
    /// They spoke with the caller.
    Completed,
    /// Nobody took the call.
    NotReached,
}

/// What became of a phone call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PhoneStatus {
    /// It rings, or is under way.
    GoesOn,
    /// It is over.
    Completed,
    /// The person called did not take it: busy, no answer, failed, cancelled.
    NotTaken,
}

/// Who took up an outbound call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnsweredBy {
    /// A person, or someone of whom it is not known.
    Human,
    /// An answering machine.
    Machine,
    /// A fax.
    Fax,
}
