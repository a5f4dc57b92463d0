//! From a query as data to what PostgREST is asked. Pure.
//!
//! All conditions stand in one `and=(…)`, where a value can be quoted: so there is one grammar, and no column's name
//! (`order`, `limit`, `select`, …) can be taken for a parameter. Names come out of the [`Shape`] of a table that is
//! there, values are quoted: nothing a caller said is ever more than a value.
//!
//! Source: <https://docs.postgrest.org/en/v12/references/api/tables_views.html#logical-operators>

use postgrest::Builder;

use super::pattern;
use super::shape::{Kind, Shape};
use crate::store::{Column, Order, Pattern, Scalar, Select, StoreError, Test, bounds};

/// What PostgREST is asked for the rows of a select.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Query {
    /// `name,price::text`
    columns: String,
    /// `name.eq."x",or(…)`; empty when every row will do.
    conditions: String,
    /// `price.desc.nullslast`; empty for no order.
    order: String,
    limit: u32,
}

/// Writes the query for a select.
///
/// # Errors
/// [`StoreError::Unknown`] for a column that the table does not have, or whose text cannot be searched;
/// [`StoreError::Query`] for a select that asks for no column or is larger than any tool needs.
pub(super) fn compile(select: &Select, shape: &Shape) -> Result<Query, StoreError> {
    let all = bounds::conditions(select)?;
    let columns = each(&select.columns, |column| wanted(column, shape))?;
    let mut conditions = each(&all, |(column, test)| condition(column, test, shape))?;
    if !select.any.is_empty() {
        let any = each(&select.any, |(column, test)| condition(column, test, shape))?;
        conditions.push(format!("or({})", any.join(",")));
    }
    let order = each(&select.order, |order| ordered(order, shape))?;
    Ok(Query {
        columns: columns.join(","),
        conditions: conditions.join(","),
        order: order.join(","),
        limit: bounds::limit(select),
    })
}

impl Query {
    /// Asks it of a table.
    pub(super) fn ask(&self, table: Builder) -> Builder {
        let mut request = table.select(self.columns.as_str()).limit(self.limit as usize);
        if !self.conditions.is_empty() {
            request = request.and(&self.conditions);
        }
        if !self.order.is_empty() {
            request = request.order(self.order.as_str());
        }
        request
    }
}

fn each<T>(
    items: &[T],
    written: impl Fn(&T) -> Result<String, StoreError>,
) -> Result<Vec<String>, StoreError> {
    items.iter().map(written).collect()
}

/// Decimals are read as text: JSON's numbers would lose their digits.
fn wanted(column: &Column, shape: &Shape) -> Result<String, StoreError> {
    Ok(match shape.kind(column)? {
        Kind::Decimal => format!("{column}::text"),
        Kind::Text | Kind::Json | Kind::Moment | Kind::Other => column.to_string(),
    })
}

fn ordered(order: &Order, shape: &Shape) -> Result<String, StoreError> {
    let Order { column, descending } = order;
    shape.kind(column)?;
    Ok(format!("{column}.{}.nullslast", if *descending { "desc" } else { "asc" }))
}

fn condition(column: &Column, test: &Test, shape: &Shape) -> Result<String, StoreError> {
    shape.kind(column)?;
    let compare = |operator: &str, scalar: &Scalar| format!("{column}.{operator}.{}", quoted(&value(scalar)));
    Ok(match test {
        Test::Eq(scalar) => compare("eq", scalar),
        Test::Ne(scalar) => compare("neq", scalar),
        Test::Lt(scalar) => compare("lt", scalar),
        Test::Lte(scalar) => compare("lte", scalar),
        Test::Gt(scalar) => compare("gt", scalar),
        Test::Gte(scalar) => compare("gte", scalar),
        Test::In(scalars) => one_of(column, scalars),
        Test::Like(pattern) => like(column, pattern, shape)?,
        Test::IsNull(true) => format!("{column}.is.null"),
        Test::IsNull(false) => format!("{column}.not.is.null"),
    })
}

/// PostgREST takes `in.("")` for an empty list, so one value is compared without a list.
fn one_of(column: &Column, scalars: &[Scalar]) -> String {
    let values: Vec<_> = scalars.iter().map(|scalar| quoted(&value(scalar))).collect();
    match values.as_slice() {
        [value] => format!("{column}.eq.{value}"),
        values => format!("{column}.in.({})", values.join(",")),
    }
}

fn like(column: &Column, pattern: &Pattern, shape: &Shape) -> Result<String, StoreError> {
    let column = shape.searched(column)?;
    Ok(format!("{column}.match.{}", quoted(&pattern::expression(pattern))))
}

fn value(scalar: &Scalar) -> String {
    match scalar {
        Scalar::Text(text) => text.clone(),
        Scalar::Integer(number) => number.to_string(),
        Scalar::Decimal(number) => number.to_string(),
        Scalar::Bool(yes) => yes.to_string(),
    }
}

/// A value within quotes, in which only `"` and `\` mean more than themselves.
fn quoted(value: &str) -> String {
    let mut quoted = String::with_capacity(value.len() + 2);
    quoted.push('"');
    for letter in value.chars() {
        if matches!(letter, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(letter);
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests;
