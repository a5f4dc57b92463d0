//! Whose caller a caller is: the business that has the called number, the one that was named, or the one that gets
//! everybody else.

use std::sync::Arc;

use super::{BusinessProfile, Census, Store, StoreError};
use crate::id::BusinessId;

/// How a business is looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lookup {
    /// By the number that was called or written to, in whatever way it is written.
    Number(String),
    /// By its id.
    Id(BusinessId),
}

/// Why it is not known whose caller this is. They are turned away: as nobody's they would be told of every business.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// The store does not say.
    #[error("whose caller this is could not be looked up")]
    Store(#[from] StoreError),
    /// There is no business of that id.
    #[error("the business is not there")]
    Gone,
}

/// Knows the rule. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Directory {
    store: Store,
    /// `DEFAULT_BUSINESS`.
    default: Option<BusinessId>,
}

impl Directory {
    /// A directory of the businesses in a store, with the one that gets the callers who named none.
    pub fn new(store: Store, default: Option<BusinessId>) -> Self {
        Self { store, default }
    }

    /// The business that gets whoever names none.
    pub fn default_id(&self) -> Option<&BusinessId> {
        self.default.as_ref()
    }

    /// Whose caller it is. Someone who called a number that no business has belongs to the default business, else to the
    /// only one there is; where there are several, to [`BusinessProfile::nobody`], who sees the rows of none. `None` only
    /// where there are no businesses at all.
    ///
    /// # Errors
    /// [`DirectoryError`].
    pub async fn find(&self, lookup: &Lookup) -> Result<Option<Arc<BusinessProfile>>, DirectoryError> {
        match lookup {
            Lookup::Id(id) => self.named(id).await.map(Some),
            Lookup::Number(number) => match self.store.business_by_number(number).await? {
                Some(business) => Ok(Some(Arc::new(business))),
                None => self.of_a_stranger().await,
            },
        }
    }

    /// Whose caller someone is who is let in by a key and names no business: the default one's, else that of the only one
    /// there is. With `None` they see the rows of all.
    ///
    /// # Errors
    /// [`DirectoryError`].
    pub async fn unnamed(&self) -> Result<Option<Arc<BusinessProfile>>, DirectoryError> {
        if let Some(id) = &self.default {
            return self.named(id).await.map(Some);
        }
        match self.store.census().await? {
            Census::One(business) => Ok(Some(Arc::from(business))),
            Census::None | Census::Several => Ok(None),
        }
    }

    /// What to set before callers are served, in words; `None` when whose they are is settled.
    ///
    /// # Errors
    /// As the store fails.
    pub async fn advice(&self, takes_calls: bool) -> Result<Option<String>, StoreError> {
        if let Some(id) = &self.default {
            let found = self.store.business(id.as_str()).await?;
            return Ok(found.is_none().then(|| {
                format!(
                    "DEFAULT_BUSINESS is `{id}`, and there is no such business: whoever names none is turned away \
                     until PUT /api/businesses/{id} makes it"
                )
            }));
        }
        let is_unsettled = takes_calls && matches!(self.store.census().await?, Census::Several);
        Ok(is_unsettled.then(|| {
            "there are several businesses and no DEFAULT_BUSINESS: who calls a number that none of them has is told of \
             no menu and no table; give your number to a business with PUT /api/businesses/{id}, or set DEFAULT_BUSINESS"
                .to_owned()
        }))
    }

    async fn named(&self, id: &BusinessId) -> Result<Arc<BusinessProfile>, DirectoryError> {
        let found = self.store.business(id.as_str()).await?;
        found.map(Arc::new).ok_or(DirectoryError::Gone)
    }

    async fn of_a_stranger(&self) -> Result<Option<Arc<BusinessProfile>>, DirectoryError> {
        if let Some(id) = &self.default {
            return self.named(id).await.map(Some);
        }
        match self.store.census().await? {
            Census::None => Ok(None),
            Census::One(business) => Ok(Some(Arc::from(business))),
            Census::Several => {
                metrics::counter!("ai_realtime_unknown_numbers_total").increment(1);
                tracing::warn!(
                    "a number was called that no business has: the caller sees the rows of none; give the number to a \
                     business, or set DEFAULT_BUSINESS"
                );
                Ok(Some(Arc::new(BusinessProfile::nobody())))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{BusinessRecord, Embedded};

    const NOBODYS_NUMBER: &str = "+15550199";

    struct House {
        store: Store,
        _home: tempfile::TempDir,
    }

    /// A store with these businesses and no others.
    async fn house(businesses: &[&str]) -> House {
        let home = tempfile::tempdir().unwrap();
        let store = Store::Embedded(Embedded::open(home.path()).await.unwrap());
        for business in store.businesses("", 100).await.unwrap() {
            assert!(store.delete_business(&business.id).await.unwrap());
        }
        for (at, id) in businesses.iter().enumerate() {
            let phone_number = Some(format!("+155501{at}"));
            let business = BusinessRecord {
                id: (*id).into(),
                name: (*id).to_owned(),
                phone_number,
                ..BusinessRecord::default()
            };
            store.put_business(business).await.unwrap();
        }
        House { store, _home: home }
    }

    impl House {
        fn directory(&self, default: Option<&str>) -> Directory {
            Directory::new(self.store.clone(), default.map(BusinessId::from))
        }
    }

    async fn id_of(directory: &Directory, number: &str) -> Option<String> {
        let found = directory.find(&Lookup::Number(number.to_owned())).await.unwrap();
        found.map(|business| business.id.to_string())
    }

    #[tokio::test]
    async fn a_stranger_belongs_to_the_default_business_or_the_only_one_or_to_nobody() {
        let several = house(&["a", "b"]).await;
        assert_eq!(id_of(&several.directory(None), "+1555 010").await.as_deref(), Some("a"));
        assert_eq!(id_of(&several.directory(Some("b")), "+155501-0").await.as_deref(), Some("a"));
        assert_eq!(id_of(&several.directory(Some("b")), NOBODYS_NUMBER).await.as_deref(), Some("b"));
        let nobody = BusinessId::nobody().to_string();
        assert_eq!(id_of(&several.directory(None), NOBODYS_NUMBER).await, Some(nobody.clone()));
        assert_eq!(id_of(&several.directory(None), "client:zoe").await, Some(nobody));
        assert_eq!(id_of(&house(&["a"]).await.directory(None), NOBODYS_NUMBER).await.as_deref(), Some("a"));
        assert_eq!(id_of(&house(&[]).await.directory(None), NOBODYS_NUMBER).await, None);
    }

    #[tokio::test]
    async fn a_default_business_that_is_gone_leaves_nobody_with_everything() {
        let several = house(&["a", "b"]).await;
        let directory = several.directory(Some("gone"));
        let lookup = Lookup::Number(NOBODYS_NUMBER.to_owned());
        assert!(matches!(directory.find(&lookup).await, Err(DirectoryError::Gone)));
        assert!(matches!(directory.unnamed().await, Err(DirectoryError::Gone)));
        assert!(matches!(directory.find(&Lookup::Id("x".into())).await, Err(DirectoryError::Gone)));
    }

    #[tokio::test]
    async fn what_is_not_settled_is_told_with_what_to_do() {
        let several = house(&["a", "b"]).await;
        let advice = async |default: Option<&str>, takes_calls: bool| {
            several.directory(default).advice(takes_calls).await.unwrap().unwrap_or_default()
        };
        assert!(advice(None, true).await.contains("set DEFAULT_BUSINESS"));
        assert!(advice(Some("gone"), false).await.contains("DEFAULT_BUSINESS is `gone`"));
        assert_eq!(
            (advice(None, false).await, advice(Some("b"), true).await),
            (String::new(), String::new())
        );
        assert_eq!(house(&["a"]).await.directory(None).advice(true).await.unwrap(), None);
    }

    #[tokio::test]
    async fn who_names_no_business_belongs_to_the_default_or_the_only_one() {
        let ids = async |businesses: &[&str], default: Option<&str>| {
            let house = house(businesses).await;
            let found = house.directory(default).unnamed().await.unwrap();
            found.map(|business| business.id.to_string())
        };
        assert_eq!(ids(&["a", "b"], Some("b")).await.as_deref(), Some("b"));
        assert_eq!(ids(&["a", "b"], None).await, None);
        assert_eq!(ids(&["a"], None).await.as_deref(), Some("a"));
        assert_eq!(ids(&[], None).await, None);
    }
}
