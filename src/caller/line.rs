//! The line a caller holds: what he does, and what he waits for.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::Message;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::call::Command;
use super::identity::Identity;
use super::record::{Counters, Record, State};
use super::speech::{speak, understand};
use super::timeline::{Ending, Moment, TimelineEvent};
use super::track::{Heard, Utterance};
use super::ulaw::{PER_MS, decode, encode};
use super::webhook::{Params, Webhooks};

/// How often conditions that only time can fulfil are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// Speech is given to the call in pieces of a second, so that one long text does not fill the queue.
const PIECE: usize = 1_000 * PER_MS as usize;
/// Silence after which an answer is taken to be complete, in milliseconds of the call.
const ANSWERED_MS: u64 = 800;
/// Moments a [`Late`] tells.
const MOMENTS_TOLD: usize = 40;

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

/// What was awaited did not come.
pub struct Late {
    awaited: String,
    why: &'static str,
    heard: String,
    moments: Vec<Moment>,
}

impl fmt::Display for Late {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; heard: {:?}; so far:", self.awaited, self.why, self.heard)?;
        let skipped = self.moments.len().saturating_sub(MOMENTS_TOLD);
        for moment in &self.moments[skipped..] {
            write!(f, "\n{moment}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Late {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Late {}

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

    fn record(&self) -> &Record {
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

    fn floor(&self) -> u64 {
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

    /// Waits until `look` finds something.
    ///
    /// # Errors
    /// [`Late`] when the deadline has passed, or the call is over, and it has not.
    async fn until<T>(
        &self,
        awaited: &str,
        deadline: Duration,
        mut look: impl FnMut(&State, u64) -> Option<T>,
    ) -> Result<T, Late> {
        let mut changed = self.record().watch();
        let wait = async {
            loop {
                let over = {
                    let state = self.record().read();
                    if let Some(found) = look(&state, self.record().clock.samples()) {
                        return Ok(found);
                    }
                    state.over
                };
                if over {
                    return Err("the call is over");
                }
                let _ = tokio::time::timeout(LOOK_EVERY, changed.changed()).await;
            }
        };
        match tokio::time::timeout(deadline, wait).await {
            Ok(Ok(found)) => Ok(found),
            Ok(Err(why)) => Err(self.late(awaited, why)),
            Err(_) => Err(self.late(awaited, "the deadline has passed")),
        }
    }

    fn late(&self, awaited: &str, why: &'static str) -> Late {
        Late { awaited: awaited.to_owned(), why, heard: self.heard_text(), moments: self.events() }
    }

    /// Waits for the first thing that has happened, or happens, on the call that `wanted` finds.
    ///
    /// # Errors
    /// [`Late`].
    pub async fn until_event(
        &self,
        awaited: &str,
        deadline: Duration,
        wanted: impl Fn(&TimelineEvent) -> bool,
    ) -> Result<Moment, Late> {
        let mut seen = 0;
        self.until(awaited, deadline, |state, _| {
            let found = state.moments[seen..].iter().find(|moment| wanted(&moment.event)).cloned();
            seen = state.moments.len();
            found
        })
        .await
    }

    /// Waits for the moments after the first `seen`; gives all that have come since.
    ///
    /// # Errors
    /// [`Late`] when none came, or the call is over.
    pub async fn until_more(&self, seen: usize, deadline: Duration) -> Result<Vec<Moment>, Late> {
        self.until("something new", deadline, |state, _| {
            state.moments.get(seen..).filter(|new| !new.is_empty()).map(<[Moment]>::to_vec)
        })
        .await
    }

    /// Waits until so many streams have started since dialling.
    ///
    /// # Errors
    /// [`Late`].
    pub async fn until_streams(&self, streams: u64, deadline: Duration) -> Result<(), Late> {
        self.until("a stream", deadline, |state, _| (state.counters.streams >= streams).then_some(())).await
    }

    /// Waits until the caller has said all he had to say.
    ///
    /// # Errors
    /// [`Late`].
    pub async fn until_said(&self, deadline: Duration) -> Result<(), Late> {
        self.until("the end of the caller's words", deadline, |state, _| state.caller_is_silent.then_some(()))
            .await
    }

    /// Waits until the caller hears the persona.
    ///
    /// # Errors
    /// [`Late`].
    pub async fn until_speaks(&self, deadline: Duration) -> Result<(), Late> {
        let floor = self.floor();
        self.until("the persona's voice", deadline, |state, _| {
            state.ear.last_audible().filter(|last| *last >= floor).map(|_| ())
        })
        .await
    }

    /// Waits until the caller has heard nothing for so many milliseconds of the call.
    ///
    /// # Errors
    /// [`Late`].
    pub async fn until_quiet(&self, ms: u64, deadline: Duration) -> Result<(), Late> {
        let floor = self.floor();
        self.until("silence", deadline, |state, now| {
            let since = state.ear.last_audible().unwrap_or_default().max(floor);
            (now >= since + ms * PER_MS).then_some(())
        })
        .await
    }

    /// Waits until the caller has heard these words, whatever their case; gives all he has heard.
    ///
    /// # Errors
    /// [`Late`].
    pub async fn until_heard(&self, words: &str, deadline: Duration) -> Result<String, Late> {
        let wanted = words.to_lowercase();
        let listen = async {
            let mut received = None;
            loop {
                let played = self.record().read().ear.last_audible();
                if received != Some(played) {
                    received = Some(played);
                    let text = self.heard_text();
                    if text.to_lowercase().contains(&wanted) {
                        return Ok(text);
                    }
                } else if self.record().read().over {
                    return Err("the call is over");
                }
                // Understanding costs more than looking, and a word takes longer to say than this.
                tokio::time::sleep(LOOK_EVERY * 5).await;
            }
        };
        match tokio::time::timeout(deadline, listen).await {
            Ok(Ok(text)) => Ok(text),
            Ok(Err(why)) => Err(self.late(words, why)),
            Err(_) => Err(self.late(words, "the deadline has passed")),
        }
    }

    /// Says a text, and waits until the persona has answered and fallen silent; gives the answer. One deadline for
    /// all of it.
    ///
    /// # Errors
    /// [`Late`].
    pub async fn ask(&self, text: &str, deadline: Duration) -> Result<String, Late> {
        let asked = async {
            self.say(text).await;
            self.until_said(deadline).await?;
            self.listen_afresh();
            self.until_speaks(deadline).await?;
            self.until_quiet(ANSWERED_MS, deadline).await?;
            Ok(self.heard_text())
        };
        tokio::time::timeout(deadline, asked)
            .await
            .unwrap_or_else(|_| Err(self.late(text, "the deadline has passed")))
    }

    /// Waits until the call has ended.
    ///
    /// # Errors
    /// [`Late`].
    pub async fn until_ended(&self, deadline: Duration) -> Result<Ending, Late> {
        self.until("the end of the call", deadline, |state, _| {
            state.moments.iter().rev().find_map(|moment| {
                if let TimelineEvent::CallEnded { ending } = &moment.event {
                    Some(ending.clone())
                } else {
                    None
                }
            })
        })
        .await
    }

    /// Waits until the call has ended and all its status callbacks were answered or given up.
    ///
    /// # Errors
    /// [`Late`].
    pub async fn until_over(&self, deadline: Duration) -> Result<(), Late> {
        self.until("the last callback", deadline, |state, _| state.over.then_some(())).await
    }
}
