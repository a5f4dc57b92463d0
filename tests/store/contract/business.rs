//! Businesses and what is configured for them.

use std::collections::BTreeMap;

use ai_realtime::id::BusinessId;
use ai_realtime::store::business::Written;
use ai_realtime::store::{BusinessRecord, Census, Store, StoreError};

use super::on_both_stores;
use super::subject::Subject;

on_both_stores!(
    a_business_is_made_found_written_over_and_taken_away,
    a_business_comes_with_what_is_configured_for_it,
    what_is_configured_is_kept_to_the_last_character,
    a_number_has_one_business_and_one_form,
    a_change_is_seen_by_the_next_who_asks,
    businesses_come_in_pages,
    what_is_not_there_is_not_configured,
    several_businesses_are_several,
);

impl Subject {
    fn id(&self) -> BusinessId {
        self.business.as_str().into()
    }

    fn record(&self) -> BusinessRecord {
        BusinessRecord {
            id: self.id(),
            name: "Harbour, \"Bar\" (Malta)".to_owned(),
            phone_number: Some(number()),
            country: Some("MT".to_owned()),
            currency: Some("EUR".to_owned()),
            language: None,
        }
    }

    /// A business that is there.
    async fn made(&self) -> BusinessRecord {
        let business = self.record();
        assert_eq!(self.store.put_business(business.clone()).await.unwrap(), Written::Done);
        business
    }
}

/// A number that nobody else has.
fn number() -> String {
    format!("+9{:014}", uuid::Uuid::now_v7().as_u128() % 100_000_000_000_000)
}

async fn greeting(store: &Store, number: &str) -> Option<String> {
    store.business_by_number(number).await.unwrap().and_then(|business| business.greeting)
}

async fn a_business_is_made_found_written_over_and_taken_away(subject: Subject) {
    let (store, id) = (&subject.store, subject.id());
    assert_eq!(store.business_record(&id).await.unwrap(), None);
    let business = subject.made().await;
    assert_eq!(store.business_record(&id).await.unwrap(), Some(business.clone()));
    store.configure(&id, "wifi", "guest").await.unwrap();
    let renamed =
        BusinessRecord { name: "Harbour".to_owned(), phone_number: None, country: None, ..business.clone() };
    assert_eq!(store.put_business(renamed.clone()).await.unwrap(), Written::Done);
    assert_eq!(store.business_record(&id).await.unwrap(), Some(renamed));
    assert_eq!(store.business_by_number(&business.phone_number.unwrap()).await.unwrap(), None);
    assert_eq!(store.configuration(&id).await.unwrap().unwrap().len(), 1, "its configuration stays");
    assert!(store.delete_business(&id).await.unwrap());
    assert!(!store.delete_business(&id).await.unwrap());
    assert_eq!(store.configuration(&id).await.unwrap(), None);
    assert_eq!(store.business(id.as_str()).await.unwrap(), None);
}

async fn a_business_comes_with_what_is_configured_for_it(subject: Subject) {
    let (store, id) = (&subject.store, subject.id());
    let business = subject.made().await;
    for (key, value) in [
        ("ai_personality", "Dry."),
        ("greeting_message", "Merħba!"),
        ("default_persona", "cfo"),
        ("language", "mt"),
        ("voice", "ash"),
        ("transfer_number", "+35699123456"),
        ("opening_hours", r#"{"timezone": "Europe/Malta", "mon": "08:00-22:00"}"#),
        ("country", "IT"),
        ("wifi", "guest"),
    ] {
        assert!(store.configure(&id, key, value).await.unwrap());
    }
    let called = business.phone_number.unwrap();
    let found = store.business_by_number(&called).await.unwrap().unwrap();
    assert_eq!((found.personality.as_deref(), found.greeting.as_deref()), (Some("Dry."), Some("Merħba!")));
    assert_eq!((found.language.as_deref(), found.voice.as_deref()), (Some("mt"), Some("ash")));
    assert_eq!((found.country.as_deref(), found.currency.as_deref()), (Some("IT"), Some("EUR")));
    assert_eq!(found.default_persona, Some("cfo".into()));
    assert_eq!(found.transfer_number.as_deref(), Some("+35699123456"));
    assert!(found.opening_hours.as_ref().unwrap().to_string().contains("Monday 08:00 to 22:00"));
    assert_eq!(found.settings, BTreeMap::from([("wifi".to_owned(), "guest".to_owned())]));
    assert_eq!(store.business(id.as_str()).await.unwrap(), Some(found));
}

async fn what_is_configured_is_kept_to_the_last_character(subject: Subject) {
    let (store, id) = (&subject.store, subject.id());
    subject.made().await;
    let long = "ħ".repeat(100_000);
    let hostile = [
        "%",
        "*",
        ",",
        ")",
        "(",
        ".",
        "\"",
        "'",
        "\\",
        "\n",
        "a\"b\\c,d)e",
        "null",
        "{{ 7*7 }}",
        "店 🦀",
        "'); DELETE FROM businesses; --",
        "eq.1",
        "and(id.gte.0)",
        &long,
    ];
    let mut expected = BTreeMap::new();
    for (place, value) in hostile.into_iter().enumerate() {
        let key = format!("key_{place}");
        assert!(store.configure(&id, &key, value).await.unwrap(), "{value}");
        expected.insert(key, value.to_owned());
    }
    assert_eq!(store.configuration(&id).await.unwrap(), Some(expected));
    for value in hostile {
        let name: String = value.chars().take(100).collect();
        assert!(!store.unconfigure(&id, &name).await.unwrap(), "{name}");
        assert!(!store.unconfigure(&name.as_str().into(), "key_0").await.unwrap(), "{name}");
        assert_eq!(store.business(&name).await.unwrap(), None);
    }
    assert_eq!(store.configuration(&id).await.unwrap().unwrap().len(), hostile.len());
}

async fn a_number_has_one_business_and_one_form(subject: Subject) {
    let store = &subject.store;
    let business = subject.made().await;
    let other = BusinessRecord { id: format!("{}-b", subject.business).as_str().into(), ..business.clone() };
    assert_eq!(store.put_business(other.clone()).await.unwrap(), Written::NumberTaken);
    assert_eq!(store.business_record(&other.id).await.unwrap(), None);
    assert_eq!(store.put_business(business.clone()).await.unwrap(), Written::Done, "its own is not taken");
    for wrong in ["35670000001", "+356 7000 0001", "+", "+1234567890123456", ""] {
        let wrong = BusinessRecord { phone_number: Some(wrong.to_owned()), ..business.clone() };
        let refused = store.put_business(wrong).await;
        assert!(matches!(refused, Err(StoreError::Unfit { .. } | StoreError::Query(_))), "{refused:?}");
    }
    let called = business.phone_number.unwrap();
    let spaced = format!("{} {}", &called[..4], &called[4..]);
    assert_eq!(store.business_by_number(&spaced).await.unwrap().unwrap().id, business.id);
}

async fn a_change_is_seen_by_the_next_who_asks(subject: Subject) {
    let (store, id) = (&subject.store, subject.id());
    let called = subject.made().await.phone_number.unwrap();
    assert_eq!(greeting(store, &called).await, None);
    for words in ["Hello", "Good evening"] {
        store.configure(&id, "greeting_message", words).await.unwrap();
        assert_eq!(greeting(store, &called).await.as_deref(), Some(words));
    }
    assert!(store.unconfigure(&id, "greeting_message").await.unwrap());
    assert_eq!(greeting(store, &called).await, None);
    store.delete_business(&id).await.unwrap();
    assert_eq!(store.business_by_number(&called).await.unwrap(), None);
}

async fn businesses_come_in_pages(subject: Subject) {
    let store = &subject.store;
    let ids: Vec<BusinessId> =
        ["/1", "/2", "/3"].map(|end| format!("{}{end}", subject.business).into()).into();
    for id in &ids {
        let business = BusinessRecord { id: id.clone(), phone_number: None, ..subject.record() };
        store.put_business(business).await.unwrap();
    }
    let page = async |after: &str| -> Vec<BusinessId> {
        store.businesses(after, 2).await.unwrap().into_iter().map(|business| business.id).collect()
    };
    assert_eq!(page(&subject.business).await, ids[..2]);
    assert_eq!(page(ids[1].as_str()).await[0], ids[2]);
}

async fn what_is_not_there_is_not_configured(subject: Subject) {
    let (store, id) = (&subject.store, subject.id());
    assert!(!store.configure(&id, "wifi", "guest").await.unwrap());
    assert!(!store.unconfigure(&id, "wifi").await.unwrap());
    assert_eq!(store.configuration(&id).await.unwrap(), None);
}

async fn several_businesses_are_several(subject: Subject) {
    let business = subject.made().await;
    let other =
        BusinessRecord { id: format!("{}-b", subject.business).into(), phone_number: None, ..business };
    subject.store.put_business(other).await.unwrap();
    assert_eq!(subject.store.census().await.unwrap(), Census::Several);
}
