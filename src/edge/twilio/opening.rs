//! With what a phone call begins: whose number was called, and who answers it.

use std::sync::Arc;
use std::time::Duration;

use crate::call::{Direction, PhoneStart};
use crate::config::is_e164;
use crate::edge::Edge;
use crate::id::PersonaKey;
use crate::protocol::twilio::webhook::IncomingCall;
use crate::store::{BusinessProfile, StoreError};

use super::placed::Purpose;

/// A business that is not found within this is done without: the caller waits.
const LOOK_UP_LIMIT: Duration = Duration::from_secs(2);

/// Words that stand for a number that is withheld.
const WITHHELD: [&str; 5] = ["anonymous", "unknown", "restricted", "unavailable", "+266696687"];

/// With what a call begins. What cannot be found out leaves the defaults.
pub(super) async fn opening(edge: &Edge, call: &IncomingCall, purpose: Option<Purpose>) -> PhoneStart {
    let direction =
        if call.direction.starts_with("outbound") { Direction::Outbound } else { Direction::Inbound };
    let (caller, called) = match direction {
        Direction::Inbound => (&call.from, &call.to),
        Direction::Outbound => (&call.to, &call.from),
    };
    let purpose = purpose.unwrap_or_default();
    let business = find_business(edge, purpose.business_id.as_deref(), called).await;
    let wanted = purpose.persona.or_else(|| business.as_ref()?.default_persona.clone());
    PhoneStart {
        direction,
        caller: Some(caller).filter(|caller| !is_withheld(caller)).cloned(),
        called: Some(called.clone()),
        persona: wanted.filter(|persona| is_known(edge, persona)),
        business: business.map(Arc::new),
    }
}

/// The human to whom a caller is put through whom no persona can answer.
pub(super) fn human<'a>(edge: &'a Edge, start: &'a PhoneStart) -> Option<&'a str> {
    let of_the_business = start.business.as_ref().and_then(|business| business.transfer_number.as_deref());
    let of_the_business = of_the_business.filter(|number| can_be_dialled(number));
    of_the_business.or(edge.state.phone.settings.transfer_number.as_deref())
}

/// The business that is called on a number, or that was asked for.
pub(super) async fn find_business(
    edge: &Edge,
    business_id: Option<&str>,
    number: &str,
) -> Option<BusinessProfile> {
    let store = &edge.state.store;
    let number = number.strip_prefix("whatsapp:").unwrap_or(number);
    let look_up = async {
        match business_id {
            Some(id) => store.business(id).await,
            None => store.business_by_number(number).await,
        }
    };
    let limit_ms = LOOK_UP_LIMIT.as_millis().try_into().unwrap_or(u64::MAX);
    let found = tokio::time::timeout(LOOK_UP_LIMIT, look_up).await;
    found.unwrap_or(Err(StoreError::Timeout { limit_ms })).unwrap_or_else(|error| {
        tracing::error!(
            error = &error as &dyn std::error::Error,
            "a business could not be looked up; its caller is answered as anybody's"
        );
        None
    })
}

/// Whether there is such a persona. A business may name one that is gone.
pub(super) fn is_known(edge: &Edge, persona: &PersonaKey) -> bool {
    let known = edge.state.library.catalog().persona(persona).is_some();
    if !known {
        tracing::warn!(persona = %persona, "a business names a persona that is not there: the default one answers");
    }
    known
}

/// Whether this is a number, or an address, that Twilio can dial.
pub(super) fn can_be_dialled(to: &str) -> bool {
    let address = ["client:", "sip:", "sips:"].iter().find_map(|kind| to.strip_prefix(kind));
    address.map_or_else(|| is_e164(to), |rest| !rest.is_empty())
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

    #[test]
    fn numbers_clients_and_sip_addresses_can_be_dialled() {
        assert!(["+35699123456", "client:desk", "sip:desk@example.com"].into_iter().all(can_be_dialled));
        assert!(
            !["", "99123456", "client:", "whatsapp:+35699123456", "https://x"]
                .into_iter()
                .any(can_be_dialled)
        );
    }
}
