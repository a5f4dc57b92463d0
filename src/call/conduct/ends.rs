//! How a call ends: by a goodbye, by a human who takes over, by whoever hangs up.

use std::time::Duration;

use super::{Conduct, Occasion, PhoneAction, PhoneTimer, Plan};
use crate::call::event::EndReason;
use crate::call::phone::{AnsweredBy, Dial, Dialled, Next, PhoneStatus};

/// What is said last must have been heard within this; then the call ends without it.
const FAREWELL_LIMIT: Duration = Duration::from_secs(20);
/// Twilio must have ended a call that we ended within this.
const GONE_LIMIT: Duration = Duration::from_secs(10);

impl Conduct {
    /// The persona, or someone outside, ends the call, once what is being said has been heard.
    pub fn on_leave(&mut self, reason: EndReason) -> Vec<PhoneAction> {
        if self.is_leaving_for_good() {
            return Vec::new();
        }
        let actions = self.plan_to_leave(reason);
        self.settle(actions)
    }

    /// The call ends now, whatever is being said.
    pub fn on_hang_up(&mut self, reason: EndReason) -> Vec<PhoneAction> {
        match self.plan {
            Plan::Left(_) | Plan::Over => Vec::new(),
            Plan::Talk | Plan::Leave(_) | Plan::PutThrough(_) | Plan::WithHuman(_) => self.leave(reason),
        }
    }

    /// The caller is to be put through to a human, once what is being said has been heard. `announce`: the persona
    /// has not told them yet.
    pub fn on_transfer(&mut self, dial: Dial, announce: bool) -> Vec<PhoneAction> {
        if self.is_leaving_for_good() {
            return Vec::new();
        }
        self.plan = Plan::PutThrough(dial);
        self.farewells += 1;
        let mut actions = vec![PhoneAction::Arm(PhoneTimer::Farewell(self.farewells), FAREWELL_LIMIT)];
        if announce {
            actions.push(PhoneAction::Say(Occasion::Transfer));
            self.is_busy = true;
        }
        self.settle(actions)
    }

    /// The human who is, or is to be, on the line.
    pub fn human(&self) -> Option<&Dial> {
        match &self.plan {
            Plan::PutThrough(dial) | Plan::WithHuman(dial) => Some(dial),
            Plan::Talk | Plan::Leave(_) | Plan::Left(_) | Plan::Over => None,
        }
    }

    /// Twilio asks what to do next; `dialled` when a human was.
    pub fn on_next(&mut self, dialled: Option<Dialled>) -> (Next, Vec<PhoneAction>) {
        match (&self.plan, dialled) {
            (Plan::WithHuman(dial), None) => (Next::Dial(dial.clone()), Vec::new()),
            (Plan::WithHuman(_), Some(Dialled::Completed)) => {
                self.plan = Plan::Over;
                (Next::HangUp, vec![PhoneAction::End(EndReason::Transferred)])
            }
            (Plan::WithHuman(_), Some(Dialled::NotReached)) => {
                self.plan = Plan::Talk;
                self.nobody_came = true;
                (Next::Stream, vec![self.line.again()])
            }
            (Plan::Left(EndReason::ModelUnavailable), _) => {
                self.plan = Plan::Over;
                (Next::Apologise, vec![PhoneAction::End(EndReason::ModelUnavailable)])
            }
            (Plan::Left(reason), _) => {
                let reason = *reason;
                self.plan = Plan::Over;
                (Next::HangUp, vec![PhoneAction::End(reason)])
            }
            (Plan::Over, _) => (Next::HangUp, Vec::new()),
            (Plan::Talk | Plan::Leave(_) | Plan::PutThrough(_), _) => (Next::Stream, vec![self.line.again()]),
        }
    }

    /// Twilio says what became of the call.
    pub fn on_status(&mut self, status: PhoneStatus) -> Vec<PhoneAction> {
        let reason = match (status, &self.plan) {
            (PhoneStatus::GoesOn, _) | (_, Plan::Over) => return Vec::new(),
            (_, Plan::Left(reason)) => *reason,
            (PhoneStatus::Completed, Plan::WithHuman(_)) => EndReason::Transferred,
            (PhoneStatus::Completed, Plan::Leave(reason)) => *reason,
            (PhoneStatus::Completed, Plan::Talk | Plan::PutThrough(_)) => EndReason::HungUp,
            (PhoneStatus::NotTaken, _) => EndReason::NotTaken,
        };
        self.plan = Plan::Over;
        vec![PhoneAction::End(reason)]
    }

    /// Who took up an outbound call.
    pub fn on_answered_by(&mut self, who: AnsweredBy, has_message: bool) -> Vec<PhoneAction> {
        match who {
            AnsweredBy::Human => Vec::new(),
            AnsweredBy::Machine if has_message && self.plan == Plan::Talk => {
                self.has_met = true;
                let mut actions = vec![PhoneAction::Interrupt, PhoneAction::Say(Occasion::Voicemail)];
                self.is_audible = false;
                self.is_busy = true;
                actions.extend(self.plan_to_leave(EndReason::Voicemail));
                self.settle(actions)
            }
            AnsweredBy::Machine | AnsweredBy::Fax => self.on_hang_up(EndReason::Voicemail),
        }
    }

    /// The model cannot be had: the caller is told by other means.
    pub fn on_model_gone(&mut self) -> Vec<PhoneAction> {
        if self.is_leaving_for_good() || matches!(self.plan, Plan::WithHuman(_)) {
            return Vec::new();
        }
        self.plan = Plan::Left(EndReason::ModelUnavailable);
        self.farewells += 1;
        vec![PhoneAction::Apologise, PhoneAction::Arm(PhoneTimer::Farewell(self.farewells), GONE_LIMIT)]
    }

    /// The service is going down: the call ends politely.
    pub fn on_shut_down(&mut self) -> Vec<PhoneAction> {
        if self.is_leaving_for_good() {
            return Vec::new();
        }
        let mut actions = vec![PhoneAction::Say(Occasion::ShuttingDown)];
        self.is_busy = true;
        actions.extend(self.plan_to_leave(EndReason::Shutdown));
        self.settle(actions)
    }

    pub(super) fn on_farewell_over(&mut self) -> Vec<PhoneAction> {
        match self.plan.clone() {
            Plan::Leave(reason) => self.leave(reason),
            Plan::PutThrough(dial) => self.put_through(dial),
            Plan::Left(reason) => {
                self.plan = Plan::Over;
                vec![PhoneAction::End(reason)]
            }
            Plan::Talk | Plan::WithHuman(_) | Plan::Over => Vec::new(),
        }
    }

    fn is_leaving_for_good(&self) -> bool {
        match self.plan {
            Plan::Leave(EndReason::Silence | EndReason::Assistant) | Plan::Talk | Plan::PutThrough(_) => {
                false
            }
            Plan::Leave(_) | Plan::WithHuman(_) | Plan::Left(_) | Plan::Over => true,
        }
    }

    pub(super) fn plan_to_leave(&mut self, reason: EndReason) -> Vec<PhoneAction> {
        self.plan = Plan::Leave(reason);
        self.farewells += 1;
        vec![PhoneAction::Arm(PhoneTimer::Farewell(self.farewells), FAREWELL_LIMIT)]
    }

    pub(super) fn leave(&mut self, reason: EndReason) -> Vec<PhoneAction> {
        self.plan = Plan::Left(reason);
        self.farewells += 1;
        vec![PhoneAction::HangUp, PhoneAction::Arm(PhoneTimer::Farewell(self.farewells), GONE_LIMIT)]
    }

    pub(super) fn put_through(&mut self, dial: Dial) -> Vec<PhoneAction> {
        self.plan = Plan::WithHuman(dial.clone());
        vec![PhoneAction::PutThrough(dial)]
    }
}
