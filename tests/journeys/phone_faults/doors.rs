//! Strangers at the phone's doors: wrong, missing and replayed signatures and tokens, streams that do not say whose
//! they are.

use ai_realtime::caller::{CallError, Caller, Ending, StreamEnd, TimelineEvent, Twist, Webhooks};
use serde_json::json;

use super::desk::{
    ByHand, books, call_sid, caller, completed, door, form, greeted, hang_up, live_calls, of_kind, phone,
    said_by_twilio, stream_of, twilio,
};
use crate::house::{DEADLINE, Service, soon};

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_is_not_signed_by_the_account_begins_nothing() {
    let service = Service::start_with(phone()).await;
    let client = &service.client;
    let url = door(client, "voice");
    let unsigned = Caller::builder(&url).dial().await.map(drop).unwrap_err();
    assert!(matches!(unsigned, CallError::Unsigned), "{unsigned}");
    let wrong = Caller::builder(&url).token("another-0123456789abcdef".into()).dial().await.map(drop);
    assert!(matches!(wrong, Err(CallError::Signature { .. })), "{wrong:?}");
    for name in ["voice", "resume", "status", "message", "whisper?call_id=CA1"] {
        let url = door(client, name);
        for stranger in [None, Some("another-0123456789abcdef".into())] {
            let answer =
                Webhooks::new(stranger).unwrap().post(&url, &form(&call_sid(), "ringing")).await.unwrap();
            assert_eq!(answer.status, 403, "{name}: {}", answer.body);
        }
    }
    assert_eq!(live_calls(client).await, [json!(null); 0]);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_is_good_for_what_it_signed_and_nothing_else() {
    let service = Service::start_with(phone()).await;
    let client = &service.client;
    let sid = call_sid();
    let (voice, resume) = (door(client, "voice"), door(client, "resume"));
    let params = form(&sid, "ringing");
    let signature = twilio().signature(&voice, &params).unwrap();
    let post = async |url: &str, params: &[(String, String)]| {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(params).finish();
        let request = client.http.post(url).header("x-twilio-signature", &signature);
        let request = request.header("content-type", "application/x-www-form-urlencoded").body(body);
        soon(request.send()).await.unwrap().status().as_u16()
    };
    // Taken to another door, to another query, and with one parameter changed, added or left out.
    let changed = form(&call_sid(), "ringing");
    let added = [params.clone(), vec![("Digits".to_owned(), "1".to_owned())]].concat();
    for (url, params) in [
        (resume.as_str(), params.as_slice()),
        (&format!("{voice}?out=1"), &params),
        (&voice, &changed),
        (&voice, &added),
        (&voice, &params[1..]),
    ] {
        assert_eq!(post(url, params).await, 403, "{url}");
    }
    assert_eq!(live_calls(client).await.len(), 0);
    // Played again as it was it is a repeated webhook: one call.
    assert_eq!(post(&voice, &params).await, 200);
    assert_eq!(post(&voice, &params).await, 200);
    assert_eq!(live_calls(client).await.len(), 1);
    completed(client, &sid).await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_opens_one_stream_of_its_own_call() {
    let service = Service::start_with(phone()).await;
    let client = &service.client;
    let other = greeted(client).await;
    let sid = call_sid();
    let answer = twilio().post(&door(client, "voice"), &form(&sid, "ringing")).await.unwrap();
    let connect = stream_of(&answer);
    let refused = async |call: &str, parameters: &[(String, String)]| {
        let mut stream = ByHand::open(&connect.url, None).await;
        stream.start(call, parameters).await;
        stream.until_closed().await
    };
    // None, a made-up one, one of another call; then the token with another call's name.
    let made_up = [("call_token".to_owned(), "0".repeat(32))];
    let call = other.call_sid();
    for (call, parameters) in
        [(sid.as_str(), &[][..]), (&sid, &made_up), (call, &connect.parameters), (call, &[])]
    {
        let (code, seen) = refused(call, parameters).await;
        assert_eq!((code, seen.len()), (Some(1008), 0), "{call}");
    }
    // The right one opens the stream; shown again it does not, and the stream that is there stays.
    let mut stream = ByHand::open(&connect.url, None).await;
    stream.start(&sid, &connect.parameters).await;
    stream.until("media").await;
    assert_eq!(refused(&sid, &connect.parameters).await, (Some(1008), Vec::new()), "replayed");
    stream.say("what drinks do you have?").await;
    stream.until("clear").await;
    let answer = other.ask("what drinks do you have?", DEADLINE).await.unwrap();
    assert!(answer.contains("items"), "{answer}");
    completed(client, &sid).await;
    hang_up(&other).await;
    service.stop().await;
}

/// A caller whose stream is refused each time: Twilio asks again, but not for ever.
async fn turned_away(twist: Twist) {
    let service = Service::start_with(phone()).await;
    let client = &service.client;
    let line = caller(client).twist(twist.clone()).dial().await.unwrap();
    assert_eq!(line.until_ended(DEADLINE).await.unwrap(), Ending::Hangup, "{twist:?}");
    let said = said_by_twilio(&line);
    assert!(said.len() == 1 && said[0].contains("trouble with our line"), "{twist:?}: {said:?}");
    let redirects = line
        .events()
        .iter()
        .filter(|moment| matches!(moment.event, TimelineEvent::Redirected { .. }))
        .count();
    assert_eq!(redirects, 4, "{twist:?}: three more tries, then the end");
    assert_eq!(line.heard_text(), "", "{twist:?}");
    line.until_over(DEADLINE).await.unwrap();
    let events = books(client, line.call_sid()).await;
    assert_eq!(of_kind(&events, "line.up").len(), 0, "{twist:?}");
    assert_eq!(events.last().unwrap()["type"], "call.ended");
    assert_eq!(live_calls(client).await.len(), 0, "{twist:?}");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_without_a_signature_is_refused_until_the_call_is_given_up() {
    turned_away(Twist::UnsignedUpgrade).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_with_a_stolen_token_is_refused_until_the_call_is_given_up() {
    turned_away(Twist::Parameter("call_token".to_owned(), "stolen".to_owned())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_talks_without_a_start_is_refused_until_the_call_is_given_up() {
    turned_away(Twist::NoStart).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_says_nothing_is_closed_after_a_while_and_disturbs_nobody() {
    let service = Service::start_with(phone()).await;
    let client = &service.client;
    let line = greeted(client).await;
    let url = door(client, "stream").replacen("http", "ws", 1);
    let mut silent = ByHand::open(&url, None).await;
    let (answer, closed) =
        tokio::join!(line.ask("what drinks do you have?", DEADLINE), silent.until_closed());
    assert!(answer.unwrap().contains("items"));
    assert_eq!(closed, (Some(1008), Vec::new()));
    let ended = |event: &TimelineEvent| {
        matches!(event, TimelineEvent::StreamEnded { by: StreamEnd::ByService { .. } })
    };
    assert!(!line.events().iter().any(|moment| ended(&moment.event)));
    hang_up(&line).await;
    service.stop().await;
}
