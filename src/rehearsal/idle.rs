//! The silence of a caller after an answer, and when it has lasted too long.

use serde_json::json;

use super::conversation::{Action, Conversation};
use super::event::ServerEvent;

/// The watch over the caller's silence. Only the last one counts.
#[derive(Debug, Default)]
pub(super) struct Idle {
    watch: u64,
    /// Milliseconds of audio that had been heard when it began.
    since_ms: u64,
}

impl Idle {
    /// Watches no more: someone speaks.
    pub(super) fn stop(&mut self) {
        self.watch += 1;
    }
}

impl Conversation {
    /// Watches from the end of an answer's playback on, if the session asks for it. The wait goes by the clock:
    /// a caller may send no audio at all.
    pub(super) fn watch_for_silence(&mut self, playback_ms: u64) {
        self.idle.stop();
        let Some(timeout_ms) = self.session.idle_timeout_ms() else {
            return;
        };
        self.idle.since_ms = self.input.heard_ms();
        self.out.push(Action::Watch { watch: self.idle.watch, after_ms: playback_ms + timeout_ms });
    }

    /// The time of a watch is over: if nobody has spoken since, the model asks.
    pub(super) fn on_watch(&mut self, watch: u64) -> Vec<Action> {
        let is_on = self.session.idle_timeout_ms().is_some() && !self.input.is_speaking();
        if watch == self.idle.watch && is_on && self.active().is_none() {
            self.time_out();
        }
        self.take()
    }

    fn time_out(&mut self) {
        self.idle.stop();
        let item_id = self.new_item_id();
        let timeout = json!({
            "audio_start_ms": self.idle.since_ms, "audio_end_ms": self.input.heard_ms(), "item_id": item_id,
        });
        self.send(ServerEvent::new("input_audio_buffer.timeout_triggered", timeout));
        self.input.clear();
        self.end_turn(&item_id, Vec::new());
    }
}
