//! The line over real sockets: an axum server on loopback, and a client of another library that acts as Twilio.

mod effects;
mod ends;
mod heard;
mod meeting;
mod speed;
mod spoken;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ws::WebSocketUpgrade;
use axum::routing::get;
use axum::serve::ListenerExt;
use futures_util::{SinkExt, StreamExt};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use serde_json::{Value, json};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, client_async};

use super::rest::TwilioApi;
use super::{MediaStream, MeetError, PhoneArguments, PhoneLimits, PhoneLine, PhoneMessage, meet, tuned};
use crate::audio::{Lane, Listener, Speech, Spoken};
use crate::protocol::twilio::stream::Start;
use crate::sound::AudioFormat;
use crate::transport::{Cut, LineEvent, StreamEnd, TransportEvent};

/// One deadline for whatever is awaited.
const SOON: Duration = Duration::from_secs(20);
/// Small, so that a far end that does not read is noticed.
const SOCKET_BUFFER: u32 = 8 << 10;
const SID: &str = "MZ00000000000000000000000000000001";

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
struct Phone {
    line: ActorRef<PhoneMessage>,
    lane: Arc<Lane>,
    listener: Listener,
    told: mpsc::UnboundedReceiver<LineEvent>,
    address: SocketAddr,
    met: mpsc::UnboundedReceiver<Result<(Start, MediaStream), MeetError>>,
}

impl Phone {
    async fn new(limits: PhoneLimits) -> Self {
        Self::with_api(limits, None).await
    }

    async fn with_api(limits: PhoneLimits, api: Option<TwilioApi>) -> Self {
        let (tell, told) = mpsc::unbounded_channel();
        let (owner, _) = Actor::spawn(None, Owner, tell).await.unwrap();
        let lane = Arc::new(Lane::new(500, ("<", ">"), AudioFormat::Pcmu));
        let (address, met) = serve(SOON).await;
        let arguments = PhoneArguments {
            call_id: "CA0123456789abcdef0123456789abcdef".parse().unwrap(),
            lane: Arc::clone(&lane),
            owner: owner.get_derived(),
            api,
            limits,
        };
        let (line, _) = Actor::spawn(None, PhoneLine, arguments).await.unwrap();
        Self { line, listener: lane.listen(), lane, told, address, met }
    }

    /// A phone with a stream that is up.
    async fn ringing(limits: PhoneLimits) -> (Self, Twilio) {
        let mut phone = Self::new(limits).await;
        let twilio = phone.attach().await;
        assert_eq!(phone.told().await, LineEvent::StreamUp);
        (phone, twilio)
    }

    async fn attach(&mut self) -> Twilio {
        let mut twilio = Twilio::dial(self.address).await;
        twilio.start().await;
        let (_, stream) = soon(self.met.recv()).await.unwrap().unwrap();
        self.send(PhoneMessage::Attach(Box::new(stream)));
        twilio
    }

    fn send(&self, message: PhoneMessage) {
        self.line.cast(message).unwrap();
    }

    async fn told(&mut self) -> LineEvent {
        soon(self.told.recv()).await.unwrap()
    }

    /// What the model would be given next of the caller's.
    async fn heard(&self) -> String {
        soon(self.listener.next()).await.unwrap().as_str().to_owned()
    }
}

/// Serves streams until they have said whose they are.
async fn serve(
    limit: Duration,
) -> (SocketAddr, mpsc::UnboundedReceiver<Result<(Start, MediaStream), MeetError>>) {
    let (give, met) = mpsc::unbounded_channel();
    let upgrade = async move |upgrade: WebSocketUpgrade| {
        tuned(upgrade).on_upgrade(move |socket| async move { drop(give.send(meet(socket, limit).await)) })
    };
    let listener = TcpSocket::new_v4().unwrap();
    listener.set_send_buffer_size(SOCKET_BUFFER).unwrap();
    listener.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = listener.listen(64).unwrap();
    let address = listener.local_addr().unwrap();
    let listener = listener.tap_io(|stream| stream.set_nodelay(true).unwrap());
    let router = Router::new().route("/", get(move |request| upgrade.clone()(request)));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (address, met)
}

/// Twilio's end of a stream.
struct Twilio {
    socket: WebSocketStream<TcpStream>,
    chunk: u64,
}

impl Twilio {
    async fn dial(address: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(SOCKET_BUFFER).unwrap();
        let socket = soon(socket.connect(address)).await.unwrap();
        socket.set_nodelay(true).unwrap();
        let (socket, _) = soon(client_async(format!("ws://{address}/"), socket)).await.unwrap();
        Self { socket, chunk: 0 }
    }

    async fn say(&mut self, event: Value) {
        self.send(Message::text(event.to_string())).await;
    }

    async fn send(&mut self, message: Message) {
        soon(self.socket.send(message)).await.unwrap();
    }

    async fn start(&mut self) {
        self.say(json!({"event": "connected", "protocol": "Call", "version": "1.0.0"})).await;
        self.say(json!({"event": "start", "sequenceNumber": "1", "streamSid": SID, "start": {
            "streamSid": SID, "accountSid": "AC1", "callSid": "CA0123456789abcdef0123456789abcdef",
            "tracks": ["inbound"], "customParameters": {"call_token": "t"},
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}}}))
            .await;
    }

    /// The next 20 ms of the caller's.
    async fn media(&mut self, payload: &str) {
        self.chunk += 1;
        let (chunk, timestamp) = (self.chunk.to_string(), ((self.chunk - 1) * 20).to_string());
        let media = json!({"track": "inbound", "chunk": chunk, "timestamp": timestamp, "payload": payload});
        self.say(json!({"event": "media", "streamSid": SID, "media": media})).await;
    }

    async fn echo(&mut self, mark: &Value) {
        self.say(json!({"event": "mark", "streamSid": SID, "mark": mark["mark"]})).await;
    }

    /// What the caller is sent next.
    async fn hear(&mut self) -> Value {
        match soon(self.socket.next()).await {
            Some(Ok(Message::Text(text))) => serde_json::from_str(&text).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    /// Reads to the end, and gives the code the socket was closed with.
    async fn end(&mut self) -> Option<u16> {
        let mut code = None;
        while let Some(Ok(message)) = soon(self.socket.next()).await {
            if let Message::Close(Some(close)) = message {
                code = Some(close.code.into());
            }
        }
        code
    }
}

fn sound(byte: u8, bytes: usize) -> String {
    base64_simd::STANDARD.encode_to_string(vec![byte; bytes])
}

fn of(response: &str, item: &str) -> Arc<Spoken> {
    Arc::new(Spoken { response: response.into(), item: item.into() })
}

fn audio(of: &Arc<Spoken>, payload: &str) -> Speech {
    let frame = format!("{{{payload}}}");
    Speech::Audio { of: Arc::clone(of), payload: 1..payload.len() + 1, frame: frame.into() }
}

fn end(of: &Arc<Spoken>) -> Speech {
    Speech::End { of: Arc::clone(of) }
}

fn cut(of: &Spoken, sent_ms: u64) -> Cut {
    Cut { response: of.response.clone(), item: of.item.clone(), played_ms: 0, sent_ms }
}

/// Cuts as they would be if no time had passed.
fn at_once(event: LineEvent) -> Vec<Cut> {
    match event {
        LineEvent::Interrupted { mut cuts, .. } => {
            for cut in &mut cuts {
                assert!(cut.played_ms <= cut.sent_ms);
                cut.played_ms = 0;
            }
            cuts
        }
        other => panic!("{other:?}"),
    }
}

fn media(payload: &str) -> Value {
    json!({"event": "media", "streamSid": SID, "media": {"payload": payload}})
}
