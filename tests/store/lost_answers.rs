//! The database does what it was asked, and its answer never comes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use ai_realtime::id::CallId;
use ai_realtime::knowledge::Knowledge;
use ai_realtime::store::{Change, Effect, EffectKey, Embedded, Select, Store, Supabase, Tenant, Test};
use ai_realtime::tool::{ToolContext, ToolOutcome, ToolStatus, Toolbox};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::contract::subject::{Item, Subject};
use crate::stand::Stand;

#[tokio::test]
#[ignore = "needs PostgREST"]
async fn an_effect_whose_answers_were_lost_is_found_done_and_not_done_again() {
    drop(rustls::crypto::ring::default_provider().install_default());
    let stand = Stand::find();
    let way = Way::to(&stand).await;
    let folder = tempfile::tempdir().unwrap();
    let local = Embedded::open(folder.path()).await.unwrap();
    let url = way.url.parse().unwrap();
    let store = Store::Supabase(Supabase::new(&url, &stand.service_role_key.as_str().into(), local).unwrap());
    let business = format!("business-{}", uuid::Uuid::now_v7());

    let record = store.intend(booking(&business)).await.unwrap();
    way.loses.store(true, Ordering::SeqCst);
    let error = store.apply(record.clone()).await.unwrap_err();
    assert!(error.is_passing(), "nobody knows: {error:?}");
    assert!(way.lost.load(Ordering::SeqCst) > 1, "it was tried more than once");
    assert_eq!(store.effect(&record.effect.key).await.unwrap().unwrap().done, None);

    way.loses.store(false, Ordering::SeqCst);
    let done = store.apply(record).await.unwrap().done.unwrap().0;
    let rows = store.select(bookings(&business)).await.unwrap();
    assert_eq!(json!(rows), json!([{"id": done["booking"]["id"]}]));
}

/// What is refused now may have been done before, and is then told as it was done.
#[tokio::test]
#[ignore = "needs PostgREST"]
async fn an_order_whose_answer_was_lost_keeps_its_number_though_the_key_is_refused_meanwhile() {
    let (stand, subject) = (Stand::find(), Subject::supabase().await);
    subject.put(&[Item::named("stew", "Goat stew")]).await;
    let way = Way::to(&stand).await;
    let folder = tempfile::tempdir().unwrap();
    let local = Embedded::open(folder.path()).await.unwrap();
    let store = |key: &str| {
        let url = way.url.parse().unwrap();
        Store::Supabase(Supabase::new(&url, &key.into(), local.clone()).unwrap())
    };
    let business = subject.business.as_str();

    way.loses.store(true, Ordering::SeqCst);
    let outcome = order(store(&stand.service_role_key), business).await;
    assert!(outcome.output.contains("not known"), "{}", outcome.output);
    way.loses.store(false, Ordering::SeqCst);
    let outcome = order(store(&stand.anon_key), business).await;
    assert!(outcome.output.contains("not known"), "it may have been done: {}", outcome.output);
    let outcome = order(store(&stand.service_role_key), business).await;
    assert_eq!(outcome.status, ToolStatus::Ok, "{}", outcome.output);
    let told: Value = serde_json::from_str(&outcome.output).unwrap();
    let select = Select {
        from: "orders".parse().unwrap(),
        columns: vec!["number".parse().unwrap()],
        ..bookings(business)
    };
    let rows = subject.store.select(select).await.unwrap();
    assert_eq!(json!(rows), json!([{"number": told["number"]}]));
}

async fn order(store: Store, business: &str) -> ToolOutcome {
    let context = ToolContext {
        call_id: CallId::default_call(),
        began: 1,
        tenant: Tenant::Of(business.into()),
        knowledge: Knowledge::new(store.clone(), None),
        store,
    };
    let arguments = json!({"items": [{"item": "goat stew", "quantity": 2}], "table": "5"}).to_string();
    Toolbox::builtin().unwrap().run("place_order", &arguments, context).await
}

/// A way to the project that may lose the answers to what tools write: the request arrives, and the connection ends.
struct Way {
    url: String,
    loses: Arc<AtomicBool>,
    lost: Arc<AtomicUsize>,
}

impl Way {
    async fn to(stand: &Stand) -> Self {
        let project = stand.supabase_url.trim_start_matches("http://").trim_end_matches('/').to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (loses, lost) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let way = Self { url, loses: Arc::clone(&loses), lost: Arc::clone(&lost) };
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let far = TcpStream::connect(&project).await.unwrap();
                tokio::spawn(carry(near, far, Arc::clone(&loses), Arc::clone(&lost)));
            }
        });
        way
    }
}

async fn carry(near: TcpStream, far: TcpStream, loses: Arc<AtomicBool>, lost: Arc<AtomicUsize>) {
    let (mut from_near, mut to_near) = near.into_split();
    let (mut from_far, mut to_far) = far.into_split();
    let writes = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&writes);
    let there = tokio::spawn(async move {
        let mut request = vec![0; 64 << 10];
        while let Ok(length @ 1..) = from_near.read(&mut request).await {
            let head = String::from_utf8_lossy(&request[..length]);
            if head.starts_with("GET ") || head.starts_with("POST ") {
                asked.store(head.contains("/rpc/ai_realtime_apply_effect"), Ordering::SeqCst);
            }
            if to_far.write_all(&request[..length]).await.is_err() {
                return;
            }
        }
    });
    let mut answer = vec![0; 64 << 10];
    while let Ok(length @ 1..) = from_far.read(&mut answer).await {
        if loses.load(Ordering::SeqCst) && writes.load(Ordering::SeqCst) {
            lost.fetch_add(1, Ordering::SeqCst);
            break;
        }
        if to_near.write_all(&answer[..length]).await.is_err() {
            break;
        }
    }
    there.abort();
}

fn booking(business: &str) -> Effect {
    let row = json!({"guest_name": "Aline", "party_size": 2, "booking_date": "2030-12-24", "booking_time": "19:30"});
    let change = Change::Insert {
        table: "table_bookings".parse().unwrap(),
        tenant: true,
        row: serde_json::from_value(row).unwrap(),
        returning: vec!["id".parse().unwrap()],
    };
    let call_id = CallId::default_call();
    let arguments = json!({"business": business});
    Effect {
        key: EffectKey::of(&call_id, 1, "book_table", arguments.as_object().unwrap()),
        call_id,
        tool: "book_table".to_owned(),
        business_id: Some(business.into()),
        changes: vec![change],
        output: json!({"done": true}).as_object().unwrap().clone(),
        row_as: Some("booking".to_owned()),
    }
}

fn bookings(business: &str) -> Select {
    Select {
        from: "table_bookings".parse().unwrap(),
        tenant: Tenant::Of(business.into()),
        columns: vec!["id".parse().unwrap()],
        all: Vec::<(_, Test)>::new(),
        any: Vec::new(),
        order: Vec::new(),
        limit: 10,
    }
}
