//! Businesses with what is configured for them.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::pool::failed;
use crate::id::BusinessId;
use crate::store::business::{BusinessProfile, BusinessRecord, Census, Configuration, Written};
use crate::store::{Embedded, StoreError};

/// Rows of businesses, one for each configured value, or one without.
const PROFILE: &str = "SELECT businesses.id, name, phone_number, country, currency, language, configurations.key, \
     configurations.value \
     FROM businesses LEFT JOIN configurations ON configurations.business_id = businesses.id";
const RECORD: &str = "SELECT id, name, phone_number, country, currency, language FROM businesses";
const PUT: &str = "INSERT INTO businesses (id, name, phone_number, country, currency, language) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
     ON CONFLICT (id) DO UPDATE SET name = ?2, phone_number = ?3, country = ?4, currency = ?5, language = ?6";
const CONFIGURE: &str = "INSERT INTO configurations (business_id, key, value) VALUES (?1, ?2, ?3) \
     ON CONFLICT (business_id, key) DO UPDATE SET value = ?3";

impl Embedded {
    pub(in crate::store) async fn business_by_number(
        &self,
        number: String,
    ) -> Result<Option<BusinessProfile>, StoreError> {
        self.read(move |connection| by_number(connection, &number)).await
    }

    pub(in crate::store) async fn business(&self, id: String) -> Result<Option<BusinessProfile>, StoreError> {
        self.read(move |connection| by_id(connection, &id)).await
    }

    pub(in crate::store) async fn census(&self) -> Result<Census, StoreError> {
        self.read(|connection| {
            let ids = "SELECT id FROM businesses LIMIT 2";
            let mut statement = connection.prepare_cached(ids).map_err(failed)?;
            let ids = statement.query_map([], |row| row.get(0)).map_err(failed)?;
            let ids: Vec<String> = ids.collect::<Result<_, _>>().map_err(failed)?;
            match ids.as_slice() {
                [] => Ok(Census::None),
                [only] => Ok(by_id(connection, only)?.map_or(Census::None, |one| Census::One(Box::new(one)))),
                _ => Ok(Census::Several),
            }
        })
        .await
    }

    pub(in crate::store) async fn businesses(
        &self,
        after: String,
        limit: usize,
    ) -> Result<Vec<BusinessRecord>, StoreError> {
        self.read(move |connection| {
            let page = format!("{RECORD} WHERE id > ? ORDER BY id LIMIT ?");
            let mut statement = connection.prepare_cached(&page).map_err(failed)?;
            let rows = statement.query_map(params![after, limit as i64], record).map_err(failed)?;
            rows.collect::<Result<_, _>>().map_err(failed)
        })
        .await
    }

    pub(in crate::store) async fn business_record(
        &self,
        id: BusinessId,
    ) -> Result<Option<BusinessRecord>, StoreError> {
        self.read(move |connection| {
            let one = format!("{RECORD} WHERE id = ?");
            connection.query_row(&one, [id.as_str()], record).optional().map_err(failed)
        })
        .await
    }

    pub(in crate::store) async fn put_business(
        &self,
        business: BusinessRecord,
    ) -> Result<Written, StoreError> {
        self.write(move |connection| put(connection, &business)).await
    }

    pub(in crate::store) async fn delete_business(&self, id: BusinessId) -> Result<bool, StoreError> {
        self.write(move |connection| {
            let gone = connection.execute("DELETE FROM businesses WHERE id = ?", [id.as_str()]);
            Ok(gone.map_err(failed)? > 0)
        })
        .await
    }

    pub(in crate::store) async fn configuration(
        &self,
        id: BusinessId,
    ) -> Result<Option<Configuration>, StoreError> {
        self.read(move |connection| {
            if !is_there(connection, &id)? {
                return Ok(None);
            }
            let values = "SELECT key, value FROM configurations WHERE business_id = ?";
            let mut statement = connection.prepare_cached(values).map_err(failed)?;
            let rows =
                statement.query_map([id.as_str()], |row| Ok((row.get(0)?, row.get(1)?))).map_err(failed)?;
            rows.collect::<Result<_, _>>().map(Some).map_err(failed)
        })
        .await
    }

    pub(in crate::store) async fn configure(
        &self,
        id: BusinessId,
        key: String,
        value: String,
    ) -> Result<bool, StoreError> {
        self.write(move |connection| {
            if !is_there(connection, &id)? {
                return Ok(false);
            }
            connection.execute(CONFIGURE, params![id.as_str(), key, value]).map_err(failed)?;
            Ok(true)
        })
        .await
    }

    pub(in crate::store) async fn unconfigure(
        &self,
        id: BusinessId,
        key: String,
    ) -> Result<bool, StoreError> {
        self.write(move |connection| {
            let delete = "DELETE FROM configurations WHERE business_id = ? AND key = ?";
            Ok(connection.execute(delete, params![id.as_str(), key]).map_err(failed)? > 0)
        })
        .await
    }
}

/// The business of this id.
fn by_id(connection: &Connection, id: &str) -> Result<Option<BusinessProfile>, StoreError> {
    read(connection, "businesses.id = ?", id)
}

/// The business that is called on this number, which is in E.164.
fn by_number(connection: &Connection, number: &str) -> Result<Option<BusinessProfile>, StoreError> {
    read(connection, "businesses.phone_number = ?", number)
}

fn read(
    connection: &Connection,
    condition: &str,
    value: &str,
) -> Result<Option<BusinessProfile>, StoreError> {
    let mut statement = connection.prepare_cached(&format!("{PROFILE} WHERE {condition}")).map_err(failed)?;
    let mut rows = statement.query(params![value]).map_err(failed)?;
    let mut found: Option<BusinessRecord> = None;
    let mut configuration = Vec::new();
    while let Some(row) = rows.next().map_err(failed)? {
        if found.is_none() {
            found = Some(record(row).map_err(failed)?);
        }
        let key: Option<String> = row.get("key").map_err(failed)?;
        if let Some(key) = key {
            configuration.push((key, row.get("value").map_err(failed)?));
        }
    }
    Ok(found.map(|business| BusinessProfile::new(business, configuration)))
}

fn record(row: &Row<'_>) -> rusqlite::Result<BusinessRecord> {
    Ok(BusinessRecord {
        id: row.get::<_, String>("id")?.into(),
        name: row.get("name")?,
        phone_number: row.get("phone_number")?,
        country: row.get("country")?,
        currency: row.get("currency")?,
        language: row.get("language")?,
    })
}

fn is_there(connection: &Connection, id: &BusinessId) -> Result<bool, StoreError> {
    let mut statement = connection.prepare_cached("SELECT 1 FROM businesses WHERE id = ?").map_err(failed)?;
    statement.exists([id.as_str()]).map_err(failed)
}

fn put(connection: &mut Connection, business: &BusinessRecord) -> Result<Written, StoreError> {
    let BusinessRecord { id, name, phone_number, country, currency, language } = business;
    let transaction = connection.transaction().map_err(failed)?;
    let taken = "SELECT 1 FROM businesses WHERE phone_number = ? AND id <> ?";
    let taken: Option<i64> = transaction
        .query_row(taken, params![phone_number, id.as_str()], |row| row.get(0))
        .optional()
        .map_err(failed)?;
    if taken.is_some() {
        return Ok(Written::NumberTaken);
    }
    let values = params![id.as_str(), name, phone_number, country, currency, language];
    transaction.execute(PUT, values).map_err(failed)?;
    transaction.commit().map_err(failed)?;
    Ok(Written::Done)
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
                     ('full', 'ai_personality', 'formal'), ('full', 'wifi', 'guest'), ('plain', 'voice', '');",
            )
            .unwrap();
        connection
    }

    #[test]
    fn a_business_comes_with_what_is_configured_for_it() {
        let full = by_number(&connection(), "+15550101").unwrap().unwrap();
        let expected = BusinessProfile {
            id: "full".into(),
            name: "Full".to_owned(),
            country: Some("GB".to_owned()),
            currency: Some("GBP".to_owned()),
            language: Some("cy".to_owned()),
            greeting: Some("Hello!".to_owned()),
            default_persona: Some("nobody".into()),
            transfer_number: Some("+15550102".to_owned()),
            voice: Some("ash".to_owned()),
            personality: Some("formal".to_owned()),
            opening_hours: None,
            settings: [("wifi".to_owned(), "guest".to_owned())].into(),
        };
        assert_eq!(full, expected);
        assert_eq!(by_id(&connection(), "full").unwrap(), Some(expected));
    }

    #[test]
    fn a_business_without_configuration_is_a_business() {
        let expected =
            BusinessProfile { id: "plain".into(), name: "Plain".to_owned(), ..BusinessProfile::default() };
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
