//! The way to PostgREST, against a server on loopback that does as it is told.

use std::collections::{HashSet, VecDeque};
use std::net::SocketAddr;
use std::sync::Mutex;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, State};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use tokio::net::TcpListener;

use super::*;
use crate::store::{MAX_RESULT_BYTES, Row};

const KEY: &str = "eyJhbGciOiJIUzI1NiJ9.the-secret.c2ln";
const JSON: &str = "application/json; charset=utf-8";

/// What the server does with the next request.
#[derive(Clone)]
enum Does {
    Answers(u16, &'static str, &'static str),
    /// So many bytes of JSON, of which nobody is told in advance.
    Pours(usize),
    /// Takes the request and closes the connection.
    Drops,
    Hangs,
}

struct Asked {
    from: SocketAddr,
    method: String,
    uri: Uri,
    headers: axum::http::HeaderMap,
    body: String,
}

#[derive(Default)]
struct Script {
    does: VecDeque<Does>,
    asked: Vec<Asked>,
}

struct Project {
    script: Arc<Mutex<Script>>,
    url: Url,
    rest: Rest,
}

impl Project {
    async fn that(does: &[Does]) -> Self {
        Self::with_key(KEY, does).await
    }

    async fn with_key(key: &str, does: &[Does]) -> Self {
        let script = Script { does: does.iter().cloned().collect(), asked: Vec::new() };
        let script = Arc::new(Mutex::new(script));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
        let router = Router::new().fallback(answer).with_state(Arc::clone(&script));
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(axum::serve(listener, service).into_future());
        let rest = Rest::new(&url, &key.into()).unwrap();
        Self { script, url, rest }
    }

    fn within(mut self, request_ms: u64, operation_ms: u64) -> Self {
        let ms = Duration::from_millis;
        self.rest = Rest::within(&self.url, &KEY.into(), ms(request_ms), ms(operation_ms)).unwrap();
        self
    }

    async fn read(&self) -> Result<Vec<Row>, StoreError> {
        self.rest.rows(self.rest.from("dishes").select("id").eq("name", "a, \"b\" & 100%")).await
    }

    async fn insert(&self, repeat: Repeat) -> Result<Vec<Row>, StoreError> {
        let rows = json!([{"id": "x"}]).to_string();
        self.rest.write(self.rest.from("dishes").insert(rows), Prefer::Rows, repeat).await
    }

    fn asked<T>(&self, of: impl Fn(&Asked) -> T) -> Vec<T> {
        self.script.lock().unwrap().asked.iter().map(of).collect()
    }

    fn times_asked(&self) -> usize {
        self.asked(|_| ()).len()
    }
}

async fn answer(
    State(script): State<Arc<Mutex<Script>>>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    headers: axum::http::HeaderMap,
    method: axum::http::Method,
    uri: Uri,
    body: Bytes,
) -> Response {
    let does = {
        let mut script = script.lock().unwrap();
        let body = String::from_utf8(body.to_vec()).unwrap();
        script.asked.push(Asked { from, method: method.to_string(), uri, headers, body });
        script.does.pop_front().unwrap_or(Does::Hangs)
    };
    match does {
        Does::Answers(status, kind, body) => {
            (StatusCode::from_u16(status).unwrap(), [("content-type", kind)], body).into_response()
        }
        Does::Pours(size) => {
            let pieces = (0..size / 1000).map(|_| Ok::<_, std::io::Error>("x".repeat(1000)));
            let body = Body::from_stream(futures_util::stream::iter(pieces));
            ([("content-type", JSON)], body).into_response()
        }
        Does::Drops => {
            let broken = futures_util::stream::iter([Err::<Bytes, _>(std::io::Error::other("gone"))]);
            Body::from_stream(broken).into_response()
        }
        Does::Hangs => std::future::pending().await,
    }
}

fn told(error: &StoreError) -> String {
    let source = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    format!("{error}: {source}")
}

const ROWS: Does = Does::Answers(200, JSON, r#"[{"id": "x"}]"#);
const BUSY: Does = Does::Answers(503, JSON, r#"{"code": "PGRST003", "message": "no connection is free"}"#);

#[tokio::test]
async fn a_value_reaches_the_database_as_it_is() {
    let project = Project::that(&[ROWS]).await;
    assert_eq!(project.read().await.unwrap()[0]["id"], "x");
    let query = project.asked(|asked| asked.uri.query().unwrap().to_owned()).remove(0);
    let pairs: Vec<_> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    assert_eq!(pairs[1], ("name".to_owned(), "eq.a, \"b\" & 100%".to_owned()));
    assert_eq!(project.asked(|asked| asked.uri.path().to_owned()), ["/rest/v1/dishes"]);
}

#[tokio::test]
async fn what_passes_is_tried_again_where_it_does_no_harm() {
    let gone = Does::Answers(502, "text/html", "<html>bad gateway</html>");
    let project = Project::that(&[BUSY, gone, ROWS]).await;
    assert_eq!(project.read().await.unwrap().len(), 1);
    let project = Project::that(&[Does::Drops, BUSY, ROWS]).await;
    assert_eq!(project.insert(Repeat::Safe).await.unwrap().len(), 1);
    assert_eq!(project.times_asked(), 3);

    let project = Project::that(&[BUSY, BUSY, BUSY, ROWS]).await;
    assert!(matches!(project.read().await.unwrap_err(), StoreError::Away(_)));
    assert_eq!(project.times_asked(), 3, "tries have an end");
}

#[tokio::test]
async fn a_write_that_would_be_done_twice_is_sent_once() {
    for first in [BUSY, Does::Drops] {
        let project = Project::that(&[first, ROWS]).await;
        let error = project.insert(Repeat::Never).await.unwrap_err();
        assert!(matches!(error, StoreError::Away(_)), "{error:?}");
        assert_eq!(project.times_asked(), 1);
    }
}

#[tokio::test]
async fn what_is_refused_for_good_is_not_tried_again() {
    let refused = Does::Answers(400, JSON, r#"{"code": "22P02", "message": "no date: \"March\""}"#);
    let project = Project::that(&[refused, ROWS]).await;
    assert!(matches!(project.read().await.unwrap_err(), StoreError::Unfit { .. }));
    assert_eq!(project.times_asked(), 1);
}

#[tokio::test]
async fn nobody_waits_for_ever() {
    let project = Project::that(&[]).await.within(40, 5000);
    let error = project.read().await.unwrap_err();
    assert!(matches!(error, StoreError::Away(_)), "{error:?}");
    assert_eq!(project.times_asked(), 3);
    let project = Project::that(&[]).await.within(5000, 60);
    let error = project.read().await.unwrap_err();
    assert!(matches!(error, StoreError::Timeout { limit_ms: 60 }), "{error:?}");
}

#[tokio::test]
async fn connections_are_used_again() {
    let project = Project::that(&[ROWS, BUSY, ROWS, ROWS]).await;
    project.read().await.unwrap();
    project.read().await.unwrap();
    project.insert(Repeat::Never).await.unwrap();
    let connections: HashSet<_> = project.asked(|asked| asked.from).into_iter().collect();
    assert_eq!(connections.len(), 1);
}

#[tokio::test]
async fn an_answer_beyond_all_measure_is_not_held() {
    let project = Project::that(&[Does::Pours(MAX_RESULT_BYTES + 2000)]).await;
    let error = told(&project.read().await.unwrap_err());
    assert!(error.ends_with("ask for fewer rows or columns"), "{error}");
}

#[tokio::test]
async fn an_empty_answer_is_no_rows_and_null() {
    let nothing = Does::Answers(204, "text/plain", "");
    let project = Project::that(&[nothing.clone(), Does::Answers(201, JSON, ""), nothing]).await;
    assert!(project.insert(Repeat::Never).await.unwrap().is_empty());
    assert!(project.insert(Repeat::Never).await.unwrap().is_empty());
    let value: Option<u32> = project.rest.call("count", &json!({}), Repeat::Safe).await.unwrap();
    assert_eq!(value, None);
}

#[tokio::test]
async fn writes_say_what_becomes_of_rows_that_are_there() {
    let project = Project::that(&[ROWS, ROWS, ROWS, ROWS]).await;
    for prefer in [Prefer::Rows, Prefer::Ignore, Prefer::Merge] {
        let request = project.rest.from("dishes").upsert("[]");
        project.rest.write::<Row>(request, prefer, Repeat::Safe).await.unwrap();
    }
    let preferred = project.asked(|asked| {
        let all: Vec<_> =
            asked.headers.get_all("prefer").iter().map(|value| value.to_str().unwrap()).collect();
        all.join("; ")
    });
    let wanted = [
        "return=representation",
        "return=minimal,resolution=ignore-duplicates",
        "return=representation,resolution=merge-duplicates",
    ];
    assert_eq!(preferred, wanted);
}

#[tokio::test]
async fn a_function_is_called_with_its_arguments() {
    let project = Project::that(&[Does::Answers(200, JSON, "42")]).await;
    let answer: u32 = project.rest.call("count", &json!({"of": "x"}), Repeat::Safe).await.unwrap();
    assert_eq!(answer, 42);
    let asked = project.asked(|asked| (asked.method.clone(), asked.uri.to_string(), asked.body.clone()));
    assert_eq!(asked, [("POST".to_owned(), "/rest/v1/rpc/count".to_owned(), r#"{"of":"x"}"#.to_owned())]);
}

#[tokio::test]
async fn no_change_reaches_every_row() {
    let project = Project::that(&[ROWS]).await;
    let update = project.rest.from("dishes").update("{}").select("id");
    for request in [update, project.rest.from("dishes").delete()] {
        let error = project.rest.write::<Row>(request, Prefer::Rows, Repeat::Safe).await.unwrap_err();
        assert!(matches!(error, StoreError::Query(_)), "{error:?}");
    }
    assert_eq!(project.times_asked(), 0);
    let request = project.rest.from("dishes").delete().eq("id", "x");
    project.rest.write::<Row>(request, Prefer::Rows, Repeat::Safe).await.unwrap();
}

#[tokio::test]
async fn what_no_gateway_takes_is_refused_as_the_values_fault() {
    let project = Project::that(&[]).await;
    for value in ["x".repeat(8000), "é".repeat(2000), "x".repeat(1 << 20)] {
        let request = project.rest.from("dishes").select("id").eq("name", value);
        let error = project.rest.rows::<Row>(request).await.unwrap_err();
        assert!(matches!(&error, StoreError::Unfit { code, .. } if code == "too_long"), "{error:?}");
    }
    assert_eq!(project.times_asked(), 0);
}

#[tokio::test]
async fn each_kind_of_key_is_shown_where_it_belongs() {
    for (key, authorization) in [(KEY, Some(format!("Bearer {KEY}"))), ("sb_secret_0123456789", None)] {
        let project = Project::with_key(key, &[ROWS]).await;
        project.read().await.unwrap();
        let shown = project.asked(|asked| {
            let header = |name| asked.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
            (header("apikey"), header("authorization"))
        });
        assert_eq!(shown, [(Some(key.to_owned()), authorization)]);
    }
}

#[tokio::test]
async fn neither_the_key_nor_a_value_is_told() {
    let refused = Does::Answers(401, JSON, r#"{"message": "Invalid API key"}"#);
    let quoted = Does::Answers(
        400,
        JSON,
        r#"{"code": "PGRST100", "message": "failed to parse (name.eq.goat)", "details": "goat"}"#,
    );
    let garbage = Does::Answers(200, JSON, r#"["goat"]"#);
    let project =
        Project::that(&[refused, quoted, garbage, Does::Answers(200, JSON, "[{\"id\": goat")]).await;
    let mut errors = Vec::new();
    for _ in 0..4 {
        errors.push(project.read().await.unwrap_err());
    }
    let nobody = Rest::new(&Url::parse("http://127.0.0.1:1").unwrap(), &KEY.into()).unwrap();
    let request = nobody.from("dishes").eq("name", "goat");
    errors.push(nobody.write::<Row>(request, Prefer::Rows, Repeat::Never).await.unwrap_err());
    for error in errors {
        let told = format!("{} {error:?}", told(&error));
        assert!(!told.contains("the-secret") && !told.contains("goat"), "{told}");
    }
}

#[test]
fn a_key_that_cannot_be_shown_is_refused_without_telling_it() {
    let url = Url::parse("https://abc.supabase.co").unwrap();
    let error = Rest::new(&url, &"the-secret\nkey".into()).err().unwrap();
    assert!(told(&error).contains("SUPABASE_SERVICE_ROLE_KEY"), "{error:?}");
    assert!(!format!("{error:?}").contains("the-secret"));
}

#[tokio::test]
async fn an_answer_of_something_else_says_to_check_the_address() {
    let page = "<!doctype html><title>Sign in</title>";
    for does in [
        Does::Answers(200, "text/html; charset=utf-8", page),
        Does::Answers(404, "text/html", page),
        Does::Answers(302, "text/html", ""),
        Does::Answers(403, "text/html", page),
        Does::Answers(404, JSON, r#"{"message": "no Route matched with those values"}"#),
        Does::Answers(404, JSON, "<html>"),
    ] {
        let project = Project::that(&[does]).await;
        let error = project.read().await.unwrap_err();
        assert!(told(&error).contains("is not PostgREST's: check SUPABASE_URL"), "{error:?}");
        assert!(!error.is_passing());
    }
}
