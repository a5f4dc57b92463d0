//! Twilio's REST API as far as a service uses it: calls are updated, hung up, placed and looked up, messages sent.
//!
//! The service is pointed at it with `TWILIO_API_BASE`. What it asks for happens to the simulated calls the exchange
//! knows. Faults can be scripted, and every request is kept for the test to look at.

mod api;
mod outbound;

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use secrecy::SecretString;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::line::{Handle, Line};
use super::webhook::{CallError, Params, Webhooks};

/// Calls known at once; more are not placed, and the oldest that has ended makes room.
const MAX_CALLS: usize = 10_000;
/// Requests kept; later ones are answered and not kept.
const MAX_REQUESTS: usize = 10_000;

/// A telephone exchange with a REST API. Clones are the same exchange; dropping the last ends it.
#[derive(Clone)]
pub struct Exchange {
    shared: Arc<Shared>,
    _stop: Arc<DropGuard>,
}

struct Shared {
    addr: SocketAddr,
    account_sid: String,
    token: SecretString,
    /// Makes the requests of outbound calls.
    webhooks: Webhooks,
    pace: f64,
    state: Mutex<State>,
    changed: watch::Sender<()>,
}

#[derive(Default)]
struct State {
    calls: Vec<Handle>,
    requests: Vec<ApiRequest>,
    faults: VecDeque<Fault>,
    callee: Callee,
    answered: VecDeque<Line>,
}

/// A request the service made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiRequest {
    /// `GET` or `POST`.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// The form.
    pub form: Params,
    /// What it was answered with; `None` when it got no answer.
    pub status: Option<u16>,
}

impl ApiRequest {
    /// The first value of a field of the form.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.form.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }
}

/// What goes wrong with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It has no effect and is answered with this status: 429, 500, …
    Status(u16),
    /// It has no effect and gets no answer.
    Silence,
    /// It has its effect and gets no answer.
    LostAnswer,
}

/// Who is called when the service places a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Callee {
    /// Someone or something answers.
    Answers {
        /// What the detection of answering machines says, if it is asked for: `human`, `machine_end_beep`, …
        answered_by: String,
    },
    /// The number is engaged.
    Busy,
    /// Nobody answers.
    NoAnswer,
}

impl Default for Callee {
    fn default() -> Self {
        Self::Answers { answered_by: "human".to_owned() }
    }
}

/// How an exchange is set up.
#[derive(Debug, Clone)]
pub struct ExchangeOptions {
    /// Port of the REST API on 127.0.0.1; 0 takes any that is free.
    pub port: u16,
    /// The account: HTTP user of the API, and owner of every call.
    pub account_sid: String,
    /// The account's token: HTTP password of the API, and key of every signature of an outbound call.
    pub token: SecretString,
    /// The service's `PUBLIC_URL` and the address it is reached at, when the two differ.
    pub public_url: Option<(String, String)>,
    /// How much faster than real time outbound calls run.
    pub pace: f64,
}

impl ExchangeOptions {
    /// Any port, real time, no detour.
    pub fn new(account_sid: &str, token: SecretString) -> Self {
        Self { port: 0, account_sid: account_sid.to_owned(), token, public_url: None, pace: 1.0 }
    }
}

/// Why there is no exchange.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    /// The port is taken.
    #[error("cannot listen on port {port} for the REST API: choose another")]
    Listen {
        /// Which.
        port: u16,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Calls cannot be placed.
    #[error(transparent)]
    Call(#[from] CallError),
}

impl Exchange {
    /// Opens an exchange.
    ///
    /// # Errors
    /// [`ExchangeError`].
    pub async fn start(options: ExchangeOptions) -> Result<Self, ExchangeError> {
        let ExchangeOptions { port, account_sid, token, public_url, pace } = options;
        let mut webhooks = Webhooks::new(Some(token.clone()))?;
        if let Some((public, actual)) = public_url {
            webhooks = webhooks.with_detour(&public, &actual)?;
        }
        let failed = |source| ExchangeError::Listen { port, source };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(failed)?;
        let addr = listener.local_addr().map_err(failed)?;
        let shared = Arc::new(Shared {
            addr,
            account_sid,
            token,
            webhooks,
            pace,
            state: Mutex::default(),
            changed: watch::Sender::new(()),
        });
        let stop = CancellationToken::new();
        let server = axum::serve(listener, api::router(Arc::clone(&shared)));
        let stopped = stop.clone();
        tokio::spawn(async move {
            tokio::select! {
                // It ends only in an error of the listener; then requests fail, which tells enough.
                _ = server => {}
                () = stopped.cancelled() => {}
            }
        });
        Ok(Self { shared, _stop: Arc::new(stop.drop_guard()) })
    }

    /// What `TWILIO_API_BASE` is to be.
    pub fn url(&self) -> String {
        format!("http://{}", self.shared.addr)
    }

    /// The account.
    pub fn account_sid(&self) -> &str {
        &self.shared.account_sid
    }

    /// Lets the next requests go wrong, one fault each, in this order.
    pub fn fail_next(&self, faults: impl IntoIterator<Item = Fault>) {
        self.shared.state().faults.extend(faults);
    }

    /// Who is called from now on.
    pub fn set_callee(&self, callee: Callee) {
        self.shared.state().callee = callee;
    }

    /// The requests so far.
    pub fn requests(&self) -> Vec<ApiRequest> {
        self.shared.state().requests.clone()
    }

    /// Waits for the first request, of the past or to come, that `wanted` finds; `None` when the deadline has passed.
    pub async fn until_request(
        &self,
        deadline: Duration,
        wanted: impl Fn(&ApiRequest) -> bool,
    ) -> Option<ApiRequest> {
        self.until(deadline, |state| state.requests.iter().find(|request| wanted(request)).cloned()).await
    }

    /// Waits for the next call the service has placed and somebody has answered; `None` when the deadline has passed.
    /// Each call is given once; dropping the line hangs up.
    pub async fn until_answered(&self, deadline: Duration) -> Option<Line> {
        self.until(deadline, |state| state.answered.pop_front()).await
    }

    async fn until<T>(&self, deadline: Duration, mut look: impl FnMut(&mut State) -> Option<T>) -> Option<T> {
        let mut changed = self.shared.changed.subscribe();
        let wait = async {
            loop {
                if let Some(found) = look(&mut self.shared.state()) {
                    return Some(found);
                }
                changed.changed().await.ok()?;
            }
        };
        tokio::time::timeout(deadline, wait).await.ok().flatten()
    }

    /// Takes in a call that can be changed from now on.
    pub(super) fn know(&self, handle: Handle) {
        self.shared.know(handle);
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange").field("url", &self.url()).finish_non_exhaustive()
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state());
        self.changed.send_replace(());
    }

    /// Whether there was room for the call.
    fn know(&self, handle: Handle) -> bool {
        let mut state = self.state();
        if state.calls.len() >= MAX_CALLS {
            let Some(ended) = state.calls.iter().position(|call| call.record.read().over) else {
                return false;
            };
            state.calls.remove(ended);
        }
        state.calls.push(handle);
        true
    }

    fn find(&self, call_sid: &str) -> Option<Handle> {
        self.state().calls.iter().rev().find(|call| call.identity.call_sid == call_sid).cloned()
    }

    fn keep(&self, request: ApiRequest) {
        self.change(|state| {
            if state.requests.len() < MAX_REQUESTS {
                state.requests.push(request);
            }
        });
    }
}
