//! What our store asks of PostgREST is what Supabase's own clients ask, and is answered with the same rows.

mod canonical;
mod questions;
mod recorder;

use ai_realtime::store::{Embedded, Store, Supabase};
use serde_json::{Value, json};
use tokio::process::Command;

use self::canonical::Asked;
use self::questions::Question;
use self::recorder::Recorder;
use crate::bench::{ask, script};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgREST and Supabase's Python client: make test-services"]
async fn the_python_client_asks_the_same_and_is_told_the_same() {
    hold_beside(script("postgrest_client.py")).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgREST and Supabase's JavaScript client: make test-services"]
async fn the_javascript_client_asks_the_same_and_is_told_the_same() {
    let mut node = Command::new("node");
    node.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/peers/node/postgrest_client.cjs"));
    node.kill_on_drop(true);
    hold_beside(node).await;
}

/// Asks everything with our store, then with the client.
async fn hold_beside(client: Command) {
    // Another test of this process may have installed it.
    drop(rustls::crypto::ring::default_provider().install_default());
    let key = variable("STAND_SERVICE_ROLE_KEY");
    let recorder = Recorder::before(variable("STAND_SUPABASE_URL")).await;
    let questions = questions::all();

    let folder = tempfile::tempdir().unwrap();
    let local = Embedded::open(folder.path()).await.unwrap();
    let url = recorder.url().parse().unwrap();
    let store = Store::Supabase(Supabase::new(&url, &key.as_str().into(), local).unwrap());
    let mut ours = Vec::new();
    for question in &questions {
        ours.push(Value::from(store.select(question.select.clone()).await.unwrap()));
    }
    let we_asked = recorder.take();

    let told: Vec<_> = questions.iter().map(Question::for_clients).collect();
    let task = json!({"url": recorder.url(), "key": key, "questions": told});
    let theirs = ask(client, &task).await;
    let they_asked = recorder.take();

    assert_eq!((we_asked.len(), they_asked.len()), (questions.len(), questions.len()));
    let mut found_some = 0;
    for (place, question) in questions.iter().enumerate() {
        assert_eq!(ours[place], theirs[place], "{}", question.what);
        found_some += usize::from(ours[place] != json!([]));
        if question.same_words {
            assert_eq!(Asked::read(&we_asked[place]), Asked::read(&they_asked[place]), "{}", question.what);
        }
    }
    assert!(found_some >= 12, "only {found_some} questions found anything");
}

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: `make test-services` runs this test"))
}
