//! How much of something may come: so much at once, and so much a second for long. Pure.

/// What is left of an allowance. Amounts are whole; the time comes in milliseconds and never goes back.
#[derive(Debug)]
pub(super) struct Allowance {
    at_once: u64,
    per_second: u64,
    /// In thousandths.
    left: u64,
    since_ms: u64,
}

impl Allowance {
    /// All of it is there.
    pub(super) fn new(at_once: u64, per_second: u64) -> Self {
        Self { at_once, per_second, left: at_once * 1_000, since_ms: 0 }
    }

    /// Takes so much, if there is so much.
    pub(super) fn take(&mut self, amount: u64, now_ms: u64) -> bool {
        let grown = now_ms.saturating_sub(self.since_ms).saturating_mul(self.per_second);
        self.left = self.left.saturating_add(grown).min(self.at_once * 1_000);
        self.since_ms = self.since_ms.max(now_ms);
        let rest = self.left.checked_sub(amount.saturating_mul(1_000));
        self.left = rest.unwrap_or(self.left);
        rest.is_some()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn so_much_at_once_and_so_much_a_second() {
        let mut allowance = Allowance::new(10, 2);
        assert!(allowance.take(10, 0) && !allowance.take(1, 0));
        assert!(!allowance.take(1, 499) && allowance.take(1, 500) && !allowance.take(1, 900));
        assert!(allowance.take(10, 60_000) && !allowance.take(1, 60_000));
    }

    proptest! {
        #[test]
        fn no_more_is_taken_than_there_ever_was(takes in prop::collection::vec((0_u64..20, 0_u64..3_000), 1..200)) {
            let mut allowance = Allowance::new(10, 3);
            let (mut now, mut taken) = (0, 0);
            for (amount, wait) in takes {
                now += wait;
                taken += if allowance.take(amount, now) { amount } else { 0 };
                prop_assert!(taken * 1_000 <= 10_000 + now * 3);
            }
        }
    }
}
