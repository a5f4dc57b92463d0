//! What comes from the caller.

use futures_util::FutureExt;

use super::*;

#[tokio::test]
async fn the_callers_audio_reaches_the_lane_untouched_and_in_order() {
    let (phone, mut twilio) = Phone::ringing(PhoneLimits::default()).await;
    for byte in 0..50 {
        twilio.media(&sound(byte, 160)).await;
    }
    for byte in 0..50 {
        assert_eq!(phone.heard().await, format!("<{}>", sound(byte, 160)));
    }
}

#[tokio::test]
async fn a_hole_is_filled_with_silence_and_what_comes_twice_is_not_taken() {
    let (phone, mut twilio) = Phone::ringing(PhoneLimits::default()).await;
    twilio.media(&sound(1, 160)).await;
    twilio.chunk += 52;
    twilio.media(&sound(2, 160)).await;
    twilio.chunk -= 1;
    twilio.media(&sound(3, 160)).await;
    twilio.media(&sound(4, 160)).await;
    let silence = [sound(0xFF, 8_000), sound(0xFF, 160), sound(0xFF, 160)];
    for expected in [vec![sound(1, 160)], silence.to_vec(), vec![sound(2, 160), sound(4, 160)]].concat() {
        assert_eq!(phone.heard().await, format!("<{expected}>"));
    }
}

#[tokio::test]
async fn a_caller_who_falls_silent_in_mid_word_is_heard_to_be_silent() {
    let (phone, mut twilio) = Phone::ringing(PhoneLimits::default()).await;
    twilio.media(&sound(1, 160)).await;
    assert_eq!(phone.heard().await, format!("<{}>", sound(1, 160)));
    phone.lane.caller_speaks();
    assert_eq!(phone.heard().await, format!("<{}>", sound(0xFF, 8_000)));
    twilio.media(&sound(2, 160)).await;
    assert_eq!(phone.heard().await, format!("<{}>", sound(2, 160)));
}

#[tokio::test]
async fn garbage_never_ends_a_stream() {
    let (mut phone, mut twilio) = Phone::ringing(PhoneLimits::default()).await;
    let bad = |payload: &str| json!({"event": "media", "media": {"payload": payload}});
    for _ in 0..3 {
        twilio.send(Message::text("garbage")).await;
        twilio.send(Message::binary(vec![0; 400])).await;
        twilio.say(json!({"event": "media"})).await;
        twilio.say(json!({"event": "weather", "weather": {"rain": true}})).await;
        twilio.say(json!({"event": "mark", "mark": {"name": "not ours"}})).await;
        twilio.say(json!({"event": "dtmf", "dtmf": {"digit": "55"}})).await;
        twilio.say(bad("AAA")).await;
        twilio.say(bad("\\\"")).await;
        twilio.say(bad("")).await;
        twilio.say(bad(&sound(0, 8_001))).await;
        twilio.say(json!({"event": "media", "media": {"track": "outbound", "payload": sound(9, 160)}})).await;
        twilio.start().await;
    }
    twilio.media(&sound(1, 160)).await;
    assert_eq!(phone.heard().await, format!("<{}>", sound(1, 160)));
    assert!(phone.listener.next().now_or_never().is_none());
    assert!(phone.told.try_recv().is_err());
}

#[tokio::test]
async fn keys_are_told_but_no_more_than_a_caller_can_press() {
    let (mut phone, mut twilio) = Phone::ringing(PhoneLimits::default()).await;
    for digit in "0#A".chars() {
        twilio.say(json!({"event": "dtmf", "dtmf": {"track": "inbound_track", "digit": digit}})).await;
        assert_eq!(phone.told().await, LineEvent::Digit(digit));
    }
    for _ in 0..10_000 {
        twilio.say(json!({"event": "dtmf", "dtmf": {"digit": "1"}})).await;
    }
    twilio.say(json!({"event": "stop"})).await;
    let mut keys = 0;
    while phone.told().await == LineEvent::Digit('1') {
        keys += 1;
    }
    assert!(keys < 1_000, "{keys}");
}
