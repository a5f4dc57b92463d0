//! A database elsewhere that is slow, or does not answer at all.

use std::time::Duration;

use axum::Json;
use serde_json::json;
use tokio::sync::watch;
use tokio::time::Instant;

use super::*;
use crate::id::CallId;

const VOICE: &str = "/api/twilio/voice";
const RESUME: &str = "/api/twilio/resume";
/// Much longer than an answer takes, and much shorter than anybody waits for a database.
const AT_ONCE: Duration = Duration::from_millis(500);

/// A stand-in for PostgREST that knows one business, and answers while it is let.
struct Database {
    url: String,
    answers: watch::Sender<bool>,
}

impl Database {
    async fn that_hangs() -> Self {
        let (answers, may_answer) = watch::channel(false);
        let serve = move || {
            let mut may_answer = may_answer.clone();
            async move {
                drop(may_answer.wait_for(|may| *may).await);
                Json(json!([{
                    "id": "harbour", "name": "Harbour Bar", "phone_number": OURS, "country": "MT", "currency": null,
                    "language": null, "configurations": [{"key": "default_persona", "value": "cfo"}],
                }]))
            }
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, Router::new().fallback(serve)).await });
        Self { url, answers }
    }

    async fn house(&self) -> House {
        let mut settings = SIGNED.to_vec();
        settings.extend([
            ("SUPABASE_URL", self.url.as_str()),
            ("SUPABASE_SERVICE_ROLE_KEY", "0123456789abcdef0123"),
        ]);
        House::with(&settings).await
    }
}

async fn at_once(house: &House, path: &str, form: &[(&str, &str)]) -> String {
    let before = Instant::now();
    let (status, _, twiml) = house.post(path, form).await;
    assert!(before.elapsed() < AT_ONCE, "{:?}", before.elapsed());
    assert_eq!(status, 200, "{twiml}");
    twiml
}

#[tokio::test]
async fn a_caller_is_answered_at_once_while_the_database_hangs_and_learns_later_whose_they_are() {
    let database = Database::that_hangs().await;
    let house = database.house().await;
    let (one, two) = (sid(1), sid(2));
    let twiml = at_once(&house, VOICE, &incoming(&one, &[])).await;
    assert!(twiml.contains("<Stream ") && !twiml.contains("business_id"), "{twiml}");
    let id: CallId = one.parse().unwrap();
    let call = house.switchboard.live(&id).unwrap();
    assert_eq!(call.snapshot().business_id, None);

    database.answers.send_replace(true);
    let mut watch = call.watch();
    let known = watch.wait_for(|call| call.business_id.is_some() && call.persona == "cfo".into());
    let known = tokio::time::timeout(DEADLINE, known).await.expect("it never learned whose it is").unwrap();
    assert_eq!(known.business_id, Some("harbour".into()));
    drop(known);
    let started = house.store.events_after(&id, 0, 1).await.unwrap();
    assert!(started[0].body.contains(r#""business_id":"harbour""#), "{}", started[0].body);

    database.answers.send_replace(false);
    let twiml = at_once(&house, VOICE, &incoming(&two, &[])).await;
    assert!(twiml.contains(r#"value="harbour""#), "what is known is not asked again: {twiml}");
    at_once(&house, RESUME, &incoming(&two, &[("CallStatus", "in-progress")])).await;
}
