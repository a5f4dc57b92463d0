//! What tools write: once per key, all of it or nothing, and in no other business's rows.

use ai_realtime::id::CallId;
use ai_realtime::store::effect::NO_ROW;
use ai_realtime::store::{
    Cells, Change, Effect, EffectKey, EffectRecord, Row, Select, StoreError, Tenant, Test,
};
use serde_json::{Value, json};

use super::on_both_stores;
use super::subject::{Subject, text};

on_both_stores!(
    an_effect_is_done_once_however_often_it_is_attempted,
    attempts_at_once_make_one_row,
    an_order_is_written_with_its_lines_or_not_at_all,
    hostile_values_are_written_as_they_are,
    what_does_not_fit_is_refused_and_nothing_is_kept,
    an_update_finds_the_rows_of_its_business_only,
    the_services_own_tables_and_what_is_not_there_are_closed,
    what_was_done_without_our_knowing_is_found_out,
    the_same_call_in_another_data_folder_is_another_effect,
);

async fn an_effect_is_done_once_however_often_it_is_attempted(subject: Subject) {
    let effect = booking(&subject, "Aline");
    let intended = subject.store.intend(effect.clone()).await.unwrap();
    assert_eq!(intended.done, None);
    let first = done(&subject, &effect).await;
    let row = first["booking"].as_object().unwrap();
    assert_eq!((&row["guest_name"], &row["party_size"]), (&json!("Aline"), &json!(4)));
    assert_eq!((&row["booking_date"], &row["status"]), (&json!("2030-12-24"), &json!("booked")));
    assert_eq!(row["business_id"], subject.business, "the store says whose it is");
    // Another plan under the same key changes nothing: the first one stands.
    let mut later = effect.clone();
    later.output.insert("done".to_owned(), json!("otherwise"));
    assert_eq!(done(&subject, &later).await, first);
    let known = subject.store.effect(&effect.key).await.unwrap().unwrap();
    assert!(!known.delivered && known.done.is_some());
    subject.store.forget_intent(&effect.key).await.unwrap();
    subject.store.delivered(&effect.key).await.unwrap();
    assert!(subject.store.effect(&effect.key).await.unwrap().unwrap().delivered);
    assert_eq!(bookings(&subject).await.len(), 1);
}

async fn attempts_at_once_make_one_row(subject: Subject) {
    let effect = booking(&subject, "Aline");
    let record = subject.store.intend(effect).await.unwrap();
    let attempts = (0..8).map(|_| subject.store.apply(record.clone()));
    let results = futures_util::future::join_all(attempts).await;
    let results: Vec<_> = results.into_iter().map(|result| result.unwrap().done.unwrap().0).collect();
    assert!(results.iter().all(|result| *result == results[0]), "{results:?}");
    assert_eq!(bookings(&subject).await.len(), 1);
}

async fn an_order_is_written_with_its_lines_or_not_at_all(subject: Subject) {
    let order = |quantity: i64| {
        let id = format!("{}/order-{quantity}", subject.business);
        let line = json!({"order_id": id, "line": 1, "item_id": "i", "name": "Kinnie", "quantity": quantity,
            "unit_price": "3.50", "line_total": "7.00", "currency": "EUR"});
        let order =
            json!({"id": id, "call_id": "default", "number": "1", "total": "7.00", "currency": "EUR"});
        let mut changes = vec![insert("orders", order), insert("order_items", line)];
        if let Change::Insert { returning, .. } = &mut changes[0] {
            *returning = columns(&["total"]);
        }
        effect(&subject, &format!("order {quantity}"), changes)
    };
    let error = attempt(&subject, &order(0)).await.unwrap_err();
    assert!(matches!(error, StoreError::Unfit { .. }), "{error:?}");
    assert_eq!(rows(&subject, "orders", &["id"]).await.len(), 0);
    let result = done(&subject, &order(2)).await;
    assert_eq!(result["booking"]["total"], "7.00", "money is text, as it was written");
    let lines = rows(&subject, "order_items", &["unit_price", "line_total", "quantity"]).await;
    assert_eq!(json!(lines), json!([{"unit_price": "3.50", "line_total": "7.00", "quantity": 2}]));
}

async fn hostile_values_are_written_as_they_are(subject: Subject) {
    let names =
        ["'; DROP TABLE orders; --", "a,b)(.\"\\", "%_*", "\n\t", "Ħal Għaxaq 🍺", "null", "$1 {x} {{y}}"];
    for name in names {
        let result = done(&subject, &booking(&subject, name)).await;
        assert_eq!(result["booking"]["guest_name"], name);
    }
    let mut written = bookings(&subject).await;
    let mut expected: Vec<_> = names.map(str::to_owned).into();
    written.sort();
    expected.sort();
    assert_eq!(written, expected);
}

async fn what_does_not_fit_is_refused_and_nothing_is_kept(subject: Subject) {
    for (column, value) in [
        ("booking_date", json!("2030-02-30")),
        ("booking_time", json!("half past")),
        ("party_size", json!(0)),
        ("party_size", json!("four")),
        ("guest_name", Value::Null),
    ] {
        let mut effect = booking(&subject, &format!("{column} {value}"));
        if let Change::Insert { row, .. } = &mut effect.changes[0] {
            row.insert(column.parse().unwrap(), value.clone());
        }
        let error = attempt(&subject, &effect).await.unwrap_err();
        assert!(matches!(error, StoreError::Unfit { .. }), "{column} {value}: {error:?}");
        // Once it is forgotten, the same arguments may be planned anew.
        subject.store.forget_intent(&effect.key).await.unwrap();
        assert_eq!(subject.store.effect(&effect.key).await.unwrap(), None);
    }
    assert_eq!(bookings(&subject).await.len(), 0);
}

async fn an_update_finds_the_rows_of_its_business_only(subject: Subject) {
    let id = done(&subject, &booking(&subject, "Aline")).await["booking"]["id"].clone();
    let cancel = |name: &str, by: Value| {
        let change = Change::Update {
            table: "table_bookings".parse().unwrap(),
            tenant: true,
            by: cells(by),
            set: cells(json!({"status": "cancelled", "note": "it rains"})),
            returning: columns(&["status", "note"]),
        };
        effect(&subject, name, vec![change])
    };
    let mut theirs = cancel("crossing", json!({"id": id}));
    theirs.business_id = Some("somebody-else".into());
    let nobody = cancel("nobody", json!({"id": "' OR true --"}));
    for effect in [&theirs, &nobody] {
        let error = attempt(&subject, effect).await.unwrap_err();
        assert!(matches!(&error, StoreError::Unfit { code, .. } if code == NO_ROW), "{error:?}");
    }
    let result = done(&subject, &cancel("ours", json!({"id": id, "party_size": 4}))).await;
    assert_eq!(result["booking"], json!({"status": "cancelled", "note": "it rains"}));
    done(&subject, &booking(&subject, "Bela")).await;
    // A key that names several rows names none.
    let error = attempt(&subject, &cancel("several", json!({"party_size": 4}))).await.unwrap_err();
    assert!(matches!(&error, StoreError::Unfit { code, .. } if code == NO_ROW), "{error:?}");
    let mut states = Vec::new();
    for row in rows(&subject, "table_bookings", &["status"]).await {
        states.push(row["status"].as_str().unwrap().to_owned());
    }
    states.sort();
    assert_eq!(states, ["booked", "cancelled"]);
}

async fn the_services_own_tables_and_what_is_not_there_are_closed(subject: Subject) {
    for table in ["businesses", "tool_effects", "call_events", "configurations", "nothing", "pg_class"] {
        let effect = effect(&subject, table, vec![insert(table, json!({"id": "x"}))]);
        let error = attempt(&subject, &effect).await.unwrap_err();
        assert!(matches!(error, StoreError::Unknown(_)), "{table}: {error:?}");
    }
    let colour = effect(&subject, "colour", vec![insert("table_bookings", json!({"colour": "red"}))]);
    assert!(matches!(attempt(&subject, &colour).await, Err(StoreError::Unknown(_))));
    let forged = effect(&subject, "forged", vec![insert("table_bookings", json!({"business_id": "other"}))]);
    assert!(matches!(subject.store.intend(forged).await, Err(StoreError::Unknown(_))));
}

/// The process ended between the database's answer and the ledger's note of it.
async fn what_was_done_without_our_knowing_is_found_out(subject: Subject) {
    let effect = booking(&subject, "Aline");
    let first = done(&subject, &effect).await;
    if subject.is_supabase() {
        subject.forget_what_was_done();
        let again = done(&subject, &effect).await;
        assert_eq!(again["booking"], first["booking"]);
    }
    assert_eq!(bookings(&subject).await.len(), 1);
}

/// Two nodes have a call `default` each, as has a service whose data folder was lost.
async fn the_same_call_in_another_data_folder_is_another_effect(subject: Subject) {
    if !subject.is_supabase() {
        return;
    }
    let effect = booking(&subject, "Aline");
    let first = done(&subject, &effect).await;
    let second = done(&subject.with_another_folder().await, &effect).await;
    assert_ne!(first["booking"]["id"], second["booking"]["id"]);
    assert_eq!(bookings(&subject).await.len(), 2);
}

async fn attempt(subject: &Subject, effect: &Effect) -> Result<EffectRecord, StoreError> {
    let record = subject.store.intend(effect.clone()).await.unwrap();
    subject.store.apply(record).await
}

async fn done(subject: &Subject, effect: &Effect) -> Row {
    attempt(subject, effect).await.unwrap().done.unwrap().0
}

fn booking(subject: &Subject, guest: &str) -> Effect {
    let mut change = insert(
        "table_bookings",
        json!({"guest_name": guest, "party_size": 4, "booking_date": "2030-12-24", "booking_time": "19:30"}),
    );
    if let Change::Insert { returning, .. } = &mut change {
        *returning = columns(&["id", "business_id", "guest_name", "party_size", "booking_date", "status"]);
    }
    effect(subject, guest, vec![change])
}

fn insert(table: &str, row: Value) -> Change {
    Change::Insert { table: table.parse().unwrap(), tenant: true, row: cells(row), returning: Vec::new() }
}

fn effect(subject: &Subject, name: &str, changes: Vec<Change>) -> Effect {
    let call_id = CallId::default_call();
    let arguments = json!({"name": name, "business": subject.business});
    Effect {
        key: EffectKey::of(&call_id, 1, "book_table", arguments.as_object().unwrap()),
        call_id,
        tool: "book_table".to_owned(),
        business_id: Some(subject.business.as_str().into()),
        changes,
        output: json!({"done": true}).as_object().unwrap().clone(),
        row_as: Some("booking".to_owned()),
    }
}

fn cells(row: Value) -> Cells {
    serde_json::from_value(row).unwrap()
}

fn columns(names: &[&str]) -> Vec<ai_realtime::store::Column> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

async fn bookings(subject: &Subject) -> Vec<String> {
    let rows = rows(subject, "table_bookings", &["guest_name"]).await;
    rows.iter().map(|row| row["guest_name"].as_str().unwrap().to_owned()).collect()
}

async fn rows(subject: &Subject, table: &str, wanted: &[&str]) -> Vec<Row> {
    let select = Select {
        from: table.parse().unwrap(),
        tenant: Tenant::Any,
        columns: columns(wanted),
        all: vec![("business_id".parse().unwrap(), Test::Eq(text(&subject.business)))],
        any: Vec::new(),
        order: Vec::new(),
        limit: 100,
    };
    subject.store.select(select).await.unwrap()
}
