use std::collections::HashMap;

use proptest::prelude::*;

use super::*;
use crate::session::breaker::{FAILURES, FIRST_REST, REFUSED_REST};

const PATIENCE: Duration = Duration::from_secs(10);

fn ask(now: Instant, patience: Duration) -> Ask {
    Ask { deadline: now + patience, again: true, pauses: Pauses::default() }
}

/// Asks, and expects to be let in at once.
fn granted(admission: &mut Admission, now: Instant) -> Grant {
    admission.ask(Ask { again: false, ..ask(now, PATIENCE) }).unwrap();
    match &admission.advance(now, || 0.0)[..] {
        [(_, Verdict::Go(grant))] => *grant,
        other => panic!("{other:?}"),
    }
}

fn fail(admission: &mut Admission, grant: Grant, failure: Failure, now: Instant) {
    admission.failed(grant, failure, "http_503", now, 0.0);
    admission.gone(grant, now);
}

/// An admission whose primary endpoint has just failed too often.
fn without_primary(has_fallback: bool, now: Instant) -> Admission {
    let mut admission = Admission::new(has_fallback, 100);
    for _ in 0..FAILURES {
        let grant = granted(&mut admission, now);
        assert_eq!(grant.role, Role::Primary);
        fail(&mut admission, grant, Failure::Overloaded, now);
    }
    admission
}

#[test]
fn the_fallback_takes_over_and_new_sockets_come_back_to_the_primary_once_its_probe_was_of_use() {
    let now = Instant::now();
    let mut admission = without_primary(true, now);
    let kept = granted(&mut admission, now);
    assert_eq!(kept.role, Role::Fallback);
    let later = now + FIRST_REST;
    let probe = granted(&mut admission, later);
    assert_eq!(probe.role, Role::Primary);
    assert_eq!(granted(&mut admission, later).role, Role::Fallback, "the others do not wait for the probe");
    admission.opened(probe);
    admission.configured(probe, later);
    assert_eq!(granted(&mut admission, later + SETTLED_AFTER / 2).role, Role::Fallback);
    assert_eq!(granted(&mut admission, later + SETTLED_AFTER).role, Role::Primary);
    assert_eq!(admission.standing(Role::Primary), Some(Standing::Closed));
}

#[test]
fn a_socket_that_opens_and_hears_an_error_was_of_no_use() {
    let now = Instant::now();
    let mut admission = Admission::new(false, 100);
    for _ in 0..FAILURES {
        let grant = granted(&mut admission, now);
        admission.opened(grant);
        admission.configured(grant, now);
        fail(&mut admission, grant, Failure::Lost, now);
    }
    assert_eq!(admission.standing(Role::Primary), Some(Standing::Open));
    assert!(admission.is_away(now) && !admission.is_away(now + FIRST_REST));
}

#[test]
fn sockets_that_were_of_use_may_all_be_lost_without_a_word_against_the_endpoint() {
    let now = Instant::now();
    let mut admission = Admission::new(false, 100);
    let grants: Vec<_> = (0..50).map(|_| granted(&mut admission, now)).collect();
    for grant in &grants {
        admission.opened(*grant);
        admission.succeeded(*grant, now);
    }
    for grant in grants {
        fail(&mut admission, grant, Failure::Lost, now);
    }
    assert_eq!(admission.standing(Role::Primary), Some(Standing::Closed));
}

#[test]
fn a_refusal_sends_everyone_to_the_fallback_and_without_one_away() {
    let now = Instant::now();
    let mut admission = Admission::new(true, 100);
    let grant = granted(&mut admission, now);
    admission.failed(grant, Failure::Refused, "insufficient_quota", now, 0.0);
    assert_eq!(admission.refusal(now), None);
    let grant = granted(&mut admission, now);
    assert_eq!(grant.role, Role::Fallback);
    admission.failed(grant, Failure::Refused, "model_not_found", now, 0.0);
    let ticket = admission.ask(ask(now, PATIENCE)).unwrap();
    let refused = Verdict::Refused { code: "insufficient_quota".to_owned() };
    assert_eq!(admission.advance(now, || 0.0), [(ticket, refused)]);
    assert_eq!(granted(&mut admission, now + REFUSED_REST).role, Role::Primary);
}

#[test]
fn whoever_was_just_failed_by_one_is_let_to_the_other_at_once() {
    let now = Instant::now();
    let mut admission = Admission::new(true, 100);
    let mut pauses = Pauses::default();
    pauses.pause(Role::Primary, now + Duration::from_millis(500));
    admission.ask(Ask { pauses, ..ask(now, PATIENCE) }).unwrap();
    let told = admission.advance(now, || 0.0);
    assert!(matches!(told[..], [(_, Verdict::Go(Grant { role: Role::Fallback, .. }))]), "{told:?}");
    pauses.pause(Role::Fallback, now + Duration::from_millis(700));
    admission.ask(Ask { pauses, ..ask(now, PATIENCE) }).unwrap();
    assert_eq!(admission.advance(now, || 0.0), []);
    let wake_at = admission.wake_at().unwrap();
    assert_eq!(wake_at, now + Duration::from_millis(500));
    let told = admission.advance(wake_at, || 0.0);
    assert!(matches!(told[..], [(_, Verdict::Go(Grant { role: Role::Primary, .. }))]), "{told:?}");
}

#[test]
fn who_has_the_least_time_left_goes_first_and_among_equals_who_came_first() {
    let now = Instant::now();
    let mut admission = without_primary(false, now);
    let text: Vec<_> = (0..3).filter_map(|_| admission.ask(ask(now, PATIENCE * 6))).collect();
    let spoken: Vec<_> = (0..3).filter_map(|_| admission.ask(ask(now, PATIENCE))).collect();
    let mut order = Vec::new();
    let mut at = now;
    while order.len() < 6 {
        let told = admission.advance(at, || 1.0);
        if told.is_empty() {
            at = admission.wake_at().unwrap();
        }
        for (ticket, verdict) in told {
            let Verdict::Go(grant) = verdict else { panic!("{verdict:?}") };
            admission.opened(grant);
            admission.succeeded(grant, at);
            order.push(ticket);
        }
    }
    assert_eq!(order, [spoken, text].concat());
}

#[test]
fn those_who_are_new_when_an_outage_ends_come_at_its_pace_too() {
    let now = Instant::now();
    let mut admission = without_primary(false, now);
    for _ in 0..20 {
        admission.ask(Ask { again: false, ..ask(now, PATIENCE) }).unwrap();
    }
    assert_eq!(admission.advance(now, || 0.0), []);
    let later = now + FIRST_REST;
    let told = admission.advance(later, || 0.0);
    let [(_, Verdict::Go(probe))] = told[..] else { panic!("{told:?}") };
    admission.opened(probe);
    admission.succeeded(probe, later);
    assert_eq!(
        admission.advance(later, || 0.0).len(),
        9,
        "a tenth of a second's at once, the probe among them"
    );
}

#[test]
fn whoever_waits_in_vain_is_told_at_their_deadline_and_why() {
    let now = Instant::now();
    let mut admission = without_primary(false, now);
    let ticket = admission.ask(ask(now, FIRST_REST / 2)).unwrap();
    assert_eq!(admission.advance(now, || 0.0), []);
    let wake_at = admission.wake_at().unwrap();
    assert_eq!(wake_at, now + FIRST_REST / 2);
    let late = Verdict::Late { why: "http_503".to_owned() };
    assert_eq!(admission.advance(wake_at, || 0.0), [(ticket, late)]);
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Wait(u64),
    Ask { patience_ms: u64, again: bool },
    Leave(usize),
    Open(usize),
    Configure(usize),
    Succeed(usize),
    Fail(usize, Failure),
    Drop(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let failure = prop_oneof![
        4 => Just(Failure::Overloaded),
        4 => Just(Failure::Lost),
        1 => Just(Failure::Refused),
    ];
    prop_oneof![
        3 => (0_u64..2_000).prop_map(Step::Wait),
        6 => (1_u64..15_000, any::<bool>()).prop_map(|(patience_ms, again)| Step::Ask { patience_ms, again }),
        1 => any::<usize>().prop_map(Step::Leave),
        2 => any::<usize>().prop_map(Step::Open),
        1 => any::<usize>().prop_map(Step::Configure),
        2 => any::<usize>().prop_map(Step::Succeed),
        3 => (any::<usize>(), failure).prop_map(|(which, failure)| Step::Fail(which, failure)),
        2 => any::<usize>().prop_map(Step::Drop),
    ]
}

/// A world in which time passes only from wake to wake, as the shell lets it.
struct World {
    admission: Admission,
    now: Instant,
    waiting: HashMap<Ticket, Instant>,
    grants: Vec<Grant>,
}

impl World {
    fn advance(&mut self) -> Result<(), TestCaseError> {
        let now = self.now;
        for (ticket, verdict) in self.admission.advance(now, || 0.5) {
            let deadline = self.waiting.remove(&ticket);
            prop_assert!(deadline.is_some(), "one verdict for one who waits");
            match verdict {
                Verdict::Go(grant) => self.grants.push(grant),
                Verdict::Late { .. } => prop_assert!(deadline.is_some_and(|deadline| now >= deadline)),
                Verdict::Refused { .. } => prop_assert!(self.admission.is_away(now)),
            }
        }
        prop_assert_eq!(self.waiting.len(), self.admission.waiting());
        prop_assert!(self.waiting.values().all(|deadline| now < *deadline), "nobody is forgotten");
        prop_assert!(self.waiting.is_empty() || self.admission.wake_at().is_some(), "somebody wakes");
        Ok(())
    }

    fn wait(&mut self, until: Instant) -> Result<(), TestCaseError> {
        while let Some(at) = self.admission.wake_at().filter(|at| *at > self.now && *at <= until) {
            self.now = at;
            self.advance()?;
        }
        self.now = until;
        self.advance()
    }

    fn grant(&self, which: usize) -> Option<Grant> {
        (!self.grants.is_empty()).then(|| self.grants[which % self.grants.len()])
    }

    fn take(&mut self, step: Step) -> Result<(), TestCaseError> {
        let now = self.now;
        match step {
            Step::Wait(ms) => return self.wait(now + Duration::from_millis(ms)),
            Step::Ask { patience_ms, again } => {
                let asked = Ask { again, ..ask(now, Duration::from_millis(patience_ms)) };
                let ticket = self.admission.ask(asked);
                self.waiting.extend(ticket.map(|ticket| (ticket, asked.deadline)));
            }
            Step::Leave(which) if !self.waiting.is_empty() => {
                let mut tickets: Vec<_> = self.waiting.keys().copied().collect();
                tickets.sort_unstable();
                let ticket = tickets[which % tickets.len()];
                self.waiting.remove(&ticket);
                self.admission.leave(ticket);
            }
            Step::Leave(_) => {}
            Step::Open(which) => self.grant(which).into_iter().for_each(|grant| self.admission.opened(grant)),
            Step::Configure(which) => {
                self.grant(which).into_iter().for_each(|grant| self.admission.configured(grant, now));
            }
            Step::Succeed(which) => {
                self.grant(which).into_iter().for_each(|grant| self.admission.succeeded(grant, now));
            }
            Step::Fail(which, failure) => {
                if let Some(grant) = self.grant(which) {
                    self.admission.failed(grant, failure, "why", now, 0.5);
                }
            }
            Step::Drop(which) => {
                if let Some(grant) = self.grant(which) {
                    self.grants.retain(|kept| *kept != grant);
                    self.admission.gone(grant, now);
                }
            }
        }
        self.advance()
    }
}

proptest! {
    /// Whatever happens: everyone who asks is told exactly once, at the latest at their deadline, and who is let in
    /// while it rests is none.
    #[test]
    fn everyone_is_told_once_and_in_time(steps in prop::collection::vec(step(), 0..150), has_fallback in any::<bool>()) {
        let admission = Admission::new(has_fallback, 10);
        let (waiting, grants) = (HashMap::new(), Vec::new());
        let mut world = World { admission, now: Instant::now(), waiting, grants };
        for step in steps {
            world.take(step)?;
        }
        let end = world.now + Duration::from_secs(60);
        world.wait(end)?;
        prop_assert!(world.waiting.is_empty());
        for grant in std::mem::take(&mut world.grants) {
            world.admission.gone(grant, end);
        }
        prop_assert!(world.admission.grants.is_empty());
        let in_flight = world.admission.gates().map(|(_, gate)| gate.pace.in_flight()).sum::<u32>();
        prop_assert_eq!(in_flight, 0, "no place is lost");
    }

    /// After an outage all who wait are let in, none of them long after the others could have been.
    #[test]
    fn nobody_starves_after_an_outage(calls in 1_usize..300, per_second in 20_u32..200, draw in 0.0_f64..1.0) {
        let mut now = Instant::now();
        let mut admission = without_primary(false, now);
        let patience = Duration::from_secs(600);
        let mut waiting: Vec<_> = (0..calls).filter_map(|_| admission.ask(ask(now, patience))).collect();
        admission.primary.pace = Pace::new(per_second);
        let began = now + FIRST_REST;
        while !waiting.is_empty() {
            let told = admission.advance(now, || draw);
            if told.is_empty() {
                now = admission.wake_at().unwrap();
            }
            for (ticket, verdict) in told {
                let Verdict::Go(grant) = verdict else { panic!("{verdict:?}") };
                prop_assert_eq!(waiting.remove(0), ticket, "in order");
                admission.opened(grant);
                admission.succeeded(grant, now);
            }
        }
        let fair = Duration::from_secs_f64(1.6 * calls as f64 / f64::from(per_second)) + Duration::from_secs(1);
        prop_assert!(now <= began + fair, "{:?} for {calls} at {per_second}", now - began);
    }
}
