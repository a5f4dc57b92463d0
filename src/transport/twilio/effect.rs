//! What happens to the call itself, by Twilio's REST API. Each is done by a task of its own, which outlives the line: a
//! call that ends hangs up last.

use ractor::DerivedActorRef;

use super::rest::{TwilioApi, Update, Updated};
use crate::id::CallId;
use crate::protocol::twilio::CallSid;
use crate::transport::{EffectDone, LineEvent, TransportEvent};

/// What is asked of Twilio.
#[derive(Debug)]
pub(super) enum Effect {
    HangUp,
    Redirect { twiml: String },
    AskStatus,
}

impl Effect {
    /// Does it behind the caller's back, and tells the owner what came of it.
    pub(super) fn perform(
        self,
        api: Option<&TwilioApi>,
        call_id: &CallId,
        owner: &DerivedActorRef<TransportEvent>,
    ) {
        let (api, call_sid) = match (api, call_id.as_str().parse()) {
            (Some(api), Ok(call_sid)) => (api.clone(), call_sid),
            (None, _) => return tell(owner, self.refused("no credentials for Twilio's API are set")),
            (_, Err(_)) => return tell(owner, self.refused("this call is none of Twilio's")),
        };
        let owner = owner.clone();
        tokio::spawn(async move { tell(&owner, self.done(&api, &call_sid).await) });
    }

    async fn done(self, api: &TwilioApi, call_sid: &CallSid) -> EffectDone {
        match self {
            Self::HangUp => {
                let done = api.update_call(call_sid, &Update::Completed).await;
                EffectDone::HungUp(done.map(|_| ()).map_err(|error| error.to_string()))
            }
            Self::Redirect { twiml } => {
                let done = api.update_call(call_sid, &Update::Twiml(twiml)).await;
                EffectDone::Redirected(match done {
                    Ok(Updated::Done) => Ok(()),
                    Ok(Updated::AlreadyOver) => Err("the call is already over".to_owned()),
                    Err(error) => Err(error.to_string()),
                })
            }
            Self::AskStatus => {
                let status = api.call_status(call_sid).await;
                let goes_on = status.map(|status| status.is_some_and(|status| !status.is_final()));
                EffectDone::Status(goes_on.map_err(|error| error.to_string()))
            }
        }
    }

    fn refused(&self, why: &str) -> EffectDone {
        match self {
            Self::HangUp => EffectDone::HungUp(Err(why.to_owned())),
            Self::Redirect { .. } => EffectDone::Redirected(Err(why.to_owned())),
            Self::AskStatus => EffectDone::Status(Err(why.to_owned())),
        }
    }
}

fn tell(owner: &DerivedActorRef<TransportEvent>, done: EffectDone) {
    // A call that is gone needs to know nothing.
    let _ = owner.cast(LineEvent::Effect(done).into());
}
