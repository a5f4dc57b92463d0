//! A caller at a browser speaks, writes, interrupts and changes who answers.

use serde_json::{Value, json};

use super::line::{Browser, over};
use crate::house::{Service, kinds};

const DRINKS: &str = "what drinks do you have?";
const TEA: &str = "how much is the african tea?";

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_is_greeted_and_answered_aloud_and_in_writing_with_a_tool() {
    let service = Service::start().await;
    let mut browser = Browser::connect(&service.client, "visitor-1").await;
    let ready = browser.next().await.unwrap();
    assert_eq!(
        ready,
        json!({"type": "ready", "call_id": "visitor-1", "format": "pcm16", "sample_rate": 24_000})
    );
    browser.hears("welcome! what can i get you today?").await;
    browser.listen_afresh();
    browser.say(TEA).await;
    assert_eq!(browser.until_said("caller").await, TEA);
    let answer = browser.until_said("assistant").await;
    assert!(answer.contains("African tea"), "{answer}");
    browser.hears(answer.trim()).await;
    let tools: Vec<_> = browser.seen.iter().filter(|message| message["type"] == "tool").collect();
    assert_eq!(tools[0]["status"], "started");
    assert_eq!(tools[1], &json!({"type": "tool", "name": tools[0]["name"], "status": "ok"}));
    assert_eq!(browser.seen.iter().find(|message| message["type"] == "persona").unwrap()["key"], "waiter");

    let (_, calls) = service.client.get("/ai/calls").await;
    assert_eq!((&calls[0]["call_id"], &calls[0]["transport"]), (&json!("visitor-1"), &json!("browser")));
    let journal = service.client.follow("visitor-1", None).await;
    browser.hangs_up().await;
    let events = journal.all().await;
    let ended = events.last().unwrap();
    assert_eq!((&ended["type"], &ended["reason"]), (&json!("call.ended"), &json!("hung_up")));
    assert!(kinds(&events).contains(&"line.up"));
    over(service).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_persona_that_is_spoken_over_stops_and_remembers_what_was_heard() {
    let service = Service::start().await;
    let mut browser = Browser::greeted(&service.client, "visitor-2").await;
    let mut journal = service.client.follow("visitor-2", None).await;
    browser.say(DRINKS).await;
    browser.until_kind("audio").await;
    // From here on the browser says itself how much it has played: two seconds of the answer.
    let before = browser.received_ms;
    browser.plays = false;
    let said = browser.until_said("assistant").await;
    browser.send(json!({"type": "played", "ms": before + 2_000})).await;
    browser.say(TEA).await;
    let clear = browser.until_kind("clear").await;
    browser.send(json!({"type": "played", "ms": before + 2_000, "clear": clear["clear"]})).await;
    browser.listen_afresh();
    let cut = journal.until("assistant.interrupted").await.pop().unwrap();
    let (played, heard) = (cut["played_ms"].as_u64().unwrap(), cut["heard"].as_str().unwrap());
    assert!((1_500..6_000).contains(&played), "{cut}");
    assert!(said.starts_with(heard.trim()) && heard.len() < said.len(), "{heard} of {said}");
    let shown = browser.seen.iter().find(|message| message["interrupted"] == true);
    let shown = match shown {
        Some(shown) => shown.clone(),
        None => browser.until(|message| message["interrupted"] == true).await,
    };
    assert_eq!((&shown["text"], &shown["item_id"]), (&cut["heard"], &cut["item_id"]));
    browser.plays = true;
    browser.hears("african tea").await;
    let (_, detail) = service.client.get("/ai/calls/visitor-2").await;
    let entries = detail["transcript"].as_array().unwrap();
    assert!(entries.iter().any(|entry| entry["heard"] == cut["heard"]), "{detail}");
    over(service).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_is_answered_aloud_and_stops_what_is_being_said() {
    let service = Service::start().await;
    let mut browser = Browser::greeted(&service.client, "visitor-3").await;
    browser.send(json!({"type": "text", "text": DRINKS})).await;
    assert_eq!(browser.until_said("caller").await, DRINKS);
    browser.plays = false;
    browser.until_kind("audio").await;
    browser.send(json!({"type": "text", "text": TEA})).await;
    browser.until_kind("clear").await;
    browser.plays = true;
    browser.listen_afresh();
    let heard = browser.hears("african tea").await;
    assert!(!heard.contains("28 items"), "{heard}");
    for bad in [" ", &"x".repeat(5_001)] {
        browser.send(json!({"type": "text", "text": bad})).await;
        assert_eq!(browser.until_kind("error").await["code"], "invalid_value");
    }
    over(service).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_chooses_who_answers() {
    let service = Service::start().await;
    let mut browser = Browser::greeted(&service.client, "visitor-4").await;
    browser.send(json!({"type": "persona", "key": "cfo"})).await;
    let is_cfo = |message: &Value| message["type"] == "persona" && message["key"] == "cfo";
    browser.until(is_cfo).await;
    browser.send(json!({"type": "persona", "key": "cfo"})).await;
    browser.until(is_cfo).await;
    browser.send(json!({"type": "persona", "key": "nobody"})).await;
    let error = browser.until_kind("error").await;
    assert_eq!(error["code"], "unknown_persona");
    assert!(error["error"].as_str().unwrap().contains("waiter"));
    let (_, calls) = service.client.get("/ai/calls").await;
    assert_eq!(calls[0]["persona"], "cfo");
    over(service).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_only_a_phone_can_do_is_refused_in_words() {
    let service = Service::start().await;
    let browser = Browser::greeted(&service.client, "visitor-5").await;
    let (status, body) =
        service.client.post("/ai/calls/visitor-5/transfer", json!({"to": "+35621000001"})).await;
    assert_eq!((status, &body["code"]), (409, &json!("no_phone")), "{body}");
    drop(browser);
    over(service).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_ends_from_elsewhere_with_a_word() {
    let service = Service::start().await;
    let mut browser = Browser::greeted(&service.client, "visitor-6").await;
    assert_eq!(service.client.delete("/ai/calls/visitor-6").await.0, 200);
    assert_eq!(browser.closes().await, Some(1000));
    assert_eq!(browser.seen.last().unwrap(), &json!({"type": "ended", "reason": "hung_up"}));
    over(service).await;
}
