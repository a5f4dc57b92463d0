//! What must be done once though it is asked for several times: remembered in the data folder, so that a process that
//! starts again gives the same answers.

use std::fmt::Write as _;
use std::time::Duration;

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::{Store, StoreError};

/// How much is remembered of one scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OnceLimits {
    /// So many answers.
    pub most: usize,
    /// For so long.
    pub keep: Duration,
}

/// Something that is asked for, by the key it is known by. Of key and request only digests are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnceClaim {
    /// What kind of thing is done.
    pub(super) scope: &'static str,
    pub(super) key: String,
    pub(super) what: String,
}

/// What is known of a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OnceState {
    /// Nothing: it is written down now, and whoever claimed it does it.
    Fresh,
    /// It was begun, and nobody wrote down what came of it.
    Begun,
    /// It was answered: with this, JSON text.
    Answered(String),
    /// The key was used for something else.
    Conflict,
    /// Too much is under way.
    Full,
}

impl OnceClaim {
    /// A claim on doing `what`, known by `key` among all of this scope.
    pub fn new(scope: &'static str, key: &str, what: &str) -> Self {
        Self { scope, key: digest(key), what: digest(what) }
    }
}

fn digest(text: &str) -> String {
    Sha256::digest(text).iter().fold(String::with_capacity(64), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

impl Store {
    /// Claims something: it is [`OnceState::Fresh`] for one alone. What is older than the limits is forgotten, and the
    /// oldest answers beyond their number.
    ///
    /// # Errors
    /// As the file fails; nothing is then claimed. Only after [`StoreError::Timeout`] it may have been.
    pub async fn claim_once(&self, claim: OnceClaim, limits: OnceLimits) -> Result<OnceState, StoreError> {
        self.local().claim_once(claim, limits, Timestamp::now()).await
    }

    /// Writes down what came of a claim: JSON text.
    ///
    /// # Errors
    /// As the file fails.
    pub async fn answer_once(&self, claim: OnceClaim, answer: String) -> Result<(), StoreError> {
        self.local().answer_once(claim, answer).await
    }

    /// Takes a claim back of which nothing came: it may be claimed again. What is answered stays.
    ///
    /// # Errors
    /// As the file fails.
    pub async fn forget_once(&self, claim: OnceClaim) -> Result<(), StoreError> {
        self.local().forget_once(claim).await
    }
}
