//! A client adds, reads, shortens and deletes items, and stops answers.

use serde_json::{Value, json};

use super::line::{Realtime, over};
use crate::house::Service;

const DRINKS: &str = "what drinks do you have?";

async fn retrieve(client: &mut Realtime, item: &Value) -> Value {
    client.send(json!({"type": "conversation.item.retrieve", "item_id": item})).await;
    client.until_kind("conversation.item.retrieved").await["item"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn items_go_by_the_clients_own_names() {
    let service = Service::start().await;
    let mut client = Realtime::connect(&service.client, "items-1").await;
    client.add(Some("msg_mine"), DRINKS).await;
    let added = client.until_kind("conversation.item.added").await;
    assert_eq!(added["item"]["id"], "msg_mine");
    client.add(Some("msg_mine"), "again").await;
    assert_eq!(client.until_error().await.0, "item_create_duplicate_item_id");
    let item = retrieve(&mut client, &json!("msg_mine")).await;
    assert_eq!(item["content"][0]["text"], DRINKS);
    client
        .send(json!({"type": "conversation.item.truncate", "item_id": "msg_mine", "content_index": 0,
        "audio_end_ms": 10}))
        .await;
    assert_eq!(client.until_error().await.0, "unsupported_content_type");
    client.send(json!({"type": "conversation.item.delete", "item_id": "msg_mine"})).await;
    assert_eq!(client.until_kind("conversation.item.deleted").await["item_id"], "msg_mine");
    client.send(json!({"type": "conversation.item.delete", "item_id": "msg_mine"})).await;
    assert_eq!(client.until_error().await.0, "item_delete_invalid_item_id");
    over(service).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_client_heard_is_what_is_remembered() {
    let service = Service::start().await;
    let mut client = Realtime::connect(&service.client, "items-2").await;
    client.write(DRINKS).await;
    let done = client.until_kind("response.done").await;
    let item = done["response"]["output"][0]["id"].clone();
    let whole = retrieve(&mut client, &item).await["content"][0]["transcript"].as_str().unwrap().to_owned();
    let received_ms = client.received_ms[item.as_str().unwrap()];
    let truncate = |ms: u64| json!({"type": "conversation.item.truncate", "item_id": item, "content_index": 0, "audio_end_ms": ms});
    client.send(truncate(received_ms / 2)).await;
    let truncated = client.until_kind("conversation.item.truncated").await;
    assert_eq!(truncated["audio_end_ms"], received_ms / 2);
    let half = retrieve(&mut client, &item).await["content"][0]["transcript"].as_str().unwrap().to_owned();
    assert!(whole.starts_with(&half) && half.len() < whole.len(), "{half} of {whole}");
    client.send(truncate(received_ms * 2)).await;
    let truncated = client.until_kind("conversation.item.truncated").await;
    assert_eq!(truncated["audio_end_ms"], received_ms / 2, "never upwards");
    over(service).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_answer_at_a_time_and_it_can_be_stopped() {
    let (settings, _model) = slow().await;
    let service = Service::start_with(settings).await;
    let mut client = Realtime::connect(&service.client, "items-3").await;
    client.send(json!({"type": "response.cancel", "event_id": "c0"})).await;
    assert_eq!(client.until_error().await, ("response_cancel_not_active".into(), json!("c0")));
    client.write("hello").await;
    client.until_kind("response.created").await;
    client.send(json!({"type": "response.create", "event_id": "r2"})).await;
    assert_eq!(client.until_error().await, ("conversation_already_has_active_response".into(), json!("r2")));
    client.send(json!({"type": "response.cancel"})).await;
    let done = client.until_kind("response.done").await;
    assert_eq!(done["response"]["status"], "cancelled", "{done}");
    assert!(!client.asks("how much is the african tea?").await.is_empty());
    over(service).await;
}

/// A model that takes its time, so that there is something to be stopped.
async fn slow() -> (Vec<(&'static str, String)>, ai_realtime::rehearsal::Rehearsal) {
    use crate::house::{model, with_model};
    use ai_realtime::rehearsal::RehearsalOptions;
    let model = model(RehearsalOptions { delta_delay_ms: 60, ..RehearsalOptions::default() }).await;
    (with_model(&model), model)
}
