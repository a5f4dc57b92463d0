//! What a connection may use of the service's patience.

use futures_util::SinkExt;
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

use super::line::{Browser, over};
use crate::house::{Service, soon};

#[tokio::test(flavor = "multi_thread")]
async fn garbage_is_answered_and_the_talk_goes_on_until_there_is_too_much_of_it() {
    let service = Service::start().await;
    let mut browser = Browser::greeted(&service.client, "visitor-1").await;
    for (garbage, code) in [
        ("not json", "invalid_message"),
        (r#"{"type":"session.update"}"#, "invalid_message"),
        (r#"{"type":"audio"}"#, "invalid_message"),
        (r#"{"type":"audio","data":"AAA"}"#, "invalid_audio"),
        (r#"{"type":"audio","data":"AAAA"}"#, "invalid_audio"),
        (r#"{"type":"played","ms":-5}"#, "invalid_message"),
    ] {
        browser.send_raw(garbage.to_owned()).await;
        assert_eq!(browser.until_kind("error").await["code"], code, "{garbage}");
    }
    soon(browser.socket.send(Message::Binary(vec![1, 2, 3].into()))).await.unwrap();
    assert_eq!(browser.until_kind("error").await["code"], "invalid_message");
    browser.send(json!({"type": "text", "text": "how much is the african tea?"})).await;
    browser.hears("african tea").await;
    for _ in 0..100 {
        browser.send_raw("not json".to_owned()).await;
    }
    assert_eq!(browser.closes().await, Some(1008));
    assert_eq!(browser.seen.last().unwrap()["code"], "too_many_errors");
    over(service).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_audio_is_cut_off() {
    let service = Service::start().await;
    let mut browser = Browser::greeted(&service.client, "visitor-2").await;
    let second = base64_simd::STANDARD.encode_to_string(vec![0_u8; 48_000]);
    let frame = json!({"type": "audio", "data": second}).to_string();
    for _ in 0..120 {
        // It may be closed before all is sent.
        if soon(browser.socket.send(Message::Text(frame.clone().into()))).await.is_err() {
            break;
        }
    }
    assert_eq!(browser.closes().await, Some(1008));
    assert_eq!(browser.seen.last().unwrap()["code"], "flood");
    over(service).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_a_mebibyte_at_once_is_too_much() {
    let service = Service::start().await;
    let mut browser = Browser::greeted(&service.client, "visitor-3").await;
    let text = "x".repeat(1 << 20);
    // It may be closed before all is sent.
    let _ =
        soon(browser.socket.send(Message::Text(json!({"type": "text", "text": text}).to_string().into())))
            .await;
    assert!(matches!(browser.closes().await, Some(1009) | None));
    over(service).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_that_does_not_read_is_cut_off_and_told_so() {
    let service = Service::start_with(vec![("WEBSOCKET_AUDIO_QUEUE_SIZE", "5".to_owned())]).await;
    let mut browser = Browser::connect_narrowly(&service.client, "visitor-4").await;
    browser.hears("today?").await;
    let mut journal = service.client.follow("visitor-4", None).await;
    // Minutes of answers, one after the other, of which it reads nothing.
    for _ in 0..12 {
        let ask = json!({"text": "what drinks do you have?", "call_id": "visitor-4"});
        assert_eq!(service.client.post("/ai/say", ask).await.0, 200);
    }
    let down = journal.until("line.down").await.pop().unwrap();
    assert_eq!(down["how"], "lost");
    browser.plays = false;
    assert_eq!(browser.closes().await, Some(1013));
    assert_eq!(browser.seen.last().unwrap()["code"], "too_slow");
    over(service).await;
}
