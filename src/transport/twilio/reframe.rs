//! The persona's audio in whole frames: Twilio plays 160 bytes at a time, and anything else ticks. Pure.

use std::borrow::Cow;
use std::sync::Arc;

use crate::audio::Spoken;
use crate::protocol::twilio::stream::payload_bytes;

/// 20 ms of µ-law.
const FRAME_BYTES: usize = 160;
/// µ-law silence.
const SILENCE: u8 = 0xFF;

/// Audio in whole frames: base64.
#[derive(Debug, PartialEq, Eq)]
pub struct Whole<'a> {
    /// As it came, or packed anew.
    pub payload: Cow<'a, str>,
    /// How many bytes of the message it holds: silence that fills it up is none.
    pub bytes: usize,
}

/// The payload is no base64.
#[derive(Debug, PartialEq, Eq)]
pub struct NotBase64;

/// Keeps what is less than a frame until more of the same message comes, or the end of it.
#[derive(Debug, Default)]
pub struct Reframe {
    carried: Vec<u8>,
    of: Option<Arc<Spoken>>,
}

impl Reframe {
    /// The message of which something is kept.
    pub fn carries(&self) -> Option<&Arc<Spoken>> {
        self.of.as_ref()
    }

    /// More of a message: what can be played of it, which may be nothing yet. Audio that comes in whole frames is not
    /// touched. What is kept of another message must have been asked for by [`end`](Self::end) before.
    ///
    /// # Errors
    /// [`NotBase64`]; the payload is passed over.
    pub fn push<'a>(&mut self, of: &Arc<Spoken>, payload: &'a str) -> Result<Option<Whole<'a>>, NotBase64> {
        let bytes = payload_bytes(payload).ok_or(NotBase64)?;
        if self.of.is_none() && bytes % FRAME_BYTES == 0 {
            return Ok((bytes > 0).then_some(Whole { payload: Cow::Borrowed(payload), bytes }));
        }
        base64_simd::STANDARD.decode_append(payload.as_bytes(), &mut self.carried).map_err(|_| NotBase64)?;
        let whole = self.carried.len() - self.carried.len() % FRAME_BYTES;
        let packed = (whole > 0).then(|| self.pack(whole, whole));
        self.of = (!self.carried.is_empty()).then(|| Arc::clone(of));
        Ok(packed)
    }

    /// No more of the message comes: the rest of it, filled up with silence.
    pub fn end(&mut self) -> Option<Whole<'static>> {
        self.of = None;
        let rest = self.carried.len();
        if rest == 0 {
            return None;
        }
        self.carried.resize(FRAME_BYTES, SILENCE);
        Some(self.pack(FRAME_BYTES, rest))
    }

    /// The rest shall not be heard.
    pub fn clear(&mut self) {
        self.of = None;
        self.carried.clear();
    }

    fn pack(&mut self, frames: usize, bytes: usize) -> Whole<'static> {
        let payload = base64_simd::STANDARD.encode_to_string(&self.carried[..frames]);
        self.carried.drain(..frames);
        Whole { payload: Cow::Owned(payload), bytes }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(item: &str) -> Arc<Spoken> {
        Arc::new(Spoken { response: "r".into(), item: item.into() })
    }

    fn base64(bytes: &[u8]) -> String {
        base64_simd::STANDARD.encode_to_string(bytes)
    }

    #[test]
    fn whole_frames_pass_untouched() {
        let (mut reframe, of) = (Reframe::default(), of("a"));
        for frames in 1..5 {
            let payload = base64(&vec![7; frames * FRAME_BYTES]);
            let whole = reframe.push(&of, &payload).unwrap().unwrap();
            assert!(matches!(whole.payload, Cow::Borrowed(text) if std::ptr::eq(text, payload.as_str())));
            assert_eq!(whole.bytes, frames * FRAME_BYTES);
        }
        assert_eq!((reframe.end(), reframe.carries()), (None, None));
    }

    #[test]
    fn a_rest_waits_for_more_of_its_message_and_is_filled_up_at_the_end() {
        let (mut reframe, of) = (Reframe::default(), of("a"));
        assert_eq!(reframe.push(&of, &base64(&[1; 100])), Ok(None));
        assert_eq!(reframe.carries(), Some(&of));
        let more = base64(&[2; 100]);
        let whole = reframe.push(&of, &more).unwrap().unwrap();
        let joined = [vec![1; 100], vec![2; 60]].concat();
        assert_eq!((whole.payload.as_ref(), whole.bytes), (base64(&joined).as_str(), 160));
        let last = reframe.end().unwrap();
        let filled = [vec![2; 40], vec![SILENCE; 120]].concat();
        assert_eq!((last.payload.as_ref(), last.bytes), (base64(&filled).as_str(), 40));
    }

    #[test]
    fn a_rest_that_shall_not_be_heard_does_not_come_back() {
        let (mut reframe, of) = (Reframe::default(), of("a"));
        reframe.push(&of, &base64(&[1; 100])).unwrap();
        reframe.clear();
        assert_eq!(reframe.end(), None);
    }

    #[test]
    fn what_is_no_base64_goes_no_further() {
        let (mut reframe, of) = (Reframe::default(), of("a"));
        for bad in ["AAA", "AA!A", "\\/AA"] {
            assert_eq!(reframe.push(&of, bad), Err(NotBase64), "{bad}");
        }
        assert_eq!(reframe.push(&of, ""), Ok(None));
        assert_eq!(reframe.carries(), None);
    }

    proptest! {
        #[test]
        fn every_byte_is_played_once_and_in_order_however_it_is_cut(
            pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..700), 0..20)
        ) {
            let (mut reframe, of) = (Reframe::default(), of("a"));
            let mut played = Vec::new();
            for piece in &pieces {
                if let Some(whole) = reframe.push(&of, &base64(piece)).unwrap() {
                    prop_assert!(whole.bytes > 0 && whole.bytes % FRAME_BYTES == 0);
                    played.extend(base64_simd::STANDARD.decode_to_vec(whole.payload.as_bytes()).unwrap());
                    prop_assert!(played.len() % FRAME_BYTES == 0);
                }
            }
            if let Some(last) = reframe.end() {
                played.extend(base64_simd::STANDARD.decode_to_vec(last.payload.as_bytes()).unwrap());
            }
            let mut sent = pieces.concat();
            sent.resize(sent.len().next_multiple_of(FRAME_BYTES), SILENCE);
            prop_assert_eq!(played, sent);
        }
    }
}
