//! WAV files: what the caller says is read from one, what he heard is written to another.

use std::path::{Path, PathBuf};

use hound::{SampleFormat, WavReader, WavSpec, WavWriter};

/// Rate of everything on the line.
const RATE: u32 = 8_000;
/// Longest file that is read: ten minutes.
const MAX_SECONDS: u32 = 600;

/// Why a WAV file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum WavError {
    /// Not there, or no WAV.
    #[error("cannot read {path} as WAV")]
    Read {
        path: PathBuf,
        #[source]
        source: hound::Error,
    },
    #[error("{path} is longer than ten minutes: cut it")]
    TooLong { path: PathBuf },
    #[error("{path} holds no audio")]
    Empty { path: PathBuf },
    #[error("cannot write {path}")]
    Write {
        path: PathBuf,
        #[source]
        source: hound::Error,
    },
}

/// Reads a file of any rate, of any number of channels, in whole numbers or floating point; gives mono at 8,000 Hz.
pub(super) fn read(path: &Path) -> Result<Vec<i16>, WavError> {
    let failed = |source| WavError::Read { path: path.to_owned(), source };
    let reader = WavReader::open(path).map_err(failed)?;
    let spec = reader.spec();
    if reader.duration() / spec.sample_rate.max(1) >= MAX_SECONDS {
        return Err(WavError::TooLong { path: path.to_owned() });
    }
    let samples: Result<Vec<f32>, hound::Error> = match spec.sample_format {
        SampleFormat::Float => reader.into_samples::<f32>().collect(),
        SampleFormat::Int => {
            let full = full_scale(spec.bits_per_sample);
            reader.into_samples::<i32>().map(|sample| Ok(to_f32(sample?) / full)).collect()
        }
    };
    let mono = mixed(&samples.map_err(failed)?, usize::from(spec.channels));
    if mono.is_empty() {
        return Err(WavError::Empty { path: path.to_owned() });
    }
    Ok(resampled(&mono, spec.sample_rate).into_iter().map(to_i16).collect())
}

/// Writes 16-bit stereo at 8,000 Hz: the caller left, what he heard right.
pub(super) fn write(path: &Path, said: &[i16], heard: &[i16]) -> Result<(), WavError> {
    let frames = said.len().max(heard.len());
    let at = |samples: &[i16], place: usize| samples.get(place).copied().unwrap_or_default();
    store(path, 2, (0..frames).flat_map(|place| [at(said, place), at(heard, place)]))
}

/// Writes 16-bit mono at 8,000 Hz.
pub(super) fn write_mono(path: &Path, samples: &[i16]) -> Result<(), WavError> {
    store(path, 1, samples.iter().copied())
}

fn store(path: &Path, channels: u16, samples: impl Iterator<Item = i16>) -> Result<(), WavError> {
    let spec = WavSpec { channels, sample_rate: RATE, bits_per_sample: 16, sample_format: SampleFormat::Int };
    let failed = |source| WavError::Write { path: path.to_owned(), source };
    let mut writer = WavWriter::create(path, spec).map_err(failed)?;
    for sample in samples {
        writer.write_sample(sample).map_err(failed)?;
    }
    writer.finalize().map_err(failed)
}

fn mixed(samples: &[f32], channels: usize) -> Vec<f32> {
    let share = 1.0 / f32::from(u16::try_from(channels).unwrap_or(1).max(1));
    samples.chunks_exact(channels.max(1)).map(|frame| frame.iter().sum::<f32>() * share).collect()
}

/// Downwards each sample is the mean of those it stands for, upwards it lies on the line between its neighbours:
/// good enough for a telephone.
fn resampled(samples: &[f32], rate: u32) -> Vec<f32> {
    if rate == RATE {
        return samples.to_vec();
    }
    let ratio = f64::from(rate) / f64::from(RATE);
    let many = to_place(to_f64(samples.len()) / ratio);
    let at = |place: usize| f64::from(samples.get(place).or(samples.last()).copied().unwrap_or_default());
    let sample = |place: usize| {
        let begin = to_f64(place) * ratio;
        if ratio < 1.0 {
            let whole = to_place(begin);
            let part = begin - to_f64(whole);
            return at(whole) * (1.0 - part) + at(whole + 1) * part;
        }
        let end = begin + ratio;
        let parts = (to_place(begin)..to_place(end.ceil())).map(|source| {
            let covered = (to_f64(source) + 1.0).min(end) - to_f64(source).max(begin);
            at(source) * covered
        });
        parts.sum::<f64>() / ratio
    };
    #[expect(clippy::cast_possible_truncation, reason = "samples lie between -1 and 1")]
    (0..many).map(|place| sample(place) as f32).collect()
}

fn full_scale(bits: u16) -> f32 {
    2_f32.powi(i32::from(bits) - 1)
}

#[expect(clippy::cast_precision_loss, reason = "a sample of 24 bits fits, and one of 32 may lose its last")]
fn to_f32(sample: i32) -> f32 {
    sample as f32
}

#[expect(clippy::cast_precision_loss, reason = "a file holds far fewer than 2^52 samples")]
fn to_f64(place: usize) -> f64 {
    place as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a place in a file, never negative"
)]
fn to_place(at: f64) -> usize {
    at as usize
}

#[expect(clippy::cast_possible_truncation, reason = "clamped")]
fn to_i16(sample: f32) -> i16 {
    (sample * 32_768.0).round().clamp(-32_768.0, 32_767.0) as i16
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(rate: u32, seconds: f64) -> impl Iterator<Item = f64> {
        let many = to_place(f64::from(rate) * seconds);
        (0..many).map(move |at| 0.5 * (std::f64::consts::TAU * 500.0 * to_f64(at) / f64::from(rate)).sin())
    }

    /// How far what was read is from the tone that was written, at most.
    fn error_of(read: &[i16]) -> f64 {
        let expected = tone(RATE, 1.0);
        let pairs = read.iter().zip(expected).skip(4);
        pairs.map(|(got, want)| (f64::from(*got) / 32_768.0 - want).abs()).fold(0.0, f64::max)
    }

    #[test]
    fn files_of_all_usual_kinds_come_out_as_the_same_tone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tone.wav");
        for rate in [8_000, 16_000, 24_000, 44_100, 48_000] {
            for (channels, bits, sample_format) in [
                (1, 16, SampleFormat::Int),
                (2, 16, SampleFormat::Int),
                (1, 24, SampleFormat::Int),
                (2, 32, SampleFormat::Float),
            ] {
                let spec = WavSpec { channels, sample_rate: rate, bits_per_sample: bits, sample_format };
                let mut writer = WavWriter::create(&path, spec).unwrap();
                for sample in tone(rate, 1.0) {
                    for _ in 0..channels {
                        match sample_format {
                            SampleFormat::Float => writer.write_sample(sample as f32).unwrap(),
                            SampleFormat::Int => {
                                let sample = sample * f64::from(full_scale(bits));
                                writer.write_sample(sample as i32).unwrap();
                            }
                        }
                    }
                }
                writer.finalize().unwrap();
                let read = read(&path).unwrap();
                assert!(read.len().abs_diff(8_000) <= 1, "{rate} {channels} {bits}: {}", read.len());
                // The mean of a few samples stands half a sample later than the first of them.
                assert!(error_of(&read) < 0.11, "{rate} {channels} {bits}: {}", error_of(&read));
            }
        }
    }

    #[test]
    fn a_slow_file_is_filled_in_between() {
        assert_eq!(resampled(&[0.0, 1.0, 0.0, -1.0], 4_000), [0.0, 0.5, 1.0, 0.5, 0.0, -0.5, -1.0, -1.0]);
        assert_eq!(resampled(&[0.0, 1.0, 2.0, 3.0], 16_000), [0.5, 2.5]);
    }

    #[test]
    fn what_was_said_and_heard_is_written_side_by_side() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("heard.wav");
        write(&path, &[1, 2, 3], &[4]).unwrap();
        let reader = WavReader::open(&path).unwrap();
        assert_eq!((reader.spec().channels, reader.spec().sample_rate), (2, 8_000));
        let samples: Vec<i16> = reader.into_samples().map(Result::unwrap).collect();
        assert_eq!(samples, [1, 4, 2, 0, 3, 0]);
    }

    #[test]
    fn what_is_no_audio_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("silent.wav");
        write_mono(&path, &[]).unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("silent.wav holds no audio"));
        assert!(read(&folder.path().join("none.wav")).unwrap_err().to_string().contains("none.wav"));
    }
}
