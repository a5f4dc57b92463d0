//! What is done about a response that does not come, or not to its end. Where it is noticed, and what the caller
//! notices of it, stands in [`watchdog`](crate::session::watchdog).

use super::{Action, Deadline, Dialogue, Failed};
use crate::protocol::openai::ServerEvent;
use crate::session::watchdog::Look;

impl Dialogue {
    /// Keeps an eye on the response under way.
    pub(super) fn watch(&mut self, event: &ServerEvent, actions: &mut Vec<Action>) {
        self.watchdog.on_event(event);
        if let ServerEvent::ResponseCreated(response) = event
            && !response.token().is_some_and(Self::is_beside)
        {
            let (number, after) = self.watchdog.begin(response.id.clone(), &self.limits);
            actions.push(Action::Arm(Deadline::Progress(number), after));
        }
    }

    /// It is time to look whether the response under way comes along.
    pub(super) fn look(&mut self, number: u64, actions: &mut Vec<Action>) {
        match self.watchdog.look(number, &self.limits) {
            Look::Late => {}
            Look::Again(after) => actions.push(Action::Arm(Deadline::Progress(number), after)),
            Look::Stuck if self.sequencer.is_stopping() => {
                actions.push(Action::Replace("a cancelled response did not end".to_owned()));
            }
            Look::Stuck => {
                // Once cancelled, its end is waited for.
                actions.push(Action::Arm(Deadline::Progress(number), self.limits.stall));
                if self.retries == 0 {
                    let step = self.sequencer.cancel();
                    self.perform(step, actions);
                }
                self.on_stuck("response_stalled", actions);
                self.advance(actions);
            }
        }
    }

    /// A response did not come, or stopped coming: once more, then through another socket, then the owner is told.
    pub(super) fn on_stuck(&mut self, code: &'static str, actions: &mut Vec<Action>) {
        metrics::counter!("ai_realtime_responses_stuck_total", "code" => code).increment(1);
        match self.retries {
            0 => self.response_failed(Failed::unheard_of(code), actions),
            1 => {
                self.retries += 1;
                // It is owed still.
                self.sequencer.want();
                actions.push(Action::Replace(code.to_owned()));
            }
            _ => {
                let step = self.sequencer.cancel();
                self.perform(step, actions);
                self.response_failed(Failed::unheard_of(code), actions);
                actions.push(Action::Replace(code.to_owned()));
            }
        }
    }
}
