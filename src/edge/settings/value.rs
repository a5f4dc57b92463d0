//! Which keys a business's configuration has, and what each may hold. Pure.

use serde_json::Value;

use crate::config::is_e164;
use crate::persona::{check_voice_name, is_language_tag};
use crate::store::OpeningHours;
use crate::store::business::{ProfileKey, normalised_number};

/// The longest `ai_personality`, and the longest value of a key that only prompts know, in characters.
const LONGEST_TEXT: usize = 2000;
/// The longest `greeting_message`, in characters.
const LONGEST_GREETING: usize = 500;
/// The longest key of a persona, in characters.
const LONGEST_PERSONA: usize = 128;
/// The longest key.
const LONGEST_KEY: usize = 64;

/// Whether a text can be a key.
pub(super) fn is_key(key: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    (1..=LONGEST_KEY).contains(&key.len()) && key.bytes().all(plain)
}

/// The text that is kept of a value.
///
/// # Errors
/// What the value must be, in words.
pub(super) fn kept(key: &str, value: &Value) -> Result<String, String> {
    let known = ProfileKey::parse(key);
    let text = match (value, known) {
        (Value::String(text), _) => text.trim().to_owned(),
        (Value::Object(_), Some(ProfileKey::OpeningHours)) => value.to_string(),
        (_, Some(ProfileKey::OpeningHours)) => return Err("must be an object, or its text".to_owned()),
        _ => return Err("must be a text".to_owned()),
    };
    if text.is_empty() {
        return Err("must not be blank: DELETE takes a value away".to_owned());
    }
    if text.chars().any(|letter| letter.is_control() && !matches!(letter, '\n' | '\r' | '\t')) {
        return Err("must not hold control characters".to_owned());
    }
    match known {
        Some(ProfileKey::OpeningHours) => {
            OpeningHours::parse(&text).map(|_| text).map_err(|error| format!("is not right: {error}"))
        }
        Some(ProfileKey::TransferNumber) => number(&text),
        Some(key) => check(key, &text).map(|()| text),
        None => at_most(LONGEST_TEXT, &text).map(|()| text),
    }
}

fn check(key: ProfileKey, text: &str) -> Result<(), String> {
    match key {
        ProfileKey::Personality => at_most(LONGEST_TEXT, text),
        ProfileKey::Greeting => at_most(LONGEST_GREETING, text),
        ProfileKey::Language => language(text),
        ProfileKey::Voice => check_voice_name(text).map_err(|known| format!("must be one of {known}")),
        ProfileKey::Country => country(text),
        ProfileKey::Currency => currency(text),
        // Whether there is such a persona only the catalog knows.
        ProfileKey::DefaultPersona => at_most(LONGEST_PERSONA, text),
        // They are read above.
        ProfileKey::TransferNumber | ProfileKey::OpeningHours => Ok(()),
    }
}

/// A phone number, as it is kept.
pub(in crate::edge) fn number(text: &str) -> Result<String, String> {
    let number = normalised_number(text).filter(|number| is_e164(number));
    number.ok_or_else(|| "must be a number in international form, such as +35699123456".to_owned())
}

/// Whether a text is a language tag.
pub(in crate::edge) fn language(text: &str) -> Result<(), String> {
    if is_language_tag(text) && text.len() <= 35 {
        return Ok(());
    }
    Err("must be a BCP 47 language tag, such as en, fr or pt-BR".to_owned())
}

/// Whether a text is the code of a country.
pub(in crate::edge) fn country(text: &str) -> Result<(), String> {
    if is_upper(text, 2) {
        Ok(())
    } else {
        Err("must be an ISO 3166-1 code of two letters, such as RW".to_owned())
    }
}

/// Whether a text is the code of a currency.
pub(in crate::edge) fn currency(text: &str) -> Result<(), String> {
    if is_upper(text, 3) {
        Ok(())
    } else {
        Err("must be an ISO 4217 code of three letters, such as RWF".to_owned())
    }
}

fn is_upper(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| byte.is_ascii_uppercase())
}

fn at_most(longest: usize, text: &str) -> Result<(), String> {
    if text.chars().count() <= longest { Ok(()) } else { Err(format!("must be 1 to {longest} characters")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    use serde_json::json;

    #[test]
    fn a_key_is_short_and_plain() {
        for good in ["a", "wifi_2", "ai_personality", &"x".repeat(64)] {
            assert!(is_key(good), "{good}");
        }
        for bad in ["", "Wifi", "a b", "a-b", "a.b", "é", "{{ x }}", &"x".repeat(65)] {
            assert!(!is_key(bad), "{bad}");
        }
    }

    #[test]
    fn what_fits_a_key_is_kept_as_text() {
        for (key, value, text) in [
            ("ai_personality", json!(" Dry wit. {{ 7*7 }} "), "Dry wit. {{ 7*7 }}"),
            ("greeting_message", json!("é".repeat(500)), &"é".repeat(500)),
            ("language", json!("pt-BR"), "pt-BR"),
            ("voice", json!("voice_abc"), "voice_abc"),
            ("transfer_number", json!("+356 9912 3456"), "+35699123456"),
            ("opening_hours", json!({"timezone": "UTC"}), r#"{"timezone":"UTC"}"#),
            ("opening_hours", json!(r#"{"timezone": "UTC"}"#), r#"{"timezone": "UTC"}"#),
            ("country", json!("RW"), "RW"),
            ("currency", json!("RWF"), "RWF"),
            ("wifi", json!("guest'; DROP TABLE businesses; --"), "guest'; DROP TABLE businesses; --"),
        ] {
            assert_eq!(kept(key, &value).as_deref(), Ok(text), "{key}");
        }
    }

    #[test]
    fn what_does_not_fit_is_refused_with_what_would() {
        for (key, value, told) in [
            ("ai_personality", json!("é".repeat(2001)), "must be 1 to 2000 characters"),
            ("greeting_message", json!("x".repeat(501)), "must be 1 to 500 characters"),
            ("greeting_message", json!(""), "must not be blank"),
            ("greeting_message", json!(5), "must be a text"),
            ("greeting_message", json!("a\0b"), "control characters"),
            ("wifi", json!("a\u{1b}[31m"), "control characters"),
            ("default_persona", json!("x".repeat(129)), "must be 1 to 128 characters"),
            ("greeting_message", json!({"text": "x"}), "must be a text"),
            ("language", json!("english"), "BCP 47"),
            ("voice", json!("siri"), "must be one of alloy"),
            ("transfer_number", json!("70000001"), "international form"),
            ("transfer_number", json!("sip:me@example.com"), "international form"),
            ("opening_hours", json!(["08:00"]), "must be an object"),
            ("opening_hours", json!({"mon": "08:00-22:00"}), "timezone must be"),
            ("opening_hours", json!({"timezone": "UTC", "mon": "8-22"}), "mon must be"),
            ("country", json!("Rwanda"), "ISO 3166-1"),
            ("currency", json!("rwf"), "ISO 4217"),
            ("wifi", json!(null), "must be a text"),
            ("wifi", json!("x".repeat(2001)), "must be 1 to 2000 characters"),
        ] {
            let error = kept(key, &value).unwrap_err();
            assert!(error.contains(told), "{key}: {error}");
        }
    }
}
