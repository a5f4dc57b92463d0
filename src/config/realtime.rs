//! The settings of Realtime clients' lines, and of whoever connects by a WebSocket.

use std::time::Duration;

use super::parse_to;
use super::source::Source;

const CONNECTIONS_ALLOWED: &str = "use a whole number from 1 to 10000";
const IDLE_ALLOWED: &str = "use a whole number of seconds from 10 to 86400";
const MINUTES_ALLOWED: &str = "use a whole number of minutes from 1 to 1440";

/// The settings of Realtime clients' lines that are in force. A field is named as its variable, in lower case.
#[derive(Debug, Clone)]
pub struct RealtimeSettings {
    /// `CONNECTIONS_PER_KEY`: WebSockets of clients that one key may hold at once. Default 500.
    pub connections_per_key: usize,
    /// `NEW_CONNECTIONS_PER_MINUTE`: WebSockets of clients that one key may open within a minute. Default 600.
    pub new_connections_per_minute: usize,
    /// `MAX_CLIENT_SECRETS`: client secrets that are good at once. Default 1000.
    pub max_client_secrets: usize,
    idle_seconds: u64,
    max_minutes: u64,
}

impl RealtimeSettings {
    pub(super) fn read(source: &mut Source<impl Fn(&str) -> Option<String>>) -> Self {
        Self {
            connections_per_key: count(source, "CONNECTIONS_PER_KEY", 500),
            new_connections_per_minute: count(source, "NEW_CONNECTIONS_PER_MINUTE", 600),
            max_client_secrets: count(source, "MAX_CLIENT_SECRETS", 1000),
            idle_seconds: source.read("REALTIME_IDLE_SECONDS", 600, IDLE_ALLOWED, |text| {
                parse_to(text).filter(|seconds| (10..=86_400).contains(seconds))
            }),
            max_minutes: source.read("REALTIME_MAX_MINUTES", 60, MINUTES_ALLOWED, |text| {
                parse_to(text).filter(|minutes| (1..=1440).contains(minutes))
            }),
        }
    }

    /// `REALTIME_IDLE_SECONDS`: a Realtime client that asks nothing for so long is let go. Default 600.
    pub fn idle(&self) -> Duration {
        Duration::from_secs(self.idle_seconds)
    }

    /// `REALTIME_MAX_MINUTES`: a connection of a Realtime client lasts so long at most. Default 60.
    pub fn max_duration(&self) -> Duration {
        Duration::from_secs(self.max_minutes * 60)
    }
}

fn count(source: &mut Source<impl Fn(&str) -> Option<String>>, name: &str, default: usize) -> usize {
    source.read(name, default, CONNECTIONS_ALLOWED, |text| {
        parse_to(text).filter(|count| (1..=10_000).contains(count))
    })
}

#[cfg(test)]
mod tests {
    use crate::config::Config;

    use super::*;

    fn read(name: &str, value: &str) -> Result<RealtimeSettings, String> {
        let var = |asked: &str| (asked == name).then(|| value.to_owned());
        Config::load(var).map(|config| config.realtime).map_err(|error| error.to_string())
    }

    #[test]
    fn limits_have_their_ranges_and_a_line_when_they_are_left() {
        let settings = read("REALTIME_IDLE_SECONDS", "30").unwrap();
        assert_eq!(
            (settings.idle(), settings.max_duration()),
            (Duration::from_secs(30), Duration::from_secs(3600))
        );
        for (name, values) in [
            ("CONNECTIONS_PER_KEY", ["0", "10001"]),
            ("NEW_CONNECTIONS_PER_MINUTE", ["0", "many"]),
            ("MAX_CLIENT_SECRETS", ["-1", "1.5"]),
            ("REALTIME_IDLE_SECONDS", ["9", "86401"]),
            ("REALTIME_MAX_MINUTES", ["0", "1441"]),
        ] {
            for value in values {
                let line = read(name, value).unwrap_err();
                assert!(line.starts_with(&format!("{name} is \"{value}\": use a whole number")), "{line}");
            }
        }
    }
}
