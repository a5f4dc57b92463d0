//! The switchboard's actor: the one place where calls begin and are counted.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::Timestamp;
use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef, SupervisionEvent};
use tokio::sync::{oneshot, watch};

use super::{Shared, SwitchboardError};
use crate::call::journal::to_the_millisecond;
use crate::call::{
    CallActor, CallArguments, CallDependencies, CallError, CallHandle, CallSnapshot, CallState, PhoneStart,
    VoiceStart, known_persona,
};
use crate::id::{CallId, PersonaKey};
use crate::store::{BusinessProfile, Store, StoreError};

/// Calls that sleep are kept at hand up to this many times those that may talk; then the one that has slept for
/// longest is left to its journal.
const ASLEEP_PER_CALL: usize = 4;
/// Stopping calls have this long.
const CALLS_STOP_LIMIT: Duration = Duration::from_secs(4);

type Reply = oneshot::Sender<Result<CallHandle, SwitchboardError>>;

/// What the switchboard is told.
#[derive(Debug)]
pub(super) enum SwitchboardMessage {
    /// The call of this id, begun if there is none.
    Start { id: CallId, opening: Opening, reply: Reply },
    /// The call of this id, if it is live or the journal remembers it.
    Find { id: CallId, reply: Reply },
    /// Of the actor's own making: what the journal says of a call.
    Remembered { id: CallId, goes_on: Result<bool, StoreError>, reply: Reply },
}

/// What a call begins with that was not there.
#[derive(Debug)]
pub(super) enum Opening {
    /// Words.
    Text {
        /// Who answers them; the default persona when absent.
        persona: Option<PersonaKey>,
        /// Whose caller it is.
        business: Option<Arc<BusinessProfile>>,
    },
    /// A ringing phone, or someone at a browser.
    Voice(VoiceStart),
}

#[derive(Debug)]
pub(super) struct SwitchboardArguments {
    pub(super) dependencies: Arc<CallDependencies>,
    pub(super) shared: Arc<Shared>,
}

#[derive(Debug)]
pub(super) struct SwitchboardActor;

impl Actor for SwitchboardActor {
    type Msg = SwitchboardMessage;
    type State = SwitchboardArguments;
    type Arguments = SwitchboardArguments;

    async fn pre_start(
        &self,
        _myself: ActorRef<SwitchboardMessage>,
        arguments: SwitchboardArguments,
    ) -> Result<SwitchboardArguments, ActorProcessingErr> {
        Ok(arguments)
    }

    async fn handle(
        &self,
        myself: ActorRef<SwitchboardMessage>,
        message: SwitchboardMessage,
        state: &mut SwitchboardArguments,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            SwitchboardMessage::Start { id, opening, reply } => {
                let call = state.start(&myself, id, opening).await;
                let _ = reply.send(call);
            }
            SwitchboardMessage::Find { id, reply } => state.find(&myself, id, reply),
            SwitchboardMessage::Remembered { id, goes_on, reply } => {
                let call = match goes_on {
                    Ok(true) => {
                        state.start(&myself, id, Opening::Text { persona: None, business: None }).await
                    }
                    Ok(false) => Err(SwitchboardError::UnknownCall(id)),
                    Err(error) => {
                        tracing::error!(error = %error, "the journal cannot be read");
                        Err(error.into())
                    }
                };
                let _ = reply.send(call);
            }
        }
        Ok(())
    }

    /// The policy for calls: one that ends, however, is taken off the list. What it was is in its journal, and
    /// whoever speaks to it next takes it up again from there.
    async fn handle_supervisor_evt(
        &self,
        _myself: ActorRef<SwitchboardMessage>,
        event: SupervisionEvent,
        state: &mut SwitchboardArguments,
    ) -> Result<(), ActorProcessingErr> {
        match event {
            SupervisionEvent::ActorTerminated(call, _, _) => state.remove(&call),
            SupervisionEvent::ActorFailed(call, error) => {
                metrics::counter!("ai_realtime_call_failures_total").increment(1);
                // What a panic says may quote what was said: it is no line for everybody.
                tracing::debug!(error = %error, "a call failed");
                let call_id = state.id_of(&call);
                tracing::error!(
                    call_id,
                    "a call failed: whoever speaks to it next takes it up from its journal"
                );
                state.remove(&call);
            }
            SupervisionEvent::ActorStarted(_) | SupervisionEvent::ProcessGroupChanged(_) => {}
        }
        Ok(())
    }

    async fn post_stop(
        &self,
        myself: ActorRef<SwitchboardMessage>,
        _state: &mut SwitchboardArguments,
    ) -> Result<(), ActorProcessingErr> {
        myself.stop_children_and_wait(None, Some(CALLS_STOP_LIMIT)).await;
        Ok(())
    }
}

impl Opening {
    fn persona(&self) -> Option<&PersonaKey> {
        match self {
            Self::Text { persona, .. } => persona.as_ref(),
            Self::Voice(start) => start.persona(),
        }
    }
}

impl SwitchboardArguments {
    async fn start(
        &self,
        myself: &ActorRef<SwitchboardMessage>,
        id: CallId,
        opening: Opening,
    ) -> Result<CallHandle, SwitchboardError> {
        let calls = self.shared.calls.load_full();
        if self.shared.draining.load(Ordering::Relaxed) {
            return Err(SwitchboardError::Draining);
        }
        if let Some(live) = calls.get(&id).filter(|call| call.is_live()) {
            return Ok(live.clone());
        }
        self.shared.check_room()?;
        // Calls that sleep hold no place of those who talk, but not without end.
        let over = (calls.len() + 1).saturating_sub(ASLEEP_PER_CALL * self.shared.max_calls as usize);
        for call in longest_asleep(&calls, over) {
            call.retire();
        }
        if let Some(key) = opening.persona() {
            known_persona(key, &self.dependencies.library.catalog())?;
        }
        let handle = self.spawn(myself, id.clone(), opening).await?;
        self.change(|calls| drop(calls.insert(id, handle.clone())));
        metrics::counter!("ai_realtime_calls_total").increment(1);
        Ok(handle)
    }

    async fn spawn(
        &self,
        myself: &ActorRef<SwitchboardMessage>,
        id: CallId,
        opening: Opening,
    ) -> Result<CallHandle, CallError> {
        let persona = opening.persona().cloned();
        let (voice, business) = match opening {
            Opening::Text { business, .. } => (None, business),
            Opening::Voice(start) => {
                let business = start.business().cloned();
                (Some(start), business)
            }
        };
        let facts = voice.as_ref().and_then(VoiceStart::phone).map(PhoneStart::facts);
        let (from, to) = facts.map_or((None, None), |facts| (facts.from, facts.to));
        let business_id = business.as_ref().and_then(|business| business.known_id().cloned());
        let (snapshot, shown) = watch::channel(CallSnapshot {
            call_id: id.clone(),
            transport: voice.as_ref().map_or("text", VoiceStart::transport),
            persona: persona.clone().unwrap_or_else(|| self.dependencies.default_persona.clone()),
            state: CallState::Starting,
            from,
            to,
            business_id,
            started_at: to_the_millisecond(Timestamp::now()),
            turns: 0,
            node: Arc::clone(&self.dependencies.node),
            asleep_since: None,
            journaled: 0,
            first_seq: 0,
        });
        let dependencies = Arc::clone(&self.dependencies);
        let arguments =
            CallArguments { call_id: id.clone(), persona, voice, business, dependencies, snapshot };
        let spawned = Actor::spawn_linked(None, CallActor, arguments, myself.get_cell()).await;
        match spawned {
            Ok((call, _)) => Ok(CallHandle::new(id, call, shown)),
            Err(error) => {
                tracing::error!(error = %error, "a call could not be started");
                Err(CallError::Ended)
            }
        }
    }

    /// Asks the journal aside whether the call goes on.
    fn find(&self, myself: &ActorRef<SwitchboardMessage>, id: CallId, reply: Reply) {
        match self.shared.calls.load().get(&id) {
            Some(live) if live.is_live() => return drop(reply.send(Ok(live.clone()))),
            Some(ended) if ended.snapshot().state == CallState::Ended => {
                return drop(reply.send(Err(SwitchboardError::UnknownCall(id))));
            }
            // One that stopped without having ended is taken up again.
            Some(_) | None => {}
        }
        let (myself, store) = (myself.clone(), self.dependencies.store.clone());
        tokio::spawn(async move {
            let goes_on = goes_on(&store, &id).await;
            // A switchboard that is gone answers nobody.
            let _ = myself.cast(SwitchboardMessage::Remembered { id, goes_on, reply });
        });
    }

    fn id_of(&self, call: &ActorCell) -> Option<String> {
        let calls = self.shared.calls.load();
        let failed = calls.values().find(|handle| handle.actor().get_id() == call.get_id());
        failed.map(|handle| handle.id().to_string())
    }

    fn remove(&self, call: &ActorCell) {
        self.change(|calls| calls.retain(|_, handle| handle.actor().get_id() != call.get_id()));
    }

    /// Calls begin and end rarely beside how often they are looked up: the list is replaced as a whole.
    fn change(&self, change: impl FnOnce(&mut BTreeMap<CallId, CallHandle>)) {
        let mut calls = BTreeMap::clone(&self.shared.calls.load());
        change(&mut calls);
        metrics::gauge!("ai_realtime_calls").set(calls.len() as f64);
        self.shared.calls.store(Arc::new(calls));
    }
}

/// The `most` calls that have been asleep for longest; the default one is never let go.
fn longest_asleep(calls: &BTreeMap<CallId, CallHandle>, most: usize) -> Vec<&CallHandle> {
    if most == 0 {
        return Vec::new();
    }
    let asleep = calls.values().filter(|call| call.snapshot().state == CallState::Asleep);
    let mut asleep: Vec<_> = asleep.filter(|call| call.id().as_str() != CallId::DEFAULT).collect();
    asleep.sort_by_key(|call| call.snapshot().asleep_since);
    asleep.truncate(most);
    asleep
}

async fn goes_on(store: &Store, id: &CallId) -> Result<bool, StoreError> {
    let newest = store.latest_event(id, None).await?;
    Ok(newest.is_some_and(|event| event.kind != "call.ended"))
}
