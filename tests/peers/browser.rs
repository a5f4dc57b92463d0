//! Browsers that nobody here wrote speak with the waiter: the page `/try` in Chromium, whose microphone is a file, and in
//! Firefox, before a sound server without devices.

use std::path::{Path, PathBuf};
use std::time::Duration;

use ai_realtime::rehearsal::speech::speak;
use serde_json::Value;

use crate::bench::{Service, run, script, write_pcm};

/// What the microphone hears after the greeting.
const QUESTION: &str = "how much is the african tea?";
const GREETING_MS: usize = 5_000;
const AFTERWARDS_MS: usize = 30_000;
/// The microphone's rate; the page makes 24 kHz of it.
const RATE: u32 = 48_000;
const SAMPLES_PER_MS: usize = 48;
const PATIENCE: Duration = Duration::from_secs(120);

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium: make test-services"]
async fn the_page_hears_a_question_and_shows_the_waiters_answer() {
    let chromium =
        std::env::var("PEERS_CHROMIUM").expect("PEERS_CHROMIUM names no Chromium: run `make test-services`");
    let service = Service::start(&[]).await;
    let home = tempfile::tempdir().unwrap();
    let wav = home.path().join("question.wav");
    write_microphone(&wav);
    // Kept, for people to look at.
    let picture = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/try.png");
    std::fs::create_dir_all(picture.parent().unwrap()).unwrap();
    let url = format!("{}/try", service.base.replace("127.0.0.1", "localhost"));
    let mut page = script("try_page.py");
    page.args([&chromium, &url]).args([&wav, &picture]).arg("African tea");
    let shown: Value = serde_json::from_str(&run(page, PATIENCE).await).unwrap();

    let said = |role: &str| {
        let lines = shown["talk"].as_array().unwrap().iter().filter(|line| line[0] == role);
        lines.map(|line| line[1].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(said("assistant")[0], "Welcome! What can I get you today?", "{shown}");
    assert!(said("assistant").last().unwrap().contains("African tea, 2000 RWF"), "{shown}");
    assert!(said("caller")[0].ends_with("african tea?"), "{shown}");
    assert!(said("note").iter().any(|note| note.contains("lookup menu")), "{shown}");
    assert_eq!((&shown["trouble"], &shown["wide"]), (&Value::from(""), &Value::from(false)), "{shown}");
    assert!(std::fs::metadata(&picture).unwrap().len() > 10_000);
    service.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Firefox and PulseAudio: make test-services"]
async fn the_page_hears_and_speaks_in_firefox_too() {
    let firefox =
        std::env::var("PEERS_FIREFOX").expect("PEERS_FIREFOX names no Firefox: run `make test-services`");
    let service = Service::start(&[]).await;
    let home = tempfile::tempdir().unwrap();
    let question = home.path().join("question.pcm");
    write_pcm(&question, QUESTION, Duration::from_millis(GREETING_MS as u64));
    let url = format!("{}/try", service.base.replace("127.0.0.1", "localhost"));
    let mut page = script("try_firefox.py");
    page.args([&firefox, &url]).arg(&question).arg("African tea");
    let shown: Value = serde_json::from_str(run(page, PATIENCE).await.lines().last().unwrap()).unwrap();
    assert_eq!(shown["talk"][0][1], "Welcome! What can I get you today?", "{shown}");
    assert_eq!(shown["trouble"], "", "{shown}");
    service.end().await;
}

/// Silence while the greeting is heard, the question, and silence again.
fn write_microphone(path: &Path) {
    let mut samples = vec![0_i16; GREETING_MS * SAMPLES_PER_MS];
    let spoken = speak(QUESTION);
    let next = spoken.iter().skip(1).chain(std::iter::once(&0));
    // From 8 to 48 kHz, along straight lines.
    samples.extend(spoken.iter().zip(next).flat_map(|(from, to)| {
        let (from, to) = (i32::from(*from), i32::from(*to));
        (0..6).map(move |sixth| (from + (to - from) * sixth / 6) as i16)
    }));
    samples.resize(samples.len() + AFTERWARDS_MS * SAMPLES_PER_MS, 0);
    let bytes = u32::try_from(samples.len() * 2).unwrap();
    let mut wav = Vec::new();
    wav.extend_from_slice(b"RIFF");
    wav.extend((36 + bytes).to_le_bytes());
    wav.extend_from_slice(b"WAVEfmt ");
    wav.extend(16_u32.to_le_bytes());
    wav.extend([1_u16, 1].into_iter().flat_map(u16::to_le_bytes));
    wav.extend([RATE, RATE * 2].into_iter().flat_map(u32::to_le_bytes));
    wav.extend([2_u16, 16].into_iter().flat_map(u16::to_le_bytes));
    wav.extend_from_slice(b"data");
    wav.extend(bytes.to_le_bytes());
    wav.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
    std::fs::write(path, wav).unwrap();
}
