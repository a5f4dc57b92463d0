//! The persona's audio on its way to the caller. Pure.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::id::{ItemId, ResponseId};

/// So many bytes of the model's frames wait at most: several minutes of G.711.
const MAX_BYTES: usize = 8 << 20;
/// So many interrupted responses are remembered: what comes of older ones has come.
const REMEMBERED: usize = 16;
/// Of so many messages it is remembered how much audio came.
const MEASURED: usize = 64;

/// Which message audio belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spoken {
    /// The response.
    pub response: ResponseId,
    /// The message of it.
    pub item: ItemId,
}

/// A piece of the persona's speech, as the model sent it.
#[derive(Debug, Clone)]
pub enum Speech {
    /// Audio.
    Audio {
        /// Of what.
        of: Arc<Spoken>,
        /// The model's frame, which holds the payload.
        frame: Utf8Bytes,
        /// Where in the frame the payload stands: base64.
        payload: Range<usize>,
    },
    /// All audio of this message has come.
    End {
        /// Of what.
        of: Arc<Spoken>,
    },
}

impl Speech {
    /// The message it belongs to.
    pub fn of(&self) -> &Arc<Spoken> {
        match self {
            Self::Audio { of, .. } | Self::End { of } => of,
        }
    }
}

/// A message of which something waited in the lane when it was interrupted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unheard {
    /// Which.
    pub of: Arc<Spoken>,
}

/// Why a piece was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lost {
    /// Its response was interrupted.
    Interrupted,
    /// The line does not drain.
    Full,
}

#[derive(Debug)]
pub(super) struct PersonaQueue {
    waiting: VecDeque<Speech>,
    bytes: usize,
    capacity: usize,
    /// The message that spoke last, and how much base64 has come of it.
    last: Option<(Arc<Spoken>, u64)>,
    /// How much base64 came of the messages before.
    lengths: VecDeque<(Arc<Spoken>, u64)>,
    /// Audio came that may still be heard, here or on the line.
    is_sounding: bool,
    interrupted: VecDeque<ResponseId>,
    comforts: u64,
}

impl PersonaQueue {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            waiting: VecDeque::new(),
            bytes: 0,
            capacity: capacity.max(1),
            last: None,
            lengths: VecDeque::new(),
            is_sounding: false,
            interrupted: VecDeque::new(),
            comforts: 0,
        }
    }

    pub(super) fn push(&mut self, speech: Speech) -> Result<(), Lost> {
        let response = &speech.of().response;
        if self.interrupted.contains(response) {
            return Err(Lost::Interrupted);
        }
        // The end of a message is worth its place however full it is: without it nobody knows that it was heard.
        if let Speech::Audio { frame, .. } = &speech {
            if !self.has_room(frame) {
                return Err(Lost::Full);
            }
            self.bytes += frame.len();
        }
        self.is_sounding |= matches!(speech, Speech::Audio { .. });
        self.count(&speech);
        self.waiting.push_back(speech);
        Ok(())
    }

    fn has_room(&self, frame: &Utf8Bytes) -> bool {
        self.waiting.len() < self.capacity && self.bytes + frame.len() <= MAX_BYTES
    }

    pub(super) fn next(&mut self) -> Option<Speech> {
        let speech = self.waiting.pop_front()?;
        if let Speech::Audio { frame, .. } = &speech {
            self.bytes -= frame.len();
        }
        Some(speech)
    }

    /// How much waits, in characters.
    pub(super) fn chars(&self) -> u64 {
        self.bytes as u64
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    fn count(&mut self, speech: &Speech) {
        let Speech::Audio { of, payload, .. } = speech else {
            return;
        };
        match &mut self.last {
            Some((last, length)) if Arc::ptr_eq(last, of) || last == of => *length += payload.len() as u64,
            other => {
                let before = other.replace((Arc::clone(of), payload.len() as u64));
                self.measured(before);
            }
        }
    }

    fn measured(&mut self, message: Option<(Arc<Spoken>, u64)>) {
        if self.lengths.len() == MEASURED {
            self.lengths.pop_front();
        }
        self.lengths.extend(message);
    }

    /// How much base64 came of this message.
    pub(super) fn received_of(&self, item: &ItemId) -> Option<u64> {
        let all = self.last.iter().chain(self.lengths.iter().rev());
        all.filter(|(of, _)| of.item == *item).map(|(_, length)| *length).next()
    }

    pub(super) fn is_sounding(&self) -> bool {
        self.is_sounding
    }

    /// All that was taken from here has been heard.
    pub(super) fn played(&mut self) {
        self.is_sounding = self.waiting.iter().any(|speech| matches!(speech, Speech::Audio { .. }));
    }

    pub(super) fn received(&self) -> Option<(ItemId, u64)> {
        self.last.as_ref().map(|(last, length)| (last.item.clone(), *length))
    }

    /// Nothing more comes of what spoke last: its socket is gone.
    pub(super) fn end(&mut self) {
        if let Some((last, length)) = self.last.take() {
            self.pass_over(&last.response);
            self.measured(Some((Arc::clone(&last), length)));
            self.waiting.push_back(Speech::End { of: last });
        }
    }

    /// A tone that no model made.
    pub(super) fn comfort(&mut self, tone: &Utf8Bytes) {
        self.comforts += 1;
        let name = format!("comfort_{}", self.comforts);
        let of = Arc::new(Spoken { response: name.as_str().into(), item: name.as_str().into() });
        // A line that does not drain has no room for it, and its caller hears other things.
        if !self.has_room(tone) {
            return;
        }
        self.bytes += tone.len();
        self.is_sounding = true;
        let audio = Speech::Audio { of: Arc::clone(&of), frame: tone.clone(), payload: 0..tone.len() };
        self.waiting.extend([audio, Speech::End { of }]);
    }

    pub(super) fn interrupt(&mut self, active: Option<&ResponseId>) -> Vec<Unheard> {
        if let Some((last, length)) = self.last.take() {
            self.pass_over(&last.response);
            self.measured(Some((last, length)));
        }
        active.into_iter().for_each(|active| self.pass_over(active));
        self.is_sounding = false;
        let mut unheard: Vec<Unheard> = Vec::new();
        self.bytes = 0;
        for speech in std::mem::take(&mut self.waiting) {
            if let Speech::Audio { of, .. } = speech
                && unheard.last().is_none_or(|last| last.of != of)
            {
                unheard.push(Unheard { of });
            }
        }
        for unheard in &unheard {
            self.pass_over(&unheard.of.response);
        }
        unheard
    }

    /// What still comes of a response is passed over, and what it was saying ends here.
    pub(super) fn refuse(&mut self, response: &ResponseId) {
        if self.last.as_ref().is_some_and(|(last, _)| last.response == *response) {
            self.end();
        }
        self.pass_over(response);
    }

    fn pass_over(&mut self, response: &ResponseId) {
        if self.interrupted.contains(response) {
            return;
        }
        if self.interrupted.len() == REMEMBERED {
            self.interrupted.pop_front();
        }
        self.interrupted.push_back(response.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(response: &str, item: &str) -> Arc<Spoken> {
        Arc::new(Spoken { response: response.into(), item: item.into() })
    }

    fn audio(of: &Arc<Spoken>) -> Speech {
        Speech::Audio { of: Arc::clone(of), frame: "AAAA".into(), payload: 0..4 }
    }

    #[test]
    fn what_comes_late_of_an_interrupted_response_is_not_taken() {
        let mut queue = PersonaQueue::new(8);
        let (first, second) = (of("r1", "a"), of("r1", "b"));
        for piece in [audio(&first), audio(&first), Speech::End { of: Arc::clone(&first) }, audio(&second)] {
            queue.push(piece).unwrap();
        }
        assert!(queue.next().is_some());
        let unheard = queue.interrupt(None);
        assert_eq!(unheard, [Unheard { of: Arc::clone(&first) }, Unheard { of: Arc::clone(&second) }]);
        assert!(queue.next().is_none());
        assert_eq!(queue.push(audio(&second)), Err(Lost::Interrupted));
        assert_eq!(queue.push(audio(&of("r2", "c"))), Ok(()));
    }

    #[test]
    fn it_sounds_until_all_that_came_was_played_or_interrupted() {
        let (mut queue, message) = (PersonaQueue::new(8), of("r1", "a"));
        queue.push(Speech::End { of: Arc::clone(&message) }).unwrap();
        assert!(!queue.is_sounding());
        queue.push(audio(&message)).unwrap();
        queue.played();
        assert!(queue.is_sounding(), "it waits still");
        while queue.next().is_some() {}
        assert!(queue.is_sounding(), "it is on the line");
        queue.played();
        assert!(!queue.is_sounding());
        queue.push(audio(&message)).unwrap();
        queue.interrupt(None);
        assert!(!queue.is_sounding());
    }

    #[test]
    fn a_response_that_has_not_spoken_yet_can_be_interrupted() {
        let mut queue = PersonaQueue::new(8);
        assert!(queue.interrupt(Some(&"r1".into())).is_empty());
        assert_eq!(queue.push(audio(&of("r1", "a"))), Err(Lost::Interrupted));
    }

    #[test]
    fn what_is_refused_in_its_middle_ends_there() {
        let (mut queue, message) = (PersonaQueue::new(8), of("r1", "a"));
        queue.push(audio(&message)).unwrap();
        queue.refuse(&"r1".into());
        assert!(matches!(queue.next(), Some(Speech::Audio { .. })));
        assert!(matches!(queue.next(), Some(Speech::End { of }) if of == message));
        assert_eq!(queue.push(audio(&message)), Err(Lost::Interrupted));
        queue.refuse(&"r1".into());
        assert!(queue.next().is_none());
    }

    #[test]
    fn a_tone_is_a_message_of_its_own() {
        let mut queue = PersonaQueue::new(8);
        queue.comfort(&"AAAA".into());
        queue.comfort(&"AAAA".into());
        let names: Vec<_> =
            std::iter::from_fn(|| queue.next()).map(|speech| speech.of().item.to_string()).collect();
        assert_eq!(names, ["comfort_1", "comfort_1", "comfort_2", "comfort_2"]);
        assert_eq!((queue.received(), queue.is_sounding()), (None, true), "nothing of it came of the model");
    }

    #[test]
    fn a_line_that_does_not_drain_costs_the_newest_audio_but_never_the_end_of_a_message() {
        let mut queue = PersonaQueue::new(1);
        let item = of("r1", "a");
        assert_eq!(queue.push(audio(&item)), Ok(()));
        assert_eq!(queue.push(audio(&item)), Err(Lost::Full));
        assert_eq!(queue.push(Speech::End { of: item }), Ok(()));
    }
}
