//! The caller's audio on its way to the model. Pure.

use std::collections::VecDeque;

use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::id::ItemId;

/// So many sayings wait to be understood at most.
const MAX_SAYINGS: usize = 16;

/// By what frames are measured: characters of base64, of which so many are a time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Measure {
    /// Characters of each frame that are no audio.
    pub(super) envelope: usize,
    /// Those of them that come after it.
    pub(super) after: usize,
    /// What is given again to another socket though nobody was heard to speak in it.
    pub(super) pre_roll: usize,
}

impl Measure {
    fn chars(self, frame: &Utf8Bytes) -> usize {
        frame.len().saturating_sub(self.envelope)
    }

    fn bytes(self, frame: &Utf8Bytes) -> u64 {
        let padding =
            frame.as_bytes().iter().rev().skip(self.after).take_while(|byte| **byte == b'=').count();
        (self.chars(frame) / 4 * 3).saturating_sub(padding) as u64
    }
}

/// Frames that wait, and frames that were given to the model but that it would not remember if its socket broke now.
#[derive(Debug)]
pub(super) struct CallerQueue {
    measure: Measure,
    frames: VecDeque<Utf8Bytes>,
    /// So many of the oldest have been given to the present socket.
    given: usize,
    /// How much audio these hold.
    given_chars: usize,
    /// Of those, how many were taken as which of the caller's sayings, oldest first, that are not understood yet.
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
            given: 0,
            given_chars: 0,
            sayings: VecDeque::new(),
            capacity: capacity.max(1),
            is_speaking: false,
            listener: 0,
            keeps_all: false,
            came: 0,
            reached: 0,
        }
    }

    /// Takes a frame. Answers whether that cost one the model was never given: the oldest goes.
    pub(super) fn push(&mut self, frame: Utf8Bytes) -> bool {
        let mut lost = false;
        if self.frames.len() == self.capacity {
            lost = self.given == 0;
            self.drop_oldest();
            while self.sayings.front().is_some_and(|(_, frames)| *frames == 0) {
                self.sayings.pop_front();
            }
            if let Some((_, oldest)) = self.sayings.front_mut() {
                *oldest -= 1;
            }
        }
        self.came += self.measure.bytes(&frame);
        self.frames.push_back(frame);
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
        let frame = self.frames.get(self.given)?.clone();
        self.given += 1;
        self.given_chars += self.measure.chars(&frame);
        self.reached += self.measure.bytes(&frame);
        self.forget_silence();
        Some(frame)
    }

    /// The newest frames that are still here, in order, as many as hold so many characters.
    pub(super) fn newest(&self, chars: usize) -> Vec<Utf8Bytes> {
        let mut left = chars;
        let is_wanted = |frame: &&Utf8Bytes| {
            let is_wanted = left > 0;
            left = left.saturating_sub(self.measure.chars(frame));
            is_wanted
        };
        let mut frames: Vec<_> = self.frames.iter().rev().take_while(is_wanted).cloned().collect();
        frames.reverse();
        frames
    }

    /// Forgets the oldest frame, whether it was given or not.
    fn drop_oldest(&mut self) {
        let Some(frame) = self.frames.pop_front() else {
            return;
        };
        if self.given > 0 {
            self.given -= 1;
            self.given_chars -= self.measure.chars(&frame);
        } else {
            self.reached += self.measure.bytes(&frame);
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

    /// There is another socket, which was given nothing yet: the number of its listener.
    pub(super) fn rewind(&mut self) -> u64 {
        self.is_speaking |= !self.sayings.is_empty();
        let again: u64 = self.frames.iter().take(self.given).map(|frame| self.measure.bytes(frame)).sum();
        self.reached -= again;
        (self.given, self.given_chars) = (0, 0);
        self.sayings.clear();
        self.listener += 1;
        self.listener
    }

    fn forget_silence(&mut self) {
        if self.is_speaking || self.keeps_all || !self.sayings.is_empty() {
            return;
        }
        let keep = self.measure.pre_roll;
        let chars = |queue: &Self| queue.frames.front().map_or(0, |frame| queue.measure.chars(frame));
        while self.given > 0 && self.given_chars - chars(self) >= keep {
            self.drop_oldest();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The numbers that the tests have for frames have two digits where it matters.
    const PRE_ROLL: usize = 50;

    fn queue_of(capacity: usize) -> CallerQueue {
        CallerQueue::new(capacity, Measure { envelope: 0, after: 0, pre_roll: 2 * PRE_ROLL })
    }

    fn filled(capacity: usize, frames: std::ops::Range<usize>) -> CallerQueue {
        let mut queue = queue_of(capacity);
        for n in frames {
            queue.push(n.to_string().into());
        }
        queue
    }

    fn all(queue: &mut CallerQueue) -> Vec<usize> {
        std::iter::from_fn(|| queue.next()).map(|frame| frame.as_str().parse().unwrap()).collect()
    }

    #[test]
    fn what_was_said_before_there_was_a_socket_comes_in_order() {
        let mut queue = filled(100, 0..10);
        assert_eq!(all(&mut queue), (0..10).collect::<Vec<_>>());
        assert!(queue.next().is_none());
    }

    #[test]
    fn words_that_a_lost_socket_had_not_taken_are_given_again() {
        let mut queue = filled(500, 0..100);
        all(&mut queue);
        queue.speech_began();
        for n in 100..300 {
            queue.push(n.to_string().into());
        }
        all(&mut queue);
        queue.rewind();
        assert_eq!(all(&mut queue), (100 - PRE_ROLL..300).collect::<Vec<_>>());
    }

    #[test]
    fn words_that_were_understood_are_not_given_again() {
        let mut queue = filled(500, 0..100);
        queue.speech_began();
        all(&mut queue);
        queue.committed("u1".into());
        queue.push("100".into());
        queue.rewind();
        assert_eq!(all(&mut queue).len(), 101, "they were taken, and not understood");
        queue.committed("u2".into());
        queue.understood(&"u2".into());
        queue.push("101".into());
        queue.rewind();
        assert_eq!(all(&mut queue), [101]);
    }

    #[test]
    fn to_understand_one_saying_is_not_to_understand_the_next() {
        let mut queue = filled(500, 0..100);
        queue.speech_began();
        all(&mut queue);
        queue.committed("u1".into());
        for n in 100..200 {
            queue.push(n.to_string().into());
        }
        all(&mut queue);
        queue.committed("u2".into());
        queue.understood(&"u1".into());
        queue.rewind();
        assert_eq!(all(&mut queue), (100..200).collect::<Vec<_>>());
    }

    #[test]
    fn the_oldest_goes_when_there_is_no_room_and_only_what_nobody_heard_counts_as_lost() {
        let mut queue = filled(3, 0..3);
        assert!(queue.push("3".into()));
        queue.speech_began();
        assert_eq!(all(&mut queue), [1, 2, 3]);
        assert!(!queue.push("4".into()), "the model was given the one that went");
        assert_eq!(all(&mut queue), [4]);
    }

    proptest! {
        #[test]
        fn every_frame_is_given_in_order_or_counted_as_lost(ops in proptest::collection::vec(0u8..8, 0..400)) {
            let mut queue = queue_of(20);
            let (mut pushed, mut last) = (0_usize, None);
            let (mut given, mut lost) = (std::collections::BTreeSet::new(), std::collections::BTreeSet::new());
            for op in ops.into_iter().chain([2; 20]) {
                match op {
                    0 | 1 => {
                        let oldest = queue.frames.front().map(|frame| frame.as_str().parse::<usize>().unwrap());
                        if queue.push(pushed.to_string().into()) {
                            lost.insert(oldest.unwrap());
                        }
                        pushed += 1;
                    }
                    2 | 3 => {
                        if let Some(frame) = queue.next() {
                            let frame: usize = frame.as_str().parse().unwrap();
                            prop_assert!(last.is_none_or(|last| frame > last), "in order on one socket");
                            last = Some(frame);
                            given.insert(frame);
                        }
                    }
                    4 => queue.speech_began(),
                    5 => queue.committed(pushed.to_string().into()),
                    6 => {
                        let known = queue.sayings.front().map(|(item, _)| item.clone());
                        known.into_iter().for_each(|item| queue.understood(&item));
                    }
                    _ => {
                        queue.rewind();
                        last = None;
                    }
                }
                prop_assert!(queue.frames.len() <= 20 && queue.given <= queue.frames.len());
                prop_assert!(queue.committed_frames() <= queue.given);
                let given_chars: usize = queue.frames.iter().take(queue.given).map(|frame| frame.len()).sum();
                prop_assert_eq!(queue.given_chars, given_chars);
            }
            given.extend(lost);
            prop_assert_eq!(given.len(), pushed);
        }
    }
}
