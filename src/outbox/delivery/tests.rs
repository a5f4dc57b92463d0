//! Whatever fails in whatever order, every event arrives once, and those of a call in their order.

use std::collections::BTreeMap;

use jiff::Timestamp;
use proptest::prelude::*;

use super::*;

/// Events taken up at once.
const BATCH: usize = 5;

/// What fails in a step.
#[derive(Debug, Clone, Copy)]
enum Fault {
    None,
    /// The database is away.
    Away,
    /// It does what it is asked, and the answer is lost.
    AnswerLost,
    /// It answers, but the service dies before that is noted.
    Killed,
    /// That it is delivered cannot be noted.
    NoteLost,
}

#[derive(Debug, Clone, Copy)]
enum Op {
    /// A call writes an event, which the database may not take.
    Write {
        call: u8,
        is_poison: bool,
    },
    Step(Fault),
}

/// A journal, a database, and the delivery between them.
#[derive(Default)]
struct World {
    journal: BTreeMap<u8, Vec<bool>>,
    noted: BTreeMap<u8, u64>,
    arrived: Vec<(u8, u64)>,
    delivery: Delivery,
}

fn call(event: &EventRecord) -> u8 {
    event.call_id.as_str().parse().unwrap()
}

impl World {
    fn undelivered(&self) -> Vec<EventRecord> {
        let mut events = Vec::new();
        for (call, written) in &self.journal {
            let from = self.noted.get(call).copied().unwrap_or(0);
            events.extend((from + 1..=written.len() as u64).map(|seq| EventRecord {
                call_id: call.to_string().parse().unwrap(),
                seq,
                at: Timestamp::UNIX_EPOCH,
                kind: "k".into(),
                body: "{}".into(),
                change: None,
            }));
        }
        events.truncate(BATCH);
        events
    }

    fn insert(&mut self, events: &[EventRecord]) -> Outcome {
        let is_poison = |event: &EventRecord| self.journal[&call(event)][event.seq as usize - 1];
        if events.iter().any(is_poison) {
            return Outcome::Unfit;
        }
        for event in events {
            let key = (call(event), event.seq);
            if !self.arrived.contains(&key) {
                self.arrived.push(key);
            }
        }
        Outcome::Taken
    }

    fn step(&mut self, fault: Fault) {
        let Some(events) = self.delivery.next().map(<[EventRecord]>::to_vec) else {
            let events = self.undelivered();
            return self.delivery.take_up(events);
        };
        let outcome = match fault {
            Fault::Away => Outcome::Later,
            Fault::AnswerLost => {
                self.insert(&events);
                Outcome::Later
            }
            Fault::None | Fault::Killed | Fault::NoteLost => self.insert(&events),
        };
        let Verdict::Settled(settled) = self.delivery.on_outcome(outcome, 0.5) else { return };
        match fault {
            Fault::Killed => self.delivery = Delivery::default(),
            Fault::NoteLost => drop(self.delivery.on_failure(0.5)),
            Fault::None | Fault::Away | Fault::AnswerLost => {
                for event in settled {
                    self.noted.insert(call(&event), event.seq);
                }
                self.delivery.on_noted();
            }
        }
    }
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        (0u8..3, prop::bool::weighted(0.2)).prop_map(|(call, is_poison)| Op::Write { call, is_poison }),
        (0u8..3, Just(false)).prop_map(|(call, is_poison)| Op::Write { call, is_poison }),
        prop::sample::select(vec![
            Fault::None,
            Fault::None,
            Fault::Away,
            Fault::AnswerLost,
            Fault::Killed,
            Fault::NoteLost,
        ])
        .prop_map(Op::Step),
    ]
}

proptest! {
    #[test]
    fn every_event_arrives_once_and_in_order(ops in prop::collection::vec(op(), 0..120)) {
        let mut world = World::default();
        for op in ops {
            match op {
                Op::Write { call, is_poison } => world.journal.entry(call).or_default().push(is_poison),
                Op::Step(fault) => world.step(fault),
            }
        }
        for _ in 0..2_000 {
            if world.delivery.next().is_none() && world.undelivered().is_empty() {
                break;
            }
            world.step(Fault::None);
        }
        prop_assert!(world.undelivered().is_empty(), "it comes to an end");
        for (call, written) in &world.journal {
            let good: Vec<_> = (1..).zip(written).filter(|(_, poison)| !**poison).map(|(seq, _)| seq).collect();
            let there: Vec<u64> = world.arrived.iter().filter(|(of, _)| of == call).map(|(_, seq)| *seq).collect();
            prop_assert_eq!(there, good);
        }
    }

    #[test]
    fn a_wait_grows_and_has_its_limits(failures in 1usize..80, luck in 0.0f64..=1.0) {
        let mut delivery = Delivery::default();
        let wait = (0..failures).fold(Duration::ZERO, |_, _| delivery.on_failure(luck));
        prop_assert!(wait <= LONGEST_WAIT);
        prop_assert!(wait >= FIRST_WAIT / 2);
        if failures > 8 {
            prop_assert!(wait >= LONGEST_WAIT / 2);
        }
        delivery.on_noted();
        prop_assert!(delivery.on_failure(luck) <= FIRST_WAIT, "what was delivered forgives");
    }
}
