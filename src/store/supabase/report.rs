//! What the database tells of itself.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::json;

use super::Supabase;
use super::rest::Repeat;
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
        self.rest.call("ai_realtime_schema", &json!({}), Repeat::Safe).await
    }
}
