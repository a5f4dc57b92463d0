//! Looks for passages: by words in the full-text index, by meaning in all embeddings there are.

use std::cmp::Ordering;

use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

use super::super::pool::failed;
use super::business;
use crate::id::DocumentId;
use crate::store::StoreError;
use crate::store::knowledge::rank::{CANDIDATES, NEAR, fuse, likeness};
use crate::store::knowledge::terms::terms;
use crate::store::knowledge::{MAX_PASSAGES, Passage, PassageQuery};

/// Chunks in force, of documents that the callers of business `?1` are answered from.
const IN_FORCE: &str = "document_chunks AS chunks \
    JOIN documents ON documents.id = chunks.document_id AND documents.version = chunks.version \
    WHERE (?1 IS NULL OR documents.business_id IS NULL OR documents.business_id = ?1)";

pub(super) fn passages(
    connection: &mut Connection,
    query: &PassageQuery,
) -> Result<Vec<Passage>, StoreError> {
    // In one transaction, so that what was found is still there when it is read.
    let deferred = TransactionBehavior::Deferred;
    let transaction = connection.transaction_with_behavior(deferred).map_err(failed)?;
    let orders =
        [by_words(&transaction, query).map_err(failed)?, by_meaning(&transaction, query).map_err(failed)?];
    let best = fuse(&orders).into_iter().take(query.limit.clamp(1, MAX_PASSAGES) as usize);
    best.filter_map(|(chunk, score)| read(&transaction, chunk, score).transpose())
        .collect::<rusqlite::Result<_>>()
        .map_err(failed)
}

/// Any of the words is enough; the more of them, and the rarer, the better. The heading counts twice.
fn by_words(connection: &Connection, query: &PassageQuery) -> rusqlite::Result<Vec<i64>> {
    let terms = terms(&query.text);
    if terms.is_empty() {
        return Ok(Vec::new());
    }
    // In quotation marks each is a text, whatever it says.
    let any: Vec<String> = terms.iter().map(|term| format!("\"{term}\"")).collect();
    let sql = format!(
        "SELECT chunks.chunk FROM document_chunks_search \
         CROSS JOIN {IN_FORCE} AND chunks.chunk = document_chunks_search.rowid \
         AND document_chunks_search MATCH ?2 ORDER BY bm25(document_chunks_search, 2.0, 1.0), chunks.chunk LIMIT ?3"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let bound = params![business(&query.tenant), any.join(" OR "), CANDIDATES as i64];
    statement.query_map(bound, |row| row.get(0))?.collect()
}

/// Every embedding is looked at: an exact search, for some ten thousand chunks.
fn by_meaning(connection: &Connection, query: &PassageQuery) -> rusqlite::Result<Vec<i64>> {
    let Some((model, embedding)) = &query.embedding else {
        return Ok(Vec::new());
    };
    let sql = format!(
        "SELECT chunks.chunk, chunks.embedding FROM {IN_FORCE} \
         AND documents.embedding_model = ?2 AND chunks.embedding IS NOT NULL"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(params![business(&query.tenant), model])?;
    let mut near: Vec<(f32, i64)> = Vec::new();
    while let Some(row) = rows.next()? {
        let stored = row.get_ref(1)?.as_blob().unwrap_or_default();
        if let Some(cosine) = likeness(embedding, stored).filter(|cosine| *cosine >= NEAR) {
            near.push((cosine, row.get(0)?));
        }
        if near.len() >= 4 * CANDIDATES {
            keep_nearest(&mut near);
        }
    }
    keep_nearest(&mut near);
    Ok(near.into_iter().map(|(_, chunk)| chunk).collect())
}

fn keep_nearest(near: &mut Vec<(f32, i64)>) {
    near.sort_by(|one, other| match other.0.total_cmp(&one.0) {
        Ordering::Equal => one.1.cmp(&other.1),
        order => order,
    });
    near.truncate(CANDIDATES);
}

fn read(connection: &Connection, chunk: i64, score: f64) -> rusqlite::Result<Option<Passage>> {
    let sql = "SELECT documents.id, title, heading, content, metadata FROM document_chunks \
               JOIN documents ON documents.id = document_id WHERE chunk = ?";
    let mut statement = connection.prepare_cached(sql)?;
    let passage = statement.query_row([chunk], |row| {
        let metadata: String = row.get(4)?;
        Ok(Passage {
            id: DocumentId::from(row.get::<_, String>(0)?),
            title: row.get(1)?,
            heading: row.get(2)?,
            content: row.get(3)?,
            score,
            metadata: serde_json::from_str(&metadata).unwrap_or_default(),
        })
    });
    passage.optional()
}
