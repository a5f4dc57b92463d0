//! The store as its users have it: opened in a folder, asked through its face.

use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::*;
use crate::store::{Order, Pattern, PatternPart, Scalar, Store, Tenant, Test};

async fn store() -> (tempfile::TempDir, Embedded) {
    let folder = tempfile::tempdir().unwrap();
    let store = Embedded::open(folder.path()).await.unwrap();
    (folder, store)
}

fn items(columns: &[&str], all: Vec<(&str, Test)>) -> Select {
    Select {
        from: "menu_items".parse().unwrap(),
        tenant: Tenant::Any,
        columns: columns.iter().map(|column| column.parse().unwrap()).collect(),
        all: all.into_iter().map(|(column, test)| (column.parse().unwrap(), test)).collect(),
        any: vec![],
        order: vec![Order { column: "id".parse().unwrap(), descending: false }],
        limit: 1000,
    }
}

fn contains(text: &str) -> Test {
    Test::Like(Pattern(vec![PatternPart::Any, PatternPart::Text(text.into()), PatternPart::Any]))
}

fn ids(rows: &[Row]) -> Vec<&str> {
    rows.iter().map(|row| row["id"].as_str().unwrap()).collect()
}

/// Adds an item whose name is exactly this text.
async fn add_item(store: &Embedded, id: &'static str, name: String) {
    let insert = move |connection: &mut Connection| {
        let sql = "INSERT INTO menu_items (id, business_id, venue, name, category, description, price, currency) \
                   VALUES (?, 'b', 'v', ?, 'c', 'd', '1', 'EUR')";
        connection.execute(sql, [id, &name]).map_err(failed)
    };
    pool::run(&store.writer, OPERATION_LIMIT, insert).await.unwrap();
}

#[tokio::test]
async fn rows_come_back_as_json_of_their_declared_types() {
    let (_folder, store) = store().await;
    let columns = ["id", "name", "price", "currency", "dietary", "allergens", "available"];
    let goat = Test::Eq(Scalar::Text("kgl-brochette-goat".into()));
    let rows = store.select(items(&columns, vec![("id", goat)])).await.unwrap();
    assert_eq!(
        Value::from(rows),
        json!([{
            "id": "kgl-brochette-goat", "name": "Goat brochette", "price": "3500", "currency": "RWF",
            "dietary": ["halal", "gluten-free"], "allergens": [], "available": true,
        }])
    );
}

#[tokio::test]
async fn a_pairing_is_read_with_the_name_and_price_of_its_item() {
    let (_folder, store) = store().await;
    let select = Select {
        from: "pairing_details".parse().unwrap(),
        tenant: Tenant::Any,
        columns: ["paired_name", "paired_price", "currency", "available", "rank"]
            .map(|name| name.parse().unwrap())
            .to_vec(),
        all: vec![("item_id".parse().unwrap(), Test::Eq(Scalar::Text("vlt-lampuki".into())))],
        any: vec![],
        order: vec![Order { column: "rank".parse().unwrap(), descending: false }],
        limit: 1,
    };
    assert_eq!(
        Value::from(store.select(select).await.unwrap()),
        json!([{"paired_name": "Girgentina, glass", "paired_price": "6.00", "currency": "EUR",
                "available": true, "rank": 1}])
    );
}

#[tokio::test]
async fn matching_ignores_case_and_treats_what_is_searched_as_data() {
    let (_folder, store) = store().await;
    let mützig = store.select(items(&["id"], vec![("name", contains("MÜTZIG"))])).await.unwrap();
    assert_eq!(ids(&mützig), ["kgl-mutzig"]);
    let hobz = store.select(items(&["id"], vec![("name", contains("ħOBŻ"))])).await.unwrap();
    assert_eq!(ids(&hobz), ["vlt-hobz-biz-zejt"]);
    for nothing in ["%", "_", "*", "Goat%", "G_at", "\\"] {
        let rows = store.select(items(&["id"], vec![("name", contains(nothing))])).await.unwrap();
        assert!(rows.is_empty(), "{nothing:?} found {:?}", ids(&rows));
    }
}

#[tokio::test]
async fn hostile_values_are_data() {
    let (_folder, store) = store().await;
    let long = "x%".repeat(500_000);
    for hostile in [
        "100%_*?",
        ",",
        ")",
        "(",
        "'",
        "\"",
        "''; DROP TABLE menu_items; --",
        "\\",
        "\\%",
        "a\nb\r\tc",
        "\0nul",
        "') OR 1=1 --",
        "NULL",
        "?1",
        ":name",
        "💥 ħ \u{202e}",
        "{\"$ne\":null}",
        &long,
    ] {
        add_item(&store, "hostile", hostile.to_owned()).await;
        for test in [
            Test::Eq(Scalar::Text(hostile.into())),
            Test::In(vec![Scalar::Text("other".into()), Scalar::Text(hostile.into())]),
            Test::Like(Pattern(vec![PatternPart::Text(hostile.into())])),
        ] {
            let rows = store.select(items(&["id", "name"], vec![("name", test)])).await.unwrap();
            assert_eq!(ids(&rows), ["hostile"]);
            assert_eq!(rows[0]["name"], hostile);
        }
        let part = contains(hostile);
        let mut select = items(&["id"], vec![("business_id", Test::Eq(Scalar::Text("b".into())))]);
        select.any = vec![("name".parse().unwrap(), part.clone()), ("description".parse().unwrap(), part)];
        assert_eq!(ids(&store.select(select).await.unwrap()), ["hostile"]);
        let other = Test::Ne(Scalar::Text(hostile.into()));
        assert_eq!(store.select(items(&["id"], vec![("name", other)])).await.unwrap().len(), 79);
        let delete = |connection: &mut Connection| {
            connection.execute("DELETE FROM menu_items WHERE id = 'hostile'", []).map_err(failed)
        };
        pool::run(&store.writer, OPERATION_LIMIT, delete).await.unwrap();
    }
}

#[tokio::test]
async fn prices_are_compared_and_ordered_by_value() {
    let (_folder, store) = store().await;
    let rwf = ("currency", Test::Eq(Scalar::Text("RWF".into())));
    let price = |row: &Row| Decimal::from_str_exact(row["price"].as_str().unwrap()).unwrap();
    for bound in [Scalar::Decimal(9000.into()), Scalar::Integer(9000), Scalar::Text("9000.00".into())] {
        let mut select = items(&["id", "price"], vec![rwf.clone(), ("price", Test::Gte(bound))]);
        select.order = vec![Order { column: "price".parse().unwrap(), descending: true }];
        let rows = store.select(select).await.unwrap();
        let prices: Vec<Decimal> = rows.iter().map(price).collect();
        assert_eq!(prices, [18_000, 16_000, 9500, 9000].map(Decimal::from));
    }
    let equal = Test::Eq(Scalar::Decimal(Decimal::new(45, 1)));
    let rows = store.select(items(&["id", "price"], vec![("price", equal)])).await.unwrap();
    assert!(rows.len() >= 4 && rows.iter().all(|row| row["price"] == "4.50"), "{rows:?}");
}

#[tokio::test]
async fn an_empty_list_and_a_false_flag_find_what_they_say() {
    let (_folder, store) = store().await;
    let none = store.select(items(&["id"], vec![("id", Test::In(vec![]))])).await.unwrap();
    assert!(none.is_empty());
    let sold_out = Test::Eq(Scalar::Bool(false));
    let rows = store.select(items(&["id"], vec![("available", sold_out)])).await.unwrap();
    assert_eq!(ids(&rows), ["kgl-coffee-ice-cream"]);
}

#[tokio::test]
async fn tools_reach_their_tables_only() {
    let (_folder, store) = store().await;
    for table in ["businesses", "call_events", "configurations", "service_meta", "sqlite_schema", "nothing"] {
        let error = store.columns(table.parse().unwrap()).await.unwrap_err();
        let said = error.to_string();
        assert!(matches!(error, StoreError::Unknown(_)), "{error:?}");
        assert!(
            said.ends_with("there are gl_lines, menu_items, order_items, orders, pairing_details, pairings, table_bookings, tax_rules"),
            "{said}"
        );
        let select = Select { from: table.parse().unwrap(), ..items(&["id"], vec![]) };
        assert!(matches!(store.select(select).await, Err(StoreError::Unknown(_))));
    }
    let columns = store.columns("pairings".parse().unwrap()).await.unwrap();
    assert_eq!(columns, ["id", "item_id", "paired_item_id", "reason", "rank"]);
    let error = store.select(items(&["colour"], vec![])).await.unwrap_err();
    assert!(error.to_string().starts_with("`menu_items` has no column `colour`; it has id, "), "{error}");
}

#[tokio::test]
async fn rows_that_would_fill_the_memory_are_refused() {
    let (_folder, store) = store().await;
    add_item(&store, "huge", "x".repeat(9 << 20)).await;
    let error = store.select(items(&["id", "name"], vec![])).await.unwrap_err();
    assert!(matches!(error, StoreError::Query(_)), "{error:?}");
}

#[tokio::test]
async fn a_business_is_found_by_its_number_however_it_is_written() {
    let (_folder, store) = store().await;
    let store = Store::Embedded(store);
    for number in ["+35670000001", "+356 7000 0001"] {
        let found = store.business_by_number(number).await.unwrap().unwrap();
        assert_eq!((found.id.as_str(), found.currency.as_deref()), ("bastion-valletta", Some("EUR")));
        assert_eq!(store.business("bastion-valletta").await.unwrap(), Some(found));
    }
    for number in ["70000001", "+35670000002", "", "anonymous"] {
        assert_eq!(store.business_by_number(number).await.unwrap(), None, "{number}");
    }
    assert_eq!(store.business("nobody").await.unwrap(), None);
}

fn event(call: &str, seq: u64, kind: &str) -> EventRecord {
    EventRecord {
        call_id: call.parse().unwrap(),
        seq,
        at: "2026-03-01T12:00:00.123456789Z".parse().unwrap(),
        kind: kind.into(),
        body: format!("{{\"seq\":{seq},\"text\":\"it's \\\"ħ\\\"\"}}").into(),
        change: None,
    }
}

#[tokio::test]
async fn events_come_back_in_order_and_survive_a_restart() {
    let (folder, store) = store().await;
    let events: Vec<EventRecord> = (1..=5).map(|seq| event("t1", seq, "turn.done")).collect();
    let other = event("t2", 1, "call.started");
    // Out of order, and among another call's.
    let batch = [&events[3], &other, &events[0], &events[4], &events[2], &events[1]].map(Clone::clone);
    store.append_events(batch.to_vec()).await.unwrap();
    drop(store);
    let store = Embedded::open(folder.path()).await.unwrap();
    let (one, two): (CallId, CallId) = ("t1".parse().unwrap(), "t2".parse().unwrap());
    assert_eq!(store.events_after(one.clone(), 0, usize::MAX).await.unwrap(), events);
    assert_eq!(store.events_after(one.clone(), 2, 2).await.unwrap(), events[2..4]);
    assert_eq!(store.events_after(one.clone(), 5, 10).await.unwrap(), []);
    assert_eq!(store.events_after(one, u64::MAX, 10).await.unwrap(), []);
    assert_eq!(store.events_after(two, 0, 10).await.unwrap(), [other]);
}

#[tokio::test]
async fn demo_rows_are_filled_in_once_and_deleted_ones_stay_deleted() {
    let (folder, store) = store().await;
    let delete = |connection: &mut Connection| {
        connection.execute("DELETE FROM menu_items WHERE currency = 'EUR'", []).map_err(failed)
    };
    assert!(pool::run(&store.writer, OPERATION_LIMIT, delete).await.unwrap() > 30);
    drop(store);
    let store = Embedded::open(folder.path()).await.unwrap();
    let euro = Test::Eq(Scalar::Text("EUR".into()));
    assert!(store.select(items(&["id"], vec![("currency", euro)])).await.unwrap().is_empty());
    assert!(!store.select(items(&["id"], vec![])).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_missing_folder_is_made_and_only_for_us() {
    let folder = tempfile::tempdir().unwrap();
    let deep = folder.path().join("not/yet/there");
    let store = Embedded::open(&deep).await.unwrap();
    assert_eq!(store.path(), deep.join(FILE));
    assert!(store.path().is_file());
    assert_eq!(format!("{store:?}"), format!("Embedded({:?})", deep.join(FILE)));
    store.ping().await.unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&deep).unwrap().permissions().mode() & 0o777, 0o700);
    }
}

#[tokio::test]
async fn what_cannot_be_opened_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "no folder").unwrap();
    let not_ours = folder.path().join("not_ours");
    std::fs::create_dir(&not_ours).unwrap();
    std::fs::write(not_ours.join(FILE), "this is a letter, not a database; ".repeat(100)).unwrap();
    let newer = folder.path().join("newer");
    std::fs::create_dir(&newer).unwrap();
    Connection::open(newer.join(FILE)).unwrap().pragma_update(None, "user_version", 99).unwrap();
    for (folder, why) in [(&file, "exists"), (&not_ours, "not a database"), (&newer, "newer version")] {
        let error = Embedded::open(folder).await.unwrap_err();
        assert_eq!(error.to_string(), format!("cannot open the database at {}", folder.join(FILE).display()));
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(cause.contains(why), "{cause}");
    }
}

#[tokio::test]
async fn many_read_and_write_at_once() {
    let (_folder, store) = store().await;
    let all = (0..50_u64).map(|n| {
        let store = store.clone();
        async move {
            store.append_events(vec![event("t1", n + 1, "turn.done")]).await?;
            store.select(items(&["id"], vec![("name", contains("coffee"))])).await
        }
    });
    for rows in futures_util::future::join_all(all).await {
        assert!(!rows.unwrap().is_empty());
    }
    assert_eq!(store.events_after("t1".parse().unwrap(), 0, 100).await.unwrap().len(), 50);
}
