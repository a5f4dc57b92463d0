//! What is done to the call itself.

use axum::http::StatusCode;
use axum::routing::post;
use tokio::net::TcpListener;
use url::Url;

use super::*;
use crate::transport::EffectDone;

/// An API that knows one call, which is over when the form says so.
async fn api() -> TwilioApi {
    let update = async |form: String| match form.as_str() {
        "Status=completed" => (StatusCode::OK, r#"{"sid":"CA0123456789abcdef0123456789abcdef"}"#),
        _ => (StatusCode::NOT_FOUND, r#"{"code":20404,"message":"no such call","status":404}"#),
    };
    let status = async || r#"{"sid":"CA0123456789abcdef0123456789abcdef","status":"in-progress"}"#;
    let path = "/2010-04-01/Accounts/AC1/Calls/CA0123456789abcdef0123456789abcdef.json";
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    let router = Router::new().route(path, post(update).get(status));
    tokio::spawn(async move { axum::serve(listener, router).await });
    TwilioApi::new(&base, "AC1", "token".into()).unwrap()
}

async fn effect(phone: &mut Phone, message: PhoneMessage) -> EffectDone {
    phone.send(message);
    match phone.told().await {
        LineEvent::Effect(done) => done,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn effects_are_done_by_the_api_and_told() {
    let mut phone = Phone::with_api(PhoneLimits::default(), Some(api().await)).await;
    assert_eq!(effect(&mut phone, PhoneMessage::AskStatus).await, EffectDone::Status(Ok(true)));
    assert_eq!(effect(&mut phone, PhoneMessage::HangUp).await, EffectDone::HungUp(Ok(())));
    let redirect = PhoneMessage::Redirect { twiml: "<Response/>".into() };
    let over = Err("the call is already over".to_owned());
    assert_eq!(effect(&mut phone, redirect).await, EffectDone::Redirected(over));
}

#[tokio::test]
async fn without_an_api_effects_are_refused_at_once() {
    let mut phone = Phone::new(PhoneLimits::default()).await;
    let why = || "no credentials for Twilio's API are set".to_owned();
    assert_eq!(effect(&mut phone, PhoneMessage::HangUp).await, EffectDone::HungUp(Err(why())));
    assert_eq!(effect(&mut phone, PhoneMessage::AskStatus).await, EffectDone::Status(Err(why())));
    let redirect = PhoneMessage::Redirect { twiml: "<Response/>".into() };
    assert_eq!(effect(&mut phone, redirect).await, EffectDone::Redirected(Err(why())));
}
