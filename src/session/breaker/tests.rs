use proptest::prelude::*;

use super::*;

const WHY: &str = "http_503";

fn fail(breaker: &mut Breaker, pass: Pass, now: Instant) {
    breaker.failed(pass, Failure::Overloaded, WHY, now, 0.0);
}

/// A breaker that has just opened.
fn opened(now: Instant) -> Breaker {
    let mut breaker = Breaker::default();
    for _ in 0..FAILURES {
        let pass = breaker.admit(now).unwrap();
        fail(&mut breaker, pass, now);
    }
    assert_eq!(breaker.standing(), Standing::Open);
    breaker
}

#[test]
fn it_opens_after_so_many_failures_and_lets_one_through_after_its_rest() {
    let now = Instant::now();
    let mut breaker = opened(now);
    assert_eq!(breaker.admit(now), None);
    let later = now + FIRST_REST;
    let probe = breaker.admit(later).unwrap();
    assert_eq!(breaker.standing(), Standing::HalfOpen);
    assert_eq!(breaker.admit(later), None, "one probe at a time");
    breaker.succeeded(probe, later);
    assert_eq!(breaker.standing(), Standing::Closed);
    assert!(breaker.admit(later).is_some());
}

#[test]
fn each_failed_probe_doubles_the_rest_up_to_its_limit() {
    let mut now = Instant::now();
    let mut breaker = opened(now);
    let mut rests = Vec::new();
    for _ in 0..4 {
        let until = breaker.rests_until().unwrap();
        rests.push((until - now).as_secs());
        now = until;
        let probe = breaker.admit(now).unwrap();
        fail(&mut breaker, probe, now);
    }
    assert_eq!(rests, [1, 2, 2, 2]);
}

#[test]
fn a_few_failures_among_many_successes_do_not_open_it() {
    let mut now = Instant::now();
    let mut breaker = Breaker::default();
    for number in 0..200 {
        now += Duration::from_millis(100);
        let pass = breaker.admit(now).unwrap();
        if number % 4 == 0 { fail(&mut breaker, pass, now) } else { breaker.succeeded(pass, now) }
    }
    assert_eq!(breaker.standing(), Standing::Closed);
}

#[test]
fn failures_of_long_ago_do_not_count() {
    let mut now = Instant::now();
    let mut breaker = Breaker::default();
    for _ in 0..20 {
        let pass = breaker.admit(now).unwrap();
        fail(&mut breaker, pass, now);
        now += WINDOW / 3;
    }
    assert_eq!(breaker.standing(), Standing::Closed);
}

#[test]
fn one_refusal_opens_it_for_long_whenever_it_comes() {
    let now = Instant::now();
    let mut breaker = Breaker::default();
    let old = breaker.admit(now).unwrap();
    let mut breaker = Breaker { epoch: 7, ..breaker };
    breaker.failed(old, Failure::Refused, "insufficient_quota", now, 1.0);
    assert_eq!(breaker.refusal(now), Some("insufficient_quota"));
    let until = breaker.rests_until().unwrap();
    assert!(until - now >= REFUSED_REST);
    assert_eq!(breaker.refusal(until), None, "whoever comes then finds out");
    assert!(breaker.admit(until).is_some());
}

#[test]
fn a_probe_of_which_nobody_tells_makes_room_for_the_next() {
    let now = Instant::now();
    let mut breaker = opened(now);
    let later = now + FIRST_REST;
    let probe = breaker.admit(later).unwrap();
    breaker.abandoned(probe, later);
    assert!(breaker.admit(later).is_some());
}

#[derive(Debug, Clone)]
enum Step {
    Wait(u64),
    Ask,
    Tell { which: usize, outcome: Outcome },
}

#[derive(Debug, Clone, Copy)]
enum Outcome {
    Good,
    Bad,
    Refused,
    Unknown,
}

fn step() -> impl Strategy<Value = Step> {
    let outcome =
        prop_oneof![Just(Outcome::Good), Just(Outcome::Bad), Just(Outcome::Refused), Just(Outcome::Unknown)];
    prop_oneof![
        (0_u64..6_000).prop_map(Step::Wait),
        Just(Step::Ask),
        (any::<usize>(), outcome).prop_map(|(which, outcome)| Step::Tell { which, outcome }),
    ]
}

proptest! {
    /// Whatever happens: while it rests nobody is let through, while it is half open nobody else is, and once all who
    /// were let through have told, it lets someone through again within the longest rest.
    #[test]
    fn nobody_passes_an_open_breaker_and_it_never_stays_shut(steps in prop::collection::vec(step(), 0..200), draw in 0.0_f64..1.0) {
        let mut breaker = Breaker::default();
        let mut now = Instant::now();
        let mut out: Vec<Pass> = Vec::new();
        for step in steps {
            match step {
                Step::Wait(ms) => now += Duration::from_millis(ms),
                Step::Ask => {
                    let (before, rest) = (breaker.standing(), breaker.rests_until());
                    let pass = breaker.admit(now);
                    prop_assert_eq!(pass.is_some(), match before {
                        Standing::Closed => true,
                        Standing::HalfOpen => false,
                        Standing::Open => rest.is_some_and(|until| now >= until),
                    });
                    out.extend(pass);
                }
                Step::Tell { which, outcome } if !out.is_empty() => {
                    let pass = out.remove(which % out.len());
                    tell(&mut breaker, pass, outcome, now, draw);
                }
                Step::Tell { .. } => {}
            }
            prop_assert!(breaker.outcomes.len() <= MAX_OUTCOMES);
        }
        for pass in out {
            tell(&mut breaker, pass, Outcome::Unknown, now, draw);
        }
        prop_assert!(breaker.allows(now + REFUSED_REST.mul_f64(1.25)));
    }
}

fn tell(breaker: &mut Breaker, pass: Pass, outcome: Outcome, now: Instant, draw: f64) {
    match outcome {
        Outcome::Good => breaker.succeeded(pass, now),
        Outcome::Bad => breaker.failed(pass, Failure::Lost, "closed", now, draw),
        Outcome::Refused => breaker.failed(pass, Failure::Refused, "invalid_api_key", now, draw),
        Outcome::Unknown => breaker.abandoned(pass, now),
    }
}
