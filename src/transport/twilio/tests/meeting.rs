//! The beginning of a stream.

use super::*;

/// What comes of a stream that begins with these messages, and the code it is closed with.
async fn begins_with(limit: Duration, messages: Vec<Message>) -> (MeetError, Option<u16>) {
    let (address, mut met) = serve(limit).await;
    let mut twilio = Twilio::dial(address).await;
    for message in messages {
        twilio.send(message).await;
    }
    let (met, code) = tokio::join!(soon(met.recv()), twilio.end());
    (met.unwrap().unwrap_err(), code)
}

fn text(event: &Value) -> Message {
    Message::text(event.to_string())
}

#[tokio::test]
async fn a_stream_says_whose_it_is_and_may_still_be_refused() {
    let (address, mut met) = serve(SOON).await;
    let mut twilio = Twilio::dial(address).await;
    twilio.send(Message::text("garbage")).await;
    twilio.send(Message::binary(vec![1])).await;
    twilio.start().await;
    let (start, stream) = soon(met.recv()).await.unwrap().unwrap();
    assert_eq!((start.custom_parameters["call_token"].as_str(), stream.stream_sid.as_str()), ("t", SID));
    let ((), code) = tokio::join!(stream.refuse(), twilio.end());
    assert_eq!(code, Some(1008));
}

#[tokio::test]
async fn a_socket_that_never_says_whose_it_is_is_closed() {
    let limit = Duration::from_millis(50);
    assert_eq!(begins_with(limit, Vec::new()).await, (MeetError::Late(limit), Some(1008)));
    let media = text(&json!({"event": "media", "media": {"payload": "AAAA"}}));
    assert_eq!(begins_with(SOON, vec![media; 16]).await, (MeetError::NoStart, Some(1008)));
}

#[tokio::test]
async fn a_socket_that_ends_before_start_is_gone() {
    let (met, _) = begins_with(SOON, vec![Message::Close(None)]).await;
    assert_eq!(met, MeetError::Gone);
    let (met, _) = begins_with(SOON, vec![Message::text("x".repeat((64 << 10) + 1))]).await;
    assert_eq!(met, MeetError::Gone);
}

#[tokio::test]
async fn sound_that_is_not_mu_law_is_refused() {
    let start = json!({"event": "start", "start": {"streamSid": SID, "accountSid": "AC1",
        "callSid": "CA0123456789abcdef0123456789abcdef",
        "mediaFormat": {"encoding": "audio/l16", "sampleRate": 16000, "channels": 1}}});
    assert_eq!(begins_with(SOON, vec![text(&start)]).await, (MeetError::Format, Some(1008)));
}
