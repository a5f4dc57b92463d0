//! The rehearsal model: a WebSocket server that speaks the GA Realtime protocol strictly.
//!
//! With it the whole service runs without a key and without a network, and tests are deterministic. It is not an
//! AI: it picks a tool by the words of the utterance and of the tools it was given, fills the arguments, and says
//! the tool's output in a sentence. What it speaks, and what it understands of a caller's audio, is tone
//! [`speech`]. It refuses what the real server refuses, with the real codes, and shares no type with the client's
//! side of the protocol, so that one cannot hide the mistakes of the other.

mod admission;
mod argument;
mod chunk;
mod connection;
mod conversation;
mod desk;
mod digest;
mod errand;
mod event;
mod farewell;
mod fault;
mod hearing;
mod hostile;
mod identity;
mod idle;
mod ids;
mod input;
mod item;
mod items;
mod manner;
mod model;
mod part;
mod period;
mod pertinent;
mod phrase;
mod refusal;
mod request;
mod response;
mod row;
#[cfg(test)]
mod samples;
mod script;
mod search;
mod sentence;
mod server;
mod session;
mod shape;
pub mod speech;
mod switches;
mod table;
mod tally;
#[cfg(test)]
mod tests;
mod toolbox;
mod turn;
mod usage;
mod vad;
mod voice;
mod words;

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

pub use fault::{Fault, FaultKind, FaultPlan};
use secrecy::SecretString;
use server::Server;
use tokio::io::DuplexStream;

/// How the rehearsal model behaves. The default has no delay and no fault.
#[derive(Debug, Clone)]
pub struct RehearsalOptions {
    /// What the faults follow from: the same seed fails the same responses of the same connection.
    pub seed: u64,
    /// Cuts each connection without a close frame after so many server events; `None` and 0 never do.
    pub drop_after: Option<u32>,
    /// Milliseconds before the first delta of a response.
    pub delay_ms: u64,
    /// Milliseconds between the deltas of a response.
    pub delta_delay_ms: u64,
    /// Share of responses, 0 to 1, that end `failed` with `server_error`.
    pub error_rate: f64,
    /// What goes wrong on which connections, beside what the fields above say of all.
    pub faults: FaultPlan,
    /// Adds what the real server sends beyond its documentation: unknown events, fields and content types.
    pub hostile: bool,
    /// The one key that is let in; without it any key, or none, will do.
    pub api_key: Option<SecretString>,
    /// Refuses upgrades with this status, whoever asks: 401, 429, 503.
    pub refuse: Option<u16>,
    /// How many of the first upgrades [`RehearsalOptions::refuse`] is for.
    pub refuse_first: u64,
    /// Models whose names begin with this take no new instructions once they have answered.
    pub fixed_instructions: Option<String>,
    /// Age in seconds at which a session ends with `session_expired`; the real one allows 3,600.
    pub max_session_s: u64,
    /// Connections open at once; one more is refused with 503.
    pub max_connections: u64,
}

impl Default for RehearsalOptions {
    fn default() -> Self {
        Self {
            seed: 0,
            drop_after: None,
            delay_ms: 0,
            delta_delay_ms: 0,
            error_rate: 0.0,
            faults: FaultPlan::default(),
            hostile: false,
            api_key: None,
            refuse: None,
            refuse_first: u64::MAX,
            fixed_instructions: None,
            max_session_s: 3_600,
            max_connections: 4_096,
        }
    }
}

/// `ai-realtime rehearsal`: the rehearsal model alone, for the tests of any Realtime client.
#[derive(Debug, Clone, clap::Args)]
pub struct RehearsalArgs {
    /// Port to listen on; 0 takes any that is free
    #[arg(long, default_value_t = 9099, value_name = "N")]
    pub port: u16,
    /// Address to listen on
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST), value_name = "IP")]
    pub host: IpAddr,
    /// Cut each connection, without a close frame, after N server events
    #[arg(long, value_name = "N")]
    pub drop_after: Option<u32>,
    /// Wait so long before the first delta of a response
    #[arg(long, default_value_t = 0, value_name = "MS")]
    pub delay: u64,
    /// Wait so long between two deltas of a response
    #[arg(long, default_value_t = 0, value_name = "MS")]
    pub delta_delay: u64,
    /// Let this share of responses fail with `server_error`, 0 to 1
    #[arg(long, default_value_t = 0.0, value_name = "F", value_parser = share)]
    pub error_rate: f64,
    /// Choose which responses fail: the same seed fails the same ones
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub seed: u64,
    /// Let this go wrong on each connection: `drop`, `half-open`, `no-response`, `no-delta`, `stall`, `sick`,
    /// `no-update` or `slow`; may be given more than once.
    ///
    /// After the `@` stands when: after so many server events (`drop`, `half-open`), from which response or
    /// `session.update` on, counted from 0 (`no-response`, `no-delta`, `stall`, `sick`, `no-update`), or for how many
    /// milliseconds (`slow`).
    #[arg(long, value_name = "KIND[@N]")]
    pub fault: Vec<Fault>,
    /// Refuse upgrades with this HTTP status, such as 401, 429 or 503
    #[arg(long, value_name = "STATUS", value_parser = clap::value_parser!(u16).range(400..=599))]
    pub refuse: Option<u16>,
    /// Refuse so many upgrades, and take those that come later
    #[arg(long, value_name = "N", requires = "refuse")]
    pub refuse_first: Option<u64>,
    /// Take no new instructions from a model of this name, or one that begins so, once it has answered
    #[arg(long, value_name = "MODEL")]
    pub fixed_instructions: Option<String>,
    /// Send unknown events, fields and content types, as the real server sometimes does
    #[arg(long)]
    pub hostile: bool,
    /// End each session at this age, as the real server does after 3,600 seconds
    #[arg(long, default_value_t = 3_600, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub max_session: u64,
    /// Let in clients with this key only, and refuse others with 401
    #[arg(long, value_name = "KEY")]
    pub api_key: Option<SecretString>,
}

fn share(text: &str) -> Result<f64, String> {
    let share: f64 = text.parse().map_err(|_| "must be a number from 0 to 1".to_owned())?;
    if (0.0..=1.0).contains(&share) { Ok(share) } else { Err("must be a number from 0 to 1".to_owned()) }
}

impl RehearsalArgs {
    /// Where to listen.
    pub fn addr(&self) -> SocketAddr {
        SocketAddr::new(self.host, self.port)
    }
}

impl From<RehearsalArgs> for RehearsalOptions {
    fn from(args: RehearsalArgs) -> Self {
        Self {
            seed: args.seed,
            drop_after: args.drop_after,
            delay_ms: args.delay,
            delta_delay_ms: args.delta_delay,
            error_rate: args.error_rate,
            faults: FaultPlan::each(args.fault),
            hostile: args.hostile,
            api_key: args.api_key,
            refuse: args.refuse,
            refuse_first: args.refuse_first.unwrap_or(u64::MAX),
            fixed_instructions: args.fixed_instructions,
            max_session_s: args.max_session,
            ..Self::default()
        }
    }
}

/// A running rehearsal model. Dropping it ends it.
#[derive(Debug)]
pub struct Rehearsal {
    server: Arc<Server>,
    addr: SocketAddr,
}

impl Rehearsal {
    /// Listens on `addr`; port 0 takes any that is free.
    ///
    /// # Errors
    /// The address cannot be listened on.
    pub async fn start(addr: SocketAddr, options: RehearsalOptions) -> io::Result<Self> {
        let (server, addr) = Server::start(addr, options).await?;
        Ok(Self { server, addr })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The endpoint to give to a client, without the `model` parameter.
    pub fn url(&self) -> String {
        format!("ws://{}/v1/realtime", self.addr)
    }

    /// Sessions begun so far.
    pub fn connections(&self) -> u64 {
        self.server.accepted()
    }

    /// Sockets open now.
    pub fn open_connections(&self) -> u64 {
        self.server.open()
    }

    /// Cuts every open connection without a close frame, as a network fault would.
    pub fn drop_all(&self) {
        self.server.cut_all();
    }

    /// Cuts one connection so: the `session`th begun, counted from 0. Whether it was open.
    pub fn drop_one(&self, session: u64) -> bool {
        self.server.switchboard().cut(session)
    }

    /// Lets every open connection go dead: its socket stays open, and nothing is read, sent or answered any more.
    pub fn half_open_all(&self) {
        self.server.switchboard().freeze_all();
    }

    /// Lets one connection go dead so. Whether it was open.
    pub fn half_open_one(&self, session: u64) -> bool {
        self.server.switchboard().freeze(session)
    }

    /// The sessions whose sockets are open, by their numbers, oldest first.
    pub fn open_sessions(&self) -> Vec<u64> {
        self.server.switchboard().sessions()
    }

    /// Refuses every upgrade with this status from now on; with `None` takes them again.
    pub fn refuse(&self, status: Option<u16>) {
        self.server.refuse(status);
    }

    /// How many client events were refused so far, by the code of the `error` that said so.
    pub fn refusals(&self) -> BTreeMap<&'static str, u64> {
        self.server.refusals()
    }

    /// How many faults of [`RehearsalOptions::faults`] have struck so far, by their kind.
    pub fn faults_struck(&self) -> BTreeMap<FaultKind, u64> {
        self.server.strikes()
    }

    /// A connection without a network, on which the clock of the runtime alone counts: the client's end, on which its
    /// upgrade request is to be sent. It is like one that was accepted, and can be cut like one.
    pub fn connect(&self) -> DuplexStream {
        self.server.in_memory()
    }

    /// Closes every connection with 1001 and ends; waits five seconds at most.
    pub async fn stop(self) {
        self.server.stop().await;
    }

    /// Serves until it is stopped, that is, until this future is dropped.
    pub async fn wait(self) {
        self.server.wait().await;
    }
}

impl Drop for Rehearsal {
    fn drop(&mut self) {
        self.server.end();
    }
}
