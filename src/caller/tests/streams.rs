use axum::extract::ws::Message;

use super::super::{Ending, StreamEnd, TimelineEvent, Twist};
use super::service::{SOON, Service};

#[tokio::test]
async fn a_caller_hears_the_greeting_asks_and_hears_the_answer() {
    let mut service = Service::start().await;
    let line = service.caller().from("+1500").to("+1800").dial().await.unwrap();

    let post = service.post_to("/voice").await;
    assert!(post.is_signed);
    assert_eq!((post.form["From"].as_str(), post.form["To"].as_str()), ("+1500", "+1800"));
    assert_eq!((post.form["CallStatus"].as_str(), post.form["FromCity"].as_str()), ("ringing", ""));
    assert_eq!(post.form["CallSid"], line.call_sid());

    let mut peer = service.stream_opened().await;
    let start = peer.started().await;
    assert_eq!(start["start"]["customParameters"]["call_token"], "t1");
    assert_eq!(start["start"]["callSid"], line.call_sid());

    peer.say("welcome!").await;
    assert_eq!(line.until_heard("Welcome!", SOON).await.unwrap(), "welcome!");
    let (answer, ()) = tokio::join!(line.ask("what drinks do you have?", SOON), async {
        assert_eq!(peer.hear().await, "what drinks do you have?");
        peer.say("tea, and water").await;
    });
    assert_eq!(answer.unwrap(), "tea, and water");
    assert_eq!(line.utterances(), ["welcome!", "tea, and water"]);
    assert_eq!(super::super::answer_times_ms(&line.events()).len(), 1);

    line.hang_up().await;
    assert_eq!(peer.next_of("stop").await["stop"]["callSid"], line.call_sid());
    assert!(peer.next().await.is_none());
    assert_eq!(line.until_ended(SOON).await.unwrap(), Ending::CallerHungUp);
    let events: Vec<_> = [service.post_to("/stream-status").await, service.post_to("/stream-status").await]
        .map(|post| post.form["StreamEvent"].clone())
        .into();
    assert_eq!(events, ["stream-started", "stream-stopped"]);
    line.until_over(SOON).await.unwrap();
}

#[tokio::test]
async fn a_mark_comes_back_when_its_audio_was_heard_and_not_before() {
    let mut service = Service::start().await;
    let line = service.caller().dial().await.unwrap();
    let mut peer = service.stream_opened().await;
    peer.started().await;
    peer.mark("empty").await;
    assert_eq!(peer.next_of("mark").await["mark"]["name"], "empty");
    let began = line.now_ms();
    peer.media(&[0; 8_000]).await;
    peer.mark("second").await;
    peer.media(&[0; 800]).await;
    assert_eq!(peer.next_of("mark").await["mark"]["name"], "second");
    let took = line.now_ms() - began;
    assert!((1_000..1_600).contains(&took), "{took} ms of the call");
    line.until_quiet(500, SOON).await.unwrap();
    assert_eq!(line.heard().mulaw.iter().filter(|byte| **byte == 0).count(), 8_800);
    let events = line.events();
    let spoke = events.iter().find_map(|moment| {
        if let TimelineEvent::PersonaSilent { spoke_ms } = moment.event { Some(spoke_ms) } else { None }
    });
    assert_eq!(spoke, Some(1_100));
}

#[tokio::test]
async fn a_clear_drops_what_was_not_heard_and_sends_every_mark_back() {
    let mut service = Service::start().await;
    let line = service.caller().dial().await.unwrap();
    let mut peer = service.stream_opened().await;
    peer.started().await;
    peer.media(&[0; 80_000]).await;
    peer.mark("a").await;
    peer.mark("b").await;
    line.until_speaks(SOON).await.unwrap();
    peer.clear().await;
    assert_eq!(peer.next_of("mark").await["mark"]["name"], "a");
    assert_eq!(peer.next_of("mark").await["mark"]["name"], "b");
    let cleared = line
        .until_event("a clear", SOON, |event| matches!(event, TimelineEvent::Cleared { .. }))
        .await
        .unwrap();
    let TimelineEvent::Cleared { dropped_ms } = cleared.event else { panic!("{cleared}") };
    let heard = u64::try_from(line.heard().mulaw.iter().filter(|byte| **byte == 0).count()).unwrap();
    assert!(dropped_ms > 5_000, "{dropped_ms}");
    assert!((dropped_ms * 8 + heard).abs_diff(80_000) < 8, "{dropped_ms} {heard}");
    assert_eq!(line.counters().clears_received, 1);
}

#[tokio::test]
async fn a_service_that_closes_is_asked_again_by_the_next_verb() {
    let mut service = Service::start().await;
    service.answer("/voice", &service.connect("<Redirect>/resume</Redirect>"));
    service.answer("/resume", &service.connect("<Hangup/>"));
    let line = service.caller().dial().await.unwrap();
    let mut first = service.stream_opened().await;
    first.started().await;
    first.send_raw(Message::Close(None)).await;
    let resumed = service.post_to("/resume").await;
    assert!(resumed.is_signed);
    assert_eq!(resumed.form["CallStatus"], "in-progress");
    let mut second = service.stream_opened().await;
    second.started().await;
    assert_ne!(first.stream_sid, second.stream_sid);
    second.say("i am back").await;
    line.until_heard("i am back", SOON).await.unwrap();
    drop(second);
    assert_eq!(line.until_ended(SOON).await.unwrap(), Ending::Hangup);
}

#[tokio::test]
async fn the_action_of_a_connect_comes_before_the_next_verb() {
    let mut service = Service::start().await;
    let stream = service.stream("");
    let voice =
        format!("<Response><Connect action=\"/after\">{stream}</Connect><Say>never said</Say></Response>");
    service.answer("/voice", &voice);
    service.answer("/after", "<Response><Say>goodbye</Say></Response>");
    let line = service.caller().dial().await.unwrap();
    drop(service.stream_opened().await);
    assert_eq!(line.until_ended(SOON).await.unwrap(), Ending::NothingLeft);
    let said: Vec<_> = line
        .events()
        .into_iter()
        .filter_map(|moment| if let TimelineEvent::Said { text } = moment.event { Some(text) } else { None })
        .collect();
    assert_eq!(said, ["goodbye"]);
}

#[tokio::test]
async fn a_dropped_socket_says_no_stop_and_the_call_goes_on() {
    let mut service = Service::start().await;
    service.answer("/voice", &service.connect("<Redirect>/resume</Redirect>"));
    service.answer("/resume", &service.connect(""));
    let line = service.caller().dial().await.unwrap();
    let mut peer = service.stream_opened().await;
    peer.started().await;
    line.drop_socket().await;
    while let Some(message) = peer.next().await {
        assert_ne!(message["event"], "stop");
    }
    line.until_streams(2, SOON).await.unwrap();
    assert!(
        line.events()
            .iter()
            .any(|moment| moment.event == TimelineEvent::StreamEnded { by: StreamEnd::Dropped })
    );
}

#[tokio::test]
async fn what_twilio_would_drop_is_dropped_and_warned_of_once() {
    let mut service = Service::start().await;
    let line = service.caller().dial().await.unwrap();
    let mut peer = service.stream_opened().await;
    peer.started().await;
    for _ in 0..2 {
        peer.send_raw(Message::binary(vec![1, 2])).await;
        peer.send_raw(Message::text("not json")).await;
        peer.send_raw(Message::text("{\"event\":\"media\",\"streamSid\":\"MZother\",\"media\":{}}")).await;
    }
    peer.mark("last").await;
    peer.next_of("mark").await;
    assert_eq!(line.counters().messages_refused, 6);
    let codes: Vec<u32> = line
        .events()
        .iter()
        .filter_map(
            |moment| if let TimelineEvent::Warned { code, .. } = moment.event { Some(code) } else { None },
        )
        .collect();
    assert_eq!(codes, [31_950, 31_951]);
}

#[tokio::test]
async fn keys_gaps_and_garbage_reach_the_service() {
    let mut service = Service::start().await;
    let line = service.caller().dial().await.unwrap();
    let mut peer = service.stream_opened().await;
    peer.started().await;
    line.press('5').await;
    assert_eq!(peer.next_of("dtmf").await["dtmf"]["digit"], "5");
    line.send_raw(tokio_tungstenite::tungstenite::Message::text("{\"event\":\"bogus\"}")).await;
    peer.next_of("bogus").await;
    let time =
        |media: serde_json::Value| -> u64 { media["media"]["timestamp"].as_str().unwrap().parse().unwrap() };
    let mut last = time(peer.next_of("media").await);
    line.skip_frames(10).await;
    let gap = loop {
        let at = time(peer.next_of("media").await);
        if at > last + 20 {
            break at - last;
        }
        last = at;
    };
    assert_eq!(gap, 220);
}

#[tokio::test]
async fn a_caller_who_does_not_read_goes_on_talking() {
    let mut service = Service::start().await;
    let line = service.caller().dial().await.unwrap();
    let mut peer = service.stream_opened().await;
    peer.started().await;
    line.stop_reading().await;
    line.say("hello?").await;
    assert_eq!(peer.hear().await, "hello?");
    peer.mark("unread").await;
    assert_eq!(line.counters().marks_received, 0);
    line.read_again().await;
    assert_eq!(peer.next_of("mark").await["mark"]["name"], "unread");
}

#[tokio::test]
async fn a_stream_that_is_refused_falls_through_to_the_next_verb() {
    let mut service = Service::start().await;
    service.answer("/voice", &service.connect("<Say>sorry</Say>"));
    let line = service.caller().twist(Twist::UnsignedUpgrade).dial().await.unwrap();
    assert_eq!(line.until_ended(SOON).await.unwrap(), Ending::NothingLeft);
    let refused = line
        .until_event("a refusal", SOON, |event| matches!(event, TimelineEvent::StreamRefused { .. }))
        .await
        .unwrap();
    assert!(refused.to_string().contains("31920: the upgrade was answered 403"), "{refused}");
    assert_eq!(service.post_to("/stream-status").await.form["StreamEvent"], "stream-error");
}

#[tokio::test]
async fn a_twisted_start_is_sent_as_asked() {
    let mut service = Service::start().await;
    let twisted = service
        .caller()
        .twist(Twist::StartCallSid("CAother".to_owned()))
        .twist(Twist::Parameter("call_token".to_owned(), "stolen".to_owned()));
    let _line = twisted.dial().await.unwrap();
    let start = service.stream_opened().await.started().await;
    assert_eq!(start["start"]["callSid"], "CAother");
    assert_eq!(start["start"]["customParameters"]["call_token"], "stolen");

    let _line = service.caller().twist(Twist::NoStart).dial().await.unwrap();
    let mut peer = service.stream_opened().await;
    assert_eq!(peer.next().await.unwrap()["event"], "connected");
    assert_eq!(peer.next().await.unwrap()["event"], "media");
}
