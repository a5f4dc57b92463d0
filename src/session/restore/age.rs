//! How long a session lives, and when its successor is looked for. Pure: the clock and the draw are arguments.

use std::time::Duration;

/// No session lives longer, whatever a clock that is wrong makes of its end.
const LONGEST: Duration = Duration::from_secs(3_600);
/// Before its end a session is replaced in a quiet moment, in any case, and as if it were lost.
const EARLY: Duration = Duration::from_secs(300);
const FORCED: Duration = Duration::from_secs(60);
const LAST: Duration = Duration::from_secs(15);
/// Of a short life the margins are at most these parts.
const EARLY_PART: u32 = 12;
const FORCED_PART: u32 = 60;
const LAST_PART: u32 = 240;
/// The wait before a successor is looked for again is this part of the early margin.
const AGAIN_PART: u32 = 10;

/// How far a session's life has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// It is replaced when a quiet moment comes.
    Early,
    /// It is replaced as soon as nothing is under way.
    Forced,
    /// It is as good as lost.
    Last,
}

/// A session's life from `session.created` on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Life {
    length: Duration,
    /// How much of the early margin is used: many calls that began at one moment do not end at one.
    early: Duration,
}

impl Life {
    /// A session that says it ends at `expires_at`, when our clock says `now` (both in Unix seconds). Their clock may
    /// differ from ours: an end that is no time in the future says nothing, and `usual` is what is believed then. `draw`
    /// is from 0 to 1.
    pub fn new(expires_at: Option<i64>, now: i64, usual: Duration, draw: f64) -> Self {
        let told = expires_at.and_then(|end| u64::try_from(end.saturating_sub(now)).ok()).filter(|s| *s > 0);
        let length = told.map_or(usual, Duration::from_secs).min(LONGEST);
        let early = EARLY.min(length / EARLY_PART).mul_f64(0.75 + 0.25 * draw.clamp(0.0, 1.0));
        Self { length, early }
    }

    /// How long after its beginning it comes to this stage.
    fn until(&self, stage: Stage) -> Duration {
        self.length.saturating_sub(match stage {
            Stage::Early => self.early,
            Stage::Forced => FORCED.min(self.length / FORCED_PART),
            Stage::Last => LAST.min(self.length / LAST_PART),
        })
    }

    /// The stage that comes after this one (or first), and how long after it.
    pub fn next(&self, stage: Option<Stage>) -> Option<(Stage, Duration)> {
        let next = match stage {
            None => Stage::Early,
            Some(Stage::Early) => Stage::Forced,
            Some(Stage::Forced) => Stage::Last,
            Some(Stage::Last) => return None,
        };
        let passed = stage.map_or(Duration::ZERO, |stage| self.until(stage));
        Some((next, self.until(next).saturating_sub(passed)))
    }

    /// The wait before a successor is looked for again, when there was none to be had.
    pub fn again_after(&self) -> Duration {
        self.early / AGAIN_PART
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);

    fn stages(life: Life) -> Vec<u64> {
        let mut passed = Duration::ZERO;
        let mut stage = None;
        std::iter::from_fn(|| {
            let (next, after) = life.next(stage)?;
            stage = Some(next);
            passed += after;
            Some(passed.as_millis() as u64)
        })
        .collect()
    }

    #[test]
    fn an_hour_ends_five_minutes_early_or_one_or_a_quarter() {
        let life = Life::new(Some(1_000 + 3_600), 1_000, HOUR, 1.0);
        assert_eq!(stages(life), [3_300_000, 3_540_000, 3_585_000]);
        assert_eq!(life.again_after(), Duration::from_secs(30));
    }

    #[test]
    fn of_a_short_life_the_margins_are_parts() {
        let life = Life::new(Some(24), 0, HOUR, 1.0);
        assert_eq!(stages(life), [22_000, 23_600, 23_900]);
    }

    #[test]
    fn a_clock_that_is_wrong_makes_no_session_older_or_younger_than_it_can_be() {
        assert_eq!(stages(Life::new(Some(99_999), 0, HOUR, 1.0))[2], 3_585_000, "ours is behind");
        let thirty = Duration::from_secs(1_800);
        assert_eq!(stages(Life::new(Some(5), 99_999, thirty, 1.0))[2], 1_792_500, "ours is ahead");
        assert_eq!(stages(Life::new(None, 0, thirty, 1.0))[2], 1_792_500, "nothing was said");
        assert_eq!(stages(Life::new(Some(i64::MAX), i64::MIN, thirty, 1.0))[2], 3_585_000);
    }

    proptest! {
        #[test]
        fn the_stages_come_in_order_and_before_the_end(end in any::<i64>(), now in any::<i64>(), draw in 0.0..1.0) {
            let life = Life::new(Some(end), now, HOUR, draw);
            let stages = stages(life);
            prop_assert!(stages.is_sorted() && stages.len() == 3);
            prop_assert!(u128::from(stages[2]) <= life.length.as_millis());
        }
    }
}
