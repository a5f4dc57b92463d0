//! The settings of the phone: where Twilio reaches us, what it proves itself with, and what we ask of it.

use std::net::SocketAddr;

use secrecy::SecretString;
use url::Url;

use super::source::Source;
use super::{is_loopback_url, parse_to, read_switch};

const DEFAULT_API_BASE: &str = "https://api.twilio.com";
const PUBLIC_URL_ALLOWED: &str = "use an https:// or http:// URL without user name, password, query or fragment, such \
                                  as https://voice.example.com";
const API_BASE_ALLOWED: &str = "use an https:// or http:// URL without user name, password, query or fragment, such \
                                as https://api.twilio.com";
const ACCOUNT_SID_ALLOWED: &str = "use the account's SID as Twilio shows it: AC and 32 hexadecimal digits";
const AUTH_TOKEN_ALLOWED: &str = "use the account's auth token as Twilio shows it, or several parted by commas: 16 to \
                                  128 ASCII characters each, without spaces";
const WEBHOOK_KEYS_ALLOWED: &str = "use id:secret, or several of them parted by commas, with the ids as Twilio shows \
                                    them and without spaces";
const NUMBER_ALLOWED: &str = "use a number in international form, such as +35621234567";
const QUEUE_ALLOWED: &str = "use a whole number of frames of 20 ms from 5 to 3000";
const UNSIGNED_REFUSED: &str = "it is for trials on one machine, and HOST is no loopback address: set \
                                TWILIO_AUTH_TOKEN, or HOST=127.0.0.1";
const UNSIGNED_IN_PUBLIC: &str = "it is for trials on one machine, and PUBLIC_URL leads here from elsewhere: set \
                                  TWILIO_AUTH_TOKEN, or take PUBLIC_URL away";

/// How many tokens or keys may be in force; each request is compared with all of them.
const MAX_SECRETS: usize = 16;

/// The settings of the phone that are in force. A field is named as its variable, in lower case.
#[derive(Debug, Clone)]
pub struct PhoneSettings {
    /// `PUBLIC_URL`: what providers reach us by. Default: where the service listens.
    pub public_url: Option<Url>,
    /// `PUBLIC_URL` to the letter, without a `/` at its end: Twilio signs a URL as it was written there.
    pub public_url_as_written: Option<String>,
    /// `TWILIO_ACCOUNT_SID`. Without it nothing can be asked of Twilio.
    pub account_sid: Option<String>,
    /// `TWILIO_AUTH_TOKEN`: the tokens a request may be signed with; the first is the one we show ourselves by.
    pub auth_tokens: Vec<SecretString>,
    /// `TWILIO_WEBHOOK_KEYS`: shared keys a request may be signed with, by their ids.
    pub webhook_keys: Vec<(String, SecretString)>,
    /// `TWILIO_API_BASE`: where Twilio's REST API is. Default `https://api.twilio.com`.
    pub api_base: Url,
    /// `TWILIO_PHONE_NUMBER`: the number we call from.
    pub phone_number: Option<String>,
    /// `TRANSFER_NUMBER`: the human callers are put through to, unless their business names another.
    pub transfer_number: Option<String>,
    /// `TWILIO_AUDIO_QUEUE_SIZE`: frames of 20 ms that wait for a caller at most. Default 500.
    pub audio_queue_frames: usize,
    /// `TWILIO_ALLOW_UNSIGNED`: take requests without a signature, for trials on one machine. Default false.
    pub allow_unsigned: bool,
}

/// How a request of Twilio's is told from one of anybody else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WebhookTrust {
    /// It is signed.
    Signed,
    /// It is not: nothing but this machine can send one.
    Unsigned,
    /// There is no token to check it with: it is refused.
    NotConfigured,
}

impl PhoneSettings {
    pub(super) fn read(source: &mut Source<impl Fn(&str) -> Option<String>>) -> Self {
        Self {
            public_url: read_url(source, "PUBLIC_URL", PUBLIC_URL_ALLOWED),
            public_url_as_written: source.text("PUBLIC_URL").map(|url| url.trim_end_matches('/').to_owned()),
            account_sid: source.read("TWILIO_ACCOUNT_SID", None, ACCOUNT_SID_ALLOWED, |text| {
                is_account_sid(text).then(|| Some(text.to_owned()))
            }),
            auth_tokens: read_tokens(source),
            webhook_keys: read_webhook_keys(source),
            api_base: read_url(source, "TWILIO_API_BASE", API_BASE_ALLOWED).unwrap_or_else(default_api_base),
            phone_number: read_number(source, "TWILIO_PHONE_NUMBER"),
            transfer_number: read_number(source, "TRANSFER_NUMBER"),
            audio_queue_frames: source.read("TWILIO_AUDIO_QUEUE_SIZE", 500, QUEUE_ALLOWED, |text| {
                parse_to(text).filter(|frames| (5..=3000).contains(frames))
            }),
            allow_unsigned: read_switch(source, "TWILIO_ALLOW_UNSIGNED"),
        }
    }

    /// Refuses what may not go together.
    pub(super) fn check(&self, is_loopback: bool, source: &mut Source<impl Fn(&str) -> Option<String>>) {
        if self.allow_unsigned && !is_loopback {
            source.refuse("TWILIO_ALLOW_UNSIGNED", UNSIGNED_REFUSED);
        } else if self.trust() == WebhookTrust::Unsigned
            && self.public_url.as_ref().is_some_and(|url| !is_loopback_url(url))
        {
            source.refuse("TWILIO_ALLOW_UNSIGNED", UNSIGNED_IN_PUBLIC);
        }
    }

    /// Whether callers can reach the service by phone.
    pub fn takes_calls(&self) -> bool {
        self.trust() != WebhookTrust::NotConfigured
    }

    /// How requests of Twilio's are known.
    pub fn trust(&self) -> WebhookTrust {
        if !self.auth_tokens.is_empty() || !self.webhook_keys.is_empty() {
            WebhookTrust::Signed
        } else if self.allow_unsigned {
            WebhookTrust::Unsigned
        } else {
            WebhookTrust::NotConfigured
        }
    }

    /// What providers reach us by: `PUBLIC_URL`, or where the service listens.
    pub fn public_url(&self, listens_at: SocketAddr) -> Url {
        self.public_url.clone().unwrap_or_else(|| listening_url(listens_at))
    }

    pub(super) fn find_warnings(&self, warnings: &mut Vec<String>) {
        match self.trust() {
            WebhookTrust::Unsigned => warnings.push(
                "TWILIO_ALLOW_UNSIGNED is true and there is no TWILIO_AUTH_TOKEN: whoever reaches this machine's \
                 loopback can begin calls"
                    .to_owned(),
            ),
            WebhookTrust::Signed => self.find_warnings_of_signed(warnings),
            WebhookTrust::NotConfigured => {}
        }
        if self.api_base.scheme() == "http" && !is_loopback_url(&self.api_base) {
            warnings.push("TWILIO_API_BASE is an http:// URL: the auth token travels unencrypted".to_owned());
        }
    }

    fn find_warnings_of_signed(&self, warnings: &mut Vec<String>) {
        let (proof, missing) = match (self.auth_tokens.is_empty(), self.account_sid.is_none()) {
            (false, false) => ("TWILIO_AUTH_TOKEN is", None),
            (false, true) => ("TWILIO_AUTH_TOKEN is", Some("TWILIO_ACCOUNT_SID")),
            (true, false) => ("TWILIO_WEBHOOK_KEYS are", Some("TWILIO_AUTH_TOKEN")),
            (true, true) => ("TWILIO_WEBHOOK_KEYS are", Some("TWILIO_AUTH_TOKEN and no TWILIO_ACCOUNT_SID")),
        };
        if self.allow_unsigned {
            warnings.push(format!(
                "TWILIO_ALLOW_UNSIGNED is true, but {proof} set: every request of Twilio's must be signed"
            ));
        }
        if let Some(missing) = missing {
            warnings.push(format!(
                "{proof} set, but there is no {missing}: calls cannot be placed, ended or transferred from here"
            ));
        }
    }
}

/// Whether a host, as it stands in a URL or in `Host` and with its port if it has one, is this machine's loopback.
pub fn is_loopback_host(host: &str) -> bool {
    Url::parse(&format!("http://{host}/")).is_ok_and(|url| is_loopback_url(&url))
}

/// `http://` and where the service listens; an address that stands for all of them is told as loopback.
fn listening_url(address: SocketAddr) -> Url {
    let mut address = address;
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        });
    }
    Url::parse(&format!("http://{address}")).unwrap_or_else(|_| default_api_base())
}

#[expect(clippy::expect_used, reason = "a constant, and a test loads it")]
fn default_api_base() -> Url {
    Url::parse(DEFAULT_API_BASE).expect("the default base is a URL")
}

fn read_url(source: &mut Source<impl Fn(&str) -> Option<String>>, name: &str, allowed: &str) -> Option<Url> {
    let text = source.text(name)?;
    let url = Url::parse(&text).ok();
    let has_password = url.as_ref().is_some_and(|url| !url.username().is_empty() || url.password().is_some());
    // What cannot be parsed may still hold a password; one can only have stood before an `@`.
    if has_password || (url.is_none() && text.contains('@')) {
        source.refuse_secret(name, allowed);
        return None;
    }
    let url = url.filter(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.host_str().is_some()
            && url.query().is_none()
            && url.fragment().is_none()
    });
    if url.is_none() {
        source.refuse(name, allowed);
    }
    url
}

fn read_tokens(source: &mut Source<impl Fn(&str) -> Option<String>>) -> Vec<SecretString> {
    let name = "TWILIO_AUTH_TOKEN";
    let Some(list) = source.text(name) else {
        return Vec::new();
    };
    let tokens: Vec<&str> = parted(&list).collect();
    let good =
        |token: &&str| (16..=128).contains(&token.len()) && token.bytes().all(|b| b.is_ascii_graphic());
    if tokens.is_empty() || tokens.len() > MAX_SECRETS || !tokens.iter().all(good) {
        source.refuse_secret(name, AUTH_TOKEN_ALLOWED);
    }
    tokens.into_iter().map(SecretString::from).collect()
}

fn read_webhook_keys(source: &mut Source<impl Fn(&str) -> Option<String>>) -> Vec<(String, SecretString)> {
    let name = "TWILIO_WEBHOOK_KEYS";
    let Some(list) = source.text(name) else {
        return Vec::new();
    };
    let plain =
        |text: &str| (1..=256).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    let keys: Option<Vec<_>> = parted(&list)
        .map(|key| {
            let (id, secret) = key.split_once(':').filter(|(id, secret)| plain(id) && plain(secret))?;
            Some((id.to_owned(), SecretString::from(secret)))
        })
        .collect();
    keys.filter(|keys| (1..=MAX_SECRETS).contains(&keys.len())).unwrap_or_else(|| {
        source.refuse_secret(name, WEBHOOK_KEYS_ALLOWED);
        Vec::new()
    })
}

fn read_number(source: &mut Source<impl Fn(&str) -> Option<String>>, name: &str) -> Option<String> {
    source.read(name, None, NUMBER_ALLOWED, |text| is_e164(text).then(|| Some(text.to_owned())))
}

fn parted(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim).filter(|part| !part.is_empty())
}

fn is_account_sid(text: &str) -> bool {
    text.strip_prefix("AC")
        .is_some_and(|rest| rest.len() == 32 && rest.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// Whether a text is a phone number in international form (E.164): `+`, then 2 to 15 digits, the first no zero.
pub fn is_e164(text: &str) -> bool {
    text.strip_prefix('+').is_some_and(|digits| {
        (2..=15).contains(&digits.len())
            && digits.bytes().all(|byte| byte.is_ascii_digit())
            && !digits.starts_with('0')
    })
}
