//! One connection of a call: a task that reads it, a task that writes it, and the ledger between them.

use std::sync::Arc;

use axum::extract::ws::WebSocket;
use futures_util::StreamExt;
use tokio::task::JoinHandle;
use tokio_util::task::AbortOnDropHandle;

use super::Patience;
use super::over::Over;
use super::reader::{self, Ear};
use super::writer::{self, GOODBYE_LIMIT, Outgoing};
use crate::transport::Place;

/// A running connection. Dropping it closes it.
pub(in crate::transport) struct Connection<O: Outgoing> {
    out: Arc<O>,
    writer: JoinHandle<()>,
}

impl<O: Outgoing> Connection<O> {
    /// Starts to read and write. What the connection takes up is given back when its socket is closed.
    pub(in crate::transport) fn start(
        out: Arc<O>,
        socket: WebSocket,
        place: Place,
        ear: impl Ear,
        patience: Patience,
    ) -> Self {
        let (sink, source) = socket.split();
        let reader = tokio::spawn(reader::read(Arc::clone(&out), source, ear, patience));
        let writer = writer::write(Arc::clone(&out), sink, AbortOnDropHandle::new(reader), patience);
        let writer = tokio::spawn(async move {
            writer.await;
            // The socket is closed.
            drop(place);
        });
        Self { out, writer }
    }

    /// Whether the other side is there.
    pub(in crate::transport) fn is_up(&self) -> bool {
        !self.out.is_over()
    }

    /// The way out.
    pub(in crate::transport) fn out(&self) -> &O {
        &self.out
    }

    /// Ends the connection, unless it is over already. The socket is closed behind this.
    pub(in crate::transport) fn end(&self, over: Over) {
        self.out.end(over);
    }

    /// Ends the connection and waits until its socket is closed, at most as long as a goodbye takes.
    pub(in crate::transport) async fn leave(mut self) {
        self.end(Over::Abandoned);
        if tokio::time::timeout(GOODBYE_LIMIT, &mut self.writer).await.is_err() {
            self.writer.abort();
        }
    }
}

impl<O: Outgoing> Drop for Connection<O> {
    fn drop(&mut self) {
        self.out.end(Over::Abandoned);
    }
}
