//! Callers whom no persona can answer: what Twilio tells them, and to whom it puts them through.

use crate::call::{Direction, PhoneStart};
use crate::config::is_e164;
use crate::edge::Edge;
use crate::switchboard::SwitchboardError;
use crate::transport::twilio::script::{DialPlan, human};

const FULL: &str = "We are sorry, all our lines are busy. Please call again in a few minutes.";
const OUT_OF_ORDER: &str =
    "We are sorry, we cannot take your call right now. Please call again in a few minutes.";
const FULL_BUT: &str = "One moment please, you are being put through.";
const CALLED_IN_VAIN: &str = "Hello. We are sorry: we called you, but we cannot talk to you right now. Please excuse the call. Goodbye.";
const BROKEN_OFF: &str = "We are sorry, we cannot go on with this call right now. Goodbye.";

/// What keeps a persona from answering.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    /// All places are taken, or the service shuts down.
    NoPlace,
    /// The call cannot begin.
    NoStart,
    /// The call was under way, and cannot go on.
    OutOfOrder,
}

impl From<&SwitchboardError> for Trouble {
    fn from(error: &SwitchboardError) -> Self {
        match error {
            SwitchboardError::AtCapacity { .. } | SwitchboardError::Draining => Self::NoPlace,
            SwitchboardError::UnknownCall(_) | SwitchboardError::Call(_) => Self::NoStart,
        }
    }
}

/// Puts a caller through to a human; if there is none, says sorry. Someone we have just called is not put through:
/// they want nothing of us.
pub(super) fn turn_away(edge: &Edge, start: &PhoneStart, trouble: Trouble) -> String {
    metrics::counter!("ai_realtime_twilio_calls_turned_away_total").increment(1);
    let business = start.business.as_ref();
    // These sentences are English, whatever the business speaks.
    let language = business.and_then(|business| business.language.as_deref());
    let language = language.filter(|tag| tag.get(..2).is_some_and(|two| two.eq_ignore_ascii_case("en")));
    let script = edge.state.phone.script.in_language(language);
    let sorry = match (start.direction, trouble) {
        (Direction::Outbound, Trouble::NoPlace | Trouble::NoStart) => {
            return script.say_and_hang_up(CALLED_IN_VAIN);
        }
        (Direction::Outbound, Trouble::OutOfOrder) => BROKEN_OFF,
        (Direction::Inbound, Trouble::NoPlace) => FULL,
        (Direction::Inbound, Trouble::NoStart | Trouble::OutOfOrder) => OUT_OF_ORDER,
    };
    let of_the_business = business.and_then(|business| business.transfer_number.as_deref());
    let of_the_service = edge.state.phone.settings.transfer_number.as_deref();
    let caller = start.caller.as_deref();
    match human(of_the_business, of_the_service, caller) {
        Some(to) => {
            // Twilio shows the caller's number by itself; what is no number it could not show.
            let caller_id = start.called.as_deref().filter(|_| !caller.is_some_and(is_e164));
            script.say_and_dial(FULL_BUT, DialPlan::new(to, caller_id))
        }
        None => script.say_and_hang_up(sorry),
    }
}
