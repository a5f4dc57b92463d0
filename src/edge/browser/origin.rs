//! Whose pages may connect: a WebSocket is not kept from other sites by the browser, only by us. Pure.

use std::net::SocketAddr;

use axum::http::{HeaderMap, header};
use url::{Host, Url};

use crate::config::{AllowedOrigins, Config};

/// Which origins may connect.
#[derive(Debug, Clone)]
pub struct Origins {
    named: AllowedOrigins,
    /// The service's own, as the world knows it.
    public: String,
    /// A name may stand for whatever machine its owner likes: without a key only those are ours that are known to be.
    any_name: bool,
}

impl Origins {
    /// As the settings say, for a service that listens there.
    pub fn new(config: &Config, listens_at: SocketAddr) -> Self {
        Self {
            named: config.browser.allowed_origins.clone(),
            public: config.phone.public_url(listens_at).origin().ascii_serialization(),
            any_name: !config.api_keys.is_empty(),
        }
    }

    /// Whether a request may come from where it says; whoever says nothing is no page.
    pub(super) fn allow(&self, headers: &HeaderMap) -> bool {
        let mut origins = headers.get_all(header::ORIGIN).iter();
        let Some(origin) = origins.next() else {
            return true;
        };
        let (Ok(origin), None) = (origin.to_str(), origins.next()) else {
            return false;
        };
        self.named.name(origin) || origin == self.public || self.is_own(origin, headers)
    }

    /// Whether the page came from the host it now asks.
    fn is_own(&self, origin: &str, headers: &HeaderMap) -> bool {
        let asked = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let (Some(asked), Some((scheme, page))) = (asked, origin.split_once("://")) else {
            return false;
        };
        let Ok(url) = Url::parse(&format!("{scheme}://{page}")) else {
            return false;
        };
        let is_known = match url.host() {
            Some(Host::Domain(name)) => self.any_name || name == "localhost",
            Some(Host::Ipv4(_) | Host::Ipv6(_)) => true,
            None => false,
        };
        is_known && matches!(scheme, "http" | "https") && page.eq_ignore_ascii_case(asked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: (&str, &str) = ("AI_REALTIME_API_KEYS", "0123456789abcdef-key");

    fn allows(settings: &[(&str, &str)], host: &str, origin: Option<&str>) -> bool {
        let var = |name: &str| {
            settings.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        let origins = Origins::new(&Config::load(var).unwrap(), "127.0.0.1:7070".parse().unwrap());
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().unwrap());
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, origin.parse().unwrap());
        }
        origins.allow(&headers)
    }

    #[test]
    fn our_own_pages_and_programs_may_connect_and_nobody_elses() {
        assert!(allows(&[], "127.0.0.1:7070", None), "no page");
        for (host, origin) in [
            ("127.0.0.1:7070", "http://127.0.0.1:7070"),
            ("localhost:7070", "http://localhost:7070"),
            ("[::1]:7070", "http://[::1]:7070"),
            ("192.168.1.7:7070", "https://192.168.1.7:7070"),
        ] {
            assert!(allows(&[], host, Some(origin)), "{origin}");
        }
        for origin in
            ["http://evil.example", "null", "file://", "http://127.0.0.1:7071", "http://localhost:7070"]
        {
            assert!(!allows(&[], "127.0.0.1:7070", Some(origin)), "{origin}");
            assert!(!allows(&[KEYS], "127.0.0.1:7070", Some(origin)), "{origin}");
        }
    }

    #[test]
    fn a_name_that_leads_here_is_believed_only_where_a_key_is_asked_for() {
        let rebound = ("evil.example:7070", Some("http://evil.example:7070"));
        assert!(!allows(&[], rebound.0, rebound.1));
        assert!(allows(&[KEYS], rebound.0, rebound.1));
        let public = ("PUBLIC_URL", "https://voice.example.com/phone");
        assert!(allows(&[public], "127.0.0.1:7070", Some("https://voice.example.com")));
    }

    #[test]
    fn other_pages_may_be_named() {
        let shop = ("ALLOWED_ORIGINS", "https://shop.example.com");
        assert!(allows(&[shop], "127.0.0.1:7070", Some("https://shop.example.com")));
        assert!(!allows(&[shop], "127.0.0.1:7070", Some("https://other.example.com")));
        assert!(allows(&[("ALLOWED_ORIGINS", "*")], "127.0.0.1:7070", Some("null")));
    }
}
