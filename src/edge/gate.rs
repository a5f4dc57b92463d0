//! Who is let in: by one of the API's keys, or for a WebSocket by a client secret that was made with one; and how many
//! connections each may have.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::StatusCode;
use tokio::time::Instant;

use super::Edge;
use super::error::ApiError;
use super::realtime::handshake::Wishes;
use super::realtime::limits::{ConnectionLimits, Crowded, Holder, Turnstile};
use super::realtime::secrets::{Grant, NotGranted, Secrets, TooMany};
use crate::config::RealtimeSettings;
use crate::id::BusinessId;
use crate::secret::ApiKeys;
use crate::store::directory::DirectoryError;
use crate::store::{BusinessProfile, Lookup};

/// What the API's doors share.
#[derive(Debug)]
pub(super) struct Gate {
    keys: ApiKeys,
    secrets: Mutex<Secrets>,
    turnstile: Arc<Mutex<Turnstile>>,
}

/// Someone who was let in.
#[derive(Debug, Clone)]
pub(super) struct Guest {
    holder: Holder,
    /// What the client secret grants that was shown.
    grant: Option<Arc<Grant>>,
}

/// A place among the connections of its holder, for as long as it is kept.
#[derive(Debug)]
pub(super) struct Seat {
    turnstile: Arc<Mutex<Turnstile>>,
    holder: Holder,
}

impl Drop for Seat {
    fn drop(&mut self) {
        locked(&self.turnstile).leave(self.holder);
    }
}

impl Gate {
    pub(super) fn new(keys: ApiKeys, settings: &RealtimeSettings) -> Self {
        let limits = ConnectionLimits {
            at_once: settings.connections_per_key,
            per_minute: settings.new_connections_per_minute,
        };
        Self {
            keys,
            secrets: Mutex::new(Secrets::new(settings.max_client_secrets)),
            turnstile: Arc::new(Mutex::new(Turnstile::new(limits))),
        }
    }

    /// Lets in whoever shows a key, or everyone where there are none.
    pub(super) fn admit(&self, shown: Option<&str>) -> Option<Guest> {
        let holder = match shown.and_then(|key| self.keys.place_of(key)) {
            Some(place) => Holder::Key(place),
            None if self.keys.is_empty() => Holder::Anyone,
            None => return None,
        };
        Some(Guest { holder, grant: None })
    }

    /// Lets a WebSocket in, for which a client secret does too.
    pub(super) fn admit_socket(&self, shown: Option<&str>) -> Option<Guest> {
        let found = shown.and_then(|secret| locked(&self.secrets).find(secret, Instant::now()));
        match found {
            Some((holder, grant)) => Some(Guest { holder, grant: Some(grant) }),
            None => self.admit(shown),
        }
    }

    /// Makes a client secret good for so long, in the name of who asks for it.
    pub(super) fn give(
        &self,
        guest: &Guest,
        secret: &str,
        good_for: Duration,
        grant: Grant,
    ) -> Result<(), TooMany> {
        locked(&self.secrets).give(secret, good_for, guest.holder, grant, Instant::now())
    }

    /// A place for one more connection.
    ///
    /// # Errors
    /// What to tell who has too many.
    pub(super) fn seat(&self, guest: &Guest) -> Result<Seat, ApiError> {
        let entered = locked(&self.turnstile).enter(guest.holder, Instant::now());
        entered.map_err(crowded)?;
        Ok(Seat { turnstile: Arc::clone(&self.turnstile), holder: guest.holder })
    }
}

impl Guest {
    /// What a client gets that wishes this.
    ///
    /// # Errors
    /// What to tell whose secret does not grant it.
    pub(super) fn settle(&self, wishes: Wishes) -> Result<Wishes, ApiError> {
        match &self.grant {
            Some(grant) => grant.settle(wishes).map_err(not_granted),
            None => Ok(wishes),
        }
    }

    /// Whose callers they are who show this guest's secret.
    pub(super) fn business_id(&self) -> Option<&BusinessId> {
        self.grant.as_ref()?.business_id.as_ref()
    }
}

impl Edge {
    /// Whose caller a new call of this guest's is for.
    ///
    /// # Errors
    /// As the directory fails.
    pub(super) async fn business_of(
        &self,
        guest: &Guest,
    ) -> Result<Option<Arc<BusinessProfile>>, DirectoryError> {
        let directory = &self.state.directory;
        match guest.business_id() {
            Some(id) => directory.find(&Lookup::Id(id.clone())).await,
            None => directory.unnamed().await,
        }
    }
}

fn crowded(why: Crowded) -> ApiError {
    metrics::counter!("ai_realtime_connections_refused_total", "reason" => why.label()).increment(1);
    let sentence = match why {
        Crowded::AtOnce => "this key has as many connections as CONNECTIONS_PER_KEY allows: close some first",
        Crowded::PerMinute { .. } => {
            "this key opened as many connections in a minute as NEW_CONNECTIONS_PER_MINUTE allows: wait a while"
        }
    };
    ApiError::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", sentence).retry_after(why.retry_after())
}

fn not_granted(why: NotGranted) -> ApiError {
    let sentence = match why {
        NotGranted::Call => "this client secret was made for another call: leave the call's id out",
        NotGranted::Persona => "this client secret was made for another persona: leave the persona out",
    };
    ApiError::new(StatusCode::FORBIDDEN, "not_granted", sentence)
}

/// What is kept is whole after every step.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
