//! A business whose calls the service takes, and the number it is called on.

use crate::id::PersonaKey;

/// What is known of a business when one of its callers calls. Its values are as they were entered: whether the
/// persona exists or the number can be dialled is for the user of the profile to check.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BusinessProfile {
    /// Its id, as in the `business_id` of the rows that belong to it.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// Where it is: ISO 3166-1 alpha-2, such as `RW`.
    pub country: Option<String>,
    /// What its prices are in: ISO 4217, such as `RWF`.
    pub currency: Option<String>,
    /// The language its callers are greeted in, as a BCP 47 tag.
    pub language: Option<String>,
    /// Its own first words to a caller, in place of the persona's.
    pub greeting: Option<String>,
    /// Who answers its calls.
    pub default_persona: Option<PersonaKey>,
    /// The human its callers are transferred to.
    pub transfer_number: Option<String>,
    /// The voice its personas speak with.
    pub voice: Option<String>,
}

/// A key of a business's configuration that its profile is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ProfileKey {
    Greeting,
    DefaultPersona,
    Language,
    TransferNumber,
    Voice,
}

impl ProfileKey {
    /// The key a row names; `None` for one that says nothing of the profile.
    pub(super) fn parse(key: &str) -> Option<Self> {
        match key {
            "greeting_message" => Some(Self::Greeting),
            "default_persona" => Some(Self::DefaultPersona),
            "language" => Some(Self::Language),
            "transfer_number" => Some(Self::TransferNumber),
            "voice" => Some(Self::Voice),
            _ => None,
        }
    }
}

impl BusinessProfile {
    /// Puts a configured value in force. A blank one is as good as none.
    pub(super) fn configure(&mut self, key: ProfileKey, value: &str) {
        let value = value.trim();
        if value.is_empty() {
            return;
        }
        let value = value.to_owned();
        match key {
            ProfileKey::Greeting => self.greeting = Some(value),
            ProfileKey::DefaultPersona => self.default_persona = Some(value.into()),
            ProfileKey::Language => self.language = Some(value),
            ProfileKey::TransferNumber => self.transfer_number = Some(value),
            ProfileKey::Voice => self.voice = Some(value),
        }
    }
}

/// A phone number with nothing but its leading `+` and its digits, as the store keeps it: E.164. `None` for what
/// cannot be one, such as a national number or the name of a client.
pub fn normalised_number(number: &str) -> Option<String> {
    let digits: String = number.chars().filter(char::is_ascii_digit).collect();
    let international = number.trim_start().starts_with('+') && (2..=15).contains(&digits.len());
    let plain = number.chars().all(|c| c.is_ascii_digit() || c.is_whitespace() || "+-.()/".contains(c));
    (international && plain).then(|| format!("+{digits}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_the_same_however_it_is_written() {
        for written in ["+35670000001", "+356 7000 0001", " +356-7000-0001 ", "+356 (7000) 00.01"] {
            assert_eq!(normalised_number(written).as_deref(), Some("+35670000001"), "{written}");
        }
        for none in [
            "",
            "+",
            "+1",
            "70000001",
            "0035670000001",
            "client:+35670000001",
            "anonymous",
            "+1234567890123456",
        ] {
            assert_eq!(normalised_number(none), None, "{none}");
        }
    }

    #[test]
    fn a_blank_value_configures_nothing() {
        let mut profile = BusinessProfile { language: Some("en".to_owned()), ..BusinessProfile::default() };
        profile.configure(ProfileKey::Language, " ");
        assert_eq!(profile.language.as_deref(), Some("en"));
        profile.configure(ProfileKey::Language, " fr ");
        assert_eq!(profile.language.as_deref(), Some("fr"));
    }
}
