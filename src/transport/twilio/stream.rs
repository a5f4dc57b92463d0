//! One stream of a call: a task that reads it, a task that writes it, and the ledger between them.

use std::sync::Arc;

use futures_util::StreamExt;
use ractor::DerivedActorRef;
use tokio::task::JoinHandle;
use tokio_util::task::AbortOnDropHandle;

use super::outgoing::{Outgoing, Over};
use super::reader::Reader;
use super::writer::{self, GOODBYE_LIMIT};
use super::{MediaStream, PhoneLimits};
use crate::audio::Lane;
use crate::id::{CallId, ResponseId};
use crate::transport::{LineEvent, TransportEvent};

/// A running stream. Dropping it closes it.
pub(super) struct Stream {
    out: Arc<Outgoing>,
    writer: JoinHandle<()>,
}

impl Stream {
    /// Reports that the stream is up, and starts it.
    pub(super) fn open(
        media: MediaStream,
        call_id: &CallId,
        lane: &Arc<Lane>,
        owner: &DerivedActorRef<TransportEvent>,
        limits: PhoneLimits,
    ) -> Self {
        let MediaStream { socket, stream_sid } = media;
        let out = Arc::new(Outgoing::new(Arc::clone(lane), owner.clone(), stream_sid));
        out.report(LineEvent::StreamUp);
        let (sink, source) = socket.split();
        let reader = Reader::new(call_id.clone(), Arc::clone(lane), Arc::clone(&out));
        let reader = tokio::spawn(reader.run(source, limits));
        let writer = writer::write(Arc::clone(&out), sink, AbortOnDropHandle::new(reader), limits.write);
        Self { out, writer: tokio::spawn(writer) }
    }

    /// Nothing of what was said so far shall be heard any more.
    pub(super) fn interrupt(&self, active: Option<&ResponseId>) {
        self.out.interrupt(active);
    }

    /// Ends the stream, unless it is over already. The socket is closed behind this.
    pub(super) fn end(&self, over: Over) {
        self.out.end(over);
    }

    /// Ends the stream and waits until its socket is closed, at most twice as long as a goodbye takes.
    pub(super) async fn leave(mut self) {
        self.end(Over::Abandoned);
        if tokio::time::timeout(2 * GOODBYE_LIMIT, &mut self.writer).await.is_err() {
            self.writer.abort();
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.out.end(Over::Abandoned);
    }
}
