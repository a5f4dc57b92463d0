//! What goes out on a connection, and what has become of it. Nothing under the ledger's lock waits.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ractor::DerivedActorRef;

use crate::audio::{Lane, Speech, Spoken};
use crate::id::ResponseId;
use crate::protocol::browser::{ServerMessage, audio_json, pcm_bytes};
use crate::sound::AudioFormat;
use crate::transport::socket::{Next, Outgoing, Over, Played, Way};
use crate::transport::{LineEvent, TransportEvent};

/// So many frames are written with one flush. More would keep an interruption waiting.
const MAX_TOGETHER: usize = 8;
/// Audio goes out in pieces of at most 250 ms: whole samples, and whole groups of base64.
const PIECE_CHARS: usize = AudioFormat::Pcm24k.base64_chars(250);

struct Ledger {
    played: Played,
    shown: VecDeque<String>,
    clear_due: Option<u64>,
}

/// The way out of one connection.
pub(super) struct BrowserOutgoing {
    way: Way,
    /// So much may wait for a browser that does not keep up.
    limit: usize,
    ledger: Mutex<Ledger>,
}

impl Outgoing for BrowserOutgoing {
    fn is_over(&self) -> bool {
        self.way.over().is_some()
    }

    /// What to write next, put into `frames`. A clear goes before all speech that comes after the interruption.
    fn next(&self, frames: &mut Vec<String>) -> Next {
        let mut ledger = self.lock();
        if let Some(clear) = ledger.clear_due.take() {
            frames.push(ServerMessage::Clear { clear }.to_json());
        }
        frames.extend(ledger.shown.drain(..));
        if let Some(over) = self.way.over() {
            return if frames.is_empty() { Next::Close(over) } else { Next::Write };
        }
        while frames.len() < MAX_TOGETHER {
            let Some(speech) = self.way.lane.try_next_persona() else { break };
            self.say(&mut ledger, &speech, frames);
        }
        if !frames.is_empty() {
            return Next::Write;
        }
        Next::Wait(ledger.played.silent_in_ms(self.way.now_ms()).map(Duration::from_millis))
    }

    async fn something(&self) {
        self.way.something().await;
    }

    fn is_overflowing(&self) -> bool {
        self.lock().shown.len() + self.way.lane.persona_waiting() >= self.limit
    }

    fn on_time(&self) {
        let now_ms = self.way.now_ms();
        self.settle(|played| played.on_time(now_ms));
    }

    // Reported at once: what is on its way when the clear is written is cleared with the rest.
    fn interrupt(&self, active: Option<&ResponseId>) {
        let mut ledger = self.lock();
        let (cuts, clear) = self.way.interrupt(&mut ledger.played, active, None);
        ledger.clear_due = Some(clear);
        self.way.report(LineEvent::Interrupted { asked: true, cuts });
        self.way.wake();
    }

    fn end(&self, over: Over) {
        let mut ledger = self.lock();
        if !self.way.end(over, &mut ledger.played, None) {
            return;
        }
        if let Some((code, error)) = over.told() {
            ledger.shown.push_back(ServerMessage::error(code, error).to_json());
        }
        drop(ledger);
        self.way.wake();
    }
}

impl BrowserOutgoing {
    pub(super) fn new(lane: Arc<Lane>, owner: DerivedActorRef<TransportEvent>, limit: usize) -> Self {
        let played = Played::new(AudioFormat::Pcm24k);
        let ledger = Ledger { played, shown: VecDeque::new(), clear_due: None };
        let way = Way::new(lane, owner, count_end);
        Self { way, limit: limit.max(1), ledger: Mutex::new(ledger) }
    }

    /// Shows the browser something. What does not fit is not shown: the browser is too slow, and is told so by the end
    /// of its connection.
    pub(super) fn show(&self, message: &ServerMessage) {
        let mut ledger = self.lock();
        if ledger.shown.len() < self.limit {
            ledger.shown.push_back(message.to_json());
        }
        drop(ledger);
        self.way.wake();
    }

    /// The browser says what it has played.
    pub(super) fn on_played(&self, ms: u64, clear: Option<u64>) {
        let now_ms = self.way.now_ms();
        self.settle(|played| played.on_told(ms, clear, now_ms));
    }

    fn settle(&self, happens: impl FnOnce(&mut Played)) {
        self.way.settle(&mut self.lock().played, happens);
        // What is left may take another time than was thought.
        self.way.wake();
    }

    /// Tells the call.
    pub(super) fn report(&self, event: LineEvent) {
        self.way.report(event);
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
        self.way.on_audio(&mut ledger.played, &of.item, &of.response, bytes as u64);
    }

    fn lock(&self) -> MutexGuard<'_, Ledger> {
        // A panic in the ledger ends the connection, which empties it.
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn count_end(how: &'static str) {
    metrics::counter!("ai_realtime_browser_ends_total", "how" => how).increment(1);
}
