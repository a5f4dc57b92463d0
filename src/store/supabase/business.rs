//! Businesses and what is configured for them. A business comes with its configuration in one request: PostgREST
//! embeds the rows that refer to it.

mod cache;

use serde::Deserialize;
use serde_json::json;

pub(in crate::store::supabase) use self::cache::Cache;

use self::cache::Question;
use super::Supabase;
use super::rest::{Prefer, Repeat, Rest};
use crate::id::BusinessId;
use crate::store::business::{BusinessRecord, Census, Configuration, Written};
use crate::store::{BusinessProfile, Row, StoreError};

const BUSINESSES: &str = "businesses";
const CONFIGURATIONS: &str = "configurations";
const RECORD: &str = "id,name,phone_number,country,currency,language";
const PROFILE: &str = "id,name,phone_number,country,currency,language,configurations(key,value)";
/// Postgres: a row refers to one that is not there.
const NO_SUCH_ROW: &str = "23503";
/// Postgres: another row has that value.
const TAKEN: &str = "23505";

#[derive(Debug, Deserialize)]
struct ProfileRow {
    #[serde(flatten)]
    business: BusinessRecord,
    configurations: Vec<Value>,
}

#[derive(Debug, Deserialize)]
struct Value {
    key: String,
    value: String,
}

impl From<ProfileRow> for BusinessProfile {
    fn from(row: ProfileRow) -> Self {
        Self::new(row.business, row.configurations.into_iter().map(|Value { key, value }| (key, value)))
    }
}

impl Supabase {
    pub(in crate::store) async fn business_by_number(
        &self,
        number: String,
    ) -> Result<Option<BusinessProfile>, StoreError> {
        let found = self.ask(Question::Number(number)).await?;
        Ok(found.into_iter().next())
    }

    pub(in crate::store) async fn business(&self, id: String) -> Result<Option<BusinessProfile>, StoreError> {
        let found = self.ask(Question::Id(id)).await?;
        Ok(found.into_iter().next())
    }

    pub(in crate::store) async fn census(&self) -> Result<Census, StoreError> {
        let mut found = self.ask(Question::Census).await?;
        Ok(match (found.pop(), found.is_empty()) {
            (None, _) => Census::None,
            (Some(only), true) => Census::One(Box::new(only)),
            (Some(_), false) => Census::Several,
        })
    }

    async fn ask(&self, question: Question) -> Result<Vec<BusinessProfile>, StoreError> {
        let (rest, asked) = (self.rest.clone(), question.clone());
        let answer = self.businesses.answer(question, || profiles(rest, asked)).await?;
        Ok(answer.to_vec())
    }

    pub(in crate::store) async fn businesses(
        &self,
        after: String,
        limit: usize,
    ) -> Result<Vec<BusinessRecord>, StoreError> {
        let page = self.rest.from(BUSINESSES).select(RECORD).gt("id", after).order("id.asc").limit(limit);
        self.rest.rows(page).await
    }

    pub(in crate::store) async fn business_record(
        &self,
        id: &BusinessId,
    ) -> Result<Option<BusinessRecord>, StoreError> {
        let one = self.rest.from(BUSINESSES).select(RECORD).eq("id", id.as_str());
        Ok(self.rest.rows(one).await?.into_iter().next())
    }

    pub(in crate::store) async fn put_business(
        &self,
        business: &BusinessRecord,
    ) -> Result<Written, StoreError> {
        let row = serde_json::to_string(business).map_err(|error| StoreError::Query(error.into()))?;
        let upsert = self.rest.from(BUSINESSES).insert(row).on_conflict("id");
        let written: Result<Vec<Row>, _> = self.rest.write(upsert, Prefer::Merge, Repeat::Safe).await;
        self.businesses.forget();
        match written {
            Ok(_) => Ok(Written::Done),
            Err(StoreError::Unfit { code, .. }) if code == TAKEN => Ok(Written::NumberTaken),
            Err(error) => Err(error),
        }
    }

    pub(in crate::store) async fn delete_business(&self, id: &BusinessId) -> Result<bool, StoreError> {
        let delete = self.rest.from(BUSINESSES).delete().eq("id", id.as_str()).select("id");
        let gone: Result<Vec<Row>, _> = self.rest.write(delete, Prefer::Rows, Repeat::Never).await;
        self.businesses.forget();
        Ok(!gone?.is_empty())
    }

    pub(in crate::store) async fn configuration(
        &self,
        id: &BusinessId,
    ) -> Result<Option<Configuration>, StoreError> {
        let one = self.rest.from(BUSINESSES).select(PROFILE).eq("id", id.as_str());
        let found: Option<ProfileRow> = self.rest.rows(one).await?.into_iter().next();
        Ok(found.map(|row| row.configurations.into_iter().map(|Value { key, value }| (key, value)).collect()))
    }

    pub(in crate::store) async fn configure(
        &self,
        id: &BusinessId,
        key: &str,
        value: &str,
    ) -> Result<bool, StoreError> {
        let row = json!({"business_id": id, "key": key, "value": value}).to_string();
        let upsert = self.rest.from(CONFIGURATIONS).insert(row).on_conflict("business_id,key");
        let written: Result<Vec<Row>, _> = self.rest.write(upsert, Prefer::Merge, Repeat::Safe).await;
        self.businesses.forget();
        match written {
            Ok(_) => Ok(true),
            Err(StoreError::Unfit { code, .. }) if code == NO_SUCH_ROW => Ok(false),
            Err(error) => Err(error),
        }
    }

    pub(in crate::store) async fn unconfigure(&self, id: &BusinessId, key: &str) -> Result<bool, StoreError> {
        let delete = self.rest.from(CONFIGURATIONS).delete().eq("business_id", id.as_str()).eq("key", key);
        let delete = delete.select("key");
        let gone: Result<Vec<Row>, _> = self.rest.write(delete, Prefer::Rows, Repeat::Never).await;
        self.businesses.forget();
        Ok(!gone?.is_empty())
    }
}

async fn profiles(rest: Rest, question: Question) -> Result<Vec<BusinessProfile>, StoreError> {
    let all = rest.from(BUSINESSES).select(PROFILE);
    let wanted = match question {
        Question::Number(number) => all.eq("phone_number", number).limit(1),
        Question::Id(id) => all.eq("id", id).limit(1),
        Question::Census => all.order("id.asc").limit(2),
    };
    let rows: Vec<ProfileRow> = rest.rows(wanted).await?;
    Ok(rows.into_iter().map(BusinessProfile::from).collect())
}
