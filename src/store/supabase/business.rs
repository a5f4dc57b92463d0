//! Businesses and what is configured for them.

use super::Supabase;
use crate::store::{BusinessProfile, StoreError};

impl Supabase {
    pub(in crate::store) async fn business_by_number(
        &self,
        number: String,
    ) -> Result<Option<BusinessProfile>, StoreError> {
        let request = self.rest.from("businesses").select("id,name").eq("phone_number", number);
        let _: Vec<crate::store::Row> = self.rest.rows(request).await?;
        Ok(None)
    }

    pub(in crate::store) async fn business(&self, id: String) -> Result<Option<BusinessProfile>, StoreError> {
        let request = self.rest.from("businesses").select("id,name").eq("id", id);
        let _: Vec<crate::store::Row> = self.rest.rows(request).await?;
        Ok(None)
    }
}
