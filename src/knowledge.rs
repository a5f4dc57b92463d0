//! What the businesses have written down for their callers: read out of files, cut into chunks, kept with embeddings
//! where there is a model for them, and searched.

pub mod chunk;
pub mod embedding;
mod ingest;
pub mod read;
mod search;

use std::sync::Arc;

use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;

pub use embedding::{EmbeddingError, Embeddings};
pub use ingest::{DocumentText, IngestError, Ingested, Ingesting, Progress, Submission, busy};
pub use read::{Format, ReadError};
pub use search::QUERY_LIMIT;

use crate::store::Store;

/// Documents taken in at once; the next is told to come back.
pub const MAX_INGESTS: usize = 4;

/// The documents of this installation. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Knowledge {
    store: Store,
    embeddings: Option<Embeddings>,
    places: Arc<Semaphore>,
}

impl Knowledge {
    /// The documents in a store; without a model for embeddings they are searched by their words alone.
    pub fn new(store: Store, embeddings: Option<Embeddings>) -> Self {
        Self { store, embeddings, places: Arc::new(Semaphore::new(MAX_INGESTS)) }
    }

    /// Where the documents are.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Whether documents are searched by their meaning, too.
    pub fn has_embeddings(&self) -> bool {
        self.embeddings.is_some()
    }
}

/// SHA-256 of texts, each told from the next.
fn hash_of(parts: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
