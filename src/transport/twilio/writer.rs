//! The writing half of a stream: the only one that touches the socket's sink.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket};
use futures_util::SinkExt;
use futures_util::stream::SplitSink;
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

use super::outgoing::{Next, Outgoing, Over};
use super::reader::EndsWith;
use crate::at_once::at_once_or_within;

/// How long a closing socket may take to say goodbye.
pub(super) const GOODBYE_LIMIT: Duration = Duration::from_secs(1);

type Sink = SplitSink<WebSocket, Message>;

/// Writes until the stream is over, then closes the socket. One write may take `limit`: a client that does not read
/// has lost its stream.
pub(super) async fn write(
    out: Arc<Outgoing>,
    mut sink: Sink,
    reader: AbortOnDropHandle<()>,
    limit: Duration,
) {
    let guard = EndsWith(Arc::clone(&out));
    let mut frames = Vec::new();
    let over = loop {
        match out.next(&mut frames) {
            Next::Write => {
                if !matches!(at_once_or_within(limit, send(&mut sink, &mut frames)).await, Ok(Ok(()))) {
                    out.end(Over::Lost);
                    frames.clear();
                }
            }
            Next::Wait => out.something().await,
            Next::Close(over) => break over,
        }
    };
    drop(guard);
    // Closing is a courtesy: a peer that does not answer it is left.
    let _ = timeout(GOODBYE_LIMIT, close(sink, over, reader)).await;
}

async fn send(sink: &mut Sink, frames: &mut Vec<String>) -> Result<(), axum::Error> {
    for frame in frames.drain(..) {
        sink.feed(Message::Text(frame.into())).await?;
    }
    sink.flush().await
}

/// Says goodbye, and waits until the other side has said it too: data that is left unread would cut ours off.
async fn close(mut sink: Sink, over: Over, reader: AbortOnDropHandle<()>) {
    let reason = Utf8Bytes::from_static("");
    // The other side may be gone already.
    let _ = sink.send(Message::Close(Some(CloseFrame { code: over.close_code(), reason }))).await;
    let _ = reader.await;
}
