//! The service put together: what stands on what, and in which order it begins and ends.

use std::future::Future;
use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::call::writer::JournalWriter;
use crate::call::{BrowserDesk, CallDependencies, CallLimits, PhoneDesk, RealtimeDesk, ReplySink};
use crate::config::{Config, StartUpLine, SupabaseSettings};
use crate::edge::listener::{self, ListenerLimits};
use crate::edge::{self, EdgeSettings, EdgeState, Origins, Phone};
use crate::knowledge::{EmbeddingError, Embeddings, Knowledge};
use crate::outbox::Outbox;
use crate::persona::{Catalog, CatalogErrors, Library};
use crate::rehearsal::{Rehearsal, RehearsalOptions};
use crate::session::endpoint::{EndpointError, Manner};
use crate::session::{Endpoint, Provider, SessionLimits};
use crate::store::{Directory, Embedded, Store, StoreError, Supabase};
use crate::switchboard::Switchboard;
use crate::telemetry::Figures;
use crate::transport::browser::BrowserLimits;
use crate::transport::realtime::RealtimeLimits;
use crate::transport::twilio::rest::ApiSetupError;
use crate::usage::prices::{Prices, PricesError, REHEARSAL_MODEL};

/// Words of replies that wait for stdout; when it does not keep up, the newest are dropped and counted.
const WAITING_WORDS: usize = 4_096;
/// A request's head must be there within this.
const HEAD_LIMIT: Duration = Duration::from_secs(10);
/// Connections the listener holds at once: some for every call, and some for those who look after the service.
const CONNECTIONS_PER_CALL: usize = 4;
const SPARE_CONNECTIONS: usize = 256;
/// At the end, answers and the journal have this long.
const GOODBYE_LIMIT: Duration = Duration::from_secs(5);

/// Why the service cannot begin; each says what to mend.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The store cannot be used.
    #[error("the store cannot be used: {0}")]
    Store(#[from] StoreError),
    /// The folder of the personas is not there.
    #[error("PERSONAS_DIR is `{}`, and there is no such folder: name the one that holds the persona files", .0.display())]
    PersonasDir(PathBuf),
    /// The persona files have mistakes, or a tool reads what is not there.
    #[error("{0}")]
    Personas(#[from] CatalogErrors),
    /// The persona of new calls is not there.
    #[error("DEFAULT_PERSONA is `{key}`, but there is no such persona: use one of {}", known.join(", "))]
    DefaultPersona {
        /// What the setting says.
        key: String,
        /// What there is.
        known: Vec<String>,
    },
    /// The personas folder cannot be watched.
    #[error("the folder {folder} cannot be watched for changes")]
    Watch {
        /// Which.
        folder: PathBuf,
        #[source]
        /// What stood in the way.
        source: std::io::Error,
    },
    /// The model's address cannot be used.
    #[error("OPENAI_REALTIME_ENDPOINT cannot be used")]
    Endpoint(#[source] EndpointError),
    /// The address of what takes over cannot be used.
    #[error("OPENAI_REALTIME_FALLBACK_ENDPOINT cannot be used")]
    Fallback(#[source] EndpointError),
    /// The rehearsal model cannot begin.
    #[error("the rehearsal model cannot begin")]
    Rehearsal(#[source] std::io::Error),
    /// The port is taken, or the address is not ours.
    #[error("cannot listen on {address}: choose another PORT or HOST")]
    Listen {
        /// Where.
        address: SocketAddr,
        #[source]
        /// What stood in the way.
        source: std::io::Error,
    },
    /// Twilio's REST API cannot be set up.
    #[error("Twilio's REST API cannot be used")]
    Twilio(#[from] ApiSetupError),
    /// The file of prices cannot be read.
    #[error("PRICES_FILE is `{}`, which cannot be read: name a file like prices.toml", file.display())]
    PricesFile {
        /// What the setting says.
        file: PathBuf,
        #[source]
        /// What stood in the way.
        source: std::io::Error,
    },
    /// The file of prices has a mistake.
    #[error("the prices{} have a mistake: {mistake}", file.as_ref().map(|file| format!(" of PRICES_FILE `{}`", file.display())).unwrap_or_default())]
    Prices {
        /// What the setting says.
        file: Option<PathBuf>,
        /// What is wrong, and where.
        mistake: PricesError,
    },
    /// The API that makes embeddings cannot be set up.
    #[error("EMBEDDING_BASE_URL cannot be used")]
    Embeddings(#[from] EmbeddingError),
    /// The switchboard cannot begin.
    #[error("the switchboard cannot begin")]
    Switchboard(#[from] ractor::SpawnErr),
}

/// The service, ready to serve.
#[derive(Debug)]
pub struct App {
    listener: TcpListener,
    router: axum::Router,
    switchboard: Switchboard,
    writer: JoinHandle<()>,
    outbox: Option<Outbox>,
    rehearsal: Option<Rehearsal>,
    config: Config,
    start_up_line: String,
}

impl App {
    /// Puts the service together. It listens, and answers once [`App::serve`] runs.
    ///
    /// # Errors
    /// [`AppError`], which says what to mend.
    pub async fn start(config: Config, figures: Figures) -> Result<Self, AppError> {
        let store = open_store(&config).await?;
        let prices = load_prices(&config)?;
        let catalog = load_personas(&config, &store).await?;
        let keys = catalog.keys();
        let folder = config.personas_dir.clone();
        let library = Library::watch(&folder, catalog, store.clone(), config.default_persona.clone())
            .await
            .map_err(|source| AppError::Watch { folder, source })?;
        let address = SocketAddr::new(config.host, config.port);
        let listener =
            TcpListener::bind(address).await.map_err(|source| AppError::Listen { address, source })?;
        let address = listener.local_addr().unwrap_or(address);
        let phone = Phone::new(&config.phone, address)?;
        let (provider, rehearsal) = find_model(&config).await?;
        let (journal, writer) = JournalWriter::start(store.clone());
        let directory = Directory::new(store.clone(), config.default_business.clone());
        let outbox = match &store {
            Store::Supabase(store) => Some(Outbox::start(store.clone())),
            Store::Embedded(_) => None,
        };
        tokio::spawn(tell_advice(directory.clone(), config.phone.takes_calls()));
        let knowledge = open_knowledge(&config, store.clone())?;
        let dependencies = CallDependencies {
            store: store.clone(),
            directory: directory.clone(),
            knowledge: knowledge.clone(),
            library: library.clone(),
            provider: provider.clone(),
            journal,
            limits: CallLimits {
                turn: config.turn_timeout(),
                idle: config.text_call_idle(),
                session: SessionLimits { ping_spoken: config.model_ping(), ..SessionLimits::default() },
            },
            default_persona: config.default_persona.clone(),
            node: node_name().into(),
            replies: config.log_replies.then(print_replies),
            phone: Arc::new(phone_desk(&config, &phone)),
            browser: browser_desk(&config),
            realtime: realtime_desk(&config),
        };
        let switchboard = Switchboard::start(dependencies, config.max_calls).await?;
        let start_up_line = StartUpLine {
            config: &config,
            address,
            store: store.kind(),
            store_location: &store.location(),
            personas: &keys,
        }
        .to_string();
        let settings = EdgeSettings::from(&config);
        let origins = Origins::new(&config, address);
        let state = EdgeState {
            switchboard: switchboard.clone(),
            library,
            store,
            directory,
            knowledge,
            figures,
            phone,
            origins,
            prices,
            provider,
            settings,
        };
        let router = edge::router(state);
        Ok(Self { listener, router, switchboard, writer, outbox, rehearsal, config, start_up_line })
    }

    /// What is in force, in one line for people.
    pub fn start_up_line(&self) -> &str {
        &self.start_up_line
    }

    /// The calls: for tests that let parts of them fail.
    #[doc(hidden)]
    pub fn switchboard(&self) -> &Switchboard {
        &self.switchboard
    }

    /// Where the service listens.
    ///
    /// # Errors
    /// When the listener's address cannot be read.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `stop` comes; then takes no more requests, lets turns end within `DRAIN_SECONDS`, and leaves
    /// every call in its journal.
    pub async fn serve(self, stop: impl Future<Output = ()>) {
        let (closed, close) = oneshot::channel::<()>();
        let limits = ListenerLimits {
            head: HEAD_LIMIT,
            connections: SPARE_CONNECTIONS + CONNECTIONS_PER_CALL * self.config.max_calls as usize,
            goodbye: GOODBYE_LIMIT,
        };
        let server = tokio::spawn(listener::serve(self.listener, self.router, limits, async {
            drop(close.await);
        }));
        stop.await;
        tracing::info!("shutting down: no more requests, turns under way may end");
        let answered = self.switchboard.drain(self.config.drain()).await;
        if !answered {
            tracing::warn!("some turns did not end in time; their callers were not answered");
        }
        drop((closed, self.switchboard));
        // The listener ends by itself, within its limit.
        let _ = server.await;
        if tokio::time::timeout(GOODBYE_LIMIT, self.writer).await.is_err() {
            tracing::error!("the journal could not be written to its end");
        }
        if let Some(outbox) = self.outbox {
            outbox.finish(GOODBYE_LIMIT).await;
        }
        if let Some(rehearsal) = self.rehearsal {
            rehearsal.stop().await;
        }
    }
}

/// Opens the store that the settings name.
///
/// # Errors
/// [`AppError::Store`].
pub async fn open_store(config: &Config) -> Result<Store, AppError> {
    let local = Embedded::open(&config.data_dir).await?;
    Ok(match &config.database.supabase {
        Some(SupabaseSettings { url, key }) => Store::Supabase(Supabase::new(url, key, local)?),
        None => Store::Embedded(local),
    })
}

/// Reads the prices that the settings name, or those that are built in.
///
/// # Errors
/// [`AppError::PricesFile`], [`AppError::Prices`].
pub fn load_prices(config: &Config) -> Result<Prices, AppError> {
    let file = config.prices_file.clone();
    let prices = match &file {
        None => Prices::built_in(),
        Some(path) => {
            let text = std::fs::read_to_string(path);
            Prices::parse(&text.map_err(|source| AppError::PricesFile { file: path.clone(), source })?)
        }
    };
    prices.map_err(|mistake| AppError::Prices { file, mistake })
}

/// Says what is to be set, once the store has told; who waits for the service does not wait for it.
async fn tell_advice(directory: Directory, takes_calls: bool) {
    // A store that is away is told of elsewhere.
    if let Ok(Some(advice)) = directory.advice(takes_calls).await {
        tracing::warn!("{advice}");
    }
}

/// The documents: with embeddings where there is a key and an API for them.
fn open_knowledge(config: &Config, store: Store) -> Result<Knowledge, AppError> {
    let embeddings = config.openai_api_key.as_ref().zip(config.knowledge.embedding_base_url.as_ref());
    let model = &config.knowledge.embedding_model;
    let embeddings = embeddings.map(|(key, url)| Embeddings::new(url, model, key.clone())).transpose()?;
    Ok(Knowledge::new(store, embeddings))
}

/// Reads the persona files and checks them against the store and the settings.
///
/// # Errors
/// [`AppError::PersonasDir`], [`AppError::Personas`], [`AppError::DefaultPersona`].
pub async fn load_personas(config: &Config, store: &Store) -> Result<Catalog, AppError> {
    if !config.personas_dir.is_dir() {
        return Err(AppError::PersonasDir(config.personas_dir.clone()));
    }
    let catalog = Catalog::load(&config.personas_dir)?;
    if catalog.persona(&config.default_persona).is_none() {
        let known = catalog.keys().iter().map(ToString::to_string).collect();
        return Err(AppError::DefaultPersona { key: config.default_persona.to_string(), known });
    }
    catalog.check_tables(store).await?;
    Ok(catalog)
}

async fn find_model(config: &Config) -> Result<(Provider, Option<Rehearsal>), AppError> {
    let per_second = config.model_reconnects_per_second;
    if let Some((primary, fallback)) = endpoints(config)? {
        return Ok((Provider::new(primary, fallback, per_second), None));
    }
    let (model, limit) = (&config.openai_realtime_model, config.model_connect());
    let anywhere = SocketAddr::from(([127, 0, 0, 1], 0));
    let rehearsal =
        Rehearsal::start(anywhere, RehearsalOptions::default()).await.map_err(AppError::Rehearsal)?;
    let endpoint = Endpoint::new(&rehearsal.url(), model, None, limit).map_err(AppError::Endpoint)?;
    Ok((Provider::new(endpoint.known_as(REHEARSAL_MODEL), None, per_second), Some(rehearsal)))
}

/// The model's endpoint that the settings name, and the one that takes over; none without a key.
///
/// # Errors
/// [`AppError::Endpoint`], [`AppError::Fallback`].
pub fn endpoints(config: &Config) -> Result<Option<(Endpoint, Option<Endpoint>)>, AppError> {
    let Some(key) = &config.openai_api_key else {
        return Ok(None);
    };
    let (url, limit) = (config.openai_realtime_endpoint.as_str(), config.model_connect());
    let primary = Endpoint::new(url, &config.openai_realtime_model, Some(key.clone()), limit);
    let fallback = config.fallback().map(|fallback| {
        let manner = Manner { voice: fallback.voice, transcription_model: fallback.transcription_model };
        let url = fallback.endpoint.as_str();
        let endpoint = Endpoint::new(url, &fallback.model, Some(fallback.api_key), limit);
        endpoint.map(|endpoint| endpoint.with_manner(manner))
    });
    let fallback = fallback.transpose().map_err(AppError::Fallback)?;
    Ok(Some((primary.map_err(AppError::Endpoint)?, fallback)))
}

fn phone_desk(config: &Config, phone: &Phone) -> PhoneDesk {
    PhoneDesk {
        transfer_number: config.phone.transfer_number.clone(),
        audio_queue: config.phone.audio_queue_frames,
        transcription_model: config.openai_transcription_model.clone(),
        api: phone.api.clone(),
        ..PhoneDesk::new(phone.script.clone())
    }
}

fn browser_desk(config: &Config) -> BrowserDesk {
    let frames = config.browser.audio_queue_frames;
    BrowserDesk { audio_queue: frames, limits: BrowserLimits { waiting: frames, ..BrowserLimits::default() } }
}

fn realtime_desk(config: &Config) -> RealtimeDesk {
    let frames = config.browser.audio_queue_frames;
    let limits = RealtimeLimits {
        frames,
        idle: config.realtime.idle(),
        longest: config.realtime.max_duration(),
        ..RealtimeLimits::default()
    };
    RealtimeDesk { audio_queue: frames, limits }
}

fn node_name() -> String {
    let name = std::env::var("HOSTNAME").ok().or_else(|| std::fs::read_to_string("/etc/hostname").ok());
    let name = name.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
    name.unwrap_or_else(|| "localhost".to_owned())
}

/// Words of replies go to stdout as they come, on a thread of their own: a slow terminal holds up no call.
fn print_replies() -> ReplySink {
    let (words, queue) = mpsc::sync_channel::<String>(WAITING_WORDS);
    std::thread::spawn(move || {
        let mut stdout = std::io::stdout();
        while let Ok(words) = queue.recv() {
            // A closed stdout reads no replies.
            let _ = stdout.write_all(words.as_bytes()).and_then(|()| stdout.flush());
        }
    });
    Arc::new(move |text: &str| {
        if words.try_send(text.to_owned()).is_err() {
            metrics::counter!("ai_realtime_reply_words_dropped_total").increment(1);
        }
    })
}
