//! What a caller has heard: by what their browser says that it played, if it says so, and between one word of it and the
//! next by the clock. Pure: bytes, acknowledgements and the time come in; what was cut off comes out.
//!
//! The **playhead** is the last place that was acknowledged, plus the time since; before the first acknowledgement, and
//! whenever sound is written to an empty buffer, it starts a little later. It is never beyond what was sent.

use crate::id::{ItemId, ResponseId};
use crate::sound::AudioFormat;
use crate::transport::playout::{Cut, Pieces};

/// A far end that has nothing to play begins so long after sound was written to it, in milliseconds.
const STARTUP_MS: u64 = 150;

/// The ledger of one connection.
#[derive(Debug)]
pub(in crate::transport) struct Played {
    format: AudioFormat,
    pieces: Pieces,
    /// What the playhead is counted from: a place, and when it is there.
    anchor: u64,
    anchor_ms: u64,
    /// Up to where all is known to have been heard.
    settled: u64,
    /// What the browser had played, by its own count, when this generation began.
    base_ms: u64,
    /// The newest that the browser said of its count.
    told_ms: u64,
    /// How often the browser was told to clear.
    clears: u64,
    /// The browser has said what it had played when it carried out the newest clear.
    base_is_told: bool,
}

impl Played {
    pub(in crate::transport) fn new(format: AudioFormat) -> Self {
        Self {
            format,
            pieces: Pieces::new(format.bytes_per_ms() as u64),
            anchor: 0,
            anchor_ms: 0,
            settled: 0,
            base_ms: 0,
            told_ms: 0,
            clears: 0,
            base_is_told: true,
        }
    }

    /// Sound was written. `now_ms` never goes back.
    pub(in crate::transport) fn on_audio(
        &mut self,
        item: &ItemId,
        response: &ResponseId,
        bytes: u64,
        now_ms: u64,
    ) {
        let sent = self.pieces.sent();
        if self.playhead(now_ms) == sent {
            (self.anchor, self.anchor_ms) = (sent, now_ms + STARTUP_MS);
        }
        self.pieces.push(item, response, bytes, self.settled);
    }

    /// The item's last byte was written.
    pub(in crate::transport) fn on_item_end(&mut self, item: &ItemId) {
        self.pieces.end(item);
    }

    /// The browser says how much it has played since the connection began, and perhaps which clear it has carried out
    /// before.
    pub(in crate::transport) fn on_told(&mut self, ms: u64, clear: Option<u64>, now_ms: u64) {
        if ms < self.told_ms {
            return;
        }
        self.told_ms = ms;
        match clear {
            // What it plays is cleared behind this.
            Some(clear) if clear < self.clears => return self.base_ms = self.base_ms.max(ms),
            Some(_) if !self.base_is_told => (self.base_ms, self.base_is_told) = (ms, true),
            Some(_) | None => {}
        }
        let place =
            self.format.bytes(usize::try_from(ms.saturating_sub(self.base_ms)).unwrap_or(usize::MAX / 64));
        self.anchor = (place as u64).clamp(self.settled, self.pieces.sent());
        self.anchor_ms = now_ms;
        self.settle(self.anchor);
    }

    /// Everything behind the playhead shall not be heard: every item that was not heard to its end, in order. Gives the
    /// number of the clear the browser is to be told, too.
    pub(in crate::transport) fn interrupt(&mut self, now_ms: u64) -> (Vec<Cut>, u64) {
        let playhead = self.playhead(now_ms);
        self.base_ms += self.format.ms(playhead);
        self.clears += 1;
        self.base_is_told = false;
        (self.anchor, self.anchor_ms, self.settled) = (0, now_ms, 0);
        (self.pieces.cut(playhead), self.clears)
    }

    /// Whether anything was written that is not known to have been heard.
    pub(in crate::transport) fn is_audible(&self) -> bool {
        self.settled < self.pieces.sent()
    }

    /// In how many milliseconds all will have been heard by the clock; `None` when nothing is to be heard.
    pub(in crate::transport) fn silent_in_ms(&self, now_ms: u64) -> Option<u64> {
        let left = self.pieces.sent() - self.anchor;
        let at_ms = self.anchor_ms + left.div_ceil(self.format.bytes_per_ms() as u64);
        self.is_audible().then(|| at_ms.saturating_sub(now_ms))
    }

    /// Time has passed.
    pub(in crate::transport) fn on_time(&mut self, now_ms: u64) {
        if self.playhead(now_ms) == self.pieces.sent() {
            self.settle(self.pieces.sent());
        }
    }

    fn settle(&mut self, place: u64) {
        self.settled = self.settled.max(place);
        self.pieces.forget_heard(self.settled);
    }

    fn playhead(&self, now_ms: u64) -> u64 {
        let elapsed = now_ms.saturating_sub(self.anchor_ms).saturating_mul(self.format.bytes_per_ms() as u64);
        self.anchor.saturating_add(elapsed).clamp(self.settled, self.pieces.sent())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MS: u64 = 48;

    fn wrote(played: &mut Played, item: &str, ms: u64, now_ms: u64) {
        played.on_audio(&item.into(), &"r".into(), ms * MS, now_ms);
    }

    fn cut(item: &str, played_ms: u64, sent_ms: u64, ended: bool) -> Cut {
        Cut { item: item.into(), response: "r".into(), played_ms, sent_ms, ended }
    }

    #[test]
    fn without_a_word_of_the_browser_the_clock_tells() {
        let mut played = Played::new(AudioFormat::Pcm24k);
        wrote(&mut played, "a", 1_000, 5_000);
        assert_eq!(played.silent_in_ms(5_000), Some(1_150));
        played.on_time(6_000);
        assert!(played.is_audible());
        assert_eq!(played.interrupt(5_550).0, [cut("a", 400, 1_000, false)]);
        assert!(!played.is_audible());
    }

    #[test]
    fn an_item_is_heard_when_the_clock_or_the_browser_says_so() {
        for by_clock in [true, false] {
            let mut played = Played::new(AudioFormat::Pcm24k);
            wrote(&mut played, "a", 500, 0);
            played.on_item_end(&"a".into());
            if by_clock {
                played.on_time(650);
            } else {
                played.on_told(500, None, 300);
            }
            assert!(!played.is_audible() && played.silent_in_ms(700).is_none());
            assert_eq!(played.interrupt(700).0, []);
        }
    }

    #[test]
    fn a_gap_is_not_counted_as_heard() {
        let mut played = Played::new(AudioFormat::Pcm24k);
        wrote(&mut played, "a", 100, 0);
        wrote(&mut played, "a", 400, 1_000);
        assert_eq!(played.interrupt(1_350).0, [cut("a", 300, 500, false)]);
    }

    #[test]
    fn the_browser_knows_better_than_the_clock() {
        let mut played = Played::new(AudioFormat::Pcm24k);
        wrote(&mut played, "a", 2_000, 0);
        played.on_told(200, None, 1_000);
        assert_eq!(played.interrupt(1_100).0, [cut("a", 300, 2_000, false)]);
    }

    #[test]
    fn what_is_played_after_a_clear_is_counted_from_what_the_browser_says_of_it() {
        let mut played = Played::new(AudioFormat::Pcm24k);
        wrote(&mut played, "a", 2_000, 0);
        played.on_told(500, None, 600);
        let (_, clear) = played.interrupt(600);
        wrote(&mut played, "b", 1_000, 700);
        // Sent before the clear was there.
        played.on_told(580, Some(clear - 1), 710);
        // The clear is carried out.
        played.on_told(640, Some(clear), 720);
        played.on_told(840, Some(clear), 1_000);
        assert_eq!(played.interrupt(1_000).0, [cut("b", 200, 1_000, false)]);
    }

    proptest! {
        #[test]
        fn never_more_is_heard_than_was_sent(
            steps in prop::collection::vec((0_u8..6, 0_u64..400), 1..80),
        ) {
            let mut played = Played::new(AudioFormat::Pcm24k);
            let (mut now, mut sent) = (0, [0_u64; 3]);
            for (step, size) in steps {
                now += size / 4;
                let item = (size % 3) as usize;
                match step {
                    0 | 1 => {
                        wrote(&mut played, &item.to_string(), size, now);
                        sent[item] += size;
                    }
                    2 => played.on_item_end(&item.to_string().as_str().into()),
                    3 => played.on_told(now * size / 200, (size % 2 == 0).then_some(size % 5), now),
                    4 => played.on_time(now),
                    _ => {
                        for cut in played.interrupt(now).0 {
                            let item: usize = cut.item.as_str().parse().unwrap();
                            prop_assert!(cut.played_ms <= cut.sent_ms && cut.sent_ms <= sent[item]);
                        }
                        sent = [0; 3];
                        prop_assert!(!played.is_audible());
                    }
                }
                prop_assert_eq!(played.is_audible(), played.silent_in_ms(now).is_some());
            }
            // Without another word, all is heard at last.
            if let Some(left) = played.silent_in_ms(now) {
                played.on_time(now + left);
                prop_assert!(!played.is_audible());
            }
        }
    }
}
