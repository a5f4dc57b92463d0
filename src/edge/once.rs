//! What must be done once although it is asked for several times: the first to ask has it done, the others wait and
//! get the same answer, also from a process that was started again.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use crate::store::once::{OnceClaim, OnceLimits, OnceState};
use crate::store::{Store, StoreError};

/// Why nothing was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OnceError {
    /// The key was used for something else.
    Conflict,
    /// Too much is being done already.
    Full,
    /// What was done before cannot be looked up, so nothing may be done.
    Unavailable,
}

/// Whether an answer is to be given again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    /// It is, for as long as answers are kept.
    Yes,
    /// Nothing was done: who asks again tries again.
    No,
}

/// An answer that can be written down.
pub(super) trait Answer: Clone + Send + Sync + 'static {
    /// The answer as JSON text.
    fn to_text(&self) -> String;
    /// The answer that was written; `None` when another version wrote it in a way of its own.
    fn from_text(text: &str) -> Option<Self>;
    /// What is answered when nobody knows what came of it: the process that did it is gone.
    fn lost() -> Self;
}

type Given<V> = Option<Result<V, OnceError>>;

/// The answers that were given, and the work that is under way. Cheap to clone.
#[derive(Debug)]
pub(super) struct Once<V> {
    scope: &'static str,
    limits: OnceLimits,
    store: Store,
    under_way: Arc<Mutex<UnderWay<V>>>,
}

impl<V> Clone for Once<V> {
    fn clone(&self) -> Self {
        let (store, under_way) = (self.store.clone(), Arc::clone(&self.under_way));
        Self { scope: self.scope, limits: self.limits, store, under_way }
    }
}

impl<V: Answer> Once<V> {
    /// What is done once in this scope, as far as the store remembers.
    pub(super) fn new(scope: &'static str, limits: OnceLimits, store: Store) -> Self {
        Self { scope, limits, store, under_way: Arc::default() }
    }

    /// The answer for this key; `what` says what the key is used for. The work goes on when nobody waits for it any
    /// more. `None` when it broke off without an answer.
    pub(super) async fn run<F>(
        &self,
        key: &str,
        what: &str,
        work: impl FnOnce() -> F + Send + 'static,
    ) -> Result<Option<V>, OnceError>
    where
        F: Future<Output = (V, Keep)> + Send + 'static,
    {
        let claim = OnceClaim::new(self.scope, key, what);
        let mut answer = match self.with(|under_way| under_way.begin(key, what, self.limits.most))? {
            Begin::First(sender) => {
                let answer = sender.subscribe();
                let over = Over { once: self.clone(), key: key.to_owned() };
                tokio::spawn(async move {
                    let given = over.once.perform(claim, work).await;
                    // Nobody may wait any more.
                    sender.send_replace(Some(given));
                    drop(over);
                });
                answer
            }
            Begin::Again(answer) => answer,
        };
        let given = answer.wait_for(Option::is_some).await.ok().and_then(|answer| answer.clone());
        given.transpose()
    }

    async fn perform<F>(&self, claim: OnceClaim, work: impl FnOnce() -> F) -> Result<V, OnceError>
    where
        F: Future<Output = (V, Keep)> + Send + 'static,
    {
        match self.store.claim_once(claim.clone(), self.limits).await.map_err(|error| unavailable(&error))? {
            OnceState::Fresh => {}
            OnceState::Conflict => return Err(OnceError::Conflict),
            OnceState::Full => return Err(OnceError::Full),
            OnceState::Answered(text) => return Ok(V::from_text(&text).unwrap_or_else(V::lost)),
            OnceState::Begun => {
                metrics::counter!("ai_realtime_lost_answers_total").increment(1);
                return Ok(V::lost());
            }
        }
        let (answer, keep) = work().await;
        let kept = match keep {
            Keep::Yes => self.store.answer_once(claim, answer.to_text()).await,
            Keep::No => self.store.forget_once(claim).await,
        };
        if let Err(error) = kept {
            // Who asks again is told that nobody knows: nothing is done twice.
            tracing::error!(%error, "an answer could not be written down");
        }
        Ok(answer)
    }

    fn with<T>(&self, act: impl FnOnce(&mut UnderWay<V>) -> T) -> T {
        // What is kept is whole after every step.
        act(&mut self.under_way.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn unavailable(error: &StoreError) -> OnceError {
    tracing::error!(%error, "what was done before cannot be looked up");
    OnceError::Unavailable
}

/// Takes work off the list that is over, by its end or by a panic.
struct Over<V: Answer> {
    once: Once<V>,
    key: String,
}

impl<V: Answer> Drop for Over<V> {
    fn drop(&mut self) {
        self.once.with(|under_way| drop(under_way.entries.remove(&self.key)));
    }
}

/// The work that is under way in this process, by its key.
#[derive(Debug)]
struct UnderWay<V> {
    entries: HashMap<String, (String, watch::Receiver<Given<V>>)>,
}

impl<V> Default for UnderWay<V> {
    fn default() -> Self {
        Self { entries: HashMap::new() }
    }
}

#[derive(Debug)]
enum Begin<V> {
    First(watch::Sender<Given<V>>),
    Again(watch::Receiver<Given<V>>),
}

impl<V> UnderWay<V> {
    fn begin(&mut self, key: &str, what: &str, most: usize) -> Result<Begin<V>, OnceError> {
        match self.entries.get(key) {
            Some((under_way, _)) if under_way != what => Err(OnceError::Conflict),
            Some((_, answer)) => Ok(Begin::Again(answer.clone())),
            None if self.entries.len() >= most => Err(OnceError::Full),
            None => {
                let (sender, answer) = watch::channel(None);
                self.entries.insert(key.to_owned(), (what.to_owned(), answer));
                Ok(Begin::First(sender))
            }
        }
    }
}

#[cfg(test)]
mod tests;
