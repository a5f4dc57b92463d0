//! The audio lane of a call: two bounded queues between the line and the session, off the mailboxes.
//!
//! Neither end waits for the other. Audio travels as the base64 text it came in: nobody on the way decodes it.

mod caller;
mod comfort;
mod loudness;
mod persona;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use self::caller::{CallerQueue, Heard, Measure};
use self::persona::PersonaQueue;
use crate::id::{ItemId, ResponseId};
use crate::sound::AudioFormat;

pub use self::caller::Mark;
pub use self::persona::{Speech, Spoken, Unheard};

/// Audio that is given again to another socket though the model heard it and nobody speak in it: the beginning of a
/// word that it had not noticed yet.
const PRE_ROLL_MS: usize = 1_000;

/// Both ways of a call's audio. Allocated when the call begins, shared by its line and its session.
#[derive(Debug)]
pub struct Lane {
    format: Mutex<AudioFormat>,
    /// Whoever listens takes everything for the model's: they hear nothing else.
    is_plain: bool,
    from_caller: Mutex<CallerQueue>,
    caller_came: Notify,
    from_persona: Mutex<PersonaQueue>,
    persona_came: Notify,
}

impl Lane {
    /// A lane that holds at most `capacity` frames each way. What the caller says is put into `envelope` when the model
    /// is given it.
    pub fn new(capacity: usize, envelope: (&'static str, &'static str), format: AudioFormat) -> Self {
        let measure = Measure { envelope, pre_roll: format.base64_chars(PRE_ROLL_MS) };
        Self {
            format: Mutex::new(format),
            is_plain: false,
            from_caller: Mutex::new(CallerQueue::new(capacity, measure)),
            caller_came: Notify::new(),
            from_persona: Mutex::new(PersonaQueue::new(capacity)),
            persona_came: Notify::new(),
        }
    }

    /// The same, for whoever takes all that is heard for the model's.
    #[must_use]
    pub fn plain(mut self) -> Self {
        self.is_plain = true;
        self
    }

    /// Audio of the caller: base64, in the format the session was told. A full lane loses its oldest frame, which
    /// is counted.
    pub fn push_caller(&self, payload: &str) {
        self.push(payload);
    }

    /// Something for the model to do that must stand where it stands among the caller's audio: JSON.
    pub fn push_order(&self, order: &str) {
        self.push(order);
    }

    fn push(&self, payload: &str) {
        let is_lost = lock(&self.from_caller).push(payload.into());
        if is_lost {
            count_lost(1);
        }
        self.caller_came.notify_one();
    }

    /// Whether the caller says themselves when they have said something: until then nothing of it is forgotten.
    pub fn keep_all(&self, keeps_all: bool) {
        lock(&self.from_caller).keep_all(keeps_all);
    }

    /// How much of the caller's newest audio is loud enough to be words, looking back so far.
    pub fn voiced(&self, back: Duration) -> Duration {
        let back_ms = usize::try_from(back.as_millis()).unwrap_or(usize::MAX / 64);
        let format = self.format();
        let payloads = lock(&self.from_caller).newest(format.base64_chars(back_ms));
        loudness::voiced(format, payloads.iter().map(AsRef::as_ref))
    }

    /// Bytes of all audio of the caller's that ever came.
    pub fn caller_came(&self) -> u64 {
        lock(&self.from_caller).came()
    }

    /// Bytes of all audio of the caller's that came before what the model is given next: where it listens, whatever
    /// socket it listens through.
    pub fn caller_reached(&self) -> u64 {
        lock(&self.from_caller).reached()
    }

    /// How its audio is written.
    pub fn format(&self) -> AudioFormat {
        *lock(&self.format)
    }

    /// Its audio is written in another way from here on.
    pub fn set_format(&self, format: AudioFormat) {
        *lock(&self.format) = format;
        lock(&self.from_caller).set_pre_roll(format.base64_chars(PRE_ROLL_MS));
    }

    /// The model was given everything up to this mark. What it was given since is kept, silence too: a socket that is
    /// dead though open takes whatever is written to it.
    pub fn confirm_caller(&self, mark: Mark) {
        lock(&self.from_caller).confirm(mark);
    }

    /// The model hears speech: what it is given from here on is kept until it says that it has the whole of it.
    pub fn caller_speaks(&self) {
        lock(&self.from_caller).speech_began();
    }

    /// The model has taken what the caller said: it stands in the conversation of this socket, as this item.
    pub fn caller_committed(&self, item_id: &ItemId) {
        lock(&self.from_caller).committed(item_id.clone());
    }

    /// Whether the model hears speech that it has not taken yet: it waits for the end of it.
    pub fn is_caller_speaking(&self) -> bool {
        lock(&self.from_caller).is_speaking()
    }

    /// What the caller said up to this item is known in writing, or was answered: its audio need not be kept.
    pub fn caller_understood(&self, item_id: &ItemId) {
        lock(&self.from_caller).understood(item_id);
    }

    /// Another socket takes the caller's audio from here on, and the one before gets no further frame: what it had
    /// been given and had not taken is given again.
    pub fn listen(self: &Arc<Self>) -> Listener {
        let (number, lost) = lock(&self.from_caller).rewind();
        count_lost(lost);
        self.caller_came.notify_one();
        Listener { lane: Arc::clone(self), number }
    }

    /// Audio of the persona. What belongs to an interrupted response is passed over; a full lane loses the newest,
    /// which is counted.
    pub fn push_persona(&self, speech: Speech) {
        match lock(&self.from_persona).push(speech) {
            Ok(()) => self.persona_came.notify_one(),
            Err(persona::Lost::Interrupted) => {
                metrics::counter!("ai_realtime_audio_late_frames_total").increment(1);
            }
            Err(persona::Lost::Full) => {
                metrics::counter!("ai_realtime_audio_frames_dropped_total", "from" => "persona").increment(1);
            }
        }
    }

    /// Lets the caller hear a short tone: the line is alive. It is a message of its own, and none of the model's. Answers
    /// whether this line's caller wants that.
    pub fn comfort(&self) -> bool {
        if self.is_plain {
            return false;
        }
        lock(&self.from_persona).comfort(&comfort::tone(self.format()));
        self.persona_came.notify_one();
        true
    }

    /// The next of the persona's audio for the line.
    pub async fn next_persona(&self) -> Speech {
        loop {
            if let Some(speech) = self.try_next_persona() {
                return speech;
            }
            self.persona_came.notified().await;
        }
    }

    /// Waits until something of the persona's has come since this was last waited for. What has come must then be
    /// taken with [`try_next_persona`](Self::try_next_persona): a line that keeps a ledger takes it under its own lock.
    pub async fn persona_came(&self) {
        self.persona_came.notified().await;
    }

    /// How many pieces of the persona's speech wait for the line.
    pub fn persona_waiting(&self) -> usize {
        lock(&self.from_persona).waiting()
    }

    /// How long it takes to hear what waits for the line; a little more than that.
    pub fn persona_waits(&self) -> Duration {
        Duration::from_millis(self.format().ms_of_base64(lock(&self.from_persona).chars()))
    }

    /// The next of the persona's audio, if any waits.
    pub fn try_next_persona(&self) -> Option<Speech> {
        lock(&self.from_persona).next()
    }

    /// The message that audio came of last, and how many characters of base64.
    pub fn received(&self) -> Option<(ItemId, u64)> {
        lock(&self.from_persona).received()
    }

    /// How much audio came of this message, in milliseconds, as far as that is remembered.
    pub fn received_of(&self, item: &ItemId) -> Option<u64> {
        let chars = lock(&self.from_persona).received_of(item)?;
        Some(self.format().ms_of_base64(chars))
    }

    /// The model's socket is gone: what it was saying ends here, and nothing that still comes of it is taken.
    pub fn end_persona(&self) {
        lock(&self.from_persona).end();
        self.persona_came.notify_one();
    }

    /// What still comes of this response shall not be heard: what it was saying ends here.
    pub fn refuse(&self, response: &ResponseId) {
        lock(&self.from_persona).refuse(response);
        self.persona_came.notify_one();
    }

    /// Whether any of the persona's audio waits here, or is on the line and was not heard to its end.
    pub fn is_sounding(&self) -> bool {
        lock(&self.from_persona).is_sounding()
    }

    /// The line says that all audio it took has been heard.
    pub fn persona_played(&self) {
        lock(&self.from_persona).played();
    }

    /// Nothing of what was said so far shall be heard any more: neither what waits here, nor what still comes of
    /// the response that spoke last or of `active`. Answers what had waited, and so was not heard at all.
    pub fn interrupt(&self, active: Option<&ResponseId>) -> Vec<Unheard> {
        lock(&self.from_persona).interrupt(active)
    }
}

/// A socket's end of the caller's audio. Of all that a lane has given only the newest hears anything.
#[derive(Debug)]
pub struct Listener {
    lane: Arc<Lane>,
    number: u64,
}

impl Listener {
    /// How far it has been given what the caller said; `None` since another listens.
    pub fn mark(&self) -> Option<Mark> {
        lock(&self.lane.from_caller).mark_for(self.number)
    }

    /// The next frame of the caller's for the model, or `None` for ever since another listens.
    pub async fn next(&self) -> Option<Utf8Bytes> {
        loop {
            match lock(&self.lane.from_caller).next_for(self.number) {
                Heard::Frame(frame) => return Some(frame),
                Heard::Nothing => {}
                Heard::Elsewhere => {
                    // What woke this one may have been meant for the other.
                    self.lane.caller_came.notify_one();
                    return None;
                }
            }
            self.lane.caller_came.notified().await;
        }
    }
}

/// Frames of the caller's that no model has heard, and none will.
fn count_lost(frames: u64) {
    metrics::counter!("ai_realtime_audio_frames_dropped_total", "from" => "caller").increment(frames);
}

fn lock<T>(queue: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is locked is whole between two statements: one that a panic left is as good as any.
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lane(envelope: (&'static str, &'static str)) -> Arc<Lane> {
        Arc::new(Lane::new(4, envelope, AudioFormat::Pcmu))
    }

    #[tokio::test]
    async fn the_callers_audio_is_put_into_its_envelope() {
        let lane = lane(("{\"audio\":\"", "\"}"));
        lane.push_caller("AAAA");
        assert_eq!(lane.listen().next().await.unwrap().as_str(), "{\"audio\":\"AAAA\"}");
    }

    #[tokio::test]
    async fn whoever_waits_is_woken_by_what_comes() {
        let lane = lane(("", ""));
        let listener = lane.listen();
        let waiting = tokio::spawn(async move { listener.next().await });
        tokio::task::yield_now().await;
        lane.push_caller("BBBB");
        assert_eq!(waiting.await.unwrap().unwrap().as_str(), "BBBB");
    }

    #[tokio::test]
    async fn of_two_that_listen_only_the_newer_is_given_anything() {
        let lane = lane(("", ""));
        let old = lane.listen();
        let waiting = tokio::spawn(async move { old.next().await });
        tokio::task::yield_now().await;
        let new = lane.listen();
        let hearing = tokio::spawn(async move { new.next().await });
        tokio::task::yield_now().await;
        lane.push_caller("CCCC");
        assert_eq!(hearing.await.unwrap().unwrap().as_str(), "CCCC");
        assert_eq!(waiting.await.unwrap(), None);
    }
}
