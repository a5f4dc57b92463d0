//! How many connections one key may hold at once, and open within a minute. Pure: `now` is an argument.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

/// New connections are counted over this.
const WINDOW: Duration = Duration::from_secs(60);
/// Nobody knows when a connection ends: whoever has too many may ask again after this, in seconds.
const ASK_AGAIN_S: u32 = 5;

/// Whose connections are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::edge) enum Holder {
    /// Whoever connects to a service that asks for no key.
    Anyone,
    /// The key at this place; its client secrets count as itself.
    Key(u32),
}

/// How many connections a holder may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::edge) struct ConnectionLimits {
    /// So many at once.
    pub(in crate::edge) at_once: usize,
    /// So many new ones within a minute.
    pub(in crate::edge) per_minute: usize,
}

/// Why there is no room for one more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::edge) enum Crowded {
    /// The holder has as many as it may.
    AtOnce,
    /// It opened as many as it may within the last minute.
    PerMinute {
        /// After so many seconds it may open the next.
        wait_s: u32,
    },
}

impl Crowded {
    /// After how many seconds trying again makes sense.
    pub(in crate::edge) fn retry_after(self) -> u32 {
        match self {
            Self::AtOnce => ASK_AGAIN_S,
            Self::PerMinute { wait_s } => wait_s,
        }
    }

    /// For the count of refusals.
    pub(in crate::edge) fn label(self) -> &'static str {
        match self {
            Self::AtOnce => "at_once",
            Self::PerMinute { .. } => "per_minute",
        }
    }
}

/// Who has how many connections. There are no more holders than keys.
#[derive(Debug)]
pub(in crate::edge) struct Turnstile {
    limits: ConnectionLimits,
    holders: HashMap<Holder, Held>,
}

#[derive(Debug, Default)]
struct Held {
    open: usize,
    /// When the connections of the last minute began, oldest first.
    begun: VecDeque<Instant>,
}

impl Turnstile {
    pub(in crate::edge) fn new(limits: ConnectionLimits) -> Self {
        Self { limits, holders: HashMap::new() }
    }

    /// Lets one more connection in. [`Turnstile::leave`] is its end.
    ///
    /// # Errors
    /// [`Crowded`]; nothing is counted then.
    pub(in crate::edge) fn enter(&mut self, holder: Holder, now: Instant) -> Result<(), Crowded> {
        let held = self.holders.entry(holder).or_default();
        while held.begun.front().is_some_and(|begun| now.duration_since(*begun) >= WINDOW) {
            held.begun.pop_front();
        }
        if held.open >= self.limits.at_once {
            return Err(Crowded::AtOnce);
        }
        if held.begun.len() >= self.limits.per_minute {
            let oldest = held.begun.front().map_or(Duration::ZERO, |begun| now.duration_since(*begun));
            let wait_s = (WINDOW - oldest).as_secs_f64().ceil();
            return Err(Crowded::PerMinute { wait_s: wait_s as u32 });
        }
        held.open += 1;
        held.begun.push_back(now);
        Ok(())
    }

    /// A connection that was let in is over.
    pub(in crate::edge) fn leave(&mut self, holder: Holder) {
        if let Some(held) = self.holders.get_mut(&holder) {
            held.open = held.open.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ONE: Holder = Holder::Key(0);
    const OTHER: Holder = Holder::Key(1);

    fn turnstile(at_once: usize, per_minute: usize) -> Turnstile {
        Turnstile::new(ConnectionLimits { at_once, per_minute })
    }

    #[test]
    fn who_has_too_many_waits_for_one_to_end_and_nobody_else_does() {
        let (mut turnstile, now) = (turnstile(2, 100), Instant::now());
        assert_eq!([turnstile.enter(ONE, now), turnstile.enter(ONE, now)], [Ok(()); 2]);
        assert_eq!(turnstile.enter(ONE, now), Err(Crowded::AtOnce));
        assert_eq!(turnstile.enter(OTHER, now), Ok(()));
        assert_eq!(turnstile.enter(Holder::Anyone, now), Ok(()));
        turnstile.leave(ONE);
        assert_eq!(turnstile.enter(ONE, now), Ok(()));
    }

    #[test]
    fn who_opened_too_many_waits_for_the_oldest_to_be_a_minute_old() {
        let (mut turnstile, now) = (turnstile(9, 2), Instant::now());
        let later = now + Duration::from_millis(20_500);
        for at in [now, later] {
            assert_eq!(turnstile.enter(ONE, at), Ok(()));
            turnstile.leave(ONE);
        }
        assert_eq!(turnstile.enter(ONE, later), Err(Crowded::PerMinute { wait_s: 40 }));
        assert_eq!(turnstile.enter(ONE, now + WINDOW), Ok(()));
        assert_eq!(turnstile.enter(ONE, now + WINDOW), Err(Crowded::PerMinute { wait_s: 21 }));
    }

    #[derive(Debug, Clone)]
    enum Step {
        Enter(u32),
        Leave(u32),
        Wait(u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            3 => (0_u32..3).prop_map(Step::Enter),
            1 => (0_u32..3).prop_map(Step::Leave),
            1 => (0_u64..30_000).prop_map(Step::Wait),
        ]
    }

    proptest! {
        /// Whatever comes and goes, no holder has more than it may, and a wait that was named is enough.
        #[test]
        fn no_order_of_comings_and_goings_exceeds_a_limit(steps in prop::collection::vec(step(), 0..120)) {
            let mut turnstile = turnstile(4, 6);
            let mut now = Instant::now();
            let mut open = [0_usize; 3];
            let mut begun: [Vec<Instant>; 3] = Default::default();
            for step in steps {
                match step {
                    Step::Enter(key) => {
                        let of = key as usize;
                        let recent = begun[of].iter().filter(|at| now.duration_since(**at) < WINDOW).count();
                        match turnstile.enter(Holder::Key(key), now) {
                            Ok(()) => {
                                open[of] += 1;
                                begun[of].push(now);
                                prop_assert!(open[of] <= 4 && recent < 6);
                            }
                            Err(Crowded::AtOnce) => prop_assert_eq!(open[of], 4),
                            Err(Crowded::PerMinute { wait_s }) => {
                                prop_assert_eq!(recent, 6);
                                prop_assert!((1..=60).contains(&wait_s));
                                let then = now + Duration::from_secs(wait_s.into());
                                let left = begun[of].iter().filter(|at| then.duration_since(**at) < WINDOW);
                                prop_assert!(left.count() < 6);
                            }
                        }
                    }
                    Step::Leave(key) => {
                        if open[key as usize] > 0 {
                            open[key as usize] -= 1;
                            turnstile.leave(Holder::Key(key));
                        }
                    }
                    Step::Wait(ms) => now += Duration::from_millis(ms),
                }
                prop_assert!(turnstile.holders.values().all(|held| held.begun.len() <= 6));
            }
        }
    }
}
