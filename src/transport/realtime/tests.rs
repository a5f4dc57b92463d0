//! The line over real sockets: an axum server on loopback, and a client of another library.

use axum::Router;
use axum::routing::get;
use futures_util::{SinkExt, StreamExt};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use serde_json::{Value, json};
use std::net::SocketAddr;
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, client_async};

use super::*;
use crate::audio::{Speech, Spoken};
use crate::protocol::openai::{CLEAR, COMMIT};
use crate::sound::AudioFormat;
use crate::transport::{Cut, GoodbyeKind, LineEvent, StreamEnd};
use crate::usage::Usage;

/// One deadline for whatever is awaited.
const SOON: Duration = Duration::from_secs(20);
/// Small, so that a client that does not read is noticed.
const SOCKET_BUFFER: u32 = 8 << 10;

async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, what).await.expect("it comes in time")
}

/// Keeps what the call would be told.
struct Owner;

impl Actor for Owner {
    type Msg = TransportEvent;
    type State = mpsc::UnboundedSender<LineEvent>;
    type Arguments = mpsc::UnboundedSender<LineEvent>;

    async fn pre_start(
        &self,
        _myself: ActorRef<Self::Msg>,
        told: Self::Arguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        Ok(told)
    }

    async fn handle(
        &self,
        _myself: ActorRef<Self::Msg>,
        event: Self::Msg,
        told: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        if let TransportEvent::Line(event) = event {
            drop(told.send(event));
        }
        Ok(())
    }
}

/// A line, its lane, and what its call was told.
struct House {
    line: ActorRef<RealtimeMessage>,
    lane: Arc<Lane>,
    told: mpsc::UnboundedReceiver<LineEvent>,
    address: SocketAddr,
    sockets: mpsc::UnboundedReceiver<WebSocket>,
}

fn view() -> SessionView {
    let (format, turns, voice) = (AudioFormat::Pcm24k, Turns::default(), "marin".to_owned());
    SessionView { format, turns, voice, is_spoken: true, is_transcribed: true }
}

impl House {
    async fn new(limits: RealtimeLimits) -> Self {
        let (tell, told) = mpsc::unbounded_channel();
        let (owner, _) = Actor::spawn(None, Owner, tell).await.unwrap();
        let lane = Arc::new(Lane::new(500, ("<", ">"), AudioFormat::Pcm24k));
        let (give, sockets) = mpsc::unbounded_channel();
        let upgrade = async move |upgrade: WebSocketUpgrade| {
            tuned(upgrade).on_upgrade(move |socket| async move { drop(give.send(socket)) })
        };
        let listener = TcpSocket::new_v4().unwrap();
        listener.set_send_buffer_size(SOCKET_BUFFER).unwrap();
        listener.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = listener.listen(64).unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route("/", get(move |request| upgrade.clone()(request)));
        tokio::spawn(async move { axum::serve(listener, router).await });
        let call_id = "c1".parse().unwrap();
        let owner = owner.get_derived();
        let arguments = RealtimeArguments { call_id, lane: Arc::clone(&lane), owner, limits };
        let (line, _) = Actor::spawn(None, RealtimeLine, arguments).await.unwrap();
        Self { line, lane, told, address, sockets }
    }

    /// A line with a client whose session was created.
    async fn with_client(limits: RealtimeLimits) -> (Self, Client) {
        let mut house = Self::new(limits).await;
        let client = house.connect(Dialect::Ga).await;
        (house, client)
    }

    async fn connect(&mut self, dialect: Dialect) -> Client {
        let mut client = Client::dial(self.address).await;
        let socket = soon(self.sockets.recv()).await.unwrap();
        let (model, extensions) = ("gpt-realtime".to_owned(), ExtensionNames::default());
        let stream =
            RealtimeStream { socket, dialect, extensions, model, first: view(), place: Box::new(()) };
        self.send(RealtimeMessage::Attach(Box::new(stream)));
        assert_eq!(client.next().await.unwrap()["type"], "session.created");
        self.until(|event| *event == LineEvent::StreamUp).await;
        client
    }

    fn send(&self, message: RealtimeMessage) {
        self.line.cast(message).unwrap();
    }

    fn show(&self, show: Show) {
        self.send(RealtimeMessage::Show(show));
    }

    fn says(&self, of: &Arc<Spoken>, ms: usize) {
        let payload = base64_simd::STANDARD.encode_to_string(AudioFormat::Pcm24k.silence(ms));
        let range = 0..payload.len();
        self.lane.push_persona(Speech::Audio { of: Arc::clone(of), frame: payload.into(), payload: range });
    }

    async fn until(&mut self, is_it: impl Fn(&LineEvent) -> bool) -> LineEvent {
        loop {
            let event = soon(self.told.recv()).await.unwrap();
            if is_it(&event) {
                return event;
            }
        }
    }
}

/// A client's end.
struct Client(WebSocketStream<TcpStream>);

impl Client {
    async fn dial(address: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(SOCKET_BUFFER).unwrap();
        let socket = soon(socket.connect(address)).await.unwrap();
        let (socket, _) = soon(client_async(format!("ws://{address}/"), socket)).await.unwrap();
        Self(socket)
    }

    async fn send(&mut self, event: Value) {
        soon(self.0.send(Message::text(event.to_string()))).await.unwrap();
    }

    /// The next event, or the code it was closed with.
    async fn next(&mut self) -> Result<Value, Option<u16>> {
        loop {
            match soon(self.0.next()).await {
                Some(Ok(Message::Text(text))) => return Ok(serde_json::from_str(&text).unwrap()),
                Some(Ok(Message::Close(frame))) => return Err(frame.map(|frame| frame.code.into())),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(None),
            }
        }
    }

    /// All events up to one of this type.
    async fn until(&mut self, kind: &str) -> Vec<Value> {
        let mut seen = Vec::new();
        loop {
            seen.push(self.next().await.unwrap_or_else(|code| panic!("{code:?} {seen:?}")));
            if seen.last().unwrap()["type"] == kind {
                return seen;
            }
        }
    }

    /// The code it is closed with, and the last error before.
    async fn closes(&mut self) -> (Option<u16>, Option<String>) {
        let mut error = None;
        loop {
            match self.next().await {
                Ok(event) if event["type"] == "error" => {
                    error = event["error"]["code"].as_str().map(str::to_owned);
                }
                Ok(_) => {}
                Err(code) => return (code, error),
            }
        }
    }
}

fn spoken(response: &str, item: &str) -> Arc<Spoken> {
    Arc::new(Spoken { response: response.into(), item: item.into() })
}

fn responding(response: &str) -> Show {
    Show::Responding { response: response.into(), is_spoken: true, metadata: Vec::new() }
}

#[tokio::test]
async fn what_the_persona_says_is_told_in_pieces_between_its_beginning_and_its_end() {
    let (mut house, mut client) = House::with_client(RealtimeLimits::default()).await;
    let of = spoken("r1", "a");
    // Whoever shows the beginning may be late.
    house.says(&of, 600);
    house.show(responding("r1"));
    house.show(Show::Message { response: "r1".into(), item_id: "a".into(), text: "hello".into() });
    house.lane.push_persona(Speech::End { of });
    let end = ResponseOutcome::Completed;
    house.show(Show::Responded { response: "r1".into(), end, usage: Usage::default() });
    let seen = client.until("response.done").await;
    let kinds: Vec<_> = seen.iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(kinds[0], "response.created");
    let deltas: Vec<_> = seen.iter().filter(|event| event["type"] == "response.output_audio.delta").collect();
    let sizes = deltas.iter().map(|event| {
        let delta = event["delta"].as_str().unwrap();
        base64_simd::STANDARD.decode_to_vec(delta).unwrap().len()
    });
    assert_eq!(sizes.collect::<Vec<_>>(), [12_000, 12_000, 4_800]);
    assert_eq!(seen.last().unwrap()["response"]["output"][0]["content"][0]["transcript"], "hello");
    house.until(|event| *event == LineEvent::Playing).await;
    house.until(|event| *event == LineEvent::Played).await;
}

#[tokio::test]
async fn what_the_client_sends_goes_into_the_lane_or_to_the_call() {
    let (mut house, mut client) = House::with_client(RealtimeLimits::default()).await;
    client.send(json!({"type": "input_audio_buffer.append", "audio": "AAAAAAAA"})).await;
    client.send(json!({"type": "input_audio_buffer.commit", "event_id": "c1"})).await;
    let asked = Asked { event_id: Some("c1".into()), wish: Wish::Commit };
    assert_eq!(house.until(|event| matches!(event, LineEvent::Asked(_))).await, LineEvent::Asked(asked));
    assert_eq!(house.lane.listen().next().await.unwrap().as_str(), "<AAAAAAAA>");
    for bad in [
        json!({"type": "session.explode", "event_id": "mine"}),
        json!({"type": "input_audio_buffer.append", "event_id": "mine", "audio": 1}),
        json!({"type": "input_audio_buffer.append", "event_id": "mine", "audio": "%%%"}),
    ] {
        client.send(bad).await;
        let error = client.next().await.unwrap()["error"].clone();
        assert_eq!((&error["type"], &error["event_id"]), (&json!("invalid_request_error"), &json!("mine")));
    }
}

#[tokio::test]
async fn a_commit_stands_among_the_audio_where_it_was_sent() {
    let (house, mut client) = House::with_client(RealtimeLimits::default()).await;
    for event in [
        json!({"type": "input_audio_buffer.append", "audio": "AAAAAAAA"}),
        json!({"type": "input_audio_buffer.commit"}),
        json!({"type": "input_audio_buffer.append", "audio": "AQABAAEA"}),
        json!({"type": "input_audio_buffer.clear"}),
        json!({"type": "input_audio_buffer.append", "audio": "AgACAAIA"}),
    ] {
        client.send(event).await;
    }
    let listener = house.lane.listen();
    for expected in ["<AAAAAAAA>", COMMIT, "<AQABAAEA>", CLEAR, "<AgACAAIA>"] {
        assert_eq!(soon(listener.next()).await.unwrap().as_str(), expected);
    }
}

#[tokio::test]
async fn recordings_count_as_audio_that_comes() {
    let (_house, mut client) = House::with_client(RealtimeLimits::default()).await;
    let recording = base64_simd::STANDARD.encode_to_string(AudioFormat::Pcm24k.silence(15_000));
    let content = json!([{"type": "input_audio", "audio": recording}]);
    let item = json!({"type": "message", "role": "user", "content": content});
    for _ in 0..4 {
        client.send(json!({"type": "conversation.item.create", "item": item})).await;
    }
    assert_eq!(client.closes().await, (Some(1008), Some("flood".into())));
}

#[tokio::test]
async fn speech_is_placed_in_the_audio_that_the_client_sent() {
    let (mut house, mut client) = House::with_client(RealtimeLimits::default()).await;
    let second = base64_simd::STANDARD.encode_to_string(AudioFormat::Pcm24k.silence(1_000));
    for _ in 0..3 {
        client.send(json!({"type": "input_audio_buffer.append", "audio": second})).await;
    }
    client.send(json!({"type": "input_audio_buffer.commit"})).await;
    house.until(|event| matches!(event, LineEvent::Asked(_))).await;
    // The model was given two of three seconds.
    let listener = house.lane.listen();
    for _ in 0..2 {
        listener.next().await.unwrap();
    }
    house.show(Show::SpeechStarted { item_id: "u".into() });
    assert_eq!(client.next().await.unwrap()["audio_start_ms"], 1_500);
    // Another socket of the model's is given all of it again.
    let listener = house.lane.listen();
    for _ in 0..3 {
        listener.next().await.unwrap();
    }
    house.show(Show::SpeechStopped { item_id: "u".into() });
    assert_eq!(client.next().await.unwrap()["audio_end_ms"], 3_000);
}

#[tokio::test]
async fn an_interruption_ends_the_sound_and_the_clients_word_tells_what_was_heard() {
    let (mut house, mut client) = House::with_client(RealtimeLimits::default()).await;
    let of = spoken("r1", "a");
    house.show(responding("r1"));
    house.says(&of, 500);
    client.until("response.output_audio.delta").await;
    let truncate = json!({"type": "conversation.item.truncate", "item_id": "a", "content_index": 0,
                          "audio_end_ms": 120});
    client.send(truncate).await;
    house.until(|event| matches!(event, LineEvent::Asked(_))).await;
    house.send(RealtimeMessage::Interrupt { active: Some("r1".into()) });
    let cuts = vec![Cut { response: "r1".into(), item: "a".into(), played_ms: 120, sent_ms: 500 }];
    let interrupted = house.until(|event| matches!(event, LineEvent::Interrupted { .. })).await;
    assert_eq!(interrupted, LineEvent::Interrupted { asked: true, cuts });
    house.says(&of, 500);
    house.show(Show::Heard { item_id: "a".into(), heard_ms: 120 });
    let end = ResponseOutcome::Interrupted;
    house.show(Show::Responded { response: "r1".into(), end, usage: Usage::default() });
    let seen = client.until("response.done").await;
    let is_late = |event: &&Value| event["type"] == "response.output_audio.delta";
    assert!(seen.iter().filter(is_late).count() <= 1, "what was on its way, and no more");
    assert!(seen.iter().any(|event| event["type"] == "conversation.item.truncated"));
}

#[tokio::test]
async fn a_later_connection_takes_the_place_of_an_earlier_and_knows_the_session() {
    let (mut house, mut first) = House::with_client(RealtimeLimits::default()).await;
    house.show(Show::Session(SessionView { voice: "cedar".into(), ..view() }));
    first.until("session.updated").await;
    let mut second = house.connect(Dialect::Beta).await;
    assert_eq!(first.closes().await, (Some(4001), Some("replaced".into())));
    house.show(responding("r1"));
    assert_eq!(second.next().await.unwrap()["response"]["voice"], "cedar");
    let goodbye = Goodbye { reason: "hung_up", kind: GoodbyeKind::Done };
    house.send(RealtimeMessage::HangUp(goodbye));
    assert_eq!(second.closes().await.0, Some(1000));
    house.until(|event| *event == LineEvent::StreamDown { how: StreamEnd::Stopped }).await;
}

#[tokio::test]
async fn a_client_that_does_not_read_is_sent_away() {
    let limits = RealtimeLimits { waiting: Duration::from_secs(5), ..RealtimeLimits::default() };
    let (mut house, mut client) = House::with_client(limits).await;
    house.show(responding("r1"));
    let of = spoken("r1", "a");
    for _ in 0..60 {
        house.says(&of, 1_000);
    }
    house.until(|event| *event == LineEvent::StreamDown { how: StreamEnd::Lost }).await;
    assert_eq!(client.closes().await.0, Some(1013));
}

#[tokio::test]
async fn a_connection_lasts_no_longer_than_it_may() {
    let limits = RealtimeLimits { longest: Duration::ZERO, ..RealtimeLimits::default() };
    let (_house, mut client) = House::with_client(limits).await;
    assert_eq!(client.closes().await, (Some(1001), Some("session_expired".into())));
}

#[tokio::test]
async fn a_client_that_is_idle_is_taken_to_have_hung_up() {
    let limits = RealtimeLimits { idle: Duration::ZERO, ..RealtimeLimits::default() };
    let (mut house, mut client) = House::with_client(limits).await;
    assert_eq!(client.closes().await, (Some(1001), Some("idle".into())));
    house.until(|event| *event == LineEvent::StreamDown { how: StreamEnd::Stopped }).await;
}
