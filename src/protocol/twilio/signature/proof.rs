//! What a request brings along to be believed.

use super::SignatureError;

/// The header that holds the signature.
pub const SIGNATURE_HEADER: &str = "x-twilio-signature";
/// The header that says which shared key made it; without it, it was the account's auth token.
pub const SETTINGS_HEADER: &str = "x-twilio-webhooks-signature-settings";

const SHA1_BYTES: usize = 20;
const SHA256_BYTES: usize = 32;

/// A signature that is at least well formed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    pub(super) key: Key,
    pub(super) mac: Vec<u8>,
}

/// What it claims to be made with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Key {
    /// The account's auth token, and SHA-1.
    Token,
    /// The shared key of this id, and SHA-256.
    Shared(String),
}

impl Proof {
    /// Reads a request's proof from all values of [`SIGNATURE_HEADER`] and all of [`SETTINGS_HEADER`].
    ///
    /// # Errors
    /// [`SignatureError`]: anything but one signature of the right length, made in a way we know.
    pub fn read<'a>(
        signatures: impl IntoIterator<Item = &'a [u8]>,
        settings: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<Self, SignatureError> {
        let signature = only(signatures)?.ok_or(SignatureError::Missing)?;
        let (key, length) = match only(settings)? {
            None => (Key::Token, SHA1_BYTES),
            Some(settings) => (shared_key(settings).ok_or(SignatureError::UnknownKey)?, SHA256_BYTES),
        };
        // Longer ones are not even decoded.
        if signature.len() != length.div_ceil(3) * 4 {
            return Err(SignatureError::Malformed);
        }
        let mac = base64_simd::STANDARD.decode_to_vec(signature).map_err(|_| SignatureError::Malformed)?;
        if mac.len() == length { Ok(Self { key, mac }) } else { Err(SignatureError::Malformed) }
    }
}

fn only<'a>(values: impl IntoIterator<Item = &'a [u8]>) -> Result<Option<&'a [u8]>, SignatureError> {
    let mut values = values.into_iter();
    let first = values.next();
    if values.next().is_some() { Err(SignatureError::Repeated) } else { Ok(first) }
}

/// Reads `key=…,algorithm=HMAC_SHA256`.
fn shared_key(settings: &[u8]) -> Option<Key> {
    let (mut key, mut algorithm) = (None, None);
    for setting in str::from_utf8(settings).ok()?.split(',') {
        match setting.trim().split_once('=')? {
            ("key", value) => key = Some(value),
            ("algorithm", value) => algorithm = Some(value),
            _ => {}
        }
    }
    (algorithm? == "HMAC_SHA256").then_some(Key::Shared(key?.to_owned()))
}
