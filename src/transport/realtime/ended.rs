//! How responses ended of which sound still waits: a client that comes back is told their ends again.

use std::collections::VecDeque;

use crate::id::ResponseId;
use crate::protocol::realtime::{ResponseOutcome, Show};
use crate::usage::Usage;

const MAX_ENDED: usize = 16;

/// The last of them.
#[derive(Debug, Clone, Default)]
pub(super) struct Ended(VecDeque<(ResponseId, ResponseOutcome, Usage)>);

impl Ended {
    /// Keeps what is shown, if it is an end.
    pub(super) fn on_show(&mut self, show: &Show) {
        if let Show::Responded { response, end, usage } = show {
            if self.0.len() == MAX_ENDED {
                self.0.pop_front();
            }
            self.0.push_back((response.clone(), *end, *usage));
        }
    }

    /// How a response ended.
    pub(super) fn of(&self, response: &ResponseId) -> Option<(ResponseOutcome, Usage)> {
        let found = self.0.iter().find(|(ended, ..)| ended == response)?;
        Some((found.1, found.2))
    }
}
