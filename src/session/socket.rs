//! The WebSocket to the model: reading it, writing it, noticing that it is dead.

#[cfg(test)]
mod tests;

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until};
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use super::endpoint::Stream;
use super::fault::{close_word, is_fatal_close};
use super::limits::Pulse;
use super::pulse::Signs;
use crate::at_once::at_once_or_within;
use crate::audio::{Lane, Listener, Mark, Speech, Spoken};
use crate::protocol::openai::{ServerEvent, SpeechFrame, speech};

/// How long a closing socket may take to say goodbye.
const GOODBYE_LIMIT: Duration = Duration::from_secs(1);
/// Frames that wait to be written; a model that lets more pile up does not read.
const MAX_UNWRITTEN: usize = 512;
/// Events that wait for the session; beyond it the socket is not read.
const MAX_UNREAD: usize = 256;

/// What a socket brings.
#[derive(Debug)]
pub enum Incoming {
    /// An event. The permit is given back when it has been handled: a session that falls behind is not read.
    Event(Box<ServerEvent>, OwnedSemaphorePermit),
    /// The socket is gone.
    Lost {
        /// Why, for the journal and the log.
        reason: String,
        /// Whether another one would be refused, too.
        fatal: bool,
    },
}

/// A running socket. Dropping it closes it politely.
#[derive(Debug)]
pub struct Socket {
    orders: mpsc::Sender<Order>,
}

/// What the writer is told.
#[derive(Debug)]
enum Order {
    Frame(String),
    /// The model knows who to be: from now on it is given what the caller says.
    Listen(Listener),
}

/// The frame could not be queued: the model does not read, or the socket is gone.
#[derive(Debug, PartialEq, Eq)]
pub struct NotWritten;

impl Socket {
    /// Starts to read and write a socket. `deliver` is told what comes, in order; `false` from it ends the reading.
    /// The persona's audio does not come that way: it goes into the lane, and the caller's comes from there. A socket
    /// without a `pulse` is lost.
    pub fn start(
        stream: Stream,
        lane: Option<Arc<Lane>>,
        pulse: Pulse,
        deliver: impl FnMut(Incoming) -> bool + Send + 'static,
    ) -> Self {
        let (sink, source) = stream.split();
        let (orders, queue) = mpsc::channel(MAX_UNWRITTEN);
        let ear = lane.map(|lane| Ear { lane, speaking: None });
        let reader = tokio::spawn(read(source, ear, Signs::new(pulse, Instant::now()), deliver));
        tokio::spawn(write(sink, queue, pulse, reader.abort_handle()));
        Self { orders }
    }

    /// Lets the model hear the caller.
    ///
    /// # Errors
    /// [`NotWritten`] when too much waits or the socket is gone.
    pub fn listen(&self, listener: Listener) -> Result<(), NotWritten> {
        self.orders.try_send(Order::Listen(listener)).map_err(|_| NotWritten)
    }

    /// Queues a frame; frames are written in order.
    ///
    /// # Errors
    /// [`NotWritten`] when too many wait or the socket is gone.
    pub fn send(&self, frame: String) -> Result<(), NotWritten> {
        self.orders.try_send(Order::Frame(frame)).map_err(|_| NotWritten)
    }
}

/// Takes the persona's audio off the socket, past all mailboxes.
struct Ear {
    lane: Arc<Lane>,
    /// The message that spoke last: its name is made once, not for every frame.
    speaking: Option<Arc<Spoken>>,
}

impl Ear {
    /// Whether the frame was one of speech, and is dealt with.
    fn takes(&mut self, frame: &Utf8Bytes) -> bool {
        let Some(SpeechFrame { response_id, item_id, payload }) = speech(frame) else {
            return false;
        };
        let is_same =
            |spoken: &Arc<Spoken>| spoken.item.as_str() == item_id && spoken.response.as_str() == response_id;
        let of = match self.speaking.take().filter(is_same) {
            Some(spoken) => spoken,
            None => Arc::new(Spoken { response: response_id.into(), item: item_id.into() }),
        };
        self.lane.push_persona(match payload {
            Some(payload) => {
                self.speaking = Some(Arc::clone(&of));
                Speech::Audio { of, frame: frame.clone(), payload }
            }
            None => Speech::End { of },
        });
        true
    }
}

impl Drop for Ear {
    /// Of a message that was under way no more will come.
    fn drop(&mut self) {
        if let Some(of) = self.speaking.take() {
            self.lane.push_persona(Speech::End { of });
        }
    }
}

async fn read(
    mut source: SplitStream<Stream>,
    mut ear: Option<Ear>,
    mut signs: Signs,
    mut deliver: impl FnMut(Incoming) -> bool + Send,
) {
    let room = Arc::new(Semaphore::new(MAX_UNREAD));
    let mut watch = pin!(sleep_until(signs.next_look()));
    loop {
        let frame = tokio::select! {
            biased;
            frame = source.next() => frame,
            () = &mut watch => {
                if let Some(why) = signs.verdict(Instant::now()) {
                    return lost(&mut deliver, why, false);
                }
                // No frame touches the timer: when it goes off it is set anew.
                watch.as_mut().reset(signs.next_look());
                continue;
            }
        };
        signs.on_frame(Instant::now());
        let frame = match frame {
            None => return lost(&mut deliver, "closed", false),
            Some(Err(error)) => return lost(&mut deliver, &error.to_string(), false),
            Some(Ok(frame)) => frame,
        };
        match frame {
            Message::Text(text) => {
                if ear.as_mut().is_some_and(|ear| ear.takes(&text)) {
                    continue;
                }
                let Some(event) = parse(&text) else { continue };
                let Ok(permit) = Arc::clone(&room).acquire_owned().await else {
                    return;
                };
                if !deliver(Incoming::Event(Box::new(event), permit)) {
                    return;
                }
            }
            Message::Close(close) => {
                let (code, reason) = close
                    .map_or((1005, String::new()), |close| (close.code.into(), close.reason.to_string()));
                // The text is the provider's, and may quote a key: a known word of it is told, the rest is not.
                tracing::debug!(code, close_reason = reason, "the model closed the socket");
                let word = close_word(&reason).map_or_else(|| format!("closed_{code}"), str::to_owned);
                return lost(&mut deliver, &word, is_fatal_close(code, &reason));
            }
            Message::Pong(payload) => {
                signs.on_pong(Instant::now());
                if let (Some(ear), Some(mark)) = (&ear, Mark::from_bytes(&payload)) {
                    ear.lane.confirm_caller(mark);
                }
            }
            // The protocol has no binary frames; pings are answered below us.
            Message::Binary(_) | Message::Ping(_) | Message::Frame(_) => {}
        }
    }
}

fn lost(deliver: &mut impl FnMut(Incoming) -> bool, reason: &str, fatal: bool) {
    deliver(Incoming::Lost { reason: reason.to_owned(), fatal });
}

fn parse(text: &str) -> Option<ServerEvent> {
    match ServerEvent::parse(text) {
        Ok(event) => Some(event),
        Err(error) => {
            metrics::counter!("ai_realtime_model_unreadable_events_total").increment(1);
            tracing::warn!(
                event_type = error.kind,
                bytes = text.len(),
                "the model sent an event we cannot read"
            );
            None
        }
    }
}

async fn write(
    mut sink: SplitSink<Stream, Message>,
    mut queue: mpsc::Receiver<Order>,
    pulse: Pulse,
    reader: AbortHandle,
) {
    let mut pings = tokio::time::interval(pulse.every);
    pings.tick().await;
    let mut listener: Option<Listener> = None;
    loop {
        // What we have to say goes first: a cancel must not wait behind the caller's audio.
        let message = tokio::select! {
            biased;
            order = queue.recv() => match order {
                Some(Order::Frame(frame)) => Message::text(frame),
                Some(Order::Listen(given)) => {
                    listener = Some(given);
                    continue;
                }
                None => break,
            },
            _ = pings.tick() => {
                // The answer says that everything written before was read.
                let mark = listener.as_ref().and_then(Listener::mark);
                Message::Ping(mark.map(Mark::to_bytes).unwrap_or_default().into())
            }
            frame = next_heard(listener.as_ref()) => match frame {
                Some(frame) => Message::Text(frame),
                None => {
                    listener = None;
                    continue;
                }
            },
        };
        match at_once_or_within(pulse.silence(), sink.send(message)).await {
            Ok(Ok(())) => {}
            // The reader sees the same end, and tells; or the next frame finds the queue full.
            Ok(Err(_)) | Err(_) => {
                while queue.recv().await.is_some() {}
                break;
            }
        }
    }
    // Closing is a courtesy: a peer that does not answer it is left.
    let _ = tokio::time::timeout(GOODBYE_LIMIT, sink.close()).await;
    reader.abort();
}

async fn next_heard(listener: Option<&Listener>) -> Option<Utf8Bytes> {
    match listener {
        Some(listener) => listener.next().await,
        None => std::future::pending().await,
    }
}
