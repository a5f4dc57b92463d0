//! Sockets that are dead though open, and what they cost the caller.

use futures_util::FutureExt;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, accept_async, client_async};

use super::*;
use crate::sound::AudioFormat;

/// A test waits so long at most.
const DEADLINE: Duration = Duration::from_secs(30);
const PULSE: Pulse = Pulse { every: Duration::from_millis(50) };
/// Frames of 20 ms that the caller has spoken: more than are kept of silence.
const FRAMES: usize = 200;
/// Frames of silence that are kept.
const PRE_ROLL: usize = 50;

async fn soon<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, work).await.expect("it takes too long")
}

async fn pair() -> (Stream, WebSocketStream<TcpStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let connecting = async {
        let stream = MaybeTlsStream::Plain(TcpStream::connect(address).await.unwrap());
        let (socket, _) = client_async(format!("ws://{address}"), stream).await.unwrap();
        Stream::Network(Box::new(socket))
    };
    let accepting = async { accept_async(listener.accept().await.unwrap().0).await.unwrap() };
    tokio::join!(connecting, accepting)
}

/// A socket that hears what a caller has said, and what it brings.
fn hearing(stream: Stream) -> (Arc<Lane>, Socket, mpsc::UnboundedReceiver<Incoming>) {
    let lane = Arc::new(Lane::new(500, ("", ""), AudioFormat::Pcmu));
    let payload = "f".repeat(216);
    (0..FRAMES).for_each(|_| lane.push_caller(&payload));
    let (told, incoming) = mpsc::unbounded_channel();
    let socket = Socket::start(stream, Some(Arc::clone(&lane)), PULSE, move |event| told.send(event).is_ok());
    socket.listen(lane.listen()).unwrap();
    (lane, socket, incoming)
}

/// What another socket would be given.
fn given_again(lane: &Arc<Lane>) -> usize {
    let listener = lane.listen();
    std::iter::from_fn(|| listener.next().now_or_never().flatten()).count()
}

#[tokio::test]
async fn a_socket_that_takes_everything_and_says_nothing_is_lost_and_costs_no_word() {
    let (stream, _mute) = soon(Box::pin(pair())).await;
    let (lane, _socket, mut incoming) = hearing(stream);
    let Some(Incoming::Lost { reason, fatal: false }) = soon(incoming.recv()).await else {
        panic!("it is not lost")
    };
    assert_eq!(reason, "no sign of life");
    assert_eq!(given_again(&lane), FRAMES);
}

#[tokio::test]
async fn silence_that_a_pong_says_was_heard_is_not_given_again() {
    let (stream, mut server) = soon(Box::pin(pair())).await;
    let (lane, _socket, mut incoming) = hearing(stream);
    let hears = async {
        let mut heard = 0;
        loop {
            match server.next().await.unwrap().unwrap() {
                Message::Text(_) => heard += 1,
                Message::Ping(_) if heard == FRAMES => break,
                _ => {}
            }
        }
        // What is sent after the pong is read after it.
        server.send(Message::text(r#"{"type":"rate_limits.updated"}"#)).await.unwrap();
    };
    soon(hears).await;
    assert!(matches!(soon(incoming.recv()).await, Some(Incoming::Event(..))));
    assert_eq!(given_again(&lane), PRE_ROLL);
}
