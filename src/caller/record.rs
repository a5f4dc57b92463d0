//! What is known of a call so far, shared between the task that runs it and those who watch.

use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::{Duration, Instant};

use super::ear::{Ear, Voice};
use super::timeline::{Moment, TimelineEvent};
use super::track::Track;
use super::ulaw::PER_MS;

/// Moments kept of one call; later ones are not.
const MAX_MOMENTS: usize = 100_000;
/// TwiML documents kept of one call.
const MAX_DOCUMENTS: usize = 100;

/// The clock of a call: the wall's, times the pace.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    began: Instant,
    pace: f64,
}

impl Clock {
    pub(super) fn start(pace: f64) -> Self {
        Self { began: Instant::now(), pace }
    }

    /// Samples since the call was dialled.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "a call is not long enough for it to matter"
    )]
    pub(super) fn samples(&self) -> u64 {
        (self.began.elapsed().as_secs_f64() * self.pace * (PER_MS * 1_000) as f64) as u64
    }

    /// How long so many milliseconds of the call take.
    pub(super) fn wall(&self, ms: u64) -> Duration {
        Duration::from_millis(ms).div_f64(self.pace)
    }
}

/// Figures of one call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Frames of 20 ms sent.
    pub frames_sent: u64,
    /// Frames that found the service not reading and were discarded, as Twilio does (its warning 31930).
    pub frames_lost: u64,
    /// `media` messages received.
    pub media_received: u64,
    /// µ-law bytes received.
    pub bytes_received: u64,
    /// `mark` messages received.
    pub marks_received: u64,
    /// `clear` messages received.
    pub clears_received: u64,
    /// Messages Twilio would have warned of and dropped.
    pub messages_refused: u64,
    /// Streams that were started.
    pub streams: u64,
}

/// The record of one call.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) clock: Clock,
    /// When the call came to be.
    pub(super) created: Timestamp,
    keeps_audio: bool,
    state: Mutex<State>,
    changed: watch::Sender<()>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) moments: Vec<Moment>,
    pub(super) documents: Vec<String>,
    pub(super) heard: Track,
    pub(super) spoken: Track,
    pub(super) ear: Ear,
    pub(super) counters: Counters,
    /// Whether the caller has said all he had to say.
    pub(super) caller_is_silent: bool,
    pub(super) status: &'static str,
    pub(super) ended_s: Option<u64>,
    /// Nothing more will happen: the call has ended and its callbacks were posted.
    pub(super) over: bool,
}

impl Record {
    pub(super) fn new(clock: Clock, keeps_audio: bool, status: &'static str) -> Self {
        let state = State { status, caller_is_silent: true, ..State::default() };
        let created = Timestamp::now();
        Self { clock, created, keeps_audio, state: Mutex::new(state), changed: watch::Sender::new(()) }
    }

    pub(super) fn read(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.read());
        self.changed.send_replace(());
    }

    pub(super) fn watch(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    pub(super) fn note(&self, event: TimelineEvent) {
        let at_ms = self.clock.samples() / PER_MS;
        self.change(|state| state.note(at_ms, event));
    }

    pub(super) fn keep_document(&self, text: &str) {
        self.change(|state| {
            if state.documents.len() < MAX_DOCUMENTS {
                state.documents.push(text.to_owned());
            }
        });
    }

    /// Takes in what the caller heard from `at` to `now`.
    pub(super) fn on_played(&self, at: u64, audio: &[u8], now: u64) {
        self.change(|state| {
            if self.keeps_audio {
                state.heard.push(at, audio);
            }
            if state.ear.on_played(at, audio) == Some(Voice::Began) {
                state.note(now / PER_MS, TimelineEvent::PersonaSpeaks);
            }
            if let Some(Voice::Ended { spoke_ms }) = state.ear.on_time(now) {
                state.note(now / PER_MS, TimelineEvent::PersonaSilent { spoke_ms });
            }
        });
    }

    /// Takes in a frame the caller said at `at`.
    pub(super) fn on_spoken(&self, at: u64, audio: &[u8]) {
        if self.keeps_audio {
            self.read().spoken.push(at, audio);
        }
    }

    pub(super) fn now_ms(&self) -> u64 {
        self.clock.samples() / PER_MS
    }
}

impl State {
    fn note(&mut self, at_ms: u64, event: TimelineEvent) {
        if self.moments.len() < MAX_MOMENTS {
            self.moments.push(Moment { at_ms, event });
        }
    }
}
