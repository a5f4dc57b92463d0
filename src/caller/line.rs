//! The line a caller holds: what he does, and what he waits for.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::call::Command;
use super::identity::Identity;
use super::record::{Counters, Record};
use super::speech::{speak, understand};
use super::timeline::Moment;
use super::track::{Heard, Utterance};
use super::ulaw::{PER_MS, decode, encode};
use super::webhook::{Params, Webhooks};

/// Speech is given to the call in pieces of a second, so that one long text does not fill the queue.
const PIECE: usize = 1_000 * PER_MS as usize;

/// What a call is known by to those who act on it.
#[derive(Clone)]
pub(super) struct Handle {
    pub(super) identity: Arc<Identity>,
    pub(super) record: Arc<Record>,
    pub(super) webhooks: Webhooks,
    pub(super) commands: mpsc::Sender<Command>,
}

impl Handle {
    pub(super) fn params(&self, status: &str) -> Params {
        self.identity.params(status)
    }
}

/// A call in progress. Dropping it hangs up.
///
/// What is asked of a call that is over has no effect. Every wait has a deadline and ends early when the call does.
/// Times are milliseconds of the call: at pace 4 they pass four times as fast as the deadline.
pub struct Line {
    handle: Handle,
    /// Only what was heard from here on counts, in samples of the call.
    floor: AtomicU64,
    /// Utterances understood before, by where they began: how long they were, and their text.
    understood: Mutex<HashMap<u64, (usize, String)>>,
    _gone: DropGuard,
}

impl Line {
    pub(super) fn new(handle: Handle, gone: CancellationToken) -> Self {
        Self { handle, floor: AtomicU64::new(0), understood: Mutex::default(), _gone: gone.drop_guard() }
    }

    /// The call's id, `CA…`.
    pub fn call_sid(&self) -> &str {
        &self.handle.identity.call_sid
    }

    /// Makes more of Twilio's requests, signed like those of this call.
    pub fn webhooks(&self) -> &Webhooks {
        &self.handle.webhooks
    }

    /// The parameters of a request about this call in that `CallStatus`.
    pub fn params(&self, status: &str) -> Params {
        self.handle.params(status)
    }

    /// The TwiML documents the service has given so far, as they came.
    pub fn documents(&self) -> Vec<String> {
        self.record().read().documents.clone()
    }

    pub(super) fn record(&self) -> &Record {
        &self.handle.record
    }

    async fn tell(&self, command: Command) {
        // A call that is over has nobody to tell.
        let _ = self.handle.commands.send(command).await;
    }

    /// Says a text in tone speech, after what waits to be said.
    pub async fn say(&self, text: &str) {
        self.play(&speak(text)).await;
    }

    /// Says linear samples at 8,000 Hz.
    pub async fn play(&self, samples: &[i16]) {
        self.play_mulaw(&encode(samples)).await;
    }

    /// Says µ-law bytes at 8,000 Hz, exactly these.
    pub async fn play_mulaw(&self, mulaw: &[u8]) {
        if !mulaw.is_empty() {
            // So that a wait for the end of it does not see the silence before it.
            self.record().change(|state| state.caller_is_silent = false);
        }
        for piece in mulaw.chunks(PIECE) {
            self.tell(Command::Play(piece.to_vec())).await;
        }
    }

    /// Presses a key: `0` to `9`, `*`, `#` or `A` to `D`.
    pub async fn press(&self, digit: char) {
        self.tell(Command::Press(digit)).await;
    }

    /// Hangs up: the stream gets its `stop`, the service its status callback.
    pub async fn hang_up(&self) {
        self.tell(Command::HangUp).await;
    }

    /// Drops the stream's socket without `stop` and without a close frame, as a network fault would. The call goes
    /// on with the TwiML.
    pub async fn drop_socket(&self) {
        self.tell(Command::DropSocket).await;
    }

    /// Sends the service something Twilio would not: any text, any bytes.
    pub async fn send_raw(&self, message: Message) {
        self.tell(Command::Raw(message)).await;
    }

    /// Loses the next frames on their way; their numbers and their time are missing.
    pub async fn skip_frames(&self, frames: u64) {
        self.tell(Command::Lose(frames)).await;
    }

    /// Stops reading what the service sends on the stream.
    pub async fn stop_reading(&self) {
        self.tell(Command::Read(false)).await;
    }

    /// Reads again.
    pub async fn read_again(&self) {
        self.tell(Command::Read(true)).await;
    }

    /// From now on only what is heard afterwards counts for [`Line::heard`], [`Line::heard_text`] and every wait.
    pub fn listen_afresh(&self) {
        self.floor.store(self.record().clock.samples(), Ordering::Relaxed);
    }

    pub(super) fn floor(&self) -> u64 {
        self.floor.load(Ordering::Relaxed)
    }

    /// What the caller has heard, silence included.
    pub fn heard(&self) -> Heard {
        self.record().read().heard.since(self.floor())
    }

    /// What the caller has said, silence included.
    pub fn said(&self) -> Heard {
        self.record().read().spoken.since(self.floor())
    }

    /// What the caller said and heard since dialling, silence included, whatever counts otherwise.
    pub fn whole_call(&self) -> (Heard, Heard) {
        let state = self.record().read();
        (state.spoken.since(0), state.heard.since(0))
    }

    /// What the caller has heard, as text; utterances are parted by a space.
    pub fn heard_text(&self) -> String {
        let texts = self.utterances_since(self.floor());
        let texts: Vec<&str> = texts.iter().map(String::as_str).filter(|text| !text.is_empty()).collect();
        texts.join(" ")
    }

    /// The texts of all the caller has heard since dialling, parted where 400 ms of nothing were; empty where nothing
    /// can be understood.
    pub fn utterances(&self) -> Vec<String> {
        self.utterances_since(0)
    }

    fn utterances_since(&self, floor: u64) -> Vec<String> {
        let utterances = self.record().read().heard.utterances(floor);
        let mut understood = self.understood.lock().unwrap_or_else(PoisonError::into_inner);
        let texts = utterances.into_iter().map(|Utterance { began, mulaw }| match understood.get(&began) {
            Some((length, text)) if *length == mulaw.len() => text.clone(),
            _ => {
                let text = understand(&decode(&mulaw)).trim().to_owned();
                understood.insert(began, (mulaw.len(), text.clone()));
                text
            }
        });
        texts.collect()
    }

    /// What has happened so far.
    pub fn events(&self) -> Vec<Moment> {
        self.record().read().moments.clone()
    }

    /// Figures so far.
    pub fn counters(&self) -> Counters {
        self.record().read().counters
    }

    /// Call time now, in milliseconds.
    pub fn now_ms(&self) -> u64 {
        self.record().now_ms()
    }
}
