// STUB: to be replaced by `crate::rehearsal::speech`, which has these two functions.
// `speak` has the agreed timing (a tone of 50 ms and a gap of 10 ms for each character), and each character's pitch
// is a multiple of 20 Hz, so that 50 ms hold whole periods and `understand` can count them.

/// Characters that can be said, each with its own pitch.
const ALPHABET: &str = " abcdefghijklmnopqrstuvwxyz0123456789.,?!'-";
const TONE: usize = 400;
const GAP: usize = 80;

/// Tones for a text, 8,000 Hz.
pub(crate) fn speak(text: &str) -> Vec<i16> {
    let mut samples = Vec::new();
    for letter in text.to_lowercase().chars() {
        let place = ALPHABET.find(letter).unwrap_or(0);
        let pitch = pitch(place);
        samples.extend((0..TONE).map(|at| wave(pitch, at, 8_000.0)));
        samples.extend([0; GAP]);
    }
    samples
}

/// The text of tones.
pub(crate) fn understand(samples: &[i16]) -> String {
    let mut text = String::new();
    let mut at = 0;
    while let Some(skip) = samples[at..].iter().position(|sample| sample.abs() > 1_000) {
        at += skip;
        let Some(tone) = samples.get(at..at + TONE - 20) else { break };
        let best = (0..ALPHABET.len()).max_by(|a, b| power(tone, *a).total_cmp(&power(tone, *b)));
        text.extend(best.and_then(|best| ALPHABET[best..].chars().next()));
        at += TONE + GAP / 2;
        if at >= samples.len() {
            break;
        }
    }
    text
}

fn pitch(place: usize) -> f64 {
    400.0 + 60.0 * f64::from(u32::try_from(place).unwrap_or(0))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "small numbers")]
fn wave(pitch: f64, at: usize, loud: f64) -> i16 {
    (loud * (std::f64::consts::TAU * pitch * at as f64 / 8_000.0).cos()) as i16
}

#[expect(clippy::cast_precision_loss, reason = "small numbers")]
fn power(tone: &[i16], place: usize) -> f64 {
    let turn = std::f64::consts::TAU * pitch(place) / 8_000.0;
    let (mut real, mut imaginary) = (0.0, 0.0);
    for (at, sample) in tone.iter().enumerate() {
        let angle = turn * at as f64;
        real += f64::from(*sample) * angle.cos();
        imaginary += f64::from(*sample) * angle.sin();
    }
    real * real + imaginary * imaginary
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_understood() {
        for text in ["what drinks do you have?", "gin & tonic, 2 of them"] {
            assert_eq!(understand(&speak(text)), text.replace('&', " "));
        }
    }
}
