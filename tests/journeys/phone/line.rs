//! What journeys over the phone stand on: a service with its phone, a caller, and the journal of the call.

use std::fs;

use ai_realtime::caller::{Caller, CallerBuilder, Exchange, ExchangeOptions, Line, Moment, TimelineEvent};
use ai_realtime::rehearsal::speech::normal_form;
use secrecy::SecretString;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::house::{DEADLINE, Events, Service, personas};

/// How much faster than life a call runs: both ends and the line between them.
pub const PACE: f64 = 8.0;
/// The token of the journeys' Twilio account.
pub const TOKEN: &str = "journey-token-0123456789abcdef";
/// That account.
pub const ACCOUNT: &str = "AC0123456789abcdef0123456789abcdef";
/// The number the service calls from.
pub const OUR_NUMBER: &str = "+18005551212";
/// The human callers are put through to.
pub const HUMAN: &str = "+35621000001";
/// A demo business with a greeting of its own.
pub const VALLETTA: &str = "+35670000001";
/// A demo business without.
pub const KIGALI: &str = "+250700000001";
/// Its id; callers of [`OUR_NUMBER`] are its callers.
pub const KIGALI_ID: &str = "agaseke-kigali";
/// How the waiter greets.
pub const GREETING: &str = "Welcome! What can I get you today?";

/// A service with its phone, and perhaps Twilio's REST API.
pub struct Phone {
    pub service: Service,
    pub exchange: Option<Exchange>,
    is_signed: bool,
}

/// A home in which each of these texts of the waiter's file is replaced by the other.
pub fn waiter_with(changes: &[(&str, &str)]) -> TempDir {
    let home = tempfile::tempdir().unwrap();
    let file = personas(home.path()).join("waiter.md");
    let text = changes.iter().fold(fs::read_to_string(&file).unwrap(), |text, (old, new)| {
        assert!(text.contains(old), "the waiter's file does not say {old}");
        text.replacen(old, new, 1)
    });
    fs::write(file, text).unwrap();
    home
}

/// A home in which the waiter has these manners on the phone besides.
pub fn waiter_who(manners: &str) -> TempDir {
    waiter_with(&[("[phone]\n", &format!("[phone]\n{manners}\n"))])
}

impl Phone {
    /// A phone for trials: nothing is signed, and nothing can be asked of Twilio.
    pub async fn plain() -> Self {
        Self::plain_at(tempfile::tempdir().unwrap(), Vec::new()).await
    }

    pub async fn plain_at(home: TempDir, settings: Vec<(&'static str, String)>) -> Self {
        let mut all =
            vec![("TWILIO_ALLOW_UNSIGNED", "true".to_owned()), ("DEFAULT_BUSINESS", KIGALI_ID.to_owned())];
        all.extend(settings);
        Self { service: Service::start_at(home, all).await, exchange: None, is_signed: false }
    }

    /// A phone with an account at Twilio's: everything is signed, and calls can be changed, ended and placed.
    pub async fn connected() -> Self {
        Self::connected_at(tempfile::tempdir().unwrap(), Vec::new()).await
    }

    pub async fn connected_at(home: TempDir, settings: Vec<(&'static str, String)>) -> Self {
        let options = ExchangeOptions { pace: PACE, ..ExchangeOptions::new(ACCOUNT, TOKEN.into()) };
        let exchange = Exchange::start(options).await.unwrap();
        let mut all = vec![
            ("TWILIO_AUTH_TOKEN", TOKEN.to_owned()),
            ("TWILIO_ACCOUNT_SID", ACCOUNT.to_owned()),
            ("TWILIO_API_BASE", exchange.url()),
            ("TWILIO_PHONE_NUMBER", OUR_NUMBER.to_owned()),
            ("TRANSFER_NUMBER", HUMAN.to_owned()),
            ("DEFAULT_BUSINESS", KIGALI_ID.to_owned()),
        ];
        all.extend(settings);
        Self { service: Service::start_at(home, all).await, exchange: Some(exchange), is_signed: true }
    }

    pub fn exchange(&self) -> &Exchange {
        self.exchange.as_ref().expect("the phone is connected")
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}/api/twilio/{path}", self.service.client.base)
    }

    /// Someone who is about to call.
    pub fn caller(&self) -> CallerBuilder {
        let caller = Caller::builder(&self.url("voice")).pace(PACE).to(OUR_NUMBER);
        let caller = if self.is_signed { caller.token(SecretString::from(TOKEN)) } else { caller };
        match &self.exchange {
            Some(exchange) => caller.exchange(exchange),
            None => caller,
        }
    }

    /// Someone calls.
    pub async fn call(&self) -> OnThePhone {
        self.answered(self.caller().dial().await.unwrap()).await
    }

    /// Someone calls, and is greeted by the waiter.
    pub async fn greeted(&self) -> OnThePhone {
        let on = self.call().await;
        on.hears("today?").await;
        on
    }

    /// A call that was answered, with its journal.
    pub async fn answered(&self, line: Line) -> OnThePhone {
        let journal = self.service.client.follow(line.call_sid(), None).await;
        OnThePhone { line, journal, seen: Vec::new() }
    }
}

/// A call under way: what the caller notices, and what the journal says.
pub struct OnThePhone {
    pub line: Line,
    pub journal: Events,
    /// What was read of the journal.
    pub seen: Vec<Value>,
}

impl OnThePhone {
    /// Waits until the caller has heard these words.
    pub async fn hears(&self, words: &str) -> String {
        self.line.until_heard(&normal_form(words), DEADLINE).await.unwrap()
    }

    /// The caller says something and hears the whole answer.
    pub async fn asks(&self, text: &str) -> String {
        self.line.ask(text, DEADLINE).await.unwrap()
    }

    /// Waits for something on the caller's side.
    pub async fn notices(&self, awaited: &str, wanted: impl Fn(&TimelineEvent) -> bool) -> Moment {
        self.line.until_event(awaited, DEADLINE, wanted).await.unwrap()
    }

    /// Waits until the service cleared the line, so often in all.
    pub async fn is_cleared(&self, times: usize) {
        self.until_noticed(times, |event| matches!(event, TimelineEvent::Cleared { .. })).await;
    }

    /// How often the service cleared the line.
    pub fn clears(&self) -> usize {
        self.noticed(|event| matches!(event, TimelineEvent::Cleared { .. })).len()
    }

    /// Waits until so many streams have been there in all; gives when they began.
    pub async fn has_streams(&self, times: usize) -> Vec<Moment> {
        self.until_noticed(times, |event| matches!(event, TimelineEvent::StreamStarted { .. })).await
    }

    /// What of that kind has happened on the caller's side.
    pub fn noticed(&self, wanted: impl Fn(&TimelineEvent) -> bool) -> Vec<Moment> {
        self.line.events().into_iter().filter(|moment| wanted(&moment.event)).collect()
    }

    async fn until_noticed(&self, times: usize, wanted: impl Fn(&TimelineEvent) -> bool) -> Vec<Moment> {
        loop {
            let seen = self.line.events().len();
            let found = self.noticed(&wanted);
            if found.len() >= times {
                return found;
            }
            self.line.until_more(seen, DEADLINE).await.unwrap();
        }
    }

    /// The next event of a type in the journal.
    pub async fn journaled(&mut self, kind: &str) -> Value {
        self.journaled_where(kind, |_| true).await
    }

    /// The next event of a type in the journal of which this holds.
    pub async fn journaled_where(&mut self, kind: &str, holds: impl Fn(&Value) -> bool) -> Value {
        while let Some(event) = self.journal.next().await {
            self.seen.push(event.clone());
            if event["type"] == kind && holds(&event) {
                return event;
            }
        }
        panic!("the journal ended without {kind}:\n{}", self.told());
    }

    /// What was read of the journal, a line for each event.
    pub fn told(&self) -> String {
        let spoken = self.seen.iter().filter(|event| event["type"] != "assistant.delta");
        spoken.map(|event| format!("{event}\n")).collect()
    }

    /// Reads the journal to its end: why the call ended.
    pub async fn ended(&mut self) -> Value {
        let reason = self.journaled("call.ended").await["reason"].clone();
        assert!(self.journal.next().await.is_none(), "nothing comes after the end");
        reason
    }

    /// What was read of the journal, by type.
    pub fn read(&self, kind: &str) -> Vec<&Value> {
        self.seen.iter().filter(|event| event["type"] == kind).collect()
    }

    /// The texts of those events.
    pub fn texts(&self, kind: &str) -> Vec<String> {
        self.read(kind).iter().map(|event| event["text"].as_str().unwrap().to_owned()).collect()
    }

    /// The caller's transcript, as the API shows it.
    pub async fn transcript(&self, phone: &Phone) -> Vec<Value> {
        let (status, call) = phone.service.client.get(&format!("/ai/calls/{}", self.line.call_sid())).await;
        assert_eq!(status, 200, "{call}");
        call["transcript"].as_array().unwrap().clone()
    }

    /// Hangs up, and gives the reason the journal has for the end.
    pub async fn hangs_up(&mut self) -> Value {
        self.line.hang_up().await;
        self.ended().await
    }
}

/// A text as it is heard.
pub fn aloud(text: &str) -> String {
    normal_form(text).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether what the caller heard is this text. Between two messages there may be a pause, or none; and where two pieces
/// of audio meet, a moment's delay, which at this pace is several times as long, may cost the letter at the seam.
#[track_caller]
pub fn assert_heard(heard: &str, text: &str) {
    let letters = |text: &str| aloud(text).chars().filter(|letter| *letter != ' ').collect::<Vec<_>>();
    let (ear, said) = (letters(heard), letters(text));
    let lost = distance(&ear, &said);
    assert!(lost <= 1 + said.len() / 50, "{lost} letters differ:\n{}\n{}", aloud(heard), aloud(text));
}

/// How many letters have to be put in, taken out or changed to make one of the other.
fn distance(one: &[char], other: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (at, letter) in one.iter().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], at + 1);
        for (place, known) in other.iter().enumerate() {
            let change = diagonal + usize::from(letter != known);
            diagonal = row[place + 1];
            row[place + 1] = change.min(diagonal + 1).min(row[place] + 1);
        }
    }
    row[other.len()]
}

/// The words of a text.
pub fn words(text: &str) -> Vec<String> {
    aloud(text).split(' ').filter(|word| !word.is_empty()).map(ToOwned::to_owned).collect()
}

/// The parameters of a message.
pub fn message(sid: &str, from: &str, body: &str) -> Vec<(String, String)> {
    let fields = json!({"MessageSid": sid, "AccountSid": ACCOUNT, "From": from, "To": OUR_NUMBER, "Body": body, "NumMedia": "0"});
    fields
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()))
        .collect()
}
