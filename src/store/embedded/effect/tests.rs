//! Effects in the file: once each, all or nothing.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::id::CallId;
use crate::store::embedded::schema;

fn connection() -> Connection {
    let mut connection = Connection::open_in_memory().unwrap();
    schema::prepare(&mut connection).unwrap();
    connection
}

fn cells(value: &Value) -> Cells {
    serde_json::from_value(value.clone()).unwrap()
}

fn booking(guest: &str, business: &str) -> Effect {
    let row = cells(&json!({"guest_name": guest, "party_size": 2, "booking_date": "2026-12-24",
        "booking_time": "19:30"}));
    let returning = ["id", "guest_name", "status"].iter().map(|name| name.parse().unwrap()).collect();
    effect(
        guest,
        business,
        Change::Insert { table: "table_bookings".parse().unwrap(), tenant: true, row, returning },
    )
}

fn effect(name: &str, business: &str, change: Change) -> Effect {
    let call_id = CallId::default_call();
    let arguments = json!({"name": name, "business": business});
    Effect {
        key: EffectKey::of(&call_id, 1, "book_table", arguments.as_object().unwrap()),
        call_id,
        tool: "book_table".to_owned(),
        business_id: Some(business.into()),
        changes: vec![change],
        output: json!({"done": true}).as_object().unwrap().clone(),
        row_as: Some("booking".to_owned()),
    }
}

fn count(connection: &Connection) -> i64 {
    connection.query_row("SELECT count(*) FROM table_bookings", [], |row| row.get(0)).unwrap()
}

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

#[test]
fn an_effect_is_done_once_and_its_result_is_kept() {
    let mut connection = connection();
    let effect = booking("Aline", "b1");
    assert_eq!(intend(&connection, &effect, NOW).unwrap().done, None);
    let first = apply(&mut connection, &effect.key, NOW).unwrap();
    let (result, _) = first.done.clone().unwrap();
    assert_eq!((&result["done"], &result["booking"]["status"]), (&json!(true), &json!("booked")));
    assert_eq!(apply(&mut connection, &effect.key, NOW).unwrap(), first);
    assert_eq!(intend(&connection, &effect, NOW).unwrap(), first);
    assert_eq!(count(&connection), 1);
    let owner: String =
        connection.query_row("SELECT business_id FROM table_bookings", [], |row| row.get(0)).unwrap();
    assert_eq!(owner, "b1");
}

#[test]
fn what_the_database_refuses_leaves_nothing_behind() {
    let mut connection = connection();
    let mut effect = booking("Aline", "b1");
    if let Change::Insert { row, .. } = &mut effect.changes[0] {
        row.insert("booking_date".parse().unwrap(), json!("2026-02-30"));
    }
    effect.changes.insert(0, booking("before", "b1").changes.remove(0));
    intend(&connection, &effect, NOW).unwrap();
    let error = apply(&mut connection, &effect.key, NOW).unwrap_err();
    assert!(matches!(error, StoreError::Unfit { .. }), "{error:?}");
    assert_eq!(count(&connection), 0);
    assert_eq!(read(&connection, &effect.key).unwrap().unwrap().done, None);
}

#[test]
fn a_row_of_another_business_is_not_there_to_be_changed() {
    let mut connection = connection();
    let theirs = booking("Aline", "b1");
    intend(&connection, &theirs, NOW).unwrap();
    apply(&mut connection, &theirs.key, NOW).unwrap();
    let cancel = |business: &str| {
        let change = Change::Update {
            table: "table_bookings".parse().unwrap(),
            tenant: true,
            by: cells(&json!({"guest_name": "Aline"})),
            set: cells(&json!({"status": "cancelled"})),
            returning: vec!["status".parse().unwrap()],
        };
        effect("cancel", business, change)
    };
    let (ours, crossing) = (cancel("b1"), cancel("b2"));
    for effect in [&ours, &crossing] {
        intend(&connection, effect, NOW).unwrap();
    }
    let error = apply(&mut connection, &crossing.key, NOW).unwrap_err();
    assert!(matches!(error, StoreError::Unfit { code, .. } if code == NO_ROW));
    let (result, _) = apply(&mut connection, &ours.key, NOW).unwrap().done.unwrap();
    assert_eq!(result["booking"]["status"], "cancelled");
}

#[test]
fn the_services_own_tables_are_closed() {
    let mut connection = connection();
    for table in ["tool_effects", "call_events", "businesses", "sqlite_schema", "nothing"] {
        let row = cells(&json!({"key": "x"}));
        let change =
            Change::Insert { table: table.parse().unwrap(), tenant: false, row, returning: Vec::new() };
        let effect = effect(table, "b1", change);
        intend(&connection, &effect, NOW).unwrap();
        let error = apply(&mut connection, &effect.key, NOW).unwrap_err();
        assert!(matches!(error, StoreError::Unknown(_)), "{error:?}");
    }
}

#[test]
fn values_fit_the_columns_they_are_for() {
    let text = |text: &str| Some(Cell::Text(text.to_owned()));
    assert_eq!(cell(&json!("7.50"), Kind::Decimal), text("7.50"));
    assert_eq!(cell(&json!("much"), Kind::Decimal), None);
    assert_eq!(cell(&json!("yes"), Kind::Boolean), None);
    assert_eq!(cell(&json!("4"), Kind::Integer), None);
    assert_eq!(cell(&json!(["milk"]), Kind::Json), text("[\"milk\"]"));
    assert_eq!(cell(&json!(["milk"]), Kind::Plain), None);
    assert_eq!(cell(&json!(true), Kind::Boolean), Some(Cell::Integer(1)));
}

proptest! {
    /// Attempts, refusals forgotten, answers lost and processes that end, in any order: what was done stays, once.
    #[test]
    fn whatever_happens_there_is_one_row_and_one_result(steps in proptest::collection::vec(0u8..6, 1..30)) {
        let mut connection = connection();
        let mut results = std::collections::BTreeSet::new();
        let mut intended = false;
        for (number, step) in steps.into_iter().enumerate() {
            // Every attempt would plan something else.
            let mut effect = booking("Aline", "b1");
            effect.output.insert("attempt".to_owned(), number.into());
            match step {
                0 => {
                    intend(&connection, &effect, NOW).unwrap();
                    intended = true;
                }
                1 | 2 => match apply(&mut connection, &effect.key, NOW) {
                    // Step 2 is an answer that was lost.
                    Ok(record) if step == 1 => {
                        results.insert(Value::Object(record.done.unwrap().0).to_string());
                    }
                    Ok(_) => {}
                    Err(_) => prop_assert!(!intended),
                },
                3 => {
                    let forget = "DELETE FROM tool_effects WHERE key = ? AND done_at IS NULL";
                    intended &= connection.execute(forget, [effect.key.as_str()]).unwrap() == 0;
                }
                4 => {
                    // The process ends in the middle: what it had not committed is gone.
                    let transaction = connection.transaction().unwrap();
                    let _ = write(&transaction, &effect.changes[0], None);
                    drop(transaction);
                }
                _ => {
                    if intended {
                        finish(&connection, &effect, vec![Row::new()], NOW).ok();
                        // Done elsewhere: here there is no row of it.
                        let rows = count(&connection);
                        prop_assert!(rows <= 1);
                    }
                }
            }
            prop_assert!(count(&connection) <= 1);
            prop_assert!(results.len() <= 1, "{:?}", results);
        }
    }
}
