//! Secrets: values that are never printed, and the keys clients of the API must show.

pub use secrecy::{ExposeSecret, SecretString};
use subtle::{ConditionallySelectable, ConstantTimeEq};

/// The longest key a client may use, in bytes; every comparison runs over so many.
const MAX_KEY_BYTES: usize = 256;
/// The shortest key, in characters: 16 random ones cannot be guessed over a network.
const MIN_KEY_CHARS: usize = 16;
/// How many keys may be in force; each request is compared with all of them.
const MAX_KEYS: usize = 100;

/// The keys a client of the API may show. Empty: the API asks for none.
#[derive(Debug, Clone, Default)]
pub struct ApiKeys(Vec<SecretString>);

/// Why a list of keys cannot be used. Names a key by its place, never by its value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApiKeysError {
    /// There is nothing between the commas.
    #[error("it holds no key")]
    None,
    /// More than can be compared with every request.
    #[error("it holds {0} keys, and at most {MAX_KEYS} can be used")]
    TooMany(usize),
    /// A key that could be guessed.
    #[error("key {0} is shorter than {MIN_KEY_CHARS} characters")]
    TooShort(usize),
    /// A key longer than any request may carry.
    #[error("key {0} is longer than {MAX_KEY_BYTES} characters")]
    TooLong(usize),
    /// A key that cannot stand in a header as it is.
    #[error("key {0} holds white space or characters outside ASCII")]
    NotPlain(usize),
}

impl ApiKeys {
    /// Reads keys parted by commas; white space around a key and empty places are not part of any key.
    ///
    /// # Errors
    /// As [`ApiKeysError`] says; the first mistake found.
    pub fn parse(list: &str) -> Result<Self, ApiKeysError> {
        let keys: Vec<&str> = list.split(',').map(str::trim).filter(|key| !key.is_empty()).collect();
        match keys.len() {
            0 => return Err(ApiKeysError::None),
            many if many > MAX_KEYS => return Err(ApiKeysError::TooMany(many)),
            _ => {}
        }
        for (place, key) in (1..).zip(&keys) {
            if !key.bytes().all(|byte| byte.is_ascii_graphic()) {
                return Err(ApiKeysError::NotPlain(place));
            }
            if key.len() < MIN_KEY_CHARS {
                return Err(ApiKeysError::TooShort(place));
            }
            if key.len() > MAX_KEY_BYTES {
                return Err(ApiKeysError::TooLong(place));
            }
        }
        Ok(Self(keys.into_iter().map(SecretString::from).collect()))
    }

    /// Whether the API asks for no key at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether this is one of the keys; takes its time as [`ApiKeys::place_of`].
    pub fn admits(&self, shown: &str) -> bool {
        self.place_of(shown).is_some()
    }

    /// Which of the keys this is, counted from 0. Takes the same time whichever key it is, how much of one is right,
    /// and how long they are.
    pub fn place_of(&self, shown: &str) -> Option<u32> {
        let shown = padded(shown)?;
        let mut found = u32::MAX;
        for (place, key) in (0..).zip(&self.0) {
            // A key that cannot be padded was refused when it was read.
            if let Some(key) = padded(key.expose_secret()) {
                found.conditional_assign(&place, key.ct_eq(&shown));
            }
        }
        (found != u32::MAX).then_some(found)
    }
}

/// A key at a fixed length, so that comparing tells nothing of its own. `None` for what can be no key: too long, or
/// with a zero byte, which would pass for padding.
fn padded(key: &str) -> Option<[u8; MAX_KEY_BYTES]> {
    if key.contains('\0') {
        return None;
    }
    let mut bytes = [0; MAX_KEY_BYTES];
    bytes.get_mut(..key.len())?.copy_from_slice(key.as_bytes());
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_of_the_keys_is_admitted_and_nothing_near_them() {
        let keys = ApiKeys::parse(" first-key-0123456789 ,second-key-9876543210,").unwrap();
        for (place, key) in (0..).zip(["first-key-0123456789", "second-key-9876543210"]) {
            assert_eq!(keys.place_of(key), Some(place));
            assert!(keys.admits(key));
            assert!(!keys.admits(&key[1..]));
            assert!(!keys.admits(&key[..key.len() - 1]));
            assert!(!keys.admits(&format!("{key}x")));
            assert!(!keys.admits(&format!("{key}\0")), "a zero byte is no padding");
            assert!(!keys.admits(&key.to_uppercase()));
        }
        assert!(!keys.admits(""));
        assert!(!keys.admits(&"x".repeat(MAX_KEY_BYTES + 1)));
        assert!(!keys.admits("first-key-0123456789,second-key-9876543210"));
    }

    #[test]
    fn no_key_admits_nobody() {
        assert!(ApiKeys::default().is_empty());
        assert!(!ApiKeys::default().admits(""));
    }

    #[test]
    fn keys_that_could_be_guessed_or_not_be_sent_are_refused_by_place() {
        let good = "0123456789abcdef";
        let cases = [
            (String::new(), ApiKeysError::None),
            (" , ,".into(), ApiKeysError::None),
            (format!("{good},short"), ApiKeysError::TooShort(2)),
            (format!("{good},{}", "k".repeat(257)), ApiKeysError::TooLong(2)),
            (format!("{good} {good}"), ApiKeysError::NotPlain(1)),
            (format!("{good},{good}\u{e9}"), ApiKeysError::NotPlain(2)),
            (vec![good; 101].join(","), ApiKeysError::TooMany(101)),
        ];
        for (list, error) in cases {
            assert_eq!(ApiKeys::parse(&list).unwrap_err(), error, "{list}");
            assert!(!error.to_string().contains(good));
        }
    }

    #[test]
    fn keys_are_never_printed() {
        let keys = ApiKeys::parse("0123456789abcdef").unwrap();
        assert!(!format!("{keys:?}").contains("0123"));
    }
}
