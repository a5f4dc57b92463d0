//! The settings are tested against a closure, never against the environment of the test run.

use std::cell::RefCell;
use std::collections::BTreeSet;

use super::*;

const KEY: &str = "0123456789abcdef-key";

fn load(pairs: &[(&str, &str)]) -> Result<Config, ConfigError> {
    Config::load(|name| pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()))
}

fn mistakes(pairs: &[(&str, &str)]) -> Vec<String> {
    load(pairs).expect_err("wrong settings").to_string().lines().map(ToOwned::to_owned).collect()
}

#[test]
fn nothing_needs_to_be_set() {
    let config = load(&[]).unwrap();
    assert!(config.openai_api_key.is_none() && config.api_keys.is_empty() && config.warnings().is_empty());
    assert_eq!(config.openai_realtime_model, "gpt-realtime-2.1");
    assert_eq!(config.openai_realtime_endpoint.as_str(), "wss://api.openai.com/v1/realtime");
    assert_eq!((config.host.to_string().as_str(), config.port), ("127.0.0.1", 7070));
    assert_eq!(config.default_persona.as_str(), "waiter");
    assert_eq!((config.personas_dir, config.data_dir), ("personas".into(), "data".into()));
    assert_eq!((config.max_calls, config.log_replies), (1000, false));
    assert_eq!(config.log_filter, "warn,ai_realtime=info");
}

#[test]
fn durations_are_seconds_and_may_be_fractions() {
    let config = load(&[
        ("TURN_TIMEOUT_SECONDS", "0.25"),
        ("TEXT_CALL_IDLE_SECONDS", "120"),
        ("DRAIN_SECONDS", "0"),
        ("MODEL_CONNECT_SECONDS", "1.5"),
    ])
    .unwrap();
    assert_eq!(config.turn_timeout(), Duration::from_millis(250));
    assert_eq!(config.text_call_idle(), Duration::from_secs(120));
    assert_eq!(config.drain(), Duration::ZERO);
    assert_eq!(config.model_connect(), Duration::from_millis(1500));
}

#[test]
fn an_empty_value_is_no_value() {
    let config =
        load(&[("OPENAI_API_KEY", "  "), ("PORT", ""), ("HOST", "\n"), ("LOG_REPLIES", "")]).unwrap();
    assert!(config.openai_api_key.is_none());
    assert_eq!(config.port, 7070);
}

#[test]
fn a_wrong_value_is_one_line_that_names_it_and_says_what_is_right() {
    assert_eq!(
        mistakes(&[("PORT", "70000")]),
        ["PORT is \"70000\": use a whole number from 0 to 65535; 0 picks a free port"]
    );
    assert_eq!(mistakes(&[("MAX_CALLS", "0")]), ["MAX_CALLS is \"0\": use a whole number from 1 to 10000"]);
    assert_eq!(
        mistakes(&[("MAX_CALLS", "many")]),
        ["MAX_CALLS is \"many\": use a whole number from 1 to 10000"]
    );
    assert_eq!(
        mistakes(&[("TURN_TIMEOUT_SECONDS", "601")]),
        ["TURN_TIMEOUT_SECONDS is \"601\": use a number of seconds from 0.05 to 600"]
    );
}

#[test]
fn every_setting_refuses_what_it_cannot_use() {
    for (name, wrong) in [
        ("PORT", "-1"),
        ("PORT", "http"),
        ("HOST", "nowhere.example"),
        ("HOST", "127.0.0.1:80"),
        ("DEFAULT_PERSONA", "../waiter"),
        ("OPENAI_REALTIME_MODEL", "gpt realtime"),
        ("OPENAI_REALTIME_ENDPOINT", "https://api.openai.com/v1/realtime"),
        ("OPENAI_REALTIME_ENDPOINT", "api.openai.com"),
        ("OPENAI_REALTIME_ENDPOINT", "wss://"),
        ("OPENAI_REALTIME_ENDPOINT", "wss://api.openai.com/v1/realtime#x"),
        ("LOG_LEVEL", "verbose"),
        ("LOG_LEVEL", "ai_realtime=loud"),
        ("LOG_REPLIES", "maybe"),
        ("AI_REALTIME_ALLOW_ANONYMOUS", "yes please"),
        ("MAX_CALLS", "10001"),
        ("DRAIN_SECONDS", "-1"),
        ("DRAIN_SECONDS", "3601"),
        ("TEXT_CALL_IDLE_SECONDS", "0"),
        ("TEXT_CALL_IDLE_SECONDS", "NaN"),
        ("TURN_TIMEOUT_SECONDS", "inf"),
        ("TURN_TIMEOUT_SECONDS", "1m"),
        ("MODEL_CONNECT_SECONDS", "61"),
        ("MODEL_PING_SECONDS", "0.1"),
        ("PUBLIC_URL", "wss://voice.example.com"),
        ("PUBLIC_URL", "voice.example.com"),
        ("PUBLIC_URL", "https://voice.example.com/?a=1"),
        ("PUBLIC_URL", "https://voice.example.com/#x"),
        ("TWILIO_ACCOUNT_SID", "AC123"),
        ("TWILIO_ACCOUNT_SID", "SK0123456789abcdef0123456789abcdef"),
        ("TWILIO_API_BASE", "api.twilio.com"),
        ("TWILIO_PHONE_NUMBER", "0035621234567"),
        ("TRANSFER_NUMBER", "+0123"),
        ("TRANSFER_NUMBER", "client:desk"),
        ("TWILIO_AUDIO_QUEUE_SIZE", "4"),
        ("TWILIO_AUDIO_QUEUE_SIZE", "3001"),
        ("TWILIO_ALLOW_UNSIGNED", "sometimes"),
    ] {
        let lines = mistakes(&[(name, wrong)]);
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(lines[0].starts_with(&format!("{name} is {wrong:?}: use ")), "{lines:?}");
    }
}

#[test]
fn all_mistakes_are_told_at_once() {
    let lines = mistakes(&[("PORT", "x"), ("MAX_CALLS", "0"), ("HOST", "here"), ("LOG_LEVEL", "loud")]);
    assert_eq!(lines.len(), 4, "{lines:?}");
}

#[test]
fn a_secret_is_never_shown_neither_in_a_mistake_nor_in_debug() {
    for (name, secret) in [
        ("OPENAI_API_KEY", "sk-hidden with a space"),
        ("AI_REALTIME_API_KEYS", "hidden"),
        ("OPENAI_REALTIME_ENDPOINT", "wss://user:hidden@example.com/v1"),
        ("OPENAI_REALTIME_ENDPOINT", "https://user:hidden@example.com:port"),
        ("PUBLIC_URL", "https://user:hidden@example.com"),
        ("TWILIO_API_BASE", "https://user:hidden@example.com:port"),
        ("TWILIO_AUTH_TOKEN", "hidden"),
        ("TWILIO_AUTH_TOKEN", "12345678901234567890123456789012, hidden"),
        ("TWILIO_AUTH_TOKEN", ","),
        ("TWILIO_WEBHOOK_KEYS", "hidden-without-an-id"),
        ("TWILIO_WEBHOOK_KEYS", "id:hidden with a space"),
    ] {
        let lines = mistakes(&[(name, secret)]);
        assert_eq!(lines.len(), 1);
        assert!(lines[0].starts_with(name) && !lines[0].contains("hidden"), "{lines:?}");
    }
    let config = load(&[
        ("OPENAI_API_KEY", "sk-hidden"),
        ("AI_REALTIME_API_KEYS", "hidden-0123456789"),
        ("TWILIO_AUTH_TOKEN", "hidden-0123456789"),
        ("TWILIO_WEBHOOK_KEYS", "id:hidden-0123456789"),
    ])
    .unwrap();
    assert!(!format!("{config:?}").contains("hidden"));
}

#[test]
fn beyond_loopback_a_key_or_a_written_consent_is_needed() {
    for open in ["0.0.0.0", "::", "192.168.1.7"] {
        let lines = mistakes(&[("HOST", open)]);
        assert_eq!(lines.len(), 1);
        assert!(
            lines[0].starts_with(&format!("HOST is {open:?}: without AI_REALTIME_API_KEYS")),
            "{lines:?}"
        );
        assert!(load(&[("HOST", open), ("AI_REALTIME_API_KEYS", KEY)]).unwrap().warnings().is_empty());
        let config = load(&[("HOST", open), ("AI_REALTIME_ALLOW_ANONYMOUS", "true")]).unwrap();
        assert!(config.warnings()[0].contains("anyone"), "{:?}", config.warnings());
    }
    for loopback in ["127.0.0.1", "127.1.2.3", "::1", "localhost"] {
        assert!(load(&[("HOST", loopback)]).is_ok(), "{loopback}");
    }
}

#[test]
fn a_level_alone_is_for_our_own_lines() {
    let filter = |text: &str| load(&[("LOG_LEVEL", text)]).unwrap().log_filter;
    assert_eq!(filter("DEBUG"), "warn,ai_realtime=debug");
    assert_eq!(filter("off"), "off");
    assert_eq!(filter("info,ai_realtime::call=trace"), "info,ai_realtime::call=trace");
}

#[test]
fn what_may_not_be_meant_is_said() {
    let warnings = |pairs: &[(&str, &str)]| load(pairs).unwrap().warnings().join("\n");
    let endpoint = ("OPENAI_REALTIME_ENDPOINT", "ws://model.example/v1");
    assert!(warnings(&[endpoint]).contains("no OPENAI_API_KEY"));
    assert!(warnings(&[endpoint, ("OPENAI_API_KEY", "sk-x")]).contains("unencrypted"));
    let local = ("OPENAI_REALTIME_ENDPOINT", "ws://127.0.0.1:9099/v1/realtime");
    assert_eq!(warnings(&[local, ("OPENAI_API_KEY", "sk-x")]), "");
    let unsigned = ("TWILIO_ALLOW_UNSIGNED", "true");
    assert!(warnings(&[unsigned]).contains("can begin calls"));
    let token = ("TWILIO_AUTH_TOKEN", "12345678901234567890123456789012");
    assert!(warnings(&[token]).contains("no TWILIO_ACCOUNT_SID"));
    let account = ("TWILIO_ACCOUNT_SID", "AC0123456789abcdef0123456789abcdef");
    assert_eq!(warnings(&[token, account]), "");
    assert!(warnings(&[token, account, unsigned]).contains("TWILIO_AUTH_TOKEN is set: every request"));
    let keys = ("TWILIO_WEBHOOK_KEYS", "id:secret");
    assert!(warnings(&[keys, unsigned]).contains("TWILIO_WEBHOOK_KEYS are set: every request"));
    assert!(
        warnings(&[keys, account])
            .contains("TWILIO_WEBHOOK_KEYS are set, but there is no TWILIO_AUTH_TOKEN:")
    );
    assert!(warnings(&[keys]).contains("no TWILIO_AUTH_TOKEN and no TWILIO_ACCOUNT_SID"));
    assert!(warnings(&[("TWILIO_API_BASE", "http://twilio.example")]).contains("unencrypted"));
    assert!(warnings(&[("SUPABASE_SERVICE_ROLE_KEY", "k")]).contains("the embedded store serves"));
}

#[test]
fn several_tokens_may_be_in_force_while_they_change() {
    use secrecy::ExposeSecret;

    let tokens = load(&[("TWILIO_AUTH_TOKEN", "first-0123456789abcdef, second-0123456789abcdef,")]).unwrap();
    let tokens: Vec<_> =
        tokens.phone.auth_tokens.iter().map(|token| token.expose_secret().to_owned()).collect();
    assert_eq!(tokens, ["first-0123456789abcdef", "second-0123456789abcdef"]);
    let keys =
        load(&[("TWILIO_WEBHOOK_KEYS", "one:a-secret:with-a-colon,two:b")]).unwrap().phone.webhook_keys;
    assert_eq!((keys[0].0.as_str(), keys[0].1.expose_secret()), ("one", "a-secret:with-a-colon"));
    assert_eq!(keys.len(), 2);
}

#[test]
fn requests_of_twilio_are_unsigned_only_on_this_machine_and_only_without_a_token() {
    let unsigned = ("TWILIO_ALLOW_UNSIGNED", "true");
    let token = ("TWILIO_AUTH_TOKEN", "12345678901234567890123456789012");
    let trust = |pairs: &[(&str, &str)]| load(pairs).unwrap().phone.trust();
    assert_eq!(trust(&[]), WebhookTrust::NotConfigured);
    assert_eq!(trust(&[unsigned]), WebhookTrust::Unsigned);
    assert_eq!(trust(&[unsigned, token]), WebhookTrust::Signed);
    assert_eq!(trust(&[("TWILIO_WEBHOOK_KEYS", "id:secret"), unsigned]), WebhookTrust::Signed);
    for more in [token, ("AI_REALTIME_ALLOW_ANONYMOUS", "true")] {
        let lines = mistakes(&[unsigned, ("HOST", "0.0.0.0"), ("AI_REALTIME_API_KEYS", KEY), more]);
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(lines[0].starts_with("TWILIO_ALLOW_UNSIGNED is \"true\": it is for trials"), "{lines:?}");
    }
    for public in ["https://voice.example.com", "http://192.168.1.7:7070"] {
        let lines = mistakes(&[unsigned, ("PUBLIC_URL", public)]);
        assert!(lines.len() == 1 && lines[0].contains("PUBLIC_URL leads here from elsewhere"), "{lines:?}");
        assert_eq!(trust(&[unsigned, token, ("PUBLIC_URL", public)]), WebhookTrust::Signed);
    }
    for local in ["http://localhost:7070", "http://127.0.0.1:7070", "http://[::1]:7070"] {
        assert_eq!(trust(&[unsigned, ("PUBLIC_URL", local)]), WebhookTrust::Unsigned);
    }
}

#[test]
fn a_host_is_loopback_with_and_without_its_port() {
    assert!(
        ["localhost", "LOCALHOST:7070", "127.0.0.1", "127.1.2.3:1", "[::1]:7070"]
            .into_iter()
            .all(is_loopback_host)
    );
    let others =
        ["", "voice.example.com", "127.0.0.1.example.com", "127.0.0.1@example.com", "0.0.0.0", "[::]"];
    assert!(!others.into_iter().any(is_loopback_host));
}

#[test]
fn providers_reach_us_where_it_is_said_or_where_the_service_listens() {
    let listens_at =
        |address: &str| load(&[]).unwrap().phone.public_url(address.parse().unwrap()).to_string();
    assert_eq!(listens_at("127.0.0.1:7171"), "http://127.0.0.1:7171/");
    assert_eq!(listens_at("0.0.0.0:7171"), "http://127.0.0.1:7171/");
    assert_eq!(listens_at("[::1]:80"), "http://[::1]/");
    let said = load(&[("PUBLIC_URL", "https://voice.example.com/phone/")]).unwrap().phone;
    let url = said.public_url("127.0.0.1:7070".parse().unwrap());
    assert_eq!(url.as_str(), "https://voice.example.com/phone/");
}

#[test]
fn the_example_file_holds_every_variable_with_its_default() {
    let asked = RefCell::new(BTreeSet::new());
    Config::load(|name| {
        asked.borrow_mut().insert(name.to_owned());
        None
    })
    .unwrap();
    let shown = example_lines().map(|(name, _)| name.to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(shown, asked.into_inner());

    // Uncommented as a whole, it changes nothing: what it shows are the defaults.
    let example = Config::load(|name| {
        example_lines().find(|(known, _)| *known == name).map(|(_, value)| value.to_owned())
    });
    assert_eq!(format!("{:?}", example.unwrap().without_warnings()), format!("{:?}", load(&[]).unwrap()));
}

fn example_lines() -> impl Iterator<Item = (&'static str, &'static str)> {
    include_str!("../../.env.example").lines().filter_map(|line| {
        let (name, value) = line.trim_start_matches('#').split_once('=')?;
        let is_name = name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
        is_name.then_some((name, value))
    })
}

impl Config {
    fn without_warnings(mut self) -> Self {
        self.warnings.clear();
        self
    }
}
