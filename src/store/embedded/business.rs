//! A business with what is configured for it, in one read.

use rusqlite::{Connection, params};

use super::pool::failed;
use crate::store::StoreError;
use crate::store::business::{BusinessProfile, ProfileKey};

/// Rows of one business, one for each configured value, or one without.
const PROFILE: &str = "SELECT businesses.id, name, country, currency, language, configurations.key, configurations.value \
     FROM businesses LEFT JOIN configurations ON configurations.business_id = businesses.id";

/// The business of this id.
pub(super) fn by_id(connection: &Connection, id: &str) -> Result<Option<BusinessProfile>, StoreError> {
    read(connection, "businesses.id = ?", id)
}

/// The business that is called on this number, which is in E.164.
pub(super) fn by_number(
    connection: &Connection,
    number: &str,
) -> Result<Option<BusinessProfile>, StoreError> {
    read(connection, "businesses.phone_number = ?", number)
}

fn read(
    connection: &Connection,
    condition: &str,
    value: &str,
) -> Result<Option<BusinessProfile>, StoreError> {
    let mut statement = connection.prepare_cached(&format!("{PROFILE} WHERE {condition}")).map_err(failed)?;
    let mut rows = statement.query(params![value]).map_err(failed)?;
    let mut profile: Option<BusinessProfile> = None;
    while let Some(row) = rows.next().map_err(failed)? {
        let found = match profile.as_mut() {
            Some(found) => found,
            None => profile.insert(business(row).map_err(failed)?),
        };
        let key: Option<String> = row.get("key").map_err(failed)?;
        if let Some(key) = key.as_deref().and_then(ProfileKey::parse) {
            found.configure(key, row.get_ref("value").map_err(failed)?.as_str().unwrap_or_default());
        }
    }
    Ok(profile)
}

fn business(row: &rusqlite::Row<'_>) -> rusqlite::Result<BusinessProfile> {
    Ok(BusinessProfile {
        id: row.get("id")?,
        name: row.get("name")?,
        country: row.get("country")?,
        currency: row.get("currency")?,
        language: row.get("language")?,
        ..BusinessProfile::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::embedded::schema;

    fn connection() -> Connection {
        let mut connection = Connection::open_in_memory().unwrap();
        schema::prepare(&mut connection).unwrap();
        connection
            .execute_batch(
                "INSERT INTO businesses (id, name, phone_number) VALUES ('plain', 'Plain', '+15550100'); \
                 INSERT INTO businesses (id, name, phone_number, country, currency, language) \
                     VALUES ('full', 'Full', '+15550101', 'GB', 'GBP', 'en'); \
                 INSERT INTO configurations (business_id, key, value) VALUES \
                     ('full', 'greeting_message', 'Hello!'), ('full', 'default_persona', 'nobody'), \
                     ('full', 'language', 'cy'), ('full', 'transfer_number', '+15550102'), ('full', 'voice', 'ash'), \
                     ('full', 'ai_personality', 'formal'), ('plain', 'voice', '');",
            )
            .unwrap();
        connection
    }

    #[test]
    fn a_business_comes_with_what_is_configured_for_it() {
        let full = by_number(&connection(), "+15550101").unwrap().unwrap();
        let expected = BusinessProfile {
            id: "full".to_owned(),
            name: "Full".to_owned(),
            country: Some("GB".to_owned()),
            currency: Some("GBP".to_owned()),
            language: Some("cy".to_owned()),
            greeting: Some("Hello!".to_owned()),
            default_persona: Some("nobody".into()),
            transfer_number: Some("+15550102".to_owned()),
            voice: Some("ash".to_owned()),
        };
        assert_eq!(full, expected);
        assert_eq!(by_id(&connection(), "full").unwrap(), Some(expected));
    }

    #[test]
    fn a_business_without_configuration_is_a_business() {
        let expected = BusinessProfile {
            id: "plain".to_owned(),
            name: "Plain".to_owned(),
            ..BusinessProfile::default()
        };
        assert_eq!(by_number(&connection(), "+15550100").unwrap(), Some(expected));
    }

    #[test]
    fn nobody_is_called_on_another_number() {
        for nothing in ["", "+15550199", "+1555010_", "' OR 1=1 --"] {
            assert_eq!(by_number(&connection(), nothing).unwrap(), None, "{nothing}");
            assert_eq!(by_id(&connection(), nothing).unwrap(), None, "{nothing}");
        }
    }

    #[test]
    fn a_number_is_kept_in_one_form_and_for_one_business() {
        let connection = connection();
        for number in ["+356 7000 0001", "35670000001", "+", "+1+2", "+1234567890123456", "+15550100"] {
            let insert = "INSERT INTO businesses (id, name, phone_number) VALUES ('x', 'X', ?)";
            assert!(connection.execute(insert, [number]).is_err(), "{number}");
        }
    }

    #[test]
    fn the_number_is_looked_up_in_an_index() {
        let connection = connection();
        let plan = format!("EXPLAIN QUERY PLAN {PROFILE} WHERE businesses.phone_number = '+15550100'");
        let mut statement = connection.prepare(&plan).unwrap();
        let steps = statement.query_map([], |row| row.get::<_, String>("detail")).unwrap();
        let steps: Vec<String> = steps.collect::<Result<_, _>>().unwrap();
        assert!(steps.iter().all(|step| step.starts_with("SEARCH")), "{steps:?}");
    }
}
