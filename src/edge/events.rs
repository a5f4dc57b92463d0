//! A call's events as a stream. What is streamed is read from the journal and from nowhere else, so nothing is
//! shown that a crash could take back, and a reader who comes again has missed nothing.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::{Stream, StreamExt, stream};
use serde::Deserialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::error::ApiError;
use crate::call::CallSnapshot;
use crate::id::CallId;
use crate::store::{EventRecord, Store, StoreError};

/// How many events are read at once: what one slow reader holds in memory.
const PAGE: usize = 256;
/// How often a quiet stream says that it is still there; proxies close what is quiet for longer.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// When a reader that lost its stream should come again.
const COME_AGAIN: Duration = Duration::from_secs(1);

/// Where events are read.
pub(super) trait Journal: Send + 'static {
    /// The events after `seq`, in order, not all at once.
    fn after(&self, seq: u64) -> impl Future<Output = Result<Vec<EventRecord>, StoreError>> + Send;
}

/// The journal of one call.
#[derive(Debug)]
pub(super) struct CallJournal {
    pub(super) store: Store,
    pub(super) call_id: CallId,
}

impl Journal for CallJournal {
    async fn after(&self, seq: u64) -> Result<Vec<EventRecord>, StoreError> {
        self.store.events_after(&self.call_id, seq, PAGE).await
    }
}

/// After which event a stream ends, if the call does not end before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Until {
    /// The end of a turn, by its number.
    TurnDone(u64),
    /// The end of the conversation that began with this event; earlier ones of the same id end on the way.
    CallEnded {
        /// The `seq` of its `call.started`.
        from: u64,
    },
}

impl Until {
    fn is_reached_by(self, event: &EventRecord) -> bool {
        match (self, event.kind.as_str()) {
            (Self::TurnDone(turn), "turn.done") => turn_of(event) == Some(turn),
            (Self::TurnDone(_), "call.ended") => true,
            (Self::CallEnded { from }, "call.ended") => event.seq >= from,
            _ => false,
        }
    }
}

fn turn_of(event: &EventRecord) -> Option<u64> {
    #[derive(Deserialize)]
    struct Numbered {
        turn: u64,
    }
    serde_json::from_str::<Numbered>(&event.body).ok().map(|event| event.turn)
}

/// Reads a journal from one event on, and waits for more as long as the call lives.
#[derive(Debug)]
pub(super) struct Tail<J> {
    journal: J,
    /// The newest event handed out, or where to begin.
    last: u64,
    until: Until,
    /// Tells that there is more; `None`: the call does not live, what is there is all there is.
    live: Option<watch::Receiver<CallSnapshot>>,
    page: VecDeque<EventRecord>,
    is_over: bool,
}

impl<J: Journal> Tail<J> {
    pub(super) fn new(
        journal: J,
        last: u64,
        until: Until,
        live: Option<watch::Receiver<CallSnapshot>>,
    ) -> Self {
        Self { journal, last, until, live, page: VecDeque::new(), is_over: false }
    }

    /// The next event; `None` at the end. After an error there is no more.
    pub(super) async fn next(&mut self) -> Option<Result<EventRecord, StoreError>> {
        if self.is_over {
            return None;
        }
        if self.page.is_empty() {
            match self.next_page().await {
                Ok(page) => self.page = page,
                Err(error) => {
                    self.is_over = true;
                    return Some(Err(error));
                }
            }
        }
        let event = self.page.pop_front()?;
        self.last = event.seq;
        self.is_over = self.until.is_reached_by(&event);
        Some(Ok(event))
    }

    /// Waits for events and reads them; none when the call is gone and all of it was read.
    async fn next_page(&mut self) -> Result<VecDeque<EventRecord>, StoreError> {
        loop {
            // In this order: what is journaled before the watch closes must be seen by the read that follows.
            let is_gone = match &mut self.live {
                Some(live) => {
                    let is_gone = live.has_changed().is_err();
                    if !is_gone && live.borrow_and_update().journaled <= self.last {
                        // An error says that the call is gone, which the next round sees.
                        let _ = live.changed().await;
                        continue;
                    }
                    is_gone
                }
                None => true,
            };
            let page = self.journal.after(self.last).await?;
            if !page.is_empty() || is_gone {
                return Ok(page.into());
            }
            // The journal is behind what the call says it holds. Without this wait the loop would spin.
            if let Some(live) = &mut self.live {
                let _ = live.changed().await;
            }
        }
    }

    fn into_stream(self) -> impl Stream<Item = Result<EventRecord, StoreError>> + Send {
        stream::unfold(self, |mut tail| async move { tail.next().await.map(|event| (event, tail)) })
    }
}

/// The places for readers of streams; each holds a connection and a page of events for as long as it likes.
#[derive(Debug, Clone)]
pub(super) struct Streams {
    places: Arc<Semaphore>,
    limit: usize,
}

impl Streams {
    pub(super) fn new(limit: usize) -> Self {
        Self { places: Arc::new(Semaphore::new(limit)), limit }
    }

    /// Takes a place.
    ///
    /// # Errors
    /// 503 `at_capacity` when there is none.
    pub(super) fn begin(&self) -> Result<OwnedSemaphorePermit, ApiError> {
        self.places.clone().try_acquire_owned().map_err(|_full| {
            metrics::counter!("http_event_streams_refused_total").increment(1);
            let sentence =
                format!("all {} event streams of this node are taken: try again later", self.limit);
            ApiError::new(axum::http::StatusCode::SERVICE_UNAVAILABLE, "at_capacity", sentence).retry_after(5)
        })
    }
}

/// Answers with a stream of events, which breaks off when `no_more` comes; the place is given back when the reader
/// leaves or the stream ends.
pub(super) fn respond<J: Journal>(
    tail: Tail<J>,
    place: OwnedSemaphorePermit,
    no_more: impl Future<Output = ()> + Send + 'static,
) -> Response {
    let events = tail.into_stream().take_until(Box::pin(no_more)).filter_map(move |event| {
        let _held = &place;
        std::future::ready(match event {
            Ok(event) => Some(Ok::<_, Infallible>(line(&event))),
            Err(error) => {
                // The stream ends here; the reader comes again with the id of the last event it saw.
                tracing::warn!(error = &error as &dyn std::error::Error, "an event stream broke off");
                None
            }
        })
    });
    let hello = stream::once(std::future::ready(Ok(Event::default().retry(COME_AGAIN))));
    let keep_alive = KeepAlive::new().interval(KEEP_ALIVE).text("keep-alive");
    Sse::new(hello.chain(events)).keep_alive(keep_alive).into_response()
}

/// No `event:` field, so that a browser's `onmessage` sees every event; its type stands in the JSON.
fn line(event: &EventRecord) -> Event {
    Event::default().id(event.seq.to_string()).data(&event.body)
}

#[cfg(test)]
mod tests;
