//! From a query as data to SQL text and the values bound into it. Pure.
//!
//! Names come out of the [`Shape`] of a table that is there, values are bound: nothing a caller said is ever part
//! of the text.

use rusqlite::types::Value;

use super::shape::{Kind, Shape};
use super::text::is_decimal;
use crate::store::bounds::{self, merged};
use crate::store::fold::fold;
use crate::store::{Column, Order, Pattern, PatternPart, Scalar, Select, StoreError, Test};

/// The function that [`super::pool`] gives every connection: `matches_parts(cell, part, …)`, null parts matching
/// any run of characters.
pub(super) const MATCHES: &str = "matches_parts";
/// The collation that orders decimal text by value.
pub(super) const DECIMAL_ORDER: &str = "decimal";

/// SQL text with its values in the order of its `?`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Compiled {
    pub(super) sql: String,
    pub(super) values: Vec<Value>,
    /// How each column of a row is to be read.
    pub(super) columns: Vec<(String, Kind)>,
}

/// Writes the query for a select.
///
/// # Errors
/// [`StoreError::Unknown`] for a column that the table does not have; [`StoreError::Unfit`] for a value that is no
/// number where numbers stand; [`StoreError::Query`] for a select that asks for no column or is larger than any tool
/// needs.
pub(super) fn compile(select: &Select, shape: &Shape) -> Result<Compiled, StoreError> {
    let all = bounds::conditions(select)?;
    let mut writer = Writer { shape, sql: String::new(), values: Vec::new() };
    let columns = writer.columns(&select.columns)?;
    writer.conditions(&all, &select.any)?;
    writer.order(&select.order)?;
    writer.sql.push_str(&format!(" LIMIT {}", bounds::limit(select)));
    Ok(Compiled { sql: writer.sql, values: writer.values, columns })
}

struct Writer<'a> {
    shape: &'a Shape,
    sql: String,
    values: Vec<Value>,
}

impl Writer<'_> {
    fn columns(&mut self, wanted: &[Column]) -> Result<Vec<(String, Kind)>, StoreError> {
        self.sql.push_str("SELECT ");
        let mut columns = Vec::with_capacity(wanted.len());
        for (place, column) in wanted.iter().enumerate() {
            let kind = self.shape.kind(column)?;
            if place > 0 {
                self.sql.push_str(", ");
            }
            self.name(column.as_str());
            columns.push((column.as_str().to_owned(), kind));
        }
        self.sql.push_str(" FROM ");
        self.name(self.shape.table.as_str());
        Ok(columns)
    }

    fn conditions(&mut self, all: &[(Column, Test)], any: &[(Column, Test)]) -> Result<(), StoreError> {
        let mut join = " WHERE ";
        for (column, test) in all {
            self.sql.push_str(join);
            self.test(column, test)?;
            join = " AND ";
        }
        if any.is_empty() {
            return Ok(());
        }
        self.sql.push_str(join);
        let mut join = "(";
        for (column, test) in any {
            self.sql.push_str(join);
            self.test(column, test)?;
            join = " OR ";
        }
        self.sql.push(')');
        Ok(())
    }

    fn test(&mut self, column: &Column, test: &Test) -> Result<(), StoreError> {
        let kind = self.shape.kind(column)?;
        compared_with(test).iter().try_for_each(|scalar| must_fit(kind, scalar))?;
        let mut compare = |operator: &str, scalar: &Scalar| {
            self.operand(column, kind, std::slice::from_ref(scalar));
            self.sql.push_str(operator);
            self.bind(value(scalar));
        };
        match test {
            Test::Eq(scalar) => compare(" = ", scalar),
            Test::Ne(scalar) => compare(" <> ", scalar),
            Test::Lt(scalar) => compare(" < ", scalar),
            Test::Lte(scalar) => compare(" <= ", scalar),
            Test::Gt(scalar) => compare(" > ", scalar),
            Test::Gte(scalar) => compare(" >= ", scalar),
            Test::In(scalars) => self.one_of(column, kind, scalars),
            Test::Like(pattern) => self.like(column, pattern),
            Test::IsNull(is_null) => {
                self.name(column.as_str());
                self.sql.push_str(if *is_null { " IS NULL" } else { " IS NOT NULL" });
            }
        }
        Ok(())
    }

    fn one_of(&mut self, column: &Column, kind: Kind, scalars: &[Scalar]) {
        self.operand(column, kind, scalars);
        self.sql.push_str(" IN (");
        for (place, scalar) in scalars.iter().enumerate() {
            if place > 0 {
                self.sql.push_str(", ");
            }
            self.bind(value(scalar));
        }
        self.sql.push(')');
    }

    /// Wildcards are written as `NULL`, data is bound: no character of the data can become a wildcard.
    fn like(&mut self, column: &Column, pattern: &Pattern) {
        self.sql.push_str(MATCHES);
        self.sql.push('(');
        self.name(column.as_str());
        for part in merged(pattern) {
            self.sql.push_str(", ");
            match part {
                PatternPart::Any => self.sql.push_str("NULL"),
                PatternPart::Text(text) => self.bind(Value::Text(fold(&text))),
            }
        }
        self.sql.push(')');
    }

    fn order(&mut self, order: &[Order]) -> Result<(), StoreError> {
        let mut join = " ORDER BY ";
        for Order { column, descending } in order {
            let kind = self.shape.kind(column)?;
            self.sql.push_str(join);
            self.operand(column, kind, &[]);
            self.sql.push_str(if *descending { " DESC NULLS LAST" } else { " NULLS LAST" });
            join = ", ";
        }
        Ok(())
    }

    /// A column to be compared: by value where it holds decimal text or is compared with a decimal.
    fn operand(&mut self, column: &Column, kind: Kind, with: &[Scalar]) {
        self.name(column.as_str());
        if kind == Kind::Decimal || with.iter().any(|scalar| matches!(scalar, Scalar::Decimal(_))) {
            self.sql.push_str(" COLLATE ");
            self.sql.push_str(DECIMAL_ORDER);
        }
    }

    fn name(&mut self, name: &str) {
        self.sql.push('"');
        self.sql.push_str(name);
        self.sql.push('"');
    }

    fn bind(&mut self, value: Value) {
        self.sql.push('?');
        self.values.push(value);
    }
}

/// The values of a test that stand beside the column's own.
fn compared_with(test: &Test) -> &[Scalar] {
    match test {
        Test::Eq(scalar)
        | Test::Ne(scalar)
        | Test::Lt(scalar)
        | Test::Lte(scalar)
        | Test::Gt(scalar)
        | Test::Gte(scalar) => std::slice::from_ref(scalar),
        Test::In(scalars) => scalars,
        Test::Like(_) | Test::IsNull(_) => &[],
    }
}

/// SQLite compares anything with anything; Postgres would refuse this, and whoever asked should hear of it.
fn must_fit(kind: Kind, scalar: &Scalar) -> Result<(), StoreError> {
    let fits = match (kind, scalar) {
        (Kind::Decimal | Kind::Integer, Scalar::Text(text)) => is_decimal(text),
        (Kind::Decimal | Kind::Integer, Scalar::Bool(_))
        | (Kind::Boolean, Scalar::Text(_) | Scalar::Decimal(_)) => false,
        (Kind::Decimal | Kind::Integer, Scalar::Integer(_) | Scalar::Decimal(_))
        | (Kind::Boolean, Scalar::Bool(_) | Scalar::Integer(_))
        | (Kind::Plain | Kind::Json, _) => true,
    };
    let detail = "a value is none of its column's type".to_owned();
    if fits { Ok(()) } else { Err(StoreError::Unfit { code: "SQLITE_MISMATCH".to_owned(), detail }) }
}

fn value(scalar: &Scalar) -> Value {
    match scalar {
        Scalar::Text(text) => Value::Text(text.clone()),
        Scalar::Integer(number) => Value::Integer(*number),
        Scalar::Decimal(number) => Value::Text(number.to_string()),
        Scalar::Bool(yes) => Value::Integer((*yes).into()),
    }
}

#[cfg(test)]
mod tests;
