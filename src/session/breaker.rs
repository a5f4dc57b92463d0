//! A circuit breaker for one endpoint: whether a socket may be tried for there. Pure: the time and the draw are
//! arguments.
//!
//! It opens when most of the last attempts failed, or when one was refused for good; after a rest one attempt is let
//! through, and its outcome closes the breaker or opens it again. What was let through before the breaker last
//! changed says nothing of the present, and is not counted; only a refusal is, whenever it comes.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::fault::Failure;

/// So many failures within [`WINDOW`] open the breaker, unless more attempts than that succeeded.
pub const FAILURES: usize = 5;
/// How far back outcomes count.
pub const WINDOW: Duration = Duration::from_secs(30);
/// The first rest; each one after a failed probe is twice as long, up to [`LONGEST_REST`].
pub const FIRST_REST: Duration = Duration::from_secs(1);
/// The longest rest of an endpoint that is merely out of reach: a caller who waits can outlast it.
pub const LONGEST_REST: Duration = Duration::from_secs(2);
/// The rest of an endpoint that refused us: somebody must mend something first.
pub const REFUSED_REST: Duration = Duration::from_secs(30);
/// Outcomes kept at most.
const MAX_OUTCOMES: usize = 64;

/// How an endpoint is thought of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Sockets are tried for.
    Closed,
    /// One socket is tried for; the others wait for its outcome.
    HalfOpen,
    /// No socket is tried for.
    Open,
}

impl Standing {
    /// For the figures: 0, 1 or 2.
    pub fn degree(self) -> f64 {
        match self {
            Self::Closed => 0.0,
            Self::HalfOpen => 1.0,
            Self::Open => 2.0,
        }
    }
}

/// What an attempt was let through with; its outcome is told with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pass {
    epoch: u64,
}

/// The breaker of one endpoint.
#[derive(Debug, Default)]
pub struct Breaker {
    state: State,
    /// Numbers the states: the outcome of an attempt counts in the state it was let through in.
    epoch: u64,
    /// When attempts ended, and whether well.
    outcomes: VecDeque<(Instant, bool)>,
    /// Rests since it was last closed.
    rests: u32,
    last_why: Option<String>,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Closed,
    HalfOpen,
    Open {
        until: Instant,
        refused: bool,
    },
}

impl Breaker {
    /// How the endpoint is thought of.
    pub fn standing(&self) -> Standing {
        match self.state {
            State::Closed => Standing::Closed,
            State::HalfOpen => Standing::HalfOpen,
            State::Open { .. } => Standing::Open,
        }
    }

    /// Whether an attempt would be let through now.
    pub fn allows(&self, now: Instant) -> bool {
        match self.state {
            State::Closed => true,
            State::HalfOpen => false,
            State::Open { until, .. } => now >= until,
        }
    }

    /// When it will let an attempt through, if it rests until then.
    pub fn rests_until(&self) -> Option<Instant> {
        match self.state {
            State::Open { until, .. } => Some(until),
            State::Closed | State::HalfOpen => None,
        }
    }

    /// Why nobody need wait: the endpoint refuses us, and this is its word for it.
    pub fn refusal(&self, now: Instant) -> Option<&str> {
        match self.state {
            State::Open { until, refused: true } if now < until => self.last_why(),
            State::Open { .. } | State::Closed | State::HalfOpen => None,
        }
    }

    /// What went wrong last.
    pub fn last_why(&self) -> Option<&str> {
        self.last_why.as_deref()
    }

    /// Lets an attempt through, if one may be made.
    pub fn admit(&mut self, now: Instant) -> Option<Pass> {
        if !self.allows(now) {
            return None;
        }
        if self.standing() == Standing::Open {
            self.enter(State::HalfOpen);
        }
        Some(Pass { epoch: self.epoch })
    }

    /// A socket was of use.
    pub fn succeeded(&mut self, pass: Pass, now: Instant) {
        if pass.epoch != self.epoch {
            return;
        }
        match self.state {
            State::Closed => self.remember(now, true),
            State::HalfOpen => {
                self.outcomes.clear();
                self.rests = 0;
                self.enter(State::Closed);
            }
            State::Open { .. } => {}
        }
    }

    /// A socket could not be had, or was lost before it was of use. `draw`, from 0 to 1, keeps many breakers from
    /// probing at one moment.
    pub fn failed(&mut self, pass: Pass, failure: Failure, why: &str, now: Instant, draw: f64) {
        if failure == Failure::Refused {
            self.last_why = Some(why.to_owned());
            return self.rest(now + stretched(REFUSED_REST, draw), true);
        }
        if pass.epoch != self.epoch {
            return;
        }
        self.last_why = Some(why.to_owned());
        match self.state {
            State::Closed => {
                self.remember(now, false);
                let failed = self.outcomes.iter().filter(|(_, is_good)| !is_good).count();
                if failed >= FAILURES && failed * 2 >= self.outcomes.len() {
                    self.rest_for_a_while(now, draw);
                }
            }
            State::HalfOpen => self.rest_for_a_while(now, draw),
            State::Open { .. } => {}
        }
    }

    /// Nobody will tell what became of an attempt. Was it the probe, the next one is.
    pub fn abandoned(&mut self, pass: Pass, now: Instant) {
        if pass.epoch == self.epoch && self.standing() == Standing::HalfOpen {
            self.rest(now, false);
        }
    }

    fn rest_for_a_while(&mut self, now: Instant, draw: f64) {
        let doubled = FIRST_REST.saturating_mul(1 << self.rests.min(8)).min(LONGEST_REST);
        self.rests += 1;
        self.rest(now + stretched(doubled, draw), false);
    }

    fn rest(&mut self, until: Instant, refused: bool) {
        self.enter(State::Open { until, refused });
    }

    fn enter(&mut self, state: State) {
        self.state = state;
        self.epoch += 1;
    }

    fn remember(&mut self, now: Instant, is_good: bool) {
        let is_old = |at: Instant| now.saturating_duration_since(at) > WINDOW;
        while self.outcomes.front().is_some_and(|(at, _)| is_old(*at)) || self.outcomes.len() == MAX_OUTCOMES
        {
            self.outcomes.pop_front();
        }
        self.outcomes.push_back((now, is_good));
    }
}

/// A rest, up to a quarter longer.
fn stretched(rest: Duration, draw: f64) -> Duration {
    rest.mul_f64(1.0 + 0.25 * draw.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests;
