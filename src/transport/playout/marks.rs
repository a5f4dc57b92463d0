//! The marks of a ledger: which are out, and where they stand.

use std::collections::VecDeque;
use std::fmt;

use super::MAX_MARKS;

/// The name of a mark, `{generation}:{number}` on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MarkName {
    generation: u64,
    number: u64,
}

impl fmt::Display for MarkName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.generation, self.number)
    }
}

impl MarkName {
    fn read(name: &str) -> Option<Self> {
        let (generation, number) = name.split_once(':')?;
        Some(Self { generation: generation.parse().ok()?, number: number.parse().ok()? })
    }
}

/// What an echo means to the marks.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Echo {
    /// All sound before this place has been played.
    Reached(u64),
    /// Acknowledged before, or cleared.
    Stale,
    /// Never put.
    Unknown,
}

/// The marks of the current generation. Places are in bytes of its sound.
#[derive(Debug, Default)]
pub(super) struct Marks {
    generation: u64,
    /// How many were put, in all generations: the next one's number.
    put: u64,
    /// Number and place of those that are not acknowledged, in order.
    open: VecDeque<(u64, u64)>,
    acknowledged: u64,
    newest: u64,
}

impl Marks {
    /// Puts a mark at this place. When too many are open it takes the newest one's place.
    pub(super) fn put(&mut self, place: u64) -> MarkName {
        if self.is_full() {
            self.open.pop_back();
        }
        let number = self.put;
        self.put += 1;
        self.open.push_back((number, place));
        self.newest = place;
        MarkName { generation: self.generation, number }
    }

    /// An echo: it acknowledges the mark and all before it.
    pub(super) fn acknowledge(&mut self, name: &str) -> Echo {
        let Some(name) = MarkName::read(name) else { return Echo::Unknown };
        if name.generation > self.generation || name.number >= self.put {
            return Echo::Unknown;
        }
        let found = self.open.binary_search_by_key(&name.number, |(number, _)| *number);
        match found {
            Ok(at) if name.generation == self.generation => {
                self.acknowledged = self.open[at].1;
                self.open.drain(..=at);
                Echo::Reached(self.acknowledged)
            }
            Ok(_) | Err(_) => Echo::Stale,
        }
    }

    /// All is cleared: echoes of the marks that are out say nothing any more.
    pub(super) fn begin_generation(&mut self) {
        self.generation += 1;
        self.open.clear();
        (self.acknowledged, self.newest) = (0, 0);
    }

    /// Whether no more should be put.
    pub(super) fn is_full(&self) -> bool {
        self.open.len() >= MAX_MARKS
    }

    /// Where the oldest open mark stands.
    pub(super) fn oldest(&self) -> Option<u64> {
        self.open.front().map(|(_, place)| *place)
    }

    /// Where the last mark was put; 0 when none was.
    pub(super) fn newest(&self) -> u64 {
        self.newest
    }

    /// Up to where all is known to have been played.
    pub(super) fn acknowledged(&self) -> u64 {
        self.acknowledged
    }
}
