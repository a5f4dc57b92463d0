//! Which text call a message belongs to. Pure.

use std::fmt::Write;

use sha2::{Digest, Sha256};

use crate::id::CallId;

/// How many bytes of the digest name a call.
const BYTES: usize = 16;

/// The call of everything one sender writes to one address of ours. It is a digest of both: call ids stand in logs,
/// and numbers must not.
pub(super) fn call_of(from: &str, to: &str) -> Option<CallId> {
    let kind = if from.starts_with("whatsapp:") { "wa" } else { "sms" };
    let digest = Sha256::new().chain_update(from).chain_update("\n").chain_update(to).finalize();
    let mut id = format!("{kind}:");
    for byte in digest.iter().take(BYTES) {
        // Writing to a text cannot fail.
        let _ = write!(id, "{byte:02x}");
    }
    id.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_sender_and_one_address_are_one_call_that_shows_neither() {
        let id = |from: &str, to: &str| call_of(from, to).unwrap().to_string();
        let sms = id("+35699123456", "+35670000001");
        assert_eq!(sms, id("+35699123456", "+35670000001"));
        assert!(sms.starts_with("sms:") && sms.len() == 36 && !sms.contains("99123456"), "{sms}");
        assert_ne!(sms, id("+35699123457", "+35670000001"));
        assert_ne!(sms, id("+35699123456", "+35670000002"));
        assert!(id("whatsapp:+35699123456", "whatsapp:+35670000001").starts_with("wa:"));
        assert!(id("whatsapp:Zoë/🦀", "whatsapp:+1").starts_with("wa:"), "an opaque sender has a call too");
    }
}
