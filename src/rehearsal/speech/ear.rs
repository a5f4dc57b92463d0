//! Samples to words.

use std::f64::consts::TAU;
use std::ops::Range;

use super::alphabet::{TONES, at, pitch_hz};

/// A sample that is louder belongs to a tone: half a blank of the quietest voice, far above what G.711 adds.
const LOUD: u16 = 400;
/// So much silence ends a tone; the slowest tone crosses zero every millisecond.
const GAP_MS: usize = 4;
/// A tone is so long, a little more when its end is blurred.
const TONE_MS: usize = 50;
const BLUR_MS: usize = 8;
/// A tone that is shorter is not heard.
const SHORTEST_MS: usize = 25;
/// What is left out at both ends of a tone, where it rises and falls.
const EDGE_MS: usize = 3;
/// So much silence parts two utterances.
const PAUSE_MS: usize = 150;
/// The share of its energy that a tone has at one frequency. Noise and voices have less.
const PURE: f64 = 0.75;

/// The words in audio of so many samples a millisecond.
pub(in crate::rehearsal) fn understand_at(samples: &[i16], samples_per_ms: usize) -> String {
    let mut heard = String::new();
    let mut end = None;
    for sound in sounds(samples, GAP_MS * samples_per_ms) {
        let word = letters(samples, &sound, samples_per_ms);
        let Some(first) = word.first() else { continue };
        let paused = end.is_some_and(|end| sound.start - end >= PAUSE_MS * samples_per_ms);
        if paused && !heard.ends_with(' ') && *first != ' ' {
            heard.push(' ');
        }
        heard.extend(word);
        end = Some(sound.end);
    }
    heard
}

/// The stretches that are not silent.
fn sounds(samples: &[i16], gap: usize) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    let loud = samples.iter().enumerate().filter(|(_, sample)| sample.unsigned_abs() >= LOUD);
    for (at, _) in loud {
        match found.last_mut() {
            Some(sound) if at - sound.end <= gap => sound.end = at + 1,
            _ => found.push(at..at + 1),
        }
    }
    found
}

/// The characters of a stretch: one, unless a second utterance cut off the first, or someone speaks slowly.
fn letters(samples: &[i16], sound: &Range<usize>, samples_per_ms: usize) -> Vec<char> {
    let mut pieces = Vec::new();
    let mut rest = sound.clone();
    while rest.len() > (TONE_MS + BLUR_MS) * samples_per_ms {
        // the last tone is whole and ends in silence; what it cut off stands before it
        let cut = rest.end - TONE_MS * samples_per_ms;
        pieces.push(cut..rest.end);
        rest.end = cut;
    }
    pieces.push(rest);
    let long_enough = |piece: &Range<usize>| piece.len() >= SHORTEST_MS * samples_per_ms;
    let edge = EDGE_MS * samples_per_ms;
    let middle = |piece: Range<usize>| &samples[piece.start + edge..piece.end - edge];
    let pieces = pieces.into_iter().rev().filter(long_enough).map(middle);
    let mut heard: Vec<char> = pieces.filter_map(|piece| letter(piece, samples_per_ms)).collect();
    // two of the same have silence between them
    heard.dedup();
    heard
}

/// The character of one tone, if it is one.
fn letter(piece: &[i16], samples_per_ms: usize) -> Option<char> {
    let energy: f64 = piece.iter().map(|sample| f64::from(*sample) * f64::from(*sample)).sum();
    let share = |tone: usize| {
        let power = power_at(piece, pitch_hz(tone) / (samples_per_ms as f64 * 1_000.0));
        2.0 * power / (piece.len() as f64 * energy)
    };
    let shares = (0..TONES).map(|tone| (tone, share(tone)));
    let (tone, share) = shares.max_by(|one, other| one.1.total_cmp(&other.1))?;
    (share >= PURE).then(|| at(tone))
}

/// The power at one frequency, in cycles a sample, after Goertzel.
fn power_at(samples: &[i16], frequency: f64) -> f64 {
    let turn = 2.0 * (TAU * frequency).cos();
    let (mut before, mut now) = (0.0, 0.0);
    for sample in samples {
        (before, now) = (now, f64::from(*sample) + turn * now - before);
    }
    before * before + now * now - turn * before * now
}
