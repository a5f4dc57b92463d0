//! Documents and their chunks.
//!
//! What has to happen in one step is a function of the database (`ai_realtime_…_document`): PostgREST has no
//! transactions over several requests. Each may be called again when nobody knows what became of it.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Supabase;
use super::rest::{Prefer, Repeat};
use crate::id::{BusinessId, DocumentId};
use crate::store::knowledge::rank::NEAR;
use crate::store::knowledge::terms::terms;
use crate::store::knowledge::{
    Begun, Document, DocumentStatus, Embedding, Ingest, MAX_PASSAGES, NewChunk, NewDocument, Passage,
    PassageQuery,
};
use crate::store::{Row, StoreError, Tenant};

#[derive(Debug, Deserialize)]
struct DocumentRow {
    id: String,
    business_id: Option<String>,
    title: String,
    metadata: Row,
    status: String,
    chunk_count: u32,
    ingested_chunks: u32,
    expected_chunks: u32,
    created_at: Timestamp,
    updated_at: Timestamp,
}

#[derive(Debug, Deserialize)]
struct BegunRow {
    /// `ingest`, `unchanged` or `not_yours`.
    outcome: String,
    id: Option<String>,
    version: Option<i64>,
    replaces: Option<bool>,
    chunks: Option<u32>,
}

#[derive(Debug, Deserialize)]
struct PassageRow {
    id: String,
    title: String,
    heading: String,
    content: String,
    score: f64,
    metadata: Row,
}

/// The database answered something that is none of its answers.
#[derive(Debug, thiserror::Error)]
#[error(
    "the function ai_realtime_begin_document gives an answer we do not know: apply the migrations of this version"
)]
struct UnknownAnswer;

impl Supabase {
    pub(in crate::store) async fn begin_document(&self, document: NewDocument) -> Result<Begun, StoreError> {
        // Begun twice, the first is simply not the newest any more.
        let new_id = document.id.clone().unwrap_or_else(|| uuid::Uuid::now_v7().to_string().into());
        let arguments = json!({
            "given_id": document.id,
            "new_id": new_id,
            "owner": document.business_id,
            "hash": document.content_hash,
            "given_title": document.title,
            "given_metadata": document.metadata,
            "chunks": document.chunks,
        });
        let begun: BegunRow = self.rest.call("ai_realtime_begin_document", &arguments, Repeat::Safe).await?;
        let unknown = || StoreError::Query(UnknownAnswer.into());
        let id = begun.id.map(DocumentId::from);
        match begun.outcome.as_str() {
            "not_yours" => Ok(Begun::NotYours),
            "unchanged" => Ok(Begun::Unchanged {
                id: id.ok_or_else(unknown)?,
                chunks: begun.chunks.ok_or_else(unknown)?,
            }),
            "ingest" => Ok(Begun::Ingest(Ingest {
                id: id.ok_or_else(unknown)?,
                version: begun.version.ok_or_else(unknown)?,
                replaces: begun.replaces.ok_or_else(unknown)?,
            })),
            _ => Err(unknown()),
        }
    }

    pub(in crate::store) async fn add_chunks(
        &self,
        ingest: &Ingest,
        chunks: Vec<NewChunk>,
    ) -> Result<bool, StoreError> {
        let chunks: Vec<Value> = chunks.into_iter().map(chunk_row).collect();
        let arguments = json!({"given_id": ingest.id, "given_version": ingest.version, "chunks": chunks});
        self.rest.call("ai_realtime_add_document_chunks", &arguments, Repeat::Safe).await
    }

    pub(in crate::store) async fn finish_document(
        &self,
        ingest: &Ingest,
        document: NewDocument,
    ) -> Result<bool, StoreError> {
        let arguments = json!({
            "given_id": ingest.id,
            "given_version": ingest.version,
            "hash": document.content_hash,
            "given_title": document.title,
            "given_metadata": document.metadata,
            "model": document.embedding_model,
            "chunks": document.chunks,
        });
        self.rest.call("ai_realtime_finish_document", &arguments, Repeat::Safe).await
    }

    pub(in crate::store) async fn fail_document(&self, ingest: &Ingest) -> Result<(), StoreError> {
        let arguments = json!({"given_id": ingest.id, "given_version": ingest.version});
        self.rest.call("ai_realtime_fail_document", &arguments, Repeat::Safe).await
    }

    pub(in crate::store) async fn documents(
        &self,
        tenant: &Tenant,
        after: Option<DocumentId>,
        limit: u32,
    ) -> Result<Vec<Document>, StoreError> {
        let arguments = json!({
            "filter_business": tenant.business(),
            "only_id": null,
            "after_id": after,
            "match_count": limit,
        });
        self.read_documents(&arguments).await
    }

    pub(in crate::store) async fn document(
        &self,
        tenant: &Tenant,
        id: &DocumentId,
    ) -> Result<Option<Document>, StoreError> {
        let arguments = json!({
            "filter_business": tenant.business(), "only_id": id, "after_id": null, "match_count": 1,
        });
        Ok(self.read_documents(&arguments).await?.pop())
    }

    async fn read_documents(&self, arguments: &Value) -> Result<Vec<Document>, StoreError> {
        let rows: Vec<DocumentRow> = self.rest.call("ai_realtime_documents", arguments, Repeat::Safe).await?;
        Ok(rows.into_iter().map(document).collect())
    }

    pub(in crate::store) async fn delete_document(
        &self,
        tenant: &Tenant,
        id: &DocumentId,
    ) -> Result<bool, StoreError> {
        let mut request = self.rest.from("documents").eq("id", id.as_str()).select("id");
        if let Some(business) = tenant.business() {
            request = request.eq("business_id", business.as_str());
        }
        let gone: Vec<Row> = self.rest.write(request.delete(), Prefer::Rows, Repeat::Never).await?;
        Ok(!gone.is_empty())
    }

    pub(in crate::store) async fn passages(&self, query: PassageQuery) -> Result<Vec<Passage>, StoreError> {
        let (model, embedding) = query.embedding.unzip();
        let arguments = json!({
            "query_text": terms(&query.text).join(" "),
            "query_embedding": embedding.map(written),
            "filter_business": query.tenant.business(),
            "match_count": query.limit.clamp(1, MAX_PASSAGES),
            "query_model": model,
            "min_similarity": NEAR,
        });
        let rows: Vec<PassageRow> = self.rest.call("match_documents", &arguments, Repeat::Safe).await?;
        Ok(rows.into_iter().map(passage).collect())
    }
}

/// An embedding as pgvector reads it.
fn written(embedding: Embedding) -> String {
    let numbers: Vec<String> = embedding.into_iter().map(|number| number.to_string()).collect();
    format!("[{}]", numbers.join(","))
}

fn chunk_row(chunk: NewChunk) -> Value {
    let NewChunk { no, heading, content, embedding } = chunk;
    json!({"no": no, "heading": heading, "content": content, "embedding": embedding.map(written)})
}

fn document(row: DocumentRow) -> Document {
    Document {
        id: row.id.into(),
        business_id: row.business_id.map(BusinessId::from),
        title: row.title,
        metadata: row.metadata,
        status: DocumentStatus::parse(&row.status),
        chunks: row.chunk_count,
        ingested: row.ingested_chunks,
        expected: row.expected_chunks,
        created_at: row.created_at,
        updated_at: row.updated_at,
    }
}

fn passage(row: PassageRow) -> Passage {
    let PassageRow { id, title, heading, content, score, metadata } = row;
    Passage { id: id.into(), title, heading, content, score, metadata }
}
