//! The socket shell: accepts, upgrades, and carries frames and timers to each connection's state and back.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use secrecy::ExposeSecret;
use subtle::ConstantTimeEq;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::server::{Callback, ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::{HeaderMap, HeaderValue, StatusCode};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::RehearsalOptions;
use super::admission::{Admission, Knock, admit};
use super::connection::{Connection, dismiss};
use super::conversation::{Conversation, Setup};

/// Largest frame and message: 15 MiB of audio are 20 MiB of base64.
const MESSAGE_MAX: usize = 24 << 20;
const READ_BUFFER: usize = 8 << 10;
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
    /// Cancelled for a cut: connections vanish. Replaced by a fresh one each time.
    cut: Mutex<CancellationToken>,
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
            cut: Mutex::new(CancellationToken::new()),
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
        let mut cut = self.cut.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *cut).cancel();
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
                    self.tasks.spawn(Arc::clone(&self).serve(stream));
                }
                Err(error) => {
                    tracing::warn!(%error, "the rehearsal model could not accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    async fn serve(self: Arc<Self>, stream: TcpStream) {
        let _open = Open::count(&self);
        let cut = self.cut.lock().unwrap_or_else(PoisonError::into_inner).clone();
        // on loopback, Nagle would hold back a delta for the acknowledgement of the one before
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "no TCP_NODELAY");
        }
        let upgraded = tokio::time::timeout(HANDSHAKE_LIMIT, self.upgrade(stream));
        let talk = async {
            let Ok(Some((socket, admission))) = upgraded.await else {
                return;
            };
            match admission {
                Admission::Enter { model } => self.talk(socket, model).await,
                Admission::Dismiss { code, close_reason, message } => {
                    dismiss(socket, code, close_reason, message).await;
                }
                Admission::Refuse { .. } => {}
            }
        };
        tokio::select! {
            () = cut.cancelled() => tracing::debug!("a rehearsal connection was cut"),
            () = talk => {}
        }
    }

    async fn talk(&self, socket: WebSocketStream<TcpStream>, model: String) {
        let number = self.accepted.fetch_add(1, Ordering::Relaxed);
        let options = &self.options;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let (conversation, actions) = Conversation::open(Setup {
            model,
            expires_at: now + options.max_session_s,
            id_seed: self.entropy.wrapping_add(number),
            fault_seed: options.seed.wrapping_add(number),
            delay_ms: options.delay_ms,
            delta_delay_ms: options.delta_delay_ms,
            error_rate: options.error_rate,
            hostile: options.hostile,
        });
        let lifetime = Duration::from_secs(options.max_session_s);
        let drop_after = options.drop_after.filter(|events| *events > 0);
        let connection = Connection::new(socket, conversation, drop_after, lifetime, self.stop.clone());
        let why = connection.run(actions).await;
        tracing::debug!(number, why, "a rehearsal connection ended");
    }

    async fn upgrade(&self, stream: TcpStream) -> Option<(WebSocketStream<TcpStream>, Admission)> {
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
