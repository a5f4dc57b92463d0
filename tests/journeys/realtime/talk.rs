//! A client writes, and is answered with tools and by other personas, of which it sees nothing but the answers.

use serde_json::json;

use super::line::{Realtime, over};
use crate::house::{Service, kinds};

const TEA: &str = "how much is the african tea?";

#[tokio::test(flavor = "multi_thread")]
async fn ten_lines_of_a_stock_client_hear_about_the_menu() {
    let service = Service::start().await;
    let mut client = Realtime::connect(&service.client, "stock-1").await;
    let answer = client.asks("what drinks do you have?").await;
    assert!(answer.contains("Cisk Lager"), "{answer}");
    assert!(!client.received_ms.is_empty(), "it is spoken, too");
    let responses = client.kinds().iter().filter(|kind| **kind == "response.created").count();
    assert_eq!(responses, 1, "{:?}", client.kinds());
    let tool =
        client.seen.iter().find(|event| event["type"] == "extension.middle_tier_tool.response").unwrap();
    assert_eq!(tool["tool_result"], json!({"status": "ok"}).to_string());
    let (_, calls) = service.client.get("/ai/calls").await;
    assert_eq!((&calls[0]["call_id"], &calls[0]["transport"]), (&json!("stock-1"), &json!("realtime")));
    let mut journal = service.client.follow("stock-1", None).await;
    let events = journal.until("turn.done").await;
    let kinds = kinds(&events);
    for kind in ["line.up", "caller.text", "turn.started", "tool.done", "assistant.text"] {
        assert!(kinds.contains(&kind), "{kind} {kinds:?}");
    }
    over(service).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_speaks_before_the_client_asks_unless_it_wants_to_be_greeted() {
    let service = Service::start().await;
    let mut client = Realtime::connect(&service.client, "stock-2").await;
    let session = client.update(json!({"output_modalities": ["text"]})).await;
    assert_eq!(session["output_modalities"], json!(["text"]));
    assert!(!client.kinds().contains(&"response.created"));
    let mut greeted = Realtime::connect_with(&service.client, "call_id=stock-3&greet=true").await;
    assert!(greeted.until_answer().await.contains("Welcome"));
    over(service).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_model_hands_over_in_the_middle_and_the_client_can_too() {
    let service = Service::start().await;
    let mut client = Realtime::connect(&service.client, "stock-4").await;
    client.write("i want to speak with the cfo").await;
    client.until(|event| event["type"] == "extension.persona.activated" && event["persona"] == "cfo").await;
    assert!(!client.until_answer().await.is_empty());
    client.send(json!({"type": "extension.persona.activate", "persona": "waiter", "event_id": "e1"})).await;
    client
        .until(|event| event["type"] == "extension.persona.activated" && event["persona"] == "waiter")
        .await;
    client.send(json!({"type": "extension.persona.activate", "persona": "nobody", "event_id": "e2"})).await;
    assert_eq!(client.until_error().await, ("unknown_persona".into(), json!("e2")));
    assert!(client.asks(TEA).await.contains("African tea"));
    over(service).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_knowledge_answer_comes_with_its_sources() {
    let service = Service::start().await;
    let rules = "# The house\n\n## Wifi\n\nThe wifi password is mango42.\n";
    service.client.post("/api/rag", json!({"id": "rules", "title": "The house", "content": rules})).await;
    let mut client = Realtime::connect_with(&service.client, "call_id=stock-5&extensions=underscored").await;
    assert!(client.asks("What is the wifi password?").await.contains("mango42"));
    let tool =
        client.seen.iter().find(|event| event["type"] == "extension.middle_tier_tool_response").unwrap();
    let result: serde_json::Value = serde_json::from_str(tool["tool_result"].as_str().unwrap()).unwrap();
    let source = &result["sources"][0];
    assert_eq!(source["title"], "The house");
    assert!(source["chunk"].as_str().unwrap().contains("mango42"), "{result}");
    assert_eq!(tool["tool_name"], "query_knowledge_base");
    over(service).await;
}
