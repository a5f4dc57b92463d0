//! The line's actor: it has at most one connection, and lives on without any. It never waits for a socket.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use ractor::{Actor, ActorProcessingErr, ActorRef, DerivedActorRef};

use super::ended::Ended;
use super::outgoing::RealtimeOutgoing;
use super::reader::Reader;
use super::{RealtimeArguments, RealtimeLimits, RealtimeMessage, RealtimeStream};
use crate::audio::Lane;
use crate::id::{CallId, ResponseId};
use crate::protocol::realtime::{SessionFacts, SessionView, Show, Wording};
use crate::transport::cut::add_unheard;
use crate::transport::socket::{Connection, Over};
use crate::transport::{EffectDone, Goodbye, LineEvent, TransportEvent};

/// The line of one client's call.
#[derive(Debug, Default)]
pub struct RealtimeLine;

/// What the actor keeps.
pub struct RealtimeState {
    call_id: CallId,
    lane: Arc<Lane>,
    owner: DerivedActorRef<TransportEvent>,
    limits: RealtimeLimits,
    /// Names the session and its conversation to the client.
    number: String,
    /// How the session is, once that was shown.
    view: Option<SessionView>,
    ended: Ended,
    /// The newest connection; it may be over.
    stream: Option<Connection<RealtimeOutgoing>>,
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
        let number = uuid::Uuid::now_v7().simple().to_string();
        let (view, ended, stream) = (None, Ended::default(), None);
        Ok(RealtimeState { call_id, lane, owner, limits, number, view, ended, stream })
    }

    async fn handle(
        &self,
        _myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            RealtimeMessage::Attach(stream) => state.attach(*stream),
            RealtimeMessage::Interrupt { active } => state.interrupt(active.as_ref()),
            RealtimeMessage::HangUp(goodbye) => state.hang_up(goodbye),
            RealtimeMessage::AskStatus => state.report_status(),
            RealtimeMessage::Format(format) => {
                state.up().into_iter().for_each(|stream| stream.out().keep_format(format));
            }
            RealtimeMessage::Show(show) => state.show(show),
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

impl RealtimeState {
    fn up(&self) -> Option<&Connection<RealtimeOutgoing>> {
        self.stream.as_ref().filter(|stream| stream.is_up())
    }

    fn attach(&mut self, stream: RealtimeStream) {
        if let Some(old) = self.stream.take() {
            old.end(Over::Replaced);
        }
        metrics::counter!("ai_realtime_client_connections_total").increment(1);
        self.stream = Some(self.open(stream));
    }

    /// Tells the client how its session is, reports that the connection is up, and starts it.
    fn open(&self, stream: RealtimeStream) -> Connection<RealtimeOutgoing> {
        let RealtimeStream { socket, dialect, extensions, model, first, place } = stream;
        let (limits, lane) = (self.limits, &self.lane);
        let since_1970 = (SystemTime::now() + limits.longest).duration_since(UNIX_EPOCH).unwrap_or_default();
        let facts = SessionFacts {
            session_id: format!("sess_{}", self.number),
            conversation_id: format!("conv_{}", self.number),
            model,
            expires_at: i64::try_from(since_1970.as_secs()).unwrap_or(i64::MAX),
        };
        let view = self.view.clone().unwrap_or(first);
        let wording = Wording::new(dialect, extensions, facts, view);
        let owner = self.owner.clone();
        let out = Arc::new(RealtimeOutgoing::new(Arc::clone(lane), owner, limits, wording, &self.ended));
        out.report(LineEvent::StreamUp);
        let reader = Reader::new(self.call_id.clone(), Arc::clone(lane), Arc::clone(&out), limits);
        Connection::start(out, socket, place, reader, limits.patience())
    }

    fn show(&mut self, show: Show) {
        if let Show::Session(view) = &show {
            self.view = Some(view.clone());
        }
        self.ended.on_show(&show);
        if let Some(stream) = self.up() {
            stream.out().show(show);
        }
    }

    fn interrupt(&self, active: Option<&ResponseId>) {
        if let Some(stream) = &self.stream {
            return stream.out().interrupt(active);
        }
        let mut cuts = Vec::new();
        add_unheard(&mut cuts, self.lane.interrupt(active));
        self.report(LineEvent::Interrupted { asked: true, cuts });
    }

    fn hang_up(&self, goodbye: Goodbye) {
        match self.up() {
            Some(stream) => stream.end(Over::Goodbye(goodbye.kind)),
            None => self.report_status(),
        }
    }

    fn report_status(&self) {
        self.report(LineEvent::Effect(EffectDone::Status(Ok(self.up().is_some()))));
    }

    fn report(&self, event: LineEvent) {
        // A call that is gone needs to know nothing.
        let _ = self.owner.cast(event.into());
    }
}
