//! The settings of browsers' lines.

use std::sync::Arc;

use url::{Origin, Url};

use super::parse_to;
use super::source::Source;

const QUEUE_ALLOWED: &str = "use a whole number of frames from 5 to 3000";
const ORIGINS_ALLOWED: &str = "use origins such as https://shop.example.com, parted by commas, or *";
/// How many origins may be named; each connection's is compared with all of them.
const MAX_ORIGINS: usize = 64;

/// The settings of browsers' lines that are in force.
#[derive(Debug, Clone, Default)]
pub struct BrowserSettings {
    /// `WEBSOCKET_AUDIO_QUEUE_SIZE`: frames that wait for a browser at most. Default 500.
    pub audio_queue_frames: usize,
    /// `ALLOWED_ORIGINS`: whose pages may open connections. Default: our own.
    pub allowed_origins: AllowedOrigins,
}

/// Whose pages may open connections besides our own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum AllowedOrigins {
    /// Nobody's.
    #[default]
    Own,
    /// Those of these, as browsers write them.
    These(Arc<[String]>),
    /// Everybody's.
    Any,
}

impl AllowedOrigins {
    /// Whether pages of this origin are named.
    pub fn name(&self, origin: &str) -> bool {
        match self {
            Self::Own => false,
            Self::These(origins) => origins.iter().any(|named| named.eq_ignore_ascii_case(origin)),
            Self::Any => true,
        }
    }

    fn read(list: &str) -> Option<Self> {
        if list.trim() == "*" {
            return Some(Self::Any);
        }
        let parts = list.split(',').map(str::trim).filter(|part| !part.is_empty());
        let origins: Option<Arc<[String]>> = parts.map(origin).collect();
        origins.filter(|origins| (1..=MAX_ORIGINS).contains(&origins.len())).map(Self::These)
    }
}

/// An origin as browsers write it.
fn origin(text: &str) -> Option<String> {
    let url = Url::parse(text).ok()?;
    let is_bare = matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none();
    let origin = url.origin();
    let is_known =
        matches!(origin, Origin::Tuple(..)) && url.username().is_empty() && url.password().is_none();
    (is_bare && is_known).then(|| origin.ascii_serialization())
}

impl BrowserSettings {
    pub(super) fn read(source: &mut Source<impl Fn(&str) -> Option<String>>) -> Self {
        Self {
            audio_queue_frames: source.read("WEBSOCKET_AUDIO_QUEUE_SIZE", 500, QUEUE_ALLOWED, |text| {
                parse_to(text).filter(|frames| (5..=3000).contains(frames))
            }),
            allowed_origins: source.read(
                "ALLOWED_ORIGINS",
                AllowedOrigins::Own,
                ORIGINS_ALLOWED,
                AllowedOrigins::read,
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_compared_as_browsers_write_them() {
        let these = AllowedOrigins::read("https://Shop.Example.com:443/ , http://localhost:5173").unwrap();
        assert!(these.name("https://shop.example.com") && these.name("http://localhost:5173"));
        for other in ["http://shop.example.com", "https://shop.example.com.evil.org", "null", ""] {
            assert!(!these.name(other), "{other}");
        }
        assert!(AllowedOrigins::read("*").unwrap().name("https://anyone.example"));
        assert!(!AllowedOrigins::Own.name("https://shop.example.com"));
    }

    #[test]
    fn what_is_no_origin_is_refused() {
        for bad in [
            ",",
            "shop.example.com",
            "https://a.example/path",
            "data:x",
            "https://u:p@a.example",
            "*, https://a",
        ] {
            assert_eq!(AllowedOrigins::read(bad), None, "{bad}");
        }
    }
}
