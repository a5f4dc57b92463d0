//! What is missing in the caller's audio, and what came too late to be put in. Pure.
//!
//! The model ends a turn when it has heard enough silence. Audio that never came is no silence: a hole is filled, or
//! the turn would not end.

/// One frame of Twilio's, in milliseconds.
const FRAME_MS: u64 = 20;
/// µ-law: this many bytes are a millisecond.
const BYTES_PER_MS: u64 = crate::sound::AudioFormat::Pcmu.bytes_per_ms() as u64;
/// A hole is taken for at most this many frames: ten seconds.
const MAX_HOLE: u64 = 500;
/// Timestamps of frames between which nothing is missing may be so far apart.
const JITTER_MS: u64 = 100;
/// So many frames in a row cannot all be late: Twilio has begun to count anew. Half a second.
const MAX_LATE: u32 = 25;
/// What is put in when nothing has come for too long while the caller spoke: one second.
const STARVED: u64 = 50;

/// A frame, by what Twilio says of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Counts the messages of the stream.
    pub(super) sequence: Option<u64>,
    /// Counts the frames.
    pub(super) chunk: Option<u64>,
    /// Since the stream began.
    pub(super) timestamp_ms: Option<u64>,
    /// How many bytes of sound it holds.
    pub(super) bytes: usize,
}

/// What to do with a frame.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Verdict {
    /// Whether it is taken; else it is late.
    pub(super) take: bool,
    /// So many frames of silence are put before it.
    pub(super) pad_frames: u64,
    /// So many frames never came, or come late.
    pub(super) missing: u64,
}

/// How a frame follows the one before, by its counts.
enum Step {
    /// Right after so many that are missing.
    After(u64),
    /// It should have come before.
    Late,
    /// The counts do not say.
    Unknown,
}

#[derive(Debug, Clone, Copy)]
struct Heard {
    counts: Counts,
    ends_ms: Option<u64>,
}

/// Follows the frames of one stream.
#[derive(Debug, Default)]
pub(super) struct Continuity {
    last: Option<Heard>,
    /// Messages since then that were no sound of the caller's.
    others: u64,
    late_in_a_row: u32,
    /// Frames of silence put in since then.
    padded: u64,
}

impl Continuity {
    /// A frame has come.
    pub(super) fn on_media(&mut self, counts: Counts) -> Verdict {
        let Some(last) = self.last else { return self.take(counts, 0, 0) };
        let missing = match last.step(&counts, self.others) {
            Step::After(missing) => Some(missing.min(MAX_HOLE)),
            Step::Unknown => None,
            Step::Late if self.late_in_a_row == MAX_LATE => return self.take(counts, 0, 0),
            Step::Late => {
                self.late_in_a_row += 1;
                self.others += 1;
                return Verdict::default();
            }
        };
        let hole = last.hole(&counts, missing).min(MAX_HOLE);
        self.take(counts, hole.saturating_sub(self.padded), missing.unwrap_or(0))
    }

    /// A message has come that Twilio counts too, but that is no sound of the caller's.
    pub(super) fn on_other(&mut self) {
        self.others += 1;
    }

    /// Nothing has come for too long. Answers how many frames of silence to put in; once for each such time.
    pub(super) fn on_starved(&mut self) -> u64 {
        if self.last.is_none() || self.padded > 0 {
            return 0;
        }
        self.padded = STARVED;
        STARVED
    }

    fn take(&mut self, counts: Counts, pad_frames: u64, missing: u64) -> Verdict {
        let length_ms = counts.bytes as u64 / BYTES_PER_MS;
        let begins_ms = counts.timestamp_ms.or(self.last.and_then(|last| last.ends_ms));
        let ends_ms = begins_ms.map(|begins| begins.saturating_add(length_ms));
        *self = Self { last: Some(Heard { counts, ends_ms }), ..Self::default() };
        Verdict { take: true, pad_frames, missing }
    }
}

impl Heard {
    fn step(&self, next: &Counts, others: u64) -> Step {
        let (before, now, between) = match (self.counts, next) {
            (Counts { chunk: Some(before), .. }, Counts { chunk: Some(now), .. }) => (before, *now, 0),
            (Counts { sequence: Some(before), .. }, Counts { sequence: Some(now), .. }) => {
                (before, *now, others)
            }
            _ => return Step::Unknown,
        };
        match now.checked_sub(before) {
            None | Some(0) if self.is_before(next) => Step::Unknown,
            None | Some(0) => Step::Late,
            Some(steps) => Step::After((steps - 1).saturating_sub(between)),
        }
    }

    /// Whether the clock says that the next frame is the later one.
    fn is_before(&self, next: &Counts) -> bool {
        matches!((self.counts.timestamp_ms, next.timestamp_ms), (Some(last), Some(next)) if next > last)
    }

    /// How many frames of silence stand between this one and the next: by the clock, or else by the counts.
    fn hole(&self, next: &Counts, missing: Option<u64>) -> u64 {
        let (Some(ends), Some(begins)) = (self.ends_ms, next.timestamp_ms) else {
            return missing.unwrap_or(0);
        };
        let hole_ms = begins.saturating_sub(ends);
        match missing {
            None | Some(0) if hole_ms < JITTER_MS => 0,
            _ => hole_ms.saturating_add(FRAME_MS / 2) / FRAME_MS,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TAKEN: Verdict = Verdict { take: true, pad_frames: 0, missing: 0 };
    const LATE: Verdict = Verdict { take: false, pad_frames: 0, missing: 0 };

    /// The `n`th frame of a stream in which nothing else is counted.
    fn frame(n: u64) -> Counts {
        Counts { sequence: Some(n + 1), chunk: Some(n), timestamp_ms: Some((n - 1) * FRAME_MS), bytes: 160 }
    }

    fn after(frames: impl IntoIterator<Item = Counts>) -> Continuity {
        let mut continuity = Continuity::default();
        for frame in frames {
            continuity.on_media(frame);
        }
        continuity
    }

    #[test]
    fn frames_in_order_are_taken_as_they_come() {
        let mut continuity = Continuity::default();
        for n in 1..100 {
            assert_eq!(continuity.on_media(frame(n)), TAKEN);
        }
    }

    #[test]
    fn a_hole_is_filled_with_as_much_silence() {
        let mut continuity = after([frame(1)]);
        assert_eq!(continuity.on_media(frame(8)), Verdict { take: true, pad_frames: 6, missing: 6 });
        assert_eq!(continuity.on_media(frame(9)), TAKEN);
    }

    #[test]
    fn a_hole_that_only_the_clock_shows_is_filled_but_jitter_is_none() {
        let at = |chunk, timestamp_ms| Counts { timestamp_ms: Some(timestamp_ms), ..frame(chunk) };
        let mut continuity = after([at(1, 0)]);
        assert_eq!(continuity.on_media(at(2, 25)), TAKEN);
        assert_eq!(continuity.on_media(at(3, 140)), TAKEN, "95 ms late");
        assert_eq!(continuity.on_media(at(4, 1_160)).pad_frames, 50);
    }

    #[test]
    fn without_a_clock_the_counts_say_how_much_is_missing() {
        let bare = |n| Counts { timestamp_ms: None, ..frame(n) };
        assert_eq!(after([bare(1)]).on_media(bare(4)), Verdict { take: true, pad_frames: 2, missing: 2 });
        let sequence = |n| Counts { chunk: None, ..bare(n) };
        let mut continuity = after([sequence(1)]);
        continuity.on_other();
        assert_eq!(continuity.on_media(sequence(3)), TAKEN, "a mark came between");
        assert_eq!(continuity.on_media(sequence(5)).missing, 1);
        let nothing = Counts { bytes: 160, ..Counts::default() };
        assert_eq!(after([nothing]).on_media(nothing), TAKEN);
    }

    #[test]
    fn a_frame_that_comes_late_or_twice_is_not_taken() {
        let mut continuity = after([frame(1), frame(2), frame(4)]);
        assert_eq!(continuity.on_media(frame(3)), LATE);
        assert_eq!(continuity.on_media(frame(4)), LATE);
        assert_eq!(continuity.on_media(frame(5)), TAKEN);
    }

    #[test]
    fn a_count_that_began_anew_does_not_mute_the_caller() {
        let later = |n: u64| Counts { chunk: Some(1), sequence: Some(1), ..frame(n) };
        assert_eq!(after([frame(500)]).on_media(later(501)), TAKEN, "the clock went on");
        let mut continuity = after([frame(500)]);
        let taken = (1..100).filter(|n| continuity.on_media(frame(*n)).take).count();
        assert_eq!(taken, 99 - MAX_LATE as usize);
    }

    #[test]
    fn the_longest_hole_is_ten_seconds() {
        let far = Counts { timestamp_ms: Some(u64::MAX), chunk: Some(u64::MAX), ..frame(2) };
        let verdict = after([frame(1)]).on_media(far);
        assert_eq!((verdict.pad_frames, verdict.missing), (MAX_HOLE, MAX_HOLE));
    }

    #[test]
    fn silence_put_in_for_want_of_audio_is_not_put_in_twice() {
        let mut continuity = Continuity::default();
        assert_eq!(continuity.on_starved(), 0, "nobody has spoken yet");
        continuity.on_media(frame(1));
        assert_eq!((continuity.on_starved(), continuity.on_starved()), (STARVED, 0));
        assert_eq!(continuity.on_media(frame(102)).pad_frames, 50);
        assert_eq!(continuity.on_starved(), STARVED);
    }

    fn count() -> impl Strategy<Value = Option<u64>> {
        prop_oneof![Just(None), (0..40_u64).prop_map(Some), Just(Some(u64::MAX))]
    }

    proptest! {
        #[test]
        fn with_losses_alone_the_time_line_is_whole(lost in proptest::collection::vec(any::<bool>(), 1..300)) {
            let mut continuity = Continuity::default();
            let (mut first, mut length, mut last) = (None, 0, 0);
            for n in (1..).zip(lost).filter(|(_, lost)| !lost).map(|(n, _)| n) {
                let verdict = continuity.on_media(frame(n));
                prop_assert!(verdict.take);
                first.get_or_insert(n);
                length += 1 + verdict.pad_frames;
                last = n;
            }
            prop_assert_eq!(length, first.map_or(0, |first| last + 1 - first));
        }

        #[test]
        fn whatever_the_order_each_frame_is_taken_at_most_once_and_in_order(
            frames in proptest::collection::vec(1..60_u64, 0..25)
        ) {
            let mut continuity = Continuity::default();
            let taken: Vec<u64> = frames.into_iter().filter(|n| continuity.on_media(frame(*n)).take).collect();
            prop_assert!(taken.is_sorted_by(|a, b| a < b), "{:?}", taken);
        }

        #[test]
        fn no_counts_mute_a_caller_or_pad_without_end(
            frames in proptest::collection::vec((count(), count(), count(), 0..8_001_usize), 0..300)
        ) {
            let mut continuity = Continuity::default();
            let mut refused = 0;
            for (sequence, chunk, timestamp_ms, bytes) in frames {
                let verdict = continuity.on_media(Counts { sequence, chunk, timestamp_ms, bytes });
                refused = if verdict.take { 0 } else { refused + 1 };
                prop_assert!(refused <= MAX_LATE);
                prop_assert!(verdict.pad_frames <= MAX_HOLE && verdict.missing <= MAX_HOLE);
            }
        }
    }
}
