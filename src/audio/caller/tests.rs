//! What is kept of the caller's audio, in which order of events.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

/// The numbers that the tests have for frames have two digits where it matters.
const PRE_ROLL: usize = 50;

fn queue_of(capacity: usize) -> CallerQueue {
    CallerQueue::new(capacity, Measure { envelope: ("", ""), pre_roll: 2 * PRE_ROLL })
}

fn filled(capacity: usize, frames: std::ops::Range<usize>) -> CallerQueue {
    let mut queue = queue_of(capacity);
    for n in frames {
        queue.push(n.to_string().into());
    }
    queue
}

fn mark(queue: &CallerQueue) -> Mark {
    queue.mark_for(queue.listener).unwrap()
}

fn confirm(queue: &mut CallerQueue) {
    queue.confirm(mark(queue));
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
    confirm(&mut queue);
    queue.speech_began();
    for n in 100..300 {
        queue.push(n.to_string().into());
    }
    all(&mut queue);
    confirm(&mut queue);
    queue.rewind();
    assert_eq!(all(&mut queue), (100 - PRE_ROLL..300).collect::<Vec<_>>());
}

#[test]
fn what_a_half_open_socket_was_given_and_did_not_confirm_is_given_again() {
    let mut queue = filled(500, 0..100);
    all(&mut queue);
    confirm(&mut queue);
    for n in 100..300 {
        queue.push(n.to_string().into());
    }
    all(&mut queue);
    queue.rewind();
    assert_eq!(all(&mut queue), (100 - PRE_ROLL..300).collect::<Vec<_>>());
}

#[test]
fn a_pong_of_an_older_socket_says_nothing_of_the_present_one() {
    let mut queue = filled(500, 0..100);
    all(&mut queue);
    let late = mark(&queue);
    queue.rewind();
    all(&mut queue);
    queue.confirm(late);
    queue.rewind();
    assert_eq!(all(&mut queue).len(), 100);
}

#[test]
fn a_mark_comes_back_from_a_pong_as_it_went_and_nothing_else_does() {
    let mark = Mark { listener: 7, frame: u64::MAX - 3 };
    assert_eq!(Mark::from_bytes(&mark.to_bytes()), Some(mark));
    for other in [&[][..], b"keepalive", &[0; 17]] {
        assert_eq!(Mark::from_bytes(other), None);
    }
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
    assert_eq!(queue.rewind().1, 1, "and may not have heard it");
    assert_eq!(all(&mut queue), [2, 3, 4]);
    queue.push("5".into());
    confirm(&mut queue);
    assert_eq!(queue.rewind().1, 0, "it heard all that was given it");
}

/// What must be true of every frame, kept beside the queue and by other means.
#[derive(Default)]
struct Ledger {
    pushed: usize,
    said: usize,
    /// Given to the present socket, in order.
    given: Vec<usize>,
    /// Known to have been heard by it.
    heard: BTreeSet<usize>,
    /// Taken as a saying that is not understood yet.
    sayings: Vec<(ItemId, Vec<usize>)>,
    marks: Vec<(Mark, Vec<usize>)>,
    speaking: bool,
    /// Gone, and given to a socket of which nobody knows whether it heard them.
    doubtful: BTreeSet<usize>,
    /// Gone, with good reason.
    accounted: BTreeSet<usize>,
}

fn kept(queue: &CallerQueue) -> Vec<usize> {
    queue.frames.iter().map(|payload| payload.parse().unwrap()).collect()
}

impl Ledger {
    fn step(&mut self, queue: &mut CallerQueue, op: u8) {
        let before = kept(queue);
        match op {
            0 | 1 => {
                let lost = queue.push(self.pushed.to_string().into());
                self.pushed += 1;
                let gone = before.first().filter(|oldest| kept(queue).first() != Some(oldest));
                if let Some(gone) = gone {
                    assert_eq!(lost, !self.given.contains(gone), "{gone} is counted if nobody was given it");
                    if !lost && !self.heard.contains(gone) {
                        self.doubtful.insert(*gone);
                    }
                    self.accounted.insert(*gone);
                }
            }
            2 | 3 => {
                if let Some(frame) = queue.next() {
                    let frame = frame.as_str().parse().unwrap();
                    let expected = before.iter().find(|kept| !self.given.contains(kept));
                    assert_eq!(Some(&frame), expected, "in order, and none left out");
                    self.given.push(frame);
                }
            }
            4 => {
                queue.speech_began();
                self.speaking = true;
            }
            5 => {
                self.said += 1;
                let item_id = ItemId::from(format!("u{}", self.said));
                let taken: Vec<_> = self.sayings.iter().flat_map(|(_, frames)| frames.clone()).collect();
                let frames = self.given.iter().filter(|frame| !taken.contains(frame)).copied().collect();
                queue.committed(item_id.clone());
                self.sayings.push((item_id, frames));
                self.speaking = false;
            }
            6 if !self.sayings.is_empty() => {
                let (item_id, frames) = self.sayings.remove(0);
                queue.understood(&item_id);
                self.accounted.extend(frames);
                self.forgive_silence(queue);
            }
            7 => self.marks.push((mark(queue), self.given.clone())),
            8 if !self.marks.is_empty() => {
                let (mark, given) = self.marks.remove(0);
                queue.confirm(mark);
                if mark.listener == queue.listener {
                    self.doubtful.retain(|gone| !given.contains(gone));
                    self.heard.extend(given);
                }
                self.forgive_silence(queue);
            }
            9 => {
                let (_, lost) = queue.rewind();
                assert!(lost >= self.doubtful.len() as u64, "what may not have been heard counts as lost");
                self.doubtful.clear();
                self.speaking |= !self.sayings.is_empty();
                self.given.clear();
                self.heard.clear();
                self.sayings.clear();
            }
            _ => {}
        }
        self.forget_sayings(queue);
        let after = kept(queue);
        for gone in before.iter().filter(|frame| !after.contains(frame)) {
            assert!(self.accounted.contains(gone), "{gone} is gone after {op} without a reason");
        }
    }

    /// A saying of which nothing is kept any more is forgotten; what there is of one too many belongs to the next.
    fn forget_sayings(&mut self, queue: &CallerQueue) {
        let mut left_over = Vec::new();
        self.sayings.retain_mut(|(item_id, frames)| {
            let is_known = queue.sayings.iter().any(|(known, _)| known == item_id);
            if is_known {
                frames.splice(0..0, std::mem::take(&mut left_over));
            } else {
                left_over.append(frames);
            }
            is_known
        });
    }

    /// What was heard and is no saying may go, but for the newest of it.
    fn forgive_silence(&mut self, queue: &CallerQueue) {
        if self.speaking || !self.sayings.is_empty() {
            return;
        }
        let after = kept(queue);
        let newest: usize = after
            .iter()
            .filter(|frame| self.heard.contains(frame))
            .map(|frame| frame.to_string().len())
            .sum();
        let gone: Vec<_> = self.heard.iter().filter(|frame| !after.contains(frame)).copied().collect();
        assert!(gone.iter().all(|gone| self.accounted.contains(gone)) || newest >= queue.measure.pre_roll);
        self.accounted.extend(gone);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn every_frame_is_given_again_until_it_is_known_as_silence_or_understood_or_counts_as_lost(
        ops in proptest::collection::vec(0_u8..10, 0..200)
    ) {
        let mut queue = CallerQueue::new(20, Measure { envelope: ("", ""), pre_roll: 6 });
        let mut ledger = Ledger::default();
        for op in ops.into_iter().chain([9]).chain([2; 20]) {
            ledger.step(&mut queue, op);
            prop_assert!(queue.frames.len() <= 20 && queue.given <= queue.frames.len());
            prop_assert!(queue.confirmed <= queue.given && queue.committed_frames() <= queue.given);
            let confirmed: usize = queue.frames.iter().take(queue.confirmed).map(|payload| payload.len()).sum();
            prop_assert_eq!(queue.confirmed_chars, confirmed);
        }
        let known: BTreeSet<_> = ledger.given.iter().chain(&ledger.accounted).copied().collect();
        prop_assert_eq!(known.len(), ledger.pushed);
    }
}
