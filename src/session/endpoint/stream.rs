//! An open socket to the model: over the network, and in tests over a pipe, on which the runtime's clock alone counts.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::Sink;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

/// An open socket to the model.
#[derive(Debug)]
pub enum Stream {
    /// Over the network.
    Network(Box<WebSocketStream<MaybeTlsStream<TcpStream>>>),
    /// Over a pipe.
    #[cfg(test)]
    Pipe(Box<WebSocketStream<tokio::io::DuplexStream>>),
}

/// The same of whichever socket it is.
macro_rules! socket {
    ($stream:expr, $method:ident($($argument:expr),*)) => {
        match $stream.get_mut() {
            Stream::Network(socket) => Pin::new(socket.as_mut()).$method($($argument),*),
            #[cfg(test)]
            Stream::Pipe(socket) => Pin::new(socket.as_mut()).$method($($argument),*),
        }
    };
}

impl futures_util::Stream for Stream {
    type Item = Result<Message, Error>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        socket!(self, poll_next(context))
    }
}

impl Sink<Message> for Stream {
    type Error = Error;

    fn poll_ready(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        socket!(self, poll_ready(context))
    }

    fn start_send(self: Pin<&mut Self>, message: Message) -> Result<(), Error> {
        socket!(self, start_send(message))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        socket!(self, poll_flush(context))
    }

    fn poll_close(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        socket!(self, poll_close(context))
    }
}
