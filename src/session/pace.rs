//! How fast sockets are opened at one endpoint: so many at once, and lost ones replaced at a steady rate, so that an
//! outage does not end in a stampede. Pure: the time and the draw are arguments.

use std::time::Duration;

use tokio::time::Instant;

/// Openings in flight at one endpoint at most.
pub const MAX_IN_FLIGHT: u32 = 64;
/// So much of a second's openings may come at one moment.
const BURST: Duration = Duration::from_millis(100);

/// When a socket may be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Room {
    /// Now.
    Now,
    /// Not before then.
    At(Instant),
    /// Once one that is being opened is open, or has failed.
    WhenOneEnds,
}

/// The pace of the openings at one endpoint.
#[derive(Debug)]
pub struct Pace {
    /// The least time between two replacements, in the long run.
    interval: Duration,
    in_flight: u32,
    /// When the next replacement would come if none had come early.
    next_at: Option<Instant>,
}

impl Pace {
    /// At most `per_second` replacements in a second, and a tenth of that at once.
    pub fn new(per_second: u32) -> Self {
        let interval = Duration::from_secs(1) / per_second.max(1);
        Self { interval, in_flight: 0, next_at: None }
    }

    /// When a socket may be opened; `again` when it replaces one.
    pub fn room(&self, again: bool, now: Instant) -> Room {
        if self.in_flight >= MAX_IN_FLIGHT {
            return Room::WhenOneEnds;
        }
        let lead = BURST.saturating_sub(self.interval);
        match self.next_at.map(|next_at| next_at.checked_sub(lead).unwrap_or(now)) {
            Some(at) if again && now < at => Room::At(at),
            Some(_) | None => Room::Now,
        }
    }

    /// A socket is being opened. `draw`, from 0 to 1, keeps replacements from coming in step.
    pub fn begin(&mut self, again: bool, now: Instant, draw: f64) {
        self.in_flight += 1;
        if again {
            let due = self.next_at.map_or(now, |next_at| next_at.max(now));
            self.next_at = Some(due + self.interval.mul_f64(1.0 + 0.5 * draw.clamp(0.0, 1.0)));
        }
    }

    /// One is open, or has failed.
    pub fn ended(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    /// How many are being opened.
    pub fn in_flight(&self) -> u32 {
        self.in_flight
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_second_has_more_than_its_share_and_no_moment_more_than_fit(
            steps in prop::collection::vec((0_u64..40, any::<bool>(), 0.0_f64..1.0, any::<bool>()), 1..400),
            per_second in 1_u32..200,
        ) {
            let mut pace = Pace::new(per_second);
            let mut now = Instant::now();
            let mut again_at = Vec::new();
            for (wait_ms, again, draw, ends) in steps {
                now += Duration::from_millis(wait_ms);
                if ends {
                    pace.ended();
                }
                if pace.room(again, now) == Room::Now {
                    pace.begin(again, now, draw);
                    again_at.extend(again.then_some(now));
                }
                prop_assert!(pace.in_flight() <= MAX_IN_FLIGHT);
            }
            let most = per_second as usize + (per_second as usize / 10).max(1);
            for (place, from) in again_at.iter().enumerate() {
                let until = *from + Duration::from_secs(1);
                let within = again_at[place..].iter().take_while(|at| **at < until).count();
                prop_assert!(within <= most, "{within} in a second");
            }
        }

        #[test]
        fn who_comes_at_the_time_that_was_named_finds_room(per_second in 1_u32..200, draws in prop::collection::vec(0.0_f64..1.0, 1..60)) {
            let mut pace = Pace::new(per_second);
            let mut now = Instant::now();
            for draw in draws {
                match pace.room(true, now) {
                    Room::At(at) => now = at,
                    Room::Now | Room::WhenOneEnds => {}
                }
                prop_assert_eq!(pace.room(true, now), Room::Now);
                pace.begin(true, now, draw);
                pace.ended();
            }
        }
    }

    #[test]
    fn who_is_new_is_not_held_up_by_those_who_come_back() {
        let (mut pace, now) = (Pace::new(1), Instant::now());
        pace.begin(true, now, 0.0);
        assert!(matches!(pace.room(true, now), Room::At(_)));
        assert_eq!(pace.room(false, now), Room::Now);
    }
}
