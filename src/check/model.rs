//! Asks the model's endpoints whether they would take a call: part of `ai-realtime check`.

use std::time::Duration;

use futures_util::StreamExt;
use tokio_tungstenite::tungstenite::Message;

use crate::protocol::openai::ServerEvent;
use crate::session::Endpoint;
use crate::session::endpoint::{ConnectFailure, connect};
use crate::session::fault::{Failure, close_word, is_fatal_close, is_fatal_word};

/// A session says hello at once.
const HELLO_LIMIT: Duration = Duration::from_secs(10);

/// What is wrong with an endpoint and with the one that takes over; a line each.
pub async fn reach(primary: &Endpoint, fallback: Option<&Endpoint>) -> Vec<String> {
    let fallback = async {
        match fallback {
            Some(fallback) => try_out(fallback).await.err().map(|failure| told(&failure, fallback, true)),
            None => None,
        }
    };
    let primary = async { try_out(primary).await.err().map(|failure| told(&failure, primary, false)) };
    let (primary, fallback) = tokio::join!(primary, fallback);
    primary.into_iter().chain(fallback).collect()
}

/// An endpoint is good once it has said hello: a wrong key may be refused after the socket is open.
async fn try_out(endpoint: &Endpoint) -> Result<(), ConnectFailure> {
    let mut stream = Box::pin(connect(endpoint)).await?;
    let hello = async {
        while let Some(message) = stream.next().await {
            match message {
                Ok(Message::Text(text)) => match ServerEvent::parse(&text) {
                    Ok(ServerEvent::Error(error)) => return Err(refused(error.word())),
                    Ok(_) | Err(_) => return Ok(()),
                },
                Ok(Message::Close(Some(close))) => {
                    let (code, reason) = (u16::from(close.code), close.reason.as_str());
                    let why = close_word(reason).map_or_else(|| format!("closed_{code}"), str::to_owned);
                    let failure = if is_fatal_close(code, reason) { Failure::Refused } else { Failure::Lost };
                    return Err(ConnectFailure { why, failure });
                }
                Ok(_) => {}
                Err(error) => return Err(ConnectFailure { why: error.to_string(), failure: Failure::Lost }),
            }
        }
        Err(ConnectFailure { why: "closed".to_owned(), failure: Failure::Lost })
    };
    let silent = || ConnectFailure { why: "it opens, and says nothing".to_owned(), failure: Failure::Slow };
    tokio::time::timeout(HELLO_LIMIT, hello).await.unwrap_or_else(|_| Err(silent()))
}

fn refused(word: &str) -> ConnectFailure {
    let failure = if is_fatal_word(word) { Failure::Refused } else { Failure::Lost };
    ConnectFailure { why: word.to_owned(), failure }
}

fn told(failure: &ConnectFailure, endpoint: &Endpoint, is_fallback: bool) -> String {
    let which = if is_fallback { "OPENAI_REALTIME_FALLBACK" } else { "OPENAI_REALTIME" };
    let key = if is_fallback { "OPENAI_REALTIME_FALLBACK_API_KEY" } else { "OPENAI_API_KEY" };
    let (model, why) = (endpoint.model(), &failure.why);
    match failure.failure {
        Failure::Refused => {
            format!(
                "{which}_ENDPOINT: {model} is refused ({why}): check {key}, {which}_MODEL and the account"
            )
        }
        Failure::Overloaded | Failure::Unreachable | Failure::Slow | Failure::Lost => {
            format!("{which}_ENDPOINT: {model} cannot be reached ({why}): check the URL and the network")
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;
    use crate::rehearsal::{Rehearsal, RehearsalOptions};

    async fn model(key: Option<&str>) -> Rehearsal {
        let options = RehearsalOptions { api_key: key.map(Into::into), ..RehearsalOptions::default() };
        Rehearsal::start(SocketAddr::from(([127, 0, 0, 1], 0)), options).await.unwrap()
    }

    fn endpoint(model: &Rehearsal) -> Endpoint {
        Endpoint::new(&model.url(), "m", Some("sk-mine".into()), HELLO_LIMIT).unwrap()
    }

    #[tokio::test]
    async fn each_endpoint_that_would_take_no_call_is_told_of_with_its_settings() {
        let (good, bad, gone) = (model(None).await, model(Some("sk-other")).await, model(None).await);
        let away = endpoint(&gone);
        gone.stop().await;
        assert_eq!(reach(&endpoint(&good), Some(&endpoint(&good))).await, Vec::<String>::new());
        let told = reach(&away, Some(&endpoint(&bad))).await;
        assert!(told[0].starts_with("OPENAI_REALTIME_ENDPOINT: m cannot be reached ("), "{told:?}");
        let refused = "OPENAI_REALTIME_FALLBACK_ENDPOINT: m is refused (invalid_api_key): check \
                       OPENAI_REALTIME_FALLBACK_API_KEY, OPENAI_REALTIME_FALLBACK_MODEL and the account";
        assert_eq!(told[1..], [refused.to_owned()]);
    }
}
