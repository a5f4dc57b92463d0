//! How far an ingest is, as it goes on; the last event is what came of it.

use std::convert::Infallible;
use std::time::Duration;

use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt, stream};
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, watch};

use super::refusal::broken_off;
use super::view::{DocumentAnswer, DocumentProgress};
use crate::knowledge::{Ingesting, Progress};

const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Answers with the progress; the place is given back when the reader leaves or the stream ends.
pub(super) fn respond(ingesting: Ingesting, place: OwnedSemaphorePermit) -> Response {
    let events = stream::unfold(Some((ingesting.progress(), ingesting)), next).map(move |event| {
        let _held = &place;
        Ok::<_, Infallible>(event)
    });
    Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE).text("keep-alive")).into_response()
}

type Under = Option<(watch::Receiver<Progress>, Ingesting)>;

async fn next(under: Under) -> Option<(Event, Under)> {
    let (mut progress, ingesting) = under?;
    // The sender is gone once all of it was told.
    if progress.changed().await.is_ok() {
        let now = DocumentProgress::from(*progress.borrow_and_update());
        return Some((event(&now), Some((progress, ingesting))));
    }
    let last = match ingesting.ended().await {
        Ok(ingested) => event(&DocumentAnswer::from(ingested)),
        Err(error) => event(broken_off(error).body()),
    };
    Some((last, None))
}

fn event(data: &impl Serialize) -> Event {
    // What cannot be written would be a mistake of ours that a test finds.
    Event::default().data(serde_json::to_string(data).unwrap_or_default())
}
