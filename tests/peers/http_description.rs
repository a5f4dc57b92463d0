//! The HTTP API is held to its own OpenAPI description, by tools that make requests from it.

use std::time::Duration;

use serde_json::Value;

use crate::bench::{Service, run, script};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Python with schemathesis: make test-services"]
async fn it_answers_as_it_says_it_does() {
    let service = Service::start(&[]).await;
    let mut tools = script("http_api.py");
    tools.arg(&service.base);
    let told = run(tools, Duration::from_secs(180)).await;
    service.end().await;

    let told: Value = serde_json::from_str(told.trim()).unwrap();
    let count = |name: &str| told[name].as_u64().unwrap();
    assert!(count("described") >= 11, "{told}");
    // All but the stream that does not end, and the description itself.
    assert_eq!(count("operations"), count("described") - 2, "{told}");
    assert!(count("cases") > 200 && count("events") > 20, "{told}");
}
