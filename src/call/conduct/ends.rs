//! How a call ends: by a goodbye, by a human who takes over, by whoever hangs up.

use std::time::Duration;

use super::{Conduct, Occasion, Plan, VoiceAction, VoiceTimer};
use crate::call::event::EndReason;
use crate::call::phone::{AnsweredBy, Dial, Dialled, Next, PhoneStatus};

/// What is said last must have been heard within this; then the call ends without it.
const FAREWELL_LIMIT: Duration = Duration::from_secs(20);
/// A farewell that is still being heard is given more time, so often.
const MAX_EXTENSIONS: u32 = 3;
/// Twilio must have ended a call that we ended within this.
const GONE_LIMIT: Duration = Duration::from_secs(10);

impl Conduct {
    /// The persona, or someone outside, ends the call, once what is being said has been heard.
    pub fn on_leave(&mut self, reason: EndReason) -> Vec<VoiceAction> {
        if self.is_leaving_for_good() {
            return Vec::new();
        }
        let actions = self.plan_to_leave(reason);
        self.settle(actions)
    }

    /// The call ends now, whatever is being said.
    pub fn on_hang_up(&mut self, reason: EndReason) -> Vec<VoiceAction> {
        match self.plan {
            Plan::Left(_) | Plan::Over => Vec::new(),
            Plan::Talk | Plan::Leave(_) | Plan::PutThrough(_) | Plan::WithHuman(_) => self.leave(reason),
        }
    }

    /// The caller is to be put through to a human, once what is being said has been heard. `announce`: the persona
    /// has not told them yet.
    pub fn on_transfer(&mut self, dial: Dial, announce: bool) -> Vec<VoiceAction> {
        if self.is_leaving_for_good() {
            return Vec::new();
        }
        self.plan = Plan::PutThrough(dial);
        self.extensions = 0;
        self.farewells += 1;
        let mut actions = vec![VoiceAction::Arm(VoiceTimer::Farewell(self.farewells), FAREWELL_LIMIT)];
        if announce {
            actions.push(VoiceAction::Say(Occasion::Transfer));
            self.is_busy = true;
        }
        self.settle(actions)
    }

    /// Why the call is left, or would be if it were left now.
    pub fn left_for(&self) -> EndReason {
        match &self.plan {
            Plan::Leave(reason) | Plan::Left(reason) => *reason,
            Plan::Talk | Plan::PutThrough(_) | Plan::WithHuman(_) | Plan::Over => EndReason::HungUp,
        }
    }

    /// The human who is, or is to be, on the line.
    pub fn human(&self) -> Option<&Dial> {
        match &self.plan {
            Plan::PutThrough(dial) | Plan::WithHuman(dial) => Some(dial),
            Plan::Talk | Plan::Leave(_) | Plan::Left(_) | Plan::Over => None,
        }
    }

    /// Twilio asks what to do next; `dialled` when a human was.
    pub fn on_next(&mut self, dialled: Option<Dialled>) -> (Next, Vec<VoiceAction>) {
        match (&self.plan, dialled) {
            (Plan::WithHuman(dial), None) => (Next::Dial(dial.clone()), Vec::new()),
            (Plan::WithHuman(_), Some(Dialled::Completed)) => {
                self.plan = Plan::Over;
                (Next::HangUp, vec![VoiceAction::End(EndReason::Transferred)])
            }
            (Plan::WithHuman(_), Some(Dialled::NotReached)) => {
                self.plan = if self.is_overdue { Plan::Leave(EndReason::MaxDuration) } else { Plan::Talk };
                self.nobody_came = true;
                (Next::Stream, vec![self.line.again()])
            }
            (Plan::Left(EndReason::ModelUnavailable), _) => {
                self.plan = Plan::Over;
                (Next::Apologise, vec![VoiceAction::End(EndReason::ModelUnavailable)])
            }
            (Plan::Left(reason), _) => {
                let reason = *reason;
                self.plan = Plan::Over;
                (Next::HangUp, vec![VoiceAction::End(reason)])
            }
            (Plan::Over, _) => (Next::HangUp, Vec::new()),
            (Plan::Talk | Plan::Leave(_) | Plan::PutThrough(_), _) => (Next::Stream, vec![self.line.again()]),
        }
    }

    /// Twilio says what became of the call.
    pub fn on_status(&mut self, status: PhoneStatus) -> Vec<VoiceAction> {
        let reason = match (status, &self.plan) {
            (PhoneStatus::GoesOn, _) | (_, Plan::Over) => return Vec::new(),
            (_, Plan::Left(reason)) => *reason,
            (PhoneStatus::Completed, Plan::WithHuman(_)) => EndReason::Transferred,
            (PhoneStatus::Completed, Plan::Leave(reason)) => *reason,
            (PhoneStatus::Completed, Plan::Talk | Plan::PutThrough(_)) => EndReason::HungUp,
            (PhoneStatus::NotTaken, _) => EndReason::NotTaken,
        };
        self.plan = Plan::Over;
        vec![VoiceAction::End(reason)]
    }

    /// Who took up an outbound call.
    pub fn on_answered_by(&mut self, who: AnsweredBy, has_message: bool) -> Vec<VoiceAction> {
        match who {
            AnsweredBy::Human => Vec::new(),
            AnsweredBy::Machine if has_message && self.plan == Plan::Talk => {
                self.has_met = true;
                let mut actions = vec![VoiceAction::Interrupt, VoiceAction::Say(Occasion::Voicemail)];
                self.is_audible = false;
                self.is_busy = true;
                actions.extend(self.plan_to_leave(EndReason::Voicemail));
                self.settle(actions)
            }
            AnsweredBy::Machine | AnsweredBy::Fax => self.on_hang_up(EndReason::Voicemail),
        }
    }

    /// The model cannot be had: the caller is told by other means.
    pub fn on_model_gone(&mut self) -> Vec<VoiceAction> {
        if self.is_leaving_for_good() || matches!(self.plan, Plan::WithHuman(_)) {
            return Vec::new();
        }
        self.plan = Plan::Left(EndReason::ModelUnavailable);
        self.farewells += 1;
        vec![VoiceAction::Apologise, VoiceAction::Arm(VoiceTimer::Farewell(self.farewells), GONE_LIMIT)]
    }

    /// The service is going down: the call ends politely.
    pub fn on_shut_down(&mut self) -> Vec<VoiceAction> {
        if self.is_leaving_for_good() {
            return Vec::new();
        }
        let mut actions = vec![VoiceAction::Say(Occasion::ShuttingDown)];
        self.is_busy = true;
        actions.extend(self.plan_to_leave(EndReason::Shutdown));
        self.settle(actions)
    }

    pub(super) fn on_farewell_over(&mut self) -> Vec<VoiceAction> {
        match self.plan.clone() {
            Plan::Leave(_) | Plan::PutThrough(_) if self.is_audible && self.extensions < MAX_EXTENSIONS => {
                self.extensions += 1;
                self.farewells += 1;
                vec![VoiceAction::Arm(VoiceTimer::Farewell(self.farewells), FAREWELL_LIMIT)]
            }
            Plan::Leave(reason) => self.leave(reason),
            Plan::PutThrough(dial) => self.put_through(dial),
            Plan::Left(reason) => {
                self.plan = Plan::Over;
                vec![VoiceAction::End(reason)]
            }
            Plan::Talk | Plan::WithHuman(_) | Plan::Over => Vec::new(),
        }
    }

    pub(super) fn is_leaving_for_good(&self) -> bool {
        match self.plan {
            Plan::Leave(EndReason::Silence | EndReason::Assistant) | Plan::Talk | Plan::PutThrough(_) => {
                false
            }
            Plan::Leave(_) | Plan::WithHuman(_) | Plan::Left(_) | Plan::Over => true,
        }
    }

    pub(super) fn plan_to_leave(&mut self, reason: EndReason) -> Vec<VoiceAction> {
        self.plan = Plan::Leave(reason);
        self.extensions = 0;
        self.farewells += 1;
        vec![VoiceAction::Arm(VoiceTimer::Farewell(self.farewells), FAREWELL_LIMIT)]
    }

    pub(super) fn leave(&mut self, reason: EndReason) -> Vec<VoiceAction> {
        self.plan = Plan::Left(reason);
        self.farewells += 1;
        vec![VoiceAction::HangUp, VoiceAction::Arm(VoiceTimer::Farewell(self.farewells), GONE_LIMIT)]
    }

    pub(super) fn put_through(&mut self, dial: Dial) -> Vec<VoiceAction> {
        self.plan = Plan::WithHuman(dial.clone());
        let mut actions = vec![VoiceAction::PutThrough(dial)];
        if !self.line.is_up() {
            actions.push(self.line.down_for_long());
        }
        actions
    }
}
