//! What goes out on a connection, and what has become of it: one ledger for the task that writes, the task that reads
//! what was played, and the line that is interrupted. Everything that must not be torn apart happens under its lock,
//! reports to the call included, so that the call is told in the order in which it happened. Nothing under it waits.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use ractor::DerivedActorRef;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::over::Over;
use super::played::Played;
use crate::audio::{Lane, Speech, Spoken, Unheard};
use crate::id::ResponseId;
use crate::protocol::browser::{ServerMessage, audio_json, pcm_bytes};
use crate::sound::AudioFormat;
use crate::transport::cut::add_unheard;
use crate::transport::{Cut, EffectDone, LineEvent, TransportEvent};

/// So many frames are written with one flush. More would keep an interruption waiting.
const MAX_TOGETHER: usize = 8;
/// Audio goes out in pieces of at most 250 ms: whole samples, and whole groups of base64.
const PIECE_CHARS: usize = AudioFormat::Pcm24k.base64_chars(250);

/// What the writer does next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Write what it was given.
    Write,
    /// Wait until something has come, or this long: then all was heard.
    Wait(Option<Duration>),
    /// Close the socket.
    Close(Over),
}

struct Ledger {
    played: Played,
    shown: VecDeque<String>,
    clear_due: Option<u64>,
}

/// The way out of one connection.
pub(super) struct Outgoing {
    lane: Arc<Lane>,
    owner: DerivedActorRef<TransportEvent>,
    opened: Instant,
    /// So much may wait for a browser that does not keep up.
    limit: usize,
    ledger: Mutex<Ledger>,
    /// Set under the ledger's lock; read without it.
    over: OnceLock<Over>,
    wake: Notify,
}

impl Outgoing {
    pub(super) fn new(lane: Arc<Lane>, owner: DerivedActorRef<TransportEvent>, limit: usize) -> Self {
        let ledger = Ledger { played: Played::new(), shown: VecDeque::new(), clear_due: None };
        Self {
            lane,
            owner,
            opened: Instant::now(),
            limit: limit.max(1),
            ledger: Mutex::new(ledger),
            over: OnceLock::new(),
            wake: Notify::new(),
        }
    }

    /// Whether the connection is over.
    pub(super) fn is_over(&self) -> bool {
        self.over.get().is_some()
    }

    /// What to write next, put into `frames`. A clear goes before all speech that comes after the interruption.
    pub(super) fn next(&self, frames: &mut Vec<String>) -> Next {
        let mut ledger = self.lock();
        if let Some(clear) = ledger.clear_due.take() {
            frames.push(ServerMessage::Clear { clear }.to_json());
        }
        frames.extend(ledger.shown.drain(..));
        if let Some(over) = self.over.get() {
            return if frames.is_empty() { Next::Close(*over) } else { Next::Write };
        }
        while frames.len() < MAX_TOGETHER {
            let Some(speech) = self.lane.try_next_persona() else { break };
            self.say(&mut ledger, &speech, frames);
        }
        if !frames.is_empty() {
            return Next::Write;
        }
        Next::Wait(ledger.played.silent_in_ms(self.now_ms()).map(Duration::from_millis))
    }

    /// Waits until there is something to do.
    pub(super) async fn something(&self) {
        tokio::select! {
            biased;
            () = self.wake.notified() => {}
            () = self.lane.persona_came() => {}
        }
    }

    /// Comes when more waits than may, while something is being written.
    pub(super) async fn overflow(&self) {
        loop {
            let shown = self.lock().shown.len();
            if shown + self.lane.persona_waiting() >= self.limit {
                return;
            }
            self.something().await;
        }
    }

    /// Shows the browser something. What does not fit is not shown: the browser is too slow, and is told so by the end
    /// of its connection.
    pub(super) fn show(&self, message: &ServerMessage) {
        let mut ledger = self.lock();
        if ledger.shown.len() < self.limit {
            ledger.shown.push_back(message.to_json());
        }
        drop(ledger);
        self.wake.notify_one();
    }

    /// The browser says what it has played.
    pub(super) fn on_played(&self, ms: u64, clear: Option<u64>) {
        let now_ms = self.now_ms();
        self.settle(|played| played.on_told(ms, clear, now_ms));
    }

    /// Time has passed.
    pub(super) fn on_time(&self) {
        let now_ms = self.now_ms();
        self.settle(|played| played.on_time(now_ms));
    }

    fn settle(&self, happens: impl FnOnce(&mut Played)) {
        let mut ledger = self.lock();
        let was_audible = ledger.played.is_audible();
        happens(&mut ledger.played);
        if was_audible && !ledger.played.is_audible() && !self.is_over() {
            self.lane.persona_played();
            self.report(LineEvent::Played);
        }
        drop(ledger);
        // What is left may take another time than was thought.
        self.wake.notify_one();
    }

    /// Nothing of what was said so far shall be heard any more. Reported at once: what is on its way when the clear is
    /// written is cleared with the rest.
    pub(super) fn interrupt(&self, active: Option<&ResponseId>) {
        let now_ms = self.now_ms();
        let mut ledger = self.lock();
        let waiting = self.lane.interrupt(active);
        let (cuts, clear) = ledger.silence(now_ms, waiting);
        ledger.clear_due = Some(clear);
        self.report(LineEvent::Interrupted { asked: true, cuts });
        self.wake.notify_one();
    }

    /// The connection is over, and what the browser had not played is lost with it. Only the first end counts.
    pub(super) fn end(&self, over: Over) {
        let now_ms = self.now_ms();
        let mut ledger = self.lock();
        if self.over.set(over).is_err() {
            return;
        }
        metrics::counter!("ai_realtime_browser_ends_total", "how" => over.label()).increment(1);
        if let Some((code, error)) = over.told() {
            ledger.shown.push_back(ServerMessage::error(code, error).to_json());
        }
        let (mut cuts, _) = ledger.silence(now_ms, Vec::new());
        self.lane.persona_played();
        if !cuts.is_empty() {
            // Half a message is not gone on with in another connection: what was cut stays as it was heard.
            add_unheard(&mut cuts, self.lane.interrupt(None));
            self.report(LineEvent::Interrupted { asked: false, cuts });
        }
        if let Some(how) = over.reported() {
            self.report(LineEvent::StreamDown { how });
        }
        if over == Over::HungUp {
            // Nobody else can tell what became of the call.
            self.report(LineEvent::Effect(EffectDone::Status(Ok(false))));
        }
        self.wake.notify_one();
    }

    /// Tells the call. A call that is gone needs to know nothing.
    pub(super) fn report(&self, event: LineEvent) {
        let _ = self.owner.cast(event.into());
    }

    fn say(&self, ledger: &mut Ledger, speech: &Speech, frames: &mut Vec<String>) {
        match speech {
            Speech::Audio { of, frame, payload } => {
                let payload = frame.as_str().get(payload.clone()).unwrap_or_default();
                match pcm_bytes(payload) {
                    Some(bytes) if bytes > 0 => self.audio(ledger, of, payload, bytes, frames),
                    Some(_) => {}
                    None => metrics::counter!("ai_realtime_browser_bad_speech_total").increment(1),
                }
            }
            Speech::End { of } => ledger.played.on_item_end(&of.item),
        }
    }

    fn audio(&self, ledger: &mut Ledger, of: &Spoken, payload: &str, bytes: usize, frames: &mut Vec<String>) {
        let mut rest = payload;
        while !rest.is_empty() {
            let (piece, more) = rest.split_at_checked(PIECE_CHARS).unwrap_or((rest, ""));
            frames.push(audio_json(piece));
            rest = more;
        }
        if !ledger.played.is_audible() {
            self.report(LineEvent::Playing);
        }
        ledger.played.on_audio(&of.item, &of.response, bytes as u64, self.now_ms());
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn lock(&self) -> MutexGuard<'_, Ledger> {
        // A panic in the ledger ends the connection, which empties it.
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ledger {
    /// Cuts all that was not played: first what was written, then what waited in the lane.
    fn silence(&mut self, now_ms: u64, waiting: Vec<Unheard>) -> (Vec<Cut>, u64) {
        let (cuts, clear) = self.played.interrupt(now_ms);
        let mut cuts: Vec<Cut> = cuts.into_iter().map(Cut::from).collect();
        add_unheard(&mut cuts, waiting);
        (cuts, clear)
    }
}
