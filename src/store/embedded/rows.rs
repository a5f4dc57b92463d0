//! Reads rows of a compiled select as JSON.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, params_from_iter};
use serde_json::Value;

use super::pool::failed;
use super::select::Compiled;
use super::shape::Kind;
use crate::store::{MAX_RESULT_BYTES, Row, StoreError};

/// More came than anyone should hold in memory for one question.
#[derive(Debug, thiserror::Error)]
#[error("the rows hold more than {MAX_RESULT_BYTES} bytes: ask for fewer rows or columns")]
struct TooLarge;

/// Runs the query.
///
/// # Errors
/// [`StoreError::Query`] when SQLite fails, or once the rows hold more than [`MAX_RESULT_BYTES`].
pub(super) fn read(connection: &Connection, compiled: Compiled) -> Result<Vec<Row>, StoreError> {
    let mut statement = connection.prepare_cached(&compiled.sql).map_err(failed)?;
    let mut found = statement.query(params_from_iter(compiled.values)).map_err(failed)?;
    let mut rows = Vec::new();
    let mut bytes = 0;
    while let Some(row) = found.next().map_err(failed)? {
        let mut read = Row::new();
        for (place, (name, kind)) in compiled.columns.iter().enumerate() {
            let cell = row.get_ref(place).map_err(failed)?;
            bytes += name.len() + held_bytes(cell);
            if bytes > MAX_RESULT_BYTES {
                return Err(StoreError::Query(Box::new(TooLarge)));
            }
            read.insert(name.clone(), json(cell, *kind));
        }
        rows.push(read);
    }
    Ok(rows)
}

fn held_bytes(cell: ValueRef<'_>) -> usize {
    match cell {
        ValueRef::Null | ValueRef::Integer(_) | ValueRef::Real(_) => size_of::<i64>(),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes.len(),
    }
}

/// A cell as the tools see it. Bytes that are no text, which no table of ours holds, are null.
fn json(cell: ValueRef<'_>, kind: Kind) -> Value {
    match (cell, kind) {
        (ValueRef::Null | ValueRef::Blob(_), _) => Value::Null,
        (ValueRef::Integer(number), Kind::Boolean) if number == 0 || number == 1 => Value::Bool(number == 1),
        // Money is a string wherever it came from.
        (ValueRef::Integer(number), Kind::Decimal) => Value::String(number.to_string()),
        (ValueRef::Real(number), Kind::Decimal) => Value::String(number.to_string()),
        (ValueRef::Integer(number), _) => Value::from(number),
        (ValueRef::Real(number), _) => Value::from(number),
        (ValueRef::Text(bytes), Kind::Json) => serde_json::from_slice(bytes).unwrap_or_else(|_| text(bytes)),
        (ValueRef::Text(bytes), _) => text(bytes),
    }
}

fn text(bytes: &[u8]) -> Value {
    Value::String(String::from_utf8_lossy(bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn cells_are_read_as_their_columns_are_declared() {
        let text = |text: &'static str| ValueRef::Text(text.as_bytes());
        for (cell, kind, value) in [
            (ValueRef::Null, Kind::Boolean, Value::Null),
            (ValueRef::Integer(1), Kind::Boolean, json!(true)),
            (ValueRef::Integer(0), Kind::Boolean, json!(false)),
            (ValueRef::Integer(2), Kind::Boolean, json!(2)),
            (ValueRef::Integer(1), Kind::Plain, json!(1)),
            (ValueRef::Real(1.5), Kind::Plain, json!(1.5)),
            (ValueRef::Real(f64::NAN), Kind::Plain, Value::Null),
            (ValueRef::Integer(5000), Kind::Decimal, json!("5000")),
            (text("3.50"), Kind::Decimal, json!("3.50")),
            (text("[\"milk\"]"), Kind::Json, json!(["milk"])),
            (text("milk, eggs"), Kind::Json, json!("milk, eggs")),
            (text("[\"milk\"]"), Kind::Plain, json!("[\"milk\"]")),
            (ValueRef::Blob(&[0xff]), Kind::Plain, Value::Null),
            (ValueRef::Text(&[b'a', 0xff]), Kind::Plain, json!("a\u{fffd}")),
        ] {
            assert_eq!(json(cell, kind), value, "{cell:?} {kind:?}");
        }
    }
}
