use std::net::SocketAddr;

use super::*;
use crate::rehearsal::{Rehearsal, RehearsalOptions};
use crate::session::admission::Pauses;

const LIMIT: Duration = Duration::from_secs(10);

fn ask() -> Ask {
    Ask { deadline: Instant::now() + LIMIT, again: false, pauses: Pauses::default() }
}

async fn model() -> (Rehearsal, Endpoint) {
    let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
    let model = Rehearsal::start(loopback, RehearsalOptions::default()).await.unwrap();
    let endpoint = Endpoint::new(&model.url(), "good", None, LIMIT).unwrap();
    (model, endpoint)
}

/// An endpoint where nobody listens.
async fn nowhere() -> Endpoint {
    let (model, endpoint) = model().await;
    model.stop().await;
    endpoint
}

#[tokio::test]
async fn an_endpoint_out_of_reach_is_left_for_the_other_which_tells_its_model() {
    let (_model, good) = model().await;
    let provider = Provider::new(nowhere().await.known_as("bad"), Some(good), 100);
    let mut asked = ask();
    let not_opened = provider.connect(asked).await.map(|_| ()).unwrap_err();
    let NotOpened::Failed { role: Role::Primary, failure } = not_opened else { panic!("{not_opened:?}") };
    assert_eq!(failure.failure, Failure::Unreachable);
    asked.pauses.pause(Role::Primary, Instant::now() + LIMIT);
    let (_stream, lease) = provider.connect(asked).await.unwrap();
    assert_eq!((lease.role(), &*lease.model()), (Role::Fallback, "good"));
    assert_eq!((&*provider.model(), provider.is_away()), ("bad", false));
}

#[tokio::test]
async fn a_refusal_is_remembered_for_all_and_told_at_once() {
    let (_model, endpoint) = model().await;
    let provider = Provider::from(endpoint);
    let (_stream, mut lease) = provider.connect(ask()).await.unwrap();
    lease.succeeded();
    lease.failed(Failure::Refused, "insufficient_quota");
    let refused = provider.connect(ask()).await.map(|_| ()).unwrap_err();
    assert_eq!(refused, NotOpened::Refused { code: "insufficient_quota".to_owned() });
    assert_eq!(provider.refusal().as_deref(), Some("insufficient_quota"));
    assert!(provider.is_away());
}

#[tokio::test]
async fn whoever_leaves_makes_room_for_the_next() {
    let (_model, endpoint) = model().await;
    let provider = Provider::new(endpoint, None, 1);
    let again = Ask { again: true, ..ask() };
    let first = provider.connect(again).await.unwrap();
    // The next may come in a second or so, and leaves before.
    let impatient = tokio::time::timeout(Duration::ZERO, provider.connect(again)).await;
    assert!(impatient.is_err());
    assert_eq!(provider.shared.state.lock().unwrap().admission.waiting(), 0);
    assert!(provider.shared.state.lock().unwrap().doors.is_empty());
    drop(first);
    let deadline = Instant::now() + Duration::from_millis(1);
    let late = provider.connect(Ask { deadline, ..again }).await.map(|_| ()).unwrap_err();
    assert!(matches!(late, NotOpened::Late { .. }), "{late:?}");
}
