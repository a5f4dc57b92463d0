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
#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use marks::{Echo, Marks};

pub use marks::MarkName;

use crate::id::{ItemId, ResponseId};

/// How much sound goes out between two marks, in milliseconds.
pub const MARK_EVERY_MS: u64 = 400;
/// How many marks may be unacknowledged.
pub const MAX_MARKS: usize = 256;
/// How many pieces of sound are kept. An item is one piece, unless another's sound came in between.
pub const MAX_PIECES: usize = 64;

/// Sound of one item, without a break.
#[derive(Debug)]
struct Piece {
    item: ItemId,
    response: ResponseId,
    /// Where it begins and ends in the generation's sound, in bytes.
    start: u64,
    end: u64,
    /// How much of the item came before this piece, in bytes.
    before: u64,
    /// Whether the item's last byte is in it, as far as we know.
    ended: bool,
}

impl Piece {
    /// How much of the item lies before a place, in bytes.
    fn up_to(&self, place: u64) -> u64 {
        self.before + place.clamp(self.start, self.end) - self.start
    }
}

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
    pieces: VecDeque<Piece>,
    /// All that was written in this generation, in bytes.
    sent: u64,
    /// What the playhead is counted from: a place, and when it was there.
    anchor: u64,
    anchor_ms: u64,
}

impl Playout {
    /// An empty ledger for sound of so many bytes in a millisecond: 8 for G.711.
    pub fn new(bytes_per_ms: u32) -> Self {
        Self {
            bytes_per_ms: u64::from(bytes_per_ms.max(1)),
            marks: Marks::default(),
            pieces: VecDeque::new(),
            sent: 0,
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
        if self.playhead(now_ms) == self.sent {
            (self.anchor, self.anchor_ms) = (self.sent, now_ms);
        }
        self.sent += bytes;
        match self.pieces.back_mut() {
            Some(last) if last.item == *item => (last.end, last.ended) = (self.sent, false),
            Some(_) | None => self.begin(item, response, bytes),
        }
        let due = self.sent - self.marks.newest() >= MARK_EVERY_MS * self.bytes_per_ms;
        (due && !self.marks.is_full()).then(|| self.marks.put(self.sent))
    }

    /// The item's last byte was written. Gives a mark to be written now, unless one stands there already.
    pub fn on_item_end(&mut self, item: &ItemId) -> Option<MarkName> {
        if let Some(piece) = self.pieces.iter_mut().rev().find(|piece| piece.item == *item) {
            piece.ended = true;
        }
        (self.sent > self.marks.newest()).then(|| self.marks.put(self.sent))
    }

    /// The far end sent a mark back.
    pub fn on_mark(&mut self, name: &str, now_ms: u64) -> MarkOutcome {
        let position = match self.marks.acknowledge(name) {
            Echo::Reached(position) => position,
            Echo::Stale => return MarkOutcome::Stale,
            Echo::Unknown => return MarkOutcome::Unknown,
        };
        (self.anchor, self.anchor_ms) = (position, now_ms);
        MarkOutcome::Played { heard: self.forget_heard(position), silent: !self.is_audible() }
    }

    /// The caller interrupts, and the far end is told to clear: what was not played will not be. Gives every item that
    /// was not heard to its end, in order; a new generation begins, to which echoes of old marks say nothing.
    pub fn interrupt(&mut self, now_ms: u64) -> Vec<Cut> {
        let playhead = self.playhead(now_ms);
        let mut cuts: Vec<Cut> = Vec::new();
        for piece in self.pieces.iter().filter(|piece| playhead < piece.end || !piece.ended) {
            let sent_ms = piece.up_to(piece.end) / self.bytes_per_ms;
            match cuts.iter_mut().find(|cut| cut.item == piece.item) {
                // The playhead is in an earlier piece of the item.
                Some(cut) => (cut.sent_ms, cut.ended) = (sent_ms, piece.ended),
                None => cuts.push(Cut {
                    item: piece.item.clone(),
                    response: piece.response.clone(),
                    played_ms: piece.up_to(playhead) / self.bytes_per_ms,
                    sent_ms,
                    ended: piece.ended,
                }),
            }
        }
        self.pieces.clear();
        self.marks.begin_generation();
        (self.sent, self.anchor, self.anchor_ms) = (0, 0, now_ms);
        cuts
    }

    /// The line itself is gone, and what it had not played with it: as an interruption.
    pub fn reset(&mut self, now_ms: u64) -> Vec<Cut> {
        self.interrupt(now_ms)
    }

    /// Whether anything was written that is not known to have been played.
    pub fn is_audible(&self) -> bool {
        self.marks.acknowledged() < self.sent
    }

    /// How much is still to be played, by estimate, rounded up.
    pub fn unplayed_ms(&self, now_ms: u64) -> u64 {
        (self.sent - self.playhead(now_ms)).div_ceil(self.bytes_per_ms)
    }

    /// How much of an item was heard, by estimate. `None` for one that is not kept: it was heard to its end, cut off,
    /// or never written.
    pub fn played_ms(&self, item: &ItemId, now_ms: u64) -> Option<u64> {
        let playhead = self.playhead(now_ms);
        let mut pieces = self.pieces.iter().filter(|piece| piece.item == *item);
        let first = pieces.next()?;
        let piece = pieces.rfind(|piece| piece.start < playhead).unwrap_or(first);
        Some(piece.up_to(playhead) / self.bytes_per_ms)
    }

    fn playhead(&self, now_ms: u64) -> u64 {
        let elapsed = now_ms.saturating_sub(self.anchor_ms).saturating_mul(self.bytes_per_ms);
        let limit = self.marks.oldest().unwrap_or(self.sent);
        self.anchor.saturating_add(elapsed).min(limit)
    }

    fn begin(&mut self, item: &ItemId, response: &ResponseId, bytes: u64) {
        // Items follow one another: where the next one begins, the last one has ended.
        if let Some(last) = self.pieces.back_mut() {
            last.ended = true;
        }
        let earlier = self.pieces.iter().rfind(|piece| piece.item == *item);
        let before = earlier.map_or(0, |piece| piece.up_to(piece.end));
        if self.pieces.len() == MAX_PIECES {
            let oldest = self.pieces.pop_front();
            if oldest.is_some_and(|piece| piece.end > self.marks.acknowledged()) {
                metrics::counter!("ai_realtime_playout_items_forgotten_total").increment(1);
            }
        }
        let (item, response) = (item.clone(), response.clone());
        let start = self.sent - bytes;
        self.pieces.push_back(Piece { item, response, start, end: self.sent, before, ended: false });
    }

    /// Forgets the pieces that end at or before this place, and names the items that ended with them.
    fn forget_heard(&mut self, position: u64) -> Vec<ItemId> {
        let mut heard = Vec::new();
        while self.pieces.front().is_some_and(|piece| piece.ended && piece.end <= position) {
            let Some(piece) = self.pieces.pop_front() else { break };
            if self.pieces.iter().all(|later| later.item != piece.item) {
                heard.push(piece.item);
            }
        }
        heard
    }
}
