//! A service with its phone, signed for by Twilio's own rules, and a Twilio that its calls can be changed at.

use ai_realtime::caller::{Caller, CallerBuilder, Exchange, ExchangeOptions, Line, TimelineEvent};
use ai_realtime::rehearsal::speech::normal_form;

use crate::bench::{DEADLINE, Judge, Service};

/// How much faster than life calls run.
const PACE: f64 = 8.0;
/// What Twilio knows the service by; nobody is there.
pub(crate) const PUBLIC_URL: &str = "https://voice.example.com";
pub(crate) const TOKEN: &str = "peer-token-0123456789abcdef";
pub(crate) const ACCOUNT: &str = "AC0123456789abcdef0123456789abcdef";
/// The number the service calls from.
pub(crate) const OUR_NUMBER: &str = "+18005551212";
/// The human callers are put through to.
const HUMAN: &str = "+35621000001";

/// A service with its phone.
pub(crate) struct Phone {
    pub(crate) service: Service,
    pub(crate) exchange: Exchange,
}

impl Phone {
    /// With the built-in model.
    pub(crate) async fn start(more: &[(&str, String)]) -> Self {
        // Outbound calls find the service once it is there: by then its address is known to nobody but itself.
        let exchange = exchange().await;
        let service = Service::start(&[settings(&exchange), more.to_vec()].concat()).await;
        Self { service, exchange }
    }

    /// With a model that a judge stands before.
    pub(crate) async fn start_before(judge: &Judge, more: &[(&str, String)]) -> Self {
        let exchange = exchange().await;
        let service = Service::start_before(judge, &[settings(&exchange), more.to_vec()].concat()).await;
        Self { service, exchange }
    }

    /// The service's own address of something Twilio asks for.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}/api/twilio/{path}", self.service.base)
    }

    /// Someone who is about to call.
    pub(crate) fn caller(&self) -> CallerBuilder {
        let caller = Caller::builder(&self.url("voice")).token(TOKEN.into()).public_url(PUBLIC_URL);
        caller.pace(PACE).to(OUR_NUMBER).exchange(&self.exchange)
    }

    /// Someone calls, and is greeted by the waiter.
    pub(crate) async fn greeted(&self) -> Line {
        let line = self.caller().dial().await.unwrap();
        hears(&line, "today?").await;
        line.until_quiet(600, DEADLINE).await.unwrap();
        line
    }
}

/// A Twilio to which the service shows itself.
pub(crate) async fn exchange() -> Exchange {
    let options = ExchangeOptions { pace: PACE, ..ExchangeOptions::new(ACCOUNT, TOKEN.into()) };
    Exchange::start(options).await.unwrap()
}

fn settings(exchange: &Exchange) -> Vec<(&'static str, String)> {
    vec![
        ("PUBLIC_URL", PUBLIC_URL.to_owned()),
        ("TWILIO_AUTH_TOKEN", TOKEN.to_owned()),
        ("TWILIO_ACCOUNT_SID", ACCOUNT.to_owned()),
        ("TWILIO_API_BASE", exchange.url()),
        ("TWILIO_PHONE_NUMBER", OUR_NUMBER.to_owned()),
        ("TRANSFER_NUMBER", HUMAN.to_owned()),
        ("DEFAULT_BUSINESS", "agaseke-kigali".to_owned()),
        // Calls that nobody ends are not waited for.
        ("DRAIN_SECONDS", "1".to_owned()),
    ]
}

/// Waits until the caller has heard these words.
pub(crate) async fn hears(line: &Line, words: &str) -> String {
    line.until_heard(&normal_form(words), DEADLINE).await.unwrap()
}

/// The caller says something over the persona's words, which stop, and hears the answer.
pub(crate) async fn interrupts(line: &Line, text: &str) -> String {
    line.say(text).await;
    line.until_event("a barge-in", DEADLINE, |event| matches!(event, TimelineEvent::Cleared { .. }))
        .await
        .unwrap();
    line.until_said(DEADLINE).await.unwrap();
    line.listen_afresh();
    line.until_speaks(DEADLINE).await.unwrap();
    line.until_quiet(1_000, DEADLINE).await.unwrap();
    line.heard_text()
}
