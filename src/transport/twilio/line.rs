//! The line's actor: it has at most one stream, and lives on without any. It never waits for a socket; what came of
//! what it was told is reported by whoever did it.

use std::sync::Arc;

use ractor::{Actor, ActorProcessingErr, ActorRef, DerivedActorRef};

use super::effect::Effect;
use super::outgoing::Over;
use super::rest::TwilioApi;
use super::stream::Stream;
use super::{MediaStream, PhoneArguments, PhoneLimits, PhoneMessage};
use crate::audio::Lane;
use crate::id::{CallId, ResponseId};
use crate::transport::cut::add_unheard;
use crate::transport::{LineEvent, TransportEvent};

/// The phone line of one call.
#[derive(Debug, Default)]
pub struct PhoneLine;

/// What the actor keeps.
pub struct PhoneState {
    call_id: CallId,
    lane: Arc<Lane>,
    owner: DerivedActorRef<TransportEvent>,
    api: Option<TwilioApi>,
    limits: PhoneLimits,
    /// The newest stream; it may be over.
    stream: Option<Stream>,
}

impl Actor for PhoneLine {
    type Msg = PhoneMessage;
    type State = PhoneState;
    type Arguments = PhoneArguments;

    async fn pre_start(
        &self,
        _myself: ActorRef<Self::Msg>,
        arguments: PhoneArguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        let PhoneArguments { call_id, lane, owner, api, limits } = arguments;
        Ok(PhoneState { call_id, lane, owner, api, limits, stream: None })
    }

    async fn handle(
        &self,
        _myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            PhoneMessage::Attach(media) => state.attach(*media),
            PhoneMessage::Interrupt { active } => state.interrupt(active.as_ref()),
            PhoneMessage::CloseStream => {
                if let Some(stream) = &state.stream {
                    stream.end(Over::Closed);
                }
            }
            PhoneMessage::HangUp => state.perform(Effect::HangUp),
            PhoneMessage::Redirect { twiml } => state.perform(Effect::Redirect { twiml }),
            PhoneMessage::AskStatus => state.perform(Effect::AskStatus),
            PhoneMessage::Crash => panic!("as asked"),
        }
        Ok(())
    }

    async fn post_stop(
        &self,
        _myself: ActorRef<Self::Msg>,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        if let Some(stream) = state.stream.take() {
            stream.leave().await;
        }
        Ok(())
    }
}

impl PhoneState {
    fn attach(&mut self, media: MediaStream) {
        if let Some(old) = self.stream.take() {
            old.end(Over::Replaced);
        }
        metrics::counter!("ai_realtime_twilio_streams_total").increment(1);
        self.stream = Some(Stream::open(media, &self.call_id, &self.lane, &self.owner, self.limits));
    }

    fn interrupt(&self, active: Option<&ResponseId>) {
        if let Some(stream) = &self.stream {
            return stream.interrupt(active);
        }
        let mut cuts = Vec::new();
        add_unheard(&mut cuts, self.lane.interrupt(active));
        self.report(LineEvent::Interrupted { asked: true, cuts });
    }

    fn perform(&self, effect: Effect) {
        effect.perform(self.api.as_ref(), &self.call_id, &self.owner);
    }

    fn report(&self, event: LineEvent) {
        // A call that is gone needs to know nothing.
        let _ = self.owner.cast(event.into());
    }
}
