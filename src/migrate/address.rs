//! Where the database is and how far its certificate is trusted: `DATABASE_URL`, read as libpq reads it.
//!
//! Source: <https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING>

use std::path::PathBuf;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};
use url::Url;

/// How long one attempt to connect to a host may take.
pub(super) const CONNECT_LIMIT: Duration = Duration::from_secs(10);
const DEFAULT_PORT: u16 = 5432;
/// What pools and drivers of others put into the URL; it says nothing to us.
const PASSED_OVER: [&str; 3] = ["pgbouncer", "gssencmode", "connection_limit"];

/// Why a `DATABASE_URL` cannot be used. Never quotes it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// It is no URL of a database.
    #[error(
        "DATABASE_URL is no postgresql:// URL: copy it as Supabase shows it under `Connect`, and write special \
         characters of the password percent-encoded (@ as %40, for example)"
    )]
    NoUrl,
    /// An option of it makes no sense.
    #[error("DATABASE_URL cannot be read: {0}")]
    Option(String),
    /// It names no user or no host.
    #[error("DATABASE_URL names no {0}: copy it as Supabase shows it under `Connect`")]
    Missing(&'static str),
}

/// What must hold of the certificate that the database shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trust {
    /// Nothing: the connection is encrypted, but who is at the other end is not known.
    Anyone,
    /// Someone trusted has signed it.
    SignedBy(Roots),
    /// Someone trusted has signed it, for this host.
    Host(Roots),
}

/// Whose signature counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Roots {
    /// Whom the system trusts.
    System,
    /// Those in a PEM file.
    File(PathBuf),
}

/// Everything that a connection needs.
#[derive(Clone)]
pub(super) struct Address {
    pub(super) config: Config,
    pub(super) trust: Trust,
}

impl Address {
    /// Reads `DATABASE_URL`.
    pub(super) fn parse(url: &SecretString) -> Result<Self, AddressError> {
        let mut url = Url::parse(url.expose_secret()).map_err(|_| AddressError::NoUrl)?;
        if !matches!(url.scheme(), "postgres" | "postgresql") {
            return Err(AddressError::NoUrl);
        }
        let (mut mode, mut roots) = (None, None);
        let mut rest = Vec::new();
        for (name, value) in url.query_pairs().into_owned() {
            match name.as_str() {
                "sslmode" => mode = Some(value),
                "sslrootcert" => roots = Some(value),
                name if PASSED_OVER.contains(&name) => {}
                _ => rest.push((name, value)),
            }
        }
        url.set_query((!rest.is_empty()).then(|| options(&rest)).as_deref());
        let mut config: Config =
            url.as_str().parse().map_err(|error| AddressError::Option(reason(&error)))?;
        let (ssl_mode, trust) = ssl(mode.as_deref(), roots.as_deref())?;
        config.ssl_mode(ssl_mode);
        if config.get_hosts().is_empty() {
            return Err(AddressError::Missing("host"));
        }
        if config.get_user().is_none() {
            return Err(AddressError::Missing("user"));
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_LIMIT);
        }
        if config.get_application_name().is_none() {
            config.application_name("ai-realtime migrate");
        }
        Ok(Self { config, trust })
    }

    /// The first host and its port: what a message may tell.
    pub(super) fn place(&self) -> String {
        let port = self.config.get_ports().first().copied().unwrap_or(DEFAULT_PORT);
        match self.config.get_hosts().first() {
            Some(Host::Tcp(host)) => format!("{host}:{port}"),
            #[cfg(unix)]
            Some(Host::Unix(path)) => path.display().to_string(),
            None => format!("port {port}"),
        }
    }
}

/// `sslmode` and `sslrootcert`. Beyond libpq, `verify-ca` and `verify-full` without `sslrootcert` trust whom the system
/// trusts.
fn ssl(mode: Option<&str>, roots: Option<&str>) -> Result<(SslMode, Trust), AddressError> {
    let given = roots.map(|roots| if roots == "system" { Roots::System } else { Roots::File(roots.into()) });
    let known = given.clone().unwrap_or(Roots::System);
    let mode = mode.unwrap_or(if given == Some(Roots::System) { "verify-full" } else { "prefer" });
    match (mode, given) {
        ("verify-full", _) => Ok((SslMode::Require, Trust::Host(known))),
        ("disable" | "allow" | "prefer" | "require" | "verify-ca", Some(Roots::System)) => {
            Err(AddressError::Option(format!("sslrootcert=system asks for sslmode=verify-full, not {mode}")))
        }
        ("verify-ca", _) | ("require", Some(_)) => Ok((SslMode::Require, Trust::SignedBy(known))),
        ("require", None) => Ok((SslMode::Require, Trust::Anyone)),
        ("prefer" | "allow", _) => Ok((SslMode::Prefer, Trust::Anyone)),
        ("disable", _) => Ok((SslMode::Disable, Trust::Anyone)),
        _ => Err(AddressError::Option(
            "sslmode is one of disable, prefer, require, verify-ca and verify-full".to_owned(),
        )),
    }
}

/// Options as the query of a URL; a space is `%20` there, never a plus sign.
fn options(pairs: &[(String, String)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish().replace('+', "%20")
}

/// The parser's reason; it names options, never what they hold.
fn reason(error: &tokio_postgres::Error) -> String {
    std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Result<Address, AddressError> {
        Address::parse(&SecretString::from(url))
    }

    fn trust(query: &str) -> Result<(SslMode, Trust), AddressError> {
        parse(&format!("postgresql://me:pw@db.example.com/postgres{query}"))
            .map(|address| (address.config.get_ssl_mode(), address.trust))
    }

    #[test]
    fn a_url_of_supabase_is_read() {
        let address =
            parse("postgres://postgres.abc:p%40+s%2Fs%23@pool.example.com:6543/postgres?pgbouncer=true")
                .unwrap();
        assert_eq!(address.config.get_user(), Some("postgres.abc"));
        assert_eq!(address.config.get_password(), Some(b"p@+s/s#".as_slice()));
        assert_eq!(address.config.get_dbname(), Some("postgres"));
        assert_eq!(address.place(), "pool.example.com:6543");
        assert_eq!(parse("postgresql://me@db.example.com/x").unwrap().place(), "db.example.com:5432");
    }

    #[test]
    fn other_options_stay() {
        let address =
            parse("postgresql://me@h/d?connect_timeout=3&options=-c%20role%3Dx&sslmode=disable").unwrap();
        assert_eq!(address.config.get_connect_timeout(), Some(&Duration::from_secs(3)));
        assert_eq!(address.config.get_options(), Some("-c role=x"));
    }

    #[test]
    fn sslmode_means_what_libpq_says() {
        let file = || Roots::File("/ca.pem".into());
        for (query, expected) in [
            ("", (SslMode::Prefer, Trust::Anyone)),
            ("?sslmode=disable", (SslMode::Disable, Trust::Anyone)),
            ("?sslmode=prefer", (SslMode::Prefer, Trust::Anyone)),
            ("?sslmode=require", (SslMode::Require, Trust::Anyone)),
            ("?sslmode=require&sslrootcert=/ca.pem", (SslMode::Require, Trust::SignedBy(file()))),
            ("?sslmode=verify-ca&sslrootcert=/ca.pem", (SslMode::Require, Trust::SignedBy(file()))),
            ("?sslmode=verify-full&sslrootcert=/ca.pem", (SslMode::Require, Trust::Host(file()))),
            ("?sslmode=verify-full", (SslMode::Require, Trust::Host(Roots::System))),
            ("?sslrootcert=system", (SslMode::Require, Trust::Host(Roots::System))),
        ] {
            assert_eq!(trust(query), Ok(expected), "{query}");
        }
        for query in ["?sslmode=maybe", "?sslmode=require&sslrootcert=system"] {
            assert!(trust(query).is_err(), "{query}");
        }
    }

    #[test]
    fn what_cannot_be_used_is_told_without_the_password() {
        for url in [
            "postgres",
            "https://me:hunter2@h/d",
            "postgresql://me:hunter2@/d",
            "postgresql://h/d?password=hunter2",
            "postgresql://me:hunter2@h/d?colour=hunter2",
            "postgresql://me:hunter2@h/d?keepalives=hunter2",
            "postgresql://me:hunter2@h:port/d",
        ] {
            let error = parse(url).err().unwrap_or_else(|| panic!("{url} was taken"));
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
    }
}
