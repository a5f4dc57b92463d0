//! A client speaks and hears: with the model's side finding the turns, or pushing to talk.

use serde_json::{Value, json};

use super::line::{Realtime, over, words};
use crate::house::Service;

const DRINKS: &str = "what drinks do you have?";
const TEA: &str = "how much is the african tea?";

fn push_to_talk() -> Value {
    json!({"audio": {"input": {"turn_detection": null, "transcription": {"model": "gpt-4o-mini-transcribe"}}}})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_speaks_is_answered_aloud_and_may_interrupt() {
    let service = Service::start().await;
    let mut client = Realtime::connect(&service.client, "voice-1").await;
    client.update(json!({"audio": {"input": {"transcription": {"model": "whisper-1"}}}})).await;
    client.say(DRINKS).await;
    let started = client.until_kind("input_audio_buffer.speech_started").await;
    let said = client.until_kind("input_audio_buffer.committed").await;
    assert_eq!(started["item_id"], said["item_id"]);
    client.until_kind("response.output_audio.delta").await;
    client.say(TEA).await;
    let interrupted = client.until_kind("input_audio_buffer.speech_started").await;
    let answer =
        client.until(|event| event["type"] == "response.done" && words(event).contains("African tea")).await;
    assert_eq!(answer["response"]["status"], "completed");
    let transcripts: Vec<_> = client
        .seen
        .iter()
        .filter(|event| event["type"] == "conversation.item.input_audio_transcription.completed")
        .map(|event| event["transcript"].as_str().unwrap().to_owned())
        .collect();
    assert!(transcripts.contains(&DRINKS.to_owned()), "{transcripts:?}");
    let cut = client.seen.iter().find(|event| event["type"] == "conversation.item.truncated");
    assert!(cut.is_some(), "after {interrupted}: {:?}", client.kinds());
    over(service).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_pushes_to_talk_commits_and_asks() {
    let service = Service::start().await;
    let mut client = Realtime::connect(&service.client, "voice-2").await;
    let session = client.update(push_to_talk()).await;
    assert_eq!(session["audio"]["input"]["turn_detection"], Value::Null);
    client.send(json!({"type": "input_audio_buffer.commit", "event_id": "too_soon"})).await;
    assert_eq!(client.until_error().await, ("input_audio_buffer_commit_empty".into(), json!("too_soon")));
    client.push_to_talk("never mind this").await;
    let unanswered = client.until_kind("input_audio_buffer.committed").await;
    client.push_to_talk(TEA).await;
    let said = client.until_kind("input_audio_buffer.committed").await;
    assert_ne!(unanswered["item_id"], said["item_id"]);
    assert!(!client.kinds().contains(&"response.created"));
    client.send(json!({"type": "response.create", "response": {"metadata": {"topic": "tea"}}})).await;
    let created = client.until_kind("response.created").await;
    assert_eq!(created["response"]["metadata"], json!({"topic": "tea"}));
    let answer = client.until_answer().await;
    assert!(answer.contains("African tea"), "{answer}");
    assert!(client.has_heard("african tea"), "{}", client.heard());
    client.send(json!({"type": "input_audio_buffer.clear"})).await;
    client.until_kind("input_audio_buffer.cleared").await;
    over(service).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_for_each_answer_is_not_answered_unasked() {
    let service = Service::start().await;
    let mut client = Realtime::connect(&service.client, "voice-3").await;
    let turns = json!({"type": "server_vad", "create_response": false, "interrupt_response": false});
    client.update(json!({"audio": {"input": {"turn_detection": turns}}})).await;
    client.say(TEA).await;
    client.until_kind("input_audio_buffer.committed").await;
    client.send(json!({"type": "conversation.item.retrieve", "item_id": "nothing"})).await;
    assert_eq!(client.until_error().await.0, "item_retrieve_invalid_item_id");
    assert!(!client.kinds().contains(&"response.created"));
    client.send(json!({"type": "response.create"})).await;
    assert!(client.until_answer().await.contains("African tea"));
    over(service).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_may_hear_nothing_and_read_everything() {
    let service = Service::start().await;
    let mut client = Realtime::connect(&service.client, "voice-4").await;
    client.update(json!({"output_modalities": ["text"]})).await;
    client.say(TEA).await;
    let answer = client.until_answer().await;
    assert!(answer.contains("African tea"), "{answer}");
    assert!(client.asks(DRINKS).await.contains("Cisk Lager"));
    assert!(client.received_ms.is_empty(), "nothing was spoken");
    client.add(None, TEA).await;
    client.send(json!({"type": "response.create", "response": {"output_modalities": ["audio"]}})).await;
    client.until_answer().await;
    assert!(!client.received_ms.is_empty(), "this one was");
    over(service).await;
}
