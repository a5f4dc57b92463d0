//! The reading half of a connection. It never waits for anyone but the other side.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{Message, WebSocket};
use futures_util::StreamExt;
use futures_util::stream::SplitStream;
use tokio::time::{Instant, sleep};
use tokio_tungstenite::tungstenite;

use super::Patience;
use super::over::Over;
use super::writer::{EndsWith, Outgoing};

/// Nothing of the caller's for so long while they speak: the model would wait for the end of their turn.
pub(in crate::transport) const STARVED_AFTER: Duration = Duration::from_millis(750);
/// So much silence is given then.
pub(in crate::transport) const STARVED_MS: usize = 750;
/// The code by which the other side says that the caller is done.
const DONE: u16 = 1000;

/// Who hears what comes.
pub(in crate::transport) trait Ear: Send + 'static {
    /// Whether another message may come.
    fn may_come(&mut self) -> bool;
    /// A text came.
    fn on_text(&mut self, text: &str);
    /// Something else came, which nobody can read.
    fn on_binary(&mut self);
    /// Another [`STARVED_AFTER`] has passed, whatever came.
    fn on_pause(&mut self);
}

/// Reads until the socket ends; a connection that is over is still read, so that it can close politely.
pub(super) async fn read<O: Outgoing>(
    out: Arc<O>,
    mut source: SplitStream<WebSocket>,
    mut ear: impl Ear,
    patience: Patience,
) {
    // Whatever ends this ends the connection.
    let _guard = EndsWith(Arc::clone(&out));
    let mut last_at = Instant::now();
    let mut watch = pin!(sleep(STARVED_AFTER.min(patience.silence)));
    loop {
        let message = tokio::select! {
            biased;
            message = source.next() => message,
            () = &mut watch => {
                if last_at.elapsed() >= patience.silence {
                    return;
                }
                ear.on_pause();
                watch.as_mut().reset((Instant::now() + STARVED_AFTER).min(last_at + patience.silence));
                continue;
            }
        };
        match message {
            Some(Ok(message)) if !out.is_over() => {
                last_at = Instant::now();
                if ear.may_come() {
                    heard(&*out, &mut ear, &message);
                } else {
                    out.end(Over::Flood);
                }
            }
            Some(Ok(_)) => {}
            Some(Err(error)) => {
                out.end(why(error));
                return;
            }
            None => return,
        }
    }
}

fn heard(out: &impl Outgoing, ear: &mut impl Ear, message: &Message) {
    match message {
        Message::Text(text) => ear.on_text(text.as_str()),
        Message::Binary(_) => ear.on_binary(),
        Message::Close(frame) => {
            let is_done = frame.as_ref().is_none_or(|frame| frame.code == DONE);
            out.end(if is_done { Over::HungUp } else { Over::Lost });
        }
        // Answered below us.
        Message::Ping(_) | Message::Pong(_) => {}
    }
}

fn why(error: axum::Error) -> Over {
    match error.into_inner().downcast_ref() {
        Some(tungstenite::Error::Capacity(_)) => Over::TooLarge,
        _ => Over::Lost,
    }
}
