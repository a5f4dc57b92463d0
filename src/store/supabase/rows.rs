//! The rows tools read.

use super::Supabase;
use crate::store::{Column, Row, Select, StoreError, Table};

impl Supabase {
    pub(in crate::store) async fn ping(&self) -> Result<(), StoreError> {
        self.rest.rows::<Row>(self.rest.from("businesses").select("id").limit(1)).await.map(drop)
    }

    pub(in crate::store) async fn select(&self, select: Select) -> Result<Vec<Row>, StoreError> {
        let columns: Vec<_> = select.columns.iter().map(Column::as_str).collect();
        let request = self.rest.from(select.from.as_str()).select(columns.join(","));
        self.rest.rows(request.limit(select.limit.max(1) as usize)).await
    }

    pub(in crate::store) async fn columns(&self, table: Table) -> Result<Vec<String>, StoreError> {
        Err(StoreError::Unknown(format!("there is no table `{table}`")))
    }
}
