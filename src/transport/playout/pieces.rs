//! What was written in one generation, by the items it belongs to. Places are in bytes of its sound.

use std::collections::VecDeque;

use super::{Cut, MAX_PIECES};
use crate::id::{ItemId, ResponseId};

/// Sound of one item, without a break.
#[derive(Debug)]
struct Piece {
    item: ItemId,
    response: ResponseId,
    /// Where it begins and ends in the generation's sound.
    start: u64,
    end: u64,
    /// How much of the item came before this piece.
    before: u64,
    /// Whether the item's last byte is in it, as far as we know.
    ended: bool,
}

impl Piece {
    /// How much of the item lies before a place.
    fn up_to(&self, place: u64) -> u64 {
        self.before + place.clamp(self.start, self.end) - self.start
    }
}

/// The pieces of one generation, in order.
#[derive(Debug)]
pub(in crate::transport) struct Pieces {
    bytes_per_ms: u64,
    pieces: VecDeque<Piece>,
    sent: u64,
}

impl Pieces {
    pub(in crate::transport) fn new(bytes_per_ms: u64) -> Self {
        Self { bytes_per_ms, pieces: VecDeque::new(), sent: 0 }
    }

    /// All that was written in this generation.
    pub(in crate::transport) fn sent(&self) -> u64 {
        self.sent
    }

    /// Sound was written. Gives where it ends. What lies before `heard` may be forgotten without loss.
    pub(in crate::transport) fn push(
        &mut self,
        item: &ItemId,
        response: &ResponseId,
        bytes: u64,
        heard: u64,
    ) -> u64 {
        self.sent += bytes;
        match self.pieces.back_mut() {
            Some(last) if last.item == *item => (last.end, last.ended) = (self.sent, false),
            Some(_) | None => self.begin(item, response, bytes, heard),
        }
        self.sent
    }

    /// The item's last byte was written.
    pub(in crate::transport) fn end(&mut self, item: &ItemId) {
        if let Some(piece) = self.pieces.iter_mut().rev().find(|piece| piece.item == *item) {
            piece.ended = true;
        }
    }

    /// What lies behind the playhead is not played any more: every item that was not heard to its end, in order.
    /// Another generation begins.
    pub(in crate::transport) fn cut(&mut self, playhead: u64) -> Vec<Cut> {
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
        self.sent = 0;
        cuts
    }

    /// How much of an item lies before the playhead, in milliseconds; `None` for one that is not kept.
    pub(in crate::transport) fn played_ms(&self, item: &ItemId, playhead: u64) -> Option<u64> {
        let mut pieces = self.pieces.iter().filter(|piece| piece.item == *item);
        let first = pieces.next()?;
        let piece = pieces.rfind(|piece| piece.start < playhead).unwrap_or(first);
        Some(piece.up_to(playhead) / self.bytes_per_ms)
    }

    /// Forgets the pieces that end at or before this place, and names the items that ended with them.
    pub(in crate::transport) fn forget_heard(&mut self, position: u64) -> Vec<ItemId> {
        let mut heard = Vec::new();
        while self.pieces.front().is_some_and(|piece| piece.ended && piece.end <= position) {
            let Some(piece) = self.pieces.pop_front() else { break };
            if self.pieces.iter().all(|later| later.item != piece.item) {
                heard.push(piece.item);
            }
        }
        heard
    }

    fn begin(&mut self, item: &ItemId, response: &ResponseId, bytes: u64, heard: u64) {
        // Items follow one another: where the next one begins, the last one has ended.
        if let Some(last) = self.pieces.back_mut() {
            last.ended = true;
        }
        let earlier = self.pieces.iter().rfind(|piece| piece.item == *item);
        let before = earlier.map_or(0, |piece| piece.up_to(piece.end));
        if self.pieces.len() == MAX_PIECES {
            let oldest = self.pieces.pop_front();
            if oldest.is_some_and(|piece| piece.end > heard) {
                metrics::counter!("ai_realtime_playout_items_forgotten_total").increment(1);
            }
        }
        let (item, response) = (item.clone(), response.clone());
        let start = self.sent - bytes;
        self.pieces.push_back(Piece { item, response, start, end: self.sent, before, ended: false });
    }
}
