//! The humans callers are put through to: who can be dialled, and how. Pure.

use crate::config::is_e164;
use crate::id::CallId;

/// How long a human's phone rings, in seconds.
pub const RING_S: u32 = 25;

/// Addresses that are not on the telephone network.
const ADDRESSES: [&str; 3] = ["client:", "sip:", "sips:"];

/// A human to be dialled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DialPlan<'a> {
    /// A number in E.164, or a `client:` or `sip:` address.
    pub to: &'a str,
    /// The number they see.
    pub caller_id: Option<&'a str>,
    /// How long it rings, in seconds.
    pub timeout_s: u32,
    /// The call about which they are told something before the caller is put through.
    pub whisper_of: Option<&'a CallId>,
}

impl<'a> DialPlan<'a> {
    /// A plan that shows them this number, if it is one: Twilio refuses to dial with any other `callerId`. Without it
    /// they see the caller's.
    pub fn new(to: &'a str, caller_id: Option<&'a str>) -> Self {
        let caller_id = caller_id.filter(|number| is_e164(number));
        Self { to, caller_id, timeout_s: RING_S, whisper_of: None }
    }

    /// Tells them something of this call before.
    #[must_use]
    pub fn whispering(self, call: &'a CallId) -> Self {
        Self { whisper_of: Some(call), ..self }
    }
}

/// The human a caller is put through to: the business's, or else the service's; the first who can be dialled for this
/// caller.
pub fn human<'a>(
    of_the_business: Option<&'a str>,
    of_the_service: Option<&'a str>,
    caller: Option<&str>,
) -> Option<&'a str> {
    let mut known = [of_the_business, of_the_service].into_iter().flatten();
    known.find(|to| can_be_dialled(to) && may_be_dialled(caller, to))
}

/// Whether this is a number, or an address, that Twilio can dial.
pub fn can_be_dialled(to: &str) -> bool {
    let address = ADDRESSES.iter().find_map(|kind| to.strip_prefix(kind));
    address.map_or_else(|| is_e164(to), |rest| !rest.is_empty())
}

/// Whether a caller may be put through there. Meta forbids to connect a WhatsApp call with the telephone network.
/// Source: <https://www.twilio.com/docs/voice/whatsapp-business-calling>
pub fn may_be_dialled(caller: Option<&str>, to: &str) -> bool {
    let by_whatsapp = caller.is_some_and(|caller| caller.starts_with("whatsapp:"));
    let on_the_telephone_network = !ADDRESSES.iter().any(|kind| to.starts_with(kind));
    !(by_whatsapp && on_the_telephone_network)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_clients_and_sip_addresses_can_be_dialled() {
        assert!(["+35699123456", "client:desk", "sip:desk@example.com"].into_iter().all(can_be_dialled));
        let others = ["", "99123456", "client:", "whatsapp:+35699123456", "https://x"];
        assert!(!others.into_iter().any(can_be_dialled));
    }

    #[test]
    fn a_whatsapp_caller_is_not_connected_with_the_telephone_network() {
        assert!(may_be_dialled(Some("+15550100"), "+15550101") && may_be_dialled(None, "+15550101"));
        assert!(!may_be_dialled(Some("whatsapp:+15550100"), "+15550101"));
        assert!(may_be_dialled(Some("whatsapp:+15550100"), "client:desk"));
    }

    #[test]
    fn the_first_human_who_can_be_dialled_is_it() {
        let (desk, owner) = (Some("client:desk"), Some("+35699000000"));
        assert_eq!(human(owner, Some("+35699000001"), None), owner);
        assert_eq!(human(Some("ask for Zoë"), owner, None), owner);
        assert_eq!(human(owner, desk, Some("whatsapp:+1555010")), desk);
        assert_eq!(human(owner, None, Some("whatsapp:+1555010")), None);
        assert_eq!(human(None, None, None), None);
    }

    #[test]
    fn only_a_number_is_shown_to_them() {
        for no_number in
            ["", "anonymous", "client:zoe", "whatsapp:+35699123456", "99123456", "sip:a@example.com"]
        {
            assert_eq!(DialPlan::new("+35699000000", Some(no_number)).caller_id, None, "{no_number}");
        }
        assert_eq!(DialPlan::new("+35699000000", Some("+35670000001")).caller_id, Some("+35670000001"));
    }
}
