//! The line's actor: it has at most one connection, and lives on without any. It never waits for a socket.

use std::sync::Arc;

use ractor::{Actor, ActorProcessingErr, ActorRef};

use super::outgoing::BrowserOutgoing;
use super::reader::Reader;
use super::{BrowserArguments, BrowserLimits, BrowserMessage, BrowserStream};
use crate::id::CallId;
use crate::protocol::browser::ServerMessage;
use crate::transport::socket::{Connection, Newest, Over};
use crate::transport::{Goodbye, LineEvent};

/// The line of one browser's call.
#[derive(Debug, Default)]
pub struct BrowserLine;

/// What the actor keeps.
pub struct BrowserState {
    call_id: CallId,
    limits: BrowserLimits,
    newest: Newest<BrowserOutgoing>,
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
        Ok(BrowserState { call_id, limits, newest: Newest::new(lane, owner) })
    }

    async fn handle(
        &self,
        _myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            BrowserMessage::Attach(stream) => state.attach(*stream),
            BrowserMessage::Interrupt { active } => state.newest.interrupt(active.as_ref()),
            BrowserMessage::HangUp(goodbye) => state.hang_up(goodbye),
            BrowserMessage::AskStatus => state.newest.report_status(),
            BrowserMessage::Show(message) => {
                if let Some(stream) = state.newest.up() {
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
        state.newest.leave().await;
        Ok(())
    }
}

impl BrowserState {
    fn attach(&mut self, stream: BrowserStream) {
        self.newest.vacate();
        metrics::counter!("ai_realtime_browser_connections_total").increment(1);
        self.newest.fill(self.open(stream));
    }

    /// Greets the browser, reports that the connection is up, and starts it.
    fn open(&self, stream: BrowserStream) -> Connection<BrowserOutgoing> {
        let limits = self.limits;
        let (lane, owner) = (self.newest.lane(), self.newest.owner().clone());
        let out = Arc::new(BrowserOutgoing::new(Arc::clone(lane), owner, limits.waiting));
        let call_id = self.call_id.to_string();
        out.show(&ServerMessage::Ready { call_id, format: "pcm16", sample_rate: 24_000 });
        out.report(LineEvent::StreamUp);
        let reader = Reader::new(self.call_id.clone(), Arc::clone(lane), Arc::clone(&out));
        Connection::start(out, stream.socket, stream.place, reader, limits.patience())
    }

    fn hang_up(&self, goodbye: Goodbye) {
        match self.newest.up() {
            Some(stream) => {
                stream.out().show(&ServerMessage::Ended { reason: goodbye.reason.to_owned() });
                stream.end(Over::Goodbye(goodbye.kind));
            }
            None => self.newest.report_status(),
        }
    }
}
