//! How long a frame takes through the line, loopback included, one at a time:
//! `cargo test --release --lib twilio::tests::speed -- --ignored --nocapture`.

use tokio::time::Instant;

use super::*;

const TIMES: usize = 5_000;

fn print(what: &str, mut taken: Vec<Duration>) {
    taken.sort_unstable();
    let at = |share: usize| taken[(taken.len() - 1) * share / 1_000].as_nanos() as f64 / 1_000.0;
    println!("{what}: p50 {:.1} µs, p99 {:.1} µs, p99.9 {:.1} µs", at(500), at(990), at(999));
}

#[ignore = "measures, and proves nothing"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_line_adds() {
    let (mut phone, mut twilio) = Phone::ringing(PhoneLimits::default()).await;
    let payload = sound(1, 160);
    let mut taken = Vec::with_capacity(TIMES);
    for _ in 0..TIMES {
        let began = Instant::now();
        twilio.media(&payload).await;
        phone.heard().await;
        taken.push(began.elapsed());
    }
    print("from Twilio's socket to the lane", taken);

    let mut taken = Vec::with_capacity(TIMES);
    let of = of("r1", "a");
    for _ in 0..TIMES {
        let speech = audio(&of, &payload);
        let began = Instant::now();
        phone.lane.push_persona(speech);
        while twilio.hear().await["event"] != "media" {}
        taken.push(began.elapsed());
    }
    print("from the lane to Twilio's socket", taken);

    let mut taken = Vec::with_capacity(TIMES);
    phone.lane.interrupt(None);
    while phone.told.try_recv().is_ok() {}
    for number in 0..TIMES {
        let response = format!("r{}", number + 2);
        phone.lane.push_persona(audio(&super::of(&response, &response), &payload));
        while twilio.hear().await["event"] != "media" {}
        let began = Instant::now();
        phone.send(PhoneMessage::Interrupt { active: None });
        while twilio.hear().await["event"] != "clear" {}
        taken.push(began.elapsed());
        while !matches!(phone.told().await, LineEvent::Interrupted { .. }) {}
    }
    print("from an interruption to the clear at Twilio's socket", taken);
}
