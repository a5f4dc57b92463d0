//! What a frame of sound costs on its way through: `cargo bench --bench frames`.

use std::hint::black_box;
use std::sync::Arc;

use ai_realtime::audio::Spoken;
use ai_realtime::protocol::openai::speech;
use ai_realtime::protocol::twilio::StreamSid;
use ai_realtime::protocol::twilio::stream::{parse, payload_bytes, write_media};
use ai_realtime::transport::twilio::reframe::Reframe;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

/// 20 ms of µ-law in base64.
fn payload() -> String {
    let sound: Vec<u8> = (0..160_u8).map(|at| at.wrapping_mul(37)).collect();
    base64_simd::STANDARD.encode_to_string(sound)
}

fn stream() -> StreamSid {
    #[allow(clippy::unwrap_used)] // a constant of our own
    "MZ0123456789abcdef0123456789abcdef".parse().unwrap()
}

fn inbound_media(criterion: &mut Criterion) {
    let frame = format!(
        r#"{{"event":"media","sequenceNumber":"1234","streamSid":"{}","media":{{"track":"inbound","chunk":"1233","timestamp":"24640","payload":"{}"}}}}"#,
        stream(),
        payload()
    );
    let mut group = criterion.benchmark_group("frames");
    group.throughput(Throughput::Elements(1));
    group.bench_function("inbound_media_parse", |bencher| bencher.iter(|| parse(black_box(&frame)).is_ok()));
    group.finish();
}

fn payload_check(criterion: &mut Criterion) {
    let payload = payload();
    let mut group = criterion.benchmark_group("frames");
    group.throughput(Throughput::Elements(1));
    group.bench_function("payload_check", |bencher| bencher.iter(|| payload_bytes(black_box(&payload))));
    group.finish();
}

fn outbound_media(criterion: &mut Criterion) {
    let (stream, payload) = (stream(), payload());
    let mut group = criterion.benchmark_group("frames");
    group.throughput(Throughput::Elements(1));
    group.bench_function("outbound_media_write", |bencher| {
        bencher.iter(|| {
            let mut out = String::new();
            write_media(&mut out, &stream, black_box(&payload));
            out
        });
    });
    group.finish();
}

fn speech_parse(criterion: &mut Criterion) {
    let frame = format!(
        r#"{{"type":"response.output_audio.delta","event_id":"event_1","response_id":"resp_1","item_id":"item_1","output_index":0,"content_index":0,"delta":"{}"}}"#,
        payload()
    );
    let mut group = criterion.benchmark_group("frames");
    group.throughput(Throughput::Elements(1));
    group.bench_function("speech_parse", |bencher| bencher.iter(|| speech(black_box(&frame)).is_some()));
    group.finish();
}

/// Whole frames pass; what is cut elsewhere is packed anew.
fn reframe(criterion: &mut Criterion) {
    let of = Arc::new(Spoken { response: "resp_1".into(), item: "item_1".into() });
    let uneven = base64_simd::STANDARD.encode_to_string([7; 1_000]);
    let mut group = criterion.benchmark_group("frames");
    group.throughput(Throughput::Elements(1));
    for (name, payload) in [("reframe_whole", payload()), ("reframe_uneven", uneven)] {
        let mut reframe = Reframe::default();
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let whole = reframe.push(&of, black_box(&payload));
                whole.is_ok_and(|whole| whole.is_some())
            });
        });
    }
    group.finish();
}

criterion_group!(benches, inbound_media, payload_check, outbound_media, speech_parse, reframe);
criterion_main!(benches);
