//! The WebSocket to the model: opening it, reading it, writing it, noticing that it is dead.

use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use secrecy::{ExposeSecret, SecretString};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{HeaderValue, StatusCode};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Message, Utf8Bytes};
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream, connect_async_tls_with_config};
use url::Url;

use super::fault::{close_word, is_fatal_close};
use crate::at_once::at_once_or_within;
use crate::audio::{Lane, Speech, Spoken};
use crate::protocol::openai::{ServerEvent, SpeechFrame, speech};
use crate::tls;

/// How often the model is asked for a sign of life; two in a row unanswered mean that the socket is dead.
const PING_EVERY: Duration = Duration::from_secs(15);
const SILENCE_LIMIT: Duration = Duration::from_secs(35);
/// How long a closing socket may take to say goodbye.
const GOODBYE_LIMIT: Duration = Duration::from_secs(1);
/// Hosts that take the key as `api-key`.
const AZURE: [&str; 3] = [".openai.azure.com", ".cognitiveservices.azure.com", ".services.ai.azure.com"];
/// Largest event we read: the reference asks for at least this.
const MAX_MESSAGE: usize = 16 << 20;
/// What is read at once. The library clears it before each read, and most frames have a few hundred bytes.
const READ_BUFFER: usize = 4 << 10;
/// Frames that wait to be written; a model that lets more pile up does not read.
const MAX_UNWRITTEN: usize = 512;
/// Events that wait for the session; beyond it the socket is not read.
const MAX_UNREAD: usize = 256;

type Stream = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Where the model is, and what proves that we may speak to it. Made once, shared by all calls.
#[derive(Clone)]
pub struct Endpoint {
    url: Arc<Url>,
    auth: Arc<Auth>,
    tls: Option<Arc<rustls::ClientConfig>>,
    connect_limit: Duration,
}

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
        Ok(Self { url: Arc::new(url), auth: Arc::new(auth), tls, connect_limit })
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
    /// Whether trying again cannot help.
    pub fatal: bool,
}

/// Opens a socket.
///
/// # Errors
/// [`ConnectFailure`]; fatal when the model's side refused the key, the model or the request.
pub async fn connect(endpoint: &Endpoint) -> Result<Stream, ConnectFailure> {
    let config = WebSocketConfig::default()
        .max_message_size(Some(MAX_MESSAGE))
        .max_frame_size(Some(MAX_MESSAGE))
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0);
    let connector = endpoint.tls.clone().map_or(Connector::Plain, Connector::Rustls);
    let request = endpoint.request().map_err(|error| refused(&error))?;
    let opening = connect_async_tls_with_config(request, Some(config), true, Some(connector));
    match tokio::time::timeout(endpoint.connect_limit, opening).await {
        Ok(Ok((stream, _))) => Ok(stream),
        Ok(Err(error)) => Err(refused(&error)),
        Err(_) => {
            let why = format!("no answer within {} ms", endpoint.connect_limit.as_millis());
            Err(ConnectFailure { why, fatal: false })
        }
    }
}

fn refused(error: &tungstenite::Error) -> ConnectFailure {
    match error {
        tungstenite::Error::Http(response) => {
            let status = response.status();
            let passing = status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error();
            let code = match status {
                StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => "invalid_api_key".to_owned(),
                StatusCode::NOT_FOUND => "model_not_found".to_owned(),
                other => format!("http_{}", other.as_u16()),
            };
            ConnectFailure { why: code, fatal: !passing }
        }
        other => ConnectFailure { why: other.to_string(), fatal: false },
    }
}

/// What a socket brings.
#[derive(Debug)]
pub enum Incoming {
    /// An event. The permit is given back when it has been handled: a session that falls behind is not read.
    Event(Box<ServerEvent>, OwnedSemaphorePermit),
    /// The socket is gone.
    Lost {
        /// Why, for the journal and the log.
        reason: String,
        /// Whether another one would be refused, too.
        fatal: bool,
    },
}

/// A running socket. Dropping it closes it politely.
#[derive(Debug)]
pub struct Socket {
    orders: mpsc::Sender<Order>,
}

/// What the writer is told.
#[derive(Debug)]
enum Order {
    Frame(String),
    /// The model knows who to be: from now on it is given what the caller says.
    Listen,
}

/// The frame could not be queued: the model does not read, or the socket is gone.
#[derive(Debug, PartialEq, Eq)]
pub struct NotWritten;

impl Socket {
    /// Starts to read and write a socket. `deliver` is told what comes, in order; `false` from it ends the reading.
    /// The persona's audio does not come that way: it goes into the lane, and the caller's comes from there.
    pub fn start(
        stream: Stream,
        lane: Option<Arc<Lane>>,
        deliver: impl FnMut(Incoming) -> bool + Send + 'static,
    ) -> Self {
        let (sink, source) = stream.split();
        let (orders, queue) = mpsc::channel(MAX_UNWRITTEN);
        let ear = lane.as_ref().map(|lane| Ear { lane: Arc::clone(lane), speaking: None });
        let reader = tokio::spawn(read(source, ear, deliver));
        tokio::spawn(write(sink, queue, lane, reader.abort_handle()));
        Self { orders }
    }

    /// Lets the model hear the caller.
    ///
    /// # Errors
    /// [`NotWritten`] when too much waits or the socket is gone.
    pub fn listen(&self) -> Result<(), NotWritten> {
        self.orders.try_send(Order::Listen).map_err(|_| NotWritten)
    }

    /// Queues a frame; frames are written in order.
    ///
    /// # Errors
    /// [`NotWritten`] when too many wait or the socket is gone.
    pub fn send(&self, frame: String) -> Result<(), NotWritten> {
        self.orders.try_send(Order::Frame(frame)).map_err(|_| NotWritten)
    }
}

/// Takes the persona's audio off the socket, past all mailboxes.
struct Ear {
    lane: Arc<Lane>,
    /// The message that spoke last: its name is made once, not for every frame.
    speaking: Option<Arc<Spoken>>,
}

impl Ear {
    /// Whether the frame was one of speech, and is dealt with.
    fn takes(&mut self, frame: &Utf8Bytes) -> bool {
        let Some(SpeechFrame { response_id, item_id, payload }) = speech(frame) else {
            return false;
        };
        let is_same =
            |spoken: &Arc<Spoken>| spoken.item.as_str() == item_id && spoken.response.as_str() == response_id;
        let of = match self.speaking.take().filter(is_same) {
            Some(spoken) => spoken,
            None => Arc::new(Spoken { response: response_id.into(), item: item_id.into() }),
        };
        self.lane.push_persona(match payload {
            Some(payload) => {
                self.speaking = Some(Arc::clone(&of));
                Speech::Audio { of, frame: frame.clone(), payload }
            }
            None => Speech::End { of },
        });
        true
    }
}

impl Drop for Ear {
    /// Of a message that was under way no more will come.
    fn drop(&mut self) {
        if let Some(of) = self.speaking.take() {
            self.lane.push_persona(Speech::End { of });
        }
    }
}

async fn read(
    mut source: SplitStream<Stream>,
    mut ear: Option<Ear>,
    mut deliver: impl FnMut(Incoming) -> bool + Send,
) {
    let room = Arc::new(Semaphore::new(MAX_UNREAD));
    let mut last_at = Instant::now();
    let mut watch = pin!(sleep(SILENCE_LIMIT));
    loop {
        let frame = tokio::select! {
            biased;
            frame = source.next() => frame,
            () = &mut watch => {
                if last_at.elapsed() >= SILENCE_LIMIT {
                    return lost(&mut deliver, "no sign of life", false);
                }
                // No frame touches the timer: when it goes off it is set anew.
                watch.as_mut().reset(last_at + SILENCE_LIMIT);
                continue;
            }
        };
        last_at = Instant::now();
        let frame = match frame {
            None => return lost(&mut deliver, "closed", false),
            Some(Err(error)) => return lost(&mut deliver, &error.to_string(), false),
            Some(Ok(frame)) => frame,
        };
        match frame {
            Message::Text(text) => {
                if ear.as_mut().is_some_and(|ear| ear.takes(&text)) {
                    continue;
                }
                let Some(event) = parse(&text) else { continue };
                let Ok(permit) = Arc::clone(&room).acquire_owned().await else {
                    return;
                };
                if !deliver(Incoming::Event(Box::new(event), permit)) {
                    return;
                }
            }
            Message::Close(close) => {
                let (code, reason) = close
                    .map_or((1005, String::new()), |close| (close.code.into(), close.reason.to_string()));
                // The text is the provider's, and may quote a key: a known word of it is told, the rest is not.
                tracing::debug!(code, close_reason = reason, "the model closed the socket");
                let word = close_word(&reason).map_or_else(|| format!("closed_{code}"), str::to_owned);
                return lost(&mut deliver, &word, is_fatal_close(code, &reason));
            }
            // The protocol has no binary frames; pings are answered below us.
            Message::Binary(_) | Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
        }
    }
}

fn lost(deliver: &mut impl FnMut(Incoming) -> bool, reason: &str, fatal: bool) {
    deliver(Incoming::Lost { reason: reason.to_owned(), fatal });
}

fn parse(text: &str) -> Option<ServerEvent> {
    match ServerEvent::parse(text) {
        Ok(event) => Some(event),
        Err(error) => {
            metrics::counter!("ai_realtime_model_unreadable_events_total").increment(1);
            tracing::warn!(
                event_type = error.kind,
                bytes = text.len(),
                "the model sent an event we cannot read"
            );
            None
        }
    }
}

async fn write(
    mut sink: SplitSink<Stream, Message>,
    mut queue: mpsc::Receiver<Order>,
    lane: Option<Arc<Lane>>,
    reader: AbortHandle,
) {
    let mut pings = tokio::time::interval(PING_EVERY);
    pings.tick().await;
    let mut heard: Option<&Lane> = None;
    loop {
        // What we have to say goes first: a cancel must not wait behind the caller's audio.
        let message = tokio::select! {
            biased;
            order = queue.recv() => match order {
                Some(Order::Frame(frame)) => Message::text(frame),
                Some(Order::Listen) => {
                    heard = lane.as_deref();
                    continue;
                }
                None => break,
            },
            _ = pings.tick() => Message::Ping(tungstenite::Bytes::new()),
            frame = next_heard(heard) => Message::Text(frame),
        };
        match at_once_or_within(SILENCE_LIMIT, sink.send(message)).await {
            Ok(Ok(())) => {}
            // The reader sees the same end, and tells; or the next frame finds the queue full.
            Ok(Err(_)) | Err(_) => {
                while queue.recv().await.is_some() {}
                break;
            }
        }
    }
    // Closing is a courtesy: a peer that does not answer it is left.
    let _ = tokio::time::timeout(GOODBYE_LIMIT, sink.close()).await;
    reader.abort();
}

async fn next_heard(lane: Option<&Lane>) -> Utf8Bytes {
    match lane {
        Some(lane) => lane.next_caller().await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn only_web_sockets_are_endpoints() {
        for bad in ["", "localhost", "https://api.openai.com/v1/realtime", "ws://"] {
            assert!(Endpoint::new(bad, "m", None, LIMIT).is_err(), "{bad}");
        }
    }
}
