//! What goes to the caller.

use super::*;

#[tokio::test]
async fn whole_frames_pass_untouched_with_a_mark_at_the_end_and_are_known_to_be_played() {
    let (mut phone, mut twilio) = Phone::ringing(PhoneLimits::default()).await;
    let of = of("r1", "a");
    for byte in 0..3 {
        phone.lane.push_persona(audio(&of, &sound(byte, 800)));
    }
    phone.lane.push_persona(end(&of));
    for byte in 0..3 {
        assert_eq!(twilio.hear().await, media(&sound(byte, 800)));
    }
    let mark = twilio.hear().await;
    assert_eq!((&mark["event"], &mark["streamSid"]), (&json!("mark"), &json!(SID)));
    assert_eq!(phone.told().await, LineEvent::Playing);
    twilio.echo(&mark).await;
    assert_eq!(phone.told().await, LineEvent::Played);
    phone.lane.push_persona(audio(&of, &sound(4, 160)));
    assert_eq!(phone.told().await, LineEvent::Playing, "again, after silence");
}

#[tokio::test]
async fn a_long_answer_has_a_mark_every_few_hundred_milliseconds() {
    let (phone, mut twilio) = Phone::ringing(PhoneLimits::default()).await;
    let of = of("r1", "a");
    for _ in 0..100 {
        phone.lane.push_persona(audio(&of, &sound(1, 160)));
    }
    let mut heard = Vec::new();
    while heard.len() < 105 {
        heard.push(twilio.hear().await["event"].as_str().unwrap().to_owned());
    }
    let marks: Vec<_> = (0..heard.len()).filter(|at| heard[*at] == "mark").collect();
    assert_eq!(marks, [20, 41, 62, 83, 104]);
}

#[tokio::test]
async fn odd_sizes_are_packed_anew_and_the_last_is_filled_up() {
    let (phone, mut twilio) = Phone::ringing(PhoneLimits::default()).await;
    let (first, second) = (of("r1", "a"), of("r1", "b"));
    phone.lane.push_persona(audio(&first, &sound(1, 100)));
    phone.lane.push_persona(audio(&first, "no base64"));
    phone.lane.push_persona(audio(&first, &sound(2, 100)));
    phone.lane.push_persona(audio(&second, &sound(3, 160)));
    let bytes = |payload: &Value| {
        base64_simd::STANDARD.decode_to_vec(payload["media"]["payload"].as_str().unwrap()).unwrap()
    };
    assert_eq!(bytes(&twilio.hear().await), [vec![1; 100], vec![2; 60]].concat());
    assert_eq!(
        bytes(&twilio.hear().await),
        [vec![2; 40], vec![0xFF; 120]].concat(),
        "another message begins"
    );
    assert_eq!(twilio.hear().await["event"], "mark");
    assert_eq!(twilio.hear().await, media(&sound(3, 160)));
}

#[tokio::test]
async fn an_interruption_clears_the_line_and_says_what_was_not_heard() {
    let (mut phone, mut twilio) = Phone::ringing(PhoneLimits::default()).await;
    let (playing, queued) = (of("r1", "a"), of("r1", "b"));
    phone.lane.push_persona(audio(&playing, &sound(1, 16_000)));
    phone.lane.push_persona(end(&playing));
    phone.lane.push_persona(audio(&queued, &sound(2, 1_610)));
    assert_eq!(phone.told().await, LineEvent::Playing);
    let mark = [twilio.hear().await, twilio.hear().await][1].clone();
    assert_eq!(twilio.hear().await["event"], "media");
    phone.send(PhoneMessage::Interrupt { active: Some("r1".into()) });
    assert_eq!(at_once(phone.told().await), [cut(&playing, 2_000), cut(&queued, 200)]);
    assert_eq!(twilio.hear().await, json!({"event": "clear", "streamSid": SID}));
    // A clear sends all marks back; they say nothing. Late audio of what was interrupted is not heard.
    twilio.echo(&mark).await;
    phone.lane.push_persona(audio(&queued, &sound(2, 160)));
    phone.lane.push_persona(audio(&of("r2", "c"), &sound(3, 160)));
    assert_eq!(twilio.hear().await, media(&sound(3, 160)));
    assert_eq!(phone.told().await, LineEvent::Playing);
    phone.send(PhoneMessage::Interrupt { active: None });
    assert_eq!(at_once(phone.told().await), [cut(&of("r2", "c"), 20)]);
    phone.send(PhoneMessage::Interrupt { active: None });
    assert_eq!(
        phone.told().await,
        LineEvent::Interrupted { asked: true, cuts: Vec::new() },
        "answered though there is nothing"
    );
}

#[tokio::test]
async fn a_message_of_which_less_than_a_frame_came_was_not_heard_at_all() {
    let (mut phone, mut twilio) = Phone::ringing(PhoneLimits::default()).await;
    let (heard, begun) = (of("r1", "a"), of("r1", "b"));
    phone.lane.push_persona(audio(&heard, &sound(1, 160)));
    phone.lane.push_persona(audio(&begun, &sound(1, 10)));
    phone.lane.push_persona(audio(&heard, &sound(2, 160)));
    for event in ["media", "media", "mark"] {
        assert_eq!(twilio.hear().await["event"], event);
    }
    assert_eq!(phone.told().await, LineEvent::Playing);
    phone.lane.push_persona(audio(&begun, &sound(1, 1)));
    phone.send(PhoneMessage::Interrupt { active: None });
    let cuts = at_once(phone.told().await);
    assert!(cuts.contains(&cut(&heard, 40)) && cuts.iter().any(|cut| cut.item == begun.item), "{cuts:?}");
}

#[tokio::test]
async fn without_a_stream_an_interruption_is_answered_and_speech_waits_for_one() {
    let mut phone = Phone::new(PhoneLimits::default()).await;
    let (unheard, greeting) = (of("r1", "a"), of("r2", "b"));
    phone.lane.push_persona(audio(&unheard, &sound(1, 160)));
    phone.send(PhoneMessage::Interrupt { active: None });
    assert_eq!(phone.told().await, LineEvent::Interrupted { asked: true, cuts: vec![cut(&unheard, 0)] });
    phone.lane.push_persona(audio(&greeting, &sound(2, 160)));
    let mut twilio = phone.attach().await;
    assert_eq!(twilio.hear().await, media(&sound(2, 160)));
    assert_eq!(phone.told().await, LineEvent::StreamUp);
    assert_eq!(phone.told().await, LineEvent::Playing);
}

#[tokio::test]
async fn a_far_end_that_does_not_read_is_lost_but_an_interruption_is_answered_before() {
    let write = Duration::from_secs(2);
    let (mut phone, mut twilio) = Phone::ringing(PhoneLimits { write, ..PhoneLimits::default() }).await;
    let of = of("r1", "a");
    // More than the sockets between us hold.
    for _ in 0..500 {
        phone.lane.push_persona(audio(&of, &sound(1, 8_000)));
    }
    assert_eq!(phone.told().await, LineEvent::Playing);
    phone.send(PhoneMessage::Interrupt { active: None });
    let cuts = at_once(phone.told().await);
    assert_eq!((cuts.len(), &cuts[0].item), (1, &of.item));
    assert_eq!(phone.told().await, LineEvent::StreamDown { how: StreamEnd::Lost });
    twilio.end().await;
}
