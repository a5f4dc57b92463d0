//! How a persona behaves on the phone: how long it waits for a silent caller, when a call is over, what it says then.

use std::ops::RangeInclusive;
use std::time::Duration;

use toml::Spanned;

use crate::tool::document::Section;

/// The longest sentence, in characters.
const LONGEST_SENTENCE: usize = 500;
const IDLE_MS: RangeInclusive<i64> = 1_000..=120_000;
const NUDGES: RangeInclusive<i64> = 0..=10;
const MAX_CALL_SECONDS: RangeInclusive<i64> = 30..=14_400;
const MIN_SPEECH_MS: RangeInclusive<i64> = 0..=2_000;

/// The `[phone]` table of a persona's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PhoneManners {
    /// So much silence, and the caller is nudged.
    pub idle: Duration,
    /// After so many nudges without an answer the persona says goodbye and hangs up.
    pub nudges: u32,
    /// What a silent caller is asked.
    pub nudge: String,
    /// What a caller who stays silent hears last.
    pub goodbye: String,
    /// The longest a call may be.
    pub max_call: Duration,
    /// What is said half a minute before a call has been as long as it may be.
    pub ending_soon: String,
    /// Whether pressing 0 asks for a human.
    pub zero_transfers: bool,
    /// Caller speech shorter than this does not interrupt the persona.
    pub min_speech: Duration,
    /// What the caller hears when no human takes the call that was to be transferred.
    pub nobody_available: String,
}

impl Default for PhoneManners {
    fn default() -> Self {
        Self {
            idle: Duration::from_secs(10),
            nudges: 2,
            nudge: "Are you still there?".to_owned(),
            goodbye: "I will let you go now. Goodbye!".to_owned(),
            max_call: Duration::from_secs(1_800),
            ending_soon: "We have half a minute left.".to_owned(),
            zero_transfers: false,
            min_speech: Duration::ZERO,
            nobody_available: "I am sorry, nobody can take your call right now. Can I help you instead?"
                .to_owned(),
        }
    }
}

impl PhoneManners {
    /// Reads the table. What it leaves out, and what is wrong in it, is as by default.
    pub(super) fn read(mut table: Section<'_, '_>) -> Self {
        let usual = Self::default();
        let manners = Self {
            idle: table.integer("idle_ms", IDLE_MS).map_or(usual.idle, millis),
            nudges: table
                .integer("nudges", NUDGES)
                .and_then(|count| u32::try_from(count).ok())
                .unwrap_or(usual.nudges),
            nudge: sentence(&mut table, "nudge", usual.nudge),
            goodbye: sentence(&mut table, "goodbye", usual.goodbye),
            max_call: table
                .integer("max_call_seconds", MAX_CALL_SECONDS)
                .map_or(usual.max_call, |seconds| Duration::from_secs(seconds.unsigned_abs())),
            ending_soon: sentence(&mut table, "ending_soon", usual.ending_soon),
            zero_transfers: table.boolean("zero_transfers").unwrap_or(usual.zero_transfers),
            min_speech: table.integer("min_speech_ms", MIN_SPEECH_MS).map_or(usual.min_speech, millis),
            nobody_available: sentence(&mut table, "nobody_available", usual.nobody_available),
        };
        table.finish();
        manners
    }
}

fn millis(number: i64) -> Duration {
    Duration::from_millis(number.unsigned_abs())
}

fn sentence(table: &mut Section<'_, '_>, key: &'static str, usual: String) -> String {
    table.text(key, LONGEST_SENTENCE).map_or(usual, Spanned::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tool::document::{Document, Mistake};

    fn read(text: &str) -> Result<PhoneManners, Vec<Mistake>> {
        let document = Document::new(text, 1);
        let root = document.parse().unwrap();
        let manners = PhoneManners::read(Section::root(&document, &root));
        if document.is_clean() { Ok(manners) } else { Err(document.into_mistakes()) }
    }

    #[test]
    fn what_a_file_leaves_out_is_as_usual() {
        assert_eq!(read(""), Ok(PhoneManners::default()));
        let quiet = PhoneManners { nudges: 0, ..PhoneManners::default() };
        assert_eq!(read("nudges = 0"), Ok(quiet));
    }

    #[test]
    fn every_manner_can_be_set() {
        let text = "idle_ms = 1000\nnudges = 10\nnudge = \"Hello?\"\ngoodbye = \"Bye.\"\nmax_call_seconds = 14400\n\
                    ending_soon = \"Soon.\"\nzero_transfers = true\nmin_speech_ms = 2000\nnobody_available = \"Nobody.\"";
        let expected = PhoneManners {
            idle: Duration::from_secs(1),
            nudges: 10,
            nudge: "Hello?".to_owned(),
            goodbye: "Bye.".to_owned(),
            max_call: Duration::from_secs(4 * 3_600),
            ending_soon: "Soon.".to_owned(),
            zero_transfers: true,
            min_speech: Duration::from_secs(2),
            nobody_available: "Nobody.".to_owned(),
        };
        assert_eq!(read(text), Ok(expected));
    }

    #[test]
    fn what_cannot_be_is_told_with_its_line() {
        let text = "idle_ms = 999\nnudges = 11\nnudge = \"\"\nmax_call_seconds = 29\nzero_transfers = 0\n\
                    min_speech_ms = 2001\nidle = 5";
        let found = read(text).unwrap_err();
        assert_eq!(found.iter().map(|mistake| mistake.line).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(found[0].what, "`idle_ms` must be 1000 to 120000, not 999");
        assert!(found[6].what.starts_with("unknown key `idle`, known keys are idle_ms, nudges, nudge, "));
    }
}
