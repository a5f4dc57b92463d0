//! Documents and their chunks.

mod cache;
mod search;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::Embedded;
use super::pool::failed;
use crate::id::{BusinessId, DocumentId};
use crate::store::knowledge::rank::to_bytes;
use crate::store::knowledge::{
    Begun, Document, DocumentStatus, Embedding, Ingest, NewChunk, NewDocument, Passage, PassageQuery,
    TextHash,
};
use crate::store::{StoreError, Tenant};

/// The columns of [`Document`], in its order.
const DOCUMENT: &str = "id, business_id, title, metadata, status, chunk_count, ingested_chunks, expected_chunks, \
                        created_at, updated_at";
/// What the callers of business `?1` are answered from; of every business when it is null.
const VISIBLE: &str = "(?1 IS NULL OR business_id IS NULL OR business_id = ?1)";

impl Embedded {
    pub(in crate::store) async fn begin_document(&self, document: NewDocument) -> Result<Begun, StoreError> {
        self.write(move |connection| begin(connection, &document, Timestamp::now())).await
    }

    pub(in crate::store) async fn add_chunks(
        &self,
        ingest: Ingest,
        chunks: Vec<NewChunk>,
    ) -> Result<bool, StoreError> {
        self.write(move |connection| add_chunks(connection, &ingest, &chunks)).await
    }

    pub(in crate::store) async fn finish_document(
        &self,
        ingest: Ingest,
        document: NewDocument,
    ) -> Result<bool, StoreError> {
        self.write(move |connection| finish(connection, &ingest, &document, Timestamp::now())).await
    }

    pub(in crate::store) async fn fail_document(&self, ingest: Ingest) -> Result<(), StoreError> {
        self.write(move |connection| {
            let sql = "UPDATE documents SET status = 'failed', updated_at = ?3 WHERE id = ?1 AND newest_version = ?2 \
                       AND status = 'ingesting'";
            let now = Timestamp::now().to_string();
            connection.execute(sql, params![ingest.id.as_str(), ingest.version, now]).map_err(failed)?;
            Ok(())
        })
        .await
    }

    pub(in crate::store) async fn documents(
        &self,
        tenant: Tenant,
        after: Option<DocumentId>,
        limit: u32,
    ) -> Result<Vec<Document>, StoreError> {
        let sql = format!(
            "SELECT {DOCUMENT} FROM documents WHERE {VISIBLE} AND (?2 IS NULL OR id > ?2) ORDER BY id LIMIT ?3"
        );
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(&sql).map_err(failed)?;
            let bound = params![business(&tenant), after.as_ref().map(DocumentId::as_str), limit];
            let rows = statement.query_map(bound, read_document).map_err(failed)?;
            rows.collect::<Result<_, _>>().map_err(failed)
        })
        .await
    }

    pub(in crate::store) async fn document(
        &self,
        tenant: Tenant,
        id: DocumentId,
    ) -> Result<Option<Document>, StoreError> {
        let sql = format!("SELECT {DOCUMENT} FROM documents WHERE {VISIBLE} AND id = ?2");
        self.read(move |connection| {
            let mut statement = connection.prepare_cached(&sql).map_err(failed)?;
            let bound = params![business(&tenant), id.as_str()];
            statement.query_row(bound, read_document).optional().map_err(failed)
        })
        .await
    }

    pub(in crate::store) async fn delete_document(
        &self,
        tenant: Tenant,
        id: DocumentId,
    ) -> Result<bool, StoreError> {
        self.write(move |connection| {
            let transaction = connection.transaction().map_err(failed)?;
            // What a business sees of the house is not its own to take away.
            let own = "SELECT 1 FROM documents WHERE id = ?2 AND (?1 IS NULL OR business_id = ?1)";
            let own = transaction
                .prepare_cached(own)
                .map_err(failed)?
                .exists(params![business(&tenant), id.as_str()]);
            let own = own.map_err(failed)?;
            if own {
                let (chunks, document) = (
                    "DELETE FROM document_chunks WHERE document_id = ?",
                    "DELETE FROM documents WHERE id = ?",
                );
                transaction.execute(chunks, [id.as_str()]).map_err(failed)?;
                transaction.execute(document, [id.as_str()]).map_err(failed)?;
            }
            transaction.commit().map_err(failed)?;
            Ok(own)
        })
        .await
    }

    pub(in crate::store) async fn passages(&self, query: PassageQuery) -> Result<Vec<Passage>, StoreError> {
        self.read(move |connection| search::passages(connection, &query)).await
    }

    pub(in crate::store) async fn cached_embeddings(
        &self,
        model: String,
        texts: Vec<TextHash>,
    ) -> Result<Vec<Option<Embedding>>, StoreError> {
        self.read(move |connection| cache::read(connection, &model, &texts)).await
    }

    pub(in crate::store) async fn cache_embeddings(
        &self,
        model: String,
        embeddings: Vec<(TextHash, Embedding)>,
    ) -> Result<(), StoreError> {
        self.write(move |connection| cache::write(connection, &model, &embeddings)).await
    }
}

fn business(tenant: &Tenant) -> Option<&str> {
    tenant.business().map(BusinessId::as_str)
}

fn read_document(row: &rusqlite::Row<'_>) -> rusqlite::Result<Document> {
    let time = |place| row.get::<_, String>(place).map(|text| text.parse().unwrap_or(Timestamp::UNIX_EPOCH));
    let metadata: String = row.get(3)?;
    Ok(Document {
        id: DocumentId::from(row.get::<_, String>(0)?),
        business_id: row.get::<_, Option<String>>(1)?.map(BusinessId::from),
        title: row.get(2)?,
        metadata: serde_json::from_str(&metadata).unwrap_or_default(),
        status: DocumentStatus::parse(&row.get::<_, String>(4)?),
        chunks: row.get(5)?,
        ingested: row.get(6)?,
        expected: row.get(7)?,
        created_at: time(8)?,
        updated_at: time(9)?,
    })
}

/// What is there of a document that is brought.
struct Found {
    id: DocumentId,
    business_id: Option<String>,
    content_hash: String,
    is_ready: bool,
    chunks: u32,
}

fn find(transaction: &Transaction<'_>, document: &NewDocument) -> rusqlite::Result<Option<Found>> {
    const FOUND: &str = "SELECT id, business_id, content_hash, status = 'ready', chunk_count FROM documents";
    let read = |row: &rusqlite::Row<'_>| {
        Ok(Found {
            id: DocumentId::from(row.get::<_, String>(0)?),
            business_id: row.get(1)?,
            content_hash: row.get(2)?,
            is_ready: row.get(3)?,
            chunks: row.get(4)?,
        })
    };
    if let Some(id) = &document.id {
        let mut statement = transaction.prepare_cached(&format!("{FOUND} WHERE id = ?"))?;
        return statement.query_row([id.as_str()], read).optional();
    }
    let same = "WHERE content_hash = ? AND business_id IS ? ORDER BY created_at LIMIT 1";
    let mut statement = transaction.prepare_cached(&format!("{FOUND} {same}"))?;
    let owner = document.business_id.as_ref().map(BusinessId::as_str);
    statement.query_row(params![document.content_hash, owner], read).optional()
}

fn begin(connection: &mut Connection, document: &NewDocument, now: Timestamp) -> Result<Begun, StoreError> {
    let transaction = connection.transaction().map_err(failed)?;
    let begun = begin_in(&transaction, document, &now.to_string()).map_err(failed)?;
    transaction.commit().map_err(failed)?;
    Ok(begun)
}

fn begin_in(transaction: &Transaction<'_>, document: &NewDocument, now: &str) -> rusqlite::Result<Begun> {
    let owner = document.business_id.as_ref().map(BusinessId::as_str);
    let metadata = serde_json::Value::from(document.metadata.clone()).to_string();
    let Some(found) = find(transaction, document)? else {
        let id = document.id.clone().unwrap_or_else(|| DocumentId::from(uuid::Uuid::now_v7().to_string()));
        transaction.execute(
            "INSERT INTO documents (id, business_id, title, content_hash, metadata, status, newest_version, \
             expected_chunks, created_at, updated_at) VALUES (?1, ?2, ?3, ?4, ?5, 'ingesting', 1, ?6, ?7, ?7)",
            params![id.as_str(), owner, document.title, document.content_hash, metadata, document.chunks, now],
        )?;
        return Ok(Begun::Ingest(Ingest { id, version: 1, replaces: false }));
    };
    if found.business_id.as_deref() != owner {
        return Ok(Begun::NotYours);
    }
    if found.is_ready && found.content_hash == document.content_hash {
        let sql = "UPDATE documents SET metadata = ?2, updated_at = ?3 WHERE id = ?1 AND metadata <> ?2";
        transaction.execute(sql, params![found.id.as_str(), metadata, now])?;
        return Ok(Begun::Unchanged { id: found.id, chunks: found.chunks });
    }
    transaction.execute(
        "DELETE FROM document_chunks WHERE document_id = ?1 \
         AND version IS NOT (SELECT version FROM documents WHERE id = ?1)",
        [found.id.as_str()],
    )?;
    let version = transaction.query_row(
        "UPDATE documents SET status = 'ingesting', newest_version = newest_version + 1, ingested_chunks = 0, \
         expected_chunks = ?2, updated_at = ?3 WHERE id = ?1 RETURNING newest_version",
        params![found.id.as_str(), document.chunks, now],
        |row| row.get(0),
    )?;
    Ok(Begun::Ingest(Ingest { id: found.id, version, replaces: true }))
}

fn add_chunks(connection: &mut Connection, ingest: &Ingest, chunks: &[NewChunk]) -> Result<bool, StoreError> {
    let transaction = connection.transaction().map_err(failed)?;
    let added = add_chunks_in(&transaction, ingest, chunks).map_err(failed)?;
    transaction.commit().map_err(failed)?;
    Ok(added)
}

fn add_chunks_in(
    transaction: &Transaction<'_>,
    ingest: &Ingest,
    chunks: &[NewChunk],
) -> rusqlite::Result<bool> {
    if !is_newest(transaction, ingest)? {
        return Ok(false);
    }
    let mut insert = transaction.prepare_cached(
        "INSERT INTO document_chunks (document_id, version, no, heading, content, embedding) \
         VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (document_id, version, no) DO NOTHING",
    )?;
    for chunk in chunks {
        let embedding = chunk.embedding.as_deref().map(to_bytes);
        let (id, version) = (ingest.id.as_str(), ingest.version);
        insert.execute(params![id, version, chunk.no, chunk.heading, chunk.content, embedding])?;
    }
    transaction.execute(
        "UPDATE documents SET ingested_chunks = \
         (SELECT count(*) FROM document_chunks WHERE document_id = ?1 AND version = ?2) WHERE id = ?1",
        params![ingest.id.as_str(), ingest.version],
    )?;
    Ok(true)
}

fn is_newest(transaction: &Transaction<'_>, ingest: &Ingest) -> rusqlite::Result<bool> {
    let sql = "SELECT 1 FROM documents WHERE id = ? AND newest_version = ?";
    transaction.prepare_cached(sql)?.exists(params![ingest.id.as_str(), ingest.version])
}

fn finish(
    connection: &mut Connection,
    ingest: &Ingest,
    document: &NewDocument,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let transaction = connection.transaction().map_err(failed)?;
    let finished = finish_in(&transaction, ingest, document, &now.to_string()).map_err(failed)?;
    transaction.commit().map_err(failed)?;
    Ok(finished)
}

fn finish_in(
    transaction: &Transaction<'_>,
    ingest: &Ingest,
    document: &NewDocument,
    now: &str,
) -> rusqlite::Result<bool> {
    let metadata = serde_json::Value::from(document.metadata.clone()).to_string();
    let changed = transaction.execute(
        "UPDATE documents SET version = ?2, status = 'ready', title = ?3, content_hash = ?4, metadata = ?5, \
         embedding_model = ?6, chunk_count = ?7, updated_at = ?8 \
         WHERE id = ?1 AND newest_version = ?2 AND ingested_chunks = ?7",
        params![
            ingest.id.as_str(),
            ingest.version,
            document.title,
            document.content_hash,
            metadata,
            document.embedding_model,
            document.chunks,
            now
        ],
    )?;
    if changed == 1 {
        let others = "DELETE FROM document_chunks WHERE document_id = ? AND version <> ?";
        transaction.execute(others, params![ingest.id.as_str(), ingest.version])?;
    }
    Ok(changed == 1)
}
