//! One connection of a call: a task that reads it, a task that writes it, and the ledger between them.

use std::sync::Arc;

use futures_util::StreamExt;
use ractor::DerivedActorRef;
use tokio::task::JoinHandle;
use tokio_util::task::AbortOnDropHandle;

use super::outgoing::Outgoing;
use super::over::Over;
use super::reader::Reader;
use super::writer::{self, GOODBYE_LIMIT};
use super::{BrowserLimits, BrowserStream};
use crate::audio::Lane;
use crate::id::{CallId, ResponseId};
use crate::protocol::browser::ServerMessage;
use crate::transport::{LineEvent, TransportEvent};

/// A running connection. Dropping it closes it.
pub(super) struct Stream {
    out: Arc<Outgoing>,
    writer: JoinHandle<()>,
}

impl Stream {
    /// Greets the browser, reports that the connection is up, and starts it.
    pub(super) fn open(
        stream: BrowserStream,
        call_id: &CallId,
        lane: &Arc<Lane>,
        owner: &DerivedActorRef<TransportEvent>,
        limits: BrowserLimits,
    ) -> Self {
        let out = Arc::new(Outgoing::new(Arc::clone(lane), owner.clone(), limits.waiting));
        let call = call_id.to_string();
        out.show(&ServerMessage::Ready { call_id: call, format: "pcm16", sample_rate: 24_000 });
        out.report(LineEvent::StreamUp);
        let BrowserStream { socket, place } = stream;
        let (sink, source) = socket.split();
        let reader = Reader::new(call_id.clone(), Arc::clone(lane), Arc::clone(&out));
        let reader = tokio::spawn(reader.run(source, limits));
        let writer = writer::write(Arc::clone(&out), sink, AbortOnDropHandle::new(reader), limits);
        let writer = tokio::spawn(async move {
            writer.await;
            // The socket is closed.
            drop(place);
        });
        Self { out, writer }
    }

    /// Whether the browser is there.
    pub(super) fn is_up(&self) -> bool {
        !self.out.is_over()
    }

    /// Nothing of what was said so far shall be heard any more.
    pub(super) fn interrupt(&self, active: Option<&ResponseId>) {
        self.out.interrupt(active);
    }

    /// Shows the browser something.
    pub(super) fn show(&self, message: &ServerMessage) {
        self.out.show(message);
    }

    /// Ends the connection, unless it is over already. The socket is closed behind this.
    pub(super) fn end(&self, over: Over) {
        self.out.end(over);
    }

    /// Ends the connection and waits until its socket is closed, at most as long as a goodbye takes.
    pub(super) async fn leave(mut self) {
        self.end(Over::Abandoned);
        if tokio::time::timeout(GOODBYE_LIMIT, &mut self.writer).await.is_err() {
            self.writer.abort();
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.out.end(Over::Abandoned);
    }
}
