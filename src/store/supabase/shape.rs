//! What tables there are, which of them tools may read, and how their columns are to be read.
//!
//! What the database tells of itself says it. It is asked now and then, and whenever something is unknown:
//! a table or column that the operator adds is there at once.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::report::{self, SchemaReport};
use super::rest::Rest;
use crate::store::{Column, Row, StoreError, Table, bounds};

/// What is known is asked anew after this long.
const KEEP_LIMIT: Duration = Duration::from_secs(300);
/// And not again for this long, whatever is unknown: a tool whose table is missing must not ask with every call.
const ASK_AGAIN_AFTER: Duration = Duration::from_secs(5);

/// How the cells of a column are read and compared, as its type says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Text, which can be searched.
    Text,
    /// A decimal number, which is read as text.
    Decimal,
    /// JSON.
    Json,
    /// A moment in time, which is read in UTC.
    Moment,
    /// As PostgREST gives it.
    Other,
}

impl Kind {
    /// Of a type as Postgres's `format_type` writes it.
    fn of(written: &str) -> Self {
        if written.ends_with("[]") {
            return Self::Other;
        }
        match written.split('(').next().unwrap_or_default() {
            "text" | "character varying" | "character" | "bpchar" | "citext" | "name" => Self::Text,
            "numeric" => Self::Decimal,
            "json" | "jsonb" => Self::Json,
            _ if written.starts_with("timestamp") && written.ends_with("with time zone") => Self::Moment,
            _ => Self::Other,
        }
    }
}

/// A table or view, with its columns in their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) table: Table,
    pub(super) columns: Vec<(String, Kind)>,
}

impl Shape {
    /// How a column is to be read.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] when the table has no such column.
    pub(super) fn kind(&self, column: &Column) -> Result<Kind, StoreError> {
        self.kind_of(column.as_str())
            .ok_or_else(|| bounds::unknown_column(&self.table, column, &self.names()))
    }

    fn kind_of(&self, name: &str) -> Option<Kind> {
        self.columns.iter().find(|(known, _)| known == name).map(|(_, kind)| *kind)
    }

    pub(super) fn names(&self) -> Vec<&str> {
        self.columns.iter().map(|(name, _)| name.as_str()).collect()
    }

    /// The column in whose place text is searched: itself, or for JSON the column beside it that holds it as text.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] when there is none.
    pub(super) fn searched(&self, column: &Column) -> Result<String, StoreError> {
        let beside = format!("{column}_text");
        match self.kind(column)? {
            Kind::Text => Ok(column.to_string()),
            Kind::Json if self.kind_of(&beside) == Some(Kind::Text) => Ok(beside),
            Kind::Json => Err(StoreError::Unknown(format!(
                "the JSON of `{}.{column}` cannot be searched as text: add a column `{beside} text generated always \
                 as ({column}::text) stored`",
                self.table
            ))),
            Kind::Decimal | Kind::Moment | Kind::Other => Err(StoreError::Unknown(format!(
                "`{}.{column}` is no text and cannot be searched as one: compare it instead",
                self.table
            ))),
        }
    }

    /// A row as the embedded store would give it.
    pub(super) fn read(&self, mut row: Row) -> Row {
        for (name, kind) in &self.columns {
            if *kind == Kind::Moment
                && let Some(Value::String(written)) = row.get_mut(name)
                && let Ok(moment) = written.parse::<Timestamp>()
            {
                *written = moment.to_string();
            }
        }
        row
    }
}

impl SchemaReport {
    /// A table that tools may read.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] when there is none of that name, or it is the service's own.
    pub(super) fn shape(&self, table: &Table) -> Result<Shape, StoreError> {
        let open = || self.relations.keys().map(String::as_str).filter(|name| bounds::is_open(name));
        let relation = self.relations.get(table.as_str()).filter(|_| bounds::is_open(table.as_str()));
        let relation = relation.ok_or_else(|| bounds::unknown_table(table, &open().collect::<Vec<_>>()))?;
        let columns = relation.columns.iter().map(|column| (column.name.clone(), Kind::of(&column.kind)));
        Ok(Shape { table: table.clone(), columns: columns.collect() })
    }
}

/// What is known of the tables. Cheap to clone: all share it.
#[derive(Clone, Default)]
pub(super) struct Schemas(Arc<Mutex<Option<Known>>>);

struct Known {
    schema: Arc<SchemaReport>,
    since: Instant,
}

impl Schemas {
    /// Does work that needs to know the tables; once more, if something was unknown to it that may be new.
    ///
    /// # Errors
    /// As the work fails, or the database does not tell.
    pub(super) async fn with<T>(
        &self,
        rest: &Rest,
        work: impl Fn(&SchemaReport) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let schema = self.no_older_than(KEEP_LIMIT, rest).await?;
        match work(&schema) {
            Err(StoreError::Unknown(_)) => work(&*self.no_older_than(ASK_AGAIN_AFTER, rest).await?),
            done => done,
        }
    }

    /// The tables are not as they were.
    pub(super) async fn forget(&self) {
        *self.0.lock().await = None;
    }

    /// Whoever comes while it is asked for waits for the same answer.
    async fn no_older_than(&self, age: Duration, rest: &Rest) -> Result<Arc<SchemaReport>, StoreError> {
        let mut known = self.0.lock().await;
        if let Some(known) = known.as_ref().filter(|known| known.since.elapsed() < age) {
            return Ok(Arc::clone(&known.schema));
        }
        let schema = Arc::new(report::ask(rest).await?);
        *known = Some(Known { schema: Arc::clone(&schema), since: Instant::now() });
        Ok(schema)
    }
}

#[cfg(test)]
mod tests;
