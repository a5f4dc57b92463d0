//! A business whose calls the service takes, the number it is called on, and what is configured for it.

mod hours;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use hours::{HoursError, OpeningHours};

use super::{Store, StoreError};
use crate::id::{BusinessId, PersonaKey};

/// A page of businesses holds at most so many.
pub const MAX_BUSINESSES: usize = 1000;

/// A business as its row says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BusinessRecord {
    /// Its id, as in the `business_id` of the rows that belong to it.
    pub id: BusinessId,
    /// What it is called.
    pub name: String,
    /// Its callers dial it: E.164.
    pub phone_number: Option<String>,
    /// Where it is: ISO 3166-1 alpha-2, such as `RW`.
    pub country: Option<String>,
    /// What its prices are in: ISO 4217, such as `RWF`.
    pub currency: Option<String>,
    /// The language its callers are greeted in, as a BCP 47 tag.
    pub language: Option<String>,
}

/// What is configured for a business, by key.
pub type Configuration = BTreeMap<String, String>;

/// What is known of a business when one of its callers calls. Its values are as they were entered: whether the
/// persona exists or the number can be dialled is for the user of the profile to check.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BusinessProfile {
    /// Its id, as in the `business_id` of the rows that belong to it.
    pub id: BusinessId,
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
    /// The manner in which its personas shall speak, in its own words.
    pub personality: Option<String>,
    /// When it is open. What cannot be read as opening hours is as good as none.
    pub opening_hours: Option<OpeningHours>,
    /// All else that is configured for it, by key.
    pub settings: Configuration,
}

/// How many businesses there are: none, one, or more.
#[derive(Debug, Clone, PartialEq)]
pub enum Census {
    /// No business is known.
    None,
    /// The only one.
    One(Box<BusinessProfile>),
    /// Several.
    Several,
}

/// What became of a business that was to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// It is as it was given.
    Done,
    /// Another business has its number; nothing was changed.
    NumberTaken,
}

/// A key of a business's configuration that means something to the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProfileKey {
    /// `ai_personality`.
    Personality,
    /// `greeting_message`.
    Greeting,
    /// `default_persona`.
    DefaultPersona,
    /// `language`.
    Language,
    /// `voice`.
    Voice,
    /// `transfer_number`.
    TransferNumber,
    /// `opening_hours`.
    OpeningHours,
    /// `country`.
    Country,
    /// `currency`.
    Currency,
}

impl ProfileKey {
    /// The key a row names; `None` for one whose value is only passed on to prompts.
    pub fn parse(key: &str) -> Option<Self> {
        match key {
            "ai_personality" => Some(Self::Personality),
            "greeting_message" => Some(Self::Greeting),
            "default_persona" => Some(Self::DefaultPersona),
            "language" => Some(Self::Language),
            "voice" => Some(Self::Voice),
            "transfer_number" => Some(Self::TransferNumber),
            "opening_hours" => Some(Self::OpeningHours),
            "country" => Some(Self::Country),
            "currency" => Some(Self::Currency),
            _ => None,
        }
    }
}

impl BusinessProfile {
    /// Stands for the business of a caller who called a number that is nobody's where there are several businesses. No
    /// row belongs to it.
    pub fn nobody() -> Self {
        Self { id: BusinessId::nobody(), ..Self::default() }
    }

    /// The profile of a business with what is configured for it.
    pub(super) fn new(
        business: BusinessRecord,
        configuration: impl IntoIterator<Item = (String, String)>,
    ) -> Self {
        let BusinessRecord { id, name, phone_number: _, country, currency, language } = business;
        let mut profile = Self { id, name, country, currency, language, ..Self::default() };
        for (key, value) in configuration {
            profile.configure(key, &value);
        }
        profile
    }

    /// Its id, unless it stands for none.
    pub fn known_id(&self) -> Option<&BusinessId> {
        Some(&self.id).filter(|id| !id.is_nobody())
    }

    /// Puts a configured value in force. A blank one is as good as none.
    pub(super) fn configure(&mut self, key: String, value: &str) {
        let value = value.trim();
        if value.is_empty() {
            return;
        }
        let Some(known) = ProfileKey::parse(&key) else {
            self.settings.insert(key, value.to_owned());
            return;
        };
        let text = Some(value.to_owned());
        match known {
            ProfileKey::Personality => self.personality = text,
            ProfileKey::Greeting => self.greeting = text,
            ProfileKey::DefaultPersona => self.default_persona = Some(value.into()),
            ProfileKey::Language => self.language = text,
            ProfileKey::Voice => self.voice = text,
            ProfileKey::TransferNumber => self.transfer_number = text,
            ProfileKey::OpeningHours => self.opening_hours = OpeningHours::parse(value).ok(),
            ProfileKey::Country => self.country = text,
            ProfileKey::Currency => self.currency = text,
        }
    }
}

impl Store {
    /// The business that is called on a number, in whatever way the number is written. With a database elsewhere the
    /// answer may be half a minute old, and a day old while that is away.
    ///
    /// # Errors
    /// As the backend fails.
    pub async fn business_by_number(&self, number: &str) -> Result<Option<BusinessProfile>, StoreError> {
        let Some(number) = normalised_number(number) else {
            return Ok(None);
        };
        match self {
            Self::Embedded(store) => store.business_by_number(number).await,
            Self::Supabase(store) => store.business_by_number(number).await,
        }
    }

    /// A business by its id; as old as [`Store::business_by_number`] says.
    ///
    /// # Errors
    /// As the backend fails.
    pub async fn business(&self, id: &str) -> Result<Option<BusinessProfile>, StoreError> {
        match self {
            Self::Embedded(store) => store.business(id.to_owned()).await,
            Self::Supabase(store) => store.business(id.to_owned()).await,
        }
    }

    /// Whether there are businesses, and which one if it is the only one; as old as [`Store::business_by_number`]
    /// says.
    ///
    /// # Errors
    /// As the backend fails.
    pub async fn census(&self) -> Result<Census, StoreError> {
        match self {
            Self::Embedded(store) => store.census().await,
            Self::Supabase(store) => store.census().await,
        }
    }

    /// The businesses with an id above `after`, by id, at most `limit` and never more than [`MAX_BUSINESSES`].
    ///
    /// # Errors
    /// As the backend fails.
    pub async fn businesses(&self, after: &str, limit: usize) -> Result<Vec<BusinessRecord>, StoreError> {
        let (after, limit) = (after.to_owned(), limit.clamp(1, MAX_BUSINESSES));
        match self {
            Self::Embedded(store) => store.businesses(after, limit).await,
            Self::Supabase(store) => store.businesses(after, limit).await,
        }
    }

    /// A business as its row says now.
    ///
    /// # Errors
    /// As the backend fails.
    pub async fn business_record(&self, id: &BusinessId) -> Result<Option<BusinessRecord>, StoreError> {
        match self {
            Self::Embedded(store) => store.business_record(id.clone()).await,
            Self::Supabase(store) => store.business_record(id).await,
        }
    }

    /// Writes a business, over the one of that id if there is one. What is configured for it stays.
    ///
    /// # Errors
    /// As the backend fails; [`StoreError::Unfit`] for a number that is not E.164.
    pub async fn put_business(&self, business: BusinessRecord) -> Result<Written, StoreError> {
        match self {
            Self::Embedded(store) => store.put_business(business).await,
            Self::Supabase(store) => store.put_business(&business).await,
        }
    }

    /// Takes a business away, with what is configured for it; whether there was one. The rows that belong to it stay.
    ///
    /// # Errors
    /// As the backend fails.
    pub async fn delete_business(&self, id: &BusinessId) -> Result<bool, StoreError> {
        match self {
            Self::Embedded(store) => store.delete_business(id.clone()).await,
            Self::Supabase(store) => store.delete_business(id).await,
        }
    }

    /// What is configured for a business now; `None` when there is no such business.
    ///
    /// # Errors
    /// As the backend fails.
    pub async fn configuration(&self, id: &BusinessId) -> Result<Option<Configuration>, StoreError> {
        match self {
            Self::Embedded(store) => store.configuration(id.clone()).await,
            Self::Supabase(store) => store.configuration(id).await,
        }
    }

    /// Configures one value of a business; `false` when there is no such business. Calls that begin after this have it.
    ///
    /// # Errors
    /// As the backend fails.
    pub async fn configure(&self, id: &BusinessId, key: &str, value: &str) -> Result<bool, StoreError> {
        match self {
            Self::Embedded(store) => store.configure(id.clone(), key.to_owned(), value.to_owned()).await,
            Self::Supabase(store) => store.configure(id, key, value).await,
        }
    }

    /// Takes a configured value of a business away; whether there was one.
    ///
    /// # Errors
    /// As the backend fails.
    pub async fn unconfigure(&self, id: &BusinessId, key: &str) -> Result<bool, StoreError> {
        match self {
            Self::Embedded(store) => store.unconfigure(id.clone(), key.to_owned()).await,
            Self::Supabase(store) => store.unconfigure(id, key).await,
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
        profile.configure("language".to_owned(), " ");
        profile.configure("wifi".to_owned(), " ");
        assert_eq!((profile.language.as_deref(), profile.settings.len()), (Some("en"), 0));
        profile.configure("language".to_owned(), " fr ");
        assert_eq!(profile.language.as_deref(), Some("fr"));
    }

    #[test]
    fn hours_that_cannot_be_read_are_as_good_as_none() {
        let mut profile = BusinessProfile::default();
        profile.configure("opening_hours".to_owned(), "always");
        assert_eq!(profile.opening_hours, None);
        profile.configure("opening_hours".to_owned(), r#"{"timezone": "UTC"}"#);
        assert!(profile.opening_hours.is_some());
    }

    #[test]
    fn nobody_is_no_business_that_is_known() {
        assert_eq!(BusinessProfile::nobody().known_id(), None);
        let known = BusinessProfile { id: "x".into(), ..BusinessProfile::default() };
        assert_eq!(known.known_id(), Some(&"x".into()));
    }
}
