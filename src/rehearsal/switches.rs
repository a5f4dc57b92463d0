//! The switches of a socket: cut it, or let it go dead while it stays open.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio_util::sync::CancellationToken;

/// The switches of one socket. Those of all sockets work on each.
#[derive(Debug, Clone, Default)]
pub(super) struct Switches {
    /// The connection vanishes.
    pub(super) cut: CancellationToken,
    /// The socket stays open, and nobody is at its other end any more.
    pub(super) frozen: CancellationToken,
}

impl Switches {
    fn child(&self) -> Self {
        Self { cut: self.cut.child_token(), frozen: self.frozen.child_token() }
    }
}

/// The switches of all sockets there are.
#[derive(Debug, Default)]
pub(super) struct Switchboard {
    all: Mutex<Switches>,
    sessions: Mutex<BTreeMap<u64, Switches>>,
}

impl Switchboard {
    /// The switches of a new socket.
    pub(super) fn wire(&self) -> Switches {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).child()
    }

    /// Cuts every socket there is.
    pub(super) fn cut_all(&self) {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *all).cut.cancel();
    }

    /// Lets every socket there is go dead.
    pub(super) fn freeze_all(&self) {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        // They can still be cut.
        std::mem::replace(&mut all.frozen, CancellationToken::new()).cancel();
    }

    /// Cuts one session; whether it was there.
    pub(super) fn cut(&self, session: u64) -> bool {
        self.with(session, |switches| switches.cut.cancel())
    }

    /// Lets the socket of one session go dead; whether it was there.
    pub(super) fn freeze(&self, session: u64) -> bool {
        self.with(session, |switches| switches.frozen.cancel())
    }

    /// The sessions whose sockets are open, oldest first.
    pub(super) fn sessions(&self) -> Vec<u64> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner).keys().copied().collect()
    }

    /// Knows a session for as long as what is given back lives.
    pub(super) fn enter(self: &Arc<Self>, session: u64, switches: Switches) -> Entered {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner).insert(session, switches);
        Entered { board: Arc::clone(self), session }
    }

    fn with(&self, session: u64, act: impl FnOnce(&Switches)) -> bool {
        let sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.get(&session).map(act).is_some()
    }
}

/// A session that can be reached by its number.
#[derive(Debug)]
pub(super) struct Entered {
    board: Arc<Switchboard>,
    session: u64,
}

impl Drop for Entered {
    fn drop(&mut self) {
        self.board.sessions.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.session);
    }
}
