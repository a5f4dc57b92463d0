//! What the database tells of itself.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::json;

use super::Supabase;
use super::rest::{Repeat, Rest};
use crate::store::StoreError;

/// What the function `ai_realtime_schema()` tells.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct SchemaReport {
    /// The version of the newest migration that was applied.
    pub version: String,
    /// Whether the extension pgvector is there.
    pub pgvector: bool,
    /// The tables and views of the schema `public`, by name.
    pub relations: BTreeMap<String, RelationReport>,
}

/// A table or view.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct RelationReport {
    /// Which of the two.
    pub kind: RelationKind,
    /// Whether row-level security is on; it never is for a view.
    pub row_security: bool,
    /// Its columns, in their order.
    pub columns: Vec<ColumnReport>,
}

/// A column of a table or view.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ColumnReport {
    /// What it is called.
    pub name: String,
    /// Its type, as Postgres's `format_type` writes it.
    #[serde(rename = "type")]
    pub kind: String,
}

/// A table has rows of its own, a view has those of tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RelationKind {
    /// A table.
    Table,
    /// A view.
    View,
}

impl Supabase {
    /// Asks the database what it is.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] where the migrations were never applied, [`StoreError::Denied`] where the key is refused,
    /// else as the way to it fails.
    pub async fn report(&self) -> Result<SchemaReport, StoreError> {
        ask(&self.rest).await
    }
}

/// # Errors
/// As [`Supabase::report`].
pub(super) async fn ask(rest: &Rest) -> Result<SchemaReport, StoreError> {
    rest.call("ai_realtime_schema", &json!({}), Repeat::Safe).await
}
