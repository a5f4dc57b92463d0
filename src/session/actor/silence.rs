//! What the caller hears while there is no socket.

use ractor::ActorRef;

use super::{SessionMessage, SessionState};
use crate::session::SessionEvent;
use crate::session::gap;

impl SessionState {
    pub(super) fn open_gap(&mut self, myself: &ActorRef<SessionMessage>) {
        if let Some(number) = self.gap.open() {
            myself.send_after(self.limits.gap, move || SessionMessage::Gap(number));
        }
    }

    pub(super) fn look_at_gap(&mut self, myself: &ActorRef<SessionMessage>, number: u64) {
        let Some(lane) = &self.lane else {
            return;
        };
        let is_voiced = lane.voiced(gap::LOOK_BACK) >= gap::WORDS;
        let heard = gap::Heard {
            waits: self.dialogue.is_unsettled() || lane.is_caller_speaking(),
            silence: !is_voiced && !lane.is_sounding(),
        };
        match self.gap.look(number, heard) {
            gap::Step::Nothing => {}
            gap::Step::LookAgain => {
                myself.send_after(gap::LOOK_AGAIN, move || SessionMessage::Gap(number));
            }
            gap::Step::Fill => {
                if lane.comfort() {
                    metrics::counter!("ai_realtime_gap_fillers_total").increment(1);
                    self.report(SessionEvent::Aside { text: gap::TOLD.to_owned() });
                }
            }
        }
    }
}
