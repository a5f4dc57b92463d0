//! The line's actor: it has at most one connection, and lives on without any. It never waits for a socket.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use ractor::{Actor, ActorProcessingErr, ActorRef};

use super::ended::Ended;
use super::outgoing::RealtimeOutgoing;
use super::reader::Reader;
use super::{RealtimeArguments, RealtimeLimits, RealtimeMessage, RealtimeStream};
use crate::id::CallId;
use crate::protocol::realtime::{SessionFacts, SessionView, Show, Wording};
use crate::transport::socket::{Connection, Newest, Over};
use crate::transport::{Goodbye, LineEvent};

/// The line of one client's call.
#[derive(Debug, Default)]
pub struct RealtimeLine;

/// What the actor keeps.
pub struct RealtimeState {
    call_id: CallId,
    limits: RealtimeLimits,
    /// Names the session and its conversation to the client.
    number: String,
    /// How the session is, once that was shown.
    view: Option<SessionView>,
    ended: Ended,
    newest: Newest<RealtimeOutgoing>,
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
        let (view, ended, newest) = (None, Ended::default(), Newest::new(lane, owner));
        Ok(RealtimeState { call_id, limits, number, view, ended, newest })
    }

    async fn handle(
        &self,
        _myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            RealtimeMessage::Attach(stream) => state.attach(*stream),
            RealtimeMessage::Interrupt { active } => state.newest.interrupt(active.as_ref()),
            RealtimeMessage::HangUp(goodbye) => state.hang_up(goodbye),
            RealtimeMessage::AskStatus => state.newest.report_status(),
            RealtimeMessage::Format(format) => {
                state.newest.up().into_iter().for_each(|stream| stream.out().keep_format(format));
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
        state.newest.leave().await;
        Ok(())
    }
}

impl RealtimeState {
    fn attach(&mut self, stream: RealtimeStream) {
        self.newest.vacate();
        metrics::counter!("ai_realtime_client_connections_total").increment(1);
        self.newest.fill(self.open(stream));
    }

    /// Tells the client how its session is, reports that the connection is up, and starts it.
    fn open(&self, stream: RealtimeStream) -> Connection<RealtimeOutgoing> {
        let RealtimeStream { socket, dialect, extensions, model, first, place } = stream;
        let (limits, lane) = (self.limits, self.newest.lane());
        let since_1970 = (SystemTime::now() + limits.longest).duration_since(UNIX_EPOCH).unwrap_or_default();
        let facts = SessionFacts {
            session_id: format!("sess_{}", self.number),
            conversation_id: format!("conv_{}", self.number),
            model,
            expires_at: i64::try_from(since_1970.as_secs()).unwrap_or(i64::MAX),
        };
        let view = self.view.clone().unwrap_or(first);
        let wording = Wording::new(dialect, extensions, facts, view);
        let owner = self.newest.owner().clone();
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
        if let Some(stream) = self.newest.up() {
            stream.out().show(show);
        }
    }

    fn hang_up(&self, goodbye: Goodbye) {
        match self.newest.up() {
            Some(stream) => stream.end(Over::Goodbye(goodbye.kind)),
            None => self.newest.report_status(),
        }
    }
}
