use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::extract::State;
use serde_json::json;
use tokio::net::TcpListener;
use url::Url;

use super::*;

fn schema(columns: &[(&str, &str)]) -> SchemaReport {
    let columns: Vec<_> = columns.iter().map(|(name, kind)| json!({"name": name, "type": kind})).collect();
    let relation = |columns: &[Value]| json!({"kind": "table", "row_security": true, "columns": columns});
    let told = json!({
        "version": "1",
        "pgvector": true,
        "relations": {
            "dishes": relation(&columns), "businesses": relation(&[]), "call_events": relation(&[]),
            "orders": relation(&[]), "Mine": relation(&[]),
        },
    });
    serde_json::from_value(told).unwrap()
}

#[test]
fn columns_are_read_by_their_types() {
    for (written, kind) in [
        ("text", Kind::Text),
        ("character varying(80)", Kind::Text),
        ("character varying", Kind::Text),
        ("character(3)", Kind::Text),
        ("citext", Kind::Text),
        ("text[]", Kind::Other),
        ("numeric", Kind::Decimal),
        ("numeric(10,2)", Kind::Decimal),
        ("numeric(10,2)[]", Kind::Other),
        ("json", Kind::Json),
        ("jsonb", Kind::Json),
        ("timestamp with time zone", Kind::Moment),
        ("timestamp(3) with time zone", Kind::Moment),
        ("timestamp without time zone", Kind::Other),
        ("date", Kind::Other),
        ("integer", Kind::Other),
        ("boolean", Kind::Other),
        ("uuid", Kind::Other),
        ("vector(1536)", Kind::Other),
    ] {
        let shape = schema(&[("column", written)]).shape(&"dishes".parse().unwrap()).unwrap();
        assert_eq!(shape.columns, [("column".to_owned(), kind)], "{written}");
    }
}

#[test]
fn the_services_own_tables_are_closed_and_those_of_the_domain_open() {
    let schema = schema(&[]);
    assert!(schema.shape(&"orders".parse().unwrap()).is_ok());
    for closed in ["businesses", "call_events", "nothing"] {
        let error = schema.shape(&closed.parse().unwrap()).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("there is no table `{closed}` that tools may read; there are Mine, dishes, orders")
        );
    }
}

#[test]
fn moments_are_given_in_utc() {
    let shape = Shape {
        table: "dishes".parse().unwrap(),
        columns: vec![("at".into(), Kind::Moment), ("name".into(), Kind::Text)],
    };
    for (given, read) in [
        (json!("2026-03-01T12:30:00.25+02:00"), json!("2026-03-01T10:30:00.25Z")),
        (json!("2026-03-01T12:30:00+00:00"), json!("2026-03-01T12:30:00Z")),
        (json!("infinity"), json!("infinity")),
        (Value::Null, Value::Null),
    ] {
        let text = "2026-03-01T12:30:00+00:00";
        let row = json!({"at": given, "name": text}).as_object().unwrap().clone();
        assert_eq!(Value::Object(shape.read(row)), json!({"at": read, "name": text}));
    }
}

/// A database whose tables are dishes, and one more with each time it is asked.
async fn growing() -> (Rest, Arc<AtomicUsize>) {
    async fn tables(State(asked): State<Arc<AtomicUsize>>) -> axum::Json<Value> {
        let count = asked.fetch_add(1, Ordering::SeqCst) + 1;
        let table = json!({"kind": "table", "row_security": true, "columns": []});
        let tables = (0..count).map(|place| (format!("dishes_{place}"), table.clone()));
        let tables = Value::Object(tables.collect());
        axum::Json(json!({"version": "1", "pgvector": true, "relations": tables}))
    }
    let asked = Arc::new(AtomicUsize::new(0));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    let router = Router::new().fallback(tables).with_state(Arc::clone(&asked));
    tokio::spawn(axum::serve(listener, router).into_future());
    (Rest::new(&url, &"key".into()).unwrap(), asked)
}

#[tokio::test]
async fn the_database_is_asked_again_when_something_is_unknown_but_not_for_ever() {
    let (rest, asked) = growing().await;
    let schemas = Schemas::default();
    let shape = async |name: &str| {
        let table: Table = name.parse().unwrap();
        schemas.with(&rest, |schema| schema.shape(&table)).await
    };
    shape("dishes_0").await.unwrap();
    shape("dishes_0").await.unwrap();
    assert!(shape("dishes_1").await.is_err(), "it was asked a moment ago");
    assert_eq!(asked.load(Ordering::SeqCst), 1);

    schemas.age(ASK_AGAIN_AFTER).await;
    shape("dishes_0").await.unwrap();
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    shape("dishes_1").await.unwrap();
    assert_eq!(asked.load(Ordering::SeqCst), 2);

    schemas.age(KEEP_LIMIT).await;
    shape("dishes_0").await.unwrap();
    schemas.forget().await;
    shape("dishes_0").await.unwrap();
    assert_eq!(asked.load(Ordering::SeqCst), 4);
}

impl Schemas {
    /// Lets time pass.
    async fn age(&self, by: Duration) {
        let mut known = self.0.lock().await;
        let known = known.as_mut().unwrap();
        known.since = known.since.checked_sub(by).unwrap();
    }
}
