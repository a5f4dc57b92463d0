//! The beginning of a stream, before anyone knows whose it is.

use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use tokio::time::timeout;

use super::MediaStream;
use super::writer::GOODBYE_LIMIT;
use crate::protocol::twilio::stream::{Inbound, Start, parse};

/// Messages that may come before `start`, of which only one has a meaning.
const MAX_BEFORE_START: u32 = 16;
/// Largest message we take. One frame has about 400 bytes.
const MAX_MESSAGE: usize = 64 << 10;
/// A burst of frames is read at once, and a frame goes out together with its mark.
const READ_BUFFER: usize = 4 << 10;
const WRITE_BUFFER: usize = 8 << 10;
/// Policy violation.
const REFUSED: u16 = 1008;

/// Why a socket is no stream of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MeetError {
    /// It did not say in time whose it is.
    #[error("no `start` within {} ms", .0.as_millis())]
    Late(Duration),
    /// It was closed, or broke, or sent more at once than we take.
    #[error("the socket ended before `start`")]
    Gone,
    /// It said everything but whose it is.
    #[error("{MAX_BEFORE_START} messages, and none of them a `start`")]
    NoStart,
    /// Its sound is none we know.
    #[error("the stream is not µ-law at 8000 Hz in one channel")]
    Format,
}

/// An upgrade with the limits and buffers of a stream: the defaults are made for megabytes.
pub fn tuned(upgrade: WebSocketUpgrade) -> WebSocketUpgrade {
    upgrade
        .max_message_size(MAX_MESSAGE)
        .max_frame_size(MAX_MESSAGE)
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(WRITE_BUFFER)
}

/// Reads a new socket up to `start`, which must come within `limit`. Nothing is believed yet: `start` names the call
/// and holds the token that proves it.
///
/// # Errors
/// [`MeetError`]; the socket is then closed.
pub async fn meet(mut socket: WebSocket, limit: Duration) -> Result<(Start, MediaStream), MeetError> {
    let met = timeout(limit, start(&mut socket)).await.unwrap_or(Err(MeetError::Late(limit)));
    match met {
        Ok(start) => {
            let stream_sid = start.stream_sid.clone();
            Ok((start, MediaStream { socket, stream_sid }))
        }
        Err(error) => {
            refuse(socket).await;
            Err(error)
        }
    }
}

impl MediaStream {
    /// Closes a stream that is not let in.
    pub async fn refuse(self) {
        refuse(self.socket).await;
    }
}

async fn start(socket: &mut WebSocket) -> Result<Start, MeetError> {
    for _ in 0..MAX_BEFORE_START {
        let Some(Ok(message)) = socket.recv().await else { return Err(MeetError::Gone) };
        match message {
            Message::Close(_) => return Err(MeetError::Gone),
            Message::Text(text) => match parse(text.as_str()) {
                Ok(Inbound::Start(start)) if start.is_mulaw_8k_mono() => return Ok(*start),
                Ok(Inbound::Start(_)) => return Err(MeetError::Format),
                Ok(Inbound::Connected) => {}
                Ok(_) | Err(_) => count_garbage(),
            },
            Message::Binary(_) => count_garbage(),
            Message::Ping(_) | Message::Pong(_) => {}
        }
    }
    Err(MeetError::NoStart)
}

fn count_garbage() {
    metrics::counter!("ai_realtime_twilio_bad_frames_total", "kind" => "before_start").increment(1);
}

async fn refuse(mut socket: WebSocket) {
    let close = Message::Close(Some(CloseFrame { code: REFUSED, reason: Utf8Bytes::from_static("") }));
    let goodbye = async {
        // The other side may be gone already.
        let _ = socket.send(close).await;
        while let Some(Ok(_)) = socket.recv().await {}
    };
    let _ = timeout(GOODBYE_LIMIT, goodbye).await;
}
