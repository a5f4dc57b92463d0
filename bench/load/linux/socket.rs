//! A WebSocket that is open already, on a socket that never waits.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::fd::{AsFd, BorrowedFd};

use super::frame::{self, Side};

/// Room for what one read brings, shared by all sockets of a loop.
pub(crate) const SCRATCH: usize = 256 << 10;

pub(crate) struct Socket {
    stream: TcpStream,
    side: Side,
    /// The beginning of a frame whose rest has not come.
    rest: Vec<u8>,
    /// What the other side has not taken yet.
    unsent: Vec<u8>,
}

impl Socket {
    /// `rest` came right after the handshake.
    pub(crate) fn new(stream: TcpStream, side: Side, rest: Vec<u8>) -> std::io::Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        Ok(Self { stream, side, rest, unsent: Vec::new() })
    }

    /// Reads once. Answers how much of `scratch` is filled, what was kept included; `None` when the socket is gone.
    pub(crate) fn fill(&mut self, scratch: &mut [u8]) -> Option<usize> {
        let kept = self.rest.len();
        scratch[..kept].copy_from_slice(&self.rest);
        self.rest.clear();
        match self.stream.read(&mut scratch[kept..]) {
            Ok(0) => None,
            Ok(read) => Some(kept + read),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Some(kept),
            Err(_) => None,
        }
    }

    /// Keeps what is no whole frame yet.
    pub(crate) fn keep(&mut self, rest: &[u8]) {
        self.rest.extend_from_slice(rest);
    }

    /// Writes a message at once, as far as the other side takes it. `buffer` is empty before and after.
    pub(crate) fn send(
        &mut self,
        buffer: &mut Vec<u8>,
        opcode: u8,
        payload: &[&[u8]],
    ) -> std::io::Result<()> {
        frame::write(buffer, self.side, opcode, payload);
        let written = if self.unsent.is_empty() { self.write_some(buffer)? } else { 0 };
        self.unsent.extend_from_slice(&buffer[written..]);
        buffer.clear();
        Ok(())
    }

    /// Whether something waits for the other side.
    pub(crate) fn is_behind(&self) -> bool {
        !self.unsent.is_empty()
    }

    /// Writes what waits.
    pub(crate) fn catch_up(&mut self) -> std::io::Result<()> {
        let unsent = std::mem::take(&mut self.unsent);
        let written = self.write_some(&unsent)?;
        self.unsent.extend_from_slice(&unsent[written..]);
        Ok(())
    }

    fn write_some(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match self.stream.write(bytes) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(0),
            other => other,
        }
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}
