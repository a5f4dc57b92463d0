//! The settings of the endpoint that takes over when the model cannot be had.

use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::source::Source;
use super::{Config, MODEL_ALLOWED, is_loopback_url, is_plain, is_secret_text, read_url};

const ENDPOINT: &str = "OPENAI_REALTIME_FALLBACK_ENDPOINT";
const MODEL: &str = "OPENAI_REALTIME_FALLBACK_MODEL";
const API_KEY: &str = "OPENAI_REALTIME_FALLBACK_API_KEY";
const VOICE: &str = "OPENAI_REALTIME_FALLBACK_VOICE";
const TRANSCRIPTION_MODEL: &str = "OPENAI_REALTIME_FALLBACK_TRANSCRIPTION_MODEL";
const KEY_NEEDED: &str = "set it to the key of OPENAI_REALTIME_FALLBACK_ENDPOINT: OPENAI_API_KEY is shown to the host \
                          of OPENAI_REALTIME_ENDPOINT only";
const DIFFERENCE_NEEDED: &str =
    "use another endpoint, model or key than the first: as it is, the fallback fails with it";
const FALLBACK_NEEDED: &str = "set OPENAI_REALTIME_FALLBACK_ENDPOINT, OPENAI_REALTIME_FALLBACK_MODEL or \
                               OPENAI_REALTIME_FALLBACK_API_KEY, too, or leave it out";

/// What is set of the fallback. A field is named as the end of its variable, in lower case.
#[derive(Debug, Clone)]
pub struct FallbackSettings {
    endpoint: Option<Url>,
    model: Option<String>,
    api_key: Option<SecretString>,
    voice: Option<String>,
    transcription_model: Option<String>,
}

/// The endpoint that takes over.
#[derive(Debug, Clone)]
pub struct Fallback {
    /// Where it is.
    pub endpoint: Url,
    /// Its model, or Azure deployment.
    pub model: String,
    /// The key it is shown.
    pub api_key: SecretString,
    /// The voice that every persona has there, if it has not the same voices.
    pub voice: Option<String>,
    /// What writes down the callers' words there, if it goes by another name.
    pub transcription_model: Option<String>,
}

impl FallbackSettings {
    pub(super) fn read(source: &mut Source<impl Fn(&str) -> Option<String>>) -> Self {
        let mut name = |variable| {
            source.read(variable, None, MODEL_ALLOWED, |text| {
                is_plain(text, b"._:-").then(|| Some(text.to_owned()))
            })
        };
        let (model, transcription_model) = (name(MODEL), name(TRANSCRIPTION_MODEL));
        Self {
            endpoint: read_url(source, ENDPOINT),
            model,
            api_key: source.secret(
                API_KEY,
                "use the key as the provider shows it, without spaces or line breaks",
                is_secret_text,
            ),
            voice: source.read(
                VOICE,
                None,
                "use a voice's name: 1 to 128 characters of A-Z, a-z, 0-9, '_' and '-'",
                |text| is_plain(text, b"_-").then(|| Some(text.to_owned())),
            ),
            transcription_model,
        }
    }

    /// Whether any setting names one.
    fn is_named(&self) -> bool {
        self.endpoint.is_some() || self.model.is_some() || self.api_key.is_some()
    }
}

impl Config {
    /// The endpoint that takes over when the model cannot be had: what is not said of it is as with the first.
    pub fn fallback(&self) -> Option<Fallback> {
        let settings = Some(&self.fallback).filter(|settings| settings.is_named())?;
        let key = settings.api_key.as_ref().or(self.openai_api_key.as_ref())?;
        Some(Fallback {
            endpoint: settings.endpoint.as_ref().unwrap_or(&self.openai_realtime_endpoint).clone(),
            model: settings.model.as_ref().unwrap_or(&self.openai_realtime_model).clone(),
            api_key: key.clone(),
            voice: settings.voice.clone(),
            transcription_model: settings.transcription_model.clone(),
        })
    }

    pub(super) fn check_fallback(&self, source: &mut Source<impl Fn(&str) -> Option<String>>) {
        let settings = &self.fallback;
        if !settings.is_named() {
            if settings.voice.is_some() {
                source.refuse(VOICE, FALLBACK_NEEDED);
            }
            if settings.transcription_model.is_some() {
                source.refuse(TRANSCRIPTION_MODEL, FALLBACK_NEEDED);
            }
            return;
        }
        let first = &self.openai_realtime_endpoint;
        let is_elsewhere = settings.endpoint.as_ref().is_some_and(|endpoint| {
            (endpoint.scheme(), endpoint.host_str(), endpoint.port_or_known_default())
                != (first.scheme(), first.host_str(), first.port_or_known_default())
        });
        if is_elsewhere && settings.api_key.is_none() {
            source.refuse_secret(API_KEY, KEY_NEEDED);
        }
        let Some((fallback, key)) = self.fallback().zip(self.openai_api_key.as_ref()) else {
            return;
        };
        let is_the_same = fallback.endpoint == *first
            && fallback.model == self.openai_realtime_model
            && fallback.api_key.expose_secret() == key.expose_secret();
        if is_the_same {
            let name = [(ENDPOINT, settings.endpoint.is_some()), (MODEL, settings.model.is_some())];
            let name = name.into_iter().find_map(|(name, is_set)| is_set.then_some(name));
            match name {
                Some(name) => source.refuse(name, DIFFERENCE_NEEDED),
                None => source.refuse_secret(API_KEY, DIFFERENCE_NEEDED),
            }
        }
    }

    pub(super) fn warn_of_fallback(&self, warnings: &mut Vec<String>) {
        if !self.fallback.is_named() {
            return;
        }
        if self.openai_api_key.is_none() {
            warnings.push(
                "OPENAI_REALTIME_FALLBACK_… is set, but there is no OPENAI_API_KEY: the rehearsal model answers, and \
                 nothing takes over from it"
                    .into(),
            );
        } else if let Some(endpoint) = &self.fallback.endpoint
            && endpoint.scheme() == "ws"
            && !is_loopback_url(endpoint)
        {
            warnings.push(format!("{ENDPOINT} is a ws:// URL: the key and every word travel unencrypted"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: (&str, &str) = ("OPENAI_API_KEY", "sk-first");

    fn load(pairs: &[(&str, &str)]) -> Result<Config, String> {
        let value =
            |name: &str| pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        Config::load(value).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_not_said_of_the_fallback_is_as_with_the_first() {
        assert!(load(&[KEY]).unwrap().fallback().is_none());
        let fallback = load(&[KEY, (MODEL, "gpt-realtime")]).unwrap().fallback().unwrap();
        assert_eq!(fallback.endpoint.as_str(), "wss://api.openai.com/v1/realtime");
        assert_eq!((fallback.model.as_str(), fallback.api_key.expose_secret()), ("gpt-realtime", "sk-first"));
        let azure = [
            KEY,
            (ENDPOINT, "wss://acme.openai.azure.com/openai/v1/realtime"),
            (API_KEY, "azure-key"),
            (VOICE, "alloy"),
            (TRANSCRIPTION_MODEL, "whisper"),
        ];
        let config = load(&azure).unwrap();
        let fallback = config.fallback().unwrap();
        assert_eq!(fallback.api_key.expose_secret(), "azure-key");
        assert_eq!(fallback.model, "gpt-realtime-2.1");
        assert_eq!(
            (fallback.voice.as_deref(), fallback.transcription_model.as_deref()),
            (Some("alloy"), Some("whisper"))
        );
        assert!(!format!("{config:?}{fallback:?}").contains("azure-key"));
    }

    #[test]
    fn a_key_is_not_shown_to_another_host() {
        let mistakes = load(&[KEY, (ENDPOINT, "wss://other.example/v1/realtime")]).unwrap_err();
        assert!(mistakes.contains(API_KEY) && !mistakes.contains("sk-first"), "{mistakes}");
        load(&[KEY, (ENDPOINT, "wss://api.openai.com/v1/realtime?model=other")]).unwrap();
    }

    #[test]
    fn a_fallback_that_is_no_other_is_refused() {
        let same = [
            (MODEL, "gpt-realtime-2.1"),
            (ENDPOINT, "wss://api.openai.com/v1/realtime"),
            (API_KEY, "sk-first"),
            (VOICE, "alloy"),
            (TRANSCRIPTION_MODEL, "whisper"),
        ];
        for (name, value) in same {
            let mistakes = load(&[KEY, (name, value)]).unwrap_err();
            assert!(mistakes.contains(name) && mistakes.lines().count() == 1, "{mistakes}");
            assert!(!mistakes.contains("sk-first"), "{mistakes}");
        }
    }

    #[test]
    fn what_cannot_be_used_is_refused_without_a_word_of_the_key() {
        let wrong = [KEY, (ENDPOINT, "https://u:pw@x"), (MODEL, "a b"), (API_KEY, "two words"), (VOICE, "é")];
        let mistakes = load(&wrong).unwrap_err();
        for name in [ENDPOINT, MODEL, API_KEY, VOICE] {
            assert!(mistakes.contains(name), "{mistakes}");
        }
        assert!(!mistakes.contains("two words") && !mistakes.contains("pw"), "{mistakes}");
    }

    #[test]
    fn a_fallback_of_nothing_is_warned_of() {
        let config = load(&[(MODEL, "gpt-realtime")]).unwrap();
        assert!(config.fallback().is_none());
        assert!(config.warnings()[0].contains("rehearsal model answers"), "{:?}", config.warnings());
    }
}
