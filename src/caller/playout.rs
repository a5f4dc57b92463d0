//! Twilio's playout buffer: what the service has sent and the caller has not heard yet.
//!
//! Everything is played in order and in real time. A mark is echoed when all audio queued before it has been
//! played, at once when nothing waits, and at once when the buffer is cleared.
//! Source: <https://www.twilio.com/docs/voice/media-streams/websocket-messages>

use std::collections::VecDeque;

use super::ulaw::PER_MS;

/// Audio that may wait. Twilio documents no limit; ten minutes are more than any answer.
const MAX_WAITING: usize = 600_000 * PER_MS as usize;
/// Marks that may wait for their audio.
const MAX_MARKS: usize = 10_000;

/// The buffer. Pure: its clock is whoever calls [`Playout::advance`].
#[derive(Debug, Default)]
pub(super) struct Playout {
    waiting: VecDeque<u8>,
    /// Outstanding marks, each with the number of bytes that must have been played before its echo.
    marks: VecDeque<(u64, String)>,
    played: u64,
}

/// What a stretch of time has brought the caller, and the echoes that are due.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Played {
    /// The µ-law bytes heard, from the beginning of the stretch; shorter than it when the buffer ran empty.
    pub(super) audio: Vec<u8>,
    /// Marks to be echoed, in the order they came.
    pub(super) marks: Vec<String>,
}

/// What a `clear` has thrown away.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Cleared {
    /// Milliseconds of audio the caller will not hear.
    pub(super) dropped_ms: u64,
    /// Marks to be echoed, in the order they came.
    pub(super) marks: Vec<String>,
}

/// The buffer takes no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("more waits to be played than any call can need")]
pub(super) struct PlayoutFull;

impl Playout {
    /// Queues µ-law audio.
    ///
    /// # Errors
    /// [`PlayoutFull`] once ten minutes wait; this audio is lost.
    pub(super) fn on_media(&mut self, audio: &[u8]) -> Result<(), PlayoutFull> {
        if self.waiting.len() + audio.len() > MAX_WAITING {
            return Err(PlayoutFull);
        }
        self.waiting.extend(audio);
        Ok(())
    }

    /// Queues a mark; given back when it is to be echoed at once.
    ///
    /// # Errors
    /// [`PlayoutFull`] once 10,000 marks wait; this one is lost.
    pub(super) fn on_mark(&mut self, name: String) -> Result<Option<String>, PlayoutFull> {
        if self.waiting.is_empty() {
            return Ok(Some(name));
        }
        if self.marks.len() == MAX_MARKS {
            return Err(PlayoutFull);
        }
        self.marks.push_back((self.played + self.waiting.len() as u64, name));
        Ok(None)
    }

    /// Drops what waits; all outstanding marks are to be echoed.
    pub(super) fn on_clear(&mut self) -> Cleared {
        let dropped_ms = self.waiting.len() as u64 / PER_MS;
        self.waiting.clear();
        Cleared { dropped_ms, marks: self.marks.drain(..).map(|(_, name)| name).collect() }
    }

    /// Lets so many samples of time pass: 8 are a millisecond.
    pub(super) fn advance(&mut self, samples: u64) -> Played {
        let many = usize::try_from(samples).unwrap_or(usize::MAX).min(self.waiting.len());
        let audio: Vec<u8> = self.waiting.drain(..many).collect();
        self.played += many as u64;
        let due = self.marks.partition_point(|(due, _)| *due <= self.played);
        let marks = self.marks.drain(..due).map(|(_, name)| name).collect();
        Played { audio, marks }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_mark_to_an_empty_buffer_is_echoed_at_once() {
        assert_eq!(Playout::default().on_mark("m".into()), Ok(Some("m".into())));
    }

    #[test]
    fn a_mark_is_echoed_when_the_last_byte_before_it_was_played() {
        let mut playout = Playout::default();
        playout.on_media(&[1; 160]).unwrap();
        assert_eq!(playout.on_mark("m".into()), Ok(None));
        playout.on_media(&[2; 160]).unwrap();
        assert_eq!(playout.advance(159).marks, [""; 0]);
        assert_eq!(playout.advance(1), Played { audio: vec![1], marks: vec!["m".into()] });
        assert_eq!(playout.advance(1_000).audio, [2; 160]);
    }

    #[test]
    fn a_clear_drops_the_audio_and_echoes_every_mark() {
        let mut playout = Playout::default();
        playout.on_media(&[1; 320]).unwrap();
        playout.on_mark("a".into()).unwrap();
        playout.on_mark("b".into()).unwrap();
        playout.advance(80);
        assert_eq!(playout.on_clear(), Cleared { dropped_ms: 30, marks: vec!["a".into(), "b".into()] });
        assert_eq!(playout.on_mark("c".into()), Ok(Some("c".into())));
        assert_eq!(playout.advance(8), Played::default());
    }

    #[test]
    fn what_does_not_fit_is_refused_whole() {
        let mut playout = Playout::default();
        playout.on_media(&vec![1; MAX_WAITING]).unwrap();
        assert_eq!(playout.on_media(&[1]), Err(PlayoutFull));
        assert_eq!(playout.waiting.len(), MAX_WAITING);
        for _ in 0..MAX_MARKS {
            playout.on_mark("m".into()).unwrap();
        }
        assert_eq!(playout.on_mark("m".into()), Err(PlayoutFull));
    }

    #[derive(Debug, Clone)]
    enum Step {
        Media(usize),
        Mark,
        Clear,
        Advance(u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (0..500_usize).prop_map(Step::Media),
            3 => Just(Step::Mark),
            1 => Just(Step::Clear),
            4 => (0..600_u64).prop_map(Step::Advance),
        ]
    }

    proptest! {
        /// Compared with a model that knows each byte and each mark by its number.
        #[test]
        fn bytes_and_marks_come_out_once_and_in_order(steps in proptest::collection::vec(step(), 0..60)) {
            let mut playout = Playout::default();
            let mut queue: VecDeque<Result<u8, String>> = VecDeque::new();
            let (mut byte, mut mark) = (0_u8, 0_u32);
            for step in steps {
                match step {
                    Step::Media(many) => {
                        let audio: Vec<u8> = (0..many).map(|_| { byte = byte.wrapping_add(1); byte }).collect();
                        queue.extend(audio.iter().copied().map(Ok));
                        playout.on_media(&audio).unwrap();
                    }
                    Step::Mark => {
                        mark += 1;
                        let echo = playout.on_mark(mark.to_string()).unwrap();
                        prop_assert_eq!(echo.is_some(), queue.is_empty());
                        if echo.is_none() {
                            queue.push_back(Err(mark.to_string()));
                        }
                    }
                    Step::Clear => {
                        let cleared = playout.on_clear();
                        let marks: Vec<String> = queue.drain(..).filter_map(Result::err).collect();
                        prop_assert_eq!(cleared.marks, marks);
                    }
                    Step::Advance(samples) => {
                        let mut expected = Played::default();
                        while let Some(next) = queue.front() {
                            match next {
                                Ok(_) if expected.audio.len() as u64 == samples => break,
                                Ok(byte) => expected.audio.push(*byte),
                                Err(name) => expected.marks.push(name.clone()),
                            }
                            queue.pop_front();
                        }
                        prop_assert_eq!(playout.advance(samples), expected);
                    }
                }
            }
        }
    }
}
