//! Reads all rows of a query, page by page: for tools that compute over them, where a missing row is a wrong figure.

use serde_json::Value;

use super::ToolError;
use crate::store::{Column, Order, Row, Scalar, Select, Store, Test};

/// Rows a page.
const PAGE: u32 = 1_000;

/// Every row, or nothing: more than `most` rows are refused, never cut.
///
/// Pages follow each other by `key`, a column that is unique and among those selected; the order and the limit
/// of `select` are set here.
///
/// # Errors
/// [`ToolError::Refused`] with `too_many` when there are more than `most` rows, else as the store fails.
pub(super) async fn read_all(
    store: &Store,
    mut select: Select,
    key: &Column,
    most: usize,
    too_many: &str,
) -> Result<Vec<Row>, ToolError> {
    select.order = vec![Order { column: key.clone(), descending: false }];
    select.limit = PAGE;
    let filters = select.all.len();
    let mut rows: Vec<Row> = Vec::new();
    loop {
        let page = store.select(select.clone()).await?;
        let is_last = page.len() < PAGE as usize;
        let next = page.last().and_then(|row| scalar(row.get(key.as_str())?));
        rows.extend(page);
        if rows.len() > most {
            return Err(ToolError::Refused(too_many.to_owned()));
        }
        if is_last {
            return Ok(rows);
        }
        let Some(next) = next else {
            return Err(ToolError::Refused(
                "the rows cannot be read in order: they have no usable key".to_owned(),
            ));
        };
        select.all.truncate(filters);
        select.all.push((key.clone(), Test::Gt(next)));
    }
}

fn scalar(value: &Value) -> Option<Scalar> {
    match value {
        Value::String(text) => Some(Scalar::Text(text.clone())),
        Value::Number(number) => number.as_i64().map(Scalar::Integer),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}
