//! What a prompt may say of the business, the caller, the call and the persona.

use std::sync::Arc;

use jiff::Timestamp;
use minijinja::value::{Enumerator, Object, Value};
use serde::{Serialize, Serializer};

use crate::id::CallId;
use crate::persona::{CallerFacts, Persona, Transport};
use crate::store::{BusinessProfile, Configuration, OpeningHours};

/// What a prompt may name, as `{{ business.name }}` and so on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TemplateContext {
    /// Whose caller it is.
    pub business: Business,
    /// Who calls.
    pub caller: Caller,
    /// The call itself.
    pub call: CallFacts,
    /// Who speaks.
    pub persona: PersonaFacts,
}

/// Whose caller it is. What is not known renders as nothing and is false in a condition. What a business entered is
/// only ever a value.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Business {
    /// What it is called.
    pub name: String,
    /// Where it is: ISO 3166-1 alpha-2, such as `RW`.
    pub country: Option<String>,
    /// What its prices are in: ISO 4217, such as `RWF`.
    pub currency: Option<String>,
    /// The manner in which its personas shall speak, in its own words.
    pub personality: Option<String>,
    /// When it is open, in words, with its time zone.
    pub hours: Option<String>,
    /// Whether it is open now; absent when its hours are not known.
    pub is_open: Option<bool>,
    /// The day and the time there, such as `Saturday 18:05`; absent when its hours are not known.
    pub local_time: Option<String>,
    /// The human its callers can be put through to.
    pub transfer_number: Option<String>,
    /// All else that is configured for it, by key; what is not configured renders as nothing.
    pub settings: Settings,
}

/// Values by keys that nobody knows in advance.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings(pub Configuration);

/// Gives nothing, and no error, for a key that is not there.
#[derive(Debug)]
struct Lenient(Configuration);

impl Object for Lenient {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let value = key.as_str().and_then(|key| self.0.get(key));
        Some(value.map_or_else(|| Value::from(()), |text| Value::from(text.as_str())))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.0.keys().map(|key| Value::from(key.as_str())).collect())
    }
}

impl Serialize for Settings {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Value::from_object(Lenient(self.0.clone())).serialize(serializer)
    }
}

/// Who calls.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Caller {
    /// The language to begin in, as a BCP 47 tag.
    pub language: String,
    /// The number they call from; absent on a text call.
    pub number: Option<String>,
}

/// The call itself. All times are UTC.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CallFacts {
    /// Its id.
    pub id: String,
    /// The kind of line: `text` or `phone`.
    pub transport: &'static str,
    /// Whether the caller can be transferred to a human.
    pub can_transfer: bool,
    /// When it began: RFC 3339.
    pub started_at: String,
    /// When the prompt was rendered: RFC 3339.
    pub now: String,
    /// The day of `now`, such as `2026-03-31`.
    pub date: String,
    /// The day of the week of `now`, in English.
    pub weekday: String,
}

/// Who speaks.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PersonaFacts {
    /// What it calls itself.
    pub name: String,
    /// Languages it speaks, as BCP 47 tags, its own first.
    pub languages: Vec<String>,
}

impl Business {
    fn of_call(business: Option<&BusinessProfile>, now: Timestamp) -> Self {
        let Some(known) = business.filter(|business| !business.name.is_empty()) else {
            return Self::unknown();
        };
        let hours = known.opening_hours.as_ref();
        Self {
            name: known.name.clone(),
            country: known.country.clone(),
            currency: known.currency.clone(),
            personality: known.personality.clone(),
            hours: hours.map(ToString::to_string),
            is_open: hours.map(|hours| hours.is_open(now)),
            local_time: hours.map(|hours| hours.local_time(now)),
            transfer_number: known.transfer_number.clone(),
            settings: Settings(known.settings.clone()),
        }
    }

    fn unknown() -> Self {
        Self {
            name: "this business".to_owned(),
            country: None,
            currency: None,
            personality: None,
            hours: None,
            is_open: None,
            local_time: None,
            transfer_number: None,
            settings: Settings::default(),
        }
    }
}

impl TemplateContext {
    /// What is known of a call. Without a business it is "this business", and a caller of whom no language is known
    /// speaks the persona's first until they show otherwise.
    pub fn of_call(
        persona: &Persona,
        caller: &CallerFacts,
        call_id: &CallId,
        started_at: Timestamp,
        now: Timestamp,
    ) -> Self {
        let persona = PersonaFacts { name: persona.name.clone(), languages: persona.languages.clone() };
        Self::new(persona, caller, call_id.as_str(), started_at, now)
    }

    fn new(
        persona: PersonaFacts,
        caller: &CallerFacts,
        call_id: &str,
        started_at: Timestamp,
        now: Timestamp,
    ) -> Self {
        let language = caller.language.as_ref().or_else(|| persona.languages.first());
        Self {
            business: Business::of_call(caller.business.as_deref(), now),
            caller: Caller {
                language: language.cloned().unwrap_or_else(|| "en".to_owned()),
                number: caller.number.clone(),
            },
            call: CallFacts {
                id: call_id.to_owned(),
                transport: caller.transport.as_str(),
                can_transfer: caller.can_transfer,
                started_at: started_at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
                now: now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
                date: now.strftime("%Y-%m-%d").to_string(),
                weekday: now.strftime("%A").to_string(),
            },
            persona,
        }
    }

    /// Two contexts that between them have everything present and everything absent that may be.
    pub(in crate::persona) fn samples() -> [Self; 2] {
        let business = BusinessProfile {
            id: "sample".into(),
            name: "Sample".to_owned(),
            country: Some("RW".to_owned()),
            currency: Some("RWF".to_owned()),
            personality: Some("Warm.".to_owned()),
            opening_hours: OpeningHours::parse(r#"{"timezone": "UTC", "mon": "08:00-22:00"}"#).ok(),
            transfer_number: Some("+250700000001".to_owned()),
            settings: Configuration::from([("sample".to_owned(), "value".to_owned())]),
            ..BusinessProfile::default()
        };
        let known = CallerFacts {
            transport: Transport::Phone,
            number: Some("+250700000000".to_owned()),
            language: Some("en".to_owned()),
            business: Some(Arc::new(business)),
            can_transfer: true,
        };
        [CallerFacts::default(), known].map(|caller| {
            let persona = PersonaFacts { name: "Sample".to_owned(), languages: vec!["en".to_owned()] };
            Self::new(persona, &caller, "sample", Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_given_goes_before_the_personas_own() {
        let language = |given: Option<&str>, own: &[&str]| {
            let persona = PersonaFacts {
                name: "P".to_owned(),
                languages: own.iter().map(|tag| (*tag).to_owned()).collect(),
            };
            let caller = CallerFacts { language: given.map(str::to_owned), ..CallerFacts::default() };
            let epoch = Timestamp::UNIX_EPOCH;
            TemplateContext::new(persona, &caller, "t1", epoch, epoch).caller.language
        };
        assert_eq!(language(Some("rw"), &["fr", "en"]), "rw");
        assert_eq!(language(None, &["fr", "en"]), "fr");
        assert_eq!(language(None, &[]), "en");
    }
}
