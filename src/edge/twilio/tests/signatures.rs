//! Who is believed.

use super::*;

const VOICE: &str = "/api/twilio/voice";

#[tokio::test]
async fn without_the_right_signature_nothing_is_told_and_nothing_begins() {
    let house = House::signed().await;
    let sid = sid(1);
    let form = incoming(&sid, &[]);
    let pairs: Vec<_> = form.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    let sign = |url: &str, token: &str| sign_form(url, &pairs, &token.into());
    let right = sign(&format!("{PUBLIC}{VOICE}"), TOKEN);
    let wrong = [
        sign(&format!("{PUBLIC}{VOICE}"), &"1".repeat(32)),
        sign("https://other.example.com/api/twilio/voice", TOKEN),
        sign(&format!("{PUBLIC}{VOICE}?out=x"), TOKEN),
        sign(&format!("{PUBLIC}/api/twilio/resume"), TOKEN),
        sign("http://voice.example.com/api/twilio/voice", TOKEN),
        "not base64".to_owned(),
        String::new(),
    ];
    let mut refused = vec![house.post_with(VOICE, &form, &[]).await];
    for signature in &wrong {
        refused.push(house.post_with(VOICE, &form, &[(SIGNATURE_HEADER, signature)]).await);
    }
    let twice = [(SIGNATURE_HEADER, right.as_str()), (SIGNATURE_HEADER, right.as_str())];
    refused.push(house.post_with(VOICE, &form, &twice).await);
    let other = incoming(&sid, &[("From", "+35699123457")]);
    refused.push(house.post_with(VOICE, &other, &[(SIGNATURE_HEADER, &right)]).await);
    for answer in &refused {
        assert_eq!((answer.0, &answer.2), (403, &refused[0].2), "all alike: {answer:?}");
    }
    assert!(!refused[0].2.to_lowercase().contains("signature"), "{}", refused[0].2);
    assert!(house.switchboard.is_empty());
    assert_eq!(house.post_with(VOICE, &form, &[(SIGNATURE_HEADER, &right)]).await.0, 200);
}

#[tokio::test]
async fn both_spellings_of_the_port_and_every_token_in_force_are_believed() {
    let tokens = format!("{},{TOKEN}", "2".repeat(32));
    let house = House::with(&[("TWILIO_AUTH_TOKEN", &tokens), ("PUBLIC_URL", PUBLIC)]).await;
    let sid = sid(1);
    let form = incoming(&sid, &[]);
    let pairs: Vec<_> = form.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    for token in [TOKEN, &"2".repeat(32)] {
        for base in [PUBLIC, "https://voice.example.com:443"] {
            let signature = sign_form(&format!("{base}{VOICE}"), &pairs, &token.into());
            assert_eq!(house.post_with(VOICE, &form, &[(SIGNATURE_HEADER, &signature)]).await.0, 200);
        }
    }
    assert_eq!(house.switchboard.len(), 1);
}

#[tokio::test]
async fn a_key_of_the_api_opens_no_webhook_and_a_signature_opens_no_api() {
    let key = "0123456789abcdef-key";
    let mut settings = SIGNED.to_vec();
    settings.push(("AI_REALTIME_API_KEYS", key));
    let house = House::with(&settings).await;
    let sid = sid(1);
    let form = incoming(&sid, &[]);
    let shown = format!("Bearer {key}");
    assert_eq!(house.post_with(VOICE, &form, &[("authorization", &shown)]).await.0, 403);
    assert_eq!(house.post(VOICE, &form).await.0, 200, "no key is needed");
    assert_eq!(house.post("/ai/calls", &form).await.0, 401);
}

#[tokio::test]
async fn without_a_token_the_phone_is_off_and_says_what_to_set() {
    let house = House::with(&[]).await;
    for path in ["voice", "resume", "status", "whisper", "message"] {
        let (status, _, body) = house.post_with(&format!("/api/twilio/{path}"), &[], &[]).await;
        assert_eq!(status, 503, "{body}");
        assert!(body.contains("twilio_not_configured") && body.contains("TWILIO_AUTH_TOKEN"), "{body}");
    }
    let upgrade = Request::get("/api/twilio/stream").body(Body::empty()).unwrap();
    assert_eq!(house.send(upgrade).await.0, 503);
}

#[tokio::test]
async fn a_trial_on_this_machine_needs_no_signature_unless_there_is_a_token() {
    let unsigned = ("TWILIO_ALLOW_UNSIGNED", "true");
    let sid = sid(1);
    let trial = House::with(&[unsigned]).await;
    let (status, kind, twiml) = trial.post_with(VOICE, &incoming(&sid, &[]), &[]).await;
    assert_eq!((status, kind.as_str()), (200, "text/xml; charset=utf-8"), "{twiml}");
    assert!(twiml.contains(r#"url="ws://127.0.0.1:7070/api/twilio/stream""#), "{twiml}");
    let with_token = House::with(&[unsigned, ("TWILIO_AUTH_TOKEN", TOKEN)]).await;
    assert_eq!(with_token.post_with(VOICE, &incoming(&sid, &[]), &[]).await.0, 403);
}

#[tokio::test]
async fn a_trial_believes_only_this_machine() {
    let trial = House::with(&[("TWILIO_ALLOW_UNSIGNED", "true")]).await;
    let sid = sid(1);
    let form = incoming(&sid, &[]);
    for strange in [
        ("forwarded", "for=192.0.2.1"),
        ("x-forwarded-for", "127.0.0.1"),
        ("x-forwarded-proto", "https"),
        ("origin", "http://127.0.0.1:7070"),
        ("host", "voice.example.com"),
        ("host", "127.0.0.1.example.com:7070"),
    ] {
        let (status, _, body) = trial.post_with(VOICE, &form, &[strange]).await;
        assert!(status == 403 && body.contains("forbidden"), "{strange:?}: {body}");
        let upgrade = Request::get("/api/twilio/stream").header(strange.0, strange.1);
        assert_eq!(trial.send(upgrade.body(Body::empty()).unwrap()).await.0, 403, "{strange:?}");
    }
    assert!(trial.switchboard.is_empty());
    for host in ["127.0.0.1:7070", "localhost:7070", "[::1]"] {
        assert_eq!(trial.post_with(VOICE, &form, &[("host", host)]).await.0, 200, "{host}");
    }
}

#[tokio::test]
async fn a_url_is_believed_as_it_was_written() {
    let written = "https://Voice.EXAMPLE.com";
    let house =
        House::with(&[("TWILIO_AUTH_TOKEN", TOKEN), ("PUBLIC_URL", "https://Voice.EXAMPLE.com/")]).await;
    let sid = sid(1);
    let form = incoming(&sid, &[]);
    let pairs: Vec<_> = form.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    for base in [PUBLIC, written, "https://Voice.EXAMPLE.com:443"] {
        let signature = sign_form(&format!("{base}{VOICE}"), &pairs, &TOKEN.into());
        assert_eq!(house.post_with(VOICE, &form, &[(SIGNATURE_HEADER, &signature)]).await.0, 200, "{base}");
    }
    let signature = sign_form(&format!("https://VOICE.example.com{VOICE}"), &pairs, &TOKEN.into());
    assert_eq!(house.post_with(VOICE, &form, &[(SIGNATURE_HEADER, &signature)]).await.0, 403);
}

#[tokio::test]
async fn a_form_that_is_none_of_twilios_is_refused() {
    let house = House::signed().await;
    let (status, _, body) = house.post(VOICE, &[("CallSid", "CA/../x"), ("To", OURS)]).await;
    assert_eq!(status, 400, "{body}");
    assert!(body.contains("invalid_form") && body.contains("CallSid") && !body.contains("../x"), "{body}");
    let long = "x".repeat(64 << 10);
    let (status, _, body) = house.post(VOICE, &[("Body", &long)]).await;
    assert_eq!(status, 413, "{body}");
    assert!(house.switchboard.is_empty());
}
