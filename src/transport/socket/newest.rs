//! The connection of one line: at most one at a time, of which the newest counts. The line lives on without any.

use std::sync::Arc;

use ractor::DerivedActorRef;

use super::{Connection, Outgoing, Over};
use crate::audio::Lane;
use crate::id::ResponseId;
use crate::transport::cut::add_unheard;
use crate::transport::{EffectDone, LineEvent, TransportEvent};

/// The newest connection of a line.
pub(in crate::transport) struct Newest<O: Outgoing> {
    lane: Arc<Lane>,
    owner: DerivedActorRef<TransportEvent>,
    /// It may be over.
    connection: Option<Connection<O>>,
}

impl<O: Outgoing> Newest<O> {
    /// A line that has no connection yet.
    pub(in crate::transport) fn new(lane: Arc<Lane>, owner: DerivedActorRef<TransportEvent>) -> Self {
        Self { lane, owner, connection: None }
    }

    /// The audio of the call.
    pub(in crate::transport) fn lane(&self) -> &Arc<Lane> {
        &self.lane
    }

    /// To whom everything is reported.
    pub(in crate::transport) fn owner(&self) -> &DerivedActorRef<TransportEvent> {
        &self.owner
    }

    /// The connection, while the other side is there.
    pub(in crate::transport) fn up(&self) -> Option<&Connection<O>> {
        self.connection.as_ref().filter(|connection| connection.is_up())
    }

    /// Another is about to come: the one before is told that it is replaced.
    pub(in crate::transport) fn vacate(&mut self) {
        if let Some(old) = self.connection.take() {
            old.end(Over::Replaced);
        }
    }

    /// This one is there.
    pub(in crate::transport) fn fill(&mut self, connection: Connection<O>) {
        self.connection = Some(connection);
    }

    /// Nothing of what was said so far shall be heard any more.
    pub(in crate::transport) fn interrupt(&self, active: Option<&ResponseId>) {
        if let Some(connection) = &self.connection {
            return connection.out().interrupt(active);
        }
        let mut cuts = Vec::new();
        add_unheard(&mut cuts, self.lane.interrupt(active));
        self.report(LineEvent::Interrupted { asked: true, cuts });
    }

    /// Tells whether there is a connection.
    pub(in crate::transport) fn report_status(&self) {
        self.report(LineEvent::Effect(EffectDone::Status(Ok(self.up().is_some()))));
    }

    /// Ends the connection, and waits a moment for its goodbye.
    pub(in crate::transport) async fn leave(&mut self) {
        if let Some(connection) = self.connection.take() {
            connection.leave().await;
        }
    }

    fn report(&self, event: LineEvent) {
        // A call that is gone needs to know nothing.
        let _ = self.owner.cast(event.into());
    }
}
