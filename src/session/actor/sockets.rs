//! How sockets come and go: opened, lost, given up.

use ractor::ActorRef;
use tokio::time::Instant;

use super::SessionState;
use super::links::Place;
use super::message::{Brought, OpenSocket, Own, SessionMessage};
use crate::session::dialogue::Action;
use crate::session::socket::{Incoming, Socket};
use crate::session::{SessionError, SessionEvent};

impl SessionState {
    pub(super) fn start_socket(
        &mut self,
        myself: &ActorRef<SessionMessage>,
        generation: u64,
        stream: OpenSocket,
    ) {
        self.connections += 1;
        self.opened_at_attempt = self.attempts.made().max(1);
        metrics::counter!("ai_realtime_model_connections_total").increment(1);
        tracing::info!(call_id = %self.call_id, connection = self.connections, attempt = self.attempts.made(),
            model = &*stream.1.model(), "the model's socket is open");
        let (myself, lane) = (myself.clone(), self.lane.clone());
        let OpenSocket(stream, lease) = stream;
        let pulse = self.limits.pulse(lane.is_some());
        let socket = Socket::start(stream, lane, pulse, move |incoming| {
            let what = match incoming {
                Incoming::Event(event, permit) => Brought::Event(event, permit),
                Incoming::Lost { reason, fatal } => Brought::Lost { reason, fatal },
            };
            myself.cast(SessionMessage::Own(Own { generation, what })).is_ok()
        });
        self.links.opened(socket, lease);
    }

    /// The present socket is closed.
    pub(super) fn drop_socket(&mut self, reason: &str) {
        if self.links.drop_current() {
            tracing::info!(call_id = %self.call_id, connection = self.connections, reason,
                "the model's socket is closed");
            metrics::counter!("ai_realtime_model_disconnections_total").increment(1);
            self.lost_at = Some(Instant::now());
            self.report(SessionEvent::Disconnected { reason: reason.to_owned() });
        }
        // What the reader of the old socket still brings comes too late.
        self.lane.iter().for_each(|lane| lane.end_persona());
    }

    pub(super) fn drop_sockets(&mut self, reason: &str) {
        self.gap.close();
        self.links.drop_next();
        self.drop_socket(reason);
    }

    pub(super) fn note_received(&mut self) {
        if let Some((item_id, base64)) = self.lane.as_ref().and_then(|lane| lane.received()) {
            self.dialogue.note_received(item_id, base64);
        }
    }

    pub(super) fn on_lost(
        &mut self,
        myself: &ActorRef<SessionMessage>,
        reason: String,
        fatal: bool,
    ) -> Vec<Action> {
        self.note_received();
        self.count_loss(Place::Current, &reason, fatal);
        if self.lane.is_some() && self.links.current().is_some() {
            self.open_gap(myself);
        }
        self.drop_socket(&reason);
        if fatal && self.provider.refusal().is_some() {
            // One that is on its way would be refused, too.
            self.give_up(SessionError::Refused { code: reason });
            return Vec::new();
        }
        let actions = self.dialogue.on_lost();
        // One that is on its way already takes its place.
        if self.links.is_down() {
            self.try_again(myself, reason, fatal);
        }
        actions
    }

    pub(super) fn on_next_lost(
        &mut self,
        myself: &ActorRef<SessionMessage>,
        reason: String,
        fatal: bool,
    ) -> Vec<Action> {
        self.count_loss(Place::Next, &reason, fatal);
        self.links.drop_next();
        let actions = self.dialogue.on_next_lost(&reason);
        if self.links.is_down() {
            self.try_again(myself, reason, fatal);
        }
        actions
    }

    /// The next socket is of no use: without a present one another is tried for.
    pub(super) fn discard(&mut self, myself: &ActorRef<SessionMessage>, reason: String) {
        if self.links.current().is_none() {
            self.count_loss(Place::Next, &reason, false);
        }
        self.links.drop_next();
        if self.links.is_down() {
            self.try_again(myself, reason, false);
        }
    }

    pub(super) fn give_up(&mut self, error: SessionError) {
        tracing::error!(call_id = %self.call_id, error = %error, "the model is given up until something is said");
        self.drop_sockets("given up");
        let actions = self.dialogue.on_given_up();
        // The reason first: what else is told follows from it.
        self.report(SessionEvent::Unavailable(error));
        for action in actions {
            if let Action::Report(event) = action {
                self.report(event);
            } else if let (Action::Understood(item_id), Some(lane)) = (&action, &self.lane) {
                lane.caller_understood(item_id);
            }
        }
    }
}
