//! Timers of a call. One that is no longer wanted is taken back, so that a busy call does not leave a trail of them.

use std::time::Duration;

use tokio::task::AbortHandle;

use super::{CallData, CallMessage, Due};

/// A timer that runs until it is due or replaced.
#[derive(Debug, Default)]
pub(super) struct Alarm(Option<AbortHandle>);

impl Drop for Alarm {
    fn drop(&mut self) {
        if let Some(timer) = &self.0 {
            timer.abort();
        }
    }
}

impl CallData {
    /// Something is due after a while, unless the alarm is dropped before.
    pub(super) fn later(&self, due: Due, after: Duration) -> Alarm {
        let timer = self.myself.send_after(after, move || CallMessage::Due(due));
        Alarm(Some(timer.abort_handle()))
    }
}
