//! What the caller has heard. Sound is sent faster than it is played, and the only thing the far end says of its
//! playing is that it has reached a mark; so this ledger keeps what was written, in order, and where the marks are.
//! Pure: bytes, marks and the time come in; marks to write and what was cut off come out.
//!
//! The **playhead** is the last acknowledged mark, plus the time since, but never beyond the next mark that is not
//! acknowledged, nor beyond what was sent. Before the first mark, and whenever sound is written to an empty buffer, it
//! counts from that moment. It never goes back.
//!
//! Limits: of each generation, the last [`MAX_PIECES`] pieces of sound are kept, of which those that were heard go
//! first; beyond [`MAX_MARKS`] open marks, sound gets none until one is acknowledged, and an item's end takes the
//! place of the newest.

mod marks;
mod pieces;
#[cfg(test)]
mod tests;

use marks::{Echo, Marks};

pub use marks::MarkName;
pub(in crate::transport) use pieces::Pieces;

use crate::id::{ItemId, ResponseId};

/// How much sound goes out between two marks, in milliseconds.
pub const MARK_EVERY_MS: u64 = 400;
/// How many marks may be unacknowledged.
pub const MAX_MARKS: usize = 256;
/// How many pieces of sound are kept. An item is one piece, unless another's sound came in between.
pub const MAX_PIECES: usize = 64;

/// An item the caller has not heard to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// Which.
    pub item: ItemId,
    /// The response it belongs to: what still comes of it is dropped.
    pub response: ResponseId,
    /// How much of it was heard.
    pub played_ms: u64,
    /// How much of it was sent; never less than what was heard.
    pub sent_ms: u64,
    /// Whether that was all of it. An item that was still being sent is cut even if all of that was heard.
    pub ended: bool,
}

/// What a mark's echo says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MarkOutcome {
    /// All that was written before it has been played.
    Played {
        /// The items that have now been heard to their ends, in order. One whose end is learnt only after all of its
        /// sound was acknowledged comes with the next mark.
        heard: Vec<ItemId>,
        /// Whether nothing is left to play.
        silent: bool,
    },
    /// It was acknowledged before, or cleared: it says nothing of what was heard.
    Stale,
    /// It is no mark of this ledger.
    Unknown,
}

/// The ledger of one line.
#[derive(Debug)]
pub struct Playout {
    bytes_per_ms: u64,
    marks: Marks,
    pieces: Pieces,
    /// What the playhead is counted from: a place, and when it was there.
    anchor: u64,
    anchor_ms: u64,
}

impl Playout {
    /// An empty ledger for sound of so many bytes in a millisecond: 8 for G.711.
    pub fn new(bytes_per_ms: u32) -> Self {
        let bytes_per_ms = u64::from(bytes_per_ms.max(1));
        Self {
            bytes_per_ms,
            marks: Marks::default(),
            pieces: Pieces::new(bytes_per_ms),
            anchor: 0,
            anchor_ms: 0,
        }
    }

    /// Sound was written. Gives a mark to be written after it when enough went out since the last one. `now_ms` never
    /// goes back.
    pub fn on_audio(
        &mut self,
        item: &ItemId,
        response: &ResponseId,
        bytes: u64,
        now_ms: u64,
    ) -> Option<MarkName> {
        if bytes == 0 {
            return None;
        }
        let sent = self.pieces.sent();
        if self.playhead(now_ms) == sent {
            (self.anchor, self.anchor_ms) = (sent, now_ms);
        }
        let sent = self.pieces.push(item, response, bytes, self.marks.acknowledged());
        let due = sent - self.marks.newest() >= MARK_EVERY_MS * self.bytes_per_ms;
        (due && !self.marks.is_full()).then(|| self.marks.put(sent))
    }

    /// The item's last byte was written. Gives a mark to be written now, unless one stands there already.
    pub fn on_item_end(&mut self, item: &ItemId) -> Option<MarkName> {
        self.pieces.end(item);
        let sent = self.pieces.sent();
        (sent > self.marks.newest()).then(|| self.marks.put(sent))
    }

    /// The far end sent a mark back.
    pub fn on_mark(&mut self, name: &str, now_ms: u64) -> MarkOutcome {
        let position = match self.marks.acknowledge(name) {
            Echo::Reached(position) => position,
            Echo::Stale => return MarkOutcome::Stale,
            Echo::Unknown => return MarkOutcome::Unknown,
        };
        (self.anchor, self.anchor_ms) = (position, now_ms);
        MarkOutcome::Played { heard: self.pieces.forget_heard(position), silent: !self.is_audible() }
    }

    /// The caller interrupts, and the far end is told to clear: what was not played will not be. Gives every item that
    /// was not heard to its end, in order; a new generation begins, to which echoes of old marks say nothing.
    pub fn interrupt(&mut self, now_ms: u64) -> Vec<Cut> {
        let cuts = self.pieces.cut(self.playhead(now_ms));
        self.marks.begin_generation();
        (self.anchor, self.anchor_ms) = (0, now_ms);
        cuts
    }

    /// The line itself is gone, and what it had not played with it: as an interruption.
    pub fn reset(&mut self, now_ms: u64) -> Vec<Cut> {
        self.interrupt(now_ms)
    }

    /// Whether anything was written that is not known to have been played.
    pub fn is_audible(&self) -> bool {
        self.marks.acknowledged() < self.pieces.sent()
    }

    /// How much is still to be played, by estimate, rounded up.
    pub fn unplayed_ms(&self, now_ms: u64) -> u64 {
        (self.pieces.sent() - self.playhead(now_ms)).div_ceil(self.bytes_per_ms)
    }

    /// How much of an item was heard, by estimate. `None` for one that is not kept: it was heard to its end, cut off,
    /// or never written.
    pub fn played_ms(&self, item: &ItemId, now_ms: u64) -> Option<u64> {
        self.pieces.played_ms(item, self.playhead(now_ms))
    }

    fn playhead(&self, now_ms: u64) -> u64 {
        let elapsed = now_ms.saturating_sub(self.anchor_ms).saturating_mul(self.bytes_per_ms);
        let limit = self.marks.oldest().unwrap_or(self.pieces.sent());
        self.anchor.saturating_add(elapsed).min(limit)
    }
}
