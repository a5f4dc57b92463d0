//! What must be done once although it is asked for several times: the first to ask has it done, the others wait and
//! get the same answer.

use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

/// How much is remembered.
#[derive(Debug, Clone, Copy)]
pub(super) struct OnceLimits {
    /// So many answers.
    pub(super) most: usize,
    /// For so long.
    pub(super) keep: Duration,
}

/// Why nothing was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OnceError {
    /// The key was used for something else.
    Conflict,
    /// Too much is being done already.
    Full,
}

/// Whether an answer is to be given again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    /// It is, for as long as answers are kept.
    Yes,
    /// Nothing was done: who asks again tries again.
    No,
}

/// The answers that were given, and the work that is under way. Cheap to clone.
#[derive(Debug)]
pub(super) struct Once<V>(Arc<Mutex<Ledger<V>>>);

impl<V> Clone for Once<V> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<V: Clone + Send + Sync + 'static> Once<V> {
    pub(super) fn new(limits: OnceLimits) -> Self {
        Self(Arc::new(Mutex::new(Ledger::new(limits))))
    }

    /// The answer for this key; `what` says what the key is used for. The work goes on when nobody waits for it any
    /// more. `None` when it broke off without an answer.
    pub(super) async fn run<F>(
        &self,
        key: &str,
        what: &str,
        work: impl FnOnce() -> F,
    ) -> Result<Option<V>, OnceError>
    where
        F: Future<Output = (V, Keep)> + Send + 'static,
    {
        let mut answer = match self.with(|ledger| ledger.begin(key, what, Instant::now()))? {
            Begin::First { number, sender } => {
                let answer = sender.subscribe();
                let broken = Broken { once: self.clone(), key: key.to_owned(), number };
                tokio::spawn(finish(broken, sender, work()));
                answer
            }
            Begin::Again(answer) => answer,
        };
        let given = answer.wait_for(Option::is_some).await.ok().and_then(|answer| answer.clone());
        Ok(given)
    }

    fn with<T>(&self, act: impl FnOnce(&mut Ledger<V>) -> T) -> T {
        // What is kept is whole after every step.
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

async fn finish<V: Clone + Send + Sync + 'static>(
    broken: Broken<V>,
    sender: watch::Sender<Option<V>>,
    work: impl Future<Output = (V, Keep)>,
) {
    let (answer, keep) = work.await;
    if keep == Keep::Yes {
        broken.mend();
    }
    // Nobody may wait any more.
    sender.send_replace(Some(answer));
}

/// Forgets work that was dropped or panicked, so that it can be tried again.
struct Broken<V: Clone + Send + Sync + 'static> {
    once: Once<V>,
    key: String,
    number: u64,
}

impl<V: Clone + Send + Sync + 'static> Broken<V> {
    /// It was done, and is remembered.
    fn mend(mut self) {
        self.number = u64::MAX;
    }
}

impl<V: Clone + Send + Sync + 'static> Drop for Broken<V> {
    fn drop(&mut self) {
        self.once.with(|ledger| ledger.forget(&self.key, self.number));
    }
}

/// Which keys were used, for what, and with what answer. Pure: `now` is an argument.
#[derive(Debug)]
struct Ledger<V> {
    entries: HashMap<String, Entry<V>>,
    /// Oldest first, each once.
    order: VecDeque<(String, u64)>,
    limits: OnceLimits,
    number: u64,
}

#[derive(Debug)]
struct Entry<V> {
    number: u64,
    what: String,
    at: Instant,
    answer: watch::Receiver<Option<V>>,
}

#[derive(Debug)]
enum Begin<V> {
    First { number: u64, sender: watch::Sender<Option<V>> },
    Again(watch::Receiver<Option<V>>),
}

impl<V> Entry<V> {
    fn is_answered(&self) -> bool {
        self.answer.borrow().is_some()
    }
}

impl<V> Ledger<V> {
    fn new(limits: OnceLimits) -> Self {
        Self { entries: HashMap::new(), order: VecDeque::new(), limits, number: 0 }
    }

    fn begin(&mut self, key: &str, what: &str, now: Instant) -> Result<Begin<V>, OnceError> {
        self.forget_stale(now);
        if let Some(entry) = self.entries.get(key) {
            if entry.what != what {
                return Err(OnceError::Conflict);
            }
            return Ok(Begin::Again(entry.answer.clone()));
        }
        if self.entries.len() >= self.limits.most && !self.forget_oldest_answer() {
            return Err(OnceError::Full);
        }
        self.number += 1;
        let (sender, answer) = watch::channel(None);
        let number = self.number;
        self.order.push_back((key.to_owned(), number));
        self.entries.insert(key.to_owned(), Entry { number, what: what.to_owned(), at: now, answer });
        Ok(Begin::First { number, sender })
    }

    fn forget(&mut self, key: &str, number: u64) {
        if self.entries.get(key).is_some_and(|entry| entry.number == number) {
            self.entries.remove(key);
            self.order.retain(|(_, other)| *other != number);
        }
    }

    fn forget_stale(&mut self, now: Instant) {
        while let Some((key, _)) = self.order.front() {
            // An entry and its place in the order come and go together.
            if self.entries.get(key).is_some_and(|entry| now.duration_since(entry.at) < self.limits.keep) {
                return;
            }
            self.entries.remove(key);
            self.order.pop_front();
        }
    }

    /// Work under way is not forgotten: it would be done twice.
    fn forget_oldest_answer(&mut self) -> bool {
        let answered = |(key, _): &&(String, u64)| self.entries.get(key).is_some_and(Entry::is_answered);
        let Some((key, number)) = self.order.iter().find(answered).cloned() else {
            return false;
        };
        self.forget(&key, number);
        true
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use futures_util::future::join_all;
    use tokio::sync::oneshot;

    use super::*;

    const LIMITS: OnceLimits = OnceLimits { most: 2, keep: Duration::from_secs(60) };

    #[tokio::test]
    async fn what_is_asked_for_ten_times_at_once_is_done_once() {
        let (once, done) = (Once::new(LIMITS), Arc::new(AtomicU32::new(0)));
        let ask = || {
            let done = Arc::clone(&done);
            once.run("k", "x", move || async move {
                tokio::task::yield_now().await;
                (done.fetch_add(1, Ordering::Relaxed), Keep::Yes)
            })
        };
        let answers = join_all((0..10).map(|_| ask())).await;
        assert!(answers.iter().all(|answer| *answer == Ok(Some(0))), "{answers:?}");
        assert_eq!(ask().await, Ok(Some(0)));
    }

    #[tokio::test]
    async fn a_key_is_for_one_thing_and_what_was_not_done_may_be_tried_again() {
        let once = Once::new(LIMITS);
        assert_eq!(once.run("k", "x", || async { (1, Keep::Yes) }).await, Ok(Some(1)));
        assert_eq!(once.run("k", "y", || async { (2, Keep::Yes) }).await, Err(OnceError::Conflict));
        assert_eq!(once.run("j", "x", || async { (3, Keep::No) }).await, Ok(Some(3)));
        assert_eq!(once.run("j", "y", || async { (4, Keep::Yes) }).await, Ok(Some(4)));
    }

    #[tokio::test]
    async fn work_goes_on_when_who_asked_goes_away() {
        let once = Once::new(LIMITS);
        let (go, gone) = oneshot::channel::<()>();
        let mut first = Box::pin(once.run("k", "x", || async {
            let _ = gone.await;
            (1, Keep::Yes)
        }));
        assert!(futures_util::poll!(&mut first).is_pending());
        drop(first);
        drop(go);
        assert_eq!(once.run("k", "x", || async { (2, Keep::Yes) }).await, Ok(Some(1)));
    }

    #[tokio::test]
    async fn work_that_panics_is_forgotten() {
        let once = Once::<u8>::new(LIMITS);
        let broken = once.run("k", "x", || async { panic!("a mistake of ours") }).await;
        assert_eq!(broken, Ok(None));
        assert_eq!(once.run("k", "x", || async { (2, Keep::Yes) }).await, Ok(Some(2)));
    }

    #[test]
    fn answers_are_kept_for_their_time_and_the_oldest_makes_room() {
        let (mut ledger, now) = (Ledger::new(LIMITS), Instant::now());
        let mut begin = |key: &str, at: u64| match ledger.begin(key, "x", now + Duration::from_secs(at)) {
            Ok(Begin::First { sender, .. }) => {
                sender.send_replace(Some(()));
                Ok(true)
            }
            Ok(Begin::Again(_)) => Ok(false),
            Err(error) => Err(error),
        };
        assert_eq!((begin("a", 0), begin("b", 1), begin("a", 2)), (Ok(true), Ok(true), Ok(false)));
        assert_eq!((begin("c", 3), begin("b", 4), begin("a", 5)), (Ok(true), Ok(false), Ok(true)));
        assert_eq!(begin("a", 66), Ok(true), "its time is over");
    }

    #[test]
    fn work_under_way_is_never_forgotten_to_make_room() {
        let (mut ledger, now) = (Ledger::<()>::new(LIMITS), Instant::now());
        let _work: Vec<_> = ["a", "b"].map(|key| ledger.begin(key, "x", now).unwrap()).into();
        assert_eq!(ledger.begin("c", "x", now).map(|_| ()), Err(OnceError::Full));
        assert!(matches!(ledger.begin("a", "x", now), Ok(Begin::Again(_))));
    }
}
