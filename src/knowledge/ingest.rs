//! Takes a document in: its chunks are embedded and written batch by batch, and found all at once.

use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument;

use super::chunk::{Chunk, chunks};
use super::read::{Format, ReadError, read};
use super::{EmbeddingError, Knowledge, hash_of, hex};
use crate::id::{BusinessId, DocumentId};
use crate::store::knowledge::{Begun, Ingest, NewChunk, NewDocument};
use crate::store::{Row, StoreError};

/// Chunks embedded and written at once.
const BATCH: usize = 32;
/// Chunks of one document at most: some two million words.
const MAX_CHUNKS: usize = 10_000;
/// The way chunks are cut; another one means that a document is no longer what was written of it.
const CUT: &[u8] = b"1";

/// A document as it is brought.
#[derive(Debug, Clone, PartialEq)]
pub struct Submission {
    /// The id it shall have, or of the document it replaces; without it that of the same content, else a new one.
    pub id: Option<DocumentId>,
    /// Whose it is; `None`: of the house, found by the callers of every business.
    pub business_id: Option<BusinessId>,
    /// What it is called.
    pub title: String,
    /// Given back with each result.
    pub metadata: Row,
    /// What stands in it.
    pub text: DocumentText,
}

/// A file, and what kind it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentText {
    /// What kind.
    pub format: Format,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// How far an ingest is, in chunks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Written.
    pub done: u32,
    /// To be written; 0 until the document has been read.
    pub of: u32,
}

/// A document that was taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ingested {
    /// Its id.
    pub id: DocumentId,
    /// How many chunks it has.
    pub chunks: u32,
    /// Whether it was not there before.
    pub is_new: bool,
}

/// Why a document was not taken in; what was found of it before still is.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// No text can be read out of it.
    #[error("{0}")]
    Read(#[from] ReadError),
    /// It has too many chunks.
    #[error("the document is too long: split it into parts of at most two million words")]
    TooLong,
    /// Its id is that of another owner's document.
    #[error("there is no such document of this business")]
    NotYours,
    /// The same document was brought anew, or deleted, meanwhile.
    #[error("the document was changed by another request meanwhile")]
    Overtaken,
    /// The places for documents are taken.
    #[error("other documents are being taken in")]
    Busy,
    /// There are no embeddings.
    #[error("the embeddings of the document could not be made")]
    Embeddings(#[from] EmbeddingError),
    /// The store failed.
    #[error("the document could not be written")]
    Store(#[from] StoreError),
    /// A mistake of ours.
    #[error("the ingest did not come to its end")]
    Broken,
}

/// An ingest under way. It goes on when nobody waits for it.
#[derive(Debug)]
pub struct Ingesting {
    progress: watch::Receiver<Progress>,
    task: tokio::task::JoinHandle<Result<Ingested, IngestError>>,
}

impl Ingesting {
    /// How far it is.
    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.clone()
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// [`IngestError`].
    pub async fn ended(self) -> Result<Ingested, IngestError> {
        self.task.await.unwrap_or(Err(IngestError::Broken))
    }
}

impl Knowledge {
    /// Begins to take a document in.
    ///
    /// # Errors
    /// [`IngestError::Busy`] when as many are under way as may be.
    pub fn ingest(&self, submission: Submission) -> Result<Ingesting, IngestError> {
        let place = self.places.clone().try_acquire_owned().map_err(|_full| busy())?;
        let (tell, progress) = watch::channel(Progress::default());
        let knowledge = self.clone();
        let work = async move {
            let ended = knowledge.take_in(submission, &tell).await;
            drop(place);
            note(&ended);
            ended
        };
        Ok(Ingesting { progress, task: tokio::spawn(work.in_current_span()) })
    }

    async fn take_in(
        &self,
        submission: Submission,
        tell: &watch::Sender<Progress>,
    ) -> Result<Ingested, IngestError> {
        let Submission { id, business_id, title, metadata, text } = submission;
        let model = self.embeddings.as_ref().map(|embeddings| embeddings.model().to_owned());
        let content_hash = hex(&hash_of(&[
            CUT,
            text.format.as_str().as_bytes(),
            title.as_bytes(),
            model.as_deref().unwrap_or_default().as_bytes(),
            &text.bytes,
        ]));
        let blocks = read(text.format, text.bytes).await?;
        let cut = tokio::task::spawn_blocking(move || chunks(&blocks));
        let chunks = AbortOnDropHandle::new(cut).await.map_err(|_| IngestError::Broken)?;
        if chunks.len() > MAX_CHUNKS {
            return Err(IngestError::TooLong);
        }
        let count = u32::try_from(chunks.len()).map_err(|_| IngestError::TooLong)?;
        let document = NewDocument {
            id,
            business_id,
            title,
            content_hash,
            metadata,
            chunks: count,
            embedding_model: model,
        };
        tell.send_replace(Progress { done: 0, of: count });
        let ingest = match self.store.begin_document(document.clone()).await? {
            Begun::NotYours => return Err(IngestError::NotYours),
            Begun::Unchanged { id, chunks } => return Ok(Ingested { id, chunks, is_new: false }),
            Begun::Ingest(ingest) => ingest,
        };
        if let Err(error) = self.write(&ingest, document, chunks, tell).await {
            if let Err(error) = self.store.fail_document(&ingest).await {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "an ingest that failed could not be marked"
                );
            }
            return Err(error);
        }
        Ok(Ingested { is_new: !ingest.replaces, id: ingest.id, chunks: count })
    }

    async fn write(
        &self,
        ingest: &Ingest,
        document: NewDocument,
        chunks: Vec<Chunk>,
        tell: &watch::Sender<Progress>,
    ) -> Result<(), IngestError> {
        let mut done = 0;
        for batch in chunks.chunks(BATCH) {
            let new = self.embedded(&document.title, batch, done).await?;
            if !self.store.add_chunks(ingest, new).await? {
                return Err(IngestError::Overtaken);
            }
            done += batch.len() as u32;
            tell.send_replace(Progress { done, of: document.chunks });
        }
        if self.store.finish_document(ingest, document).await? { Ok(()) } else { Err(IngestError::Overtaken) }
    }

    async fn embedded(
        &self,
        title: &str,
        batch: &[Chunk],
        first: u32,
    ) -> Result<Vec<NewChunk>, EmbeddingError> {
        let heading = |chunk: &Chunk| match chunk.heading.as_str() {
            "" => title.to_owned(),
            path if path == title => path.to_owned(),
            path => match path.strip_prefix(title) {
                // A document that begins with its own title.
                Some(below) if below.starts_with(" › ") => path.to_owned(),
                _ => format!("{title} › {path}"),
            },
        };
        let headings: Vec<String> = batch.iter().map(heading).collect();
        let embeddings = match &self.embeddings {
            Some(embeddings) => {
                let texts = headings
                    .iter()
                    .zip(batch)
                    .map(|(heading, chunk)| format!("{heading}\n\n{}", chunk.content));
                let made = embeddings.of(&self.store, &texts.collect::<Vec<_>>()).await?;
                made.into_iter().map(Some).collect()
            }
            None => vec![None; batch.len()],
        };
        let all = batch.iter().zip(headings).zip(embeddings).zip(first..);
        Ok(all
            .map(|(((chunk, heading), embedding), no)| NewChunk {
                no,
                heading,
                content: chunk.content.clone(),
                embedding,
            })
            .collect())
    }
}

/// A document for which there is no place, counted.
pub fn busy() -> IngestError {
    metrics::counter!("ai_realtime_knowledge_busy_total").increment(1);
    IngestError::Busy
}

fn note(ended: &Result<Ingested, IngestError>) {
    let result = match ended {
        Ok(ingested) => {
            tracing::info!(chunks = ingested.chunks, "a document was taken in");
            "ok"
        }
        Err(error) => {
            let cause = std::error::Error::source(error).map(ToString::to_string);
            tracing::warn!(%error, cause, "a document was not taken in");
            "refused"
        }
    };
    metrics::counter!("ai_realtime_knowledge_documents_total", "result" => result).increment(1);
}
