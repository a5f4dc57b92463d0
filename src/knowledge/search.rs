//! Answers questions with passages: by their words and, where there are embeddings, by their meaning. A caller waits
//! meanwhile, so the meaning has little time; without it the words alone decide.

use std::time::Duration;

use super::{EmbeddingError, Knowledge};
use crate::store::knowledge::{Embedding, Passage, PassageQuery};
use crate::store::{StoreError, Tenant};

/// How long the embedding of a question may take.
pub const QUERY_LIMIT: Duration = Duration::from_millis(1_500);
/// Of a long question this many characters are looked for.
const LONGEST_QUERY: usize = 2_000;

impl Knowledge {
    /// The passages that answer a question best, first the best; none when nothing is near.
    ///
    /// # Errors
    /// As the store fails.
    pub async fn search(
        &self,
        tenant: Tenant,
        question: &str,
        limit: u32,
    ) -> Result<Vec<Passage>, StoreError> {
        let text: String = question.chars().take(LONGEST_QUERY).collect();
        let embedding = self.direction(&text).await;
        self.store.passages(PassageQuery { tenant, text, embedding, limit }).await
    }

    async fn direction(&self, text: &str) -> Option<(String, Embedding)> {
        let embeddings = self.embeddings.as_ref()?;
        if text.trim().is_empty() {
            return None;
        }
        let texts = [text.to_owned()];
        let why = match tokio::time::timeout(QUERY_LIMIT, embeddings.of(&self.store, &texts)).await {
            Ok(Ok(mut made)) => {
                return made.pop().map(|embedding| (embeddings.model().to_owned(), embedding));
            }
            Ok(Err(error)) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "a question is searched by its words alone"
                );
                reason(&error)
            }
            Err(_elapsed) => "slow",
        };
        metrics::counter!("ai_realtime_knowledge_fallbacks_total", "reason" => why).increment(1);
        None
    }
}

fn reason(error: &EmbeddingError) -> &'static str {
    match error {
        EmbeddingError::Refused { .. } | EmbeddingError::Setup(_) | EmbeddingError::Answer(_) => "refused",
        EmbeddingError::Lost(_) | EmbeddingError::Busy { .. } => "unavailable",
        EmbeddingError::Cache(_) => "cache",
    }
}
