//! The database is out of reach when the service begins: it begins all the same, and says so.

use serde_json::json;

use crate::house::{Service, soon};

#[tokio::test(flavor = "multi_thread")]
async fn a_service_begins_while_its_database_is_away() {
    // A port that was free a moment ago: nobody answers there.
    let port = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().port()
    };
    let settings = vec![
        ("SUPABASE_URL", format!("http://127.0.0.1:{port}")),
        ("SUPABASE_SERVICE_ROLE_KEY", "sb_secret_of_a_project_that_is_away".to_owned()),
    ];
    let service = soon(Service::start_with(settings)).await;
    let client = &service.client;
    let (status, health) = client.get("/healthz").await;
    assert_eq!((status, &health["store"]), (200, &json!("supabase")), "{health}");
    let (status, ready) = client.get("/readyz").await;
    assert_eq!((status, &ready["store"]), (503, &json!("away")), "{ready}");
    let said = json!({"text": "Hello", "call_id": "a", "wait": true});
    let (status, body) = client.post("/ai/say", said).await;
    assert_eq!((status, body["code"].as_str()), (503, Some("store_unavailable")), "{body}");
    service.stop().await;
}
