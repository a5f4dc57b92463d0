//! The rows tools read.

use super::{SchemaReport, Supabase, filter};
use crate::store::{Row, Select, StoreError, Table};

impl Supabase {
    pub(in crate::store) async fn ping(&self) -> Result<(), StoreError> {
        self.rest.rows::<Row>(self.rest.from("businesses").select("id").limit(1)).await.map(drop)
    }

    pub(in crate::store) async fn select(&self, select: Select) -> Result<Vec<Row>, StoreError> {
        let compiled = |schema: &SchemaReport| {
            let shape = schema.shape(&select.from)?;
            Ok((filter::compile(&select, &shape)?, shape))
        };
        let (query, shape) = self.schemas.with(&self.rest, compiled).await?;
        let rows = self.rest.rows(query.ask(self.rest.from(select.from.as_str()))).await;
        if let Err(StoreError::Unknown(_)) = rows {
            self.schemas.forget().await;
        }
        Ok(rows?.into_iter().map(|row| shape.read(row)).collect())
    }

    pub(in crate::store) async fn columns(&self, table: Table) -> Result<Vec<String>, StoreError> {
        let shape = self.schemas.with(&self.rest, |schema| schema.shape(&table)).await?;
        Ok(shape.columns.into_iter().map(|(name, _)| name).collect())
    }
}
