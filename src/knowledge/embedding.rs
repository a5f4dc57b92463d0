//! Embeddings from OpenAI's API, or from one that speaks as it does.
//!
//! Source: <https://platform.openai.com/docs/api-reference/embeddings/create>

mod answer;
mod batch;

use std::sync::Arc;
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use reqwest::header::{AUTHORIZATION, HeaderValue};
use reqwest::{RequestBuilder, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use tokio::sync::Semaphore;
use url::Url;

use self::batch::batches;
use super::hash_of;
use crate::store::knowledge::{DIMENSIONS, Embedding, TextHash};
use crate::store::{Store, StoreError};
use crate::tls;

/// How long one request may take, its answer included.
const REQUEST_LIMIT: Duration = Duration::from_secs(30);
const CONNECT_LIMIT: Duration = Duration::from_secs(3);
/// Requests under way at once.
const MOST_REQUESTS: usize = 4;
/// A request is tried so often again, after waits that double and are drawn by lot, or that the answer names.
const MORE_TRIES: usize = 4;
const FIRST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_secs(20);

/// What makes embeddings. Cheap to clone: all share one pool of connections and its limit.
#[derive(Debug, Clone)]
pub struct Embeddings {
    client: reqwest::Client,
    url: Arc<Url>,
    model: Arc<str>,
    key: SecretString,
    places: Arc<Semaphore>,
}

/// Why there are no embeddings.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddingError {
    /// The client cannot be set up.
    #[error("the client for embeddings cannot be set up")]
    Setup(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The way to the API failed.
    #[error("the embeddings' API cannot be reached")]
    Lost(#[source] reqwest::Error),
    /// It is busy, or out of order.
    #[error("the embeddings' API does not serve now (status {status})")]
    Busy {
        /// The HTTP status.
        status: u16,
        /// How long it asks to wait.
        retry_after: Option<Duration>,
    },
    /// It refused the key, the model or what was asked of it; asking again cannot help.
    #[error("the embeddings' API refused (status {status})")]
    Refused {
        /// The HTTP status.
        status: u16,
    },
    /// Its answer is not what was asked for.
    #[error("the embeddings' API answered something else: {0}")]
    Answer(&'static str),
    /// The cache in the data folder failed.
    #[error("the cache of embeddings failed")]
    Cache(#[from] StoreError),
}

impl EmbeddingError {
    /// Whether the same may work later, unchanged.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Lost(_) | Self::Busy { .. } | Self::Cache(_) => true,
            Self::Setup(_) | Self::Refused { .. } | Self::Answer(_) => false,
        }
    }

    fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Busy { retry_after, .. } => retry_after.map(|wait| wait.min(LONGEST_WAIT)),
            Self::Setup(_) | Self::Lost(_) | Self::Refused { .. } | Self::Answer(_) | Self::Cache(_) => None,
        }
    }
}

impl Embeddings {
    /// Embeddings of a model, from the API at `base`, which is entered with `key`. Nothing is asked of it yet.
    ///
    /// # Errors
    /// [`EmbeddingError::Setup`] when no client can be made.
    pub fn new(base: &Url, model: &str, key: SecretString) -> Result<Self, EmbeddingError> {
        let setup = |error: Box<dyn std::error::Error + Send + Sync>| EmbeddingError::Setup(error);
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls::client_config().map_err(|error| setup(error.into()))?)
            .connect_timeout(CONNECT_LIMIT)
            .timeout(REQUEST_LIMIT)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| setup(error.into()))?;
        let url = Url::parse(&format!("{}/embeddings", base.as_str().trim_end_matches('/')));
        Ok(Self {
            client,
            url: Arc::new(url.map_err(|error| setup(error.into()))?),
            model: model.into(),
            key,
            places: Arc::new(Semaphore::new(MOST_REQUESTS)),
        })
    }

    /// The model.
    pub fn model(&self) -> &str {
        &self.model
    }

    /// The embeddings of texts, in their order: those made before out of the cache, the others made and kept there.
    ///
    /// # Errors
    /// [`EmbeddingError`], once all tries have failed.
    pub async fn of(&self, store: &Store, texts: &[String]) -> Result<Vec<Embedding>, EmbeddingError> {
        let hashes: Vec<TextHash> = texts.iter().map(|text| hash_of(&[text.as_bytes()])).collect();
        let mut found = store.cached_embeddings(&self.model, hashes.clone()).await?;
        let missing: Vec<usize> = (0..texts.len()).filter(|at| found[*at].is_none()).collect();
        count("cached", texts.len() - missing.len());
        for batch in batches(&missing, |at| texts[*at].len()) {
            let wanted: Vec<&str> = batch.iter().map(|at| texts[*at].as_str()).collect();
            let made = self.make(&wanted).await?;
            let kept = batch.iter().map(|at| hashes[*at]).zip(made.iter().cloned()).collect();
            store.cache_embeddings(&self.model, kept).await?;
            for (at, embedding) in batch.iter().zip(made) {
                found[*at] = Some(embedding);
            }
        }
        found.into_iter().collect::<Option<_>>().ok_or(EmbeddingError::Answer("too few embeddings"))
    }

    /// The embedding of a text that is asked for only now: it is not kept, since whoever asks does not wait for a
    /// write.
    ///
    /// # Errors
    /// [`EmbeddingError`], once all tries have failed.
    pub async fn of_question(&self, store: &Store, text: &str) -> Result<Embedding, EmbeddingError> {
        let cached = store.cached_embeddings(&self.model, vec![hash_of(&[text.as_bytes()])]).await?;
        if let Some(found) = cached.into_iter().flatten().next() {
            count("cached", 1);
            return Ok(found);
        }
        self.make(&[text]).await?.pop().ok_or(EmbeddingError::Answer("an embedding is missing"))
    }

    async fn make(&self, texts: &[&str]) -> Result<Vec<Embedding>, EmbeddingError> {
        let waits = ExponentialBuilder::default()
            .with_min_delay(FIRST_WAIT)
            .with_max_delay(LONGEST_WAIT)
            .with_max_times(MORE_TRIES)
            .with_jitter();
        let tries = (|| self.ask(texts)).retry(waits).when(EmbeddingError::is_passing);
        let tries = tries.adjust(|error, wait| wait.map(|wait| error.retry_after().unwrap_or(wait)));
        let tries =
            tries.notify(|_, _| metrics::counter!("ai_realtime_embedding_retries_total").increment(1));
        let made = tries.await?;
        count("made", made.len());
        Ok(made)
    }

    async fn ask(&self, texts: &[&str]) -> Result<Vec<Embedding>, EmbeddingError> {
        // The semaphore is never closed.
        let _place = self.places.acquire().await;
        let body = json!({
            "model": &*self.model, "input": texts, "dimensions": DIMENSIONS, "encoding_format": "base64",
        });
        let response = self.authorised(self.client.post(self.url.as_ref().clone()).json(&body))?.send().await;
        let response = response.map_err(|error| EmbeddingError::Lost(error.without_url()))?;
        let status = response.status();
        if status.is_success() {
            return answer::read(response, texts.len()).await;
        }
        let passing = matches!(
            status,
            StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT | StatusCode::CONFLICT
        );
        if passing || status.is_server_error() {
            let retry_after = answer::retry_after(response.headers());
            return Err(EmbeddingError::Busy { status: status.as_u16(), retry_after });
        }
        Err(EmbeddingError::Refused { status: status.as_u16() })
    }

    fn authorised(&self, request: RequestBuilder) -> Result<RequestBuilder, EmbeddingError> {
        let bearer = HeaderValue::try_from(format!("Bearer {}", self.key.expose_secret()));
        let mut bearer = bearer.map_err(|error| EmbeddingError::Setup(error.into()))?;
        bearer.set_sensitive(true);
        Ok(request.header(AUTHORIZATION, bearer))
    }
}

fn count(source: &'static str, embeddings: usize) {
    metrics::counter!("ai_realtime_embeddings_total", "source" => source).increment(embeddings as u64);
}
