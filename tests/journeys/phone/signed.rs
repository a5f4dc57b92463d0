//! With a token every request is signed, or nothing comes of it.

use ai_realtime::caller::{CallError, Caller};
use secrecy::SecretString;
use serde_json::json;

use super::line::{GREETING, OUR_NUMBER, PACE, Phone, TOKEN, VALLETTA, assert_heard};

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_call_is_answered_and_an_unsigned_or_wrongly_signed_one_is_not() {
    let phone = Phone::connected().await;
    let caller = || Caller::builder(&phone.url("voice")).pace(PACE).to(OUR_NUMBER);
    let refused = caller().dial().await.err().unwrap();
    assert!(matches!(refused, CallError::Unsigned), "{refused}");
    let refused = caller().token("another-token-0123456789".into()).dial().await.err().unwrap();
    assert!(matches!(refused, CallError::Signature { .. }), "{refused}");
    assert_eq!(phone.service.client.get("/ai/calls").await.1, json!([]), "nothing has begun");

    let line = phone.caller().to(VALLETTA).dial().await.unwrap();
    let mut on = phone.answered(line).await;
    on.hears("do for you?").await;
    let answer = on.asks("how much is the african tea?").await;
    assert_eq!(on.hangs_up().await, "hung_up");
    assert_heard(&answer, on.texts("assistant.text").last().unwrap());
    phone.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_token_in_force_signs_for_the_public_url() {
    let public = "https://voice.example.com";
    let rotated = "the-next-token-0123456789";
    let settings =
        vec![("TWILIO_AUTH_TOKEN", format!("{rotated},{TOKEN}")), ("PUBLIC_URL", public.to_owned())];
    let phone = Phone::plain_at(tempfile::tempdir().unwrap(), settings).await;
    let elsewhere = phone.caller().token(TOKEN.into()).dial().await.err().unwrap();
    assert!(matches!(elsewhere, CallError::Signature { .. }), "signed for another address: {elsewhere}");
    for token in [rotated, TOKEN] {
        let caller = phone.caller().token(SecretString::from(token)).public_url(public);
        let mut on = phone.answered(caller.dial().await.unwrap()).await;
        assert_heard(&on.hears("today?").await, GREETING);
        assert!(on.line.documents()[0].contains("wss://voice.example.com/api/twilio/stream"));
        assert_eq!(on.hangs_up().await, "hung_up");
    }
    phone.service.stop().await;
}
