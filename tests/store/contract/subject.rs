//! A store with a menu of its own.

use ai_realtime::store::{
    Embedded, Order, Pattern, PatternPart, Row, Scalar, Select, Store, StoreError, Supabase, Tenant, Test,
};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::stand::Stand;

/// The store, and a business that nobody else knows.
pub(crate) struct Subject {
    pub(crate) store: Store,
    pub(crate) business: String,
    folder: TempDir,
    stand: Option<Stand>,
}

/// An item of the menu.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    /// Unique within the business.
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) price: String,
    pub(crate) image_url: Option<String>,
    pub(crate) dietary: Value,
    pub(crate) available: bool,
}

impl Item {
    pub(crate) fn named(id: &str, name: &str) -> Self {
        Self {
            id: id.to_owned(),
            name: name.to_owned(),
            description: "d".to_owned(),
            price: "1".to_owned(),
            image_url: None,
            dietary: json!([]),
            available: true,
        }
    }
}

impl Subject {
    pub(crate) async fn embedded() -> Self {
        let (folder, local) = local().await;
        Self { store: Store::Embedded(local), business: new_business(), folder, stand: None }
    }

    pub(crate) async fn supabase() -> Self {
        let stand = Stand::find();
        let (folder, local) = local().await;
        let url = stand.supabase_url.parse().unwrap();
        let store = Supabase::new(&url, &stand.service_role_key.as_str().into(), local).unwrap();
        Self { store: Store::Supabase(store), business: new_business(), folder, stand: Some(stand) }
    }

    /// The same business of the same project, seen from a data folder that knows nothing of it.
    pub(crate) async fn with_another_folder(&self) -> Self {
        Self { business: self.business.clone(), ..Self::supabase().await }
    }

    pub(crate) fn is_supabase(&self) -> bool {
        self.stand.is_some()
    }

    /// Writes items beside the store, as the business's own software would.
    pub(crate) async fn put(&self, items: &[Item]) {
        match &self.stand {
            None => self.put_in_file(items),
            Some(stand) => self.put_in_project(stand, items).await,
        }
    }

    fn put_in_file(&self, items: &[Item]) {
        let file = self.folder.path().join(ai_realtime::store::embedded::FILE);
        let mut connection = rusqlite::Connection::open(file).unwrap();
        let transaction = connection.transaction().unwrap();
        for item in items {
            let sql = "INSERT INTO menu_items (id, business_id, venue, name, category, description, price, currency, \
                       dietary, image_url, available) VALUES (?, ?, 'v', ?, 'c', ?, ?, 'EUR', ?, ?, ?)";
            let values = (
                self.full_id(&item.id),
                &self.business,
                &item.name,
                &item.description,
                &item.price,
                item.dietary.to_string(),
                &item.image_url,
                item.available,
            );
            transaction.execute(sql, values).unwrap();
        }
        transaction.commit().unwrap();
    }

    async fn put_in_project(&self, stand: &Stand, items: &[Item]) {
        let rows: Vec<_> = items
            .iter()
            .map(|item| {
                json!({
                    "id": self.full_id(&item.id), "business_id": self.business, "venue": "v", "name": item.name,
                    "category": "c", "description": item.description, "price": item.price, "currency": "EUR",
                    "dietary": item.dietary, "image_url": item.image_url, "available": item.available,
                })
            })
            .collect();
        let url = format!("{}/rest/v1/menu_items", stand.supabase_url);
        let request = reqwest::Client::new().post(url).header("apikey", &stand.service_role_key).json(&rows);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 201, "{}", answer.text().await.unwrap());
    }

    /// Takes out of the ledger what came of its effects, as if the process had ended before it was written down.
    pub(crate) fn forget_what_was_done(&self) {
        let file = self.folder.path().join(ai_realtime::store::embedded::FILE);
        let connection = rusqlite::Connection::open(file).unwrap();
        connection.execute("UPDATE tool_effects SET result = NULL, done_at = NULL", []).unwrap();
    }

    fn full_id(&self, id: &str) -> String {
        format!("{}/{id}", self.business)
    }

    /// A read of the business's menu in the order of its ids.
    pub(crate) fn menu(&self, all: Vec<(&str, Test)>, any: Vec<(&str, Test)>) -> Select {
        Select {
            from: "menu_items".parse().unwrap(),
            tenant: Tenant::Of(self.business.as_str().into()),
            columns: vec!["id".parse().unwrap()],
            all: named(all),
            any: named(any),
            order: vec![ascending("id")],
            limit: 1000,
        }
    }

    /// The ids that are found, as they were put in.
    pub(crate) async fn find(&self, select: Select) -> Vec<String> {
        self.try_find(select).await.unwrap()
    }

    pub(crate) async fn try_find(&self, select: Select) -> Result<Vec<String>, StoreError> {
        let rows = self.store.select(select).await?;
        let id = |row: &Row| row["id"].as_str().unwrap().rsplit_once('/').unwrap().1.to_owned();
        Ok(rows.iter().map(id).collect())
    }
}

async fn local() -> (TempDir, Embedded) {
    // Another test of this process may have installed it.
    drop(rustls::crypto::ring::default_provider().install_default());
    let folder = tempfile::tempdir().unwrap();
    let store = Embedded::open(folder.path()).await.unwrap();
    (folder, store)
}

fn new_business() -> String {
    format!("business-{}", uuid::Uuid::now_v7())
}

fn named(tests: Vec<(&str, Test)>) -> Vec<(ai_realtime::store::Column, Test)> {
    tests.into_iter().map(|(column, test)| (column.parse().unwrap(), test)).collect()
}

pub(crate) fn ascending(column: &str) -> Order {
    Order { column: column.parse().unwrap(), descending: false }
}

pub(crate) fn descending(column: &str) -> Order {
    Order { column: column.parse().unwrap(), descending: true }
}

pub(crate) fn text(text: &str) -> Scalar {
    Scalar::Text(text.to_owned())
}

pub(crate) fn exactly(text: &str) -> Test {
    Test::Like(Pattern(vec![PatternPart::Text(text.to_owned())]))
}

pub(crate) fn contains(text: &str) -> Test {
    Test::Like(Pattern(vec![PatternPart::Any, PatternPart::Text(text.to_owned()), PatternPart::Any]))
}

impl Subject {
    /// The store as another node finds it, which did not hold the calls: with a data folder of its own. Where there is no
    /// database between nodes, the store itself.
    pub(crate) async fn far(&self) -> Store {
        match &self.stand {
            None => self.store.clone(),
            Some(stand) => {
                let local = Embedded::open(&self.folder.path().join("far")).await.unwrap();
                let url = stand.supabase_url.parse().unwrap();
                Store::Supabase(Supabase::new(&url, &stand.service_role_key.as_str().into(), local).unwrap())
            }
        }
    }
}
