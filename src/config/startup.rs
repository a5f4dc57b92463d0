//! The one line a person reads when the service has started.

use std::fmt;
use std::net::SocketAddr;

use crate::id::PersonaKey;

use super::Config;

/// What is in force, in one line.
#[derive(Debug)]
pub struct StartUpLine<'a> {
    /// The settings.
    pub config: &'a Config,
    /// Where the service listens, as the system gave it.
    pub address: SocketAddr,
    /// The kind of store.
    pub store: &'a str,
    /// Where the store is; no secret.
    pub store_location: &'a str,
    /// The personas loaded.
    pub personas: &'a [PersonaKey],
}

impl fmt::Display for StartUpLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ai-realtime {} · http://{} · model ", env!("CARGO_PKG_VERSION"), self.address)?;
        let endpoint = &self.config.openai_realtime_endpoint;
        match (&self.config.openai_api_key, endpoint.host_str()) {
            (None, _) => f.write_str("rehearsal (no OPENAI_API_KEY)")?,
            (Some(_), Some(host)) => {
                write!(f, "{} at {host}", self.config.openai_realtime_model)?;
                // Only when it is not the scheme's own.
                if let Some(port) = endpoint.port() {
                    write!(f, ":{port}")?;
                }
            }
            (Some(_), None) => f.write_str(&self.config.openai_realtime_model)?,
        }
        write!(f, " · store {} at {} · personas ", self.store, self.store_location)?;
        if self.personas.is_empty() {
            return f.write_str("none");
        }
        for (place, persona) in self.personas.iter().enumerate() {
            let between = if place == 0 { "" } else { ", " };
            write!(f, "{between}{persona}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(config: &Config, personas: &[&str]) -> String {
        let personas: Vec<PersonaKey> = personas.iter().map(|key| PersonaKey::from(*key)).collect();
        let address = "127.0.0.1:7070".parse().unwrap();
        let (store, store_location) = ("embedded", "data/ai-realtime.db");
        StartUpLine { config, address, store, store_location, personas: &personas }.to_string()
    }

    #[test]
    fn the_line_says_that_the_rehearsal_model_answers_and_why() {
        let config = Config::load(|_| None).unwrap();
        assert_eq!(
            line(&config, &["cfo", "waiter"]),
            concat!(
                "ai-realtime ",
                env!("CARGO_PKG_VERSION"),
                " · http://127.0.0.1:7070 · model rehearsal (no OPENAI_API_KEY) · store embedded at ",
                "data/ai-realtime.db · personas cfo, waiter"
            )
        );
    }

    #[test]
    fn the_line_names_the_model_and_its_host_but_no_key() {
        let config =
            Config::load(|name| (name == "OPENAI_API_KEY").then(|| "sk-very-secret".to_owned())).unwrap();
        let line = line(&config, &[]);
        assert!(line.contains("model gpt-realtime-2.1 at api.openai.com"), "{line}");
        assert!(line.ends_with("personas none") && !line.contains("secret"), "{line}");
    }

    #[test]
    fn a_model_on_a_port_of_its_own_is_named_with_it() {
        let config = Config::load(|name| match name {
            "OPENAI_API_KEY" => Some("sk-x".to_owned()),
            "OPENAI_REALTIME_ENDPOINT" => Some("ws://127.0.0.1:9099/v1/realtime".to_owned()),
            _ => None,
        })
        .unwrap();
        assert!(line(&config, &[]).contains("model gpt-realtime-2.1 at 127.0.0.1:9099 ·"));
    }
}
