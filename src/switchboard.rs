//! The switchboard: the root actor. It starts calls, counts them, finds them, and drains them at the end.

mod actor;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use ractor::{Actor, ActorRef, SpawnErr};
use tokio::sync::oneshot;

use crate::call::{
    BrowserStart, CallDependencies, CallError, CallHandle, CallSnapshot, CallState, PhoneStart,
    RealtimeStart, VoiceStart,
};
use crate::id::{CallId, PersonaKey};
use crate::store::{BusinessProfile, StoreError};
use actor::{Opening, SwitchboardActor, SwitchboardArguments, SwitchboardMessage};

/// Callers on the phone are told that the service goes down, and let go, within this.
const FAREWELL_LIMIT: Duration = Duration::from_secs(25);
/// Calls that have nothing under way are stopped within this at a shutdown.
const STOP_LIMIT: Duration = Duration::from_secs(5);

/// A call that is taken up from its journal knows itself within this.
const READY_LIMIT: Duration = Duration::from_secs(5);

/// What the outside holds of the switchboard. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Switchboard {
    actor: ActorRef<SwitchboardMessage>,
    shared: Arc<Shared>,
}

/// What is looked at without asking the actor; only the actor writes it.
#[derive(Debug)]
struct Shared {
    calls: ArcSwap<BTreeMap<CallId, CallHandle>>,
    draining: AtomicBool,
    default_persona: PersonaKey,
    max_calls: u32,
}

impl Shared {
    /// Whether one more call may talk: those that sleep hold no place. It is looked at, not reserved: sleepers that
    /// are woken at one moment may be more than the limit for a while.
    fn check_room(&self) -> Result<(), SwitchboardError> {
        let calls = self.calls.load();
        let limit = self.max_calls;
        if calls.len() < limit as usize
            || calls.values().filter(|call| call.is_awake()).count() < limit as usize
        {
            return Ok(());
        }
        metrics::counter!("ai_realtime_calls_refused_total").increment(1);
        Err(SwitchboardError::AtCapacity { limit })
    }
}

/// Why the switchboard gives no call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SwitchboardError {
    /// All places are taken.
    #[error("all {limit} calls this node may hold are taken: try again later")]
    AtCapacity {
        /// How many calls this node holds at most.
        limit: u32,
    },
    /// The service is shutting down.
    #[error("the service is shutting down: try again on another node or later")]
    Draining,
    /// No such call.
    #[error("there is no call `{0}`: GET /ai/calls lists the live ones")]
    UnknownCall(CallId),
    /// The call cannot begin or be spoken to.
    #[error(transparent)]
    Call(#[from] CallError),
}

impl Switchboard {
    /// Starts the switchboard, and the default call if the journal remembers one.
    ///
    /// # Errors
    /// [`SpawnErr`] when the actor cannot start, which it always can.
    pub async fn start(dependencies: CallDependencies, max_calls: u32) -> Result<Self, SpawnErr> {
        let shared = Arc::new(Shared {
            calls: ArcSwap::default(),
            draining: AtomicBool::new(false),
            default_persona: dependencies.default_persona.clone(),
            max_calls,
        });
        let arguments =
            SwitchboardArguments { dependencies: Arc::new(dependencies), shared: Arc::clone(&shared) };
        let (actor, _) = Actor::spawn(None, SwitchboardActor, arguments).await?;
        let switchboard = Self { actor, shared };
        // Whether there is one or not: it shall be there before anyone asks how it is.
        let _ = switchboard.find(&CallId::default_call()).await;
        Ok(switchboard)
    }

    /// The text call of this id: the live one, the one the journal remembers, or else a new one, which begins
    /// with `persona` (or the default persona).
    ///
    /// # Errors
    /// [`SwitchboardError::AtCapacity`], [`SwitchboardError::Draining`], and
    /// [`CallError::UnknownPersona`] for a persona that is not there.
    pub async fn text_call(
        &self,
        id: &CallId,
        persona: Option<&PersonaKey>,
    ) -> Result<CallHandle, SwitchboardError> {
        self.text_call_of(id, persona, None).await
    }

    /// The text call of this id, as [`Switchboard::text_call`]; a new one is a call of this business's caller, and so
    /// becomes one that sleeps or is taken up from its journal and belongs to none.
    ///
    /// # Errors
    /// As [`Switchboard::text_call`].
    pub async fn text_call_of(
        &self,
        id: &CallId,
        persona: Option<&PersonaKey>,
        business: Option<Arc<BusinessProfile>>,
    ) -> Result<CallHandle, SwitchboardError> {
        // The actor need not be asked for a call that is there.
        if let Some(handle) = self.live(id) {
            if self.is_draining() {
                return Err(SwitchboardError::Draining);
            }
            if !handle.is_awake() {
                self.shared.check_room()?;
                if let Some(business) = business {
                    handle.belongs_to(business);
                }
            }
            return Ok(handle);
        }
        let opening = Opening::Text { persona: persona.cloned(), business };
        self.ask(|reply| SwitchboardMessage::Start { id: id.clone(), opening, reply }).await
    }

    /// The phone call of this id, Twilio's `CallSid`: the live one, the one the journal remembers, or else a new
    /// one, whose session connects at once.
    ///
    /// # Errors
    /// [`SwitchboardError::AtCapacity`], [`SwitchboardError::Draining`], and
    /// [`CallError::UnknownPersona`] for a persona that is not there.
    pub async fn phone_call(&self, id: &CallId, start: PhoneStart) -> Result<CallHandle, SwitchboardError> {
        // A call that is there goes on, also while the service drains.
        if let Some(handle) = self.live(id) {
            return Ok(handle);
        }
        let opening = Opening::Voice(VoiceStart::Phone(start));
        self.ask(|reply| SwitchboardMessage::Start { id: id.clone(), opening, reply }).await
    }

    /// The call of this id from a browser: the live one, the one the journal remembers, or else a new one, whose
    /// session connects at once. A call of another kind is given as it is: its snapshot tells.
    ///
    /// # Errors
    /// As [`Switchboard::phone_call`].
    pub async fn browser_call(
        &self,
        id: &CallId,
        start: BrowserStart,
    ) -> Result<CallHandle, SwitchboardError> {
        self.call_of(id, VoiceStart::Browser(start)).await
    }

    /// The call of this id of a Realtime client, as [`Switchboard::browser_call`].
    ///
    /// # Errors
    /// As [`Switchboard::phone_call`].
    pub async fn realtime_call(
        &self,
        id: &CallId,
        start: RealtimeStart,
    ) -> Result<CallHandle, SwitchboardError> {
        self.call_of(id, VoiceStart::Realtime(start)).await
    }

    async fn call_of(&self, id: &CallId, start: VoiceStart) -> Result<CallHandle, SwitchboardError> {
        if let Some(handle) = self.existing(id).await? {
            return Ok(handle);
        }
        let opening = Opening::Voice(start);
        self.ask(|reply| SwitchboardMessage::Start { id: id.clone(), opening, reply }).await
    }

    /// The call of this id that a browser comes back to: the live one, or the one the journal remembers; `None` when
    /// one may begin.
    ///
    /// # Errors
    /// [`SwitchboardError::Draining`] when there is none and none may begin; else as [`Switchboard::find`].
    pub async fn existing(&self, id: &CallId) -> Result<Option<CallHandle>, SwitchboardError> {
        // A call that is there goes on, also while the service drains.
        if self.is_draining() {
            return self.live(id).map(Some).ok_or(SwitchboardError::Draining);
        }
        // One that the journal remembers is what it was.
        match self.find(id).await {
            Ok(handle) => Ok(Some(handle)),
            Err(SwitchboardError::UnknownCall(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The live call of this id.
    pub fn live(&self, id: &CallId) -> Option<CallHandle> {
        let handle = self.shared.calls.load().get(id).cloned()?;
        handle.is_live().then_some(handle)
    }

    /// A call that is live, or that the journal remembers as not ended.
    ///
    /// # Errors
    /// [`SwitchboardError::UnknownCall`] when there is none.
    pub async fn find(&self, id: &CallId) -> Result<CallHandle, SwitchboardError> {
        let handle = match self.live(id) {
            Some(handle) => handle,
            None => self.ask(|reply| SwitchboardMessage::Find { id: id.clone(), reply }).await?,
        };
        // A call that is reading its journal does not know yet what it is; one that is gone never will.
        let mut watch = handle.watch();
        let known = watch.wait_for(|call| call.state != CallState::Starting);
        let state = match tokio::time::timeout(READY_LIMIT, known).await {
            Ok(Ok(call)) => Some(call.state),
            Ok(Err(_)) | Err(_) => None,
        };
        match state {
            Some(CallState::Ended) => Err(SwitchboardError::UnknownCall(id.clone())),
            Some(_) => Ok(handle),
            None => Err(CallError::JournalUnavailable.into()),
        }
    }

    /// The calls held now, oldest first.
    pub fn calls(&self) -> Vec<CallSnapshot> {
        let mut calls: Vec<_> = self.shared.calls.load().values().map(CallHandle::snapshot).collect();
        calls.retain(|call| call.state != CallState::Ended);
        calls.sort_by_key(|call| call.started_at);
        calls
    }

    /// How many calls are held now.
    pub fn len(&self) -> usize {
        self.shared.calls.load().len()
    }

    /// Whether no call is held.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The persona of the default text call, live or not.
    pub fn default_persona(&self) -> PersonaKey {
        let live = self.shared.calls.load().get(&CallId::default_call()).map(|call| call.snapshot().persona);
        live.unwrap_or_else(|| self.shared.default_persona.clone())
    }

    /// Whether new calls are refused because the service is shutting down.
    pub fn is_draining(&self) -> bool {
        self.shared.draining.load(Ordering::Relaxed)
    }

    /// Takes no more requests, waits at most `limit` for the turns under way and for callers on the phone to hang up,
    /// has the phone calls that are left end politely, then leaves every text call to its journal: the next process
    /// takes it up again. Answers whether every turn came to its end.
    pub async fn drain(&self, limit: Duration) -> bool {
        self.shared.draining.store(true, Ordering::Relaxed);
        let mut answered = tokio::time::timeout(limit, self.until_quiet()).await.is_ok();
        if !answered {
            // Whoever is on the phone still hears that it is over, and why.
            let on_the_phone = self.on_the_phone();
            on_the_phone.iter().for_each(CallHandle::shut_down);
            let gone = async {
                for call in on_the_phone {
                    call.drained().await;
                }
            };
            answered = tokio::time::timeout(FAREWELL_LIMIT, gone).await.is_ok() && self.is_quiet();
        }
        self.actor.stop(Some("the service is shutting down".to_owned()));
        // Calls say goodbye to the model; one that cannot is left.
        let _ = self.actor.wait(Some(STOP_LIMIT)).await;
        answered
    }

    fn on_the_phone(&self) -> Vec<CallHandle> {
        let calls = self.shared.calls.load();
        calls.values().filter(|call| call.snapshot().transport != "text" && call.is_live()).cloned().collect()
    }

    /// Whether no call has a turn under way.
    fn is_quiet(&self) -> bool {
        self.shared.calls.load().values().all(|call| call.snapshot().state != CallState::Answering)
    }

    async fn until_quiet(&self) {
        let asked: Vec<_> = self.shared.calls.load().values().map(CallHandle::drained).collect();
        for quiet in asked {
            quiet.await;
        }
    }

    async fn ask(
        &self,
        message: impl FnOnce(oneshot::Sender<Result<CallHandle, SwitchboardError>>) -> SwitchboardMessage,
    ) -> Result<CallHandle, SwitchboardError> {
        let (reply, answer) = oneshot::channel();
        self.actor.cast(message(reply)).map_err(|_| SwitchboardError::Draining)?;
        answer.await.map_err(|_| SwitchboardError::Draining)?
    }
}

impl From<StoreError> for SwitchboardError {
    fn from(_: StoreError) -> Self {
        Self::Call(CallError::JournalUnavailable)
    }
}
