//! The phone's doors in this process: a real switchboard on the rehearsal model, requests signed as Twilio signs them.

mod calls;
mod database;
mod messages;
mod placing;
mod signatures;
mod streams;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use serde_json::Value;
use tempfile::TempDir;
use tower::ServiceExt;

use crate::call::writer::JournalWriter;
use crate::call::{CallDependencies, CallLimits, PhoneDesk};
use crate::config::{Config, SupabaseSettings};
use crate::edge::{EdgeSettings, EdgeState, Origins, Phone, router};
use crate::persona::{Catalog, Library};
use crate::protocol::twilio::signature::{SIGNATURE_HEADER, sign_form};
use crate::rehearsal::{Rehearsal, RehearsalOptions};
use crate::session::{Endpoint, Provider};
use crate::store::{Directory, Embedded, Store, Supabase};
use crate::switchboard::Switchboard;
use crate::telemetry::Figures;

const DEADLINE: Duration = Duration::from_secs(20);
const TOKEN: &str = "12345678901234567890123456789012";
const ACCOUNT: &str = "AC0123456789abcdef0123456789abcdef";
const PUBLIC: &str = "https://voice.example.com";
/// The number of the demo business in Valletta.
const OURS: &str = "+35670000001";
const SIGNED: [(&str, &str); 3] =
    [("TWILIO_AUTH_TOKEN", TOKEN), ("TWILIO_ACCOUNT_SID", ACCOUNT), ("PUBLIC_URL", PUBLIC)];

/// An answer: its status, its content type, its body.
type Answer = (u16, String, String);

struct House {
    router: Router,
    switchboard: Switchboard,
    store: Store,
    /// `None`: it cannot be reached.
    model: Option<Rehearsal>,
    home: TempDir,
}

impl House {
    async fn with(settings: &[(&str, &str)]) -> Self {
        let find = |name: &str| settings.iter().find(|(known, _)| *known == name);
        let config = Config::load(|name| find(name).map(|(_, value)| (*value).to_owned())).unwrap();
        let phone = Phone::new(&config.phone, "127.0.0.1:7070".parse().unwrap()).unwrap();
        let home = tempfile::tempdir().unwrap();
        let local = Embedded::open(home.path()).await.unwrap();
        let store = match &config.database.supabase {
            Some(SupabaseSettings { url, key }) => Store::Supabase(Supabase::new(url, key, local).unwrap()),
            None => Store::Embedded(local),
        };
        let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
        let model = Rehearsal::start(loopback, RehearsalOptions::default()).await.unwrap();
        let library = Library::fixed(Catalog::load(Path::new("personas")).unwrap());
        let directory = Directory::new(store.clone(), config.default_business.clone());
        let provider: Provider =
            Endpoint::new(&model.url(), "gpt-realtime-2.1", None, DEADLINE).unwrap().into();
        let dependencies = CallDependencies {
            browser: Default::default(),
            realtime: Default::default(),
            store: store.clone(),
            directory: directory.clone(),
            knowledge: crate::knowledge::Knowledge::new(store.clone(), None),
            library: library.clone(),
            provider: provider.clone(),
            journal: JournalWriter::start(store.clone()).0,
            limits: CallLimits {
                turn: DEADLINE,
                idle: DEADLINE,
                session: crate::session::SessionLimits::default(),
            },
            default_persona: "waiter".into(),
            node: "test".into(),
            replies: None,
            phone: Arc::new(PhoneDesk {
                transfer_number: config.phone.transfer_number.clone(),
                api: phone.api.clone(),
                ..PhoneDesk::new(phone.script.clone())
            }),
        };
        let switchboard = Switchboard::start(dependencies, config.max_calls).await.unwrap();
        let kept = store.clone();
        let state = EdgeState {
            provider,
            knowledge: crate::knowledge::Knowledge::new(store.clone(), None),
            switchboard: switchboard.clone(),
            library,
            store,
            directory,
            figures: Figures::detached().unwrap(),
            prices: crate::usage::prices::Prices::default(),
            phone,
            origins: Origins::new(&config, "127.0.0.1:7070".parse().unwrap()),
            settings: EdgeSettings::from(&config),
        };
        Self { router: router(state), switchboard, store: kept, model: Some(model), home }
    }

    async fn signed() -> Self {
        Self::with(&SIGNED).await
    }

    /// Lets every look-up of a business fail.
    fn break_store(&self) {
        let file = self.home.path().join("ai-realtime.db");
        rusqlite::Connection::open(file).unwrap().execute_batch("DROP TABLE businesses").unwrap();
    }

    /// Posts a form as Twilio does.
    async fn post(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        let pairs: Vec<_> = form.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        let signature = sign_form(&format!("{PUBLIC}{path}"), &pairs, &TOKEN.into());
        self.post_with(path, form, &[(SIGNATURE_HEADER, &signature)]).await
    }

    /// Posts a form with these headers.
    async fn post_with(&self, path: &str, form: &[(&str, &str)], headers: &[(&str, &str)]) -> Answer {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let mut request = Request::post(path).header("content-type", "application/x-www-form-urlencoded");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(body.into()).unwrap()).await
    }

    async fn post_json(&self, path: &str, headers: &[(&str, &str)], body: &Value) -> (u16, Value) {
        let mut request = Request::post(path).header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (status, _, body) = self.send(request.body(body.to_string().into()).unwrap()).await;
        (status, serde_json::from_str(&body).unwrap())
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        let answer = tokio::time::timeout(DEADLINE, self.router.clone().oneshot(request));
        let response = answer.await.expect("it was not answered in time").unwrap();
        let status = response.status().as_u16();
        let kind = response.headers().get("content-type");
        let kind = kind.map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default();
        let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
        (status, kind, String::from_utf8(body.to_vec()).unwrap())
    }
}

fn sid(number: u32) -> String {
    format!("CA{number:032x}")
}

/// What Twilio says of a call that comes in.
fn incoming<'a>(sid: &'a str, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut form = vec![
        ("CallSid", sid),
        ("AccountSid", ACCOUNT),
        ("From", "+35699123456"),
        ("To", OURS),
        ("Direction", "inbound"),
        ("CallStatus", "ringing"),
    ];
    for (name, value) in more {
        form.retain(|(known, _)| known != name);
        form.push((name, value));
    }
    form
}

/// The pass in an answer's TwiML.
fn token(twiml: &str) -> String {
    let after = twiml.split(r#"name="call_token" value=""#).nth(1).expect(twiml);
    after.split('"').next().unwrap().to_owned()
}

/// The sockets' side of the house, on a port.
async fn listening(house: &House) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = house.router.clone();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

/// What a stand-in for Twilio's REST API was asked: path and body.
type Asked = Arc<std::sync::Mutex<Vec<(String, String)>>>;

/// A stand-in for Twilio's REST API, which takes everything.
async fn rest() -> (String, Asked) {
    let asked = Asked::default();
    let seen = Arc::clone(&asked);
    let take = move |request: Request<Body>| {
        let seen = Arc::clone(&seen);
        async move {
            let path = request.uri().path().to_owned();
            let body = to_bytes(request.into_body(), 1 << 20).await.unwrap();
            let mut seen = seen.lock().unwrap();
            seen.push((path, String::from_utf8(body.to_vec()).unwrap()));
            let sid = sid(u32::try_from(seen.len()).unwrap());
            (axum::http::StatusCode::CREATED, format!("{{\"sid\":\"{sid}\",\"status\":\"queued\"}}"))
        }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().fallback(take);
    tokio::spawn(async move { axum::serve(listener, router).await });
    (base, asked)
}
