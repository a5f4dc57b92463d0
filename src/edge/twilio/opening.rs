//! With what a phone call begins: whose number was called, and who answers it.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use crate::call::{Direction, PhoneStart};
use crate::edge::Edge;
use crate::id::PersonaKey;
use crate::protocol::twilio::webhook::IncomingCall;
use crate::store::{BusinessProfile, StoreError};

/// A business that is not found within this is not waited for: the caller waits.
const LOOK_UP_LIMIT: Duration = Duration::from_secs(2);

/// Words that stand for a number that is withheld.
const WITHHELD: [&str; 5] = ["anonymous", "unknown", "restricted", "unavailable", "+266696687"];

/// What a call was placed for. It stands in the URL the call asks at, which is signed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub(in crate::edge) struct Purpose {
    /// Who shall speak.
    pub(super) persona: Option<PersonaKey>,
    /// For which business.
    pub(super) business_id: Option<String>,
}

/// Why it is not known whose caller this is. They are turned away: as nobody's they would be told of every business.
#[derive(Debug, thiserror::Error)]
pub(super) enum LookUpError {
    /// The store does not say.
    #[error("whose caller this is could not be looked up")]
    Store(#[from] StoreError),
    /// The business is gone since the call was placed.
    #[error("the business the call was placed for is not there")]
    Gone,
}

/// With what a call begins. A number that belongs to no business is no error.
///
/// # Errors
/// [`LookUpError`]; then there are the [`parties`] still.
pub(super) async fn opening(
    edge: &Edge,
    call: &IncomingCall,
    purpose: Purpose,
) -> Result<PhoneStart, LookUpError> {
    let parties = parties(call);
    let business = match &purpose.business_id {
        Some(id) => Some(within_limit(edge.state.store.business(id)).await?.ok_or(LookUpError::Gone)?),
        None => business_of(edge, parties.called.as_deref().unwrap_or_default()).await?,
    };
    let wanted = purpose.persona.or_else(|| business.as_ref()?.default_persona.clone());
    Ok(PhoneStart {
        persona: wanted.filter(|persona| is_known(edge, persona)),
        business: business.map(Arc::new),
        ..parties
    })
}

/// What a call says of itself: who called whom.
pub(super) fn parties(call: &IncomingCall) -> PhoneStart {
    let direction =
        if call.direction.starts_with("outbound") { Direction::Outbound } else { Direction::Inbound };
    let (caller, called) = match direction {
        Direction::Inbound => (&call.from, &call.to),
        Direction::Outbound => (&call.to, &call.from),
    };
    PhoneStart {
        direction,
        caller: Some(caller).filter(|caller| !is_withheld(caller)).cloned(),
        called: Some(called).filter(|called| !called.is_empty()).cloned(),
        persona: None,
        business: None,
    }
}

/// The business that is called, or written to, on a number; `None` when there is none.
pub(super) async fn business_of(edge: &Edge, number: &str) -> Result<Option<BusinessProfile>, StoreError> {
    let number = number.strip_prefix("whatsapp:").unwrap_or(number);
    within_limit(edge.state.store.business_by_number(number)).await
}

/// The language of a business, if that can be found out.
pub(super) async fn language_of(edge: &Edge, business_id: &str) -> Option<String> {
    let business = within_limit(edge.state.store.business(business_id)).await;
    business.ok().flatten().and_then(|business| business.language)
}

async fn within_limit<T>(look_up: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    let limit_ms = LOOK_UP_LIMIT.as_millis().try_into().unwrap_or(u64::MAX);
    let found = tokio::time::timeout(LOOK_UP_LIMIT, look_up).await;
    found.unwrap_or(Err(StoreError::Timeout { limit_ms }))
}

/// Whether there is such a persona. A business, or a call that was placed, may name one that is gone.
pub(super) fn is_known(edge: &Edge, persona: &PersonaKey) -> bool {
    let known = edge.state.library.catalog().persona(persona).is_some();
    if !known {
        tracing::warn!(persona = %persona, "a persona that was asked for is not there: the default one answers");
    }
    known
}

fn is_withheld(number: &str) -> bool {
    number.is_empty() || WITHHELD.iter().any(|word| number.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_withheld_number_is_none() {
        assert!(["", "Anonymous", "restricted", "+266696687"].into_iter().all(is_withheld));
        assert!(!is_withheld("+35699123456") && !is_withheld("client:zoe"));
    }
}
