//! The line's actor: it has at most one connection, and lives on without any. It never waits for a socket.

use std::sync::Arc;

use ractor::{Actor, ActorProcessingErr, ActorRef, DerivedActorRef};

use super::{RealtimeArguments, RealtimeLimits, RealtimeMessage};
use crate::audio::Lane;
use crate::id::{CallId, ResponseId};
use crate::protocol::realtime::{SessionView, Show};
use crate::transport::cut::add_unheard;
use crate::transport::{EffectDone, LineEvent, TransportEvent};

/// The line of one client's call.
#[derive(Debug, Default)]
pub struct RealtimeLine;

/// What the actor keeps.
pub struct RealtimeState {
    #[allow(dead_code)]
    call_id: CallId,
    lane: Arc<Lane>,
    owner: DerivedActorRef<TransportEvent>,
    #[allow(dead_code)]
    limits: RealtimeLimits,
    /// How the session is, once that was shown.
    view: Option<SessionView>,
}

impl Actor for RealtimeLine {
    type Msg = RealtimeMessage;
    type State = RealtimeState;
    type Arguments = RealtimeArguments;

    async fn pre_start(
        &self,
        _myself: ActorRef<Self::Msg>,
        arguments: RealtimeArguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        let RealtimeArguments { call_id, lane, owner, limits } = arguments;
        Ok(RealtimeState { call_id, lane, owner, limits, view: None })
    }

    async fn handle(
        &self,
        _myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            RealtimeMessage::Attach(_) => state.report(LineEvent::StreamUp),
            RealtimeMessage::Interrupt { active } => state.interrupt(active.as_ref()),
            RealtimeMessage::HangUp(_) | RealtimeMessage::AskStatus => state.report_status(),
            RealtimeMessage::Show(Show::Session(view)) => state.view = Some(view),
            RealtimeMessage::Show(_) => {}
        }
        Ok(())
    }
}

impl RealtimeState {
    fn interrupt(&self, active: Option<&ResponseId>) {
        let mut cuts = Vec::new();
        add_unheard(&mut cuts, self.lane.interrupt(active));
        self.report(LineEvent::Interrupted { asked: true, cuts });
    }

    fn report_status(&self) {
        self.report(LineEvent::Effect(EffectDone::Status(Ok(false))));
    }

    fn report(&self, event: LineEvent) {
        // A call that is gone needs to know nothing.
        let _ = self.owner.cast(event.into());
    }
}
