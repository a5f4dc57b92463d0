//! With what a phone call begins: whose number was called, and who answers it.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use crate::call::{Direction, PhoneStart};
use crate::edge::Edge;
use crate::id::{BusinessId, PersonaKey};
use crate::protocol::twilio::webhook::IncomingCall;
use crate::store::directory::DirectoryError;
use crate::store::{BusinessProfile, Lookup, StoreError};

/// A business that is not found within this is looked for by the call itself, while it rings.
const RINGING_LIMIT: Duration = Duration::from_millis(25);
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
    pub(super) business_id: Option<BusinessId>,
}

impl Purpose {
    /// How to find the business.
    fn lookup(&self, parties: &PhoneStart) -> Lookup {
        match &self.business_id {
            Some(id) => Lookup::Id(id.clone()),
            None => number(parties.called.as_deref().unwrap_or_default()),
        }
    }
}

/// With what a call begins. A number that belongs to no business is no error.
///
/// # Errors
/// [`DirectoryError`]; then there are the [`parties`] still.
pub(super) async fn opening(
    edge: &Edge,
    call: &IncomingCall,
    purpose: Purpose,
) -> Result<PhoneStart, DirectoryError> {
    let parties = parties(call);
    let lookup = purpose.lookup(&parties);
    let business = within_limit(edge.state.directory.find(&lookup)).await?;
    Ok(with_business(edge, parties, purpose.persona, business))
}

/// With what a call begins that rings, and does not wait: when the business is not found at once, the call has to find
/// out.
///
/// # Errors
/// As [`opening`], when that is known at once.
pub(super) async fn ringing(
    edge: &Edge,
    call: &IncomingCall,
    purpose: Purpose,
) -> Result<PhoneStart, DirectoryError> {
    let parties = parties(call);
    let lookup = purpose.lookup(&parties);
    match tokio::time::timeout(RINGING_LIMIT, edge.state.directory.find(&lookup)).await {
        Ok(business) => Ok(with_business(edge, parties, purpose.persona, business?)),
        Err(_elapsed) => {
            metrics::counter!("ai_realtime_late_businesses_total").increment(1);
            let start = with_business(edge, parties, purpose.persona, None);
            Ok(PhoneStart { sought: Some(lookup), ..start })
        }
    }
}

fn with_business(
    edge: &Edge,
    parties: PhoneStart,
    persona: Option<PersonaKey>,
    business: Option<Arc<BusinessProfile>>,
) -> PhoneStart {
    let wanted = persona.or_else(|| business.as_ref()?.default_persona.clone());
    PhoneStart { persona: wanted.filter(|persona| is_known(edge, persona)), business, ..parties }
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
        sought: None,
    }
}

/// Whose caller it is who writes to a number.
///
/// # Errors
/// [`DirectoryError`].
pub(super) async fn business_of(
    edge: &Edge,
    written_to: &str,
) -> Result<Option<Arc<BusinessProfile>>, DirectoryError> {
    within_limit(edge.state.directory.find(&number(written_to))).await
}

fn number(called: &str) -> Lookup {
    Lookup::Number(called.strip_prefix("whatsapp:").unwrap_or(called).to_owned())
}

/// The language of a business, if that can be found out.
pub(super) async fn language_of(edge: &Edge, business_id: &BusinessId) -> Option<String> {
    let business = within_limit(edge.state.store.business(business_id.as_str())).await;
    business.ok().flatten().and_then(|business| business.language)
}

async fn within_limit<T, E: From<StoreError>>(look_up: impl Future<Output = Result<T, E>>) -> Result<T, E> {
    let limit_ms = LOOK_UP_LIMIT.as_millis().try_into().unwrap_or(u64::MAX);
    let found = tokio::time::timeout(LOOK_UP_LIMIT, look_up).await;
    found.unwrap_or_else(|_elapsed| Err(StoreError::Timeout { limit_ms }.into()))
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
