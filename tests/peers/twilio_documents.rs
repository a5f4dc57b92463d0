//! Everything the service tells Twilio to do can be said with Twilio's own library, and is said as it says it.

use ai_realtime::caller::{Human, Line};
use serde_json::json;

use crate::bench::{DEADLINE, ask, script};
use crate::phone::{OUR_NUMBER, Phone, hears};

/// A call to its end: all the TwiML it was told.
async fn documents_of(line: Line) -> Vec<String> {
    line.hang_up().await;
    line.until_over(DEADLINE).await.unwrap();
    line.documents()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Python with Twilio's package: make test-services"]
async fn every_document_is_one_that_twilios_library_writes() {
    let phone = Phone::start(&[("MAX_CALLS", "2".to_owned())]).await;
    let mut voice = Vec::new();

    // A stream, a human who is told what it is about, and the stream again since nobody comes.
    let line = phone.caller().human(Human::NoAnswer).dial().await.unwrap();
    hears(&line, "today?").await;
    line.until_quiet(600, DEADLINE).await.unwrap();
    line.say("i would like to speak to a human about \"tea\" & cake").await;
    line.until_streams(2, DEADLINE).await.unwrap();
    voice.extend(documents_of(line).await);
    let line = phone.greeted().await;
    line.say("can i speak to a human?").await;
    line.until_ended(DEADLINE).await.unwrap();
    voice.extend(documents_of(line).await);

    // A house that is full: put through to a human, or told so.
    let full = phone.greeted().await;
    let another = phone.greeted().await;
    let away = phone.caller().dial().await.unwrap();
    away.until_ended(DEADLINE).await.unwrap();
    voice.extend(documents_of(away).await);
    let message = |sid: &str, body: &str| {
        let of = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        vec![
            of("MessageSid", sid),
            of("AccountSid", crate::phone::ACCOUNT),
            of("From", "+14158675309"),
            of("To", OUR_NUMBER),
            of("Body", body),
            of("NumMedia", "0"),
        ]
    };
    let mut messaging = Vec::new();
    for (sid, body) in [("SM00000000000000000000000000000001", "What drinks do you have? <&>\"'"), ("SM2", "")] {
        let answer = full.webhooks().post(&phone.public("message"), &message(sid, body)).await.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.body);
        messaging.push(answer.body);
    }
    voice.extend(documents_of(full).await);
    voice.extend(documents_of(another).await);

    // Whatever it has sent over the REST API.
    let sent = phone.exchange.requests();
    voice.extend(sent.iter().filter_map(|request| request.field("Twiml").map(str::to_owned)));
    phone.service.end().await;

    let seen = ask(script("twilio_documents.py"), &json!({"voice": voice, "messaging": messaging})).await;
    for element in [
        "Connect", "Stream", "Parameter", "Redirect", "Dial", "Number", "Say", "Hangup", "Message", "Body",
    ] {
        assert!(seen[element].as_u64() > Some(0), "no <{element}> in {seen}");
    }
}
