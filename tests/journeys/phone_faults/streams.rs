//! Streams that break, and streams that are too many: the call is one, and goes on.

use ai_realtime::caller::{Ending, TimelineEvent};

use super::desk::{
    ByHand, GREETED, GREETING, books, call_sid, caller, door, form, greeted, hang_up, live_calls, of_kind,
    phone, stream_of, times, twilio, until_heard,
};
use crate::house::{DEADLINE, Service};

#[tokio::test(flavor = "multi_thread")]
async fn of_two_streams_of_one_call_the_newest_wins_and_nobody_is_greeted_twice() {
    let service = Service::start_with(phone()).await;
    let client = &service.client;
    let sid = call_sid();
    let answer = twilio().post(&door(client, "voice"), &form(&sid, "ringing")).await.unwrap();
    let connect = stream_of(&answer);
    let mut first = ByHand::open(&connect.url, None).await;
    first.start(&sid, &connect.parameters).await;
    // Echoes no mark: as far as the service knows the greeting is still to be heard.
    first.until("media").await;
    let line = caller(client).call_sid(&sid).dial().await.unwrap();
    line.until_streams(1, DEADLINE).await.unwrap();
    let (code, _) = first.until_closed().await;
    assert_eq!(code, Some(1000));
    let answer = line.ask("what drinks do you have?", DEADLINE).await.unwrap();
    assert!(answer.contains("i found"), "{answer}");
    let answer = line.ask("what desserts do you have?", DEADLINE).await.unwrap();
    assert!(answer.contains("found"), "{answer}");
    let heard = line.utterances().concat();
    assert_eq!(times(&heard, "welcome!"), 0, "{heard}");
    assert_eq!(live_calls(client).await.len(), 1);
    hang_up(&line).await;
    let events = books(client, &sid).await;
    assert_eq!(of_kind(&events, "line.up").len(), 2);
    assert_eq!(of_kind(&events, "caller.transcript").len(), 2);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn twilio_closing_in_the_middle_of_the_personas_word_costs_that_word_only() {
    let service = Service::start_with(phone()).await;
    let client = &service.client;
    let line = caller(client).dial().await.unwrap();
    until_heard(&line, "welcome! wh").await;
    line.drop_socket().await;
    line.until_streams(2, DEADLINE).await.unwrap();
    // It goes on where it was.
    until_heard(&line, "get you today?").await;
    line.until_quiet(500, DEADLINE).await.unwrap();
    let answer = line.ask("what drinks do you have?", DEADLINE).await.unwrap();
    assert!(answer.contains("i found"), "{answer}");
    // In the middle of an answer, too.
    line.say("what desserts do you have?").await;
    line.until_said(DEADLINE).await.unwrap();
    line.listen_afresh();
    until_heard(&line, "found").await;
    line.drop_socket().await;
    line.until_streams(3, DEADLINE).await.unwrap();
    line.listen_afresh();
    line.until_speaks(DEADLINE).await.unwrap();
    line.until_quiet(800, DEADLINE).await.unwrap();
    let answer = line.ask("what drinks do you have?", DEADLINE).await.unwrap();
    assert!(answer.contains("i found"), "{answer}");
    assert_eq!(times(&line.utterances().concat(), "welcome!"), 1);
    line.hang_up().await;
    assert_eq!(line.until_ended(DEADLINE).await.unwrap(), Ending::CallerHungUp);
    line.until_over(DEADLINE).await.unwrap();
    let events = books(client, line.call_sid()).await;
    let downs = of_kind(&events, "line.down");
    let hows: Vec<_> = downs.iter().map(|event| event["how"].as_str().unwrap()).collect();
    assert_eq!(hows, ["lost", "lost", "stopped"]);
    let cut = of_kind(&events, "assistant.interrupted");
    assert_eq!(cut.len(), 2, "{cut:?}");
    let greeting = "Welcome! What can I get you today?";
    assert!(greeting.starts_with(cut[0]["heard"].as_str().unwrap()), "{}", cut[0]);
    assert_eq!(events.last().unwrap()["type"], "call.ended");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn twilio_closing_in_the_middle_of_the_callers_word_does_not_cost_the_answer() {
    let service = Service::start_with(phone()).await;
    let line = greeted(&service.client).await;
    line.listen_afresh();
    line.say("what drinks do you have, if i may ask?").await;
    line.until_event("the caller's voice", DEADLINE, |event| *event == TimelineEvent::CallerSpeaks)
        .await
        .unwrap();
    line.drop_socket().await;
    line.until_streams(2, DEADLINE).await.unwrap();
    line.until_said(DEADLINE).await.unwrap();
    until_heard(&line, "i found").await;
    assert_eq!(times(&line.utterances().concat(), GREETING), 1);
    hang_up(&line).await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_hangs_up_in_the_middle_of_everything_leaves_closed_books() {
    let service = Service::start_with(phone()).await;
    let client = &service.client;
    for words in ["", "welcome", "i found"] {
        let line = caller(client).dial().await.unwrap();
        if words == "i found" {
            until_heard(&line, GREETED).await;
            line.say("what drinks do you have?").await;
        }
        until_heard(&line, words).await;
        line.hang_up().await;
        line.until_over(DEADLINE).await.unwrap();
        let events = books(client, line.call_sid()).await;
        let ended = of_kind(&events, "call.ended");
        assert_eq!((ended.len(), ended[0]["reason"].as_str()), (1, Some("hung_up")), "{words}");
    }
    assert_eq!(live_calls(client).await.len(), 0);
    service.stop().await;
}
