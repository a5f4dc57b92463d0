//! What these journeys stand on: a client that speaks the protocol as it is, and checks what it is told.

use std::collections::HashMap;

use ai_realtime::rehearsal::speech::{normal_form, speak, understand};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, client_async, connect_async};

use crate::house::{Client, soon};

pub use crate::browser::line::over;

/// 40 ms of 24 kHz.
const CHUNK: usize = 960;
/// Silence that ends a turn for certain, in samples.
const PAUSE: usize = 24_000;

/// A client under way.
pub struct Realtime {
    pub socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// Everything that was read but audio.
    pub seen: Vec<Value>,
    /// Milliseconds of audio that came, by item.
    pub received_ms: HashMap<String, u64>,
    samples: Vec<i16>,
    /// Responses that began and have not ended.
    open: Vec<String>,
}

impl Realtime {
    /// A client of a call.
    pub async fn connect(client: &Client, call: &str) -> Self {
        Self::connect_with(client, &format!("call_id={call}")).await
    }

    /// A client with this query.
    pub async fn connect_with(client: &Client, query: &str) -> Self {
        let url =
            format!("ws{}/v1/realtime?model=gpt-realtime&{query}", client.base.strip_prefix("http").unwrap());
        let (socket, _) = Box::pin(soon(connect_async(url.into_client_request().unwrap()))).await.unwrap();
        Self::of(socket).await
    }

    /// A client that takes little more than it reads.
    pub async fn connect_narrowly(client: &Client, call: &str) -> Self {
        let line = TcpSocket::new_v4().unwrap();
        line.set_recv_buffer_size(16 << 10).unwrap();
        let host = client.base.strip_prefix("http://").unwrap();
        let stream = MaybeTlsStream::Plain(line.connect(host.parse().unwrap()).await.unwrap());
        let url = format!("ws://{host}/v1/realtime?model=gpt-realtime&call_id={call}");
        let (socket, _) = Box::pin(soon(client_async(url, stream))).await.unwrap();
        Self::of(socket).await
    }

    /// The first that is told is how the session is.
    async fn of(socket: WebSocketStream<MaybeTlsStream<TcpStream>>) -> Self {
        let (seen, received_ms) = (Vec::new(), HashMap::new());
        let mut client = Self { socket, seen, received_ms, samples: Vec::new(), open: Vec::new() };
        let first = client.next().await.unwrap();
        assert_eq!(first["type"], "session.created", "{first}");
        client
    }

    pub async fn send(&mut self, event: Value) {
        self.send_raw(event.to_string()).await;
    }

    pub async fn send_raw(&mut self, text: String) {
        soon(self.socket.send(Message::Text(text.into()))).await.unwrap();
    }

    /// Changes the session, and awaits that it is so.
    pub async fn update(&mut self, mut session: Value) -> Value {
        session["type"] = json!("realtime");
        self.send(json!({"type": "session.update", "session": session})).await;
        self.until_kind("session.updated").await["session"].clone()
    }

    /// Writes something, and asks for an answer.
    pub async fn write(&mut self, text: &str) {
        self.add(None, text).await;
        self.send(json!({"type": "response.create"})).await;
    }

    pub async fn add(&mut self, id: Option<&str>, text: &str) {
        let content = json!([{"type": "input_text", "text": text}]);
        let mut item = json!({"type": "message", "role": "user", "content": content});
        if let Some(id) = id {
            item["id"] = json!(id);
        }
        self.send(json!({"type": "conversation.item.create", "item": item})).await;
    }

    /// Writes something, and awaits the whole answer.
    pub async fn asks(&mut self, text: &str) -> String {
        self.write(text).await;
        self.until_answer().await
    }

    /// The next whole answer.
    pub async fn until_answer(&mut self) -> String {
        words(&self.until_kind("response.done").await)
    }

    /// Speaks, and falls silent.
    pub async fn say(&mut self, text: &str) {
        let mut samples = fast(&speak(text));
        samples.extend(std::iter::repeat_n(0, PAUSE));
        self.send_samples(&samples).await;
    }

    /// Speaks while a button is held.
    pub async fn push_to_talk(&mut self, text: &str) {
        self.send_samples(&fast(&speak(text))).await;
        self.send(json!({"type": "input_audio_buffer.commit"})).await;
    }

    pub async fn send_samples(&mut self, samples: &[i16]) {
        for chunk in samples.chunks(CHUNK) {
            let bytes: Vec<u8> = chunk.iter().flat_map(|sample| sample.to_le_bytes()).collect();
            let audio = base64_simd::STANDARD.encode_to_string(bytes);
            self.send(json!({"type": "input_audio_buffer.append", "audio": audio})).await;
        }
    }

    /// The next event, or how the socket was closed.
    pub async fn next(&mut self) -> Result<Value, Option<CloseFrame>> {
        loop {
            match soon(self.socket.next()).await {
                Some(Ok(Message::Text(text))) => {
                    let event: Value = serde_json::from_str(&text).unwrap();
                    self.check(&event);
                    if event["type"] == "response.output_audio.delta" {
                        self.hear(&event);
                    } else {
                        self.seen.push(event.clone());
                    }
                    return Ok(event);
                }
                Some(Ok(Message::Close(frame))) => return Err(frame),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(None),
            }
        }
    }

    /// What every client counts on.
    fn check(&mut self, event: &Value) {
        assert!(event["event_id"].is_string(), "{event}");
        let text = event.to_string();
        assert!(!text.contains("function_call"), "{event}");
        let of = event["response_id"].as_str();
        match event["type"].as_str().unwrap() {
            "response.created" => self.open.push(event["response"]["id"].as_str().unwrap().to_owned()),
            "response.done" => {
                let id = event["response"]["id"].as_str().unwrap();
                let at = self.open.iter().position(|open| open == id);
                self.open.remove(at.unwrap_or_else(|| panic!("{event} never began")));
            }
            _ => {}
        }
        if let Some(of) = of {
            assert!(self.open.iter().any(|open| open == of), "{event} is of no response under way");
        }
    }

    fn hear(&mut self, event: &Value) {
        let bytes = base64_simd::STANDARD.decode_to_vec(event["delta"].as_str().unwrap()).unwrap();
        let item = event["item_id"].as_str().unwrap().to_owned();
        *self.received_ms.entry(item).or_default() += bytes.len() as u64 / 48;
        self.samples.extend(bytes.as_chunks().0.iter().map(|bytes| i16::from_le_bytes(*bytes)));
    }

    /// What was heard.
    pub fn heard(&self) -> String {
        understand(&self.samples.iter().step_by(3).copied().collect::<Vec<_>>())
    }

    /// Whether these words were heard.
    pub fn has_heard(&self, words: &str) -> bool {
        self.heard().contains(&normal_form(words))
    }

    /// Reads until an event is as it shall be.
    pub async fn until(&mut self, is_it: impl Fn(&Value) -> bool) -> Value {
        loop {
            let event = self.next().await.unwrap_or_else(|close| panic!("{close:?} {:?}", self.seen));
            if is_it(&event) {
                return event;
            }
        }
    }

    pub async fn until_kind(&mut self, kind: &str) -> Value {
        self.until(|event| event["type"] == kind).await
    }

    /// The next error's code, and which of the client's events it is about.
    pub async fn until_error(&mut self) -> (String, Value) {
        let error = self.until_kind("error").await["error"].clone();
        (error["code"].as_str().unwrap_or_default().to_owned(), error["event_id"].clone())
    }

    /// The types of what was read, audio apart.
    pub fn kinds(&self) -> Vec<&str> {
        self.seen.iter().map(|event| event["type"].as_str().unwrap()).collect()
    }

    /// Reads to the end: the code it was closed with.
    pub async fn closes(&mut self) -> Option<u16> {
        loop {
            if let Err(frame) = self.next().await {
                return frame.map(|frame| frame.code.into());
            }
        }
    }
}

/// All words of a response.
pub fn words(done: &Value) -> String {
    let items = done["response"]["output"].as_array().unwrap();
    let parts = items.iter().flat_map(|item| item["content"].as_array().unwrap());
    let text = |part: &Value| part["transcript"].as_str().or(part["text"].as_str()).unwrap().to_owned();
    parts.map(text).collect::<Vec<_>>().join(" ")
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
