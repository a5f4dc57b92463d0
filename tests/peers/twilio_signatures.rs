//! Twilio's own library signs, and believes, what the service and the simulated caller do.

use std::collections::BTreeSet;

use ai_realtime::caller::{Webhooks, sign};
use ai_realtime::protocol::twilio::signature::{sign_form, with_body_digest};
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::bench::{ask, run, script};
use crate::phone::{PUBLIC_URL, Phone, TOKEN};

type Pairs = Vec<(String, String)>;

/// The key of the vectors of our own tests.
const VECTOR_KEY: &str = "12345678901234567890123456789012";
const JSON_BODY: &str = r#"{"CallSid":"CA0123456789abcdef0123456789abcdef","ok":true}"#;
const HOST: &str = "https://voice.example.com";

fn pairs(all: &[(&str, &str)]) -> Pairs {
    all.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn a_call() -> Pairs {
    pairs(&[
        ("CallSid", "CA0123456789abcdef0123456789abcdef"),
        ("AccountSid", "AC0123456789abcdef0123456789abcdef"),
        ("From", "+14158675309"),
        ("To", "+18005551212"),
        ("CallStatus", "ringing"),
        ("ApiVersion", "2010-04-01"),
        ("Direction", "inbound"),
    ])
}

fn requests() -> Vec<(String, Pairs)> {
    let message = pairs(&[
        ("MessageSid", "SM0123456789abcdef0123456789abcdef"),
        ("From", "whatsapp:+14158675309"),
        ("To", "whatsapp:+18005551212"),
        ("Body", "Grüße & 1+1=2 ☎"),
        ("NumMedia", "0"),
        ("ProfileName", "Zoë"),
        ("WaId", "14158675309"),
    ]);
    let twice = pairs(&[("a", "2"), ("a", "1"), ("a", "2"), ("B", "x"), ("b", "y")]);
    let blank = pairs(&[("CallSid", "CA1"), ("CallerName", ""), ("From", "+1")]);
    // Names and values whose order is another one by characters of UTF-16 or by language.
    let ordered =
        pairs(&[("ß", "1"), ("z", "2"), ("Ž", "𝄞"), ("\u{fb01}", "\u{e000}"), ("", "x"), ("x", "")]);
    let plain = |path: &str, form: &Pairs| (format!("{HOST}{path}"), form.clone());
    let none = Pairs::new();
    vec![
        plain("/twilio/voice?tenant=acme&v=2", &a_call()),
        plain(":8443/twilio/voice?tenant=acme&v=2", &a_call()),
        plain(":443/twilio/voice?tenant=acme&v=2", &a_call()),
        plain("/twilio/messages", &message),
        plain("/twilio/multi", &twice),
        plain("/twilio/voice", &blank),
        plain("/twilio/voice", &ordered),
        plain("/twilio/voice?CallSid=CA1&From=%2B14158675309", &none),
        plain("/twilio/stream", &none),
        ("wss://voice.example.com/twilio/stream".to_owned(), none.clone()),
        ("wss://voice.example.com/twilio/stream/".to_owned(), none.clone()),
        (with_body_digest(&format!("{HOST}/twilio/json"), JSON_BODY.as_bytes()), none),
    ]
}

fn case(url: &str, params: &Pairs, signature: &str) -> Value {
    json!({"key": VECTOR_KEY, "url": url, "params": params, "signature": signature})
}

/// Every signature that stands in a source file: base64 of 20 or 32 bytes, in quotes.
fn signatures_in(source: &str) -> BTreeSet<&str> {
    let quoted = source.split('"').filter(|text| matches!(text.len(), 28 | 44) && text.ends_with('='));
    quoted
        .filter(|text| {
            let bytes = base64_simd::STANDARD.decode_to_vec(text).unwrap_or_default();
            matches!(bytes.len(), 20 | 32)
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Python with Twilio's package: make test-services"]
async fn what_the_simulated_caller_and_the_service_sign_is_believed() {
    let token = SecretString::from(VECTOR_KEY);
    let webhooks = Webhooks::new(Some(token.clone())).unwrap();
    let mut cases = Vec::new();
    for (url, form) in requests() {
        let signature = sign(VECTOR_KEY, &url, &form);
        assert_eq!(webhooks.signature(&url, &form).as_deref(), Some(signature.as_str()));
        assert_eq!(sign_form(&url, &form, &token), signature, "{url}");
        cases.push(case(&url, &form, &signature));
    }
    let good = cases.len();
    for (at, (url, mut form)) in requests().into_iter().enumerate() {
        let signature = cases[at]["signature"].as_str().unwrap().to_owned();
        form.push(("Another".to_owned(), String::new()));
        cases.push(case(&url, &form, &signature));
    }
    let judged = ask(script("twilio_signatures.py"), &Value::from(cases.clone())).await;
    for (at, (judged, case)) in judged.as_array().unwrap().iter().zip(&cases).enumerate() {
        assert_eq!(judged["is_valid"], at < good, "{case}");
        assert!(at >= good || judged["signature"] == case["signature"], "{case} {judged}");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Python with Twilio's package: make test-services"]
async fn the_signatures_in_our_own_tests_are_twilios() {
    let mut cases: Vec<_> = requests().iter().map(|(url, form)| case(url, form, "")).collect();
    let mut shared = case(&requests()[0].0, &a_call(), "");
    shared["key"] = "shhh-shared-key-secret-0001".into();
    shared["algorithm"] = "HMAC_SHA256".into();
    cases.push(shared);
    let made = ask(script("twilio_signatures.py"), &Value::from(cases)).await;
    let made: BTreeSet<&str> =
        made.as_array().unwrap().iter().map(|judged| judged["signature"].as_str().unwrap()).collect();
    for source in [
        include_str!("../../src/protocol/twilio/signature/tests.rs"),
        include_str!("../../src/caller/signature.rs"),
    ] {
        let written = signatures_in(source);
        assert!(written.len() >= 8, "{written:?}");
        assert!(written.is_subset(&made), "{:?}", written.difference(&made));
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Python with Twilio's package: make test-services"]
async fn a_body_that_is_no_form_is_believed_by_its_digest() {
    let url = with_body_digest(&format!("{HOST}/twilio/json"), JSON_BODY.as_bytes());
    let signature = sign(VECTOR_KEY, &url, &[]);
    let judged = |body: &str| {
        let mut case = case(&url, &Pairs::new(), &signature);
        case["body"] = body.into();
        case
    };
    let changed = JSON_BODY.replace("true", "false");
    let cases = json!([judged(JSON_BODY), judged(&changed)]);
    let told = ask(script("twilio_signatures.py"), &cases).await;
    assert_eq!((&told[0]["is_valid"], &told[1]["is_valid"]), (&json!(true), &json!(false)));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Python with Twilio's package: make test-services"]
async fn the_service_believes_what_twilio_signs_and_nothing_else() {
    let phone = Phone::start(&[]).await;
    let mut twilio = script("twilio_webhooks.py");
    twilio.args([&phone.service.base, PUBLIC_URL, TOKEN]);
    let told = run(twilio, std::time::Duration::from_secs(60)).await;
    phone.service.end().await;

    let mut told: Value = serde_json::from_str(told.trim()).unwrap();
    let count = |name: &str| told[name].as_u64().unwrap();
    assert!(count("believed") >= 9 && count("refused") >= 150 && count("upgrades") == 2, "{told}");
    let seen = ask(script("twilio_documents.py"), &told["documents"].take()).await;
    for element in ["Connect", "Stream", "Parameter", "Redirect", "Hangup", "Message", "Body"] {
        assert!(seen[element].as_u64() > Some(0), "no <{element}> in {seen}");
    }
}
