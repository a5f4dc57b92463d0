//! Several people speak to one call at once: turns come in order, never mixed, and not without end.

use std::sync::Arc;

use ai_realtime::rehearsal::RehearsalOptions;
use futures_util::future::join_all;
use serde_json::json;

use crate::house::{Service, kinds, model, soon, with_model};

#[tokio::test(flavor = "multi_thread")]
async fn turns_are_queued_in_order_and_the_eighteenth_is_refused() {
    let model = model(RehearsalOptions { delay_ms: 300, ..RehearsalOptions::default() }).await;
    let service = Service::start_with(with_model(&model)).await;
    let client = Arc::new(service.client.clone());
    // One turn under way, 16 waiting, and more than that: who comes too late is told so at once.
    let mut events = {
        client.post("/ai/say", json!({"text": "first", "call_id": "q"})).await;
        client.follow("q", None).await
    };
    let asked: Vec<_> = (0..20)
        .map(|n| {
            let client = Arc::clone(&client);
            tokio::spawn(async move {
                client.post("/ai/say", json!({"text": format!("words {n}"), "call_id": "q"})).await
            })
        })
        .collect();
    let answers: Vec<_> = soon(join_all(asked)).await.into_iter().map(Result::unwrap).collect();
    let refused: Vec<_> = answers.iter().filter(|(status, _)| *status == 429).collect();
    assert!((3..=4).contains(&refused.len()), "{answers:?}");
    assert!(refused.iter().all(|(_, body)| body["code"] == "turn_queue_full"));

    let turns = 21 - refused.len();
    let mut seen = Vec::new();
    for _ in 0..turns {
        seen.extend(events.until("turn.done").await);
    }
    let mut open = 0i32;
    for kind in kinds(&seen) {
        open += i32::from(kind == "turn.started") - i32::from(kind == "turn.done");
        assert!((0..=1).contains(&open), "two turns at once");
    }
    let said: Vec<_> = seen.iter().filter(|event| event["type"] == "caller.text").collect();
    assert_eq!(said.len(), turns);
    service.stop().await;
}
