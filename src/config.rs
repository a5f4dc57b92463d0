//! The settings: read once, from the environment (and `.env`, which `main` has loaded into it), checked as a
//! whole, and never read again. Every name is explained in `.env.example`.

mod browser;
mod database;
mod fallback;
mod knowledge;
mod mistake;
mod phone;
mod realtime;
mod source;
mod startup;

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use secrecy::SecretString;
use tracing_subscriber::EnvFilter;
use url::Url;
use validator::{Validate, ValidationErrors};

pub use browser::{AllowedOrigins, BrowserSettings};
pub use database::{DatabaseSettings, SupabaseSettings};
pub use fallback::{Fallback, FallbackSettings};
pub use knowledge::KnowledgeSettings;
pub use mistake::{ConfigError, ConfigMistake};
pub use phone::{PhoneSettings, WebhookTrust, is_e164, is_loopback_host};
pub use realtime::RealtimeSettings;
pub use startup::StartUpLine;

use crate::id::{BusinessId, PersonaKey};
use crate::secret::ApiKeys;
use source::Source;

const DEFAULT_MODEL: &str = "gpt-realtime-2.1";
const DEFAULT_TRANSCRIPTION_MODEL: &str = "gpt-transcribe";
const DEFAULT_ENDPOINT: &str = "wss://api.openai.com/v1/realtime";
const ENDPOINT_ALLOWED: &str = "use a ws:// or wss:// URL without user name, password or fragment, such as \
                                wss://api.openai.com/v1/realtime";
const MODEL_ALLOWED: &str = "use a model's name: 1 to 128 characters of A-Z, a-z, 0-9, '.', '_', ':' and '-'";
const LOG_LEVEL_ALLOWED: &str = "use trace, debug, info, warn, error or off, or filter directives such as \
                                 warn,ai_realtime::call=debug";
const ANONYMOUS_REFUSED: &str = "without AI_REALTIME_API_KEYS only a loopback address such as 127.0.0.1 is \
                                 allowed, because whoever reaches the port could speak to your model at your \
                                 cost; set AI_REALTIME_API_KEYS, or AI_REALTIME_ALLOW_ANONYMOUS=true to accept that";

/// The settings in force. A field is named as its variable, in lower case.
#[derive(Debug, Clone, Validate)]
pub struct Config {
    /// `OPENAI_API_KEY`. Without it the rehearsal model answers.
    pub openai_api_key: Option<SecretString>,
    /// `OPENAI_REALTIME_MODEL`: the model, or an Azure deployment. Default `gpt-realtime-2.1`.
    pub openai_realtime_model: String,
    /// `OPENAI_TRANSCRIPTION_MODEL`: what writes down the words of callers who speak. Default `gpt-transcribe`.
    pub openai_transcription_model: String,
    /// `OPENAI_REALTIME_ENDPOINT`: a `ws` or `wss` URL. Default OpenAI's own.
    pub openai_realtime_endpoint: Url,
    /// Beginning with `OPENAI_REALTIME_FALLBACK_`; [`Config::fallback`] makes an endpoint of it.
    pub fallback: FallbackSettings,
    /// `PORT`: 0 picks a free one. Default 7070.
    pub port: u16,
    /// `HOST`: the address to listen on; `localhost` means 127.0.0.1. Default 127.0.0.1.
    pub host: IpAddr,
    /// `DEFAULT_PERSONA`: who answers a new call. Default `waiter`.
    pub default_persona: PersonaKey,
    /// `DEFAULT_BUSINESS`: whose callers those are who named no business and called a number that none has. Default none.
    pub default_business: Option<BusinessId>,
    /// `PERSONAS_DIR`: the folder of persona files. Default `personas`.
    pub personas_dir: PathBuf,
    /// `AI_REALTIME_DATA_DIR`: where the embedded store keeps its file. Default `data`.
    pub data_dir: PathBuf,
    /// `PRICES_FILE`: what models cost, in place of the prices that are built in. Default none.
    pub prices_file: Option<PathBuf>,
    /// `AI_REALTIME_API_KEYS`: the keys clients must show, at least 16 characters each. Default none.
    pub api_keys: ApiKeys,
    /// `AI_REALTIME_ALLOW_ANONYMOUS`: listen beyond loopback without keys. Default false.
    pub allow_anonymous: bool,
    /// `LOG_LEVEL`, as filter directives. Default: our lines from `info` up, others' from `warn` up.
    pub log_filter: String,
    /// `LOG_REPLIES`: write replies to stdout as they come. Default false.
    pub log_replies: bool,
    /// `MAX_CALLS`: calls held at once; the next caller is told to come back. Default 1000.
    #[validate(range(min = 1, max = 10_000, message = "use a whole number from 1 to 10000"))]
    pub max_calls: u32,
    /// `DRAIN_SECONDS`: how long running turns may take to end at a shutdown. Default 30.
    #[validate(range(min = 0.0, max = 3_600.0, message = "use a number of seconds from 0 to 3600"))]
    drain_seconds: f64,
    /// `TEXT_CALL_IDLE_SECONDS`: after so long without a turn a text call closes its socket. Default 600.
    #[validate(range(min = 0.05, max = 86_400.0, message = "use a number of seconds from 0.05 to 86400"))]
    text_call_idle_seconds: f64,
    /// `TURN_TIMEOUT_SECONDS`: the longest a turn may take. Default 60.
    #[validate(range(min = 0.05, max = 600.0, message = "use a number of seconds from 0.05 to 600"))]
    turn_timeout_seconds: f64,
    /// `MODEL_CONNECT_SECONDS`: the longest one attempt to connect to the model may take. Default 10.
    #[validate(range(min = 0.05, max = 60.0, message = "use a number of seconds from 0.05 to 60"))]
    model_connect_seconds: f64,
    /// `MODEL_PING_SECONDS`: while somebody speaks with it the model is asked for a sign of life so often; a socket that
    /// gives none for two of these and a third is replaced. Default 3.
    #[validate(range(min = 0.2, max = 30.0, message = "use a number of seconds from 0.2 to 30"))]
    model_ping_seconds: f64,
    /// `MODEL_RECONNECTS_PER_SECOND`: lost sockets to the model replaced in a second at most, at each endpoint. Default
    /// 100.
    #[validate(range(min = 1, max = 10_000, message = "use a whole number from 1 to 10000"))]
    pub model_reconnects_per_second: u32,
    /// The settings of the database: all that begin with `SUPABASE_`.
    pub database: DatabaseSettings,
    /// The settings of the documents: all that begin with `EMBEDDING_`.
    pub knowledge: KnowledgeSettings,
    /// The settings of browsers: `ALLOWED_ORIGINS` and `WEBSOCKET_AUDIO_QUEUE_SIZE`.
    pub browser: BrowserSettings,
    /// The settings of clients by WebSocket: all that begin with `REALTIME_`, and how many may connect.
    pub realtime: RealtimeSettings,
    /// The settings of the phone: `PUBLIC_URL`, `TRANSFER_NUMBER`, and all that begin with `TWILIO_`.
    pub phone: PhoneSettings,
    /// What is in force although it may not be what was meant; one line each.
    warnings: Vec<String>,
}

impl Config {
    /// Reads and checks all settings. `main` passes `|name| std::env::var(name).ok()`, a test a closure.
    ///
    /// # Errors
    /// Every mistake found, one line each.
    pub fn load(var: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let mut source = Source::new(var);
        let mut config = Self::read(&mut source);
        if let Err(errors) = config.validate() {
            refuse_out_of_range(&errors, &mut source);
        }
        if config.is_open_to_anyone() && !config.allow_anonymous {
            source.refuse("HOST", ANONYMOUS_REFUSED);
        }
        config.check_fallback(&mut source);
        config.knowledge.choose(&config.openai_realtime_endpoint);
        config.phone.check(config.host.is_loopback(), &mut source);
        config.warnings = config.find_warnings(&source);
        let mistakes = source.into_mistakes();
        if mistakes.is_empty() { Ok(config) } else { Err(ConfigError(mistakes)) }
    }

    fn read(source: &mut Source<impl Fn(&str) -> Option<String>>) -> Self {
        Self {
            openai_api_key: source.secret(
                "OPENAI_API_KEY",
                "use the key as the provider shows it, without spaces or line breaks",
                is_secret_text,
            ),
            openai_realtime_model: source.read(
                "OPENAI_REALTIME_MODEL",
                DEFAULT_MODEL.to_owned(),
                MODEL_ALLOWED,
                |text| is_plain(text, b"._:-").then(|| text.to_owned()),
            ),
            openai_transcription_model: source.read(
                "OPENAI_TRANSCRIPTION_MODEL",
                DEFAULT_TRANSCRIPTION_MODEL.to_owned(),
                MODEL_ALLOWED,
                |text| is_plain(text, b"._:-").then(|| text.to_owned()),
            ),
            openai_realtime_endpoint: read_url(source, "OPENAI_REALTIME_ENDPOINT")
                .unwrap_or_else(default_endpoint),
            fallback: FallbackSettings::read(source),
            port: source.read(
                "PORT",
                7070,
                "use a whole number from 0 to 65535; 0 picks a free port",
                parse_to,
            ),
            host: source.read(
                "HOST",
                IpAddr::V4(Ipv4Addr::LOCALHOST),
                "use an IP address such as 127.0.0.1, 0.0.0.0 or ::1, or localhost",
                parse_host,
            ),
            default_persona: source.read(
                "DEFAULT_PERSONA",
                PersonaKey::from("waiter"),
                "use a persona's key: the name of its file without .md",
                |text| is_plain(text, b"_-").then(|| PersonaKey::from(text)),
            ),
            default_business: source.read(
                "DEFAULT_BUSINESS",
                None,
                "use a business's id: 1 to 64 characters of A-Z, a-z, 0-9, '.', '_' and '-'",
                |text| BusinessId::is_plain(text).then(|| Some(text.into())),
            ),
            personas_dir: source.text("PERSONAS_DIR").map_or_else(|| "personas".into(), PathBuf::from),
            data_dir: source.text("AI_REALTIME_DATA_DIR").map_or_else(|| "data".into(), PathBuf::from),
            prices_file: source.text("PRICES_FILE").map(PathBuf::from),
            api_keys: read_api_keys(source),
            allow_anonymous: read_switch(source, "AI_REALTIME_ALLOW_ANONYMOUS"),
            log_filter: source.read("LOG_LEVEL", own_lines_from("info"), LOG_LEVEL_ALLOWED, parse_log_level),
            log_replies: read_switch(source, "LOG_REPLIES"),
            max_calls: source.read("MAX_CALLS", 1000, "use a whole number from 1 to 10000", parse_to),
            drain_seconds: read_seconds(source, "DRAIN_SECONDS", 30.0),
            text_call_idle_seconds: read_seconds(source, "TEXT_CALL_IDLE_SECONDS", 600.0),
            turn_timeout_seconds: read_seconds(source, "TURN_TIMEOUT_SECONDS", 60.0),
            model_connect_seconds: read_seconds(source, "MODEL_CONNECT_SECONDS", 10.0),
            model_ping_seconds: read_seconds(source, "MODEL_PING_SECONDS", 3.0),
            model_reconnects_per_second: source.read(
                "MODEL_RECONNECTS_PER_SECOND",
                100,
                "use a whole number from 1 to 10000",
                parse_to,
            ),
            database: DatabaseSettings::read(source),
            knowledge: KnowledgeSettings::read(source),
            browser: BrowserSettings::read(source),
            realtime: RealtimeSettings::read(source),
            phone: PhoneSettings::read(source),
            warnings: Vec::new(),
        }
    }

    /// How long running turns may take to end at a shutdown.
    pub fn drain(&self) -> Duration {
        Duration::from_secs_f64(self.drain_seconds)
    }

    /// After how long without a turn a text call closes its socket.
    pub fn text_call_idle(&self) -> Duration {
        Duration::from_secs_f64(self.text_call_idle_seconds)
    }

    /// The longest a turn may take.
    pub fn turn_timeout(&self) -> Duration {
        Duration::from_secs_f64(self.turn_timeout_seconds)
    }

    /// The longest one attempt to connect to the model may take.
    pub fn model_connect(&self) -> Duration {
        Duration::from_secs_f64(self.model_connect_seconds)
    }

    /// How often the model is asked for a sign of life while somebody speaks with it.
    pub fn model_ping(&self) -> Duration {
        Duration::from_secs_f64(self.model_ping_seconds)
    }

    /// What is in force although it may not be what was meant: a line each, for the log at start.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    fn is_open_to_anyone(&self) -> bool {
        self.api_keys.is_empty() && !self.host.is_loopback()
    }

    fn find_warnings(&self, source: &Source<impl Fn(&str) -> Option<String>>) -> Vec<String> {
        let mut warnings = Vec::new();
        let endpoint = &self.openai_realtime_endpoint;
        if self.is_open_to_anyone() {
            warnings.push(format!(
                "anyone who reaches {} can use this service: AI_REALTIME_ALLOW_ANONYMOUS is true and there are no \
                 AI_REALTIME_API_KEYS",
                self.host
            ));
        }
        if self.openai_api_key.is_none() && source.text("OPENAI_REALTIME_ENDPOINT").is_some() {
            warnings.push(
                "OPENAI_REALTIME_ENDPOINT is set, but there is no OPENAI_API_KEY: the rehearsal model answers"
                    .into(),
            );
        }
        if self.openai_api_key.is_some() && endpoint.scheme() == "ws" && !is_loopback_url(endpoint) {
            warnings.push(
                "OPENAI_REALTIME_ENDPOINT is a ws:// URL: the key and every word travel unencrypted".into(),
            );
        }
        self.warn_of_fallback(&mut warnings);
        self.database.find_warnings(source, &mut warnings);
        self.knowledge.find_warnings(self.openai_api_key.is_some(), &mut warnings);
        self.phone.find_warnings(&mut warnings);
        warnings
    }
}

/// A WebSocket's URL, if there is one. What is refused is never used: there is a mistake then.
fn read_url(source: &mut Source<impl Fn(&str) -> Option<String>>, name: &str) -> Option<Url> {
    let text = source.text(name)?;
    let Ok(url) = Url::parse(&text) else {
        // What cannot be parsed may still hold a password; one can only have stood before an `@`.
        if text.contains('@') {
            source.refuse_secret(name, ENDPOINT_ALLOWED);
        } else {
            source.refuse(name, ENDPOINT_ALLOWED);
        }
        return None;
    };
    if !url.username().is_empty() || url.password().is_some() {
        source.refuse_secret(name, ENDPOINT_ALLOWED);
    } else if !matches!(url.scheme(), "ws" | "wss") || url.host_str().is_none() || url.fragment().is_some() {
        source.refuse(name, ENDPOINT_ALLOWED);
    }
    Some(url)
}

#[expect(clippy::expect_used, reason = "a constant, and a test loads it")]
fn default_endpoint() -> Url {
    Url::parse(DEFAULT_ENDPOINT).expect("the default endpoint is a URL")
}

fn read_api_keys(source: &mut Source<impl Fn(&str) -> Option<String>>) -> ApiKeys {
    let name = "AI_REALTIME_API_KEYS";
    let Some(list) = source.text(name) else {
        return ApiKeys::default();
    };
    ApiKeys::parse(&list).unwrap_or_else(|error| {
        source.refuse_secret(
            name,
            format!("{error}; use keys of 16 to 256 ASCII characters without spaces, parted by commas"),
        );
        ApiKeys::default()
    })
}

fn read_switch(source: &mut Source<impl Fn(&str) -> Option<String>>, name: &str) -> bool {
    source.read(name, false, "use true or false", |text| match text.to_ascii_lowercase().as_str() {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    })
}

fn read_seconds(source: &mut Source<impl Fn(&str) -> Option<String>>, name: &str, default: f64) -> f64 {
    // Not finite is refused here: a NaN is within every range.
    source.read(name, default, "use a number of seconds", |text| {
        text.parse().ok().filter(|seconds: &f64| seconds.is_finite())
    })
}

fn parse_to<T: FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

fn parse_host(text: &str) -> Option<IpAddr> {
    if text.eq_ignore_ascii_case("localhost") { Some(Ipv4Addr::LOCALHOST.into()) } else { text.parse().ok() }
}

/// A level alone is meant for our lines; the libraries' own chatter is asked for by name.
fn own_lines_from(level: &str) -> String {
    format!("warn,ai_realtime={level}")
}

fn parse_log_level(text: &str) -> Option<String> {
    match text.to_ascii_lowercase().as_str() {
        "off" => Some("off".to_owned()),
        level @ ("trace" | "debug" | "info" | "warn" | "error") => Some(own_lines_from(level)),
        // `EnvFilter` takes any other word for the name of a module, so that a mistyped level would log nothing.
        _ if !text.contains('=') => None,
        _ => EnvFilter::builder().parse(text).ok().map(|_| text.to_owned()),
    }
}

fn is_plain(text: &str, others: &[u8]) -> bool {
    (1..=128).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || others.contains(&byte))
}

/// What a key may look like in a header.
fn is_secret_text(key: &str) -> bool {
    key.bytes().all(|byte| byte.is_ascii_graphic())
}

fn is_loopback_url(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

fn refuse_out_of_range(errors: &ValidationErrors, source: &mut Source<impl Fn(&str) -> Option<String>>) {
    let mut found: Vec<_> = errors.field_errors().into_iter().collect();
    found.sort_by(|(one, _), (other, _)| one.cmp(other));
    for (field, errors) in found {
        let allowed = errors.iter().find_map(|error| error.message.as_deref()).unwrap_or("use another value");
        source.refuse(&field.to_ascii_uppercase(), allowed);
    }
}

#[cfg(test)]
mod tests;
