//! Calls that come in, come back, and end.

use super::*;

const VOICE: &str = "/api/twilio/voice";
const RESUME: &str = "/api/twilio/resume";
const STATUS: &str = "/api/twilio/status";
const HANG_UP: &str = "<Response><Hangup/></Response>";

#[tokio::test]
async fn a_webhook_that_comes_five_times_begins_one_call_and_is_answered_alike() {
    let house = House::signed().await;
    let sid = sid(1);
    let form = incoming(&sid, &[]);
    let answers = futures_util::future::join_all((0..5).map(|_| house.post(VOICE, &form))).await;
    for (status, kind, twiml) in &answers {
        assert_eq!((*status, kind.as_str(), twiml), (200, "text/xml; charset=utf-8", &answers[0].2));
    }
    let twiml = &answers[0].2;
    for part in [
        r#"<Connect action="https://voice.example.com/api/twilio/resume" method="POST">"#,
        r#"<Stream url="wss://voice.example.com/api/twilio/stream" "#,
        r#"<Parameter name="persona" value="waiter"/><Parameter name="business_id" value="bastion-valletta"/>"#,
        r#"</Connect><Redirect method="POST">https://voice.example.com/api/twilio/resume</Redirect>"#,
    ] {
        assert!(twiml.contains(part), "{part} is not in {twiml}");
    }
    assert_eq!(token(twiml).len(), 32);
    let [call] = &house.switchboard.calls()[..] else { panic!("one call") };
    assert_eq!((call.call_id.as_str(), call.transport), (sid.as_str(), "twilio"));
    assert_eq!((call.from.as_deref(), call.to.as_deref()), (Some("+35699123456"), Some(OURS)));
}

#[tokio::test]
async fn a_withheld_number_and_a_number_of_nobody_are_answered_too() {
    let house = House::signed().await;
    let sid = sid(1);
    let form = incoming(&sid, &[("From", "anonymous"), ("To", "sip:desk@example.com")]);
    let (status, _, twiml) = house.post(VOICE, &form).await;
    assert!(status == 200 && !twiml.contains("business_id"), "{twiml}");
    assert_eq!(house.switchboard.calls()[0].from, None);
}

/// A house whose only place is taken.
pub(super) async fn full_house(more: &[(&str, &str)]) -> House {
    let mut settings = SIGNED.to_vec();
    settings.push(("MAX_CALLS", "1"));
    settings.extend_from_slice(more);
    let house = House::with(&settings).await;
    let talking = house.switchboard.text_call(&"t1".parse().unwrap(), None).await.unwrap();
    drop(talking.say("Hello".to_owned()).await.unwrap().reply.await);
    house
}

#[tokio::test]
async fn a_caller_who_finds_no_place_is_told_so_or_put_through() {
    let sid = sid(1);
    let house = full_house(&[]).await;
    let (status, _, twiml) = house.post(VOICE, &incoming(&sid, &[])).await;
    assert!(
        status == 200 && twiml.contains(">We are sorry, all our") && twiml.contains("<Hangup/>"),
        "{twiml}"
    );

    let house = full_house(&[("TRANSFER_NUMBER", "+35699000000")]).await;
    for path in [VOICE, RESUME] {
        let (_, _, twiml) = house.post(path, &incoming(&sid, &[])).await;
        assert!(
            twiml.contains("One moment please") && twiml.contains(">+35699000000</Number></Dial><Say"),
            "{twiml}"
        );
        assert!(!twiml.contains("action="), "nobody of ours is asked afterwards: {twiml}");
    }
    let form = incoming(&sid, &[("From", "whatsapp:+35699123456")]);
    let (_, _, twiml) = house.post(VOICE, &form).await;
    assert!(twiml.contains("<Hangup/>") && !twiml.contains("<Dial"), "{twiml}");
    assert_eq!(house.switchboard.len(), 1);
}

#[tokio::test]
async fn while_the_service_stops_callers_are_told_so() {
    let house = House::signed().await;
    house.switchboard.drain(Duration::ZERO).await;
    let sid = sid(1);
    let (status, _, twiml) = house.post(VOICE, &incoming(&sid, &[])).await;
    assert!(status == 200 && twiml.contains("<Say") && twiml.contains("<Hangup/>"), "{twiml}");
}

#[tokio::test]
async fn a_client_that_calls_no_number_is_answered_as_nobodys() {
    let house = House::signed().await;
    let (one, other) = (sid(1), sid(2));
    let mut form = incoming(&one, &[("From", "client:zoe"), ("To", "")]);
    let (status, _, twiml) = house.post(VOICE, &form).await;
    assert!(status == 200 && twiml.contains("<Stream ") && !twiml.contains("business_id"), "{twiml}");
    form = incoming(&other, &[("From", "client:zoe")]);
    form.retain(|(name, _)| *name != "To");
    let (status, _, twiml) = house.post(VOICE, &form).await;
    assert!(status == 200 && twiml.contains("<Stream "), "{twiml}");
    assert!(house.switchboard.calls().iter().all(|call| call.to.is_none()));
}

#[tokio::test]
async fn a_caller_whose_business_cannot_be_looked_up_is_turned_away() {
    let mut settings = SIGNED.to_vec();
    settings.push(("TRANSFER_NUMBER", "+35699000000"));
    let (plain, desk) = (House::signed().await, House::with(&settings).await);
    let (one, two) = (sid(1), sid(2));
    plain.post(VOICE, &incoming(&one, &[])).await;
    plain.break_store();
    desk.break_store();
    let (status, _, twiml) = plain.post(VOICE, &incoming(&two, &[])).await;
    assert!(
        status == 200 && twiml.contains("cannot take your call") && twiml.contains("<Hangup/>"),
        "{twiml}"
    );
    let (status, _, twiml) = desk.post(VOICE, &incoming(&two, &[])).await;
    assert!(status == 200 && twiml.contains(">+35699000000</Number></Dial>"), "{twiml}");
    assert!(desk.switchboard.is_empty());
    let (_, _, twiml) = plain.post(VOICE, &incoming(&one, &[])).await;
    assert!(twiml.contains("<Stream "), "a call that is live goes on: {twiml}");
    let message = [("MessageSid", "SM1"), ("From", "+35699123456"), ("To", OURS), ("Body", "Hello")];
    let (status, _, twiml) = plain.post("/api/twilio/message", &message).await;
    assert!(status == 200 && twiml.contains("write again in a few minutes"), "{twiml}");
    assert_eq!(plain.switchboard.len(), 1);
}

#[tokio::test]
async fn the_webhook_does_not_wait_for_a_model_that_cannot_be_reached() {
    let mut house = House::signed().await;
    house.model = None;
    let sid = sid(1);
    let begun = std::time::Instant::now();
    let (status, _, twiml) = house.post(VOICE, &incoming(&sid, &[])).await;
    assert!(status == 200 && twiml.contains("<Stream "), "{twiml}");
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_call_that_nobody_holds_any_more_is_taken_up_when_it_comes_back() {
    let house = House::signed().await;
    let sid = sid(7);
    let form = incoming(&sid, &[("CallStatus", "in-progress")]);
    let (status, _, twiml) = house.post(RESUME, &form).await;
    assert!(status == 200 && twiml.contains("<Stream "), "{twiml}");
    assert_eq!(house.switchboard.len(), 1);
}

#[tokio::test]
async fn a_call_that_has_ended_does_not_begin_again() {
    let house = House::signed().await;
    let sid = sid(1);
    house.post(VOICE, &incoming(&sid, &[])).await;
    let call = house.switchboard.find(&sid.parse().unwrap()).await.unwrap();
    call.hang_up().await.unwrap();
    for path in [VOICE, RESUME] {
        let (status, _, twiml) = house.post(path, &incoming(&sid, &[("CallStatus", "in-progress")])).await;
        assert!(status == 200 && twiml.ends_with(HANG_UP), "{path}: {twiml}");
    }
    assert!(house.switchboard.calls().is_empty());
}

#[tokio::test]
async fn a_webhook_that_is_replayed_when_its_call_is_over_begins_nothing() {
    let house = House::signed().await;
    let sid = sid(1);
    let form = incoming(&sid, &[]);
    house.post(VOICE, &form).await;
    let id = sid.parse().unwrap();
    house.switchboard.find(&id).await.unwrap().hang_up().await.unwrap();
    let ended = house.store.latest_event(&id, None).await.unwrap().unwrap();
    for _ in 0..3 {
        // To the letter what was signed before.
        let (status, _, twiml) = house.post(VOICE, &form).await;
        assert!(status == 200 && twiml.ends_with(HANG_UP), "{twiml}");
    }
    assert!(house.switchboard.calls().is_empty());
    assert_eq!(house.store.latest_event(&id, None).await.unwrap().unwrap().seq, ended.seq);
}

#[tokio::test]
async fn a_status_that_comes_before_its_call_closes_nothing_and_the_last_one_closes_the_books_once() {
    let house = House::signed().await;
    let sid = sid(1);
    let id: crate::id::CallId = sid.parse().unwrap();
    let told = |status, number| incoming(&sid, &[("CallStatus", status), ("SequenceNumber", number)]);
    for status in ["initiated", "ringing", "in-progress"] {
        assert_eq!(house.post(STATUS, &told(status, "0")).await.0, 204);
    }
    assert!(house.switchboard.is_empty() && house.store.latest_event(&id, None).await.unwrap().is_none());
    let (_, _, twiml) = house.post(VOICE, &incoming(&sid, &[])).await;
    assert!(twiml.contains("<Stream "), "{twiml}");

    let call = house.switchboard.find(&id).await.unwrap();
    for _ in 0..3 {
        assert_eq!(house.post(STATUS, &told("completed", "3")).await.0, 204);
    }
    let over = async {
        while house.switchboard.live(&id).is_some() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, over).await.expect("the call did not end");
    drop(call);
    let ended = house.store.latest_event(&id, None).await.unwrap().unwrap();
    assert_eq!(ended.kind, "call.ended");
    house.post(STATUS, &told("completed", "3")).await;
    assert_eq!(house.store.latest_event(&id, None).await.unwrap().unwrap().seq, ended.seq, "once");
}

#[tokio::test]
async fn what_is_over_for_twilio_begins_nothing() {
    let house = House::signed().await;
    let sid = sid(1);
    for path in [VOICE, RESUME] {
        let (_, _, twiml) = house.post(path, &incoming(&sid, &[("CallStatus", "completed")])).await;
        assert!(twiml.ends_with(HANG_UP), "{twiml}");
    }
    assert!(house.switchboard.is_empty());
}

#[tokio::test]
async fn a_status_is_taken_in_any_order_of_any_call_again_and_again() {
    let house = House::signed().await;
    let sid = sid(1);
    house.post(VOICE, &incoming(&sid, &[])).await;
    let (known, unknown) = (sid.as_str(), "CAffffffffffffffffffffffffffffffff");
    for call in [known, unknown, "nonsense", ""] {
        for more in [
            &[("CallStatus", "completed"), ("SequenceNumber", "3")][..],
            &[("CallStatus", "ringing"), ("SequenceNumber", "1")],
            &[("CallStatus", "on-the-moon")],
            &[("StreamSid", "MZ1"), ("StreamEvent", "stream-error"), ("StreamError", "31921")],
            &[("StreamEvent", "")],
            &[("AnsweredBy", "machine_end_beep")],
            &[("CallStatus", "in-progress"), ("AnsweredBy", "human")],
            &[],
        ] {
            let mut form = vec![("CallSid", call), ("AccountSid", ACCOUNT)];
            form.extend_from_slice(more);
            for _ in 0..2 {
                let (status, _, body) = house.post(STATUS, &form).await;
                assert_eq!((status, body.as_str()), (204, ""), "{form:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_human_who_asks_about_no_call_is_told_nothing() {
    let house = House::signed().await;
    for path in ["/api/twilio/whisper?call_id=CA1", "/api/twilio/whisper", "/api/twilio/whisper?call_id=%2F"]
    {
        let (status, _, twiml) = house.post(path, &[("CallSid", "CA1")]).await;
        assert!(status == 200 && twiml.ends_with("<Response/>"), "{path}: {twiml}");
    }
}

#[tokio::test]
async fn only_a_phone_call_is_put_through_and_only_to_what_can_be_dialled() {
    let house = House::signed().await;
    house.switchboard.text_call(&"t1".parse().unwrap(), None).await.unwrap();
    let transfer = |id: &str| format!("/ai/calls/{id}/transfer");
    let (status, body) = house.post_json(&transfer("t2"), &[], &serde_json::json!({})).await;
    assert_eq!((status, &body["code"]), (404, &"unknown_call".into()));
    let wrong = serde_json::json!({"to": "99123456"});
    let (status, body) = house.post_json(&transfer("t1"), &[], &wrong).await;
    assert_eq!((status, &body["code"]), (400, &"invalid_value".into()), "{body}");

    let sid = sid(1);
    house.post(VOICE, &incoming(&sid, &[("From", "whatsapp:+35699123456")])).await;
    let to = serde_json::json!({"to": "+35699000000"});
    let (status, body) = house.post_json(&transfer(&sid), &[], &to).await;
    assert_eq!((status, &body["code"]), (409, &"transfer_not_allowed".into()), "{body}");
}
