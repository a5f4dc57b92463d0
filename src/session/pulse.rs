//! Whether a socket is alive, by what it brings. Pure.

use tokio::time::Instant;

use super::limits::Pulse;

/// When a socket gave which sign of life.
#[derive(Debug)]
pub(super) struct Signs {
    pulse: Pulse,
    /// Anything at all came.
    last_at: Instant,
    /// A ping was answered. A peer that never answers any is not judged by it.
    pong_at: Option<Instant>,
}

impl Signs {
    pub(super) fn new(pulse: Pulse, now: Instant) -> Self {
        Self { pulse, last_at: now, pong_at: None }
    }

    pub(super) fn on_frame(&mut self, now: Instant) {
        self.last_at = now;
    }

    pub(super) fn on_pong(&mut self, now: Instant) {
        self.pong_at = Some(now);
    }

    /// When to look next.
    pub(super) fn next_look(&self) -> Instant {
        let silent_at = self.last_at + self.pulse.silence();
        self.pong_at.map_or(silent_at, |at| silent_at.min(at + self.pulse.deafness()))
    }

    /// Why the socket is of no more use, if it is: a word for the journal.
    pub(super) fn verdict(&self, now: Instant) -> Option<&'static str> {
        if now >= self.last_at + self.pulse.silence() {
            return Some("no sign of life");
        }
        self.pong_at.filter(|at| now >= *at + self.pulse.deafness()).map(|_| "no answer to pings")
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const PULSE: Pulse = Pulse { every: Duration::from_secs(3) };

    fn signs() -> (Signs, impl Fn(u64) -> Instant) {
        let began = Instant::now();
        (Signs::new(PULSE, began), move |seconds| began + Duration::from_secs(seconds))
    }

    #[test]
    fn a_socket_that_brings_nothing_for_two_pings_is_dead() {
        let (mut signs, at) = signs();
        signs.on_frame(at(2));
        assert_eq!((signs.next_look(), signs.verdict(at(8))), (at(9), None));
        assert_eq!(signs.verdict(at(9)), Some("no sign of life"));
    }

    #[test]
    fn a_socket_that_speaks_and_hears_nothing_is_dead_too() {
        let (mut signs, at) = signs();
        signs.on_frame(at(60));
        assert_eq!(signs.verdict(at(60)), None, "it never answered a ping");
        signs.on_pong(at(60));
        (61..70).for_each(|second| signs.on_frame(at(second)));
        assert_eq!((signs.next_look(), signs.verdict(at(69))), (at(70), None));
        assert_eq!(signs.verdict(at(70)), Some("no answer to pings"));
    }
}
