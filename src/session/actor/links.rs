//! The session's sockets: the present one, and the one that is to take its place.

use std::sync::Arc;

use tokio::task::AbortHandle;

use super::opening::Opening;
use crate::audio::Listener;
use crate::protocol::openai::ClientEvent;
use crate::session::Lease;
use crate::session::socket::{NotWritten, Socket};

/// An open socket. What it still brings when it is gone is known by its generation.
#[derive(Debug)]
struct Link {
    generation: u64,
    socket: Socket,
    lease: Lease,
    /// Its session's age is looked at again then.
    timer: Timer,
}

impl Link {
    fn send(&self, event: ClientEvent) -> Result<(), NotWritten> {
        self.socket.send(self.lease.adapt(event).to_frame())
    }
}

/// A timer that ends with its socket.
#[derive(Debug, Default)]
struct Timer(Option<AbortHandle>);

impl Drop for Timer {
    fn drop(&mut self) {
        if let Some(timer) = &self.0 {
            timer.abort();
        }
    }
}

#[derive(Debug, Default)]
enum Next {
    #[default]
    None,
    Opening {
        generation: u64,
        /// Ends the attempt when it is not wanted any more.
        _attempt: Option<Opening>,
    },
    Open(Link),
}

/// Whose a generation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// The present socket's.
    Current,
    /// That of the one on its way.
    Next,
    /// That of one that is gone.
    Gone,
}

/// The session's sockets.
#[derive(Debug, Default)]
pub(super) struct Links {
    current: Option<Link>,
    next: Next,
    generations: u64,
}

impl Links {
    pub(super) fn place(&self, generation: u64) -> Place {
        if self.current() == Some(generation) {
            Place::Current
        } else if self.next() == Some(generation) {
            Place::Next
        } else {
            Place::Gone
        }
    }

    /// The present socket's generation.
    pub(super) fn current(&self) -> Option<u64> {
        self.current.as_ref().map(|link| link.generation)
    }

    /// That of the one on its way.
    pub(super) fn next(&self) -> Option<u64> {
        match &self.next {
            Next::None => None,
            Next::Opening { generation, .. } => Some(*generation),
            Next::Open(link) => Some(link.generation),
        }
    }

    /// Whether there is no socket, and none on its way.
    pub(super) fn is_down(&self) -> bool {
        self.current.is_none() && self.next().is_none()
    }

    /// Another one is being opened, of this generation; one that was on its way is not wanted any more.
    pub(super) fn opening(&mut self) -> u64 {
        self.generations += 1;
        self.next = Next::Opening { generation: self.generations, _attempt: None };
        self.generations
    }

    /// Ends this attempt when another is made, or none is wanted.
    pub(super) fn keep_attempt(&mut self, generation: u64, attempt: Opening) {
        if self.next() == Some(generation) {
            self.next = Next::Opening { generation, _attempt: Some(attempt) };
        }
    }

    /// The one that was being opened is open.
    pub(super) fn opened(&mut self, socket: Socket, lease: Lease) {
        if let Next::Opening { generation, .. } = self.next {
            self.next = Next::Open(Link { generation, socket, lease, timer: Timer::default() });
        }
    }

    /// The model that an open socket leads to.
    pub(super) fn model(&self, place: Place) -> Option<Arc<str>> {
        let link = match (place, &self.next) {
            (Place::Current, _) => self.current.as_ref(),
            (Place::Next, Next::Open(link)) => Some(link),
            (Place::Next, Next::None | Next::Opening { .. }) | (Place::Gone, _) => None,
        };
        link.map(|link| link.lease.model())
    }

    /// The standing of an open socket with its endpoint.
    pub(super) fn lease(&mut self, place: Place) -> Option<&mut Lease> {
        match (place, &mut self.next) {
            (Place::Current, _) => self.current.as_mut().map(|link| &mut link.lease),
            (Place::Next, Next::Open(link)) => Some(&mut link.lease),
            (Place::Next, Next::None | Next::Opening { .. }) | (Place::Gone, _) => None,
        }
    }

    /// The next one takes the place of the present one.
    pub(super) fn switch(&mut self) {
        match std::mem::take(&mut self.next) {
            Next::Open(link) => self.current = Some(link),
            other @ (Next::None | Next::Opening { .. }) => self.next = other,
        }
    }

    /// Closes the present one. Answers whether there was one.
    pub(super) fn drop_current(&mut self) -> bool {
        self.current.take().is_some()
    }

    /// Closes the one on its way.
    pub(super) fn drop_next(&mut self) {
        self.next = Next::None;
    }

    pub(super) fn send(&self, event: ClientEvent) -> Result<(), NotWritten> {
        self.current.as_ref().map_or(Ok(()), |link| link.send(event))
    }

    pub(super) fn prime(&self, event: ClientEvent) -> Result<(), NotWritten> {
        match &self.next {
            Next::Open(link) => link.send(event),
            Next::None | Next::Opening { .. } => Ok(()),
        }
    }

    /// The present one hears the caller.
    pub(super) fn listen(&self, listener: Listener) -> Result<(), NotWritten> {
        self.current.as_ref().map_or(Ok(()), |link| link.socket.listen(listener))
    }

    /// Ends this timer with the socket of this generation, and the one it had before now.
    pub(super) fn keep_timer(&mut self, generation: u64, timer: AbortHandle) {
        let next = match &mut self.next {
            Next::Open(link) => Some(link),
            Next::None | Next::Opening { .. } => None,
        };
        let mut links = self.current.iter_mut().chain(next);
        match links.find(|link| link.generation == generation) {
            Some(link) => link.timer = Timer(Some(timer)),
            None => timer.abort(),
        }
    }
}
