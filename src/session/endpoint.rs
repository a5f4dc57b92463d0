//! Where the model is, and how a socket to it is opened.

mod stream;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use tokio_tungstenite::tungstenite;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{Connector, connect_async_tls_with_config};
use url::Url;

use super::fault::{Failure, of_status};
use crate::protocol::openai::{AudioPatch, ClientEvent};
use crate::tls;

/// Hosts that take the key as `api-key`.
const AZURE: [&str; 3] = [".openai.azure.com", ".cognitiveservices.azure.com", ".services.ai.azure.com"];
/// Largest event we read: the reference asks for at least this.
const MAX_MESSAGE: usize = 16 << 20;
/// What is read at once. The library clears it before each read, and most frames have a few hundred bytes.
const READ_BUFFER: usize = 4 << 10;

pub use self::stream::Stream;

/// Where the model is, and what proves that we may speak to it. Made once, shared by all calls.
#[derive(Clone)]
pub struct Endpoint {
    url: Arc<Url>,
    model: Arc<str>,
    auth: Arc<Auth>,
    tls: Option<Arc<rustls::ClientConfig>>,
    connect_limit: Duration,
    manner: Manner,
    #[cfg(test)]
    pipes: Option<Pipes>,
}

/// What an endpoint calls otherwise than the personas and the settings do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Manner {
    /// The voice that every persona has there.
    pub voice: Option<String>,
    /// The model that writes down the callers' words there.
    pub transcription_model: Option<String>,
}

/// Gives the client's end of a pipe to the model.
#[cfg(test)]
type Pipes = Arc<dyn Fn() -> tokio::io::DuplexStream + Send + Sync>;

enum Auth {
    None,
    Bearer(SecretString),
    ApiKey(SecretString),
}

/// Why an endpoint cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    /// The URL is none, or not of a WebSocket.
    #[error("`{0}` is no ws:// or wss:// URL")]
    Url(String),
    /// There is no way to tell a real server from a false one.
    #[error("cannot set up TLS")]
    Tls(#[source] rustls::Error),
}

impl Endpoint {
    /// An endpoint that speaks GA Realtime: OpenAI's own, Azure's GA one (which wants its key as `api-key`), or
    /// any other. `model` goes into the query unless the URL names one. A socket must be open within
    /// `connect_limit`.
    ///
    /// # Errors
    /// [`EndpointError`] when the URL or TLS cannot be used.
    pub fn new(
        url: &str,
        model: &str,
        key: Option<SecretString>,
        connect_limit: Duration,
    ) -> Result<Self, EndpointError> {
        let refused = || EndpointError::Url(url.to_owned());
        let mut url = Url::parse(url).map_err(|_| refused())?;
        if !matches!(url.scheme(), "ws" | "wss") || url.host_str().is_none() {
            return Err(refused());
        }
        if !url.query_pairs().any(|(name, _)| name == "model") {
            url.query_pairs_mut().append_pair("model", model);
        }
        let tls = if url.scheme() == "wss" {
            Some(Arc::new(tls::client_config().map_err(EndpointError::Tls)?))
        } else {
            None
        };
        let is_azure = url.host_str().is_some_and(|host| AZURE.iter().any(|azure| host.ends_with(azure)));
        let auth = match key {
            None => Auth::None,
            Some(key) if is_azure => Auth::ApiKey(key),
            Some(key) => Auth::Bearer(key),
        };
        let named = url.query_pairs().find(|(name, _)| name == "model");
        let model = named.map_or_else(|| model.into(), |(_, model)| model.as_ref().into());
        Ok(Self {
            url: Arc::new(url),
            model,
            auth: Arc::new(auth),
            tls,
            connect_limit,
            manner: Manner::default(),
            #[cfg(test)]
            pipes: None,
        })
    }

    /// The same endpoint, to which pipes lead instead of the network.
    #[cfg(test)]
    pub(crate) fn over(
        mut self,
        pipes: impl Fn() -> tokio::io::DuplexStream + Send + Sync + 'static,
    ) -> Self {
        self.pipes = Some(Arc::new(pipes));
        self
    }

    /// The same endpoint, which has names of its own for things.
    #[must_use]
    pub fn with_manner(mut self, manner: Manner) -> Self {
        self.manner = manner;
        self
    }

    /// The same endpoint, where a socket must be open within this, too.
    #[must_use]
    pub fn within(mut self, limit: Duration) -> Self {
        self.connect_limit = self.connect_limit.min(limit);
        self
    }

    /// The same endpoint, whose model goes by another name in what is written down of its calls.
    #[must_use]
    pub fn known_as(mut self, model: &str) -> Self {
        self.model = model.into();
        self
    }

    /// What the model is called.
    pub fn model(&self) -> &Arc<str> {
        &self.model
    }

    /// An event in the words of this endpoint.
    pub fn adapt(&self, event: ClientEvent) -> ClientEvent {
        match event {
            ClientEvent::SessionUpdate { event_id, mut session } => {
                session.audio.iter_mut().for_each(|audio| self.manner.adapt(audio));
                ClientEvent::SessionUpdate { event_id, session }
            }
            other => other,
        }
    }

    fn request(&self) -> Result<tungstenite::http::Request<()>, tungstenite::Error> {
        let mut request = self.url.as_str().into_client_request()?;
        let (header, text) = match self.auth.as_ref() {
            Auth::None => return Ok(request),
            Auth::Bearer(key) => ("authorization", format!("Bearer {}", key.expose_secret())),
            Auth::ApiKey(key) => ("api-key", key.expose_secret().to_owned()),
        };
        let mut value = HeaderValue::from_str(&text).map_err(tungstenite::http::Error::from)?;
        value.set_sensitive(true);
        request.headers_mut().insert(header, value);
        Ok(request)
    }
}

impl Manner {
    /// Only what is said at all is said otherwise.
    fn adapt(&self, audio: &mut AudioPatch) {
        let voice = audio.output.as_mut().and_then(|output| output.voice.as_mut());
        if let (Some(voice), Some(ours)) = (voice, &self.voice) {
            voice.clone_from(ours);
        }
        let transcription = audio.input.as_mut().and_then(|input| input.transcription.as_mut());
        if let (Some(transcription), Some(ours)) = (transcription, &self.transcription_model) {
            transcription.model.clone_from(ours);
        }
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint").field("host", &self.url.host_str()).finish_non_exhaustive()
    }
}

/// Why no socket could be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectFailure {
    /// A word for the log and for people; holds no key.
    pub why: String,
    /// What kind of trouble it is.
    pub failure: Failure,
}

/// Opens a socket.
///
/// # Errors
/// [`ConnectFailure`]; [`Failure::Refused`] when the model's side refused the key, the model or the request.
pub async fn connect(endpoint: &Endpoint) -> Result<Stream, ConnectFailure> {
    let config = WebSocketConfig::default()
        .max_message_size(Some(MAX_MESSAGE))
        .max_frame_size(Some(MAX_MESSAGE))
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0);
    let connector = endpoint.tls.clone().map_or(Connector::Plain, Connector::Rustls);
    let request = endpoint.request().map_err(|error| refused(&error))?;
    #[cfg(test)]
    if let Some(pipe) = endpoint.pipes.as_ref().map(|pipes| pipes()) {
        let opened = tokio_tungstenite::client_async_with_config(request, pipe, Some(config)).await;
        return opened.map(|(socket, _)| Stream::Pipe(Box::new(socket))).map_err(|error| refused(&error));
    }
    let opening = connect_async_tls_with_config(request, Some(config), true, Some(connector));
    match tokio::time::timeout(endpoint.connect_limit, opening).await {
        Ok(Ok((socket, _))) => Ok(Stream::Network(Box::new(socket))),
        Ok(Err(error)) => Err(refused(&error)),
        Err(_) => {
            let why = format!("no answer within {} ms", endpoint.connect_limit.as_millis());
            Err(ConnectFailure { why, failure: Failure::Slow })
        }
    }
}

fn refused(error: &tungstenite::Error) -> ConnectFailure {
    let (failure, why) = match error {
        tungstenite::Error::Http(response) => of_status(response.status().as_u16()),
        other => (Failure::Unreachable, other.to_string()),
    };
    ConnectFailure { why, failure }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::openai::SessionPatch;
    use crate::session::config::tests::spoken;

    const LIMIT: Duration = Duration::from_secs(1);

    fn headers(url: &str, key: Option<&str>) -> tungstenite::http::Request<()> {
        Endpoint::new(url, "gpt-realtime-2.1", key.map(SecretString::from), LIMIT).unwrap().request().unwrap()
    }

    #[test]
    fn openai_is_given_a_bearer_key_and_azure_an_api_key() {
        let openai = headers("wss://api.openai.com/v1/realtime", Some("sk-x"));
        assert_eq!(openai.headers()["authorization"], "Bearer sk-x");
        assert_eq!(openai.uri().query(), Some("model=gpt-realtime-2.1"));
        assert!(!openai.headers().contains_key("openai-beta"));
        let azure = headers("wss://acme.openai.azure.com/openai/v1/realtime?model=mine", Some("k"));
        assert_eq!(azure.headers()["api-key"], "k");
        assert_eq!(azure.uri().query(), Some("model=mine"));
        let pretender = headers("wss://openai.azure.com.example.org/v1/realtime", Some("k"));
        assert!(!pretender.headers().contains_key("api-key"));
    }

    #[test]
    fn an_endpoint_never_shows_its_key() {
        let endpoint =
            Endpoint::new("ws://localhost:1/v1/realtime", "m", Some("sk-secret".into()), LIMIT).unwrap();
        assert!(!format!("{endpoint:?}").contains("sk-secret"));
        assert!(!format!("{:?}", endpoint.request().unwrap()).contains("sk-secret"));
    }

    #[test]
    fn an_endpoint_says_only_what_is_said_at_all_in_its_own_words() {
        let manner = Manner { voice: Some("alloy".into()), transcription_model: Some("mine".into()) };
        let endpoint =
            Endpoint::new("ws://localhost:1/v1/realtime", "m", None, LIMIT).unwrap().with_manner(manner);
        let adapted = |session: SessionPatch| {
            let event = ClientEvent::SessionUpdate { event_id: "su_1".into(), session };
            match endpoint.adapt(event) {
                ClientEvent::SessionUpdate { session, .. } => session,
                other => panic!("{other:?}"),
            }
        };
        let config = spoken("waiter", "marin");
        let audio = adapted(config.patch_from(None).unwrap()).audio.unwrap();
        assert_eq!(audio.output.unwrap().voice.as_deref(), Some("alloy"));
        assert_eq!(audio.input.unwrap().transcription.unwrap().model, "mine");
        let later = spoken("cfo", "marin").patch_from(Some(&config)).unwrap();
        assert_eq!(adapted(later.clone()), later);
    }

    #[test]
    fn only_web_sockets_are_endpoints() {
        for bad in ["", "localhost", "https://api.openai.com/v1/realtime", "ws://"] {
            assert!(Endpoint::new(bad, "m", None, LIMIT).is_err(), "{bad}");
        }
    }
}
