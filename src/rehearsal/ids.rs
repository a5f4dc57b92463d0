//! Ids as the real server makes them: a prefix and letters nobody can guess, never more than 32 characters.

const LETTERS: usize = 21;

/// Makes ids that do not repeat.
#[derive(Debug)]
pub(super) struct Ids {
    random: fastrand::Rng,
}

impl Ids {
    /// Ids that follow from `seed`.
    pub(super) fn new(seed: u64) -> Self {
        Self { random: fastrand::Rng::with_seed(seed) }
    }

    /// `item_…`, `resp_…`, `call_…`, `event_…`, `sess_…`.
    pub(super) fn next(&mut self, prefix: &str) -> String {
        let letters = (0..LETTERS).map(|_| self.random.alphanumeric());
        format!("{prefix}_{}", letters.collect::<String>())
    }
}
