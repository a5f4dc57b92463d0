//! Connections break, are taken over, and come back; so does the model, and so does the service.

use ai_realtime::rehearsal::RehearsalOptions;
use serde_json::json;

use super::line::{Browser, open, over};
use crate::house::{Process, Service, model, soon, with_model};

const TEA: &str = "how much is the african tea?";

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_breaks_comes_back_to_the_same_conversation() {
    let service = Service::start().await;
    let browser = Browser::greeted(&service.client, "visitor-1").await;
    let mut journal = service.client.follow("visitor-1", None).await;
    // Without a word, as when the network goes.
    drop(browser);
    let down = journal.until("line.down").await.pop().unwrap();
    assert_eq!(down["how"], "lost");
    let mut browser = Browser::connect(&service.client, "visitor-1").await;
    browser.until_kind("persona").await;
    browser.say(TEA).await;
    browser.hears("african tea").await;
    let (_, calls) = service.client.get("/ai/calls").await;
    assert_eq!(calls.as_array().unwrap().len(), 1, "{calls}");
    let all = browser.seen.iter().map(|message| message["text"].as_str().unwrap_or_default());
    assert!(!all.collect::<String>().contains("Welcome!"), "nobody is greeted twice");
    over(service).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_connection_takes_the_line_over() {
    let service = Service::start().await;
    let mut first = Browser::greeted(&service.client, "visitor-2").await;
    let mut second = Browser::connect(&service.client, "visitor-2").await;
    assert_eq!(first.closes().await, Some(4001));
    assert_eq!(first.seen.last().unwrap()["code"], "replaced");
    second.say(TEA).await;
    second.hears("african tea").await;
    over(service).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_drops_its_socket_is_not_noticed_but_by_a_gap() {
    // Enough for a socket to be of use: what was said before is given to each again, and grows.
    let model = model(RehearsalOptions { drop_after: Some(100), ..RehearsalOptions::default() }).await;
    let service = Service::start_with(with_model(&model)).await;
    let mut browser = Browser::greeted(&service.client, "visitor-3").await;
    let mut journal = service.client.follow("visitor-3", None).await;
    for _ in 0..3 {
        browser.listen_afresh();
        browser.say(TEA).await;
        browser.hears("african tea").await;
    }
    journal.until("model.reconnected").await;
    over(service).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_goes_down_says_goodbye() {
    let home = tempfile::tempdir().unwrap();
    let process = Process::start(home.path(), vec![("DRAIN_SECONDS", "0".to_owned())]).await;
    let mut browser = Browser::greeted(&process.client, "visitor-4").await;
    process.terminate().await;
    process.client.until_not_ready().await;
    let mut late = Browser::connect(&process.client, "visitor-5").await;
    assert_eq!(late.until_kind("error").await["code"], "draining");
    assert_eq!(late.closes().await, Some(1013));
    assert_eq!(browser.closes().await, Some(1001));
    assert_eq!(browser.seen.last().unwrap(), &json!({"type": "ended", "reason": "shutdown"}));
    process.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_was_killed_goes_on_where_the_call_was() {
    let home = tempfile::tempdir().unwrap();
    let process = Process::start(home.path(), Vec::new()).await;
    let mut browser = Browser::greeted(&process.client, "visitor-6").await;
    browser.send(json!({"type": "persona", "key": "cfo"})).await;
    browser.until(|message| message["key"] == "cfo").await;
    process.kill().await;
    assert_eq!(browser.closes().await, None);
    let process = Process::start(home.path(), Vec::new()).await;
    let mut browser = Browser::connect(&process.client, "visitor-6").await;
    assert_eq!(browser.until_kind("persona").await["key"], "cfo");
    let (_, calls) = process.client.get("/ai/calls").await;
    assert_eq!(calls[0]["transport"], "browser");
    process.kill().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_node_says_come_back_later() {
    let service = Service::start_with(vec![("MAX_CALLS", "1".to_owned())]).await;
    let first = Browser::greeted(&service.client, "visitor-7").await;
    let mut second = Browser::connect(&service.client, "visitor-8").await;
    assert_eq!(second.until_kind("error").await["code"], "at_capacity");
    assert_eq!(second.closes().await, Some(1013));
    first.hangs_up().await;
    soon(async {
        loop {
            let mut again = open(&service.client, "/ws/audio/visitor-8", &[]).await.unwrap();
            if again.next().await.unwrap()["type"] == "ready" {
                break;
            }
        }
    })
    .await;
    over(service).await;
}
