//! How a stream ends, and what comes after it.

use super::*;

const DOWN: fn(StreamEnd) -> LineEvent = |how| LineEvent::StreamDown { how };

/// Says something of which nothing is played, and waits until it is written.
async fn speak(phone: &mut Phone, twilio: &mut Twilio, of: &Arc<Spoken>) {
    phone.lane.push_persona(audio(of, &sound(1, 80_000)));
    assert_eq!(phone.told().await, LineEvent::Playing);
    assert_eq!(twilio.hear().await["event"], "media");
}

#[tokio::test]
async fn a_stream_that_twilio_stops_is_stopped_and_closed() {
    let (mut phone, mut twilio) = Phone::ringing(PhoneLimits::default()).await;
    let of = of("r1", "a");
    speak(&mut phone, &mut twilio, &of).await;
    twilio.say(json!({"event": "stop", "streamSid": SID})).await;
    assert_eq!(at_once(phone.told().await), [cut(&of, 10_000)]);
    assert_eq!(phone.told().await, DOWN(StreamEnd::Stopped));
    assert_eq!(twilio.end().await, Some(1000));
    phone.send(PhoneMessage::CloseStream);
    phone.send(PhoneMessage::Interrupt { active: None });
    assert_eq!(
        phone.told().await,
        LineEvent::Interrupted { asked: true, cuts: Vec::new() },
        "it is not told twice"
    );
}

#[tokio::test]
async fn a_socket_that_closes_or_breaks_without_a_word_is_lost_and_the_next_one_goes_on() {
    let mut phone = Phone::new(PhoneLimits::default()).await;
    for polite in [true, false] {
        let mut twilio = phone.attach().await;
        assert_eq!(phone.told().await, LineEvent::StreamUp);
        twilio.media(&sound(1, 160)).await;
        assert_eq!(phone.heard().await, format!("<{}>", sound(1, 160)));
        if polite {
            soon(twilio.socket.close(None)).await.unwrap();
        }
        drop(twilio);
        assert_eq!(phone.told().await, DOWN(StreamEnd::Lost));
    }
}

#[tokio::test]
async fn a_stream_on_which_nothing_comes_is_lost() {
    let silence = Duration::from_millis(100);
    let (mut phone, mut twilio) = Phone::ringing(PhoneLimits { silence, ..PhoneLimits::default() }).await;
    assert_eq!(phone.told().await, DOWN(StreamEnd::Lost));
    assert_eq!(twilio.end().await, Some(1001));
}

#[tokio::test]
async fn a_frame_of_a_mebibyte_closes_the_socket_and_nothing_else() {
    let (mut phone, mut twilio) = Phone::ringing(PhoneLimits::default()).await;
    // The far end may find the socket closed while it still sends.
    let _ = soon(twilio.socket.send(Message::text("x".repeat(1 << 20)))).await;
    assert_eq!(phone.told().await, DOWN(StreamEnd::Lost));
    phone.attach().await.media(&sound(1, 160)).await;
    assert_eq!(phone.heard().await, format!("<{}>", sound(1, 160)));
}

#[tokio::test]
async fn a_message_above_the_limit_is_answered_with_the_reason() {
    let (mut phone, mut twilio) = Phone::ringing(PhoneLimits::default()).await;
    twilio.send(Message::text("x".repeat((64 << 10) + 1))).await;
    assert_eq!(phone.told().await, DOWN(StreamEnd::Lost));
    assert_eq!(twilio.end().await, Some(1009));
}

#[tokio::test]
async fn the_newest_stream_takes_the_place_of_the_one_before() {
    let (mut phone, mut old) = Phone::ringing(PhoneLimits::default()).await;
    let of = of("r1", "a");
    speak(&mut phone, &mut old, &of).await;
    let mut new = phone.attach().await;
    assert_eq!(at_once(phone.told().await), [cut(&of, 10_000)]);
    assert_eq!(phone.told().await, LineEvent::StreamUp);
    // The old one may be closed by now.
    let late = json!({"event": "media", "media": {"payload": sound(9, 160)}}).to_string();
    let _ = old.socket.send(Message::text(late)).await;
    assert_eq!(old.end().await, Some(1000));
    new.media(&sound(1, 160)).await;
    assert_eq!(phone.heard().await, format!("<{}>", sound(1, 160)));
    new.say(json!({"event": "stop"})).await;
    assert_eq!(phone.told().await, DOWN(StreamEnd::Stopped));
}

#[tokio::test]
async fn half_a_message_is_not_gone_on_with_on_another_stream_but_a_new_one_is_said() {
    let (mut phone, mut twilio) = Phone::ringing(PhoneLimits::default()).await;
    let half = of("r1", "a");
    speak(&mut phone, &mut twilio, &half).await;
    drop(twilio);
    assert_eq!(at_once(phone.told().await), [cut(&half, 10_000)]);
    assert_eq!(phone.told().await, DOWN(StreamEnd::Lost));
    phone.lane.push_persona(audio(&half, &sound(2, 160)));
    phone.lane.push_persona(audio(&of("r2", "b"), &sound(3, 160)));
    assert_eq!(phone.attach().await.hear().await, media(&sound(3, 160)));
}

#[tokio::test]
async fn we_can_close_a_stream_and_are_told_once() {
    let (mut phone, mut twilio) = Phone::ringing(PhoneLimits::default()).await;
    phone.send(PhoneMessage::CloseStream);
    phone.send(PhoneMessage::CloseStream);
    assert_eq!(phone.told().await, DOWN(StreamEnd::Closed));
    assert_eq!(twilio.end().await, Some(1000));
    phone.send(PhoneMessage::Interrupt { active: None });
    assert_eq!(phone.told().await, LineEvent::Interrupted { asked: true, cuts: Vec::new() });
}

#[tokio::test]
async fn a_line_that_stops_closes_its_stream_politely() {
    let (phone, mut twilio) = Phone::ringing(PhoneLimits::default()).await;
    phone.line.stop(None);
    assert_eq!(twilio.end().await, Some(1001));
}

#[tokio::test]
async fn a_line_that_is_killed_leaves_no_stream_behind() {
    let (phone, mut twilio) = Phone::ringing(PhoneLimits::default()).await;
    phone.line.kill();
    assert_eq!(twilio.end().await, Some(1001));
}
