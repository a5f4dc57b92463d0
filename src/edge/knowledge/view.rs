//! What answers about documents hold.

use jiff::{Timestamp, Unit};
use serde::Serialize;
use utoipa::ToSchema;

use crate::knowledge::{Ingested, Progress};
use crate::store::Row;
use crate::store::knowledge::{Document, DocumentStatus, Passage};

/// The document is found.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"id": "house-rules", "chunks": 4}))]
pub(in crate::edge) struct DocumentAnswer {
    /// Its id.
    id: String,
    /// How many passages it was cut into.
    chunks: u32,
}

impl From<Ingested> for DocumentAnswer {
    fn from(ingested: Ingested) -> Self {
        Self { id: ingested.id.to_string(), chunks: ingested.chunks }
    }
}

/// How far a document is, in passages.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"done": 32, "of": 118}))]
pub(in crate::edge) struct DocumentProgress {
    done: u32,
    of: u32,
}

impl From<Progress> for DocumentProgress {
    fn from(Progress { done, of }: Progress) -> Self {
        Self { done, of }
    }
}

/// A document.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Document, example = json!({
    "id": "house-rules", "business_id": null, "title": "House rules", "metadata": {}, "status": "ready", "chunks": 4,
    "progress": null, "created_at": "2026-03-01T12:00:00Z", "updated_at": "2026-03-01T12:00:00Z",
}))]
pub(in crate::edge) struct DocumentView {
    id: String,
    /// Whose it is; null: of the house, found by the callers of every business.
    business_id: Option<String>,
    title: String,
    /// What came with it.
    #[schema(value_type = Object)]
    metadata: Row,
    /// Of its newest version: `ingesting`, `ready` or `failed`. What was found before is found until it is ready.
    #[schema(example = "ready")]
    status: &'static str,
    /// How many passages of it are found.
    chunks: u32,
    /// How far its newest version is, unless it is ready.
    progress: Option<DocumentProgress>,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    updated_at: String,
}

impl From<Document> for DocumentView {
    fn from(document: Document) -> Self {
        let progress = DocumentProgress { done: document.ingested, of: document.expected };
        Self {
            id: document.id.to_string(),
            business_id: document.business_id.map(|business| business.to_string()),
            title: document.title,
            metadata: document.metadata,
            status: document.status.as_str(),
            chunks: document.chunks,
            progress: (document.status != DocumentStatus::Ready).then_some(progress),
            created_at: to_the_millisecond(document.created_at),
            updated_at: to_the_millisecond(document.updated_at),
        }
    }
}

/// A time as events have it, whatever more digits a store keeps.
fn to_the_millisecond(time: Timestamp) -> String {
    time.round(Unit::Millisecond).unwrap_or(time).to_string()
}

/// Documents, by id.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::edge) struct DocumentPage {
    pub(super) documents: Vec<DocumentView>,
    /// Where the next page begins; null on the last.
    pub(super) next_cursor: Option<String>,
}

/// What was found.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::edge) struct QueryAnswer {
    /// The best first; none when nothing is near.
    pub(super) results: Vec<PassageView>,
}

/// A passage of a document.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Passage, example = json!({
    "id": "house-rules", "title": "House rules", "heading": "House rules › Parking",
    "content": "You can park behind the house.", "score": 1.0, "metadata": {},
}))]
pub(in crate::edge) struct PassageView {
    /// The document it is from.
    id: String,
    /// What that is called.
    title: String,
    /// The title, and the headings it stands under.
    heading: String,
    /// Its text.
    content: String,
    /// How well it fits, 0 to 1; to be compared within one answer only.
    score: f64,
    /// What came with the document.
    #[schema(value_type = Object)]
    metadata: Row,
}

impl From<Passage> for PassageView {
    fn from(passage: Passage) -> Self {
        let Passage { id, title, heading, content, score, metadata } = passage;
        // Further digits are those of the arithmetic, and not the same in every store.
        let score = (score * 10_000.0).round() / 10_000.0;
        Self { id: id.to_string(), title, heading, content, score, metadata }
    }
}
