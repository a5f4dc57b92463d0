//! Once, by one process and by the next.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use tempfile::TempDir;
use tokio::sync::oneshot;

use super::*;
use crate::store::Embedded;

const LIMITS: OnceLimits = OnceLimits { most: 2, keep: Duration::from_secs(60) };
const LOST: u32 = 404;

impl Answer for u32 {
    fn to_text(&self) -> String {
        self.to_string()
    }

    fn from_text(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    fn lost() -> Self {
        LOST
    }
}

struct Home(TempDir);

impl Home {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// What a process that starts here knows.
    async fn once(&self) -> Once<u32> {
        Once::new("s", LIMITS, Store::Embedded(Embedded::open(self.0.path()).await.unwrap()))
    }
}

async fn done(
    once: &Once<u32>,
    key: &str,
    what: &str,
    answer: (u32, Keep),
) -> Result<Option<u32>, OnceError> {
    once.run(key, what, move || async move { answer }).await
}

#[tokio::test]
async fn what_is_asked_for_ten_times_at_once_is_done_once() {
    let home = Home::new();
    let (once, count) = (home.once().await, Arc::new(AtomicU32::new(0)));
    let ask = || {
        let count = Arc::clone(&count);
        once.run("k", "x", move || async move {
            tokio::task::yield_now().await;
            (count.fetch_add(1, Ordering::Relaxed), Keep::Yes)
        })
    };
    let answers = join_all((0..10).map(|_| ask())).await;
    assert!(answers.iter().all(|answer| *answer == Ok(Some(0))), "{answers:?}");
    assert_eq!(ask().await, Ok(Some(0)));
}

#[tokio::test]
async fn a_key_is_for_one_thing_and_what_was_not_done_may_be_tried_again() {
    let home = Home::new();
    let once = home.once().await;
    assert_eq!(done(&once, "k", "x", (1, Keep::Yes)).await, Ok(Some(1)));
    assert_eq!(done(&once, "k", "y", (2, Keep::Yes)).await, Err(OnceError::Conflict));
    assert_eq!(done(&once, "j", "x", (3, Keep::No)).await, Ok(Some(3)));
    assert_eq!(done(&once, "j", "y", (4, Keep::Yes)).await, Ok(Some(4)));
}

#[tokio::test]
async fn work_goes_on_when_who_asked_goes_away() {
    let home = Home::new();
    let once = home.once().await;
    let (go, gone) = oneshot::channel::<()>();
    let (begun, began) = oneshot::channel::<()>();
    let work = || async {
        drop(begun);
        let _ = gone.await;
        (1, Keep::Yes)
    };
    let mut first = Box::pin(once.run("k", "x", work));
    assert!(futures_util::poll!(&mut first).is_pending());
    let _ = began.await;
    drop((first, go));
    assert_eq!(done(&once, "k", "x", (2, Keep::Yes)).await, Ok(Some(1)));
}

#[tokio::test]
async fn the_next_process_gives_the_same_answer() {
    let home = Home::new();
    assert_eq!(done(&home.once().await, "k", "x", (1, Keep::Yes)).await, Ok(Some(1)));
    let next = home.once().await;
    assert_eq!(done(&next, "k", "x", (2, Keep::Yes)).await, Ok(Some(1)));
    assert_eq!(done(&next, "k", "y", (2, Keep::Yes)).await, Err(OnceError::Conflict));
}

#[tokio::test]
async fn what_was_under_way_when_the_process_ended_is_not_done_again() {
    let home = Home::new();
    let first = home.once().await;
    let (begun, began) = oneshot::channel::<()>();
    let work = || async {
        drop(begun);
        std::future::pending().await
    };
    let mut asked = Box::pin(first.run("k", "x", work));
    assert!(futures_util::poll!(&mut asked).is_pending());
    let _ = began.await;
    assert_eq!(done(&home.once().await, "k", "x", (2, Keep::Yes)).await, Ok(Some(LOST)));
}

#[tokio::test]
async fn work_that_panics_may_have_done_something() {
    let home = Home::new();
    let once = home.once().await;
    let broken = once.run("k", "x", || async { panic!("a mistake of ours") }).await;
    assert_eq!(broken, Ok(None));
    assert_eq!(done(&once, "k", "x", (2, Keep::Yes)).await, Ok(Some(LOST)));
}

#[tokio::test]
async fn no_more_is_under_way_than_may_be() {
    let home = Home::new();
    let once = home.once().await;
    let mut asked: Vec<_> = ["a", "b"].map(|key| Box::pin(once.run(key, "x", std::future::pending))).into();
    for asked in &mut asked {
        assert!(futures_util::poll!(asked).is_pending());
    }
    assert_eq!(done(&once, "c", "x", (1, Keep::Yes)).await, Err(OnceError::Full));
}
