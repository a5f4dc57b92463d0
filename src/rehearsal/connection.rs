//! One connection's loop: frames and timers in, actions out.

use std::collections::VecDeque;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};
use tokio_util::sync::CancellationToken;

use super::conversation::{Action, Conversation};
use super::fault::FaultKind;
use super::ids::Ids;
use super::refusal::Refusal;
use super::tally::Tally;

/// A client that does not read for so long is cut.
const WRITE_LIMIT: Duration = Duration::from_secs(30);

/// Until when a connection lasts.
#[derive(Debug)]
pub(super) struct Terms {
    pub(super) lifetime: Duration,
    /// Server events after which it is cut.
    pub(super) drop_after: Option<u32>,
    /// Server events after which nobody is there any more, though the socket stays open.
    pub(super) freeze_after: Option<u32>,
    /// Cancelled by the connection when that has come.
    pub(super) frozen: CancellationToken,
    /// Cancelled when it is to say goodbye.
    pub(super) stop: CancellationToken,
}

/// A connection that has been admitted.
pub(super) struct Connection<'a, S> {
    socket: WebSocketStream<S>,
    conversation: Conversation,
    terms: Terms,
    tally: &'a Tally,
    /// Events sent so far.
    events: u32,
    expires: Instant,
    /// Responses that go on at once, in turn.
    ready: VecDeque<String>,
    /// Responses that go on later; a handful at most.
    waiting: Vec<(Instant, String)>,
    /// When to see whether the caller is silent, and the number of that watch.
    watch: Option<(Instant, u64)>,
}

/// Whether the loop goes on.
enum Flow {
    On,
    End(&'static str),
}

impl<'a, S: AsyncRead + AsyncWrite + Unpin> Connection<'a, S> {
    pub(super) fn new(
        socket: WebSocketStream<S>,
        conversation: Conversation,
        terms: Terms,
        tally: &'a Tally,
    ) -> Self {
        let expires = Instant::now() + terms.lifetime;
        let (ready, waiting) = (VecDeque::new(), Vec::new());
        Self { socket, conversation, terms, tally, events: 0, expires, ready, waiting, watch: None }
    }

    /// Talks until one side ends it; says why it ended.
    pub(super) async fn run(mut self, first: Vec<Action>) -> &'static str {
        let mut flow = self.perform(first).await;
        loop {
            if let Flow::End(why) = flow {
                return why;
            }
            let watch = self.watch.iter().map(|(at, _)| *at);
            let next = self.waiting.iter().map(|(at, _)| *at).chain(watch).min();
            let timer = next.unwrap_or(self.expires).min(self.expires);
            // the client first: a cancel that has arrived must not wait for one more delta
            flow = tokio::select! {
                biased;
                () = self.terms.stop.cancelled() => self.close(1001, "The rehearsal model is shutting down.").await,
                frame = self.socket.next() => self.on_frame(frame).await,
                () = tokio::task::yield_now(), if !self.ready.is_empty() => self.on_ready().await,
                () = tokio::time::sleep_until(timer) => self.on_timer().await,
            };
        }
    }

    async fn on_frame(&mut self, frame: Option<Result<Message, Error>>) -> Flow {
        match frame {
            None => Flow::End("the client is gone"),
            Some(Err(_)) => Flow::End("the socket failed"),
            Some(Ok(Message::Text(text))) => {
                let actions = self.conversation.on_text(&text);
                self.perform(actions).await
            }
            Some(Ok(Message::Binary(_))) => self.close(1003, "Only text frames are understood.").await,
            // tungstenite answers pings and closes by itself, at the next read or write
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_))) => Flow::On,
        }
    }

    async fn on_ready(&mut self) -> Flow {
        match self.ready.pop_front() {
            Some(response) => self.go_on(&response).await,
            None => Flow::On,
        }
    }

    async fn on_timer(&mut self) -> Flow {
        let now = Instant::now();
        if now >= self.expires {
            let actions = self.conversation.on_expiry();
            return self.perform(actions).await;
        }
        if let Some((_, watch)) = self.watch.take_if(|(at, _)| *at <= now) {
            let actions = self.conversation.on_watch(watch);
            return self.perform(actions).await;
        }
        match self.waiting.iter().position(|(at, _)| *at <= now) {
            Some(due) => {
                let (_, response) = self.waiting.remove(due);
                self.go_on(&response).await
            }
            None => Flow::On,
        }
    }

    async fn go_on(&mut self, response: &str) -> Flow {
        let actions = self.conversation.on_continue(response);
        self.perform(actions).await
    }

    async fn perform(&mut self, actions: Vec<Action>) -> Flow {
        for action in actions {
            match action {
                Action::Send(text) => {
                    if let Flow::End(why) = self.send(text).await {
                        return Flow::End(why);
                    }
                }
                Action::Continue { response, after_ms: 0 } => self.ready.push_back(response),
                Action::Continue { response, after_ms } => {
                    self.waiting.push((Instant::now() + Duration::from_millis(after_ms), response));
                }
                Action::Watch { watch, after_ms } => {
                    self.watch = Some((Instant::now() + Duration::from_millis(after_ms), watch));
                }
                Action::Close { code, reason } => return self.close(code, reason).await,
                Action::Refused(code) => self.tally.refused(code),
                Action::Struck(kind) => self.tally.struck(kind),
            }
        }
        Flow::On
    }

    async fn send(&mut self, text: String) -> Flow {
        match tokio::time::timeout(WRITE_LIMIT, self.socket.send(Message::text(text))).await {
            Err(_) => return Flow::End("the client does not read"),
            Ok(Err(_)) => return Flow::End("the socket failed"),
            Ok(Ok(())) => {}
        }
        self.events = self.events.saturating_add(1);
        if self.terms.freeze_after == Some(self.events) {
            self.tally.struck(FaultKind::HalfOpen);
            self.terms.frozen.cancel();
            return std::future::pending().await;
        }
        if self.terms.drop_after == Some(self.events) {
            self.tally.struck(FaultKind::Drop);
            return Flow::End("dropped as asked for");
        }
        Flow::On
    }

    async fn close(&mut self, code: u16, reason: &'static str) -> Flow {
        say_goodbye(&mut self.socket, code, reason).await;
        Flow::End("closed by the server")
    }
}

/// Says why a connection is not wanted, in the way of the real server, and closes it.
pub(super) async fn dismiss<S: AsyncRead + AsyncWrite + Unpin>(
    mut socket: WebSocketStream<S>,
    code: &'static str,
    close_reason: &'static str,
    message: &'static str,
) {
    let error = Refusal::new(code, message).event(None).to_text(&Ids::new(fastrand::u64(..)).next("event"));
    if let Ok(Ok(())) = tokio::time::timeout(WRITE_LIMIT, socket.send(Message::text(error))).await {
        say_goodbye(&mut socket, 4000, close_reason).await;
    }
}

/// Closes and waits for the client's answer, so that the reason is read before the socket goes.
async fn say_goodbye<S: AsyncRead + AsyncWrite + Unpin>(
    socket: &mut WebSocketStream<S>,
    code: u16,
    reason: &'static str,
) {
    const GOODBYE_LIMIT: Duration = Duration::from_secs(2);
    let frame = CloseFrame { code: code.into(), reason: Utf8Bytes::from_static(reason) };
    let goodbye = async {
        if socket.close(Some(frame)).await.is_ok() {
            while let Some(Ok(_)) = socket.next().await {}
        }
    };
    // a client that does not answer is closed all the same
    if tokio::time::timeout(GOODBYE_LIMIT, goodbye).await.is_err() {
        tracing::debug!("a client did not answer the close");
    }
}
