//! The ledger beside a line that really plays: a buffer, a clock, and echoes that come when they come.

use std::collections::VecDeque;
use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

/// What the far end does: it plays eight bytes a millisecond, and sends marks back when it reaches them.
#[derive(Default)]
struct Line {
    queue: VecDeque<Queued>,
    /// By item: how much was really played, in bytes.
    played: BTreeMap<usize, u64>,
    echoes: VecDeque<String>,
}

enum Queued {
    Sound(usize, u64),
    Mark(String),
}

impl Line {
    fn pass(&mut self, ms: u64) {
        let mut bytes = ms * 8;
        loop {
            match self.queue.front_mut() {
                Some(Queued::Mark(name)) => self.echoes.push_back(std::mem::take(name)),
                Some(Queued::Sound(_, 0)) => {}
                Some(Queued::Sound(item, left)) if bytes > 0 => {
                    let now = bytes.min(*left);
                    *self.played.entry(*item).or_default() += now;
                    *left -= now;
                    bytes -= now;
                    continue;
                }
                Some(Queued::Sound(..)) | None => return,
            }
            self.queue.pop_front();
        }
    }

    fn clear(&mut self) {
        for queued in self.queue.drain(..) {
            if let Queued::Mark(name) = queued {
                self.echoes.push_back(name);
            }
        }
    }
}

#[derive(Debug, Clone)]
enum Step {
    Sound(u64),
    End,
    Pass(u64),
    Echo,
    EchoTwice,
    Interrupt,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => (1_u64..6000).prop_map(Step::Sound),
        2 => Just(Step::End),
        5 => (0_u64..900).prop_map(Step::Pass),
        5 => Just(Step::Echo),
        1 => Just(Step::EchoTwice),
        1 => Just(Step::Interrupt),
    ]
}

/// A ledger and a line, told the same.
struct Game {
    ledger: Playout,
    line: Line,
    now_ms: u64,
    /// The item being said.
    item: usize,
    /// By item of this generation: how much was sent, in bytes.
    sent: BTreeMap<usize, u64>,
    ended: BTreeSet<usize>,
    /// By item: the last estimate, in milliseconds.
    estimates: BTreeMap<usize, u64>,
    echoed: Vec<String>,
}

fn id(number: usize) -> ItemId {
    ItemId::from(number.to_string())
}

impl Game {
    fn new() -> Self {
        Self {
            ledger: Playout::new(8),
            line: Line::default(),
            now_ms: 77,
            item: 0,
            sent: BTreeMap::new(),
            ended: BTreeSet::new(),
            estimates: BTreeMap::new(),
            echoed: Vec::new(),
        }
    }

    fn take(&mut self, step: &Step) {
        match step {
            Step::Sound(bytes) => self.sound(*bytes),
            Step::End => self.end(),
            Step::Pass(ms) => self.pass(*ms),
            Step::Echo => self.echo(),
            Step::EchoTwice => {
                let again: Vec<String> = self.echoed.clone();
                for name in again {
                    assert_eq!(self.ledger.on_mark(&name, self.now_ms), MarkOutcome::Stale);
                }
            }
            Step::Interrupt => self.interrupt(),
        }
        self.compare();
    }

    fn sound(&mut self, bytes: u64) {
        let mark = self.ledger.on_audio(&id(self.item), &response(), bytes, self.now_ms);
        *self.sent.entry(self.item).or_default() += bytes;
        self.line.queue.push_back(Queued::Sound(self.item, bytes));
        self.line.queue.extend(mark.map(|mark| Queued::Mark(mark.to_string())));
        self.line.pass(0);
    }

    fn end(&mut self) {
        let mark = self.ledger.on_item_end(&id(self.item));
        self.line.queue.extend(mark.map(|mark| Queued::Mark(mark.to_string())));
        self.line.pass(0);
        if self.sent.len() < MAX_PIECES && self.sent.contains_key(&self.item) {
            self.ended.insert(self.item);
            self.item += 1;
        }
    }

    fn pass(&mut self, ms: u64) {
        self.now_ms += ms;
        self.line.pass(ms);
    }

    fn echo(&mut self) {
        if let Some(name) = self.line.echoes.pop_front() {
            let outcome = self.ledger.on_mark(&name, self.now_ms);
            if let MarkOutcome::Played { heard, silent } = outcome {
                assert_eq!(silent, !self.ledger.is_audible());
                for item in heard {
                    let number: usize = item.as_str().parse().unwrap();
                    assert_eq!(self.line.played.get(&number), self.sent.get(&number), "{number} was heard");
                }
            }
            self.echoed.push(name);
        }
    }

    fn interrupt(&mut self) {
        let unplayed_ms = self.ledger.unplayed_ms(self.now_ms);
        let cuts = self.ledger.interrupt(self.now_ms);
        self.line.clear();
        let mut names: Vec<usize> = Vec::new();
        let mut cut_ms = 0;
        for cut in &cuts {
            let number: usize = cut.item.as_str().parse().unwrap();
            names.push(number);
            assert!(cut.played_ms <= self.truly_played(number) / 8);
            assert_eq!(cut.sent_ms, self.sent[&number] / 8);
            assert!(cut.played_ms <= cut.sent_ms);
            assert!(cut.played_ms >= self.estimates.get(&number).copied().unwrap_or(0));
            assert_eq!(cut.ended, self.ended.contains(&number));
            cut_ms += cut.sent_ms - cut.played_ms;
        }
        assert!(names.is_sorted());
        assert!(cut_ms.abs_diff(unplayed_ms) <= cuts.len() as u64, "{cut_ms} and {unplayed_ms}");
        for (number, sent) in &self.sent {
            let unheard = self.truly_played(*number) < *sent || !self.ended.contains(number);
            assert!(!unheard || names.contains(number), "{number} is not cut");
        }
        self.sent.clear();
        self.item += 1;
        assert!(!self.ledger.is_audible());
    }

    fn truly_played(&self, number: usize) -> u64 {
        self.line.played.get(&number).copied().unwrap_or(0)
    }

    fn compare(&mut self) {
        let mut left = 0;
        for (number, sent) in &self.sent {
            let truth = self.truly_played(*number);
            left += sent - truth;
            let Some(estimate) = self.ledger.played_ms(&id(*number), self.now_ms) else {
                assert!(truth == *sent && self.ended.contains(number), "{number} was forgotten");
                continue;
            };
            assert!(estimate <= truth / 8, "{number}: {estimate} ms are too many, {truth} bytes were played");
            let before = self.estimates.insert(*number, estimate).unwrap_or(0);
            assert!(before <= estimate, "{number} went back from {before} to {estimate}");
        }
        assert!(self.ledger.unplayed_ms(self.now_ms) >= left.div_ceil(8));
        assert!(left == 0 || self.ledger.is_audible());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_more_is_counted_as_heard_than_was_played(steps in prop::collection::vec(step(), 0..120)) {
        let mut game = Game::new();
        for step in &steps {
            game.take(step);
        }
        game.take(&Step::End);
        game.pass(3_600_000);
        while !game.line.echoes.is_empty() {
            game.take(&Step::Echo);
        }
        prop_assert!(!game.ledger.is_audible());
        prop_assert_eq!(game.ledger.unplayed_ms(game.now_ms), 0);
    }

    #[test]
    fn the_estimate_is_exact_where_echoes_take_no_time(steps in prop::collection::vec(step(), 0..40)) {
        let mut game = Game::new();
        for step in steps {
            match step {
                Step::Sound(bytes) => game.take(&Step::Sound(bytes.next_multiple_of(8))),
                Step::Pass(ms) => {
                    for _ in 0..ms {
                        game.pass(1);
                        while !game.line.echoes.is_empty() {
                            game.echo();
                        }
                    }
                }
                Step::End | Step::Echo | Step::EchoTwice | Step::Interrupt => game.take(&step),
            }
            while !game.line.echoes.is_empty() {
                game.echo();
            }
            for (number, sent) in &game.sent {
                let truth = game.truly_played(*number);
                let estimate = game.ledger.played_ms(&id(*number), game.now_ms).unwrap_or(sent / 8);
                prop_assert_eq!(estimate, truth / 8, "of item {}", number);
            }
        }
    }
}
