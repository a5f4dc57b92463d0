//! What tools write. The database makes the changes and records the effect's key in one transaction, so that an
//! answer that was lost can be asked for again; the ledger in the data folder says what was intended and done.
//! The key is that of the ledger, which another data folder may have for a call of the same name: it says whose it is.

use serde_json::json;

use super::Supabase;
use super::rest::Repeat;
use crate::store::{Effect, EffectRecord, Row, StoreError};

impl Supabase {
    pub(in crate::store) async fn apply(&self, effect: Effect) -> Result<EffectRecord, StoreError> {
        let arguments = json!({
            "effect_key": format!("{}:{}", self.local.journal(), effect.key),
            "effect_call": effect.call_id,
            "effect_tool": effect.tool,
            "effect_business": effect.business_id,
            "changes": effect.changes,
        });
        let written: Vec<Row> = self.rest.call("ai_realtime_apply_effect", &arguments, Repeat::Safe).await?;
        self.local.finish(effect, written).await
    }
}
