//! The calls this process was told it has placed.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::protocol::twilio::CallSid;

/// Calls that are remembered: more than are placed while one of them is looked for.
const MOST: usize = 4_096;

/// The newest of those calls. Cheap to clone: all share one memory.
#[derive(Debug, Clone, Default)]
pub(super) struct Given(Arc<Mutex<VecDeque<CallSid>>>);

impl Given {
    pub(super) fn note(&self, sid: CallSid) {
        let mut given = self.lock();
        if given.len() == MOST {
            given.pop_front();
        }
        given.push_back(sid);
    }

    pub(super) fn has(&self, sid: &CallSid) -> bool {
        self.lock().contains(sid)
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<CallSid>> {
        // What is kept is whole after every step.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
