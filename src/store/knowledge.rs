//! Documents that callers are answered from, cut into chunks that can be searched.
//!
//! A document is replaced as a whole: the chunks of a new version are written beside those in force, which are found
//! until the new ones take their place in one step. An ingest that broke off is repeated from its beginning.

pub mod rank;
pub mod terms;

use jiff::Timestamp;

use super::{Row, Store, StoreError, Tenant};
use crate::id::{BusinessId, DocumentId};

/// How many numbers an embedding has.
pub const DIMENSIONS: usize = 1536;
/// Passages one search gives at most.
pub const MAX_PASSAGES: u32 = 20;
/// Embeddings kept in the data folder; the oldest leave first. They take 6 KiB each.
pub const CACHED_EMBEDDINGS: u32 = 10_000;

/// The direction of a text's meaning: [`DIMENSIONS`] numbers, of length 1.
pub type Embedding = Vec<f32>;
/// What an embedding is found by in the cache: SHA-256 of the text it was made of.
pub type TextHash = [u8; 32];

/// Where a document is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DocumentStatus {
    /// Its chunks are being written. What was found of it before still is.
    Ingesting,
    /// All of it is found.
    Ready,
    /// Its last ingest failed. What was found of it before still is.
    Failed,
}

impl DocumentStatus {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ingesting => "ingesting",
            Self::Ready => "ready",
            Self::Failed => "failed",
        }
    }

    /// The status a row names; what is no status has failed.
    pub(super) fn parse(word: &str) -> Self {
        match word {
            "ingesting" => Self::Ingesting,
            "ready" => Self::Ready,
            _ => Self::Failed,
        }
    }
}

/// A document as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// Unique in this installation.
    pub id: DocumentId,
    /// Whose it is; `None`: of the house, found by the callers of every business.
    pub business_id: Option<BusinessId>,
    /// What it is called.
    pub title: String,
    /// What whoever brought it wants to be given back with each result.
    pub metadata: Row,
    /// Where it is on its way.
    pub status: DocumentStatus,
    /// How many of its chunks are found.
    pub chunks: u32,
    /// How many chunks of the newest ingest are written.
    pub ingested: u32,
    /// How many it has.
    pub expected: u32,
    /// When it came first.
    pub created_at: Timestamp,
    /// When it changed last.
    pub updated_at: Timestamp,
}

/// A document that is brought, or brought anew.
#[derive(Debug, Clone, PartialEq)]
pub struct NewDocument {
    /// The document it replaces, or the id it shall have; without it that of the same content, else a new one.
    pub id: Option<DocumentId>,
    /// Whose it is; `None`: of the house. It replaces documents of the same owner only.
    pub business_id: Option<BusinessId>,
    /// What it is called.
    pub title: String,
    /// Tells its chunks and embeddings from those of any other content.
    pub content_hash: String,
    /// Given back with each result.
    pub metadata: Row,
    /// How many chunks it has.
    pub chunks: u32,
    /// What its embeddings are made with; `None`: it has none.
    pub embedding_model: Option<String>,
}

/// An ingest that was begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ingest {
    /// The document.
    pub id: DocumentId,
    /// The version its chunks are written under.
    pub version: i64,
    /// Whether the document was there before.
    pub replaces: bool,
}

/// What became of a document that was brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begun {
    /// Its chunks are to be written.
    Ingest(Ingest),
    /// All of it is found already.
    Unchanged {
        /// The document.
        id: DocumentId,
        /// How many chunks it has.
        chunks: u32,
    },
    /// The id is that of another owner's document.
    NotYours,
}

/// A chunk to be written.
#[derive(Debug, Clone, PartialEq)]
pub struct NewChunk {
    /// Its place in the document, from 0.
    pub no: u32,
    /// The title, and the headings it stands under.
    pub heading: String,
    /// Its text.
    pub content: String,
    /// Where its meaning points.
    pub embedding: Option<Embedding>,
}

/// A question to the documents.
#[derive(Debug, Clone, PartialEq)]
pub struct PassageQuery {
    /// Whose documents are searched: a business's own and those of the house.
    pub tenant: Tenant,
    /// Its words, as they were said.
    pub text: String,
    /// Where its meaning points, and what that was made with.
    pub embedding: Option<(String, Embedding)>,
    /// At most so many passages; 1 to [`MAX_PASSAGES`].
    pub limit: u32,
}

/// A chunk that answers a question.
#[derive(Debug, Clone, PartialEq)]
pub struct Passage {
    /// The document it is from.
    pub id: DocumentId,
    /// What that is called.
    pub title: String,
    /// The title, and the headings it stands under.
    pub heading: String,
    /// Its text.
    pub content: String,
    /// How well it fits, from 0 to 1; to be compared within one answer only.
    pub score: f64,
    /// What came with the document.
    pub metadata: Row,
}

impl Store {
    /// Begins to take a document in. What broke off before, of the same id, is swept away.
    ///
    /// # Errors
    /// As the backend fails.
    pub async fn begin_document(&self, document: NewDocument) -> Result<Begun, StoreError> {
        match self {
            Self::Embedded(store) => store.begin_document(document).await,
            Self::Supabase(store) => store.begin_document(document).await,
        }
    }

    /// Writes chunks of an ingest; may be repeated. Answers whether it is still the newest of its document, which is
    /// still there: otherwise nothing is written.
    ///
    /// # Errors
    /// As the backend fails.
    pub async fn add_chunks(&self, ingest: &Ingest, chunks: Vec<NewChunk>) -> Result<bool, StoreError> {
        match self {
            Self::Embedded(store) => store.add_chunks(ingest.clone(), chunks).await,
            Self::Supabase(store) => store.add_chunks(ingest, chunks).await,
        }
    }

    /// Puts the chunks of an ingest in the place of those before, in one step; may be repeated. Answers whether it is
    /// still the newest of its document and complete: otherwise nothing changes.
    ///
    /// # Errors
    /// As the backend fails.
    pub async fn finish_document(&self, ingest: &Ingest, document: NewDocument) -> Result<bool, StoreError> {
        match self {
            Self::Embedded(store) => store.finish_document(ingest.clone(), document).await,
            Self::Supabase(store) => store.finish_document(ingest, document).await,
        }
    }

    /// Notes that an ingest has failed, unless a newer one was begun.
    ///
    /// # Errors
    /// As the backend fails.
    pub async fn fail_document(&self, ingest: &Ingest) -> Result<(), StoreError> {
        match self {
            Self::Embedded(store) => store.fail_document(ingest.clone()).await,
            Self::Supabase(store) => store.fail_document(ingest).await,
        }
    }

    /// The documents that the tenant's callers are answered from, by id, from the first after `after` on.
    ///
    /// # Errors
    /// As the backend fails.
    pub async fn documents(
        &self,
        tenant: &Tenant,
        after: Option<DocumentId>,
        limit: u32,
    ) -> Result<Vec<Document>, StoreError> {
        match self {
            Self::Embedded(store) => store.documents(tenant.clone(), after, limit).await,
            Self::Supabase(store) => store.documents(tenant, after, limit).await,
        }
    }

    /// One of the documents that the tenant's callers are answered from.
    ///
    /// # Errors
    /// As the backend fails.
    pub async fn document(&self, tenant: &Tenant, id: &DocumentId) -> Result<Option<Document>, StoreError> {
        match self {
            Self::Embedded(store) => store.document(tenant.clone(), id.clone()).await,
            Self::Supabase(store) => store.document(tenant, id).await,
        }
    }

    /// Takes a document of the tenant's own away, with its chunks; answers whether it was there.
    ///
    /// # Errors
    /// As the backend fails.
    pub async fn delete_document(&self, tenant: &Tenant, id: &DocumentId) -> Result<bool, StoreError> {
        match self {
            Self::Embedded(store) => store.delete_document(tenant.clone(), id.clone()).await,
            Self::Supabase(store) => store.delete_document(tenant, id).await,
        }
    }

    /// The passages that answer a question best, first the best: by its words, and by its meaning where there are
    /// embeddings. None when nothing is near.
    ///
    /// # Errors
    /// As the backend fails.
    pub async fn passages(&self, query: PassageQuery) -> Result<Vec<Passage>, StoreError> {
        match self {
            Self::Embedded(store) => store.passages(query).await,
            Self::Supabase(store) => store.passages(query).await,
        }
    }

    /// The embeddings of texts that were made before, in the order of `texts`.
    ///
    /// # Errors
    /// As the file in the data folder fails.
    pub async fn cached_embeddings(
        &self,
        model: &str,
        texts: Vec<TextHash>,
    ) -> Result<Vec<Option<Embedding>>, StoreError> {
        self.local().cached_embeddings(model.to_owned(), texts).await
    }

    /// Keeps embeddings for when the same texts come again.
    ///
    /// # Errors
    /// As the file in the data folder fails.
    pub async fn cache_embeddings(
        &self,
        model: &str,
        embeddings: Vec<(TextHash, Embedding)>,
    ) -> Result<(), StoreError> {
        self.local().cache_embeddings(model.to_owned(), embeddings).await
    }
}
