//! The ledger of what tools write, and the writing itself.

use jiff::Timestamp;
use jiff::civil::Date;
use rusqlite::types::Value as Cell;
use rusqlite::{Connection, OptionalExtension, params};
use rust_decimal::Decimal;
use serde_json::Value;

use super::pool::{self, failed};
use super::select::Compiled;
use super::shape::{Kind, Shape};
use super::{Embedded, OPERATION_LIMIT, rows};
use crate::id::BusinessId;
use crate::store::effect::NO_ROW;
use crate::store::record::TENANT_COLUMN;
use crate::store::{Cells, Change, Column, Effect, EffectKey, EffectRecord, Row, StoreError};

impl Embedded {
    pub(in crate::store) async fn intend(&self, effect: Effect) -> Result<EffectRecord, StoreError> {
        self.change(move |connection| intend(connection, &effect, Timestamp::now())).await
    }

    pub(in crate::store) async fn effect(&self, key: EffectKey) -> Result<Option<EffectRecord>, StoreError> {
        self.read(move |connection| read(connection, &key)).await
    }

    pub(in crate::store) async fn apply(&self, key: EffectKey) -> Result<EffectRecord, StoreError> {
        self.change(move |connection| apply(connection, &key, Timestamp::now())).await
    }

    /// An effect was made elsewhere: what came of it is written down, unless it is already.
    pub(in crate::store) async fn finish(
        &self,
        effect: Effect,
        written: Vec<Row>,
    ) -> Result<EffectRecord, StoreError> {
        self.change(move |connection| {
            let now = Timestamp::now();
            intend(connection, &effect, now)?;
            finish(connection, &effect, written, now)?;
            known(connection, &effect.key)
        })
        .await
    }

    pub(in crate::store) async fn forget_intent(&self, key: EffectKey) -> Result<(), StoreError> {
        self.change(move |connection| {
            let forget = "DELETE FROM tool_effects WHERE key = ? AND done_at IS NULL";
            connection.execute(forget, [key.as_str()]).map(drop).map_err(failed)
        })
        .await
    }

    pub(in crate::store) async fn delivered(&self, key: EffectKey) -> Result<(), StoreError> {
        self.change(move |connection| {
            let deliver = "UPDATE tool_effects SET delivered_at = ? \
                 WHERE key = ? AND done_at IS NOT NULL AND delivered_at IS NULL";
            let now = Timestamp::now().to_string();
            connection.execute(deliver, params![now, key.as_str()]).map(drop).map_err(failed)
        })
        .await
    }

    async fn change<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        pool::run(&self.writer, OPERATION_LIMIT, work).await
    }
}

fn intend(connection: &Connection, effect: &Effect, now: Timestamp) -> Result<EffectRecord, StoreError> {
    let plan = serde_json::to_string(effect).map_err(|error| StoreError::Query(error.into()))?;
    let row = params![effect.key.as_str(), effect.call_id.as_str(), effect.tool, plan, now.to_string()];
    let insert = "INSERT INTO tool_effects (key, call_id, tool, plan, intended_at) VALUES (?, ?, ?, ?, ?) \
         ON CONFLICT (key) DO NOTHING";
    connection.execute(insert, row).map_err(failed)?;
    known(connection, &effect.key)
}

fn read(connection: &Connection, key: &EffectKey) -> Result<Option<EffectRecord>, StoreError> {
    let mut select = connection
        .prepare_cached(
            "SELECT plan, intended_at, result, done_at, delivered_at IS NOT NULL FROM tool_effects WHERE key = ?",
        )
        .map_err(failed)?;
    let row = select
        .query_row([key.as_str()], |row| {
            let texts: (String, String) = (row.get(0)?, row.get(1)?);
            let done: (Option<String>, Option<String>) = (row.get(2)?, row.get(3)?);
            Ok((texts, done, row.get::<_, bool>(4)?))
        })
        .optional()
        .map_err(failed)?;
    row.map(|((plan, intended_at), (result, done_at), delivered)| {
        let done = match result.zip(done_at) {
            Some((result, at)) => Some((parsed(&result)?, time(&at)?)),
            None => None,
        };
        Ok(EffectRecord { effect: parsed(&plan)?, intended_at: time(&intended_at)?, done, delivered })
    })
    .transpose()
}

fn known(connection: &Connection, key: &EffectKey) -> Result<EffectRecord, StoreError> {
    read(connection, key)?
        .ok_or_else(|| StoreError::Unknown("the ledger does not know what is to be done".to_owned()))
}

fn parsed<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::Query(error.into()))
}

fn time(text: &str) -> Result<Timestamp, StoreError> {
    text.parse().map_err(|error: jiff::Error| StoreError::Query(error.into()))
}

/// Makes the changes and records what came of them, in one transaction; for what is done already, nothing.
fn apply(connection: &mut Connection, key: &EffectKey, now: Timestamp) -> Result<EffectRecord, StoreError> {
    let transaction = connection.transaction().map_err(failed)?;
    let record = known(&transaction, key)?;
    if record.done.is_some() {
        return Ok(record);
    }
    let effect = &record.effect;
    let write = |change| write(&transaction, change, effect.business_id.as_ref());
    let written = effect.changes.iter().map(write).collect::<Result<_, _>>()?;
    finish(&transaction, effect, written, now)?;
    let record = known(&transaction, key)?;
    transaction.commit().map_err(failed)?;
    Ok(record)
}

fn finish(
    connection: &Connection,
    effect: &Effect,
    written: Vec<Row>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let result = Value::Object(effect.result(written)).to_string();
    let done = "UPDATE tool_effects SET result = ?, done_at = ? WHERE key = ? AND done_at IS NULL";
    let row = params![result, now.to_string(), effect.key.as_str()];
    connection.execute(done, row).map(drop).map_err(failed)
}

/// Makes one change, and reads what is wanted of the row it wrote.
fn write(connection: &Connection, change: &Change, business: Option<&BusinessId>) -> Result<Row, StoreError> {
    let compiled = match change {
        Change::Insert { table, tenant, row, returning } => {
            let shape = Shape::read(connection, table)?;
            insert(&shape, row, business.filter(|_| *tenant), returning)?
        }
        Change::Update { table, tenant, by, set, returning } => {
            let shape = Shape::read(connection, table)?;
            update(&shape, by, set, business.filter(|_| *tenant), returning)?
        }
    };
    let mut written = rows::read(connection, compiled)?;
    match (written.pop(), written.len()) {
        (Some(row), 0) => Ok(row),
        (_, others) => {
            let detail = if others == 0 { "the key matches no row" } else { "the key matches several rows" };
            Err(StoreError::Unfit { code: NO_ROW.to_owned(), detail: detail.to_owned() })
        }
    }
}

fn insert(
    shape: &Shape,
    row: &Cells,
    business: Option<&BusinessId>,
    returning: &[Column],
) -> Result<Compiled, StoreError> {
    let (mut names, mut values) = bind(shape, row)?;
    if let Some(business) = business {
        names.push(owner(shape)?);
        values.push(Cell::Text(business.as_str().to_owned()));
    }
    let places = vec!["?"; names.len()].join(", ");
    let (shown, columns) = shown(shape, returning)?;
    let (table, names) = (&shape.table, names.join(", "));
    let sql = format!("INSERT INTO \"{table}\" ({names}) VALUES ({places}) RETURNING {shown}");
    Ok(Compiled { sql, values, columns })
}

fn update(
    shape: &Shape,
    by: &Cells,
    set: &Cells,
    business: Option<&BusinessId>,
    returning: &[Column],
) -> Result<Compiled, StoreError> {
    let (names, mut values) = bind(shape, set)?;
    let (mut keys, found_by) = bind(shape, by)?;
    values.extend(found_by);
    if let Some(business) = business {
        keys.push(owner(shape)?);
        values.push(Cell::Text(business.as_str().to_owned()));
    }
    let equals = |names: &[String], between: &str| {
        names.iter().map(|name| format!("{name} = ?")).collect::<Vec<_>>().join(between)
    };
    let (shown, columns) = shown(shape, returning)?;
    let (table, set, by) = (&shape.table, equals(&names, ", "), equals(&keys, " AND "));
    let sql = format!("UPDATE \"{table}\" SET {set} WHERE {by} RETURNING {shown}");
    Ok(Compiled { sql, values, columns })
}

/// The columns by name, and their values as SQLite keeps them.
fn bind(shape: &Shape, cells: &Cells) -> Result<(Vec<String>, Vec<Cell>), StoreError> {
    let bound = cells.iter().map(|(column, value)| {
        let kind = shape.kind(column)?;
        let value = cell(value, kind).ok_or_else(|| StoreError::Unfit {
            code: "22P02".to_owned(),
            detail: format!("the value does not fit the column `{column}`"),
        })?;
        Ok((format!("\"{column}\""), value))
    });
    bound.collect::<Result<Vec<_>, StoreError>>().map(|bound| bound.into_iter().unzip())
}

fn owner(shape: &Shape) -> Result<String, StoreError> {
    let column = TENANT_COLUMN.parse().map_err(|_| StoreError::Unknown(TENANT_COLUMN.to_owned()))?;
    shape.kind(&column).map(|_| format!("\"{column}\""))
}

fn shown(shape: &Shape, returning: &[Column]) -> Result<(String, Vec<(String, Kind)>), StoreError> {
    let columns = returning
        .iter()
        .map(|column| Ok((column.as_str().to_owned(), shape.kind(column)?)))
        .collect::<Result<Vec<_>, StoreError>>()?;
    let names: Vec<_> = columns.iter().map(|(name, _)| format!("\"{name}\"")).collect();
    Ok((if names.is_empty() { "1".to_owned() } else { names.join(", ") }, columns))
}

/// A value as SQLite keeps it in a column of a kind; `None` when it does not fit.
fn cell(value: &Value, kind: Kind) -> Option<Cell> {
    Some(match (value, kind) {
        (Value::Null, _) => Cell::Null,
        (Value::Bool(yes), Kind::Plain | Kind::Boolean) => Cell::Integer(i64::from(*yes)),
        (_, Kind::Boolean) => return None,
        (value, Kind::Integer) => Cell::Integer(value.as_i64()?),
        (value, Kind::Json) => Cell::Text(value.to_string()),
        (Value::Number(number), Kind::Decimal) => Cell::Text(number.to_string()),
        (Value::String(text), Kind::Decimal) => {
            text.parse::<Decimal>().ok()?;
            Cell::Text(text.clone())
        }
        (Value::Number(number), Kind::Plain) => match number.as_i64() {
            Some(whole) => Cell::Integer(whole),
            None => Cell::Real(number.as_f64()?),
        },
        (Value::String(text), Kind::Plain) => Cell::Text(text.clone()),
        (Value::String(text), Kind::Date) => Cell::Text(text.parse::<Date>().ok()?.to_string()),
        (Value::Number(_), Kind::Date)
        | (Value::Bool(_) | Value::Array(_) | Value::Object(_), Kind::Plain | Kind::Decimal | Kind::Date) => {
            return None;
        }
    })
}

#[cfg(test)]
mod tests;
