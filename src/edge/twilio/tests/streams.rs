//! Streams: whose they are, and what becomes of those that are nobody's.

use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::*;
use crate::protocol::twilio::signature::sign_url;

type Socket = tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>;

async fn open(address: SocketAddr, signature: Option<&str>) -> Result<Socket, u16> {
    let mut request = format!("ws://{address}/api/twilio/stream").into_client_request().unwrap();
    if let Some(signature) = signature {
        request.headers_mut().insert(SIGNATURE_HEADER, signature.parse().unwrap());
    }
    match tokio_tungstenite::connect_async(request).await {
        Ok((socket, _)) => Ok(socket),
        Err(Error::Http(response)) => Err(response.status().as_u16()),
        Err(error) => panic!("{error}"),
    }
}

fn start(call: &str, account: &str, token: Option<&str>) -> String {
    let parameters = token.map_or_else(|| json!({}), |token| json!({"call_token": token}));
    json!({
        "event": "start", "sequenceNumber": "1", "streamSid": "MZ00000000000000000000000000000001",
        "start": {
            "streamSid": "MZ00000000000000000000000000000001", "accountSid": account, "callSid": call,
            "tracks": ["inbound"], "customParameters": parameters,
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
        },
    })
    .to_string()
}

/// Opens a stream that begins so.
async fn begun(address: SocketAddr, start: String) -> Socket {
    let signature = sign_url("wss://voice.example.com/api/twilio/stream", &TOKEN.into());
    let mut socket = open(address, Some(&signature)).await.unwrap();
    let connected = json!({"event": "connected", "protocol": "Call", "version": "1.0.0"}).to_string();
    socket.send(Message::text(connected)).await.unwrap();
    socket.send(Message::text(start)).await.unwrap();
    socket
}

/// Opens a stream that begins so, and gives the code it is closed with.
async fn shown(address: SocketAddr, start: String) -> Option<u16> {
    closed(&mut begun(address, start).await).await
}

/// Waits for the persona's first sound.
async fn heard(socket: &mut Socket) {
    let sound = async {
        loop {
            let message = socket.next().await.expect("the stream ended").unwrap();
            if message.to_text().unwrap_or_default().contains(r#""event":"media""#) {
                return;
            }
        }
    };
    tokio::time::timeout(DEADLINE, sound).await.expect("nothing was heard");
}

async fn closed(socket: &mut Socket) -> Option<u16> {
    let end = async {
        loop {
            match socket.next().await {
                Some(Ok(Message::Close(frame))) => return frame.map(|frame| frame.code.into()),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return None,
            }
        }
    };
    tokio::time::timeout(DEADLINE, end).await.expect("the stream was not closed")
}

#[tokio::test]
async fn an_upgrade_that_is_not_signed_for_the_socket_is_refused() {
    let house = House::signed().await;
    let address = listening(&house).await;
    let https = sign_url("https://voice.example.com/api/twilio/stream", &TOKEN.into());
    let other = sign_url("wss://voice.example.com/api/twilio/stream/", &TOKEN.into());
    for signature in [None, Some(https.as_str()), Some(other.as_str()), Some("x")] {
        assert_eq!(open(address, signature).await.map(|_| ()), Err(403), "{signature:?}");
    }
}

#[tokio::test]
async fn a_stream_without_the_token_of_its_call_is_closed_and_creates_nothing() {
    let house = House::signed().await;
    let address = listening(&house).await;
    let (mine, other) = (sid(1), sid(2));
    let (_, _, twiml) = house.post("/api/twilio/voice", &incoming(&mine, &[])).await;
    let (_, _, others) = house.post("/api/twilio/voice", &incoming(&other, &[])).await;
    let (token, others) = (token(&twiml), token(&others));
    assert_ne!(token, others);
    for (call, shows) in [
        (&mine, None),
        (&mine, Some("")),
        (&mine, Some("0123456789abcdef0123456789abcdef")),
        (&mine, Some(others.as_str())),
        (&sid(3), Some(token.as_str())),
    ] {
        assert_eq!(shown(address, start(call, ACCOUNT, shows)).await, Some(1008), "{call} {shows:?}");
    }
    let account = "AC00000000000000000000000000000000";
    assert_eq!(shown(address, start(&mine, account, Some(&token))).await, Some(1008));
    assert_eq!(house.switchboard.len(), 2);
}

#[tokio::test]
async fn garbage_before_start_ends_a_stream() {
    let house = House::signed().await;
    let address = listening(&house).await;
    let signature = sign_url("wss://voice.example.com/api/twilio/stream", &TOKEN.into());
    let mut socket = open(address, Some(&signature)).await.unwrap();
    for _ in 0..16 {
        socket.send(Message::text("{\"event\":\"media\"}")).await.unwrap();
    }
    assert_eq!(closed(&mut socket).await, Some(1008));
}

#[tokio::test]
async fn what_is_no_upgrade_is_told_so() {
    let house = House::with(&[("TWILIO_ALLOW_UNSIGNED", "true")]).await;
    let request = Request::get("/api/twilio/stream").body(Body::empty()).unwrap();
    let (status, _, body) = house.send(request).await;
    assert!(status == 426 && body.contains("upgrade_required"), "{body}");
}

#[tokio::test]
async fn a_stream_with_its_token_is_the_calls_and_the_token_opens_no_other() {
    let house = House::signed().await;
    let address = listening(&house).await;
    let sid = sid(1);
    let (_, _, twiml) = house.post("/api/twilio/voice", &incoming(&sid, &[])).await;
    let mut first = begun(address, start(&sid, ACCOUNT, Some(&token(&twiml)))).await;
    heard(&mut first).await;
    assert_eq!(shown(address, start(&sid, ACCOUNT, Some(&token(&twiml)))).await, Some(1008));
}

#[tokio::test]
async fn a_call_of_an_account_below_ours_is_streamed_by_that_account_only() {
    let house = House::signed().await;
    let address = listening(&house).await;
    let (sid, below) = (sid(1), "AC00000000000000000000000000000000");
    let (_, _, twiml) = house.post("/api/twilio/voice", &incoming(&sid, &[("AccountSid", below)])).await;
    assert_eq!(shown(address, start(&sid, ACCOUNT, Some(&token(&twiml)))).await, Some(1008));
    heard(&mut begun(address, start(&sid, below, Some(&token(&twiml)))).await).await;
}

#[tokio::test]
async fn a_call_whose_stream_broke_comes_back_with_another_token_but_not_for_ever() {
    let house = House::signed().await;
    let address = listening(&house).await;
    let sid = sid(1);
    let form = incoming(&sid, &[("CallStatus", "in-progress")]);
    let (_, _, twiml) = house.post("/api/twilio/voice", &form).await;
    let mut given = token(&twiml);
    heard(&mut begun(address, start(&sid, ACCOUNT, Some(&given))).await).await;
    for _ in 0..3 {
        let (_, _, twiml) = house.post("/api/twilio/resume", &form).await;
        assert_eq!(shown(address, start(&sid, ACCOUNT, Some(&given))).await, Some(1008));
        assert_ne!(token(&twiml), given);
        given = token(&twiml);
    }
    let (status, _, twiml) = house.post("/api/twilio/resume", &form).await;
    assert!(status == 200 && twiml.contains("<Say>") && twiml.contains("<Hangup/>"), "{twiml}");
    assert_eq!(house.switchboard.len(), 1, "it was one call all the time");
}
