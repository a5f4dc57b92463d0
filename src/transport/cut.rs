//! What of the persona's words was not heard.

use super::playout;
use crate::audio::Unheard;
use crate::id::{ItemId, ResponseId};

/// A message that was not heard to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// Of which response.
    pub response: ResponseId,
    /// Which message.
    pub item: ItemId,
    /// How much of it was heard, in milliseconds; never more than was sent.
    pub played_ms: u64,
    /// How much of it was handed over, in milliseconds.
    pub sent_ms: u64,
}

impl From<playout::Cut> for Cut {
    fn from(cut: playout::Cut) -> Self {
        let playout::Cut { item, response, played_ms, sent_ms, ended: _ } = cut;
        Self { response, item, played_ms, sent_ms }
    }
}

/// Messages that never left us. One that did in part is there already.
pub(super) fn add_unheard(cuts: &mut Vec<Cut>, unheard: impl IntoIterator<Item = Unheard>) {
    for Unheard { of } in unheard {
        if cuts.iter().all(|cut| cut.item != of.item) {
            let (response, item) = (of.response.clone(), of.item.clone());
            cuts.push(Cut { response, item, played_ms: 0, sent_ms: 0 });
        }
    }
}
