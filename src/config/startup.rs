//! The one line a person reads when the service has started.

use std::fmt;
use std::net::SocketAddr;

use url::Url;

use crate::id::PersonaKey;

use super::{Config, WebhookTrust};

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
        let config = self.config;
        if config.openai_api_key.is_none() {
            f.write_str("rehearsal (no OPENAI_API_KEY)")?;
        } else {
            tell_model(f, &config.openai_realtime_model, &config.openai_realtime_endpoint)?;
            if let Some(fallback) = config.fallback() {
                f.write_str(", else ")?;
                tell_model(f, &fallback.model, &fallback.endpoint)?;
            }
        }
        write!(f, " · store {} at {} · personas ", self.store, self.store_location)?;
        if self.personas.is_empty() {
            f.write_str("none")?;
        }
        for (place, persona) in self.personas.iter().enumerate() {
            let between = if place == 0 { "" } else { ", " };
            write!(f, "{between}{persona}")?;
        }
        self.tell_of_the_phone(f)
    }
}

fn tell_model(f: &mut fmt::Formatter<'_>, model: &str, endpoint: &Url) -> fmt::Result {
    f.write_str(model)?;
    if let Some(host) = endpoint.host_str() {
        write!(f, " at {host}")?;
        // Only when it is not the scheme's own.
        if let Some(port) = endpoint.port() {
            write!(f, ":{port}")?;
        }
    }
    Ok(())
}

impl StartUpLine<'_> {
    fn tell_of_the_phone(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let phone = &self.config.phone;
        let url = phone.public_url(self.address);
        let url = url.as_str().trim_end_matches('/');
        match (phone.trust(), url.starts_with("https:")) {
            (WebhookTrust::NotConfigured, _) => f.write_str(" · phone off (no TWILIO_AUTH_TOKEN)"),
            (WebhookTrust::Unsigned, _) => {
                write!(f, " · phone at {url} UNSIGNED for trials on this machine (TWILIO_ALLOW_UNSIGNED)")
            }
            (WebhookTrust::Signed, true) => write!(f, " · phone at {url}"),
            (WebhookTrust::Signed, false) => {
                write!(f, " · phone at {url} (Twilio itself needs a PUBLIC_URL with https://)")
            }
        }
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
                "data/ai-realtime.db · personas cfo, waiter · phone off (no TWILIO_AUTH_TOKEN)"
            )
        );
    }

    #[test]
    fn the_line_names_the_model_and_its_host_but_no_key() {
        let config =
            Config::load(|name| (name == "OPENAI_API_KEY").then(|| "sk-very-secret".to_owned())).unwrap();
        let line = line(&config, &[]);
        assert!(line.contains("model gpt-realtime-2.1 at api.openai.com"), "{line}");
        assert!(line.contains("personas none") && !line.contains("secret"), "{line}");
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

    #[test]
    fn the_line_names_what_takes_over() {
        let config = Config::load(|name| match name {
            "OPENAI_API_KEY" => Some("sk-x".to_owned()),
            "OPENAI_REALTIME_FALLBACK_ENDPOINT" => {
                Some("wss://acme.openai.azure.com/openai/v1/realtime".to_owned())
            }
            "OPENAI_REALTIME_FALLBACK_MODEL" => Some("spare".to_owned()),
            "OPENAI_REALTIME_FALLBACK_API_KEY" => Some("azure-secret".to_owned()),
            _ => None,
        })
        .unwrap();
        let line = line(&config, &[]);
        let named = "model gpt-realtime-2.1 at api.openai.com, else spare at acme.openai.azure.com ·";
        assert!(line.contains(named) && !line.contains("secret"), "{line}");
    }

    #[test]
    fn the_line_says_where_the_phone_is_and_what_twilio_needs() {
        let token = "12345678901234567890123456789012";
        let with = |pairs: &[(&str, &str)]| {
            let value =
                |name: &str| pairs.iter().find(|(known, _)| *known == name).map(|pair| pair.1.to_owned());
            line(&Config::load(value).unwrap(), &[])
        };
        let signed = with(&[("TWILIO_AUTH_TOKEN", token), ("PUBLIC_URL", "https://voice.example.com/")]);
        assert!(signed.ends_with(" · phone at https://voice.example.com"), "{signed}");
        let plain = with(&[("TWILIO_AUTH_TOKEN", token)]);
        assert!(plain.contains(" · phone at http://127.0.0.1:7070 (Twilio itself needs"), "{plain}");
        let trial = with(&[("TWILIO_ALLOW_UNSIGNED", "true")]);
        assert!(trial.contains(" · phone at http://127.0.0.1:7070 UNSIGNED"), "{trial}");
        assert!(!format!("{signed}{plain}").contains(token));
    }
}
