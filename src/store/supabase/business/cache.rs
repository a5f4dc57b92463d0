//! What was read of businesses lately, so that a ringing phone waits for no database: fresh answers are given as they
//! are, older ones when the database does not answer at once.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::store::{BusinessProfile, StoreError};

/// An answer is not asked for again within this.
const FRESH: Duration = Duration::from_secs(30);
/// An answer this old is forgotten.
const MAX_AGE: Duration = Duration::from_secs(24 * 60 * 60);
/// Who has an older answer at hand waits no longer than this for a new one.
const PATIENCE: Duration = Duration::from_millis(15);
/// At most so many answers are kept; then the oldest goes.
const CAPACITY: usize = 2048;

/// What was asked.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Question {
    /// Who is called on this number, in E.164?
    Number(String),
    /// Which business has this id?
    Id(String),
    /// Which are there? At most two are told.
    Census,
}

/// The businesses that answer a question.
pub(super) type Answer = Arc<[BusinessProfile]>;

/// Whoever asks for the same at the same time waits for one answer.
type Flight = watch::Receiver<Option<Result<Answer, Arc<StoreError>>>>;

/// Answers by question. Cheap to clone: all share one shelf.
#[derive(Clone, Default)]
pub(in crate::store::supabase) struct Cache(Arc<Mutex<Shelf>>);

#[derive(Default)]
struct Shelf {
    answers: HashMap<Question, (Answer, Instant)>,
    flights: HashMap<Question, Flight>,
    /// Rises with every write: what was asked before it is not kept.
    generation: u64,
}

/// What is known without asking.
#[derive(Debug, Clone, PartialEq)]
enum Known {
    Fresh(Answer),
    Old(Answer),
    Nothing,
}

impl Shelf {
    fn look(&self, question: &Question, now: Instant) -> Known {
        match self.answers.get(question) {
            Some((answer, at)) if now.duration_since(*at) < FRESH => Known::Fresh(Arc::clone(answer)),
            Some((answer, at)) if now.duration_since(*at) < MAX_AGE => Known::Old(Arc::clone(answer)),
            Some(_) | None => Known::Nothing,
        }
    }

    /// Keeps an answer, unless something was written since it was asked for.
    fn keep(&mut self, question: &Question, answer: &Answer, asked_in: u64, now: Instant) {
        if asked_in != self.generation {
            return;
        }
        if self.answers.len() >= CAPACITY && !self.answers.contains_key(question) {
            let oldest = self.answers.iter().min_by_key(|(_, (_, at))| *at);
            if let Some(oldest) = oldest.map(|(question, _)| question.clone()) {
                self.answers.remove(&oldest);
            }
        }
        self.answers.insert(question.clone(), (Arc::clone(answer), now));
    }

    fn forget(&mut self) {
        self.generation += 1;
        self.answers.clear();
        self.flights.clear();
    }
}

impl Cache {
    /// The answer to a question: one at hand, or what `ask` brings. It is asked once for all who want to know, and to its
    /// end, also when nobody waits any more.
    ///
    /// # Errors
    /// As `ask` fails, when no older answer is at hand.
    pub(super) async fn answer<F>(
        &self,
        question: Question,
        ask: impl FnOnce() -> F,
    ) -> Result<Answer, StoreError>
    where
        F: Future<Output = Result<Vec<BusinessProfile>, StoreError>> + Send + 'static,
    {
        let (known, mut flight) = {
            let mut shelf = self.lock();
            let known = shelf.look(&question, Instant::now());
            if let Known::Fresh(answer) = known {
                return Ok(answer);
            }
            let flight = match shelf.flights.get(&question) {
                Some(flight) => flight.clone(),
                None => self.take_off(&mut shelf, &question, ask()),
            };
            (known, flight)
        };
        let landed = async {
            match flight.wait_for(Option::is_some).await.map(|landed| landed.clone()) {
                Ok(Some(landed)) => landed.map_err(shared),
                Ok(None) | Err(_) => Err(StoreError::Away("the look-up broke off".into())),
            }
        };
        let Known::Old(old) = known else {
            return landed.await;
        };
        if let Ok(Ok(answer)) = tokio::time::timeout(PATIENCE, landed).await {
            return Ok(answer);
        }
        metrics::counter!("ai_realtime_business_old_answers_total").increment(1);
        Ok(old)
    }

    /// Something was written: everything is asked anew.
    pub(super) fn forget(&self) {
        self.lock().forget();
    }

    fn take_off(
        &self,
        shelf: &mut Shelf,
        question: &Question,
        asking: impl Future<Output = Result<Vec<BusinessProfile>, StoreError>> + Send + 'static,
    ) -> Flight {
        let (land, flight) = watch::channel(None);
        shelf.flights.insert(question.clone(), flight.clone());
        let (cache, question, asked_in) = (self.clone(), question.clone(), shelf.generation);
        tokio::spawn(async move {
            let answer = asking.await.map(Answer::from).map_err(Arc::new);
            {
                let mut shelf = cache.lock();
                if let Ok(answer) = &answer {
                    shelf.keep(&question, answer, asked_in, Instant::now());
                }
                if shelf.generation == asked_in {
                    shelf.flights.remove(&question);
                }
            }
            land.send_replace(Some(answer));
        });
        flight
    }

    fn lock(&self) -> MutexGuard<'_, Shelf> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn shared(error: Arc<StoreError>) -> StoreError {
    if error.is_passing() { StoreError::Away(Box::new(error)) } else { StoreError::Query(Box::new(error)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::time::{advance, sleep};

    fn business(id: &str) -> BusinessProfile {
        BusinessProfile { id: id.into(), ..BusinessProfile::default() }
    }

    fn number(digits: usize) -> Question {
        Question::Number(format!("+{digits}"))
    }

    async fn told(cache: &Cache, id: &'static str) -> String {
        let answer = cache.answer(number(1), || async { Ok(vec![business(id)]) }).await.unwrap();
        answer[0].id.to_string()
    }

    async fn while_away(cache: &Cache) -> Result<String, StoreError> {
        let away = || async { Err(StoreError::Away("no route".into())) };
        cache.answer(number(1), away).await.map(|answer| answer[0].id.to_string())
    }

    #[tokio::test(start_paused = true)]
    async fn a_fresh_answer_is_not_asked_for_again() {
        let cache = Cache::default();
        assert_eq!(told(&cache, "a").await, "a");
        advance(FRESH - Duration::from_millis(1)).await;
        assert_eq!(told(&cache, "b").await, "a");
        advance(Duration::from_millis(1)).await;
        assert_eq!(told(&cache, "b").await, "b");
    }

    #[tokio::test(start_paused = true)]
    async fn an_old_answer_stands_in_while_the_database_is_away_or_slow_but_not_for_ever() {
        let cache = Cache::default();
        assert!(matches!(while_away(&cache).await, Err(StoreError::Away(_))));
        told(&cache, "a").await;
        advance(FRESH).await;
        assert_eq!(while_away(&cache).await.unwrap(), "a");
        let before = Instant::now();
        let hangs = cache.answer(number(1), || async {
            sleep(Duration::from_secs(8)).await;
            Ok(vec![business("late")])
        });
        assert_eq!(hangs.await.unwrap()[0].id.as_str(), "a");
        assert!(before.elapsed() <= PATIENCE + Duration::from_millis(1));
        sleep(Duration::from_secs(9)).await;
        assert_eq!(told(&cache, "c").await, "late", "what came late is kept");
        advance(MAX_AGE).await;
        assert!(while_away(&cache).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn many_who_ask_the_same_are_answered_by_one_look_up() {
        let (cache, asked) = (Cache::default(), Arc::new(AtomicUsize::new(0)));
        let ask = || {
            let (cache, asked) = (cache.clone(), Arc::clone(&asked));
            tokio::spawn(async move {
                let look_up = || async move {
                    asked.fetch_add(1, Ordering::Relaxed);
                    sleep(Duration::from_secs(1)).await;
                    Ok(vec![business("a")])
                };
                cache.answer(number(1), look_up).await.unwrap().len()
            })
        };
        for answer in [ask(), ask(), ask()] {
            assert_eq!(answer.await.unwrap(), 1);
        }
        assert_eq!(asked.load(Ordering::Relaxed), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_asked_before_a_change_is_not_kept() {
        let cache = Cache::default();
        told(&cache, "a").await;
        cache.forget();
        assert_eq!(told(&cache, "b").await, "b");
        cache.forget();
        let slow = {
            let cache = cache.clone();
            tokio::spawn(async move {
                let look_up = || async {
                    sleep(Duration::from_secs(1)).await;
                    Ok(vec![business("before")])
                };
                cache.answer(number(1), look_up).await
            })
        };
        sleep(Duration::from_millis(1)).await;
        cache.forget();
        assert_eq!(told(&cache, "after").await, "after", "it is asked anew, not waited for");
        slow.await.unwrap().unwrap();
        assert_eq!(told(&cache, "x").await, "after");
    }

    #[tokio::test(start_paused = true)]
    async fn the_oldest_answer_makes_room() {
        let mut shelf = Shelf::default();
        let answer: Answer = Answer::from(vec![business("a")]);
        for digits in 0..=CAPACITY {
            advance(Duration::from_millis(1)).await;
            shelf.keep(&number(digits), &answer, 0, Instant::now());
        }
        assert_eq!(shelf.answers.len(), CAPACITY);
        assert_eq!(shelf.look(&number(0), Instant::now()), Known::Nothing);
        assert_eq!(shelf.look(&number(1), Instant::now()), Known::Fresh(answer));
    }
}
