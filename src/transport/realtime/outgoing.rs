//! What goes out on a connection, and what has become of it. Nothing under the ledger's lock waits.

mod ledger;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ractor::DerivedActorRef;
use tokio::time::Instant;

use self::ledger::{Ledger, MAX_TOGETHER};
use super::ended::Ended;
use super::{RealtimeLimits, Show};
use crate::audio::{Lane, Speech, Unheard};
use crate::id::{ItemId, ResponseId};
use crate::protocol::realtime::{Complaint, Dialect, Event, Refusal, Wording};
use crate::sound::AudioFormat;
use crate::transport::socket::{Next, Outgoing, Over, Way};
use crate::transport::{LineEvent, TransportEvent};

/// So much may be told before a client that does not read is given up.
const MAX_SHOWN: usize = 8_192;
/// So much sound of a response of which nobody has shown that it began: then it begins by itself.
const MAX_AHEAD: usize = 8;

/// The way out of one connection.
pub(super) struct RealtimeOutgoing {
    way: Way,
    limits: RealtimeLimits,
    ledger: Mutex<Ledger>,
}

impl Outgoing for RealtimeOutgoing {
    fn is_over(&self) -> bool {
        self.way.over().is_some()
    }

    fn next(&self, frames: &mut Vec<String>) -> Next {
        let mut ledger = self.lock();
        frames.extend(ledger.shown.drain(..));
        if let Some(over) = self.way.over() {
            return if frames.is_empty() { Next::Close(over) } else { Next::Write };
        }
        while frames.len() < MAX_TOGETHER {
            match self.next_speech(&mut ledger) {
                Some(speech) => self.say(&mut ledger, &speech),
                None => {
                    ledger.narrator.on_quiet();
                    ledger.tell();
                    // What waited for an end may begin with it.
                    if !ledger.may_go_on() {
                        frames.extend(ledger.shown.drain(..));
                        break;
                    }
                }
            }
            frames.extend(ledger.shown.drain(..));
        }
        if !frames.is_empty() {
            ledger.told_at = Instant::now();
            return Next::Write;
        }
        Next::Wait(ledger.played.silent_in_ms(self.way.now_ms()).map(Duration::from_millis))
    }

    async fn something(&self) {
        self.way.something().await;
    }

    fn is_overflowing(&self) -> bool {
        let lane = &self.way.lane;
        lane.persona_waits() >= self.limits.waiting
            || lane.persona_waiting() >= self.limits.frames.max(1)
            || self.lock().shown.len() >= MAX_SHOWN
    }

    fn on_time(&self) {
        let now_ms = self.way.now_ms();
        self.way.settle(&mut self.lock().played, |played| played.on_time(now_ms));
        self.way.wake();
    }

    fn interrupt(&self, active: Option<&ResponseId>) {
        let mut ledger = self.lock();
        let held = ledger.held.take().and_then(unheard);
        let (mut cuts, _) = self.way.interrupt(&mut ledger.played, active, held);
        for cut in &mut cuts {
            if let Some(heard_ms) = ledger.heard_by_word(&cut.item) {
                cut.played_ms = heard_ms.min(cut.sent_ms);
            }
        }
        for response in cuts.iter().map(|cut| &cut.response).chain(active) {
            ledger.narrator.on_silenced(response);
        }
        self.way.report(LineEvent::Interrupted { asked: true, cuts });
        self.way.wake();
    }

    fn end(&self, over: Over) {
        let mut ledger = self.lock();
        let held = ledger.held.take().and_then(unheard);
        if self.way.end(over, &mut ledger.played, held)
            && let Some((code, message)) = over.told()
        {
            ledger.complain(Complaint {
                event_id: None,
                code: code.to_owned(),
                param: None,
                message: message.to_owned(),
            });
        }
        drop(ledger);
        self.way.wake();
    }
}

impl RealtimeOutgoing {
    /// Tells the client at once how its session is.
    pub(super) fn new(
        lane: Arc<Lane>,
        owner: DerivedActorRef<TransportEvent>,
        limits: RealtimeLimits,
        wording: Wording,
        ended: &Ended,
    ) -> Self {
        let mut ledger = Ledger::new(wording, &lane, ended);
        ledger.put(&Event::SessionCreated(ledger.wording.view().clone()));
        let way = Way::new(lane, owner, count_end);
        Self { way, limits, ledger: Mutex::new(ledger) }
    }

    /// Shows the client something. What does not fit ends the connection: the client is too slow.
    pub(super) fn show(&self, show: Show) {
        let mut ledger = self.lock();
        ledger.show(show, &self.way.lane);
        let is_too_much = ledger.shown.len() > MAX_SHOWN;
        drop(ledger);
        if is_too_much {
            self.end(Over::Slow);
        }
        self.way.wake();
    }

    /// What the client sent cannot be used.
    pub(super) fn refuse(&self, refusal: Refusal) {
        let Refusal { event_id, code, param, message } = refusal;
        self.lock().complain(Complaint { event_id, code: code.to_owned(), param, message });
        self.way.wake();
    }

    /// The client says how much of a message was heard: it knows better than the clock.
    pub(super) fn on_truncated(&self, item_id: &ItemId, heard_ms: u64) {
        self.lock().on_truncated(item_id, heard_ms);
    }

    /// The client names an item.
    pub(super) fn on_named(&self, item_id: &ItemId) {
        self.lock().narrator.on_named(item_id);
    }

    /// The client sent so much audio.
    pub(super) fn on_appended(&self, bytes: u64) {
        self.lock().appended += bytes;
    }

    /// So much silence was given in the client's place.
    pub(super) fn on_fed(&self, bytes: u64) {
        self.lock().fed += bytes;
    }

    /// The client plainly speaks this dialect; before any sound it is taken at its word.
    pub(super) fn speak(&self, dialect: Dialect) {
        let mut ledger = self.lock();
        if !ledger.has_sounded && ledger.wording.dialect() != dialect {
            ledger.wording.speak(dialect);
        }
    }

    /// How audio is written.
    pub(super) fn format(&self) -> AudioFormat {
        self.lock().format
    }

    /// The client wants audio to be written so, and writes it so from here on.
    pub(super) fn expect(&self, format: AudioFormat) {
        let mut ledger = self.lock();
        if ledger.appended == 0 {
            ledger.set_format(format);
        }
    }

    /// Audio goes on being written so.
    pub(super) fn keep_format(&self, format: AudioFormat) {
        self.lock().set_format(format);
    }

    /// How long nothing was told.
    pub(super) fn quiet_for(&self) -> Duration {
        self.lock().told_at.elapsed()
    }

    /// Tells the call.
    pub(super) fn report(&self, event: LineEvent) {
        self.way.report(event);
    }

    /// The next piece of speech that can be told.
    fn next_speech(&self, ledger: &mut Ledger) -> Option<Speech> {
        let lane = &self.way.lane;
        let held = ledger.held.take();
        let is_new = held.is_none();
        let speech = held.or_else(|| lane.try_next_persona())?;
        let is_left_over = is_new && ledger.left_over > 0;
        ledger.left_over -= usize::from(is_left_over);
        if is_left_over || ledger.narrator.knows(&speech.of().response) || lane.persona_waiting() >= MAX_AHEAD
        {
            return Some(speech);
        }
        ledger.held = Some(speech);
        None
    }

    fn say(&self, ledger: &mut Ledger, speech: &Speech) {
        match speech {
            Speech::Audio { of, frame, payload } => {
                let payload = frame.as_str().get(payload.clone()).unwrap_or_default();
                match ledger.say(of, payload) {
                    Some(bytes) if bytes > 0 => {
                        self.way.on_audio(&mut ledger.played, &of.item, &of.response, bytes);
                    }
                    Some(_) => {}
                    None => metrics::counter!("ai_realtime_client_bad_speech_total").increment(1),
                }
            }
            Speech::End { of } => ledger.say_end(of),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Ledger> {
        // A panic in the ledger ends the connection, which empties it.
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn unheard(speech: Speech) -> Option<Unheard> {
    match speech {
        Speech::Audio { of, .. } => Some(Unheard { of }),
        Speech::End { .. } => None,
    }
}

fn count_end(how: &'static str) {
    metrics::counter!("ai_realtime_client_ends_total", "how" => how).increment(1);
}
