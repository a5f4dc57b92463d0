//! What journeys from a browser stand on: a connection that speaks the small protocol, and keeps what it hears.

use ai_realtime::rehearsal::speech::{normal_form, speak, understand};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue, Response};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, client_async, connect_async};

use crate::house::{Client, Service, soon};

/// 40 ms of 24 kHz.
const CHUNK: usize = 960;
/// Silence that ends a turn for certain, in samples.
const PAUSE: usize = 24_000;

/// A connection under way.
pub struct Browser {
    pub socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    pub answer: Response<Option<Vec<u8>>>,
    /// What was heard since listening began afresh.
    samples: Vec<i16>,
    /// All that was received, in milliseconds.
    pub received_ms: usize,
    /// Whether it says at once that it has played what has come.
    pub plays: bool,
    /// Everything that was read but audio.
    pub seen: Vec<Value>,
}

/// Opens a connection.
pub async fn open(client: &Client, path: &str, headers: &[(&str, &str)]) -> Result<Browser, Error> {
    let url = format!("ws{}{path}", client.base.strip_prefix("http").unwrap());
    let mut request = url.into_client_request().unwrap();
    for (name, value) in headers {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        request.headers_mut().insert(name, HeaderValue::from_str(value).unwrap());
    }
    let (socket, answer) = Box::pin(soon(connect_async(request))).await?;
    Ok(Browser::of(socket, answer))
}

/// Ends all calls, then the service.
pub async fn over(service: Service) {
    let (_, calls) = service.client.get("/ai/calls").await;
    for call in calls.as_array().into_iter().flatten() {
        service.client.delete(&format!("/ai/calls/{}", call["call_id"].as_str().unwrap())).await;
    }
    service.stop().await;
}

/// The status with which a connection is refused.
pub async fn refusal(client: &Client, path: &str, headers: &[(&str, &str)]) -> (u16, Value) {
    match Box::pin(open(client, path, headers)).await {
        Err(Error::Http(answer)) => {
            let body = answer.body().clone().unwrap_or_default();
            (answer.status().as_u16(), serde_json::from_slice(&body).unwrap_or_default())
        }
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("it was let in"),
    }
}

impl Browser {
    /// A connection to a session.
    pub async fn connect(client: &Client, session: &str) -> Self {
        Box::pin(open(client, &format!("/ws/audio/{session}"), &[])).await.unwrap()
    }

    /// A connection that takes little more than it reads.
    pub async fn connect_narrowly(client: &Client, session: &str) -> Self {
        let line = TcpSocket::new_v4().unwrap();
        line.set_recv_buffer_size(16 << 10).unwrap();
        let host = client.base.strip_prefix("http://").unwrap();
        let stream = MaybeTlsStream::Plain(line.connect(host.parse().unwrap()).await.unwrap());
        let opening = client_async(format!("ws://{host}/ws/audio/{session}"), stream);
        let (socket, answer) = Box::pin(soon(opening)).await.unwrap();
        Self::of(socket, answer)
    }

    fn of(socket: WebSocketStream<MaybeTlsStream<TcpStream>>, answer: Response<Option<Vec<u8>>>) -> Self {
        let (samples, seen) = (Vec::new(), Vec::new());
        Self { socket, answer, samples, received_ms: 0, plays: true, seen }
    }

    /// A connection whose caller has been greeted.
    pub async fn greeted(client: &Client, session: &str) -> Self {
        let mut browser = Box::pin(Self::connect(client, session)).await;
        browser.hears("today?").await;
        browser.listen_afresh();
        browser
    }

    pub async fn send(&mut self, message: Value) {
        self.send_raw(message.to_string()).await;
    }

    pub async fn send_raw(&mut self, text: String) {
        soon(self.socket.send(Message::Text(text.into()))).await.unwrap();
    }

    /// Speaks, and falls silent.
    pub async fn say(&mut self, text: &str) {
        let mut samples = fast(&speak(text));
        samples.extend(std::iter::repeat_n(0, PAUSE));
        for chunk in samples.chunks(CHUNK) {
            let bytes: Vec<u8> = chunk.iter().flat_map(|sample| sample.to_le_bytes()).collect();
            let data = base64_simd::STANDARD.encode_to_string(bytes);
            self.send(json!({"type": "audio", "data": data})).await;
        }
    }

    /// The next message, or how the connection was closed.
    pub async fn next(&mut self) -> Result<Value, Option<CloseFrame>> {
        loop {
            match soon(self.socket.next()).await {
                Some(Ok(Message::Text(text))) => {
                    let message: Value = serde_json::from_str(&text).unwrap();
                    if message["type"] == "audio" {
                        self.take(&message).await;
                    } else {
                        self.seen.push(message.clone());
                    }
                    return Ok(message);
                }
                Some(Ok(Message::Close(frame))) => return Err(frame),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(None),
            }
        }
    }

    async fn take(&mut self, message: &Value) {
        let bytes = base64_simd::STANDARD.decode_to_vec(message["data"].as_str().unwrap()).unwrap();
        assert!(bytes.len() <= 250 * 48, "{} bytes at once", bytes.len());
        self.received_ms += bytes.len() / 48;
        let samples = bytes.as_chunks().0.iter().map(|bytes| i16::from_le_bytes(*bytes));
        self.samples.extend(samples);
        if self.plays {
            self.send(json!({"type": "played", "ms": self.received_ms})).await;
        }
    }

    /// What was heard so far.
    pub fn heard(&self) -> String {
        understand(&self.samples.iter().step_by(3).copied().collect::<Vec<_>>())
    }

    pub fn listen_afresh(&mut self) {
        self.samples.clear();
    }

    /// Reads until these words are heard.
    pub async fn hears(&mut self, words: &str) -> String {
        let words = normal_form(words);
        loop {
            let message = self.next().await.unwrap_or_else(|close| panic!("{close:?} {:?}", self.seen));
            // Hearing takes time: not after each piece.
            let is_worth_it = message["type"] != "audio" || self.samples.len().is_multiple_of(5);
            if is_worth_it && self.heard().contains(&words) {
                return self.heard();
            }
        }
    }

    /// Reads until a message is as it shall be.
    pub async fn until(&mut self, is_it: impl Fn(&Value) -> bool) -> Value {
        loop {
            let message = self.next().await.unwrap_or_else(|close| panic!("{close:?} {:?}", self.seen));
            if is_it(&message) {
                return message;
            }
        }
    }

    pub async fn until_kind(&mut self, kind: &str) -> Value {
        self.until(|message| message["type"] == kind).await
    }

    /// The next whole thing that was said by one side.
    pub async fn until_said(&mut self, role: &str) -> String {
        let is_it = |message: &Value| {
            message["type"] == "transcript" && message["role"] == role && message["final"] == true
        };
        self.until(is_it).await["text"].as_str().unwrap().to_owned()
    }

    /// Reads to the end: the code it was closed with.
    pub async fn closes(&mut self) -> Option<u16> {
        loop {
            if let Err(frame) = self.next().await {
                return frame.map(|frame| frame.code.into());
            }
        }
    }

    /// The caller hangs up.
    pub async fn hangs_up(mut self) {
        soon(self.socket.close(Some(CloseFrame { code: 1000.into(), reason: "".into() }))).await.unwrap();
        // What is still read is not answered.
        self.plays = false;
        self.closes().await;
    }
}

/// From 8 to 24 kHz, along straight lines.
fn fast(samples: &[i16]) -> Vec<i16> {
    let next = samples.iter().skip(1).chain(std::iter::once(&0));
    let between = |(from, to): (&i16, &i16)| {
        let (from, to) = (i32::from(*from), i32::from(*to));
        (0..3).map(move |third| (from + (to - from) * third / 3) as i16)
    };
    samples.iter().zip(next).flat_map(between).collect()
}
