//! Whether the response under way comes along. Pure: it is looked at again and again, and what it brought since is all
//! it goes by.
//!
//! What is expected of the model's side by a time, where it is noticed, and what the caller notices of it:
//!
//! | what is missing | noticed by | at first | again | the caller |
//! |---|---|---|---|---|
//! | `session.updated` | `Deadline::Update` | another socket | another socket | waits; a persona's swap comes later |
//! | an item's place in the conversation | `Deadline::Item` | another socket | another socket | waits; their words are given again |
//! | `response.created` | `Deadline::Created` | asked for again | another socket, then told as failed | waits for the answer, up to the turn's limit |
//! | the first piece of a response | this watchdog | cancelled, asked for again | another socket, then told as failed | waits |
//! | the next piece, or `response.done` | this watchdog | cancelled, asked for again | another socket, then told as failed | hears the answer pause, and go on where it stopped |
//! | the end of a cancelled response | this watchdog | another socket | another socket | nothing, or their next answer comes late |
//! | a good end: `response.done` says `failed` | the event itself | asked for again | told; another socket after a `server_error` | waits; then hears nothing, or is told in writing |
//! | the end of words beside the conversation | `Deadline::Aside` | forgotten | | nothing |
//! | the end of a summary | `Deadline::Summary` | tried later | | nothing |
//! | any sign of life | pings | another socket | another socket | a gap, in which a tone says that the line lives |
//!
//! Another socket is given the conversation as it was heard, and what was asked for and not answered is asked for
//! again; too many in a row and the call is told that there is no model.

use std::time::Duration;

use super::limits::SessionLimits;
use crate::id::ResponseId;
use crate::protocol::openai::ServerEvent;

/// A response is looked at so often within the time it may bring nothing.
const LOOKS: u32 = 4;

/// What a look says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// It is about a response that is no longer under way.
    Late,
    /// Look again after this.
    Again(Duration),
    /// Nothing has come of it for too long.
    Stuck,
}

/// Watches the response under way.
#[derive(Debug, Default)]
pub struct Watchdog {
    /// Numbers responses: a look at an older one says nothing.
    number: u64,
    /// Which; `None` within when the model named none.
    watched: Option<Option<ResponseId>>,
    has_begun: bool,
    has_moved: bool,
    idle: Duration,
    /// How much audio had come of it, as far as was told.
    received: u64,
}

impl Watchdog {
    /// A response began: its number, and when to look at it first.
    pub fn begin(&mut self, response: Option<ResponseId>, limits: &SessionLimits) -> (u64, Duration) {
        *self = Self {
            number: self.number + 1,
            watched: Some(response),
            received: self.received,
            ..Self::default()
        };
        (self.number, limits.stall / LOOKS)
    }

    /// Takes what came in the meantime.
    pub fn on_event(&mut self, event: &ServerEvent) {
        match event {
            ServerEvent::TextDelta { response_id, .. } | ServerEvent::OutputItemDone { response_id, .. } => {
                if self.is_watching(response_id) {
                    (self.has_begun, self.has_moved) = (true, true);
                }
            }
            ServerEvent::ResponseDone(response) => {
                let is_it = |id: &ResponseId| self.is_watching(id);
                if response.id.as_ref().is_none_or(is_it) {
                    self.watched = None;
                }
            }
            // Of these nobody here reads which response they are of; most are pieces of one.
            ServerEvent::Unused | ServerEvent::Unknown(_) => self.has_moved = true,
            ServerEvent::SessionCreated(_)
            | ServerEvent::SessionUpdated(_)
            | ServerEvent::Error(_)
            | ServerEvent::ItemAdded { .. }
            | ServerEvent::ResponseCreated(_)
            | ServerEvent::SpeechStarted { .. }
            | ServerEvent::SpeechStopped { .. }
            | ServerEvent::Committed { .. }
            | ServerEvent::Transcribed { .. }
            | ServerEvent::NotTranscribed { .. } => {}
        }
    }

    /// So much audio has come of the message that spoke last: it goes past the events.
    pub fn on_received(&mut self, audio: u64) {
        if audio != self.received {
            (self.has_begun, self.has_moved) = (true, true);
        }
        self.received = audio;
    }

    /// Looks at the response of this number.
    pub fn look(&mut self, number: u64, limits: &SessionLimits) -> Look {
        if self.number != number || self.watched.is_none() {
            return Look::Late;
        }
        let every = limits.stall / LOOKS;
        self.idle = if std::mem::take(&mut self.has_moved) { Duration::ZERO } else { self.idle + every };
        let limit = if self.has_begun { limits.stall } else { limits.first_piece };
        if self.idle < limit {
            return Look::Again(every);
        }
        // What is done about it has a time of its own.
        self.idle = Duration::ZERO;
        Look::Stuck
    }

    fn is_watching(&self, response: &ResponseId) -> bool {
        matches!(&self.watched, Some(watched) if watched.as_ref().is_none_or(|watched| watched == response))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: SessionLimits = SessionLimits {
        update: Duration::from_secs(5),
        item: Duration::from_secs(5),
        created: Duration::from_secs(10),
        first_piece: Duration::from_secs(8),
        stall: Duration::from_secs(4),
        aside: Duration::from_secs(10),
        summary: Duration::from_secs(30),
        ping_spoken: Duration::from_secs(3),
        ping_written: Duration::from_secs(15),
        gap: Duration::from_millis(1_500),
    };

    fn watching(response: &str) -> (Watchdog, u64) {
        let mut watchdog = Watchdog::default();
        let (number, first) = watchdog.begin(Some(response.into()), &LIMITS);
        assert_eq!(first, Duration::from_secs(1));
        (watchdog, number)
    }

    /// How many looks find nothing new until it is stuck.
    fn patience(watchdog: &mut Watchdog, number: u64) -> usize {
        std::iter::repeat_with(|| watchdog.look(number, &LIMITS))
            .take_while(|look| *look != Look::Stuck)
            .count()
            + 1
    }

    fn delta(response: &str) -> ServerEvent {
        ServerEvent::TextDelta { response_id: response.into(), item_id: "m".into(), delta: "a".into() }
    }

    #[test]
    fn the_first_piece_may_take_longer_than_the_next() {
        let (mut watchdog, number) = watching("r1");
        assert_eq!(patience(&mut watchdog, number), 8);
        watchdog.on_event(&delta("r1"));
        assert_eq!(patience(&mut watchdog, number), 5, "the look that saw it, and four");
    }

    #[test]
    fn whatever_comes_of_it_counts_and_nothing_of_another() {
        let (mut watchdog, number) = watching("r1");
        for _ in 0..20 {
            watchdog.on_event(&ServerEvent::Unused);
            assert_ne!(watchdog.look(number, &LIMITS), Look::Stuck);
        }
        watchdog.on_received(400);
        assert_eq!(patience(&mut watchdog, number), 5);
        watchdog.on_received(400);
        watchdog.on_event(&delta("r0"));
        watchdog.on_event(&ServerEvent::ItemAdded { item_id: "h_1".into() });
        assert_eq!(patience(&mut watchdog, number), 4);
    }

    #[test]
    fn a_late_look_says_nothing() {
        let (mut watchdog, number) = watching("r1");
        let (next, _) = watchdog.begin(Some("r2".into()), &LIMITS);
        assert_eq!(watchdog.look(number, &LIMITS), Look::Late);
        assert_eq!(watchdog.look(next, &LIMITS), Look::Again(Duration::from_secs(1)));
        let done = serde_json::from_value(serde_json::json!({"id": "r2", "status": "completed"})).unwrap();
        watchdog.on_event(&ServerEvent::ResponseDone(done));
        assert_eq!(watchdog.look(next, &LIMITS), Look::Late);
    }
}
