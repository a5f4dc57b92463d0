//! The way to a call, and what all ledgers of connections do alike. Everything that must not be torn apart happens while
//! the owner of a [`Played`] holds its lock, reports to the call included, so that the call is told in the order in
//! which it happened. Nothing here waits.

use std::sync::{Arc, OnceLock};

use ractor::DerivedActorRef;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::budget::now_ms;
use super::over::Over;
use super::played::Played;
use crate::audio::{Lane, Unheard};
use crate::id::{ItemId, ResponseId};
use crate::transport::cut::add_unheard;
use crate::transport::{Cut, EffectDone, LineEvent, TransportEvent};

/// One connection's way to its call.
pub(in crate::transport) struct Way {
    pub(in crate::transport) lane: Arc<Lane>,
    owner: DerivedActorRef<TransportEvent>,
    opened: Instant,
    /// Counts its end, by how it was.
    count_end: fn(&'static str),
    /// Set under the ledger's lock; read without it.
    over: OnceLock<Over>,
    wake: Notify,
}

impl Way {
    pub(in crate::transport) fn new(
        lane: Arc<Lane>,
        owner: DerivedActorRef<TransportEvent>,
        count_end: fn(&'static str),
    ) -> Self {
        Self { lane, owner, opened: Instant::now(), count_end, over: OnceLock::new(), wake: Notify::new() }
    }

    /// How the connection ended, if it did.
    pub(in crate::transport) fn over(&self) -> Option<Over> {
        self.over.get().copied()
    }

    pub(in crate::transport) fn now_ms(&self) -> u64 {
        now_ms(self.opened)
    }

    /// Something is to be written.
    pub(in crate::transport) fn wake(&self) {
        self.wake.notify_one();
    }

    /// Waits until there is something to do.
    pub(in crate::transport) async fn something(&self) {
        tokio::select! {
            biased;
            () = self.wake.notified() => {}
            () = self.lane.persona_came() => {}
        }
    }

    /// Tells the call. A call that is gone needs to know nothing.
    pub(in crate::transport) fn report(&self, event: LineEvent) {
        let _ = self.owner.cast(event.into());
    }

    /// Sound was written.
    pub(in crate::transport) fn on_audio(
        &self,
        played: &mut Played,
        item: &ItemId,
        response: &ResponseId,
        bytes: u64,
    ) {
        if !played.is_audible() {
            self.report(LineEvent::Playing);
        }
        played.on_audio(item, response, bytes, self.now_ms());
    }

    /// Something is learnt of what was played.
    pub(in crate::transport) fn settle(&self, played: &mut Played, happens: impl FnOnce(&mut Played)) {
        let was_audible = played.is_audible();
        happens(played);
        if was_audible && !played.is_audible() && self.over().is_none() {
            self.lane.persona_played();
            self.report(LineEvent::Played);
        }
    }

    /// Cuts all that was not played: first what was written, then `unwritten`, then what waits in the lane. Gives the
    /// number of the clear, too.
    pub(in crate::transport) fn interrupt(
        &self,
        played: &mut Played,
        active: Option<&ResponseId>,
        unwritten: Option<Unheard>,
    ) -> (Vec<Cut>, u64) {
        let waiting = self.lane.interrupt(active);
        let (cuts, clear) = played.interrupt(self.now_ms());
        let mut cuts: Vec<Cut> = cuts.into_iter().map(Cut::from).collect();
        add_unheard(&mut cuts, unwritten.into_iter().chain(waiting));
        (cuts, clear)
    }

    /// The connection is over, and what was not played is lost with it. Only the first end counts: whether this is it.
    pub(in crate::transport) fn end(
        &self,
        over: Over,
        played: &mut Played,
        unwritten: Option<Unheard>,
    ) -> bool {
        if self.over.set(over).is_err() {
            return false;
        }
        (self.count_end)(over.label());
        let (cuts, _) = played.interrupt(self.now_ms());
        let mut cuts: Vec<Cut> = cuts.into_iter().map(Cut::from).collect();
        add_unheard(&mut cuts, unwritten);
        self.lane.persona_played();
        if !cuts.is_empty() {
            // Half a message is not gone on with in another connection: what was cut stays as it was heard.
            add_unheard(&mut cuts, self.lane.interrupt(None));
            self.report(LineEvent::Interrupted { asked: false, cuts });
        }
        if let Some(how) = over.reported() {
            self.report(LineEvent::StreamDown { how });
        }
        if over.is_goodbye_of_callers() {
            // Nobody else can tell what became of the call.
            self.report(LineEvent::Effect(EffectDone::Status(Ok(false))));
        }
        self.wake();
        true
    }
}
