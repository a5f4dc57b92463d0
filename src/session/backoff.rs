//! How long to wait before the next socket. Pure: the draw is an argument.

use std::time::Duration;

/// Attempts at one connection before the call is told.
pub const MAX_ATTEMPTS: u32 = 5;

const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(8);

/// The wait before attempt `attempt` (from 1: the first waits for nothing): doubling from 0.5 s to 8 s, times a
/// factor between 0.75 and 1 so that many calls do not come back at one moment. `draw` is from 0 to 1.
pub fn delay_before(attempt: u32, draw: f64) -> Duration {
    if attempt <= 1 {
        return Duration::ZERO;
    }
    let doubled = FIRST.saturating_mul(1 << (attempt - 2).min(10));
    doubled.min(LONGEST).mul_f64(0.75 + 0.25 * draw.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_their_limit_and_never_line_up() {
        assert_eq!(delay_before(1, 0.5), Duration::ZERO);
        assert_eq!(delay_before(2, 1.0), Duration::from_millis(500));
        assert_eq!(delay_before(3, 0.0), Duration::from_millis(750));
        assert_eq!(delay_before(40, 1.0), LONGEST);
    }
}
