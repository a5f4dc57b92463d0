//! Twilio's own REST client judges both sides of Twilio's REST API: the stand-in that answers the service in tests, and
//! what the service asks for.

use std::time::Duration;

use ai_realtime::caller::{Callee, Ending};
use serde_json::{Value, json};

use crate::bench::{DEADLINE, ask, run, script};
use crate::phone::{ACCOUNT, Phone, TOKEN};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Python with Twilio's package: make test-services"]
async fn twilios_client_places_changes_and_ends_calls_at_the_stand_in() {
    let phone = Phone::start(&[]).await;
    let line = phone.greeted().await;
    let mut client = script("twilio_rest.py");
    client.args([&phone.exchange.url(), ACCOUNT, TOKEN, line.call_sid()]);
    let placed = run(client, Duration::from_secs(60)).await;
    let placed = phone.exchange.requests().into_iter().find(|request| request.path.contains(placed.trim()));
    assert!(placed.is_some(), "the call it placed is the one it looked up");
    line.hang_up().await;
    line.until_over(DEADLINE).await.unwrap();
    phone.service.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Python with Twilio's package: make test-services"]
async fn the_service_asks_for_what_twilios_client_would_ask_for() {
    let phone = Phone::start(&[]).await;
    let line = phone.greeted().await;
    assert_eq!(phone.service.delete(&format!("/ai/calls/{}", line.call_sid())).await, 200);
    assert_eq!(line.until_ended(DEADLINE).await.unwrap(), Ending::ByApi);
    phone.exchange.set_callee(Callee::Busy);
    let order = json!({"transport": "twilio", "to": "+35699123456", "persona": "cfo"});
    let (status, answer) = phone.service.post("/ai/calls", order).await;
    assert_eq!(status, 202, "{answer}");
    phone.service.end().await;

    let posts = phone.exchange.requests().into_iter().filter(|request| request.method == "POST");
    let posts: Vec<Value> = posts
        .map(|request| json!({"method": request.method, "path": request.path, "form": request.form}))
        .collect();
    let told = ask(script("twilio_orders.py"), &Value::from(posts)).await;
    assert!(told["create"] == 1 && told["update"].as_u64() > Some(0), "{told}");
}
