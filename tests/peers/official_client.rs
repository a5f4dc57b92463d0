//! OpenAI's own Python client drives the rehearsal model.

use std::time::Duration;

use serde_json::Value;

use crate::bench::{Program, Report, run, script};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Python with OpenAI's package: make test-services"]
async fn it_talks_to_the_rehearsal_model_in_text_and_audio() {
    let home = tempfile::tempdir().unwrap();
    // A response takes a while, so that it can be stopped in its middle.
    let arguments = ["rehearsal", "--port", "0", "--delta-delay", "5"];
    let model = Program::start(home.path(), &arguments, &[]).await;
    let mut client = script("realtime_client.py");
    client.arg(model.address_after("ws://"));
    let told = run(client, Duration::from_secs(60)).await;
    model.end().await;

    let texts: Value = serde_json::from_str(&told).unwrap();
    assert!(texts["texts"]["written"].as_str().unwrap().contains("19 °C"), "{told}");
    assert!(!texts["texts"]["spoken"].as_str().unwrap().is_empty(), "{told}");
    let report: Report = serde_json::from_str(&told).unwrap();
    assert_eq!(report.sockets, 3);
    report.praise(&[
        ("client session.update", 3),
        ("client conversation.item.create/function_call_output", 1),
        ("client input_audio_buffer.append", 1),
        ("server input_audio_buffer.committed", 1),
        ("server response.function_call_arguments.delta", 1),
        ("server response.output_text.delta", 1),
        ("server response.output_audio.delta", 10),
        ("server response.output_audio_transcript.delta", 10),
        ("server conversation.item.truncated", 1),
        ("server conversation.item.retrieved", 1),
        ("server conversation.item.deleted", 1),
        ("server response.done/completed", 4),
        ("server response.done/cancelled", 1),
    ]);
}
