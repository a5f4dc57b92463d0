//! `X-Twilio-Signature`, as Twilio makes it.
//!
//! Source: <https://www.twilio.com/docs/usage/security#validating-requests>

use std::collections::BTreeSet;

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

/// Signs a request: base64 of the HMAC-SHA1, under the account's token, of the URL as it was written (without its
/// fragment) and the decoded parameters in the order of their bytes, a pair that comes twice counted once.
/// A `GET` and the upgrade of a stream have no parameters.
pub fn sign(token: &str, url: &str, params: &[(String, String)]) -> String {
    let url = url.split('#').next().unwrap_or_default();
    let sorted: BTreeSet<&(String, String)> = params.iter().collect();
    // An HMAC takes a key of any length.
    let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(token.as_bytes()) else { return String::new() };
    mac.update(url.as_bytes());
    for (name, value) in sorted {
        mac.update(name.as_bytes());
        mac.update(value.as_bytes());
    }
    base64_simd::STANDARD.encode_to_string(mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "12345678901234567890123456789012";

    fn params(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn a_call() -> Vec<(String, String)> {
        params(&[
            ("CallSid", "CA0123456789abcdef0123456789abcdef"),
            ("AccountSid", "AC0123456789abcdef0123456789abcdef"),
            ("From", "+14158675309"),
            ("To", "+18005551212"),
            ("CallStatus", "ringing"),
            ("ApiVersion", "2010-04-01"),
            ("Direction", "inbound"),
        ])
    }

    /// Computed with Twilio's own Python library, 9.13.0.
    #[test]
    fn signatures_are_those_of_twilios_own_library() {
        let message = params(&[
            ("MessageSid", "SM0123456789abcdef0123456789abcdef"),
            ("From", "whatsapp:+14158675309"),
            ("To", "whatsapp:+18005551212"),
            ("Body", "Grüße & 1+1=2 ☎"),
            ("NumMedia", "0"),
            ("ProfileName", "Zoë"),
            ("WaId", "14158675309"),
        ]);
        let twice = params(&[("a", "2"), ("a", "1"), ("a", "2"), ("B", "x"), ("b", "y")]);
        let empty = params(&[("CallSid", "CA1"), ("CallerName", ""), ("From", "+1")]);
        let cases = [
            (
                "https://voice.example.com/twilio/voice?tenant=acme&v=2",
                a_call(),
                "tav2KZTp0z42cYYXnKv/q3Cl0Jo=",
            ),
            (
                "https://voice.example.com:8443/twilio/voice?tenant=acme&v=2",
                a_call(),
                "FIxKa6o06fV4pRDzFVVbEAc4iXk=",
            ),
            ("https://voice.example.com/twilio/messages", message, "aO7yFimf9nbs89IGNgqKScsWcRQ="),
            ("wss://voice.example.com/twilio/stream", Vec::new(), "2HFYhF408UzoPO2wrzNVJxiUSdc="),
            ("wss://voice.example.com/twilio/stream/", Vec::new(), "g6x83qtmJoVGtQEf7kHXBcUVluA="),
            ("https://voice.example.com/twilio/multi", twice, "P0+KXTJUprCzP3vCZUhyERZBnfs="),
            ("https://voice.example.com/twilio/voice", empty, "xf7KXObXjnjkecDbAY9EVF4gvxs="),
            (
                "https://voice.example.com/twilio/voice?CallSid=CA1&From=%2B14158675309",
                Vec::new(),
                "JpXTjW1RWqoCk2Z6GBGiOOW6eXk=",
            ),
        ];
        for (url, params, signature) in cases {
            assert_eq!(sign(TOKEN, url, &params), signature, "{url}");
        }
    }

    #[test]
    fn the_fragment_of_a_configured_url_is_not_signed() {
        let url = "https://voice.example.com/twilio/voice";
        assert_eq!(sign(TOKEN, &format!("{url}#rc=2&rp=5xx"), &a_call()), sign(TOKEN, url, &a_call()));
    }
}
