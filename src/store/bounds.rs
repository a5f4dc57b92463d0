//! What a select is held to, whatever store answers it: whose rows, how much may be asked, and which tables are open.

use std::borrow::Cow;

use super::record::{NameError, TENANT_COLUMN};
use super::{Column, MAX_ROWS, Pattern, PatternPart, Scalar, Select, StoreError, Table, Test};

/// At most so many conditions in one select; SQLite's own limit on the depth of an expression is 1000.
const MAX_TESTS: usize = 100;
/// At most so many values in one list, and so many parts in one pattern.
const MAX_PARTS: usize = 500;

/// The service's own tables: no tool reads them.
const CLOSED: [&str; 10] = [
    "businesses",
    "call_events",
    "call_logs",
    "configurations",
    "document_chunks",
    "documents",
    "embedding_cache",
    "once_answers",
    "service_meta",
    "tool_effects",
];

/// Why a select makes no query.
#[derive(Debug, thiserror::Error)]
enum SelectError {
    #[error("a select must ask for at least one column")]
    NoColumns,
    #[error("a select may hold at most {limit} {what}")]
    TooMany { what: &'static str, limit: usize },
}

/// Whether tools may read a table.
pub(super) fn is_open(table: &str) -> bool {
    // The index of the chunks is made of tables of its own.
    !table.starts_with("document_chunks") && !CLOSED.contains(&table)
}

/// So many rows are asked for.
pub(super) fn limit(select: &Select) -> u32 {
    select.limit.clamp(1, MAX_ROWS)
}

/// All that must hold: what is asked for, and whose rows they must be.
///
/// # Errors
/// [`StoreError::Query`] for a select that asks for no column or is larger than any tool needs.
pub(super) fn conditions(select: &Select) -> Result<Cow<'_, [(Column, Test)]>, StoreError> {
    check(select)?;
    let Some(business) = select.tenant.business() else {
        return Ok(Cow::Borrowed(&select.all));
    };
    let column = TENANT_COLUMN.parse().map_err(|error: NameError| StoreError::Unknown(error.to_string()))?;
    let mut all = vec![(column, Test::Eq(Scalar::Text(business.as_str().to_owned())))];
    all.extend_from_slice(&select.all);
    Ok(Cow::Owned(all))
}

fn check(select: &Select) -> Result<(), StoreError> {
    if select.columns.is_empty() {
        return Err(refused(SelectError::NoColumns));
    }
    let size = select.columns.len().max(select.order.len()).max(select.all.len() + select.any.len());
    at_most(MAX_TESTS, size, "columns, orders or conditions")?;
    for (_, test) in select.all.iter().chain(&select.any) {
        match test {
            Test::In(scalars) => at_most(MAX_PARTS, scalars.len(), "values in a list")?,
            Test::Like(pattern) => at_most(MAX_PARTS, merged(pattern).len(), "parts in a pattern")?,
            Test::Eq(_)
            | Test::Ne(_)
            | Test::Lt(_)
            | Test::Lte(_)
            | Test::Gt(_)
            | Test::Gte(_)
            | Test::IsNull(_) => {}
        }
    }
    Ok(())
}

fn at_most(limit: usize, size: usize, what: &'static str) -> Result<(), StoreError> {
    if size > limit { Err(refused(SelectError::TooMany { what, limit })) } else { Ok(()) }
}

fn refused(error: SelectError) -> StoreError {
    StoreError::Query(Box::new(error))
}

/// The parts of a pattern with neighbours of one sort made one.
pub(super) fn merged(pattern: &Pattern) -> Vec<PatternPart> {
    let mut parts: Vec<PatternPart> = Vec::with_capacity(pattern.0.len());
    for part in &pattern.0 {
        match (parts.last_mut(), part) {
            (Some(PatternPart::Any), PatternPart::Any) => {}
            (Some(PatternPart::Text(before)), PatternPart::Text(text)) => before.push_str(text),
            (_, part) => parts.push(part.clone()),
        }
    }
    parts
}

/// What is said of a table that is not there, or not for tools.
pub(super) fn unknown_table(table: &Table, open: &[&str]) -> StoreError {
    let open = open.join(", ");
    StoreError::Unknown(format!("there is no table `{table}` that tools may read; there are {open}"))
}

/// What is said of a column that is not there.
pub(super) fn unknown_column(table: &Table, column: &Column, there: &[&str]) -> StoreError {
    StoreError::Unknown(format!("`{table}` has no column `{column}`; it has {}", there.join(", ")))
}
