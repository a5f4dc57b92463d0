//! What a client does not notice, and what it does: lost sockets, garbage, and slowness.

use ai_realtime::rehearsal::RehearsalOptions;
use serde_json::json;

use super::line::{Realtime, over};
use crate::house::{Service, model, with_model};

const TEA: &str = "how much is the african tea?";

#[tokio::test(flavor = "multi_thread")]
async fn a_replaced_socket_of_the_models_goes_unnoticed() {
    let model = model(RehearsalOptions::default()).await;
    let service = Service::start_with(with_model(&model)).await;
    let mut client = Realtime::connect(&service.client, "lost-1").await;
    client.add(Some("msg_before"), "hello").await;
    client.send(json!({"type": "response.create"})).await;
    let done = client.until_kind("response.done").await;
    let mut journal = service.client.follow("lost-1", None).await;
    model.drop_all();
    journal.until("model.reconnected").await;
    assert!(client.asks(TEA).await.contains("African tea"));
    for item in [&json!("msg_before"), &done["response"]["output"][0]["id"]] {
        client.send(json!({"type": "conversation.item.retrieve", "item_id": item})).await;
        assert_eq!(&client.until_kind("conversation.item.retrieved").await["item"]["id"], item);
    }
    client.send(json!({"type": "conversation.item.delete", "item_id": "msg_before"})).await;
    client.until_kind("conversation.item.deleted").await;
    assert!(!client.kinds().contains(&"error"), "{:?}", client.seen);
    over(service).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_comes_back_goes_on_where_it_was() {
    let service = Service::start().await;
    let mut client = Realtime::connect(&service.client, "lost-2").await;
    client.send(json!({"type": "extension.persona.activate", "persona": "cfo"})).await;
    client.until(|event| event["type"] == "extension.persona.activated" && event["persona"] == "cfo").await;
    client.update(json!({"output_modalities": ["text"]})).await;
    drop(client);
    let mut client = Realtime::connect(&service.client, "lost-2").await;
    assert_eq!(client.seen[0]["session"]["output_modalities"], json!(["text"]));
    assert_eq!(client.until_kind("extension.persona.activated").await["persona"], "cfo");
    assert!(!client.asks("what was our ebitda in 2026-03?").await.is_empty());
    over(service).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_is_answered_and_costs_nothing() {
    let service = Service::start().await;
    let mut client = Realtime::connect(&service.client, "lost-3").await;
    for garbage in ["", "{", "[]", "null", r#"{"type":7}"#, r#"{"type":"no.such.event"}"#] {
        client.send_raw(garbage.to_owned()).await;
        client.until_kind("error").await;
    }
    client.send(json!({"type": "input_audio_buffer.append", "audio": "%%%"})).await;
    client.until_kind("error").await;
    assert!(client.asks(TEA).await.contains("African tea"));
    over(service).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_read_is_cut_off() {
    let service = Service::start().await;
    let mut client = Realtime::connect_narrowly(&service.client, "lost-4").await;
    let mut journal = service.client.follow("lost-4", None).await;
    // Minutes of answers, one after the other, of which it reads nothing.
    for _ in 0..12 {
        let ask = json!({"text": "what drinks do you have?", "call_id": "lost-4"});
        assert_eq!(service.client.post("/ai/say", ask).await.0, 200);
    }
    let down = journal.until("line.down").await.pop().unwrap();
    assert_eq!(down["how"], "lost");
    assert_eq!(client.closes().await, Some(1013));
    over(service).await;
}
