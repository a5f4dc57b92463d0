//! What these journeys stand on beside the house: a phone, a stream made by hand, figures, and the journal.

use std::time::Duration;

use ai_realtime::caller::twiml::{Connect, Verb, parse};
use ai_realtime::caller::{Answer, Caller, CallerBuilder, Line, Params, TimelineEvent, Webhooks};
use ai_realtime::rehearsal::speech::speak;
use audio_codec_algorithms::encode_ulaw;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::house::{Client, DEADLINE, soon};

/// The auth token of these journeys' account.
pub const TOKEN: &str = "twilio-0123456789abcdef0123456789";
/// How much faster than real time these callers live.
pub const PACE: f64 = 8.0;
/// What a caller hears first.
pub const GREETING: &str = "welcome! what can i get you today?";
/// How it ends: of a greeting that stumbles on a busy machine, too.
pub const GREETED: &str = "today?";
const ACCOUNT: &str = "AC00000000000000000000000000000000";
/// A write may take ten seconds; with what comes before and after, on a busy machine.
pub const DEADLINE_OF_A_WRITE: Duration = Duration::from_secs(16);
/// 20 ms of µ-law.
const FRAME: usize = 160;

/// Settings with which the phone is on.
pub fn phone() -> Vec<(&'static str, String)> {
    vec![("TWILIO_AUTH_TOKEN", TOKEN.to_owned()), ("DEFAULT_BUSINESS", "agaseke-kigali".to_owned())]
}

/// The URL of one of the phone's doors.
pub fn door(client: &Client, name: &str) -> String {
    format!("{}/api/twilio/{name}", client.base)
}

/// Someone who is about to call.
pub fn caller(client: &Client) -> CallerBuilder {
    Caller::builder(&door(client, "voice")).token(TOKEN.into()).pace(PACE)
}

/// A caller who has heard the greeting to its end.
pub async fn greeted(client: &Client) -> Line {
    let line = caller(client).dial().await.unwrap();
    until_heard(&line, GREETED).await;
    line.until_quiet(300, DEADLINE).await.unwrap();
    line
}

/// Waits until the caller has heard these words. Blanks do not count: on a busy machine speech may stumble.
pub async fn until_heard(line: &Line, words: &str) {
    soon(async {
        while times(&line.heard_text(), words) == 0 {
            let more = line.until_more(line.events().len(), DEADLINE).await;
            let is_heard = || times(&line.heard_text(), words) > 0;
            assert!(more.is_ok() || is_heard(), "{words}: {}", more.unwrap_err());
        }
    })
    .await;
}

/// Ends a call that goes on, so that a service that stops need not wait for it.
pub async fn hang_up(line: &Line) {
    line.hang_up().await;
    line.until_over(DEADLINE).await.unwrap();
}

/// Twilio, as it posts.
pub fn twilio() -> Webhooks {
    Webhooks::new(Some(TOKEN.into())).unwrap()
}

/// A new call's id.
pub fn call_sid() -> String {
    format!("CA{:032x}", fastrand::u128(..))
}

/// What Twilio posts of a call.
pub fn form(call_sid: &str, status: &str) -> Params {
    let pairs = [
        ("AccountSid", ACCOUNT),
        ("ApiVersion", "2010-04-01"),
        ("CallSid", call_sid),
        ("CallStatus", status),
        ("Direction", "inbound"),
        ("From", "+14158675309"),
        ("To", "+18005551212"),
    ];
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
}

/// Ends a call that was made by hand.
pub async fn completed(client: &Client, call_sid: &str) {
    let answer = twilio().post(&door(client, "status"), &form(call_sid, "completed")).await.unwrap();
    assert_eq!(answer.status, 204, "{}", answer.body);
}

/// The stream a webhook's answer asks for.
pub fn stream_of(answer: &Answer) -> Connect {
    assert_eq!(answer.status, 200, "{}", answer.body);
    let verbs = parse(&answer.body).unwrap();
    let connect = verbs.into_iter().find_map(|verb| match verb {
        Verb::Connect(connect) => Some(connect),
        _ => None,
    });
    connect.unwrap_or_else(|| panic!("no stream: {}", answer.body))
}

/// What Twilio itself has said on a call.
pub fn said_by_twilio(line: &Line) -> Vec<String> {
    let said = line.events().into_iter().filter_map(|moment| match moment.event {
        TimelineEvent::Said { text } => Some(text),
        _ => None,
    });
    said.collect()
}

/// How often a text is heard in another, blanks aside.
pub fn times(text: &str, part: &str) -> usize {
    let bare = |text: &str| text.chars().filter(|letter| *letter != ' ').collect::<String>();
    bare(text).matches(&bare(part)).count()
}

/// The live calls.
pub async fn live_calls(client: &Client) -> Vec<Value> {
    let (status, body) = client.get("/ai/calls").await;
    assert_eq!(status, 200, "{body}");
    body.as_array().unwrap_or_else(|| panic!("{body}")).clone()
}

/// The whole journal of a call that has ended.
pub async fn books(client: &Client, call: &str) -> Vec<Value> {
    client.follow(call, None).await.all().await
}

/// Events of one type.
pub fn of_kind<'a>(events: &'a [Value], kind: &str) -> Vec<&'a Value> {
    events.iter().filter(|event| event["type"] == kind).collect()
}

/// The sum of a counter over the labels that hold `label`.
pub async fn counter(client: &Client, name: &str, label: &str) -> u64 {
    let request = client.http.get(format!("{}/metrics", client.base));
    let text = soon(soon(request.send()).await.unwrap().text()).await.unwrap();
    let lines = text.lines().filter(|line| line.starts_with(name) && line.contains(label));
    lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
}

/// A Media Stream that a journey makes by hand.
pub struct ByHand {
    pub socket: WebSocketStream<TcpStream>,
    stream_sid: String,
    frames: u64,
}

impl ByHand {
    /// Opens the stream, signed. `receive_buffer`: how much the machine takes in for a client that does not read.
    pub async fn open(url: &str, receive_buffer: Option<u32>) -> Self {
        let mut request = url.into_client_request().unwrap();
        let signature = twilio().signature(url, &[]).unwrap();
        request.headers_mut().insert("x-twilio-signature", signature.parse().unwrap());
        let socket = TcpSocket::new_v4().unwrap();
        if let Some(bytes) = receive_buffer {
            socket.set_recv_buffer_size(bytes).unwrap();
        }
        let uri = request.uri();
        let address = format!("{}:{}", uri.host().unwrap(), uri.port_u16().unwrap()).parse().unwrap();
        let stream = soon(socket.connect(address)).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let (socket, _) = soon(tokio_tungstenite::client_async(request, stream)).await.unwrap();
        Self { socket, stream_sid: format!("MZ{:032x}", fastrand::u128(..)), frames: 0 }
    }

    /// Says whose the stream is.
    pub async fn start(&mut self, call_sid: &str, parameters: &[(String, String)]) {
        self.send(json!({"event": "connected", "protocol": "Call", "version": "1.0.0"})).await;
        let parameters: serde_json::Map<String, Value> =
            parameters.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
        let start = json!({
            "streamSid": self.stream_sid, "accountSid": ACCOUNT, "callSid": call_sid, "tracks": ["inbound"],
            "customParameters": parameters,
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
        });
        let stream_sid = self.stream_sid.clone();
        self.send(json!({"event": "start", "sequenceNumber": "1", "start": start, "streamSid": stream_sid}))
            .await;
    }

    /// Says a text and falls silent for long enough that the model answers, as fast as the socket takes it.
    pub async fn say(&mut self, text: &str) {
        let mut audio: Vec<u8> = speak(text).into_iter().map(encode_ulaw).collect();
        audio.resize(audio.len().next_multiple_of(FRAME) + 40 * FRAME, 0xFF);
        for frame in audio.chunks(FRAME) {
            self.frames += 1;
            let payload = base64_simd::STANDARD.encode_to_string(frame);
            let media = json!({
                "track": "inbound", "chunk": self.frames.to_string(),
                "timestamp": ((self.frames - 1) * 20).to_string(), "payload": payload,
            });
            let number = (self.frames + 1).to_string();
            let stream_sid = self.stream_sid.clone();
            self.send(
                json!({"event": "media", "sequenceNumber": number, "media": media, "streamSid": stream_sid}),
            )
            .await;
        }
    }

    async fn send(&mut self, message: Value) {
        // A service that has closed the stream needs to hear nothing.
        let _ = soon(self.socket.send(Message::text(message.to_string()))).await;
    }

    /// Reads until the service closes the stream: its close code, and the messages before.
    pub async fn until_closed(&mut self) -> (Option<u16>, Vec<Value>) {
        let mut seen = Vec::new();
        loop {
            match soon(self.socket.next()).await {
                Some(Ok(Message::Text(text))) => seen.push(serde_json::from_str(&text).unwrap()),
                Some(Ok(Message::Close(frame))) => return (frame.map(|frame| frame.code.into()), seen),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return (None, seen),
            }
        }
    }

    /// The next message of that event.
    pub async fn until(&mut self, event: &str) -> Value {
        loop {
            let message = soon(self.socket.next()).await.expect("the stream ended").unwrap();
            if let Message::Text(text) = message {
                let message: Value = serde_json::from_str(&text).unwrap();
                if message["event"] == event {
                    return message;
                }
            }
        }
    }
}
