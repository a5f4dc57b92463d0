//! What goes out on a stream, and what has become of it: one ledger for the task that writes, the task that reads the
//! marks, and the line that is interrupted. Everything that must not be torn apart happens under its lock, reports to
//! the call included, so that the call is told in the order in which it happened. Nothing under it waits.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use ractor::DerivedActorRef;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::reframe::{Reframe, Whole};
use crate::audio::{Lane, Speech, Spoken, Unheard};
use crate::id::ResponseId;
use crate::protocol::twilio::StreamSid;
use crate::protocol::twilio::stream::{write_clear, write_mark, write_media};
use crate::sound::AudioFormat;
use crate::transport::cut::add_unheard;
use crate::transport::playout::{MarkName, MarkOutcome, Playout};
use crate::transport::{Cut, LineEvent, StreamEnd, TransportEvent};

const FORMAT: AudioFormat = AudioFormat::Pcmu;
/// So many frames are written with one flush. More would keep an interruption waiting.
const MAX_TOGETHER: usize = 8;

/// Why a stream is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Over {
    /// Twilio ended it.
    Stopped,
    /// It broke, or nothing came or went for too long.
    Lost,
    /// It was sent more at once than we take.
    TooLarge,
    /// We were told to close it.
    Closed,
    /// Another one took its place.
    Replaced,
    /// The line itself is gone.
    Abandoned,
}

impl Over {
    /// What the call is told of it, if anything.
    fn reported(self) -> Option<StreamEnd> {
        match self {
            Self::Stopped => Some(StreamEnd::Stopped),
            Self::Lost | Self::TooLarge => Some(StreamEnd::Lost),
            Self::Closed => Some(StreamEnd::Closed),
            Self::Replaced | Self::Abandoned => None,
        }
    }

    /// The WebSocket's word for it.
    pub(super) fn close_code(self) -> u16 {
        match self {
            Self::Stopped | Self::Closed | Self::Replaced => 1000,
            Self::Lost | Self::Abandoned => 1001,
            Self::TooLarge => 1009,
        }
    }
}

/// What the writer does next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Write what it was given.
    Write,
    /// Wait until something has come.
    Wait,
    /// Close the socket.
    Close(Over),
}

struct Ledger {
    playout: Playout,
    reframe: Reframe,
    clear_due: bool,
}

/// The way out of one stream.
pub(super) struct Outgoing {
    lane: Arc<Lane>,
    owner: DerivedActorRef<TransportEvent>,
    stream_sid: StreamSid,
    opened: Instant,
    ledger: Mutex<Ledger>,
    /// Set under the ledger's lock; read without it.
    over: OnceLock<Over>,
    wake: Notify,
}

impl Outgoing {
    pub(super) fn new(
        lane: Arc<Lane>,
        owner: DerivedActorRef<TransportEvent>,
        stream_sid: StreamSid,
    ) -> Self {
        let ledger = Ledger {
            playout: Playout::new(FORMAT.bytes_per_ms() as u32),
            reframe: Reframe::default(),
            clear_due: false,
        };
        Self {
            lane,
            owner,
            stream_sid,
            opened: Instant::now(),
            ledger: Mutex::new(ledger),
            over: OnceLock::new(),
            wake: Notify::new(),
        }
    }

    /// Whether the stream is over.
    pub(super) fn is_over(&self) -> bool {
        self.over.get().is_some()
    }

    /// What to write next, put into `frames`. A clear goes before all speech that comes after the interruption.
    pub(super) fn next(&self, frames: &mut Vec<String>) -> Next {
        let mut ledger = self.lock();
        if let Some(over) = self.over.get() {
            return Next::Close(*over);
        }
        if std::mem::take(&mut ledger.clear_due) {
            let mut clear = String::new();
            write_clear(&mut clear, &self.stream_sid);
            frames.push(clear);
            return Next::Write;
        }
        while frames.len() < MAX_TOGETHER {
            let Some(speech) = self.lane.try_next_persona() else { break };
            self.say(&mut ledger, &speech, frames);
        }
        if frames.is_empty() { Next::Wait } else { Next::Write }
    }

    /// Waits until there is something to do.
    pub(super) async fn something(&self) {
        tokio::select! {
            biased;
            () = self.wake.notified() => {}
            () = self.lane.persona_came() => {}
        }
    }

    /// A mark has come back.
    pub(super) fn on_mark(&self, name: &str) {
        let now_ms = self.now_ms();
        let mut ledger = self.lock();
        if let MarkOutcome::Played { silent: true, .. } = ledger.playout.on_mark(name, now_ms) {
            self.lane.persona_played();
            self.report(LineEvent::Played);
        }
    }

    /// Nothing of what was said so far shall be heard any more. Reported at once: what is on its way when the clear is
    /// written is cleared with the rest.
    pub(super) fn interrupt(&self, active: Option<&ResponseId>) {
        let now_ms = self.now_ms();
        let mut ledger = self.lock();
        let waiting = self.lane.interrupt(active);
        let cuts = ledger.silence(now_ms, waiting);
        ledger.clear_due = true;
        self.report(LineEvent::Interrupted { asked: true, cuts });
        self.wake.notify_one();
    }

    /// The stream is over, and what the far end had not played is lost with it. Only the first end counts.
    pub(super) fn end(&self, over: Over) {
        let now_ms = self.now_ms();
        let mut ledger = self.lock();
        if self.over.set(over).is_err() {
            return;
        }
        let mut cuts = ledger.silence(now_ms, Vec::new());
        self.lane.persona_played();
        if !cuts.is_empty() {
            // Half a message is not gone on with on another stream: what was cut stays as it was heard.
            add_unheard(&mut cuts, self.lane.interrupt(None));
            self.report(LineEvent::Interrupted { asked: false, cuts });
        }
        if let Some(how) = over.reported() {
            self.report(LineEvent::StreamDown { how });
        }
        self.wake.notify_one();
    }

    /// Tells the call. A call that is gone needs to know nothing.
    pub(super) fn report(&self, event: LineEvent) {
        let _ = self.owner.cast(event.into());
    }

    fn say(&self, ledger: &mut Ledger, speech: &Speech, frames: &mut Vec<String>) {
        if let Some(other) = ledger.reframe.carries().filter(|other| *other != speech.of()).cloned() {
            self.end_of(ledger, &other, frames);
        }
        match speech {
            Speech::Audio { of, frame, payload } => {
                let payload = frame.as_str().get(payload.clone()).unwrap_or_default();
                match ledger.reframe.push(of, payload) {
                    Ok(Some(whole)) => self.media(ledger, of, &whole, frames),
                    Ok(None) => {}
                    Err(_) => metrics::counter!("ai_realtime_twilio_bad_speech_total").increment(1),
                }
            }
            Speech::End { of } => self.end_of(ledger, of, frames),
        }
    }

    fn media(&self, ledger: &mut Ledger, of: &Spoken, whole: &Whole<'_>, frames: &mut Vec<String>) {
        let mut media = String::new();
        write_media(&mut media, &self.stream_sid, &whole.payload);
        frames.push(media);
        if !ledger.playout.is_audible() {
            self.report(LineEvent::Playing);
        }
        let bytes = whole.bytes as u64;
        let mark = ledger.playout.on_audio(&of.item, &of.response, bytes, self.now_ms());
        self.mark(mark, frames);
    }

    fn end_of(&self, ledger: &mut Ledger, of: &Spoken, frames: &mut Vec<String>) {
        if let Some(rest) = ledger.reframe.end() {
            self.media(ledger, of, &rest, frames);
        }
        let mark = ledger.playout.on_item_end(&of.item);
        self.mark(mark, frames);
    }

    fn mark(&self, mark: Option<MarkName>, frames: &mut Vec<String>) {
        if let Some(name) = mark {
            let mut mark = String::new();
            write_mark(&mut mark, &self.stream_sid, &name.to_string());
            frames.push(mark);
        }
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn lock(&self) -> MutexGuard<'_, Ledger> {
        // A panic in the ledger ends the stream, which empties it.
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ledger {
    /// Cuts all that was not played: first what was written, then what waited to fill a frame, then what waited in the
    /// lane.
    fn silence(&mut self, now_ms: u64, waiting: Vec<Unheard>) -> Vec<Cut> {
        let mut cuts: Vec<Cut> = self.playout.interrupt(now_ms).into_iter().map(Cut::from).collect();
        let carried = self.reframe.carries().cloned().map(|of| Unheard { of });
        self.reframe.clear();
        add_unheard(&mut cuts, carried.into_iter().chain(waiting));
        cuts
    }
}
