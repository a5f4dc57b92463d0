//! What a call stands on, what it begins with, and everything it can be told.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{oneshot, watch};

use crate::call::conduct::VoiceTimer;
use crate::call::phone::PhoneOrder;
use crate::call::recollection::Recollection;
use crate::call::voice::VoiceStart;
use crate::call::writer::{JournalWriter, Written};
use crate::call::{CallError, CallSnapshot, Part, Reply};
use crate::id::{CallId, PersonaKey};
use crate::knowledge::Knowledge;
use crate::persona::Library;
use crate::persona::actor::PersonaEvent;
use crate::session::{Provider, SessionEvent, SessionLimits};
use crate::store::{BusinessProfile, Directory, Store, StoreError};
use crate::transport::browser::{BrowserLimits, BrowserStream};
use crate::transport::realtime::{RealtimeLimits, RealtimeStream};
use crate::transport::twilio::PhoneLimits;
use crate::transport::twilio::rest::TwilioApi;
use crate::transport::twilio::script::Script;
use crate::transport::{TextMessage, TransportEvent};

/// Where the words of replies go besides the line: `LOG_REPLIES`.
pub type ReplySink = Arc<dyn Fn(&str) + Send + Sync>;

/// The line of a text call, as the call speaks to it.
pub type TextLineMessage = TextMessage<Reply, CallError>;

/// How long things may take in a call.
#[derive(Debug, Clone, Copy)]
pub struct CallLimits {
    /// A turn, from the caller's words to the model's last.
    pub turn: Duration,
    /// Silence, until the model's socket is closed.
    pub idle: Duration,
    /// What the model's side may take for what it owes.
    pub session: SessionLimits,
}

/// What calls by phone stand on.
#[derive(Debug, Clone)]
pub struct PhoneDesk {
    /// What Twilio is told to do.
    pub script: Script,
    /// The human callers are put through to when the business names none.
    pub transfer_number: Option<String>,
    /// Frames of audio that may wait each way.
    pub audio_queue: usize,
    /// The model that writes down the callers' words.
    pub transcription_model: String,
    /// Twilio's REST API, if there is an account.
    pub api: Option<TwilioApi>,
    /// How long a line may be silent or stuck.
    pub limits: PhoneLimits,
}

/// What calls from browsers stand on.
#[derive(Debug, Clone, Copy)]
pub struct BrowserDesk {
    /// Frames of audio that may wait each way.
    pub audio_queue: usize,
    /// What a connection may use of our patience.
    pub limits: BrowserLimits,
}

impl Default for BrowserDesk {
    fn default() -> Self {
        Self { audio_queue: AUDIO_QUEUE, limits: BrowserLimits::default() }
    }
}

/// What calls of Realtime clients stand on.
#[derive(Debug, Clone, Copy)]
pub struct RealtimeDesk {
    /// Frames of audio that may wait each way.
    pub audio_queue: usize,
    /// What a connection may use of our patience.
    pub limits: RealtimeLimits,
}

impl Default for RealtimeDesk {
    fn default() -> Self {
        Self { audio_queue: AUDIO_QUEUE, limits: RealtimeLimits::default() }
    }
}

/// Frames of audio that may wait each way: ten seconds of a phone's.
const AUDIO_QUEUE: usize = 500;
/// The model that writes down the callers' words when no other is chosen.
const TRANSCRIPTION_MODEL: &str = "gpt-transcribe";

impl PhoneDesk {
    /// A desk without an account at Twilio, and with nobody to put callers through to.
    pub fn new(script: Script) -> Self {
        Self {
            script,
            transfer_number: None,
            audio_queue: AUDIO_QUEUE,
            transcription_model: TRANSCRIPTION_MODEL.to_owned(),
            api: None,
            limits: PhoneLimits::default(),
        }
    }
}

/// What every call stands on; made once.
#[derive(Clone)]
pub struct CallDependencies {
    /// Rows and journals.
    pub store: Store,
    /// Whose caller a caller is.
    pub directory: Directory,
    /// The documents.
    pub knowledge: Knowledge,
    /// Personas and tools.
    pub library: Library,
    /// Where the model is.
    pub provider: Provider,
    /// The writer of the journals.
    pub journal: JournalWriter,
    /// How long things may take.
    pub limits: CallLimits,
    /// Who speaks when nobody says.
    pub default_persona: PersonaKey,
    /// The name of this node.
    pub node: Arc<str>,
    /// Where the words of replies go besides the line.
    pub replies: Option<ReplySink>,
    /// What calls by phone stand on.
    pub phone: Arc<PhoneDesk>,
    /// What calls from browsers stand on.
    pub browser: BrowserDesk,
    /// What calls of Realtime clients stand on.
    pub realtime: RealtimeDesk,
}

impl fmt::Debug for CallDependencies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallDependencies").field("limits", &self.limits).finish_non_exhaustive()
    }
}

/// What a call begins with.
#[derive(Debug)]
pub struct CallArguments {
    /// Its id.
    pub call_id: CallId,
    /// Who speaks first, if the journal knows no better.
    pub persona: Option<PersonaKey>,
    /// What it begins with if it is spoken.
    pub voice: Option<VoiceStart>,
    /// Whose caller it is, if that is known.
    pub business: Option<Arc<BusinessProfile>>,
    /// What it stands on.
    pub dependencies: Arc<CallDependencies>,
    /// Where it shows itself.
    pub snapshot: watch::Sender<CallSnapshot>,
}

/// Everything a call can be told.
#[derive(Debug)]
pub enum CallMessage {
    /// For the line.
    Line(TextLineMessage),
    /// Put a persona in force between two turns.
    Activate {
        /// Which.
        persona: PersonaKey,
        /// Answered when the model has confirmed it.
        reply: oneshot::Sender<Result<PersonaKey, CallError>>,
    },
    /// End the call.
    HangUp {
        /// Answered when the journal is closed.
        reply: oneshot::Sender<Result<(), CallError>>,
    },
    /// Say when nothing is under way any more, and everything is written.
    Drain {
        /// Told, or dropped when the call ends first.
        quiet: oneshot::Sender<()>,
    },
    /// The service goes down: end politely. Only a spoken call has to be told.
    ShutDown,
    /// Whose text call you are, if you do not know and sleep.
    BelongsTo(Arc<BusinessProfile>),
    /// Go, if you sleep: you will be taken up again from your journal.
    Retire,
    /// From the phone network, or about it.
    Phone(PhoneOrder),
    /// A browser's connection is there.
    Browser(Box<BrowserStream>),
    /// A Realtime client's connection is there.
    Realtime(Box<RealtimeStream>),
    /// Something that was asked for from a screen could not be done.
    Refused {
        /// What became of it.
        error: CallError,
        /// How whoever asked named it, if they did.
        event_id: Option<String>,
    },
    /// From the session.
    Session(SessionEvent),
    /// From the line.
    Transport(TransportEvent),
    /// From the persona.
    Persona(PersonaEvent),
    /// From the journal's writer.
    Written(Written),
    /// The journal has been read.
    Recalled(Box<Result<Recollection, StoreError>>),
    /// Something is due.
    Due(Due),
    /// Let this part panic: for tests.
    #[doc(hidden)]
    Crash(Part),
}

/// What becomes due in a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// The turn of this number has had its time.
    Turn(u64),
    /// What was under way when that turn was given up has had its time.
    Clearing(u64),
    /// Nobody has said anything since this many requests.
    Idle(u64),
    /// What waits for the journal, at this event, has waited long enough.
    Held(u64),
    /// The writer may have room again.
    Unsent,
    /// The journal cannot be closed.
    End,
    /// Of the conduct's.
    Voice(VoiceTimer),
    /// No other key followed this one.
    Keys(u64),
    /// This tool takes long enough for the caller to be told something.
    Filler(u64),
    /// What a line that failed had still to tell has been told.
    LineRestarted,
    /// Tools that were under way when the session failed have been waited for long enough.
    Tools,
}

macro_rules! from_child {
    ($event:ty, $variant:ident) => {
        impl From<$event> for CallMessage {
            fn from(event: $event) -> Self {
                Self::$variant(event)
            }
        }
        impl TryFrom<CallMessage> for $event {
            type Error = CallMessage;

            fn try_from(message: CallMessage) -> Result<Self, CallMessage> {
                match message {
                    CallMessage::$variant(event) => Ok(event),
                    other => Err(other),
                }
            }
        }
    };
}

from_child!(SessionEvent, Session);
from_child!(TransportEvent, Transport);
from_child!(PersonaEvent, Persona);
from_child!(Written, Written);
