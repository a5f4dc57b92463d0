use proptest::prelude::*;

use super::*;

const TOKEN: &str = "12345678901234567890123456789012";
const T1: &str = "https://voice.example.com/twilio/voice?tenant=acme&v=2";
const T1_SIGNATURE: &str = "tav2KZTp0z42cYYXnKv/q3Cl0Jo=";
const T4: &str = "https://voice.example.com/twilio/json?bodySHA256=26220c1fdc521b68babec8136f04b5cb71635e94dda152a88c1b2ec85f7c73ee";
const T4_BODY: &[u8] = br#"{"CallSid":"CA0123456789abcdef0123456789abcdef","ok":true}"#;
const T4_SIGNATURE: &str = "dh/EBUbDOSkBIMorlP0u6O2ts7Q=";
const SHARED: &[u8] = b"key=webhooks_sharedkey_00000000000000000000000001,algorithm=HMAC_SHA256";

type Pairs = Vec<(String, String)>;

fn pairs(all: &[(&str, &str)]) -> Pairs {
    all.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn p1() -> Pairs {
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

fn verifier() -> Verifier {
    Verifier::new(vec![TOKEN.into()])
}

fn proof(signature: &str) -> Proof {
    Proof::read([signature.as_bytes()], []).unwrap()
}

fn exactly(url: &str) -> Vec<String> {
    vec![url.to_owned()]
}

/// T1 to T9 of Twilio's own validator (PyPI `twilio` 9.13.0), but for the shared key.
fn vectors() -> Vec<(&'static str, Pairs, &'static str)> {
    let message = pairs(&[
        ("MessageSid", "SM0123456789abcdef0123456789abcdef"),
        ("From", "whatsapp:+14158675309"),
        ("To", "whatsapp:+18005551212"),
        ("Body", "Grüße & 1+1=2 ☎"),
        ("NumMedia", "0"),
        ("ProfileName", "Zoë"),
        ("WaId", "14158675309"),
    ]);
    let multi = pairs(&[("a", "2"), ("a", "1"), ("a", "2"), ("B", "x"), ("b", "y")]);
    let blank = pairs(&[("CallSid", "CA1"), ("CallerName", ""), ("From", "+1")]);
    vec![
        (T1, p1(), T1_SIGNATURE),
        ("https://voice.example.com:8443/twilio/voice?tenant=acme&v=2", p1(), "FIxKa6o06fV4pRDzFVVbEAc4iXk="),
        ("https://voice.example.com:443/twilio/voice?tenant=acme&v=2", p1(), "wWq7+KMIPqlkN4E28XAoqma1JWo="),
        ("https://voice.example.com/twilio/messages", message, "aO7yFimf9nbs89IGNgqKScsWcRQ="),
        (T4, vec![], T4_SIGNATURE),
        ("wss://voice.example.com/twilio/stream", vec![], "2HFYhF408UzoPO2wrzNVJxiUSdc="),
        ("wss://voice.example.com/twilio/stream/", vec![], "g6x83qtmJoVGtQEf7kHXBcUVluA="),
        ("https://voice.example.com/twilio/stream", vec![], "PRtBB2IlDIwauSbAC6BTbhCRPA8="),
        ("https://voice.example.com/twilio/multi", multi, "P0+KXTJUprCzP3vCZUhyERZBnfs="),
        ("https://voice.example.com/twilio/voice", blank, "xf7KXObXjnjkecDbAY9EVF4gvxs="),
        (
            "https://voice.example.com/twilio/voice?CallSid=CA1&From=%2B14158675309",
            vec![],
            "JpXTjW1RWqoCk2Z6GBGiOOW6eXk=",
        ),
    ]
}

#[test]
fn twilios_own_signatures_are_believed_and_made() {
    for (url, pairs, signature) in vectors() {
        assert_eq!(sign_form(url, &pairs, &TOKEN.into()), signature, "{url}");
        assert_eq!(verifier().verify_form(&exactly(url), &pairs, &proof(signature)), Ok(()), "{url}");
    }
    assert_eq!(
        sign_url("wss://voice.example.com/twilio/stream", &TOKEN.into()),
        "2HFYhF408UzoPO2wrzNVJxiUSdc="
    );
}

#[test]
fn anything_changed_is_not_believed() {
    let refused = |url: &str, pairs: &[(String, String)], signature: &str| {
        assert_eq!(
            verifier().verify_form(&candidates(url), pairs, &proof(signature)),
            Err(SignatureError::Mismatch),
            "{url}"
        );
    };
    let mut other_caller = p1();
    other_caller[2].1 = "+14158675308".into();
    refused(T1, &other_caller, T1_SIGNATURE);
    refused("https://voice.example.com/twilio/voice", &p1(), T1_SIGNATURE);
    refused("https://voice.example.com:8443/twilio/voice?tenant=acme&v=2", &p1(), T1_SIGNATURE);
    refused(T1, &p1()[1..], T1_SIGNATURE);
    // An upgrade is signed as `wss`, and with its own slash.
    refused("wss://voice.example.com/twilio/stream", &[], "PRtBB2IlDIwauSbAC6BTbhCRPA8=");
    refused("wss://voice.example.com/twilio/stream", &[], "g6x83qtmJoVGtQEf7kHXBcUVluA=");
    let wrong_token = Verifier::new(vec!["12345678901234567890123456789013".into()]);
    let result = wrong_token.verify_form(&exactly(T1), &p1(), &proof(T1_SIGNATURE));
    assert_eq!(result, Err(SignatureError::Mismatch));
    let no_token = Verifier::default().verify_form(&exactly(T1), &p1(), &proof(T1_SIGNATURE));
    assert_eq!(no_token, Err(SignatureError::Mismatch));
}

#[test]
fn any_token_in_force_will_do() {
    for tokens in [["old-token", TOKEN], [TOKEN, "new-token"]] {
        let verifier = Verifier::new(tokens.map(SecretString::from).into());
        assert_eq!(verifier.verify_form(&exactly(T1), &p1(), &proof(T1_SIGNATURE)), Ok(()));
    }
}

#[test]
fn a_json_body_must_be_the_one_that_was_signed() {
    let verify = |url: &str, body: &[u8]| verifier().verify_json(&exactly(url), body, &proof(T4_SIGNATURE));
    assert_eq!(verify(T4, T4_BODY), Ok(()));
    let mut changed = T4_BODY.to_vec();
    changed[3] ^= 1;
    assert_eq!(verify(T4, &changed), Err(SignatureError::Body));
    assert_eq!(verify(&T4.replace("26220", "26221"), T4_BODY), Err(SignatureError::Mismatch));
    assert_eq!(with_body_digest("https://voice.example.com/twilio/json#rc=2", T4_BODY), T4);
    let plain = "https://voice.example.com/twilio/stream";
    let undigested = proof("PRtBB2IlDIwauSbAC6BTbhCRPA8=");
    assert_eq!(verifier().verify_json(&exactly(plain), b"", &undigested), Err(SignatureError::Body));
}

#[test]
fn a_shared_key_signs_where_it_is_configured() {
    let shared = Proof::read([&b"FY6dYvIytUyTU01hGSjoM9pFE2zhFRC3O/WGALOb0TE="[..]], [SHARED]).unwrap();
    assert_eq!(verifier().verify_form(&exactly(T1), &p1(), &shared), Err(SignatureError::UnknownKey));
    let keys = |secret: &str| {
        let id = "webhooks_sharedkey_00000000000000000000000001";
        verifier().with_shared_keys(BTreeMap::from([(id.to_owned(), secret.into())]))
    };
    let good = keys("shhh-shared-key-secret-0001");
    assert_eq!(good.verify_form(&exactly(T1), &p1(), &shared), Ok(()));
    assert_eq!(good.verify_form(&exactly(T1), &p1(), &proof(T1_SIGNATURE)), Ok(()));
    let wrong = keys("shhh-shared-key-secret-0002");
    assert_eq!(wrong.verify_form(&exactly(T1), &p1(), &shared), Err(SignatureError::Mismatch));
}

#[test]
fn a_proof_is_one_signature_of_the_right_length() {
    let read = |signatures: &[&str], settings: &[&[u8]]| {
        Proof::read(signatures.iter().map(|text| text.as_bytes()), settings.iter().copied()).unwrap_err()
    };
    assert_eq!(read(&[], &[]), SignatureError::Missing);
    assert_eq!(read(&[T1_SIGNATURE, T1_SIGNATURE], &[]), SignatureError::Repeated);
    assert_eq!(read(&[T1_SIGNATURE], &[SHARED, SHARED]), SignatureError::Repeated);
    for bad in ["", "x", "tav2KZTp0z42cYYXnKv/q3Cl0J==", "tav2KZTp0z42cYYXnKv_q3Cl0Jo=", &"A".repeat(28)] {
        assert_eq!(read(&[bad], &[]), SignatureError::Malformed, "{bad}");
    }
    assert_eq!(read(&[T1_SIGNATURE], &[SHARED]), SignatureError::Malformed);
    for settings in ["", "key=a", "algorithm=HMAC_SHA256", "key=a,algorithm=HMAC_SHA1", "key"] {
        assert_eq!(read(&[T1_SIGNATURE], &[settings.as_bytes()]), SignatureError::UnknownKey, "{settings}");
    }
}

#[test]
fn the_schemes_own_port_may_be_written_or_not() {
    for (url, other) in [
        ("https://a.example", Some("https://a.example:443")),
        ("https://a.example:443/x?y=:443", Some("https://a.example/x?y=:443")),
        ("https://a.example/x:y#rc=2", Some("https://a.example:443/x:y")),
        ("wss://a.example/s", Some("wss://a.example:443/s")),
        ("http://[::1]/x", Some("http://[::1]:80/x")),
        ("http://[::1]:80?q", Some("http://[::1]?q")),
        ("https://a.example:8443/x", None),
        ("http://[::1]:7070/x", None),
        ("nonsense", None),
    ] {
        let mut expected = vec![without_fragment(url).to_owned()];
        expected.extend(other.map(str::to_owned));
        assert_eq!(candidates(url), expected);
    }
    let with_port = proof("wWq7+KMIPqlkN4E28XAoqma1JWo=");
    assert_eq!(verifier().verify_form(&candidates(T1), &p1(), &with_port), Ok(()));
}

#[test]
fn nobody_signs_with_an_empty_token() {
    let forged = proof(&sign_form(T1, &p1(), &"".into()));
    let verifier = Verifier::new(vec!["".into()]);
    assert_eq!(verifier.verify_form(&exactly(T1), &p1(), &forged), Err(SignatureError::Mismatch));
}

#[test]
fn tokens_are_never_printed() {
    assert!(!format!("{:?}", verifier()).contains("1234"));
}

proptest! {
    #[test]
    fn what_we_sign_we_believe_in_any_order(form in prop::collection::vec(("[A-Za-z]{0,4}", any::<String>()), 0..8)) {
        let signature = sign_form(T1, &form, &TOKEN.into());
        let mut turned = form.clone();
        turned.reverse();
        prop_assert_eq!(verifier().verify_form(&exactly(T1), &turned, &proof(&signature)), Ok(()));
    }
}
