//! The passes that streams must show: random, for one call, for a short time, and once. Pure: `now` is an argument.

use std::collections::VecDeque;
use std::time::Duration;

use subtle::ConstantTimeEq;
use tokio::time::Instant;

use crate::id::CallId;

/// How long a pass is good for.
const GOOD_FOR: Duration = Duration::from_secs(60);

/// A pass: 128 random bits, as 32 hexadecimal digits.
pub(super) type Pass = String;

/// Why a pass opens nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PassError {
    /// It is not the call's, or no good any more.
    Pass,
    /// It is shown for another account than the call's.
    Account,
}

/// The passes that were given out and not shown yet.
#[derive(Debug)]
pub(super) struct Passes {
    /// Oldest first.
    given: VecDeque<Given>,
    most: usize,
}

#[derive(Debug)]
struct Given {
    call: CallId,
    /// The account whose call it is: the service's own, or one below it.
    account: String,
    pass: Pass,
    at: Instant,
}

impl Passes {
    /// At most `most` passes at once; beyond them the oldest is no good any more.
    pub(super) fn new(most: usize) -> Self {
        Self { given: VecDeque::new(), most: most.max(1) }
    }

    /// The pass of a call whose webhook came: the one given before when it came again and nobody has shown it, else
    /// `fresh`.
    pub(super) fn issue(
        &mut self,
        call: &CallId,
        account: &str,
        fresh: impl FnOnce() -> Pass,
        now: Instant,
    ) -> Pass {
        self.forget_stale(now);
        if let Some(given) = self.given.iter().find(|given| given.call == *call) {
            return given.pass.clone();
        }
        self.give(call, account, fresh(), now)
    }

    /// A new pass for a call whose stream has ended; an earlier one of it is no good any more.
    pub(super) fn renew(&mut self, call: &CallId, account: &str, fresh: Pass, now: Instant) -> Pass {
        self.forget_stale(now);
        self.given.retain(|given| given.call != *call);
        self.give(call, account, fresh, now)
    }

    /// Takes the pass of that call, which then is no good any more. How much of a wrong one is right cannot be told from
    /// the time this takes.
    ///
    /// # Errors
    /// [`PassError`]; the pass then stays good.
    pub(super) fn redeem(
        &mut self,
        call: &CallId,
        account: &str,
        shown: &str,
        now: Instant,
    ) -> Result<(), PassError> {
        self.forget_stale(now);
        let place = self.given.iter().position(|given| given.call == *call).ok_or(PassError::Pass)?;
        let given = &self.given[place];
        if !bool::from(given.pass.as_bytes().ct_eq(shown.as_bytes())) {
            return Err(PassError::Pass);
        }
        if given.account != account {
            return Err(PassError::Account);
        }
        self.given.remove(place);
        Ok(())
    }

    fn give(&mut self, call: &CallId, account: &str, pass: Pass, now: Instant) -> Pass {
        if self.given.len() >= self.most {
            self.given.pop_front();
            metrics::counter!("ai_realtime_call_tokens_dropped_total").increment(1);
        }
        self.given.push_back(Given {
            call: call.clone(),
            account: account.to_owned(),
            pass: pass.clone(),
            at: now,
        });
        pass
    }

    fn forget_stale(&mut self, now: Instant) {
        while self.given.front().is_some_and(|given| now.duration_since(given.at) >= GOOD_FOR) {
            self.given.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ACCOUNT: &str = "AC1";

    fn id(name: &str) -> CallId {
        name.parse().unwrap()
    }

    #[test]
    fn a_pass_opens_its_call_once() {
        let (mut passes, now) = (Passes::new(8), Instant::now());
        let pass = passes.issue(&id("CA1"), ACCOUNT, || "one".into(), now);
        assert!(passes.redeem(&id("CA2"), ACCOUNT, &pass, now).is_err(), "of another call");
        assert!(
            passes.redeem(&id("CA1"), ACCOUNT, "two", now).is_err()
                && passes.redeem(&id("CA1"), ACCOUNT, "", now).is_err()
        );
        assert!(passes.redeem(&id("CA1"), ACCOUNT, &pass, now).is_ok());
        assert!(passes.redeem(&id("CA1"), ACCOUNT, &pass, now).is_err(), "again");
    }

    #[test]
    fn a_pass_is_the_accounts_that_was_called() {
        let (mut passes, now) = (Passes::new(8), Instant::now());
        passes.issue(&id("CA1"), ACCOUNT, || "one".into(), now);
        assert_eq!(passes.redeem(&id("CA1"), "AC2", "one", now), Err(PassError::Account));
        assert_eq!(passes.redeem(&id("CA1"), "AC2", "two", now), Err(PassError::Pass));
        assert_eq!(passes.redeem(&id("CA1"), ACCOUNT, "one", now), Ok(()), "it stayed good");
    }

    #[test]
    fn a_webhook_that_comes_again_gets_the_pass_it_got_until_it_is_shown() {
        let (mut passes, now) = (Passes::new(8), Instant::now());
        assert_eq!(passes.issue(&id("CA1"), ACCOUNT, || "one".into(), now), "one");
        assert_eq!(passes.issue(&id("CA1"), ACCOUNT, || "two".into(), now), "one");
        assert!(passes.redeem(&id("CA1"), ACCOUNT, "one", now).is_ok());
        assert_eq!(passes.issue(&id("CA1"), ACCOUNT, || "three".into(), now), "three");
    }

    #[test]
    fn a_new_stream_gets_a_new_pass_and_the_old_one_is_void() {
        let (mut passes, now) = (Passes::new(8), Instant::now());
        passes.issue(&id("CA1"), ACCOUNT, || "one".into(), now);
        assert_eq!(passes.renew(&id("CA1"), ACCOUNT, "two".into(), now), "two");
        assert!(
            passes.redeem(&id("CA1"), ACCOUNT, "one", now).is_err()
                && passes.redeem(&id("CA1"), ACCOUNT, "two", now).is_ok()
        );
    }

    #[test]
    fn a_pass_is_good_for_a_minute() {
        let (mut passes, now) = (Passes::new(8), Instant::now());
        passes.issue(&id("CA1"), ACCOUNT, || "one".into(), now);
        passes.issue(&id("CA2"), ACCOUNT, || "two".into(), now + GOOD_FOR / 2);
        assert!(passes.redeem(&id("CA1"), ACCOUNT, "one", now + GOOD_FOR).is_err());
        assert!(passes.redeem(&id("CA2"), ACCOUNT, "two", now + GOOD_FOR).is_ok());
    }

    #[derive(Debug, Clone)]
    enum Step {
        Issue(u8),
        Renew(u8),
        Show(u8, usize),
        Wait(u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            (0_u8..5).prop_map(Step::Issue),
            (0_u8..5).prop_map(Step::Renew),
            (0_u8..5, 0_usize..40).prop_map(|(call, pass)| Step::Show(call, pass)),
            (0_u64..40).prop_map(Step::Wait),
        ]
    }

    proptest! {
        /// Whatever happens, a pass is taken at most once, for its own call, within its time; and few are kept.
        #[test]
        fn no_order_of_events_lets_a_pass_open_what_it_should_not(steps in prop::collection::vec(step(), 0..80)) {
            let mut passes = Passes::new(3);
            let mut now = Instant::now();
            let mut given: Vec<(u8, Instant, bool)> = Vec::new();
            for step in steps {
                match step {
                    Step::Issue(call) => {
                        let fresh = given.len();
                        let pass = passes.issue(&id(&call.to_string()), ACCOUNT, || fresh.to_string(), now);
                        if pass == fresh.to_string() {
                            given.push((call, now, false));
                        } else {
                            let (of, _, used) = given[pass.parse::<usize>().unwrap()];
                            prop_assert!(of == call && !used);
                        }
                    }
                    Step::Renew(call) => {
                        passes.renew(&id(&call.to_string()), ACCOUNT, given.len().to_string(), now);
                        given.push((call, now, false));
                    }
                    Step::Show(call, pass) => {
                        if passes.redeem(&id(&call.to_string()), ACCOUNT, &pass.to_string(), now).is_ok() {
                            let (of, at, used) = given[pass];
                            prop_assert!(of == call && !used && now - at < GOOD_FOR);
                            given[pass].2 = true;
                        }
                    }
                    Step::Wait(seconds) => now += Duration::from_secs(seconds),
                }
                prop_assert!(passes.given.len() <= 3);
            }
        }
    }
}
