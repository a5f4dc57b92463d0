//! Webhooks and callbacks that come again, at once, too early or too late, and callers for whom there is no place.

use ai_realtime::caller::{Ending, TimelineEvent};
use futures_util::future::join_all;

use super::desk::{
    ByHand, GREETED, GREETING, books, call_sid, caller, door, form, greeted, hang_up, live_calls, of_kind,
    phone, said_by_twilio, stream_of, times, twilio, until_heard,
};
use crate::house::{DEADLINE, Service, soon};

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_posted_five_times_is_one_call_with_one_answer() {
    let service = Service::start_with(phone()).await;
    let client = &service.client;
    let (url, twilio) = (door(client, "voice"), twilio());
    for at_once in [true, false] {
        let sid = call_sid();
        let params = form(&sid, "ringing");
        let mut bodies = Vec::new();
        if at_once {
            let posts = (0..5).map(|_| twilio.post(&url, &params));
            bodies.extend(join_all(posts).await.into_iter().map(|answer| answer.unwrap().body));
        } else {
            for _ in 0..5 {
                bodies.push(twilio.post(&url, &params).await.unwrap().body);
            }
        }
        assert!(bodies.iter().all(|body| *body == bodies[0]), "{bodies:?}");
        let live = live_calls(client).await;
        assert_eq!(live.iter().filter(|call| call["call_id"] == sid.as_str()).count(), 1, "{live:?}");
        // Its one token opens its one stream, and the caller is greeted once.
        let line = caller(client).call_sid(&sid).dial().await.unwrap();
        assert_eq!(line.documents()[0], bodies[0]);
        until_heard(&line, GREETED).await;
        let answer = line.ask("what drinks do you have?", DEADLINE).await.unwrap();
        assert!(answer.contains("items"), "{answer}");
        assert_eq!(times(&line.utterances().concat(), GREETING), 1);
        line.hang_up().await;
        line.until_over(DEADLINE).await.unwrap();
        let events = books(client, &sid).await;
        assert_eq!(of_kind(&events, "call.started").len(), 1);
        // A webhook after the end begins nothing.
        let late = twilio.post(&url, &params).await.unwrap();
        assert!(late.body.contains("<Hangup/>") && !late.body.contains("<Stream"), "{}", late.body);
        assert!(!live_calls(client).await.iter().any(|call| call["call_id"] == sid.as_str()));
    }
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn callbacks_in_any_order_and_again_and_again_close_the_books_once() {
    let service = Service::start_with(phone()).await;
    let client = &service.client;
    let (twilio, status) = (twilio(), door(client, "status"));
    let tell = async |sid: &str, what: &str| {
        let answer = twilio.post(&status, &form(sid, what)).await.unwrap();
        assert_eq!(answer.status, 204, "{what}: {}", answer.body);
    };
    let of_stream = async |sid: &str, event: &str| {
        let params = [("AccountSid", "AC1"), ("CallSid", sid), ("StreamSid", "MZ1"), ("StreamEvent", event)];
        let params = params.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(twilio.post(&status, &params).await.unwrap().status, 204, "{event}");
    };
    // Before the webhook, of a call nobody knows: taken, and nothing begins.
    let sid = call_sid();
    for what in ["completed", "ringing", "in-progress", "a-new-status"] {
        tell(&sid, what).await;
    }
    of_stream(&sid, "stream-stopped").await;
    assert_eq!(live_calls(client).await.len(), 0);

    // Between the webhook and the stream, and backwards: the call goes on.
    twilio.post(&door(client, "voice"), &form(&sid, "ringing")).await.unwrap();
    for what in ["in-progress", "ringing", "initiated", "in-progress"] {
        tell(&sid, what).await;
    }
    for event in ["stream-stopped", "stream-started", "stream-error", "stream-started"] {
        of_stream(&sid, event).await;
    }
    let line = caller(client).call_sid(&sid).dial().await.unwrap();
    until_heard(&line, GREETED).await;
    tell(&sid, "ringing").await;
    assert!(line.ask("what drinks do you have?", DEADLINE).await.unwrap().contains("items"));

    // The end is told three times, then something older.
    line.hang_up().await;
    for what in ["completed", "completed", "completed", "in-progress"] {
        tell(&sid, what).await;
    }
    line.until_over(DEADLINE).await.unwrap();
    of_stream(&sid, "stream-started").await;
    let events = books(client, &sid).await;
    let ended = of_kind(&events, "call.ended");
    assert_eq!((ended.len(), ended[0]["reason"].as_str()), (1, Some("hung_up")));
    assert_eq!(live_calls(client).await.len(), 0);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_ended_before_its_stream_came_stays_ended() {
    let service = Service::start_with(phone()).await;
    let client = &service.client;
    let (twilio, sid) = (twilio(), call_sid());
    let connect = stream_of(&twilio.post(&door(client, "voice"), &form(&sid, "ringing")).await.unwrap());
    for _ in 0..2 {
        assert_eq!(twilio.post(&door(client, "status"), &form(&sid, "completed")).await.unwrap().status, 204);
    }
    let events = books(client, &sid).await;
    assert_eq!(events.last().unwrap()["type"], "call.ended");
    let mut stream = ByHand::open(&connect.url, None).await;
    stream.start(&sid, &connect.parameters).await;
    let (code, seen) = stream.until_closed().await;
    assert_eq!((code, seen.len()), (Some(1008), 0));
    let resume = twilio.post(&door(client, "resume"), &form(&sid, "in-progress")).await.unwrap();
    assert!(resume.body.contains("<Hangup/>") && !resume.body.contains("<Stream"), "{}", resume.body);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_for_whom_there_is_no_place_is_told_so_and_the_next_is_taken_when_there_is() {
    let mut settings = phone();
    settings.push(("MAX_CALLS", "1".to_owned()));
    let service = Service::start_with(settings).await;
    let client = &service.client;
    let first = greeted(client).await;
    let second = caller(client).dial().await.unwrap();
    assert_eq!(second.until_ended(DEADLINE).await.unwrap(), Ending::Hangup);
    let said = said_by_twilio(&second);
    assert!(said.len() == 1 && said[0].contains("all our lines are busy"), "{said:?}");
    assert!(first.ask("what drinks do you have?", DEADLINE).await.unwrap().contains("items"));
    hang_up(&first).await;
    soon(async { while !live_calls(client).await.is_empty() {} }).await;
    hang_up(&greeted(client).await).await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_for_whom_there_is_no_place_is_put_through_if_there_is_a_human() {
    let mut settings = phone();
    settings.extend([("MAX_CALLS", "1".to_owned()), ("TRANSFER_NUMBER", "+35621234567".to_owned())]);
    let service = Service::start_with(settings).await;
    let first = greeted(&service.client).await;
    let second = caller(&service.client).dial().await.unwrap();
    let dialled = second
        .until_event("a human", DEADLINE, |event| matches!(event, TimelineEvent::Dialled { .. }))
        .await
        .unwrap();
    assert!(dialled.to_string().contains("+35621234567"), "{dialled}");
    second.until_over(DEADLINE).await.unwrap();
    hang_up(&first).await;
    service.stop().await;
}
