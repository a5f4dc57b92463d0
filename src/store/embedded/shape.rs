//! What tables there are, which of them tools may read, and how their columns are to be read.

use rusqlite::Connection;

use super::pool::failed;
use crate::store::{Column, StoreError, Table, bounds};

/// How the cells of a column are read and compared, as its declared type says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// As SQLite holds them.
    Plain,
    /// A whole number.
    Integer,
    /// 0 and 1 are false and true.
    Boolean,
    /// Text that is JSON.
    Json,
    /// Text that is a decimal number.
    Decimal,
}

impl Kind {
    fn of(declared: &str) -> Self {
        let declared = declared.to_ascii_uppercase();
        if declared.starts_with("INT") {
            Self::Integer
        } else if declared.starts_with("BOOL") {
            Self::Boolean
        } else if declared.starts_with("JSON") {
            Self::Json
        } else if declared.starts_with("DECIMAL") || declared.starts_with("NUMERIC") {
            Self::Decimal
        } else {
            Self::Plain
        }
    }
}

/// A table or view that tools may read, with its columns in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) table: Table,
    pub(super) columns: Vec<(String, Kind)>,
}

impl Shape {
    /// Looks a table up. Asked anew at each query, which costs some tens of µs, so that a table the operator adds is
    /// there at once and one that is gone is gone.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] when there is none of that name, or it is the service's own.
    pub(super) fn read(connection: &Connection, table: &Table) -> Result<Self, StoreError> {
        // Only what the schema holds counts: SQLite also answers to names like `pragma_table_info`.
        let mut there = connection
            .prepare_cached("SELECT 1 FROM sqlite_schema WHERE name = ? AND type IN ('table', 'view')")
            .map_err(failed)?;
        if !is_open(table.as_str()) || !there.exists([table.as_str()]).map_err(failed)? {
            let open = open_tables(connection).map_err(failed)?;
            return Err(bounds::unknown_table(table, &open.iter().map(String::as_str).collect::<Vec<_>>()));
        }
        let columns = columns(connection, table).map_err(failed)?;
        Ok(Self { table: table.clone(), columns })
    }

    /// How a column is to be read.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] when the table has no such column.
    pub(super) fn kind(&self, column: &Column) -> Result<Kind, StoreError> {
        let found = self.columns.iter().find(|(name, _)| name == column.as_str());
        found.map(|(_, kind)| *kind).ok_or_else(|| {
            let names: Vec<&str> = self.columns.iter().map(|(name, _)| name.as_str()).collect();
            bounds::unknown_column(&self.table, column, &names)
        })
    }
}

fn is_open(table: &str) -> bool {
    !table.starts_with("sqlite_") && bounds::is_open(table)
}

fn open_tables(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut tables = connection
        .prepare_cached("SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') ORDER BY name")?;
    let names = tables.query_map([], |row| row.get::<_, String>(0))?;
    names.filter(|name| name.as_ref().map_or(true, |name| is_open(name))).collect()
}

fn columns(connection: &Connection, table: &Table) -> rusqlite::Result<Vec<(String, Kind)>> {
    // Generated columns are columns; what a virtual table hides is none.
    let mut columns = connection
        .prepare_cached("SELECT name, type FROM pragma_table_xinfo(?) WHERE hidden <> 1 ORDER BY cid")?;
    columns
        .query_map([table.as_str()], |row| Ok((row.get(0)?, Kind::of(&row.get::<_, String>(1)?))))?
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connection() -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        connection
            .execute_batch(
                "CREATE TABLE dishes (name TEXT, price DECIMAL_TEXT, hot BOOLEAN, tags JSON);
                 ALTER TABLE dishes ADD COLUMN tags_text TEXT GENERATED ALWAYS AS (tags) VIRTUAL;
                 CREATE VIEW hot_dishes AS SELECT name, price, tags FROM dishes WHERE hot;
                 CREATE TABLE call_events (seq INTEGER);
                 CREATE TABLE service_meta (key TEXT);",
            )
            .unwrap();
        connection
    }

    #[test]
    fn tables_and_views_have_columns_of_their_declared_kinds() {
        let connection = connection();
        let shape = |name: &str| Shape::read(&connection, &name.parse().unwrap()).unwrap().columns;
        let named = |columns: Vec<(&str, Kind)>| -> Vec<(String, Kind)> {
            columns.into_iter().map(|(name, kind)| (name.to_owned(), kind)).collect()
        };
        assert_eq!(
            shape("dishes"),
            named(vec![
                ("name", Kind::Plain),
                ("price", Kind::Decimal),
                ("hot", Kind::Boolean),
                ("tags", Kind::Json),
                ("tags_text", Kind::Plain)
            ])
        );
        assert_eq!(
            shape("hot_dishes"),
            named(vec![("name", Kind::Plain), ("price", Kind::Decimal), ("tags", Kind::Json)])
        );
    }

    #[test]
    fn what_is_not_there_or_not_for_tools_is_unknown() {
        let connection = connection();
        for name in
            ["nothing", "call_events", "service_meta", "sqlite_schema", "sqlite_master", "pragma_table_info"]
        {
            let error = Shape::read(&connection, &name.parse().unwrap()).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("there is no table `{name}` that tools may read; there are dishes, hot_dishes")
            );
        }
    }
}
