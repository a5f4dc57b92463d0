//! Work that is done at once nearly always, such as writing a small frame to a socket that has room.

use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::time::error::Elapsed;

/// Does the work at once if it can be, else within `limit`.
///
/// What is done at once costs no timer, and leaves no waker behind. That matters to a WebSocket, which wakes whoever
/// wrote to it last each time something can be read.
///
/// # Errors
/// [`Elapsed`] when the limit has passed.
pub async fn at_once_or_within<T>(limit: Duration, work: impl Future<Output = T>) -> Result<T, Elapsed> {
    let mut work = pin!(work);
    if let Poll::Ready(done) = work.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        return Ok(done);
    }
    // Asked again, it says whom to wake.
    tokio::time::timeout(limit, work).await
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);

    #[tokio::test(start_paused = true)]
    async fn what_takes_time_is_waited_for_up_to_the_limit() {
        assert_eq!(at_once_or_within(LIMIT, std::future::ready(1)).await, Ok(1));
        let (done, work) = oneshot::channel();
        let waiting = tokio::spawn(at_once_or_within(LIMIT, work));
        tokio::task::yield_now().await;
        done.send(2).unwrap();
        assert_eq!(waiting.await.unwrap(), Ok(Ok(2)));
        assert!(at_once_or_within(LIMIT, std::future::pending::<()>()).await.is_err());
    }
}
