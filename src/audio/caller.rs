//! The caller's audio on its way to the model. Pure.

use std::collections::VecDeque;

use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::id::ItemId;

/// So many sayings wait to be understood at most.
const MAX_SAYINGS: usize = 16;

/// How what the caller says becomes frames, and how much of it is kept; lengths are characters of base64.
#[derive(Debug, Clone, Copy)]
pub(super) struct Measure {
    /// What is written before and after a payload to make it a frame of the model's.
    pub(super) envelope: (&'static str, &'static str),
    /// What is given again to another socket though the model heard it, and nobody speak in it.
    pub(super) pre_roll: usize,
}

impl Measure {
    /// An order among the audio is a frame already.
    fn frame(self, payload: &str) -> Utf8Bytes {
        if is_order(payload) {
            return payload.into();
        }
        let (before, after) = self.envelope;
        let mut frame = String::with_capacity(before.len() + payload.len() + after.len());
        frame.push_str(before);
        frame.push_str(payload);
        frame.push_str(after);
        frame.into()
    }
}

/// Whether this is something for the model to do, and no sound: base64 does not begin like JSON.
fn is_order(payload: &str) -> bool {
    payload.starts_with('{')
}

/// Characters of sound.
fn sound(payload: &str) -> usize {
    if is_order(payload) { 0 } else { payload.len() }
}

/// Bytes of sound.
fn bytes(payload: &str) -> u64 {
    let padding = payload.bytes().rev().take_while(|byte| *byte == b'=').count();
    (sound(payload) / 4 * 3).saturating_sub(padding) as u64
}

/// How far one socket has been given the caller's audio. It travels in a ping: the pong says that everything before
/// it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    listener: u64,
    frame: u64,
}

impl Mark {
    /// As a ping carries it.
    pub fn to_bytes(self) -> Vec<u8> {
        [self.listener.to_be_bytes(), self.frame.to_be_bytes()].concat()
    }

    /// From a pong; `None` when it answers no such ping.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (listener, frame) = bytes.split_first_chunk()?;
        Some(Self {
            listener: u64::from_be_bytes(*listener),
            frame: u64::from_be_bytes(frame.try_into().ok()?),
        })
    }
}

/// Frames that wait, and frames that were given to the model but that it would not remember, or may never have heard,
/// if its socket broke now. Only payloads are kept: each is put into its envelope as it is given.
#[derive(Debug)]
pub(super) struct CallerQueue {
    measure: Measure,
    frames: VecDeque<Box<str>>,
    /// The number of the oldest of them, of all that ever came.
    first: u64,
    /// So many of the oldest have been given to the present socket.
    given: usize,
    /// So many of those the model is known to have been given.
    confirmed: usize,
    /// How much audio these hold.
    confirmed_chars: usize,
    /// So many had to go that were given to the present socket, and are not known to have been heard.
    doubtful: u64,
    /// Of those given, how many were taken as which of the caller's sayings, oldest first, that are not understood yet.
    sayings: VecDeque<(ItemId, usize)>,
    capacity: usize,
    is_speaking: bool,
    /// Whoever speaks says themselves when they have: everything counts until then.
    keeps_all: bool,
    /// Bytes of all audio that ever came, and of what lies before the next frame for the model.
    came: u64,
    reached: u64,
    /// Which of those that have listened listens now.
    listener: u64,
}

/// What there is for one that listens.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Heard {
    Frame(Utf8Bytes),
    Nothing,
    /// Another listens.
    Elsewhere,
}

impl CallerQueue {
    pub(super) fn new(capacity: usize, measure: Measure) -> Self {
        Self {
            measure,
            frames: VecDeque::new(),
            first: 0,
            given: 0,
            confirmed: 0,
            confirmed_chars: 0,
            doubtful: 0,
            sayings: VecDeque::new(),
            capacity: capacity.max(1),
            is_speaking: false,
            keeps_all: false,
            came: 0,
            reached: 0,
            listener: 0,
        }
    }

    /// Takes a payload. Answers whether that cost one the model was never given: the oldest goes.
    pub(super) fn push(&mut self, payload: Box<str>) -> bool {
        let mut lost = false;
        if self.frames.len() == self.capacity {
            lost = self.given == 0;
            self.doubtful += u64::from(!lost && self.confirmed == 0);
            self.drop_oldest();
            while self.sayings.front().is_some_and(|(_, frames)| *frames == 0) {
                self.sayings.pop_front();
            }
            if let Some((_, oldest)) = self.sayings.front_mut() {
                *oldest -= 1;
            }
        }
        self.came += bytes(&payload);
        self.frames.push_back(payload);
        lost
    }

    /// Bytes of all audio that ever came.
    pub(super) fn came(&self) -> u64 {
        self.came
    }

    /// Bytes of all audio that came before what the model is given next.
    pub(super) fn reached(&self) -> u64 {
        self.reached
    }

    /// The next frame for this one of those that have listened.
    pub(super) fn next_for(&mut self, listener: u64) -> Heard {
        if listener != self.listener {
            return Heard::Elsewhere;
        }
        self.next().map_or(Heard::Nothing, Heard::Frame)
    }

    /// The next frame for the model.
    fn next(&mut self) -> Option<Utf8Bytes> {
        let payload = self.frames.get(self.given)?;
        let frame = self.measure.frame(payload);
        self.reached += bytes(payload);
        self.given += 1;
        Some(frame)
    }

    /// How far this one of those that have listened has been given what the caller said, if it listens still.
    pub(super) fn mark_for(&self, listener: u64) -> Option<Mark> {
        (listener == self.listener).then(|| Mark { listener, frame: self.first + self.given as u64 })
    }

    /// The model was given everything up to this mark.
    pub(super) fn confirm(&mut self, mark: Mark) {
        if mark.listener != self.listener {
            return;
        }
        self.doubtful = self.doubtful.min(self.first.saturating_sub(mark.frame));
        let heard =
            usize::try_from(mark.frame.saturating_sub(self.first)).unwrap_or(usize::MAX).min(self.given);
        if heard > self.confirmed {
            let newly = self.frames.range(self.confirmed..heard);
            self.confirmed_chars += newly.map(|payload| sound(payload)).sum::<usize>();
            self.confirmed = heard;
        }
        self.forget_silence();
    }

    /// The newest payloads that are still here, in order, as many as hold so many characters.
    pub(super) fn newest(&self, chars: usize) -> Vec<Box<str>> {
        let mut left = chars;
        let newest = self.frames.iter().rev().take_while(|payload| {
            let is_wanted = left > 0;
            left = left.saturating_sub(sound(payload));
            is_wanted
        });
        let mut payloads: Vec<_> = newest.cloned().collect();
        payloads.reverse();
        payloads
    }

    /// Forgets the oldest frame, whether it was given or not.
    fn drop_oldest(&mut self) {
        let Some(payload) = self.frames.pop_front() else {
            return;
        };
        self.first += 1;
        if self.given == 0 {
            self.reached += bytes(&payload);
        }
        self.given = self.given.saturating_sub(1);
        if self.confirmed > 0 {
            self.confirmed -= 1;
            self.confirmed_chars -= sound(&payload);
        }
    }

    /// The model has noticed that the caller speaks.
    pub(super) fn speech_began(&mut self) {
        self.is_speaking = true;
    }

    /// Whether all that was given is kept until it is understood.
    pub(super) fn keep_all(&mut self, keeps_all: bool) {
        self.keeps_all = keeps_all;
    }

    /// Another format: so many characters are given again to another socket.
    pub(super) fn set_pre_roll(&mut self, chars: usize) {
        self.measure.pre_roll = chars;
    }

    pub(super) fn is_speaking(&self) -> bool {
        self.is_speaking
    }

    /// The model has taken what the caller said, as this item. Until it is understood it is kept all the same.
    pub(super) fn committed(&mut self, item_id: ItemId) {
        self.is_speaking = false;
        if self.sayings.len() == MAX_SAYINGS {
            self.sayings.pop_front();
        }
        self.sayings.push_back((item_id, self.given.saturating_sub(self.committed_frames())));
    }

    /// Everything up to this saying is known in writing, or was answered.
    pub(super) fn understood(&mut self, item_id: &ItemId) {
        let Some(at) = self.sayings.iter().position(|(saying, _)| saying == item_id) else {
            return;
        };
        let done: usize = self.sayings.drain(..=at).map(|(_, frames)| frames).sum();
        let done = done.min(self.given);
        (0..done).for_each(|_| self.drop_oldest());
        self.forget_silence();
    }

    fn committed_frames(&self) -> usize {
        self.sayings.iter().map(|(_, frames)| frames).sum()
    }

    /// There is another socket, which was given nothing yet: the number of its listener, and how many frames the one
    /// before may not have heard that are gone.
    pub(super) fn rewind(&mut self) -> (u64, u64) {
        self.is_speaking |= !self.sayings.is_empty();
        self.reached -= self.frames.iter().take(self.given).map(|payload| bytes(payload)).sum::<u64>();
        (self.given, self.confirmed, self.confirmed_chars) = (0, 0, 0);
        self.sayings.clear();
        self.listener += 1;
        (self.listener, std::mem::take(&mut self.doubtful))
    }

    /// What the model is known to have heard, and heard nobody in, is not kept but for what a word may begin in.
    fn forget_silence(&mut self) {
        if self.is_speaking || self.keeps_all || !self.sayings.is_empty() {
            return;
        }
        let oldest = |queue: &Self| queue.frames.front().map_or(0, |payload| sound(payload));
        while self.confirmed > 0 && self.confirmed_chars - oldest(self) >= self.measure.pre_roll {
            self.drop_oldest();
        }
    }
}

#[cfg(test)]
mod tests;
