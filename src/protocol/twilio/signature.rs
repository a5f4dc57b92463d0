//! Signatures: how a request proves that Twilio sent it. Twilio signs the URL it was told to call, exactly as it was
//! told, and the decoded form; so the URL is built from our own configuration and never from `Host`.
//!
//! Source: <https://www.twilio.com/docs/usage/webhooks/webhooks-security>

mod proof;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt::Write;

use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

use proof::Key;
pub use proof::{Proof, SETTINGS_HEADER, SIGNATURE_HEADER};

/// Why a request is not believed. For the log and a counter: the answer is 403 and says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// There is no signature.
    #[error("the request has no X-Twilio-Signature")]
    Missing,
    /// There are two.
    #[error("the request has more than one X-Twilio-Signature, or more than one setting for it")]
    Repeated,
    /// It is not base64 of as many bytes as the algorithm gives.
    #[error("the signature is not base64 of the right length")]
    Malformed,
    /// It says that it was made with an algorithm or a shared key we do not have.
    #[error("the signature was made with an algorithm or a shared key that is not configured")]
    UnknownKey,
    /// It belongs to another URL, other parameters or another key.
    #[error("the signature matches neither the public URL and the parameters, nor any configured key")]
    Mismatch,
    /// The body is not the one whose digest was signed.
    #[error("the body is not the one that was signed")]
    Body,
}

impl SignatureError {
    /// A word for a counter's label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Repeated => "repeated",
            Self::Malformed => "malformed",
            Self::UnknownKey => "unknown_key",
            Self::Mismatch => "mismatch",
            Self::Body => "body",
        }
    }
}

/// Checks signatures. Every configured token is compared with every candidate URL, so that the time taken tells
/// nothing.
#[derive(Debug, Clone, Default)]
pub struct Verifier {
    tokens: Vec<SecretString>,
    shared_keys: BTreeMap<String, SecretString>,
}

impl Verifier {
    /// Believes requests signed with any of these auth tokens: more than one while they are rotated. An empty one is
    /// none: anybody could sign with it.
    pub fn new(mut tokens: Vec<SecretString>) -> Self {
        tokens.retain(|token| !token.expose_secret().is_empty());
        Self { tokens, shared_keys: BTreeMap::new() }
    }

    /// Also believes requests signed with these shared keys, by their id.
    #[must_use]
    pub fn with_shared_keys(self, mut shared_keys: BTreeMap<String, SecretString>) -> Self {
        shared_keys.retain(|_, secret| !secret.expose_secret().is_empty());
        Self { shared_keys, ..self }
    }

    /// Checks a posted form. `urls` are the [`candidates`] of the public URL; `pairs` is the whole decoded form.
    ///
    /// # Errors
    /// [`SignatureError`].
    pub fn verify_form(
        &self,
        urls: &[String],
        pairs: &[(String, String)],
        proof: &Proof,
    ) -> Result<(), SignatureError> {
        let pairs = sorted(pairs);
        let mut matches = Choice::from(0);
        match &proof.key {
            Key::Token => {
                for token in &self.tokens {
                    for url in urls {
                        matches |= mac::<Hmac<Sha1>>(url, &pairs, token).as_slice().ct_eq(&proof.mac);
                    }
                }
            }
            Key::Shared(id) => {
                let secret = self.shared_keys.get(id).ok_or(SignatureError::UnknownKey)?;
                for url in urls {
                    matches |= mac::<Hmac<Sha256>>(url, &pairs, secret).as_slice().ct_eq(&proof.mac);
                }
            }
        }
        if matches.into() { Ok(()) } else { Err(SignatureError::Mismatch) }
    }

    /// Checks a request whose URL is all that is signed: a `GET`, or a WebSocket's upgrade (its `wss://` URL as the
    /// TwiML named it).
    ///
    /// # Errors
    /// [`SignatureError`].
    pub fn verify_url(&self, urls: &[String], proof: &Proof) -> Result<(), SignatureError> {
        self.verify_form(urls, &[], proof)
    }

    /// Checks a request with a JSON body, whose digest is in the URL as `bodySHA256`.
    ///
    /// # Errors
    /// [`SignatureError`].
    pub fn verify_json(&self, urls: &[String], body: &[u8], proof: &Proof) -> Result<(), SignatureError> {
        self.verify_url(urls, proof)?;
        let signed = urls.iter().find_map(|url| body_digest(url)).ok_or(SignatureError::Body)?;
        let found = hex(&Sha256::digest(body));
        if found.as_bytes().ct_eq(signed.as_bytes()).into() { Ok(()) } else { Err(SignatureError::Body) }
    }
}

/// The URLs that Twilio may have signed for this one: as it is, and with or without its scheme's own port, which Twilio
/// is not of one mind about. The fragment is never signed.
pub fn candidates(url: &str) -> Vec<String> {
    let url = without_fragment(url);
    let mut all = vec![url.to_owned()];
    let Some((scheme, rest)) = url.split_once("://") else { return all };
    let port = match scheme {
        "https" | "wss" => ":443",
        "http" | "ws" => ":80",
        _ => return all,
    };
    let (authority, tail) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let after_host = authority.rfind(']').unwrap_or(0);
    if let Some(bare) = authority.strip_suffix(port) {
        all.push(format!("{scheme}://{bare}{tail}"));
    } else if !authority[after_host..].contains(':') {
        all.push(format!("{scheme}://{authority}{port}{tail}"));
    }
    all
}

/// Signs a form as Twilio does.
pub fn sign_form(url: &str, pairs: &[(String, String)], token: &SecretString) -> String {
    let mac = mac::<Hmac<Sha1>>(without_fragment(url), &sorted(pairs), token);
    base64_simd::STANDARD.encode_to_string(mac)
}

/// Signs a URL as Twilio does for a `GET` and for a WebSocket's upgrade.
pub fn sign_url(url: &str, token: &SecretString) -> String {
    sign_form(url, &[], token)
}

/// The URL with the digest of a JSON body, as Twilio calls it and signs it.
pub fn with_body_digest(url: &str, body: &[u8]) -> String {
    let url = without_fragment(url);
    let joint = if url.contains('?') { '&' } else { '?' };
    format!("{url}{joint}bodySHA256={}", hex(&Sha256::digest(body)))
}

/// By name and then by value, bytewise; the same pair twice counts once.
fn sorted(pairs: &[(String, String)]) -> Vec<(&str, &str)> {
    let mut pairs: Vec<_> = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    pairs.sort_unstable();
    pairs.dedup();
    pairs
}

fn mac<M: Mac + KeyInit>(url: &str, pairs: &[(&str, &str)], key: &SecretString) -> Vec<u8> {
    // HMAC takes a key of any length; were it otherwise, nothing would match the empty code.
    let Ok(mut mac) = <M as KeyInit>::new_from_slice(key.expose_secret().as_bytes()) else {
        return Vec::new();
    };
    mac.update(url.as_bytes());
    for (name, value) in pairs {
        mac.update(name.as_bytes());
        mac.update(value.as_bytes());
    }
    mac.finalize().into_bytes().to_vec()
}

fn without_fragment(url: &str) -> &str {
    url.split_once('#').map_or(url, |(before, _)| before)
}

fn body_digest(url: &str) -> Option<&str> {
    let (_, query) = url.split_once('?')?;
    query.split('&').find_map(|pair| pair.strip_prefix("bodySHA256="))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a text cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
