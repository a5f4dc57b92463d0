//! The judge is judged: a test that finds nothing wrong proves nothing unless it can.

use std::net::SocketAddr;
use std::time::Duration;

use ai_realtime::rehearsal::{Rehearsal, RehearsalOptions};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async, tungstenite};

use crate::bench::{Judge, Service, run, script, soon};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Python with OpenAI's package: make test-services"]
async fn every_mistake_put_into_a_good_talk_is_found() {
    run(script("test_rules.py"), Duration::from_secs(60)).await;
    run(script("test_hearing.py"), Duration::from_secs(60)).await;
    run(script("test_gateway_rules.py"), Duration::from_secs(60)).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Python with OpenAI's package: make test-services"]
async fn a_client_that_makes_mistakes_is_complained_about() {
    let model =
        Rehearsal::start(SocketAddr::from(([127, 0, 0, 1], 0)), RehearsalOptions::default()).await.unwrap();
    let judge = Judge::before(model.addr()).await;
    let mut socket = dial(&judge).await;
    for event in [
        json!({"type": "response.create", "event_id": "e"}),
        json!({"type": "session.update", "event_id": "e", "session": {"type": "realtime", "voice": "ash"}}),
        json!({"type": "conversation.item.create", "event_id": "f", "item":
            {"type": "function_call_output", "call_id": "call_0", "output": "{}"}}),
    ] {
        soon(socket.send(Message::text(event.to_string()))).await.unwrap();
    }
    // The model answers all three, the last with an error of its own.
    loop {
        let frame = soon(socket.next()).await.unwrap().unwrap();
        let event: Value = serde_json::from_str(frame.to_text().unwrap()).unwrap();
        if event["error"]["event_id"] == "f" {
            break;
        }
    }
    soon(socket.close(None)).await.unwrap();
    while soon(socket.next()).await.is_some() {}
    drop(socket);
    let report = judge.report().await;
    let complaints = report.complaints();
    for expected in [
        "shows no bearer key",
        "the first frame is no session.update",
        "a response before the first session.updated would be nobody's",
        "event_id e was used before",
        "unknown field /session/voice",
        "tool call call_0 was never made",
    ] {
        assert!(complaints.contains(&expected), "{expected} in {complaints:?}");
    }
    assert!(report.errors().contains(&"invalid_tool_call_id"), "{:?}", report.errors());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Python with OpenAI's package: make test-services"]
async fn a_model_that_does_more_than_its_description_is_complained_about_and_its_client_is_not() {
    let options = RehearsalOptions { hostile: true, ..RehearsalOptions::default() };
    let model = Rehearsal::start(SocketAddr::from(([127, 0, 0, 1], 0)), options).await.unwrap();
    let judge = Judge::before(model.addr()).await;
    let service = Service::start_before(&judge, &[]).await;
    service.say("odd", "What drinks do you have?").await;
    service.end().await;
    let report = judge.report().await;
    let complaints = report.complaints();
    assert!(complaints.contains(&"unknown field /trace"), "{complaints:?}");
    assert!(complaints.contains(&"no server sends 'session.heartbeat'"), "{complaints:?}");
    assert_eq!(report.complaints_about_client(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Python with OpenAI's package: make test-services"]
async fn a_socket_that_one_side_cuts_is_cut_to_the_other() {
    let model =
        Rehearsal::start(SocketAddr::from(([127, 0, 0, 1], 0)), RehearsalOptions::default()).await.unwrap();
    let judge = Judge::before(model.addr()).await;
    let mut socket = dial(&judge).await;
    soon(socket.next()).await.unwrap().unwrap();
    model.drop_all();
    let end = soon(socket.next()).await.unwrap();
    assert!(
        matches!(end, Err(tungstenite::Error::Protocol(_) | tungstenite::Error::Io(_))),
        "no close frame: {end:?}"
    );
    judge.report().await;
}

/// A client without a key.
async fn dial(judge: &Judge) -> WebSocketStream<MaybeTlsStream<TcpStream>> {
    let opened = Box::pin(connect_async(format!("{}?model=m", judge.url())));
    soon(opened).await.unwrap().0
}
