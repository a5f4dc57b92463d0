//! The client secrets that were given out: random, for a short time, for several connections. Kept as digests. Pure:
//! `now` is an argument.

use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};
use subtle::{ConditionallySelectable, ConstantTimeEq};
use tokio::time::Instant;

use super::handshake::Wishes;
use super::limits::Holder;
use crate::id::{BusinessId, CallId, PersonaKey};

/// What clients know a secret by.
pub(in crate::edge) const PREFIX: &str = "ek_";

/// What a secret opens; what it does not say is open.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::edge) struct Grant {
    /// Who speaks first, in the calls that begin by it.
    pub(in crate::edge) persona: Option<PersonaKey>,
    /// The one call it is good for.
    pub(in crate::edge) call_id: Option<CallId>,
    /// Whose callers they are who show it.
    pub(in crate::edge) business_id: Option<BusinessId>,
    /// The model that is told of to a client that names none.
    pub(in crate::edge) model: Option<String>,
}

/// What a client asks for that its secret does not grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::edge) enum NotGranted {
    /// Another call.
    Call,
    /// Another persona.
    Persona,
}

impl Grant {
    /// What a client gets that wishes this.
    ///
    /// # Errors
    /// [`NotGranted`].
    pub(in crate::edge) fn settle(&self, mut wishes: Wishes) -> Result<Wishes, NotGranted> {
        wishes.call_id = settle(self.call_id.as_ref(), wishes.call_id).map_err(|()| NotGranted::Call)?;
        wishes.persona = settle(self.persona.as_ref(), wishes.persona).map_err(|()| NotGranted::Persona)?;
        wishes.model = wishes.model.or_else(|| self.model.clone());
        Ok(wishes)
    }
}

fn settle<T: Clone + PartialEq>(granted: Option<&T>, wished: Option<T>) -> Result<Option<T>, ()> {
    match (granted, wished) {
        (Some(granted), Some(wished)) if *granted != wished => Err(()),
        (granted, wished) => Ok(granted.cloned().or(wished)),
    }
}

/// Too many secrets are good already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::edge) struct TooMany {
    /// After so many seconds the first of them is not any more.
    pub(in crate::edge) wait_s: u32,
}

/// The secrets that are good.
#[derive(Debug)]
pub(in crate::edge) struct Secrets {
    given: Vec<Given>,
    most: usize,
}

#[derive(Debug)]
struct Given {
    digest: [u8; 32],
    until: Instant,
    holder: Holder,
    grant: Arc<Grant>,
}

impl Secrets {
    /// At most `most` at once.
    pub(in crate::edge) fn new(most: usize) -> Self {
        Self { given: Vec::new(), most }
    }

    /// Makes `secret` good for so long.
    ///
    /// # Errors
    /// [`TooMany`].
    pub(in crate::edge) fn give(
        &mut self,
        secret: &str,
        good_for: Duration,
        holder: Holder,
        grant: Grant,
        now: Instant,
    ) -> Result<(), TooMany> {
        self.given.retain(|given| given.until > now);
        if self.given.len() >= self.most {
            let first = self.given.iter().map(|given| given.until.duration_since(now)).min();
            let wait_s = first.unwrap_or_default().as_secs_f64().ceil();
            return Err(TooMany { wait_s: wait_s as u32 });
        }
        self.given.push(Given {
            digest: digest(secret),
            until: now + good_for,
            holder,
            grant: Arc::new(grant),
        });
        Ok(())
    }

    /// Whose secret this is, and what it opens. How much of a wrong one is right cannot be told from the time this takes.
    pub(in crate::edge) fn find(&self, shown: &str, now: Instant) -> Option<(Holder, Arc<Grant>)> {
        if !shown.starts_with(PREFIX) {
            return None;
        }
        let shown = digest(shown);
        let mut found = u32::MAX;
        for (place, given) in (0_u32..).zip(&self.given) {
            found.conditional_assign(&place, given.digest.ct_eq(&shown));
        }
        let given = self.given.get(usize::try_from(found).ok()?)?;
        (given.until > now).then(|| (given.holder, Arc::clone(&given.grant)))
    }
}

fn digest(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HOLDER: Holder = Holder::Key(7);
    const GOOD_FOR: Duration = Duration::from_secs(600);

    fn give(secrets: &mut Secrets, secret: &str, now: Instant) -> Result<(), TooMany> {
        secrets.give(secret, GOOD_FOR, HOLDER, Grant::default(), now)
    }

    #[test]
    fn a_secret_opens_as_often_as_it_is_shown_until_it_expires() {
        let (mut secrets, now) = (Secrets::new(8), Instant::now());
        let grant = Grant { persona: Some("cfo".into()), ..Grant::default() };
        secrets.give("ek_one", GOOD_FOR, HOLDER, grant.clone(), now).unwrap();
        for at in [now, now, now + GOOD_FOR - Duration::from_millis(1)] {
            assert_eq!(secrets.find("ek_one", at), Some((HOLDER, Arc::new(grant.clone()))));
        }
        for wrong in ["ek_two", "ek_on", "ek_one ", "one", ""] {
            assert_eq!(secrets.find(wrong, now), None, "{wrong}");
        }
        assert_eq!(secrets.find("ek_one", now + GOOD_FOR), None);
    }

    #[test]
    fn no_secret_is_kept_as_it_is() {
        let mut secrets = Secrets::new(1);
        give(&mut secrets, "ek_0123456789", Instant::now()).unwrap();
        assert!(!format!("{secrets:?}").contains("0123456789"));
    }

    #[test]
    fn what_is_granted_holds_against_what_is_wished() {
        let grant = Grant { persona: Some("cfo".into()), call_id: "rt_1".parse().ok(), ..Grant::default() };
        let wish = |persona: Option<&str>, call: Option<&str>| Wishes {
            persona: persona.map(Into::into),
            call_id: call.and_then(|call| call.parse().ok()),
            greets: true,
            model: None,
        };
        for wishes in [wish(None, None), wish(Some("cfo"), Some("rt_1"))] {
            assert_eq!(grant.settle(wishes), Ok(wish(Some("cfo"), Some("rt_1"))));
        }
        assert_eq!(grant.settle(wish(Some("waiter"), None)), Err(NotGranted::Persona));
        assert_eq!(grant.settle(wish(None, Some("rt_2"))), Err(NotGranted::Call));
        assert_eq!(Grant::default().settle(wish(Some("cfo"), Some("x"))), Ok(wish(Some("cfo"), Some("x"))));
    }

    proptest! {
        /// However many are asked for, few are good at once, each for its time, and a wait that was named is enough.
        #[test]
        fn few_secrets_are_good_at_once(waits in prop::collection::vec(0_u64..400, 0..60)) {
            let (mut secrets, mut now) = (Secrets::new(3), Instant::now());
            let mut good: Vec<(String, Instant)> = Vec::new();
            for (number, wait) in waits.into_iter().enumerate() {
                now += Duration::from_secs(wait);
                good.retain(|(_, given)| now.duration_since(*given) < GOOD_FOR);
                let secret = format!("ek_{number}");
                match give(&mut secrets, &secret, now) {
                    Ok(()) => good.push((secret, now)),
                    Err(TooMany { wait_s }) => {
                        prop_assert_eq!(good.len(), 3);
                        let then = now + Duration::from_secs(wait_s.into());
                        prop_assert!(good.iter().any(|(_, given)| then.duration_since(*given) >= GOOD_FOR));
                    }
                }
                prop_assert!(good.len() <= 3 && secrets.given.len() <= 3);
                prop_assert!(good.iter().all(|(secret, _)| secrets.find(secret, now).is_some()));
            }
        }
    }
}
