//! The listener: accepts connections within limits, and lets them end politely.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1::{Builder, UpgradeableConnection};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// After an accept that failed (no file handles left, most likely) the next is tried after this.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

type Connection = UpgradeableConnection<TokioIo<TcpStream>, TowerToHyperService<Router>>;

/// What a client may use of the listener.
#[derive(Debug, Clone, Copy)]
pub struct ListenerLimits {
    /// A request's head must be there within this, from when the connection opens or the answer before it ends. A
    /// client that sends it drop by drop, or nothing at all, is cut off.
    pub head: Duration,
    /// Connections open at once; more wait to be accepted.
    pub connections: usize,
    /// At the end, answers under way have this long.
    pub goodbye: Duration,
}

/// Serves HTTP/1.1 until `close` comes, then lets the answers under way end. HTTP/2 is not offered: to find out which
/// of the two a client speaks there is no time limit, and neither WebSockets nor event streams need it.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: ListenerLimits,
    close: impl Future<Output = ()>,
) {
    let mut builder = Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(limits.head);
    let room = Arc::new(Semaphore::new(limits.connections));
    let (closing, open) = (CancellationToken::new(), TaskTracker::new());
    let mut close = pin!(close);
    loop {
        let (stream, place) = tokio::select! {
            accepted = accept(&listener, &room) => accepted,
            () = &mut close => break,
        };
        let service = TowerToHyperService::new(router.clone());
        let connection = builder.serve_connection(TokioIo::new(stream), service).with_upgrades();
        let closing = closing.clone();
        open.spawn(async move {
            // A client that goes away, or never was an HTTP client, is its own affair.
            if let Err(error) = until_its_end(connection, closing).await {
                tracing::debug!(error = %error, "a connection ended in an error");
            }
            drop(place);
        });
    }
    drop(listener);
    closing.cancel();
    open.close();
    if tokio::time::timeout(limits.goodbye, open.wait()).await.is_err() {
        tracing::warn!("some connections did not end in time and are cut");
    }
}

/// Serves a connection until its client or, once the service is closing, the answer under way ends it.
async fn until_its_end(connection: Connection, closing: CancellationToken) -> hyper::Result<()> {
    let mut connection = pin!(connection);
    tokio::select! {
        ended = connection.as_mut() => return ended,
        () = closing.cancelled() => {}
    }
    connection.as_mut().graceful_shutdown();
    connection.await
}

async fn accept(listener: &TcpListener, room: &Arc<Semaphore>) -> (TcpStream, Option<OwnedSemaphorePermit>) {
    // The semaphore is never closed.
    let place = Arc::clone(room).acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // Small answers must not wait for the next packet.
                let _ = stream.set_nodelay(true);
                return (stream, place);
            }
            Err(error) => {
                metrics::counter!("ai_realtime_accept_failures_total").increment(1);
                tracing::error!(error = %error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::sync::oneshot;

    use super::*;

    const DEADLINE: Duration = Duration::from_secs(10);

    async fn served(limits: ListenerLimits) -> (std::net::SocketAddr, oneshot::Sender<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (close, closed) = oneshot::channel();
        let router = Router::new().route("/", get(|| async { "here" }));
        tokio::spawn(serve(listener, router, limits, async { drop(closed.await) }));
        (address, close)
    }

    async fn read_to_end(stream: &mut TcpStream) -> String {
        let mut text = String::new();
        tokio::time::timeout(DEADLINE, stream.read_to_string(&mut text)).await.unwrap().unwrap();
        text
    }

    #[tokio::test]
    async fn a_client_that_never_ends_its_request_is_cut_off() {
        let head = Duration::from_millis(100);
        let (address, _close) = served(ListenerLimits { head, connections: 8, goodbye: DEADLINE }).await;
        let sent: [&[u8]; 5] =
            [b"", b"P", b"PRI * HT", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"GET / HTTP/1.1\r\nhost: x\r\n"];
        for sent in sent {
            let mut slow = TcpStream::connect(address).await.unwrap();
            slow.write_all(sent).await.unwrap();
            cut(&mut slow).await;
        }
    }

    #[tokio::test]
    async fn a_client_that_asks_nothing_more_is_cut_off() {
        let head = Duration::from_millis(100);
        let (address, _close) = served(ListenerLimits { head, connections: 8, goodbye: DEADLINE }).await;
        let mut idle = TcpStream::connect(address).await.unwrap();
        idle.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        assert!(read_to_end(&mut idle).await.ends_with("here"));
    }

    /// Waits until the other side has closed, in whichever way.
    async fn cut(stream: &mut TcpStream) {
        let mut bytes = Vec::new();
        let _ =
            tokio::time::timeout(DEADLINE, stream.read_to_end(&mut bytes)).await.expect("it is not cut off");
    }

    #[tokio::test]
    async fn a_connection_beyond_the_limit_waits_for_a_place() {
        let (address, _close) =
            served(ListenerLimits { head: DEADLINE, connections: 1, goodbye: DEADLINE }).await;
        let first = TcpStream::connect(address).await.unwrap();
        let mut second = TcpStream::connect(address).await.unwrap();
        second.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
        let mut byte = [0];
        let waits = tokio::time::timeout(Duration::from_millis(100), second.read(&mut byte)).await;
        assert!(waits.is_err(), "it was served though there was no place");
        drop(first);
        assert!(read_to_end(&mut second).await.ends_with("here"));
    }
}
