//! Calls we place.

use serde_json::json;

use super::*;

const CALLS: &str = "/ai/calls";

fn with_rest(base: &str) -> Vec<(&'static str, String)> {
    let mut settings: Vec<_> = SIGNED.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    settings.push(("TWILIO_API_BASE", base.to_owned()));
    settings.push(("TWILIO_PHONE_NUMBER", OURS.to_owned()));
    settings
}

async fn house(base: &str) -> House {
    let settings = with_rest(base);
    let settings: Vec<_> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
    House::with(&settings).await
}

fn asked_for(asked: &Asked, name: &str) -> Option<String> {
    let asked = asked.lock().unwrap();
    let (_, body) = asked.first()?;
    url::form_urlencoded::parse(body.as_bytes())
        .find(|(known, _)| known == name)
        .map(|(_, value)| value.into())
}

#[tokio::test]
async fn a_call_is_placed_and_begins_with_its_persona_when_it_is_answered() {
    let (base, asked) = rest().await;
    let house = house(&base).await;
    let request = json!({"transport": "twilio", "to": "+35699123456", "persona": "cfo"});
    let (status, body) = house.post_json(CALLS, &[], &request).await;
    assert_eq!(status, 202, "{body}");
    let sid = body["call_id"].as_str().unwrap().to_owned();
    let expected = json!({"call_id": sid, "transport": "twilio", "to": "+35699123456", "persona": "cfo"});
    assert_eq!(body, expected);
    let path = asked.lock().unwrap()[0].0.clone();
    assert_eq!(path, format!("/2010-04-01/Accounts/{ACCOUNT}/Calls.json"));
    assert_eq!(asked_for(&asked, "From").as_deref(), Some(OURS));
    let status_url = format!("{PUBLIC}/api/twilio/status");
    assert_eq!(asked_for(&asked, "StatusCallback"), Some(status_url.clone()));
    assert_eq!(asked_for(&asked, "AsyncAmdStatusCallback"), Some(status_url));

    let url = asked_for(&asked, "Url").unwrap();
    let path = url.strip_prefix(PUBLIC).unwrap();
    assert_eq!(path, "/api/twilio/voice?persona=cfo");
    let form = incoming(
        &sid,
        &[
            ("From", OURS),
            ("To", "+35699123456"),
            ("Direction", "outbound-api"),
            ("CallStatus", "in-progress"),
        ],
    );
    let (_, _, twiml) = house.post(path, &form).await;
    assert!(twiml.contains(r#"name="persona" value="cfo""#), "{twiml}");
    let call = &house.switchboard.calls()[0];
    assert_eq!((call.persona.as_str(), call.from.as_deref()), ("cfo", Some(OURS)));
    assert_eq!(call.to.as_deref(), Some("+35699123456"));
}

#[tokio::test]
async fn the_same_key_places_one_call_and_takes_no_other_request() {
    let (base, asked) = rest().await;
    let house = house(&base).await;
    let request = json!({"transport": "twilio", "to": "+35699123456"});
    let key = [("idempotency-key", "order 17")];
    let answers =
        futures_util::future::join_all((0..4).map(|_| house.post_json(CALLS, &key, &request))).await;
    assert!(answers.iter().all(|answer| *answer == answers[0] && answer.0 == 202), "{answers:?}");
    assert_eq!(house.post_json(CALLS, &key, &request).await, answers[0]);
    assert_eq!(asked.lock().unwrap().len(), 1);

    let other = json!({"transport": "twilio", "to": "+35699123457"});
    let (status, body) = house.post_json(CALLS, &key, &other).await;
    assert_eq!((status, &body["code"]), (409, &json!("idempotency_conflict")));
    for wrong in [&[("idempotency-key", "")][..], &[key[0], key[0]], &[key[0], ("idempotency-key", "other")]]
    {
        let (status, body) = house.post_json(CALLS, wrong, &request).await;
        assert_eq!((status, &body["code"]), (400, &json!("invalid_value")), "{body}");
    }
    assert_eq!(house.post_json(CALLS, &[], &request).await.0, 202, "without a key it is another call");
    assert_eq!(asked.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn what_cannot_be_placed_is_refused_with_its_reason_and_may_be_tried_again() {
    let (base, asked) = rest().await;
    let house = house(&base).await;
    let key = [("idempotency-key", "k")];
    for (request, status, code) in [
        (json!({"transport": "whatsapp", "to": "+35699123456"}), 501, "not_in_this_version"),
        (json!({"transport": "pigeon", "to": "+35699123456"}), 400, "invalid_value"),
        (json!({"transport": "twilio", "to": "99123456"}), 400, "invalid_value"),
        (json!({"transport": "twilio"}), 400, "missing_field"),
        (json!({"transport": "twilio", "to": "+35699123456", "persona": "x"}), 400, "unknown_persona"),
        (json!({"transport": "twilio", "to": "+35699123456", "business_id": "x"}), 400, "unknown_business"),
    ] {
        let (got, body) = house.post_json(CALLS, &key, &request).await;
        assert_eq!((got, &body["code"]), (status, &json!(code)), "{request}: {body}");
    }
    assert!(asked.lock().unwrap().is_empty());
    let good = json!({"transport": "twilio", "to": "+35699123456", "business_id": "bastion-valletta"});
    assert_eq!(house.post_json(CALLS, &key, &good).await.0, 202, "the key is free");
}

/// What Twilio says when a person we called has answered.
fn answered(sid: &str) -> Vec<(&str, &str)> {
    let more = [
        ("From", OURS),
        ("To", "+35699123456"),
        ("Direction", "outbound-api"),
        ("CallStatus", "in-progress"),
    ];
    incoming(sid, &more)
}

#[tokio::test]
async fn what_a_call_was_placed_for_outlives_the_process_that_placed_it() {
    let house = House::signed().await;
    let path = "/api/twilio/voice?persona=cfo&business_id=agaseke-kigali";
    let (_, _, twiml) = house.post(path, &answered(&sid(1))).await;
    assert!(twiml.contains(r#"name="persona" value="cfo""#), "{twiml}");
    assert!(twiml.contains(r#"name="business_id" value="agaseke-kigali""#), "{twiml}");

    let (_, _, twiml) = house.post("/api/twilio/voice?persona=nobody", &answered(&sid(2))).await;
    assert!(!twiml.contains("nobody") && twiml.contains("bastion-valletta"), "{twiml}");
    let gone = "/api/twilio/voice?persona=cfo&business_id=gone";
    let (status, _, twiml) = house.post(gone, &answered(&sid(3))).await;
    assert!(status == 200 && twiml.contains("we called you") && twiml.contains("<Hangup/>"), "{twiml}");
    assert_eq!(house.switchboard.len(), 2);
    let forged = "/api/twilio/voice?persona=waiter";
    let pairs: Vec<_> =
        answered(&sid(4)).iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    let signature = sign_form(&format!("{PUBLIC}{path}"), &pairs, &TOKEN.into());
    let (status, ..) = house.post_with(forged, &answered(&sid(4)), &[(SIGNATURE_HEADER, &signature)]).await;
    assert_eq!(status, 403, "the purpose is signed");
}

#[tokio::test]
async fn whom_we_called_is_not_told_that_our_lines_are_busy() {
    for more in [&[][..], &[("TRANSFER_NUMBER", "+35699000000")]] {
        let house = super::calls::full_house(more).await;
        let (status, _, twiml) = house.post("/api/twilio/voice?persona=cfo", &answered(&sid(1))).await;
        assert!(status == 200 && twiml.contains("we called you") && twiml.contains("<Hangup/>"), "{twiml}");
        assert!(!twiml.contains("lines are busy") && !twiml.contains("<Dial"), "{twiml}");
        let (_, _, twiml) = house.post("/api/twilio/resume", &answered(&sid(1))).await;
        assert_eq!(twiml.contains("<Dial"), !more.is_empty(), "they have talked with us: {twiml}");
        assert!(!twiml.contains("call again in") || twiml.contains("<Dial"), "{twiml}");
    }
}

#[tokio::test]
async fn without_an_account_or_a_number_it_says_what_to_set() {
    let house = House::signed().await;
    let request = json!({"transport": "twilio", "to": "+35699123456"});
    let (status, body) = house.post_json(CALLS, &[], &request).await;
    assert_eq!((status, &body["code"]), (503, &json!("twilio_not_configured")));
    assert!(body["error"].as_str().unwrap().contains("TWILIO_PHONE_NUMBER"), "{body}");
}
