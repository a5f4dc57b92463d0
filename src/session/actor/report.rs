//! What the session tells its owner, and the log.

use super::SessionState;
use super::links::Place;
use crate::session::dialogue::Notice;
use crate::session::{Connection, Replacement, SessionEvent, Why};

/// Types of unknown events that are named in the log; beyond it they are only counted.
const MAX_NAMED_EVENTS: usize = 64;

impl SessionState {
    pub(super) fn report(&self, event: SessionEvent) {
        // An owner that is gone takes this session with it.
        let _ = self.owner.cast(event);
    }

    /// Another socket is the present one: whoever was without one is told how long, and nobody else notices.
    pub(super) fn report_switch(&mut self, why: Why, replayed_items: u64) {
        self.gap.close();
        let (connection, model) = (self.connections, self.model_at(Place::Current));
        if why == Why::Lost {
            let gap_ms = self.lost_at.take().map_or(0, |lost_at| lost_at.elapsed().as_millis() as u64);
            let attempt = self.opened_at_attempt;
            let connected = Connection { model, connection, attempt, gap_ms, replayed_items };
            self.report(SessionEvent::Connected(connected));
            return;
        }
        metrics::counter!("ai_realtime_model_replacements_total", "why" => why.as_str()).increment(1);
        tracing::info!(call_id = %self.call_id, connection, why = why.as_str(), replayed_items,
            "another socket took the place of one that talked");
        self.report(SessionEvent::Replaced(Replacement { model, why, connection, replayed_items }));
    }

    pub(super) fn note(&mut self, notice: Notice) {
        match notice {
            Notice::Mismatch(what) => {
                tracing::warn!(call_id = %self.call_id, what, "the model echoed another configuration");
            }
            Notice::Error(code) => {
                metrics::counter!("ai_realtime_model_errors_total").increment(1);
                tracing::warn!(call_id = %self.call_id, code, "the model reported an error");
            }
            Notice::UnknownEvent(kind) => {
                metrics::counter!("ai_realtime_model_unknown_events_total").increment(1);
                if self.unknown_events.len() < MAX_NAMED_EVENTS && self.unknown_events.insert(kind.clone()) {
                    tracing::warn!(call_id = %self.call_id, event_type = kind, "the model sent an unknown event");
                }
            }
            Notice::StrayOutput => {
                metrics::counter!("ai_realtime_stray_tool_outputs_total").increment(1);
            }
            Notice::NotReplaced(why) => {
                metrics::counter!("ai_realtime_model_replacements_failed_total", "why" => why.as_str())
                    .increment(1);
                tracing::warn!(call_id = %self.call_id, why = why.as_str(),
                    "no socket took the place of the present one, which goes on");
            }
        }
    }
}
