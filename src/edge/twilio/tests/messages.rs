//! Messages: answered once, in pieces, and by whom they were sent to.

use super::*;

const MESSAGE: &str = "/api/twilio/message";

fn text<'a>(sid: &'a str, body: &'a str, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut form =
        vec![("MessageSid", sid), ("From", "+35699123456"), ("To", OURS), ("Body", body), ("NumMedia", "0")];
    for (name, value) in more {
        form.retain(|(known, _)| known != name);
        form.push((name, value));
    }
    form
}

#[tokio::test]
async fn a_message_is_answered_by_the_persona_in_a_call_of_its_sender() {
    let house = House::signed().await;
    let (status, kind, twiml) = house.post(MESSAGE, &text("SM1", "What drinks do you have?", &[])).await;
    assert_eq!((status, kind.as_str()), (200, "text/xml; charset=utf-8"));
    assert!(twiml.contains("<Message><Body>I found"), "{twiml}");
    let [call] = &house.switchboard.calls()[..] else { panic!("one call") };
    assert!(call.call_id.as_str().starts_with("sms:") && !call.call_id.as_str().contains("99123456"));
    assert_eq!((call.transport, call.turns, call.persona.as_str()), ("text", 1, "waiter"));
    house.post(MESSAGE, &text("SM2", "And food?", &[])).await;
    assert_eq!(house.switchboard.calls()[0].turns, 2, "the same conversation");
    house.post(MESSAGE, &text("SM3", "Hello", &[("From", "+35699123457")])).await;
    assert_eq!(house.switchboard.len(), 2, "another sender is another call");
}

#[tokio::test]
async fn the_same_message_is_answered_once_also_at_the_same_moment() {
    let house = House::signed().await;
    let form = text("SM1", "What drinks do you have?", &[]);
    let answers = futures_util::future::join_all((0..4).map(|_| house.post(MESSAGE, &form))).await;
    assert!(answers.iter().all(|answer| *answer == answers[0] && answer.0 == 200), "{answers:?}");
    assert_eq!(house.post(MESSAGE, &form).await, answers[0]);
    assert_eq!(house.switchboard.calls()[0].turns, 1);
}

#[tokio::test]
async fn what_cannot_be_read_is_answered_by_a_sentence_and_who_wants_none_gets_none() {
    let house = House::signed().await;
    let picture = [("MessageSid", "SM1"), ("From", "whatsapp:+1"), ("To", OURS), ("NumMedia", "1")];
    let (_, _, twiml) = house.post(MESSAGE, &picture).await;
    assert!(twiml.contains("I can read text only"), "{twiml}");
    let long = "x".repeat(5_001);
    let (_, _, twiml) = house.post(MESSAGE, &text("SM4", &long, &[])).await;
    assert!(twiml.contains("too long"), "{twiml}");
    let (status, _, twiml) = house.post(MESSAGE, &text("SM2", "STOP", &[("OptOutType", "STOP")])).await;
    assert!(status == 200 && twiml.ends_with("<Response/>"), "{twiml}");
    assert!(house.switchboard.is_empty());
    let (status, _, body) = house.post(MESSAGE, &[("MessageSid", "SM3"), ("From", "+1")]).await;
    assert!(status == 400 && body.contains("`To`"), "{body}");
}

#[tokio::test]
async fn what_is_attached_to_a_text_is_said_not_to_be_read() {
    let house = House::signed().await;
    let form = text("SM1", "What drinks do you have?", &[("NumMedia", "2")]);
    let (_, _, twiml) = house.post(MESSAGE, &form).await;
    assert!(twiml.contains("I found") && twiml.contains("your text only"), "{twiml}");
}

#[tokio::test]
async fn while_the_service_stops_a_message_is_answered_by_an_apology() {
    let house = House::signed().await;
    house.switchboard.drain(Duration::ZERO).await;
    let (status, _, twiml) = house.post(MESSAGE, &text("SM1", "Hello", &[])).await;
    assert!(status == 200 && twiml.contains("I cannot answer just now"), "{twiml}");
}
