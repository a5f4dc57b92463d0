//! The writing half of a connection: the only one that touches the socket's sink.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket};
use futures_util::SinkExt;
use futures_util::stream::SplitSink;
use tokio::time::{Interval, MissedTickBehavior, interval, sleep, timeout};
use tokio_util::task::AbortOnDropHandle;

use super::Patience;
use super::over::Over;
use crate::id::ResponseId;

/// What the writer does next.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::transport) enum Next {
    /// Write what it was given.
    Write,
    /// Wait until something has come, or this long: then all was heard.
    Wait(Option<Duration>),
    /// Close the socket.
    Close(Over),
}

/// What goes out on a connection, and what has become of it: one ledger for the task that writes, the task that reads,
/// and the line that is interrupted.
pub(in crate::transport) trait Outgoing: Send + Sync + 'static {
    /// Whether the connection is over.
    fn is_over(&self) -> bool;
    /// What to write next, put into `frames`.
    fn next(&self, frames: &mut Vec<String>) -> Next;
    /// Waits until there is something to do.
    fn something(&self) -> impl Future<Output = ()> + Send;
    /// Whether more waits than may.
    fn is_overflowing(&self) -> bool;
    /// Time has passed.
    fn on_time(&self);
    /// Nothing of what was said so far shall be heard any more.
    fn interrupt(&self, active: Option<&ResponseId>);
    /// The connection is over. Only the first end counts.
    fn end(&self, over: Over);
}

/// Ends the connection when it goes, also by a panic.
pub(super) struct EndsWith<O: Outgoing>(pub(super) Arc<O>);

impl<O: Outgoing> Drop for EndsWith<O> {
    fn drop(&mut self) {
        self.0.end(Over::Lost);
    }
}

/// How long a closing socket may take to say goodbye: a slow far end reads first what was written before.
pub(super) const GOODBYE_LIMIT: Duration = Duration::from_secs(5);
const NO_REASON: Utf8Bytes = Utf8Bytes::from_static("");

type Sink = SplitSink<WebSocket, Message>;

/// Writes until the connection is over, then closes the socket.
pub(super) async fn write<O: Outgoing>(
    out: Arc<O>,
    mut sink: Sink,
    reader: AbortOnDropHandle<()>,
    patience: Patience,
) {
    let guard = EndsWith(Arc::clone(&out));
    let mut frames = Vec::new();
    let mut pings = interval(patience.ping);
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
                if let Err(over) = send_in_time(&*out, &mut sink, &mut frames, patience.write).await {
                    out.end(over);
                    frames.clear();
                }
            }
            Next::Wait(limit) => wait(&*out, &mut sink, &mut pings, limit, patience.write).await,
            Next::Close(over) => break over,
        }
    };
    drop(guard);
    // A peer that does not answer it is left.
    let _ = timeout(GOODBYE_LIMIT, close(sink, over, reader)).await;
}

async fn wait(
    out: &impl Outgoing,
    sink: &mut Sink,
    pings: &mut Interval,
    limit: Option<Duration>,
    write: Duration,
) {
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
            match timeout(write, sink.send(Message::Ping(Bytes::new()))).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => out.end(Over::Lost),
                Err(_) => out.end(Over::Slow),
            }
        }
    }
}

/// Writes unless the other side does not take it: by what waits behind it, or by the time it takes.
async fn send_in_time(
    out: &impl Outgoing,
    sink: &mut Sink,
    frames: &mut Vec<String>,
    limit: Duration,
) -> Result<(), Over> {
    tokio::select! {
        biased;
        sent = send(sink, frames) => sent.map_err(|_| Over::Lost),
        () = overflow(out) => Err(Over::Slow),
        () = sleep(limit) => Err(Over::Slow),
    }
}

/// Comes when more waits than may, while something is being written.
async fn overflow(out: &impl Outgoing) {
    while !out.is_overflowing() {
        out.something().await;
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

/// Says this to a peer that is not let in, and closes the socket with this code.
pub(in crate::transport) async fn close_with(mut socket: WebSocket, words: String, code: u16) {
    let goodbye = async {
        // The other side may be gone already.
        let _ = socket.send(Message::Text(words.into())).await;
        let _ = socket.send(Message::Close(Some(CloseFrame { code, reason: NO_REASON }))).await;
        while let Some(Ok(_)) = socket.recv().await {}
    };
    let _ = timeout(GOODBYE_LIMIT, goodbye).await;
}
