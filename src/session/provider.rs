//! Where sockets to the model come from: one endpoint, or two of which the second takes over. Shared by all calls, so
//! that what one call learns of an endpoint spares the others the attempt.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::admission::{Admission, Ask, Grant, Role, Ticket, Verdict};
use super::breaker::Standing;
use super::endpoint::{self, ConnectFailure, Endpoint, Stream};
use super::fault::Failure;
use crate::protocol::openai::ClientEvent;

/// Where another endpoint waits to take over, a socket must be open within this.
const LIMIT_WITH_FALLBACK: Duration = Duration::from_secs(4);
/// Sockets replaced in a second at each endpoint when nothing else is set.
pub const DEFAULT_PER_SECOND: u32 = 100;

/// The model's endpoints, and what is known of them.
#[derive(Clone)]
pub struct Provider {
    shared: Arc<Shared>,
}

struct Shared {
    primary: Endpoint,
    fallback: Option<Endpoint>,
    state: Mutex<State>,
}

struct State {
    admission: Admission,
    /// Who waits for their verdict.
    doors: HashMap<Ticket, oneshot::Sender<Verdict>>,
    /// When the earliest alarm goes off.
    alarm_at: Option<Instant>,
}

/// Why no socket came about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotOpened {
    /// An attempt was made, and failed.
    Failed {
        /// Where.
        role: Role,
        /// How.
        failure: ConnectFailure,
    },
    /// No attempt could be made before the deadline.
    Late {
        /// What went wrong last.
        why: String,
    },
    /// Every endpoint refuses us; no attempt was made.
    Refused {
        /// The provider's word for it.
        code: String,
    },
}

impl Provider {
    /// An endpoint, and another that takes over when it is out of reach. Each replaces at most `per_second` sockets in a
    /// second.
    pub fn new(primary: Endpoint, fallback: Option<Endpoint>, per_second: u32) -> Self {
        let within = |endpoint: Endpoint| {
            if fallback.is_some() { endpoint.within(LIMIT_WITH_FALLBACK) } else { endpoint }
        };
        let primary = within(primary);
        let fallback = fallback.map(|endpoint| endpoint.within(LIMIT_WITH_FALLBACK));
        let admission = Admission::new(fallback.is_some(), per_second);
        let state = Mutex::new(State { admission, doors: HashMap::new(), alarm_at: None });
        Self { shared: Arc::new(Shared { primary, fallback, state }) }
    }

    /// The model that is meant to answer.
    pub fn model(&self) -> Arc<str> {
        Arc::clone(self.shared.primary.model())
    }

    /// Whether no endpoint can be had now, as far as is known.
    pub fn is_away(&self) -> bool {
        self.shared.update(|admission, now| admission.is_away(now))
    }

    /// The word with which every endpoint refuses us, if every one does.
    pub fn refusal(&self) -> Option<String> {
        self.shared.update(|admission, now| admission.refusal(now).map(str::to_owned))
    }

    /// Waits until an attempt may be made, and makes it. Whoever does not wait any more drops the future.
    ///
    /// # Errors
    /// [`NotOpened`].
    pub async fn connect(&self, ask: Ask) -> Result<(Stream, Lease), NotOpened> {
        let asked_at = Instant::now();
        let grant = match self.shared.wait(ask).await {
            Verdict::Go(grant) => grant,
            Verdict::Late { why } => return Err(NotOpened::Late { why }),
            Verdict::Refused { code } => return Err(NotOpened::Refused { code }),
        };
        let role = grant.role.as_str();
        metrics::histogram!("ai_realtime_model_opening_wait_seconds", "endpoint" => role)
            .record(asked_at.elapsed().as_secs_f64());
        metrics::counter!("ai_realtime_model_openings_total", "endpoint" => role).increment(1);
        let mut lease =
            Lease { shared: Arc::clone(&self.shared), grant, since: Instant::now(), told: Told::Nothing };
        let opening = endpoint::connect(lease.endpoint());
        let late = || ConnectFailure { why: "no answer in time".to_owned(), failure: Failure::Slow };
        match timeout_at(ask.deadline, opening).await.unwrap_or_else(|_| Err(late())) {
            Ok(stream) => {
                self.shared.update(|admission, _| admission.opened(grant));
                Ok((stream, lease))
            }
            Err(failure) => {
                lease.failed(failure.failure, &failure.why);
                Err(NotOpened::Failed { role: grant.role, failure })
            }
        }
    }
}

impl From<Endpoint> for Provider {
    fn from(endpoint: Endpoint) -> Self {
        Self::new(endpoint, None, DEFAULT_PER_SECOND)
    }
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shared { primary, fallback, .. } = self.shared.as_ref();
        f.debug_struct("Provider")
            .field("primary", primary)
            .field("fallback", fallback)
            .finish_non_exhaustive()
    }
}

/// A socket's standing with the endpoint it leads to. Whoever has the socket tells what became of it; a lease that is
/// dropped without a word says nothing for or against the endpoint.
pub struct Lease {
    shared: Arc<Shared>,
    grant: Grant,
    since: Instant,
    told: Told,
}

/// What was told of a socket already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    Nothing,
    /// That it was of use, or lost: only a refusal would be news.
    Outcome,
    Refusal,
}

impl Lease {
    /// For how long there has been the socket.
    pub fn age(&self) -> Duration {
        self.since.elapsed()
    }

    /// Which endpoint it is.
    pub fn role(&self) -> Role {
        self.grant.role
    }

    /// The model on the other side.
    pub fn model(&self) -> Arc<str> {
        Arc::clone(self.endpoint().model())
    }

    /// An event in the words of this endpoint.
    pub fn adapt(&self, event: ClientEvent) -> ClientEvent {
        self.endpoint().adapt(event)
    }

    /// The model has confirmed who to be: if nothing goes wrong for a moment, the socket is of use.
    pub fn configured(&self) {
        if self.told == Told::Nothing {
            self.shared.update(|admission, now| admission.configured(self.grant, now));
        }
    }

    /// Something useful came through the socket.
    pub fn succeeded(&mut self) {
        if self.told == Told::Nothing {
            self.told = Told::Outcome;
            self.shared.update(|admission, now| admission.succeeded(self.grant, now));
        }
    }

    /// The socket was lost, or refuses us. What comes after it was of use counts only if it is a refusal.
    pub fn failed(&mut self, failure: Failure, why: &str) {
        let is_refusal = failure == Failure::Refused;
        match self.told {
            Told::Refusal => return,
            Told::Outcome if !is_refusal => return,
            Told::Nothing | Told::Outcome => {}
        }
        self.told = if is_refusal { Told::Refusal } else { Told::Outcome };
        let counts =
            |admission: &mut Admission, now| admission.failed(self.grant, failure, why, now, fastrand::f64());
        if self.shared.update(counts) {
            let (role, kind) = (self.grant.role.as_str(), failure.as_str());
            metrics::counter!("ai_realtime_model_opening_failures_total", "endpoint" => role, "kind" => kind)
                .increment(1);
        }
    }

    fn endpoint(&self) -> &Endpoint {
        match (self.grant.role, &self.shared.fallback) {
            (Role::Fallback, Some(fallback)) => fallback,
            (Role::Primary, _) | (Role::Fallback, None) => &self.shared.primary,
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.shared.update(|admission, now| admission.gone(self.grant, now));
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease").field("role", &self.grant.role).finish_non_exhaustive()
    }
}

impl Shared {
    /// Waits for the verdict on an ask.
    async fn wait(self: &Arc<Self>, ask: Ask) -> Verdict {
        let (door, verdict) = oneshot::channel();
        let ticket = {
            let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            let ticket = state.admission.ask(ask);
            if let Some(ticket) = ticket {
                state.doors.insert(ticket, door);
            }
            ticket
        };
        let too_many = || Verdict::Late { why: "too many calls wait for the model".to_owned() };
        let Some(ticket) = ticket else { return too_many() };
        let mut place = Place { shared: self, ticket, verdict };
        self.update(|_, _| ());
        (&mut place.verdict).await.unwrap_or_else(|_| too_many())
    }

    /// Changes what is known, and lets in whoever may go now.
    fn update<T>(self: &Arc<Self>, change: impl FnOnce(&mut Admission, Instant) -> T) -> T {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let before = self.standings(&state.admission);
        let changed = change(&mut state.admission, now);
        loop {
            let mut unheard = Vec::new();
            for (ticket, verdict) in state.admission.advance(now, fastrand::f64) {
                let told = state.doors.remove(&ticket).map(|door| door.send(verdict));
                if let Some(Err(Verdict::Go(grant))) = told {
                    unheard.push(grant);
                }
            }
            if unheard.is_empty() {
                break;
            }
            unheard.into_iter().for_each(|grant| state.admission.gone(grant, now));
        }
        self.set_alarm(&mut state);
        let after = self.standings(&state.admission);
        let waiting = state.admission.waiting();
        drop(state);
        metrics::gauge!("ai_realtime_model_openings_waiting").set(waiting as f64);
        for ((role, standing), (_, old)) in after.into_iter().zip(before) {
            tell_standing(role, standing, old);
        }
        changed
    }

    fn standings(&self, admission: &Admission) -> [(Role, Option<Standing>); 2] {
        [Role::Primary, Role::Fallback].map(|role| (role, admission.standing(role)))
    }

    fn set_alarm(self: &Arc<Self>, state: &mut State) {
        let Some(at) = state.admission.wake_at() else { return };
        if state.alarm_at.is_some_and(|alarm_at| alarm_at <= at) {
            return;
        }
        // At the very end nobody is left to be let in.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        state.alarm_at = Some(at);
        runtime.spawn(wake(Arc::downgrade(self), at));
    }
}

async fn wake(shared: Weak<Shared>, at: Instant) {
    sleep_until(at).await;
    if let Some(shared) = shared.upgrade() {
        let mut state = shared.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.alarm_at.take_if(|alarm_at| *alarm_at == at);
        drop(state);
        shared.update(|_, _| ());
    }
}

fn tell_standing(role: Role, standing: Option<Standing>, before: Option<Standing>) {
    let Some(standing) = standing.filter(|standing| Some(*standing) != before) else { return };
    let (role, degree) = (role.as_str(), standing.degree());
    metrics::gauge!("ai_realtime_model_breaker_state", "endpoint" => role).set(degree);
    match standing {
        Standing::Open => tracing::warn!(endpoint = role, "the model's endpoint is left alone for a while"),
        Standing::HalfOpen => tracing::info!(endpoint = role, "one call tries the model's endpoint again"),
        Standing::Closed => tracing::info!(endpoint = role, "the model's endpoint serves again"),
    }
}

/// A place among those who wait; dropping it gives it up.
struct Place<'a> {
    shared: &'a Arc<Shared>,
    ticket: Ticket,
    verdict: oneshot::Receiver<Verdict>,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.verdict.close();
        // What was granted to somebody who has just left goes to the next.
        let unheard = self.verdict.try_recv().ok();
        let ticket = self.ticket;
        let mut state = self.shared.state.lock().unwrap_or_else(PoisonError::into_inner);
        let was_waiting = state.doors.remove(&ticket).is_some();
        drop(state);
        match unheard {
            Some(Verdict::Go(grant)) => self.shared.update(|admission, now| admission.gone(grant, now)),
            Some(Verdict::Late { .. } | Verdict::Refused { .. }) | None if was_waiting => {
                self.shared.update(|admission, _| admission.leave(ticket));
            }
            Some(Verdict::Late { .. } | Verdict::Refused { .. }) | None => {}
        }
    }
}

#[cfg(test)]
mod tests;
