//! The HTTP API is held to its own OpenAPI description, by tools that make requests from it.

use std::time::Duration;

use ai_realtime::caller::Callee;
use serde_json::Value;

use crate::bench::{run, script};
use crate::phone::Phone;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Python with schemathesis: make test-services"]
async fn it_answers_as_it_says_it_does() {
    // With its phone, so that calls can be placed; nobody takes them.
    let phone = Phone::start(&[]).await;
    phone.exchange.set_callee(Callee::Busy);
    let mut tools = script("http_api.py");
    tools.arg(&phone.service.base);
    let told = run(tools, Duration::from_secs(180)).await;
    phone.service.end().await;

    let told: Value = serde_json::from_str(told.trim()).unwrap();
    let count = |name: &str| told[name].as_u64().unwrap();
    assert!(count("described") >= 19, "{told}");
    // All but the stream that does not end, the five forms of Twilio's, and the description itself.
    assert_eq!(count("operations"), count("described") - 7, "{told}");
    assert!(count("cases") > 200 && count("events") > 20, "{told}");
}
