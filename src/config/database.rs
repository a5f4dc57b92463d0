//! The settings of the database: which one serves, and how it is entered.

use secrecy::SecretString;
use url::Url;

use super::source::Source;
use super::{is_loopback_url, is_secret_text};

const URL_ALLOWED: &str = "use the project's https:// URL as Supabase shows it, without user name, password, path, query or \
                           fragment, such as https://abcdefghijklmnop.supabase.co";
const KEY_ALLOWED: &str =
    "use the project's service-role or secret key as Supabase shows it, without spaces or line breaks";
const DATABASE_ALLOWED: &str =
    "use the postgresql:// URL that Supabase shows under `Connect`, with the password in it";
const KEY_MISSING: &str =
    "it needs SUPABASE_SERVICE_ROLE_KEY beside it: the project's service-role or secret key";

/// The settings of the database that are in force.
#[derive(Debug, Clone)]
pub struct DatabaseSettings {
    /// `SUPABASE_URL` and `SUPABASE_SERVICE_ROLE_KEY`. Without them the embedded store serves.
    pub supabase: Option<SupabaseSettings>,
    /// `DATABASE_URL`: the project's Postgres itself, which only `ai-realtime migrate` speaks to.
    pub url: Option<SecretString>,
}

/// A Supabase project and its key.
#[derive(Debug, Clone)]
pub struct SupabaseSettings {
    /// `SUPABASE_URL`.
    pub url: Url,
    /// `SUPABASE_SERVICE_ROLE_KEY`: a service-role key (a JWT) or a secret key (`sb_secret_…`).
    pub key: SecretString,
}

impl DatabaseSettings {
    pub(super) fn read(source: &mut Source<impl Fn(&str) -> Option<String>>) -> Self {
        let url = source.read("SUPABASE_URL", None, URL_ALLOWED, |text| read_url(text).map(Some));
        let key = source.secret("SUPABASE_SERVICE_ROLE_KEY", KEY_ALLOWED, is_secret_text);
        if url.is_some() && key.is_none() && source.text("SUPABASE_SERVICE_ROLE_KEY").is_none() {
            source.refuse("SUPABASE_URL", KEY_MISSING);
        }
        Self {
            supabase: url.zip(key).map(|(url, key)| SupabaseSettings { url, key }),
            url: source.secret("DATABASE_URL", DATABASE_ALLOWED, |text| {
                text.starts_with("postgresql://") || text.starts_with("postgres://")
            }),
        }
    }

    pub(super) fn find_warnings(
        &self,
        source: &Source<impl Fn(&str) -> Option<String>>,
        warnings: &mut Vec<String>,
    ) {
        if source.text("SUPABASE_SERVICE_ROLE_KEY").is_some() && source.text("SUPABASE_URL").is_none() {
            warnings.push(
                "SUPABASE_SERVICE_ROLE_KEY is set, but there is no SUPABASE_URL: the embedded store serves"
                    .into(),
            );
        }
        if let Some(SupabaseSettings { url, .. }) = &self.supabase
            && url.scheme() == "http"
            && !is_loopback_url(url)
        {
            warnings
                .push("SUPABASE_URL is an http:// URL: the key and every record travel unencrypted".into());
        }
    }
}

fn read_url(text: &str) -> Option<Url> {
    let url = Url::parse(text.trim_end_matches('/')).ok()?;
    let plain = url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none()
        && url.path() == "/";
    (matches!(url.scheme(), "http" | "https") && url.host_str().is_some() && plain).then_some(url)
}
