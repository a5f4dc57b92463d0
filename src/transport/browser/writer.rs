//! The writing half of a connection: the only one that touches the socket's sink.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket};
use futures_util::SinkExt;
use futures_util::stream::SplitSink;
use tokio::time::{Interval, MissedTickBehavior, interval, sleep, timeout};
use tokio_util::task::AbortOnDropHandle;

use super::BrowserLimits;
use super::outgoing::{Next, Outgoing};
use super::over::Over;
use super::reader::EndsWith;
use crate::protocol::browser::ServerMessage;

/// How long a closing socket may take to say goodbye: a slow browser reads first what was written before.
pub(super) const GOODBYE_LIMIT: Duration = Duration::from_secs(5);
const NO_REASON: Utf8Bytes = Utf8Bytes::from_static("");

type Sink = SplitSink<WebSocket, Message>;

/// Writes until the connection is over, then closes the socket.
pub(super) async fn write(
    out: Arc<Outgoing>,
    mut sink: Sink,
    reader: AbortOnDropHandle<()>,
    limits: BrowserLimits,
) {
    let guard = EndsWith(Arc::clone(&out));
    let mut frames = Vec::new();
    let mut pings = interval(limits.ping);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    pings.reset();
    let over = loop {
        match out.next(&mut frames) {
            Next::Write if out.is_over() => {
                // The last words are a courtesy, as the goodbye is.
                if !matches!(timeout(GOODBYE_LIMIT, send(&mut sink, &mut frames)).await, Ok(Ok(()))) {
                    frames.clear();
                }
            }
            Next::Write => {
                if let Err(over) = send_in_time(&out, &mut sink, &mut frames, limits.write).await {
                    out.end(over);
                    frames.clear();
                }
            }
            Next::Wait(limit) => wait(&out, &mut sink, &mut pings, limit).await,
            Next::Close(over) => break over,
        }
    };
    drop(guard);
    // A peer that does not answer it is left.
    let _ = timeout(GOODBYE_LIMIT, close(sink, over, reader)).await;
}

async fn wait(out: &Outgoing, sink: &mut Sink, pings: &mut Interval, limit: Option<Duration>) {
    let all_is_heard = async {
        match limit {
            Some(limit) => sleep(limit).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = out.something() => {}
        () = all_is_heard => out.on_time(),
        _ = pings.tick() => {
            if sink.send(Message::Ping(Bytes::new())).await.is_err() {
                out.end(Over::Lost);
            }
        }
    }
}

/// Writes unless the browser does not take it: by what waits behind it, or by the time it takes.
async fn send_in_time(
    out: &Outgoing,
    sink: &mut Sink,
    frames: &mut Vec<String>,
    limit: Duration,
) -> Result<(), Over> {
    tokio::select! {
        biased;
        sent = send(sink, frames) => sent.map_err(|_| Over::Lost),
        () = out.overflow() => Err(Over::Slow),
        () = sleep(limit) => Err(Over::Slow),
    }
}

async fn send(sink: &mut Sink, frames: &mut Vec<String>) -> Result<(), axum::Error> {
    for frame in frames.drain(..) {
        sink.feed(Message::Text(frame.into())).await?;
    }
    sink.flush().await
}

/// Says goodbye, and waits until the other side has said it too: data that is left unread would cut ours off.
async fn close(mut sink: Sink, over: Over, reader: AbortOnDropHandle<()>) {
    // The other side may be gone already.
    let _ = sink.send(Message::Close(Some(CloseFrame { code: over.close_code(), reason: NO_REASON }))).await;
    let _ = reader.await;
}

/// Tells a browser that is not let in why, in words, and closes the socket with this code.
pub async fn turn_away(mut socket: WebSocket, why: &ServerMessage, code: u16) {
    let goodbye = async {
        // The other side may be gone already.
        let _ = socket.send(Message::Text(why.to_json().into())).await;
        let _ = socket.send(Message::Close(Some(CloseFrame { code, reason: NO_REASON }))).await;
        while let Some(Ok(_)) = socket.recv().await {}
    };
    let _ = timeout(GOODBYE_LIMIT, goodbye).await;
}
