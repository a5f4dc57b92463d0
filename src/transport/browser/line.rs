//! The line's actor: it has at most one connection, and lives on without any. It never waits for a socket.

use std::sync::Arc;

use ractor::{Actor, ActorProcessingErr, ActorRef, DerivedActorRef};

use super::outgoing::BrowserOutgoing;
use super::reader::Reader;
use super::{BrowserArguments, BrowserLimits, BrowserMessage, BrowserStream};
use crate::audio::Lane;
use crate::id::{CallId, ResponseId};
use crate::protocol::browser::ServerMessage;
use crate::transport::cut::add_unheard;
use crate::transport::socket::{Connection, Over};
use crate::transport::{EffectDone, Goodbye, LineEvent, TransportEvent};

/// The line of one browser's call.
#[derive(Debug, Default)]
pub struct BrowserLine;

/// What the actor keeps.
pub struct BrowserState {
    call_id: CallId,
    lane: Arc<Lane>,
    owner: DerivedActorRef<TransportEvent>,
    limits: BrowserLimits,
    /// The newest connection; it may be over.
    stream: Option<Connection<BrowserOutgoing>>,
}

impl Actor for BrowserLine {
    type Msg = BrowserMessage;
    type State = BrowserState;
    type Arguments = BrowserArguments;

    async fn pre_start(
        &self,
        _myself: ActorRef<Self::Msg>,
        arguments: BrowserArguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        let BrowserArguments { call_id, lane, owner, limits } = arguments;
        Ok(BrowserState { call_id, lane, owner, limits, stream: None })
    }

    async fn handle(
        &self,
        _myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            BrowserMessage::Attach(stream) => state.attach(*stream),
            BrowserMessage::Interrupt { active } => state.interrupt(active.as_ref()),
            BrowserMessage::HangUp(goodbye) => state.hang_up(goodbye),
            BrowserMessage::AskStatus => state.report_status(),
            BrowserMessage::Show(message) => {
                if let Some(stream) = state.up() {
                    stream.out().show(&message);
                }
            }
            BrowserMessage::Crash => panic!("as asked"),
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

impl BrowserState {
    fn up(&self) -> Option<&Connection<BrowserOutgoing>> {
        self.stream.as_ref().filter(|stream| stream.is_up())
    }

    fn attach(&mut self, stream: BrowserStream) {
        if let Some(old) = self.stream.take() {
            old.end(Over::Replaced);
        }
        metrics::counter!("ai_realtime_browser_connections_total").increment(1);
        self.stream = Some(self.open(stream));
    }

    /// Greets the browser, reports that the connection is up, and starts it.
    fn open(&self, stream: BrowserStream) -> Connection<BrowserOutgoing> {
        let limits = self.limits;
        let out = BrowserOutgoing::new(Arc::clone(&self.lane), self.owner.clone(), limits.waiting);
        let out = Arc::new(out);
        let call_id = self.call_id.to_string();
        out.show(&ServerMessage::Ready { call_id, format: "pcm16", sample_rate: 24_000 });
        out.report(LineEvent::StreamUp);
        let reader = Reader::new(self.call_id.clone(), Arc::clone(&self.lane), Arc::clone(&out));
        Connection::start(out, stream.socket, stream.place, reader, limits.patience())
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
            Some(stream) => {
                stream.out().show(&ServerMessage::Ended { reason: goodbye.reason.to_owned() });
                stream.end(Over::Goodbye(goodbye.kind));
            }
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
