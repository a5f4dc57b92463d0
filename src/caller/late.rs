//! A wait that was in vain, told so that a failed test explains itself.

use std::fmt;

use super::timeline::Moment;

/// Moments that are told.
const MOMENTS_TOLD: usize = 40;

/// What was awaited did not come.
pub struct Late {
    pub(super) awaited: String,
    pub(super) why: &'static str,
    pub(super) heard: String,
    pub(super) moments: Vec<Moment>,
}

impl fmt::Display for Late {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; heard: {:?}; so far:", self.awaited, self.why, self.heard)?;
        let skipped = self.moments.len().saturating_sub(MOMENTS_TOLD);
        for moment in &self.moments[skipped..] {
            write!(f, "\n{moment}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Late {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Late {}
