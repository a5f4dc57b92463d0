use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const START: &str = r#"{"event":"start","sequenceNumber":"1","streamSid":"MZ00000000000000000000000000000001",
 "start":{"streamSid":"MZ00000000000000000000000000000001","accountSid":"AC0123456789abcdef0123456789abcdef",
          "callSid":"CA0123456789abcdef0123456789abcdef","tracks":["inbound"],
          "customParameters":{"call_token":"one-time-token","persona":"reception"},
          "mediaFormat":{"encoding":"audio/x-mulaw","sampleRate":8000,"channels":1}}}"#;
const MEDIA: &str = r#"{"event":"media","sequenceNumber":"4","streamSid":"MZ01","media":{"track":"inbound","chunk":"2","timestamp":"25","payload":"//9+"}}"#;

fn stream() -> StreamSid {
    "MZ00000000000000000000000000000001".parse().unwrap()
}

fn started(frame: &str) -> Start {
    match parse(frame).unwrap() {
        Inbound::Start(start) => *start,
        other => panic!("{other:?}"),
    }
}

fn media(frame: &str) -> Media<'_> {
    match parse(frame).unwrap() {
        Inbound::Media(media) => media,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_documented_frames_are_read() {
    assert_eq!(parse(r#"{"event":"connected","protocol":"Call","version":"1.0.0"}"#), Ok(Inbound::Connected));
    let start = started(START);
    assert_eq!(start.stream_sid, stream());
    assert_eq!(start.call_sid.as_str(), "CA0123456789abcdef0123456789abcdef");
    assert_eq!(start.tracks, ["inbound"]);
    assert_eq!(start.custom_parameters["call_token"], "one-time-token");
    assert!(start.is_mulaw_8k_mono());
    assert_eq!(
        media(MEDIA),
        Media {
            sequence: Some(4),
            chunk: Some(2),
            timestamp_ms: Some(25),
            track: Track::Inbound,
            payload: "//9+".into()
        }
    );
    let dtmf = r##"{"event":"dtmf","streamSid":"MZ01","sequenceNumber":"57","dtmf":{"track":"inbound_track","digit":"#"}}"##;
    assert_eq!(parse(dtmf), Ok(Inbound::Dtmf { digit: '#' }));
    let mark = r#"{"event":"mark","sequenceNumber":"61","streamSid":"MZ01","mark":{"name":"7:2"}}"#;
    assert_eq!(parse(mark), Ok(Inbound::Mark { name: "7:2".into() }));
    let stop = r#"{"event":"stop","sequenceNumber":"8","streamSid":"MZ01","stop":{"accountSid":"AC","callSid":"CA"}}"#;
    assert_eq!(parse(stop), Ok(Inbound::Stop));
}

#[test]
fn sound_is_not_copied_unless_it_is_escaped() {
    assert!(matches!(media(MEDIA).payload, Cow::Borrowed("//9+")));
    let escaped = MEDIA.replace("//9+", r"\/\/9+");
    assert_eq!(media(&escaped).payload, "//9+");
}

#[test]
fn counts_may_be_numbers_and_may_be_missing() {
    let frame = r#"{"media":{"payload":"","chunk":2,"timestamp":25,"new":{"a":[1]}},"sequenceNumber":4,"event":"media","x":null}"#;
    let read = media(frame);
    assert_eq!((read.sequence, read.chunk, read.timestamp_ms), (Some(4), Some(2), Some(25)));
    for odd in [r#""x""#, "-1", "1.5", "null", r#""""#] {
        let frame = format!(r#"{{"event":"media","media":{{"payload":"","chunk":{odd}}}}}"#);
        assert_eq!(media(&frame).chunk, None, "{odd}");
    }
}

#[test]
fn only_the_callers_own_sound_is_inbound() {
    assert_eq!(media(&MEDIA.replace("inbound", "outbound")).track, Track::Other);
    assert_eq!(media(&MEDIA.replace(r#""track":"inbound","#, "")).track, Track::Inbound);
}

#[test]
fn a_start_needs_its_ids_and_nothing_else() {
    let bare = json!({"event": "start", "start": {"streamSid": "MZ1", "accountSid": "AC1",
        "callSid": "CA0123456789abcdef0123456789abcdef", "customParameters": null}});
    let start = started(&bare.to_string());
    assert!(start.custom_parameters.is_empty() && start.is_mulaw_8k_mono());
    assert!(!started(&START.replace("8000", "16000")).is_mulaw_8k_mono());
    for bad in
        [START.replace("callSid", "sid"), START.replace("CA0123", "XX0123"), START.replace("MZ0", "M\\\"")]
    {
        assert_eq!(parse(&bad), Err(StreamError::Malformed { event: "start" }));
    }
}

#[test]
fn what_is_new_to_us_is_unknown_and_not_wrong() {
    assert_eq!(parse(r#"{"event":"weather"}"#), Ok(Inbound::Unknown("weather".into())));
    assert_eq!(parse(r#"{"event":"weather","media":7}"#), Ok(Inbound::Unknown("weather".into())));
    assert_eq!(parse(r#"{"event":"stop","start":"now"}"#), Ok(Inbound::Stop));
    let long = format!(r#"{{"event":"{}"}}"#, "é".repeat(200));
    assert_eq!(parse(&long), Ok(Inbound::Unknown("é".repeat(64))));
}

#[test]
fn a_frame_that_cannot_be_used_says_so_without_repeating_it() {
    for frame in ["", "secret", "[]", "{}", r#"{"event":7}"#, r#"{"event":"media""#] {
        assert!(matches!(parse(frame), Err(StreamError::NotAnEvent { .. })), "{frame}");
    }
    for (event, frame) in [
        ("media", r#"{"event":"media"}"#),
        ("media", r#"{"event":"media","media":{"payload":7}}"#),
        ("mark", r#"{"event":"mark","mark":{}}"#),
        ("dtmf", r#"{"event":"dtmf","dtmf":{"digit":"55"}}"#),
        ("dtmf", r#"{"event":"dtmf","dtmf":{"digit":"é"}}"#),
        ("start", r#"{"event":"start","start":{"callSid":"secret"}}"#),
    ] {
        let error = parse(frame).unwrap_err();
        assert_eq!(error, StreamError::Malformed { event }, "{frame}");
        assert!(!error.to_string().contains("secret"));
    }
}

#[test]
fn what_is_sent_has_exactly_the_documented_fields() {
    let written = |write: &dyn Fn(&mut String)| -> Value {
        let mut out = String::new();
        write(&mut out);
        serde_json::from_str(&out).unwrap()
    };
    let sid = stream();
    assert_eq!(
        written(&|out| write_media(out, &sid, "//9+")),
        json!({"event": "media", "streamSid": sid.as_str(), "media": {"payload": "//9+"}})
    );
    assert_eq!(
        written(&|out| write_mark(out, &sid, "7:\"2")),
        json!({"event": "mark", "streamSid": sid.as_str(), "mark": {"name": "7:\"2"}})
    );
    assert_eq!(written(&|out| write_clear(out, &sid)), json!({"event": "clear", "streamSid": sid.as_str()}));
}

#[test]
fn only_whole_base64_has_a_length() {
    for (payload, bytes) in [("", 0), ("/w==", 1), ("//8=", 2), ("//9+", 3)] {
        assert_eq!(payload_bytes(payload), Some(bytes), "{payload}");
    }
    let sound = base64_simd::STANDARD.encode_to_string([0x7f_u8; 160]);
    assert_eq!(payload_bytes(&sound), Some(160));
    for bad in ["/w=", "/w", "/", "=", "/w==/w==", "//9-", "//9_", "//9\n", "====", "//9+ ", "é///"] {
        assert_eq!(payload_bytes(bad), None, "{bad}");
    }
    for place in [0, 100, 200, 213] {
        let mut broken = sound.clone();
        broken.replace_range(place..=place, "!");
        assert_eq!(payload_bytes(&broken), None, "at {place}");
    }
}

proptest! {
    #[test]
    fn nothing_that_is_sent_makes_reading_fail_badly(frame in r#"[\{\}\[\]":,a-z0-9\\ ]{0,60}"#) {
        let _ = parse(&frame);
    }

    #[test]
    fn a_payload_has_a_length_exactly_when_it_decodes(payload in "[A-Za-z0-9+/=!]{0,90}") {
        let decoded = base64_simd::STANDARD.decode_to_vec(&payload).ok();
        prop_assert_eq!(payload_bytes(&payload), decoded.map(|bytes| bytes.len()));
    }
}
