//! The socket shell: accepts, upgrades, and carries frames and timers to each connection's state and back.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use secrecy::ExposeSecret;
use subtle::ConstantTimeEq;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream};
use tokio::net::TcpListener;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::server::{Callback, ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::{HeaderMap, HeaderValue, StatusCode};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::RehearsalOptions;
use super::admission::{Admission, Knock, admit, refused_with};
use super::connection::{Connection, Terms, dismiss};
use super::conversation::{Conversation, Setup};
use super::fault::{Ailments, FaultKind};
use super::switches::{Switchboard, Switches};
use super::tally::Tally;

/// Largest frame and message: 15 MiB of audio are 20 MiB of base64.
const MESSAGE_MAX: usize = 24 << 20;
const READ_BUFFER: usize = 8 << 10;
/// What a connection without a network holds each way before its writer waits: as much as a socket's buffers.
const PIPE: usize = 256 << 10;
/// A client that has not asked for anything by then is let go.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);
/// How long [`Server::stop`] waits for connections to close.
const STOP_LIMIT: Duration = Duration::from_secs(5);
/// Pause after `accept` has failed, which it does when file descriptors run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What the listener and all connections share.
#[derive(Debug)]
pub(super) struct Server {
    options: RehearsalOptions,
    accepted: AtomicU64,
    open: AtomicU64,
    /// Cancelled for a stop: connections say goodbye.
    stop: CancellationToken,
    switchboard: Arc<Switchboard>,
    tally: Tally,
    /// The status that upgrades are refused with; 0 for none.
    refused_with: AtomicU16,
    /// Upgrades asked for so far.
    knocks: AtomicU64,
    tasks: TaskTracker,
    /// Ids never repeat, not even after a restart: a client may bring back items of an earlier run.
    entropy: u64,
}

impl Server {
    /// Listens on `addr`.
    pub(super) async fn start(
        addr: SocketAddr,
        options: RehearsalOptions,
    ) -> io::Result<(Arc<Self>, SocketAddr)> {
        let listener = TcpListener::bind(addr).await?;
        let addr = listener.local_addr()?;
        let server = Arc::new(Self {
            options,
            accepted: AtomicU64::new(0),
            open: AtomicU64::new(0),
            stop: CancellationToken::new(),
            switchboard: Arc::default(),
            tally: Tally::default(),
            refused_with: AtomicU16::new(0),
            knocks: AtomicU64::new(0),
            tasks: TaskTracker::new(),
            entropy: fastrand::u64(..),
        });
        server.tasks.spawn(Arc::clone(&server).listen(listener));
        tracing::debug!(%addr, "the rehearsal model listens");
        Ok((server, addr))
    }

    pub(super) fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }

    pub(super) fn open(&self) -> u64 {
        self.open.load(Ordering::Relaxed)
    }

    /// Cuts every open connection without a word.
    pub(super) fn cut_all(&self) {
        self.switchboard.cut_all();
    }

    /// The switches of the sessions.
    pub(super) fn switchboard(&self) -> &Switchboard {
        &self.switchboard
    }

    /// Refuses upgrades with a status, or takes them again.
    pub(super) fn refuse(&self, status: Option<u16>) {
        self.refused_with.store(status.unwrap_or(0), Ordering::Relaxed);
    }

    /// Client events refused so far, by code.
    pub(super) fn refusals(&self) -> BTreeMap<&'static str, u64> {
        self.tally.refusals()
    }

    /// Faults that have struck so far.
    pub(super) fn strikes(&self) -> BTreeMap<FaultKind, u64> {
        self.tally.strikes()
    }

    /// A connection without a network: what is given back is its client's end.
    pub(super) fn in_memory(self: &Arc<Self>) -> DuplexStream {
        let (client, server) = tokio::io::duplex(PIPE);
        self.tasks.spawn(Arc::clone(self).serve(server));
        client
    }

    /// Asks everything to end; does not wait.
    pub(super) fn end(&self) {
        self.stop.cancel();
        self.tasks.close();
    }

    /// Ends everything; connections still open after five seconds are left behind.
    pub(super) async fn stop(&self) {
        self.end();
        if tokio::time::timeout(STOP_LIMIT, self.tasks.wait()).await.is_err() {
            self.cut_all();
        }
    }

    /// Waits until the server was stopped.
    pub(super) async fn wait(&self) {
        self.stop.cancelled().await;
        self.tasks.wait().await;
    }

    async fn listen(self: Arc<Self>, listener: TcpListener) {
        loop {
            let accepted = tokio::select! {
                () = self.stop.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, _)) => {
                    // on loopback, Nagle would hold back a delta for the acknowledgement of the one before
                    if let Err(error) = stream.set_nodelay(true) {
                        tracing::debug!(%error, "no TCP_NODELAY");
                    }
                    self.tasks.spawn(Arc::clone(&self).serve(stream));
                }
                Err(error) => {
                    tracing::warn!(%error, "the rehearsal model could not accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    async fn serve<S: AsyncRead + AsyncWrite + Unpin>(self: Arc<Self>, stream: S) {
        let _open = Open::count(&self);
        let switches = self.switchboard.wire();
        let upgraded = tokio::time::timeout(HANDSHAKE_LIMIT, self.upgrade(stream));
        let talk = async {
            let Ok(Some((socket, admission))) = upgraded.await else {
                return;
            };
            match admission {
                Admission::Enter { model } => self.talk(socket, model, &switches).await,
                Admission::Dismiss { code, close_reason, message } => {
                    dismiss(socket, code, close_reason, message).await;
                }
                Admission::Refuse { .. } => {}
            }
        };
        let mut talk = pin!(talk);
        let talk = async {
            tokio::select! {
                biased;
                // The socket is kept, and what happens on it is left to itself.
                () = switches.frozen.cancelled() => self.stop.cancelled().await,
                () = &mut talk => {}
            }
        };
        tokio::select! {
            () = switches.cut.cancelled() => tracing::debug!("a rehearsal connection was cut"),
            () = talk => {}
        }
    }

    async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        socket: WebSocketStream<S>,
        model: String,
        switches: &Switches,
    ) {
        let number = self.accepted.fetch_add(1, Ordering::Relaxed);
        let _entered = self.switchboard.enter(number, switches.clone());
        let options = &self.options;
        let ailments = Ailments::new(options.faults.of(number));
        let (first_delta_ms, delta_ms) = ailments.delays_ms();
        if (first_delta_ms, delta_ms) != (0, 0) {
            self.tally.struck(FaultKind::Slow);
        }
        let terms = Terms {
            lifetime: Duration::from_secs(options.max_session_s),
            drop_after: options.drop_after.filter(|events| *events > 0).or(ailments.drops_after()),
            freeze_after: ailments.freezes_after(),
            frozen: switches.frozen.clone(),
            stop: self.stop.clone(),
        };
        let is_fixed = |name: &String| model.starts_with(name.as_str());
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let (conversation, actions) = Conversation::open(Setup {
            fixed_instructions: options.fixed_instructions.as_ref().is_some_and(is_fixed),
            model,
            expires_at: now + options.max_session_s,
            id_seed: self.entropy.wrapping_add(number),
            fault_seed: options.seed.wrapping_add(number),
            delay_ms: options.delay_ms + first_delta_ms,
            delta_delay_ms: options.delta_delay_ms + delta_ms,
            error_rate: options.error_rate,
            hostile: options.hostile,
            ailments,
        });
        let connection = Connection::new(socket, conversation, terms, &self.tally);
        let why = connection.run(actions).await;
        tracing::debug!(number, why, "a rehearsal connection ended");
    }

    async fn upgrade<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
    ) -> Option<(WebSocketStream<S>, Admission)> {
        let mut admission = None;
        let doorman = Doorman { server: self, admission: &mut admission };
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(0)
            .max_message_size(Some(MESSAGE_MAX))
            .max_frame_size(Some(MESSAGE_MAX));
        match tokio_tungstenite::accept_hdr_async_with_config(stream, doorman, Some(config)).await {
            Ok(socket) => admission.map(|admission| (socket, admission)),
            Err(error) => {
                tracing::debug!(%error, "a rehearsal connection was not upgraded");
                None
            }
        }
    }

    /// The status an upgrade is refused with now, whoever asks.
    fn is_refusing(&self) -> Option<u16> {
        let knock = self.knocks.fetch_add(1, Ordering::Relaxed);
        let asked = self.options.refuse.filter(|_| knock < self.options.refuse_first);
        let now = Some(self.refused_with.load(Ordering::Relaxed)).filter(|status| *status != 0);
        now.or(asked)
    }

    fn admit(&self, request: &Request) -> Admission {
        let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
        let knock = Knock {
            path: request.uri().path(),
            query: request.uri().query().unwrap_or_default(),
            authorization: header("authorization"),
            api_key: header("api-key"),
            beta: header("openai-beta"),
            protocols: protocols(request.headers()),
        };
        if let Some(status) = self.is_refusing() {
            return refused_with(status);
        }
        if self.open() > self.options.max_connections {
            let message = format!("More than {} connections are open.", self.options.max_connections);
            return Admission::Refuse { status: 503, code: "server_overloaded", message };
        }
        match &self.options.api_key {
            Some(good) => {
                let is_key = |key: &str| key.as_bytes().ct_eq(good.expose_secret().as_bytes()).into();
                admit(&knock, Some(&is_key))
            }
            None => admit(&knock, None),
        }
    }
}

fn protocols(headers: &HeaderMap) -> &str {
    headers.get("sec-websocket-protocol").and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// Counts a connection for as long as it lives.
struct Open(Arc<Server>);

impl Open {
    fn count(server: &Arc<Server>) -> Self {
        server.open.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(server))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Answers the upgrade request.
struct Doorman<'a> {
    server: &'a Server,
    admission: &'a mut Option<Admission>,
}

impl Callback for Doorman<'_> {
    fn on_request(self, request: &Request, mut response: Response) -> Result<Response, ErrorResponse> {
        let admission = self.server.admit(request);
        if let Admission::Refuse { status, code, message } = &admission {
            return Err(refusal(*status, code, message));
        }
        // a browser offers "realtime" among its subprotocols and hangs up unless one is chosen
        if protocols(request.headers()).split(',').any(|protocol| protocol.trim() == "realtime") {
            response.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static("realtime"));
        }
        *self.admission = Some(admission);
        Ok(response)
    }
}

fn refusal(status: u16, code: &str, message: &str) -> ErrorResponse {
    let error =
        serde_json::json!({"type": "invalid_request_error", "code": code, "message": message, "param": null});
    let mut response = ErrorResponse::new(Some(serde_json::json!({ "error": error }).to_string()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
    response.headers_mut().insert("content-type", HeaderValue::from_static("application/json"));
    response
}
