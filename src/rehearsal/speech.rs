//! Tone speech: words as audio that a program can hear as exactly as a person hears words.
//!
//! Each character is one tone of 50 ms and 10 ms of silence, so about sixteen characters a second, as a person speaks.
//! The alphabet has 64 characters: `a`–`z`, `0`–`9`, the blank, and `. , ? ! ' : ; - ( ) / & % + = " € $ # @ * _ £ < > [ ]`,
//! in this order; character `i` is a tone of 500 + 37.5 · `i` Hz. The blank is a tone of half the loudness.
//! It survives G.711, resampling, gaps and cuts: a tone of which less than 25 ms are left is not heard.
//!
//! With it the rehearsal model understands what a caller says, and a test reads what a caller heard.

mod alphabet;
mod ear;
mod mouth;

pub use alphabet::normal_form;
pub(super) use ear::understand_at;
pub(super) use mouth::Mouth;

/// How long one character takes, in milliseconds: its tone and the silence after it.
pub const MS_PER_CHARACTER: u64 = 60;

/// Samples in a millisecond of the audio of [`speak`] and [`understand`].
const SAMPLES_PER_MS: usize = 8;

/// Peak of a tone, of 32,767: loud enough to see on a meter, quiet enough for headphones.
pub(super) const LOUDNESS: f64 = 6_000.0;

/// These words as mono audio of 8,000 samples a second: exactly [`duration_ms`] of it, 480 samples a character.
///
/// Spoken is the [`normal_form`] of the text.
pub fn speak(text: &str) -> Vec<i16> {
    let letters: Vec<char> = text.chars().collect();
    let mouth = Mouth::new(SAMPLES_PER_MS, 1.0, LOUDNESS);
    let mut samples = Vec::with_capacity(mouth.samples(letters.len()));
    mouth.speak(&letters, 0..mouth.samples(letters.len()), |sample| samples.push(sample));
    samples
}

/// The words in mono audio of 8,000 samples a second, in their [`normal_form`].
///
/// 150 ms of silence or more between two characters become one blank, unless there is one already. What is no tone
/// of the alphabet, such as noise or a real voice, is not heard: audio of nothing else gives "".
pub fn understand(samples: &[i16]) -> String {
    understand_at(samples, SAMPLES_PER_MS)
}

/// How long these words take, in milliseconds.
pub fn duration_ms(text: &str) -> u64 {
    text.chars().count() as u64 * MS_PER_CHARACTER
}

#[cfg(test)]
mod tests {
    use audio_codec_algorithms::{decode_alaw, decode_ulaw, encode_alaw, encode_ulaw};
    use proptest::prelude::*;

    use super::*;

    fn mu_law(samples: &[i16]) -> Vec<i16> {
        samples.iter().map(|sample| decode_ulaw(encode_ulaw(*sample))).collect()
    }

    fn a_law(samples: &[i16]) -> Vec<i16> {
        samples.iter().map(|sample| decode_alaw(encode_alaw(*sample))).collect()
    }

    /// To 24,000 samples a second along straight lines and back, off the beat.
    fn resampled(samples: &[i16], offset: usize) -> Vec<i16> {
        let between = |pair: &[i16]| {
            let (from, to) = (i32::from(pair[0]), i32::from(pair[1]));
            (0..3).map(move |third| (from + (to - from) * third / 3) as i16)
        };
        let fast: Vec<i16> = samples.windows(2).flat_map(between).collect();
        fast.into_iter().skip(offset).step_by(3).collect()
    }

    fn silence(ms: usize) -> Vec<i16> {
        vec![0; ms * SAMPLES_PER_MS]
    }

    #[test]
    fn words_take_sixty_milliseconds_a_character_and_are_understood() {
        let said = "Two beers, please! That is 5,50 €; ça va? (\"Ftira\" & co.)";
        let audio = speak(said);
        assert_eq!(audio.len(), said.chars().count() * 480);
        assert_eq!(audio.len() as u64, duration_ms(said) * 8);
        assert_eq!(understand(&audio), "two beers, please! that is 5,50 €; ca va? (\"ftira\" & co.)");
        assert!(speak("").is_empty() && understand(&[]).is_empty());
    }

    #[test]
    fn silence_between_two_utterances_is_one_blank() {
        let with = |first: &str, pause_ms: usize, second: &str| {
            understand(&[speak(first), silence(pause_ms), speak(second)].concat())
        };
        assert_eq!(with("one", 140, "two"), "one two");
        assert_eq!(with("one", 120, "two"), "onetwo");
        assert_eq!(with("one ", 900, "two"), "one two");
        assert_eq!(with("one", 900, " two"), "one two");
    }

    #[test]
    fn a_tone_cut_short_is_heard_only_when_half_of_it_is_left() {
        let audio = speak("beer");
        for (left_ms, heard) in [(49, "beer"), (27, "beer"), (22, "bee"), (0, "bee")] {
            assert_eq!(understand(&audio[..(180 + left_ms) * 8]), heard, "{left_ms}");
            let back: Vec<i16> = audio.iter().rev().copied().collect();
            let heard: String = heard.chars().rev().collect();
            assert_eq!(understand(&back[(60 - 10 - left_ms + 10) * 8..]), heard, "{left_ms}");
        }
    }

    #[test]
    fn an_utterance_cut_off_by_another_is_heard_up_to_the_cut() {
        let (first, second) = (speak("hello"), speak("bye"));
        let spliced = [&first[..(120 + 35) * 8], &second].concat();
        assert_eq!(understand(&spliced), "helbye");
    }

    #[test]
    fn what_is_no_tone_of_the_alphabet_is_not_heard() {
        let mut random = fastrand::Rng::with_seed(3);
        let noise: Vec<i16> = (0..16_000).map(|_| random.i16(-9_000..9_000)).collect();
        assert_eq!(understand(&noise), "");
        assert_eq!(understand(&[i16::MIN; 4_000]), "");
        // a vowel: a hundred and twenty hertz and its overtones, growing and fading
        let vowel = |at: usize| {
            let time = at as f64 / 8_000.0;
            let wave = (1..20).map(|n| (std::f64::consts::TAU * 120.0 * f64::from(n) * time).sin());
            let swell = (std::f64::consts::TAU * 3.0 * time).sin();
            (wave.sum::<f64>() * 1_500.0 * swell) as i16
        };
        assert_eq!(understand(&(0..24_000).map(vowel).collect::<Vec<_>>()), "");
    }

    #[test]
    fn light_noise_does_not_matter() {
        let mut random = fastrand::Rng::with_seed(5);
        let noisy: Vec<i16> =
            speak("table 4, no gluten").iter().map(|one| one + random.i16(-300..300)).collect();
        assert_eq!(understand(&noisy), "table 4, no gluten");
    }

    proptest! {
        #[test]
        fn whatever_is_said_is_understood_after_g711_and_resampling(
            text in "\\PC{0,40}", before in 0..900_usize, after in 0..900_usize, offset in 0..3_usize,
        ) {
            let audio = [vec![0; before], speak(&text), vec![0; after]].concat();
            let form = normal_form(&text);
            prop_assert_eq!(form.chars().count(), text.chars().count());
            prop_assert_eq!(normal_form(&form), form.clone());
            prop_assert_eq!(understand(&mu_law(&audio)), form.clone());
            prop_assert_eq!(understand(&a_law(&audio)), form.clone());
            prop_assert_eq!(understand(&mu_law(&resampled(&audio, offset))), form);
        }

        #[test]
        fn any_samples_are_survived(samples in prop::collection::vec(any::<i16>(), 0..4_000)) {
            understand(&samples);
        }
    }
}
