//! Everything the service tells Twilio to do can be said with Twilio's own library, and is said as it says it.

use ai_realtime::caller::{Human, Line, Webhooks};
use serde_json::json;

use crate::bench::{DEADLINE, ask, script};
use crate::phone::{ACCOUNT, OUR_NUMBER, PUBLIC_URL, Phone, TOKEN, hears};

/// A call to its end: all the TwiML it was told.
async fn documents_of(line: Line) -> Vec<String> {
    line.hang_up().await;
    line.until_over(DEADLINE).await.unwrap();
    line.documents()
}

/// A full house: two calls, and the one too many.
async fn full_house(phone: &Phone) -> Vec<String> {
    let mut told = Vec::new();
    let (one, two) = (phone.greeted().await, phone.greeted().await);
    let away = phone.caller().dial().await.unwrap();
    away.until_ended(DEADLINE).await.unwrap();
    for line in [away, one, two] {
        told.extend(documents_of(line).await);
    }
    told
}

/// A caller who is put through: to the human there is, who may come or not, or wherever the API says.
async fn put_through(phone: &Phone) -> Vec<String> {
    let mut told = Vec::new();
    for human in [Human::NoAnswer, Human::default()] {
        let line = phone.caller().human(human).dial().await.unwrap();
        hears(&line, "today?").await;
        line.until_quiet(600, DEADLINE).await.unwrap();
        line.say("can i speak to a human about tea & cake?").await;
        if human == Human::NoAnswer {
            line.until_streams(2, DEADLINE).await.unwrap();
        } else {
            line.until_ended(DEADLINE).await.unwrap();
        }
        told.extend(documents_of(line).await);
    }
    // What was asked for is told by the exchange.
    for (to, noun) in [("client:desk & co", "<Client "), ("sip:desk@example.com", "<Sip ")] {
        let line = phone.greeted().await;
        let transfer = json!({"to": to, "summary": "They want <tea>."});
        let path = format!("/ai/calls/{}/transfer", line.call_sid());
        assert_eq!(phone.service.post(&path, transfer).await.0, 200);
        let asked = phone.exchange.until_request(DEADLINE, |request| {
            request.field("Twiml").is_some_and(|twiml| twiml.contains(noun))
        });
        told.push(asked.await.unwrap().field("Twiml").unwrap().to_owned());
        told.extend(documents_of(line).await);
    }
    told
}

async fn messages(phone: &Phone) -> Vec<String> {
    let twilio = Webhooks::new(Some(TOKEN.into())).unwrap();
    let mut told = Vec::new();
    for (number, body) in [("1", "What drinks do you have? <&>\"'"), ("2", "")] {
        let url = format!("{PUBLIC_URL}/api/twilio/message");
        let form = [
            ("MessageSid", format!("SM{number:0>32}")),
            ("AccountSid", ACCOUNT.to_owned()),
            ("From", "+14158675309".to_owned()),
            ("To", OUR_NUMBER.to_owned()),
            ("Body", body.to_owned()),
        ];
        let form = form.map(|(name, value)| (name.to_owned(), value));
        let signature = twilio.signature(&url, &form).unwrap();
        told.push(phone.service.post_form("/api/twilio/message", &form, &signature).await);
    }
    told
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Python with Twilio's package: make test-services"]
async fn every_document_is_one_that_twilios_library_writes() {
    let small = ("MAX_CALLS", "2".to_owned());
    let phone = Phone::start(std::slice::from_ref(&small)).await;
    let mut voice = put_through(&phone).await;
    voice.extend(full_house(&phone).await);
    // A text call needs a place, too.
    let messaging = messages(&phone).await;
    phone.service.end().await;
    let phone = Phone::start(&[small, ("TRANSFER_NUMBER", String::new())]).await;
    voice.extend(full_house(&phone).await);
    phone.service.end().await;

    let told = |words: &str| voice.iter().any(|document| document.contains(words));
    assert!(
        told("tea &amp; cake") && told("you are being put through") && told("lines are busy"),
        "{voice:#?}"
    );
    let seen = ask(script("twilio_documents.py"), &json!({"voice": voice, "messaging": messaging})).await;
    let elements = "Connect Stream Parameter Redirect Dial Number Client Sip Say Hangup Message Body";
    for element in elements.split(' ') {
        assert!(seen[element].as_u64() > Some(0), "no <{element}> in {seen}");
    }
}
