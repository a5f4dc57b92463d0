//! What a frame of sound costs on its way through: `cargo bench --bench frames`.

use std::hint::black_box;

use ai_realtime::protocol::twilio::StreamSid;
use ai_realtime::protocol::twilio::stream::{parse, payload_bytes, write_media};
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

criterion_group!(benches, inbound_media, payload_check, outbound_media);
criterion_main!(benches);
