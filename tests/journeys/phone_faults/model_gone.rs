//! The model cannot be had from the start of a call: the caller is told, and the books are closed.

use ai_realtime::caller::{Ending, Exchange, ExchangeOptions};
use ai_realtime::rehearsal::RehearsalOptions;
use secrecy::SecretString;
use tokio::net::TcpListener;

use super::desk::{TOKEN, books, caller, live_calls, of_kind, phone, said_by_twilio};
use crate::house::{DEADLINE, Service, model, with_model};

const ACCOUNT: &str = "AC11111111111111111111111111111111";

/// Calls a service whose model is `settings`, and looks at how the call ends.
async fn apologised(settings: Vec<(&'static str, String)>, exchange: Option<&Exchange>) {
    let mut all = phone();
    all.extend(settings);
    if let Some(exchange) = exchange {
        all.extend([("TWILIO_ACCOUNT_SID", ACCOUNT.to_owned()), ("TWILIO_API_BASE", exchange.url())]);
    }
    let service = Service::start_with(all).await;
    let client = &service.client;
    let mut builder = caller(client);
    if let Some(exchange) = exchange {
        builder = builder.exchange(exchange);
    }
    let line = builder.dial().await.unwrap();
    line.say("hello, is anybody there?").await;
    assert_eq!(line.until_ended(DEADLINE).await.unwrap(), Ending::Hangup);
    let said = said_by_twilio(&line);
    assert!(said.len() == 1 && said[0].to_lowercase().contains("sorry"), "{said:?}");
    assert!(!said[0].contains("lines are busy"), "that is not why: {said:?}");
    assert_eq!(line.heard_text(), "");
    line.until_over(DEADLINE).await.unwrap();
    let events = books(client, line.call_sid()).await;
    let ended = of_kind(&events, "call.ended");
    assert_eq!((ended.len(), ended[0]["reason"].as_str()), (1, Some("model_unavailable")));
    assert_eq!(live_calls(client).await.len(), 0);
    service.stop().await;
}

async fn exchange() -> Exchange {
    Exchange::start(ExchangeOptions::new(ACCOUNT, TOKEN.into())).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_cannot_be_reached_is_apologised_for() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/v1/realtime", listener.local_addr().unwrap());
    drop(listener);
    let settings = vec![("OPENAI_API_KEY", "sk-x".to_owned()), ("OPENAI_REALTIME_ENDPOINT", url)];
    let exchange = exchange().await;
    // Over the REST API, and without one when Twilio asks what is next.
    tokio::join!(apologised(settings.clone(), Some(&exchange)), apologised(settings, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_refuses_our_key_is_apologised_for_at_once() {
    let api_key = Some(SecretString::from("another"));
    let model = model(RehearsalOptions { api_key, ..RehearsalOptions::default() }).await;
    apologised(with_model(&model), None).await;
    apologised(with_model(&model), Some(&exchange().await)).await;
    assert_eq!(model.connections(), 0);
}
