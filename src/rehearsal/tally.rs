//! What the server counts of all connections.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::fault::FaultKind;

/// Figures of a running server.
#[derive(Debug, Default)]
pub(super) struct Tally(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    refused: BTreeMap<&'static str, u64>,
    struck: BTreeMap<FaultKind, u64>,
}

impl Tally {
    /// A client event was refused with this code.
    pub(super) fn refused(&self, code: &'static str) {
        self.change(|counts| *counts.refused.entry(code).or_default() += 1);
    }

    /// A fault has struck.
    pub(super) fn struck(&self, kind: FaultKind) {
        self.change(|counts| *counts.struck.entry(kind).or_default() += 1);
    }

    /// Client events refused so far, by code. There are as many codes as the code has names for.
    pub(super) fn refusals(&self) -> BTreeMap<&'static str, u64> {
        self.change(|counts| counts.refused.clone())
    }

    /// Faults that have struck so far.
    pub(super) fn strikes(&self) -> BTreeMap<FaultKind, u64> {
        self.change(|counts| counts.struck.clone())
    }

    fn change<T>(&self, change: impl FnOnce(&mut Counts) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
