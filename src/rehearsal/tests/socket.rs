//! Over a real socket, with a client that shares nothing with the server.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::waiter_json;
use crate::rehearsal::speech::speak;
use crate::rehearsal::{Fault, FaultKind, FaultPlan, Rehearsal, RehearsalOptions};

/// One deadline for whatever is awaited.
const SOON: Duration = Duration::from_secs(20);

struct Peer(WebSocketStream<MaybeTlsStream<TcpStream>>);

/// How a connection ended.
#[derive(Debug, PartialEq)]
enum End {
    Closed(u16),
    Cut,
}

impl Peer {
    async fn connect(rehearsal: &Rehearsal) -> Self {
        let url = format!("{}?model=gpt-realtime-2.1", rehearsal.url());
        Self(connect_async(url).await.unwrap().0)
    }

    async fn send(&mut self, event: Value) {
        self.0.send(Message::text(event.to_string())).await.unwrap();
    }

    async fn next(&mut self) -> Result<Value, End> {
        loop {
            match tokio::time::timeout(SOON, self.0.next()).await.expect("the server says something") {
                Some(Ok(Message::Text(text))) => return Ok(serde_json::from_str(&text).unwrap()),
                Some(Ok(Message::Close(Some(frame)))) => return Err(End::Closed(frame.code.into())),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(End::Cut),
            }
        }
    }

    /// Reads on to an event of this type.
    async fn until(&mut self, kind: &str) -> Value {
        loop {
            let event = self.next().await.expect("the connection stays");
            if event["type"] == kind {
                return event;
            }
        }
    }

    async fn end(&mut self) -> (usize, End) {
        let mut events = 0;
        loop {
            match self.next().await {
                Ok(_) => events += 1,
                Err(end) => return (events, end),
            }
        }
    }
}

async fn start(options: RehearsalOptions) -> Rehearsal {
    Rehearsal::start("127.0.0.1:0".parse().unwrap(), options).await.unwrap()
}

fn user(text: &str) -> Value {
    json!({"type": "conversation.item.create",
        "item": {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}})
}

#[tokio::test]
async fn a_whole_turn_with_a_tool_call() {
    let rehearsal = start(RehearsalOptions::default()).await;
    let mut peer = Peer::connect(&rehearsal).await;
    assert_eq!(peer.next().await.unwrap()["type"], "session.created");
    let session = json!({"type": "realtime", "output_modalities": ["text"], "tools": waiter_json()});
    peer.send(json!({"type": "session.update", "session": session})).await;
    assert_eq!(peer.next().await.unwrap()["session"]["tools"], waiter_json());
    peer.send(user("What drinks do you have?")).await;
    peer.send(json!({"type": "response.create"})).await;
    let call = peer.until("response.function_call_arguments.done").await;
    peer.until("response.done").await;
    let output = json!({"type": "function_call_output", "call_id": call["call_id"],
        "output": r#"{"items":[{"name":"Primus","price":"2500","currency":"RWF"}]}"#});
    peer.send(json!({"type": "conversation.item.create", "item": output})).await;
    peer.send(json!({"type": "response.create"})).await;
    assert_eq!(peer.until("response.output_text.done").await["text"], "Item: Primus, 2500 RWF.");
    peer.until("response.done").await;
    assert_eq!((rehearsal.connections(), rehearsal.open_connections()), (1, 1));
    // the peer must read for the goodbye to be answered
    let (_, (_, end)) = tokio::join!(rehearsal.stop(), peer.end());
    assert_eq!(end, End::Closed(1001));
}

#[tokio::test]
async fn a_response_can_be_cancelled_between_two_deltas() {
    let rehearsal =
        start(RehearsalOptions { delta_delay_ms: 3_600_000, ..RehearsalOptions::default() }).await;
    let mut peer = Peer::connect(&rehearsal).await;
    peer.send(user("hello")).await;
    peer.send(json!({"type": "response.create"})).await;
    peer.until("response.output_audio.delta").await;
    peer.send(json!({"type": "response.create", "event_id": "rc_2"})).await;
    let error = peer.until("error").await;
    assert_eq!(error["error"]["code"], "conversation_already_has_active_response");
    peer.send(json!({"type": "response.cancel"})).await;
    assert_eq!(peer.until("response.done").await["response"]["status"], "cancelled");
}

/// What a phone sends while its caller says this and is silent after it.
fn spoken(text: &str, silence_ms: usize) -> Vec<Value> {
    let said = speak(text).into_iter().map(audio_codec_algorithms::encode_ulaw);
    let audio: Vec<u8> = said.chain(std::iter::repeat_n(0xFF, silence_ms * 8)).collect();
    let append = |frame: &[u8]| {
        let audio = base64_simd::STANDARD.encode_to_string(frame);
        json!({"type": "input_audio_buffer.append", "audio": audio})
    };
    audio.chunks(160).map(append).collect()
}

#[tokio::test]
async fn a_caller_talks_and_interrupts_over_the_phone() {
    // no answer goes on by itself: it is still under way when the caller interrupts it
    let rehearsal =
        start(RehearsalOptions { delta_delay_ms: 3_600_000, ..RehearsalOptions::default() }).await;
    let mut peer = Peer::connect(&rehearsal).await;
    let format = json!({"type": "audio/pcmu"});
    let audio = json!({"input": {"format": format, "transcription": {"model": "gpt-live-transcribe"}},
        "output": {"format": format}});
    peer.send(json!({"type": "session.update", "session": {"type": "realtime", "audio": audio}})).await;
    for frame in spoken("hello", 200) {
        peer.send(frame).await;
    }
    let completed = peer.until("conversation.item.input_audio_transcription.completed").await;
    assert_eq!(completed["transcript"], "hello");
    let delta = peer.until("response.output_audio.delta").await;
    for frame in spoken("wait", 200) {
        peer.send(frame).await;
    }
    peer.until("input_audio_buffer.speech_started").await;
    let done = peer.until("response.done").await;
    assert_eq!(done["response"]["status_details"]["reason"], "turn_detected");
    let sent = base64_simd::STANDARD.decode_to_vec(delta["delta"].as_str().unwrap()).unwrap();
    let cut = |end_ms: usize| {
        json!({"type": "conversation.item.truncate", "item_id": delta["item_id"], "content_index": 0,
            "audio_end_ms": end_ms})
    };
    peer.send(cut(sent.len() / 8 + 1)).await;
    assert_eq!(peer.until("error").await["error"]["code"], "invalid_value");
    peer.send(cut(sent.len() / 8)).await;
    peer.until("conversation.item.truncated").await;
}

#[tokio::test]
async fn a_caller_who_says_nothing_is_asked_when_the_time_has_come() {
    let rehearsal = start(RehearsalOptions::default()).await;
    let mut peer = Peer::connect(&rehearsal).await;
    let vad = json!({"type": "server_vad", "idle_timeout_ms": 5_000});
    let session = json!({"type": "realtime", "output_modalities": ["text"],
        "audio": {"input": {"turn_detection": vad}}});
    peer.send(json!({"type": "session.update", "session": session})).await;
    peer.send(json!({"type": "response.create"})).await;
    peer.until("response.done").await;
    peer.until("input_audio_buffer.timeout_triggered").await;
    assert_eq!(peer.until("response.output_text.done").await["text"], "Are you still there?");
}

#[tokio::test]
async fn a_socket_is_dropped_after_so_many_events() {
    let rehearsal = start(RehearsalOptions { drop_after: Some(5), ..RehearsalOptions::default() }).await;
    for _ in 0..2 {
        let mut peer = Peer::connect(&rehearsal).await;
        peer.send(user("hello")).await;
        peer.send(json!({"type": "response.create"})).await;
        assert_eq!(peer.end().await, (5, End::Cut));
    }
}

#[tokio::test]
async fn all_sockets_can_be_cut_and_new_ones_opened() {
    let rehearsal = start(RehearsalOptions::default()).await;
    let mut peer = Peer::connect(&rehearsal).await;
    peer.until("session.created").await;
    rehearsal.drop_all();
    assert_eq!(peer.end().await, (0, End::Cut));
    Peer::connect(&rehearsal).await.until("session.created").await;
    assert_eq!(rehearsal.connections(), 2);
}

#[tokio::test]
async fn a_wrong_key_is_refused_and_the_right_one_let_in() {
    let options = RehearsalOptions { api_key: Some("sk-good".into()), ..RehearsalOptions::default() };
    let rehearsal = start(options).await;
    let with_key = |key: &str| {
        let mut request = format!("{}?model=m", rehearsal.url()).into_client_request().unwrap();
        request.headers_mut().insert("authorization", format!("Bearer {key}").parse().unwrap());
        request
    };
    let refused = connect_async(with_key("sk-bad")).await.unwrap_err();
    assert!(matches!(refused, Error::Http(response) if response.status() == 401));
    connect_async(with_key("sk-good")).await.unwrap();
}

#[tokio::test]
async fn the_beta_shape_and_a_missing_model_are_dismissed() {
    let rehearsal = start(RehearsalOptions::default()).await;
    let mut request = format!("{}?model=m", rehearsal.url()).into_client_request().unwrap();
    request.headers_mut().insert("openai-beta", "realtime=v1".parse().unwrap());
    let mut beta = Peer(connect_async(request).await.unwrap().0);
    assert_eq!(beta.next().await.unwrap()["error"]["code"], "beta_api_shape_disabled");
    assert_eq!(beta.end().await, (0, End::Closed(4000)));
    let mut bare = Peer(connect_async(rehearsal.url()).await.unwrap().0);
    assert_eq!(bare.next().await.unwrap()["error"]["code"], "missing_model");
    assert_eq!(bare.end().await, (0, End::Closed(4000)));
}

#[tokio::test]
async fn more_connections_than_allowed_are_refused() {
    let rehearsal = start(RehearsalOptions { max_connections: 1, ..RehearsalOptions::default() }).await;
    let _first = Peer::connect(&rehearsal).await;
    let refused = connect_async(format!("{}?model=m", rehearsal.url())).await.unwrap_err();
    assert!(matches!(refused, Error::Http(response) if response.status() == 503));
}

#[tokio::test]
async fn a_ping_is_answered_while_a_response_waits() {
    let options = RehearsalOptions { delay_ms: 3_600_000, ..RehearsalOptions::default() };
    let rehearsal = start(options).await;
    let mut peer = Peer::connect(&rehearsal).await;
    peer.send(json!({"type": "response.create"})).await;
    peer.until("rate_limits.updated").await;
    peer.0.send(Message::Ping("there?".into())).await.unwrap();
    let answer = tokio::time::timeout(SOON, peer.0.next()).await.unwrap().unwrap().unwrap();
    assert_eq!(answer, Message::Pong("there?".into()));
}

#[tokio::test]
async fn many_talk_at_once_and_none_hears_another() {
    let rehearsal = start(RehearsalOptions::default()).await;
    let talk = async |number: usize| {
        let mut peer = Peer::connect(&rehearsal).await;
        let session = json!({"type": "realtime", "output_modalities": ["text"], "tools": waiter_json()});
        peer.send(json!({"type": "session.update", "session": session})).await;
        peer.send(user(&format!("Do you have dish{number}x?"))).await;
        peer.send(json!({"type": "response.create"})).await;
        let call = peer.until("response.function_call_arguments.done").await;
        assert_eq!(call["arguments"], json!({"query": format!("dish{number}x")}).to_string());
    };
    futures_util::future::join_all((0..30).map(talk)).await;
    assert_eq!(rehearsal.connections(), 30);
}

#[tokio::test]
async fn a_session_has_an_end() {
    let rehearsal = start(RehearsalOptions { max_session_s: 0, ..RehearsalOptions::default() }).await;
    let mut peer = Peer::connect(&rehearsal).await;
    peer.until("session.created").await;
    assert_eq!(peer.next().await.unwrap()["error"]["code"], "session_expired");
    assert_eq!(peer.end().await, (0, End::Closed(1001)));
}

/// Whether nothing comes any more, though the socket is open and the peer asks for a sign of life.
async fn is_dead(peer: &mut Peer) -> bool {
    peer.0.send(Message::Ping("there?".into())).await.unwrap();
    peer.send(json!({"type": "response.create"})).await;
    tokio::time::timeout(Duration::from_millis(200), peer.0.next()).await.is_err()
}

#[tokio::test]
async fn a_half_open_socket_stays_open_and_nothing_is_answered() {
    let faults = FaultPlan::first(vec![vec![Fault::HalfOpen { after_events: 1 }]]);
    let rehearsal = start(RehearsalOptions { faults, ..RehearsalOptions::default() }).await;
    let mut first = Peer::connect(&rehearsal).await;
    assert_eq!(first.next().await.unwrap()["type"], "session.created");
    assert!(is_dead(&mut first).await);
    assert_eq!(rehearsal.faults_struck()[&FaultKind::HalfOpen], 1);
    let mut second = Peer::connect(&rehearsal).await;
    second.send(user("hello")).await;
    second.until("conversation.item.done").await;
    rehearsal.half_open_all();
    assert!(is_dead(&mut second).await);
    assert_eq!(rehearsal.open_sessions(), [0, 1]);
    let mut third = Peer::connect(&rehearsal).await;
    third.until("session.created").await;
    // What is dead can still be cut.
    rehearsal.drop_all();
    assert_eq!((second.end().await, third.end().await), ((0, End::Cut), (0, End::Cut)));
}

#[tokio::test]
async fn one_session_can_be_cut_and_the_others_go_on() {
    let rehearsal = start(RehearsalOptions::default()).await;
    let mut first = Peer::connect(&rehearsal).await;
    first.until("session.created").await;
    let mut second = Peer::connect(&rehearsal).await;
    second.until("session.created").await;
    assert!(rehearsal.drop_one(0) && !rehearsal.drop_one(2));
    assert_eq!(first.end().await, (0, End::Cut));
    second.send(user("hello")).await;
    second.until("conversation.item.done").await;
    assert_eq!(rehearsal.open_sessions(), [1]);
}

#[tokio::test]
async fn upgrades_are_refused_for_a_while() {
    let options = RehearsalOptions { refuse: Some(429), refuse_first: 1, ..RehearsalOptions::default() };
    let rehearsal = start(options).await;
    let status = async || match connect_async(format!("{}?model=m", rehearsal.url())).await {
        Ok(_) => 101,
        Err(Error::Http(response)) => response.status().as_u16(),
        Err(error) => panic!("{error}"),
    };
    assert_eq!((status().await, status().await), (429, 101));
    rehearsal.refuse(Some(503));
    assert_eq!(status().await, 503);
    rehearsal.refuse(None);
    assert_eq!(status().await, 101);
}

#[tokio::test(start_paused = true)]
async fn without_a_network_an_hour_passes_in_no_time() {
    let rehearsal = start(RehearsalOptions::default()).await;
    let pipe = rehearsal.connect();
    let url = "ws://rehearsal/v1/realtime?model=m";
    let (mut socket, _) = tokio_tungstenite::client_async(url, pipe).await.unwrap();
    let began = tokio::time::Instant::now();
    let mut last = Value::Null;
    while let Some(Ok(Message::Text(text))) = socket.next().await {
        last = serde_json::from_str(&text).unwrap();
    }
    assert_eq!(last["error"]["code"], "session_expired");
    assert_eq!(began.elapsed().as_secs(), 3_600);
}
