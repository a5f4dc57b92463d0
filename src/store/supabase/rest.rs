//! The way to PostgREST: requests are built by the `postgrest` crate and sent by our own client, with limits on how
//! long they take, repeated where that does no harm, and answered with rows or one of the store's errors.
//!
//! Source: <https://docs.postgrest.org/en/v12/references/api.html>

use std::sync::Arc;
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use postgrest::Builder;
use reqwest::Method;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde::de::DeserializeOwned;
use url::Url;

use super::answer;
use crate::store::StoreError;
use crate::tls;

/// The longest address that is sent, in bytes: the gateways before PostgREST take no line beyond 8 KiB. What a read
/// looks for travels in its address.
const MAX_ADDRESS_BYTES: usize = 8000;
/// How long one request may take, its answer included.
const REQUEST_LIMIT: Duration = Duration::from_secs(5);
/// How long a connection may take to open.
const CONNECT_LIMIT: Duration = Duration::from_secs(2);
/// How long one operation may take, with all its tries.
pub(in crate::store) const OPERATION_LIMIT: Duration = Duration::from_secs(8);
/// What may be repeated is tried so often again, after waits that double and are drawn by lot.
const MORE_TRIES: usize = 2;
const FIRST_WAIT: Duration = Duration::from_millis(50);
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// Whether a request may be sent again when nobody knows what became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum Repeat {
    /// Twice is as good as once: a read, or a write that its key makes once.
    Safe,
    /// It would be done twice.
    Never,
}

/// PostgREST of one project. Cheap to clone: all share one pool of connections.
#[derive(Clone)]
pub(in crate::store) struct Rest {
    url: Arc<Url>,
    /// Where PostgREST is, without a `/` at its end.
    base: Arc<str>,
    /// Shows the key with every request.
    client: reqwest::Client,
    operation_limit: Duration,
    /// The crate asks for one to build with; nothing is sent with it.
    builder_client: reqwest_011::Client,
}

/// What a write does with rows whose key is there already, and what it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum Prefer {
    /// A row that is there already is an error; the rows as written are answered.
    Rows,
    /// Rows that are there stay as they are; nothing is answered.
    Ignore,
    /// Rows that are there are written over; the rows as written are answered.
    Merge,
}

impl Prefer {
    fn header(self) -> &'static str {
        match self {
            Self::Rows => "return=representation",
            Self::Ignore => "return=minimal,resolution=ignore-duplicates",
            Self::Merge => "return=representation,resolution=merge-duplicates",
        }
    }
}

/// Why a request is not sent.
#[derive(Debug, thiserror::Error)]
enum RestError {
    #[error(
        "SUPABASE_SERVICE_ROLE_KEY cannot stand in a header: it holds spaces, line breaks or other than ASCII"
    )]
    Key,
    #[error("an update or a deletion must say of which rows")]
    EveryRow,
}

impl Rest {
    /// A way to the project at `url` that is entered with `key`: a JWT, or one of Supabase's newer secret keys
    /// (`sb_secret_…`).
    ///
    /// # Errors
    /// [`StoreError::Query`] when no client can be made of these.
    pub(super) fn new(url: &Url, key: &SecretString) -> Result<Self, StoreError> {
        Self::within(url, key, REQUEST_LIMIT, OPERATION_LIMIT)
    }

    fn within(
        url: &Url,
        key: &SecretString,
        request_limit: Duration,
        operation_limit: Duration,
    ) -> Result<Self, StoreError> {
        let tls = tls::client_config().map_err(setup)?;
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .default_headers(credentials(key)?)
            .connect_timeout(CONNECT_LIMIT)
            .timeout(request_limit)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(setup)?;
        Ok(Self {
            url: Arc::new(url.clone()),
            base: format!("{}/rest/v1", url.as_str().trim_end_matches('/')).into(),
            client,
            operation_limit,
            builder_client: reqwest_011::Client::builder().build().map_err(setup)?,
        })
    }

    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    /// Begins a request on a table or view. A value given to `eq` and its like is data to the last character; those of
    /// `in_`, `or` and `and` are not, so use [`super::filter`] for these.
    pub(in crate::store) fn from(&self, table: &str) -> Builder {
        self.builder(table)
    }

    /// The rows of a read.
    ///
    /// # Errors
    /// As PostgREST answers; see [`StoreError`].
    pub(in crate::store) async fn rows<T: DeserializeOwned>(
        &self,
        request: Builder,
    ) -> Result<Vec<T>, StoreError> {
        answer::rows(&self.send(request, None, Repeat::Safe).await?)
    }

    /// Writes rows: an `insert`, `update` or `delete` of the builder.
    ///
    /// # Errors
    /// As PostgREST answers; see [`StoreError`].
    pub(in crate::store) async fn write<T: DeserializeOwned>(
        &self,
        request: Builder,
        prefer: Prefer,
        repeat: Repeat,
    ) -> Result<Vec<T>, StoreError> {
        answer::rows(&self.send(request, Some(prefer), repeat).await?)
    }

    /// Calls a function of the database.
    ///
    /// # Errors
    /// As PostgREST answers; see [`StoreError`].
    pub(in crate::store) async fn call<T: DeserializeOwned>(
        &self,
        function: &'static str,
        arguments: &impl Serialize,
        repeat: Repeat,
    ) -> Result<T, StoreError> {
        let body = serde_json::to_string(arguments).map_err(|error| StoreError::Query(error.into()))?;
        let request = self.builder(&format!("rpc/{function}")).rpc(body);
        answer::value(&self.send(request, None, repeat).await?)
    }

    fn builder(&self, path: &str) -> Builder {
        let url = format!("{}/{path}", self.base);
        Builder::new(url, None, reqwest_011::header::HeaderMap::new(), self.builder_client.clone())
    }

    async fn send(
        &self,
        request: Builder,
        prefer: Option<Prefer>,
        repeat: Repeat,
    ) -> Result<Vec<u8>, StoreError> {
        let request =
            request.build().build().map_err(|error| StoreError::Query(error.without_url().into()))?;
        if changes_every_row(&request) {
            return Err(setup(RestError::EveryRow));
        }
        if request.url().as_str().len() > MAX_ADDRESS_BYTES {
            return Err(too_long());
        }
        let waits = ExponentialBuilder::default()
            .with_min_delay(FIRST_WAIT)
            .with_max_delay(LONGEST_WAIT)
            .with_max_times(MORE_TRIES)
            .with_jitter();
        let once = || self.send_once(&request, prefer);
        let tries = once.retry(waits).when(|error| repeat == Repeat::Safe && error.is_passing());
        let tries = tries.notify(|_, _| metrics::counter!("ai_realtime_supabase_retries_total").increment(1));
        tokio::time::timeout(self.operation_limit, tries).await.unwrap_or_else(|_elapsed| {
            let limit_ms = u64::try_from(self.operation_limit.as_millis()).unwrap_or(u64::MAX);
            Err(StoreError::Timeout { limit_ms })
        })
    }

    /// Sends what the crate has put together: method, address, headers, body.
    async fn send_once(
        &self,
        built: &reqwest_011::Request,
        prefer: Option<Prefer>,
    ) -> Result<Vec<u8>, StoreError> {
        let method = Method::from_bytes(built.method().as_str().as_bytes()).map_err(setup)?;
        let mut request = self.client.request(method, built.url().as_str());
        for (name, value) in built.headers() {
            // `Prefer` is what the caller of this says, since the crate knows too few of its values.
            if name != "prefer" {
                request = request.header(name.as_str(), value.as_bytes());
            }
        }
        if let Some(prefer) = prefer {
            request = request.header("prefer", prefer.header());
        }
        let body = built.body().and_then(reqwest_011::Body::as_bytes).unwrap_or_default();
        if !body.is_empty() {
            request = request.body(body.to_vec());
        }
        answer::receive(request).await
    }
}

/// The headers that let us in. The newer keys are no JWT, and the project's gateway puts one in their place: it must
/// not find them where a JWT is expected.
///
/// Source: <https://supabase.com/docs/guides/api/api-keys>
fn credentials(key: &SecretString) -> Result<HeaderMap, StoreError> {
    let key = key.expose_secret();
    let secret = |text: &str| {
        let mut value = HeaderValue::try_from(text).map_err(|_| setup(RestError::Key))?;
        value.set_sensitive(true);
        Ok::<_, StoreError>(value)
    };
    let mut headers = HeaderMap::new();
    headers.insert("apikey", secret(key)?);
    if !key.starts_with("sb_") {
        headers.insert(AUTHORIZATION, secret(&format!("Bearer {key}"))?);
    }
    Ok(headers)
}

/// PostgREST would do it.
fn changes_every_row(request: &reqwest_011::Request) -> bool {
    let changes = matches!(request.method().as_str(), "PATCH" | "DELETE");
    changes && request.url().query_pairs().all(|(name, _)| matches!(&*name, "select" | "columns" | "order"))
}

fn too_long() -> StoreError {
    let detail = format!("what is looked for makes an address of more than {MAX_ADDRESS_BYTES} bytes");
    StoreError::Unfit { code: "too_long".to_owned(), detail }
}

fn setup(error: impl std::error::Error + Send + Sync + 'static) -> StoreError {
    StoreError::Query(Box::new(error))
}

#[cfg(test)]
mod tests;
