//! Calls on a switchboard, with the rehearsal model behind them: what breaks in one of them, and what does not.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use ractor::ActorCell;
use tempfile::TempDir;

use super::*;
use crate::call::writer::JournalWriter;
use crate::call::{CallLimits, Direction, Part, PhoneDesk, PhoneOrder, PhoneStatus, Reply};
use crate::persona::{Catalog, Library};
use crate::rehearsal::{Rehearsal, RehearsalOptions};
use crate::session::Endpoint;
use crate::store::{BusinessProfile, Directory, Embedded, Store};
use crate::transport::twilio::script::Script;

const DEADLINE: Duration = Duration::from_secs(20);

struct House {
    switchboard: Switchboard,
    _model: Rehearsal,
    _home: TempDir,
}

async fn house(max_calls: u32) -> House {
    let home = tempfile::tempdir().unwrap();
    let store = Store::Embedded(Embedded::open(home.path()).await.unwrap());
    let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
    let model = Rehearsal::start(loopback, RehearsalOptions::default()).await.unwrap();
    let dependencies = CallDependencies {
        browser: Default::default(),
        realtime: Default::default(),
        store: store.clone(),
        directory: Directory::new(store.clone(), None),
        knowledge: crate::knowledge::Knowledge::new(store.clone(), None),
        library: Library::fixed(Catalog::load(Path::new("personas")).unwrap()),
        provider: Endpoint::new(&model.url(), "gpt-realtime-2.1", None, DEADLINE).unwrap().into(),
        journal: JournalWriter::start(store).0,
        limits: CallLimits {
            turn: DEADLINE,
            idle: DEADLINE,
            session: crate::session::SessionLimits::default(),
        },
        default_persona: "waiter".into(),
        node: "test".into(),
        replies: None,
        phone: PhoneDesk::new(Script::new(&"http://localhost".parse().unwrap())).into(),
    };
    let switchboard = Switchboard::start(dependencies, max_calls).await.unwrap();
    House { switchboard, _model: model, _home: home }
}

async fn call(house: &House, id: &str) -> CallHandle {
    house.switchboard.text_call(&id.parse().unwrap(), None).await.unwrap()
}

async fn say(call: &CallHandle, text: &str) -> Result<Reply, CallError> {
    let said = async {
        let taken = call.say(text.to_owned()).await?;
        taken.reply.await.unwrap()
    };
    tokio::time::timeout(DEADLINE, said).await.expect("it was not answered in time")
}

/// The parts of a call by what they are: line, persona, session, in the order they were started.
fn parts(call: &CallHandle) -> Vec<ActorCell> {
    let mut parts = call.actor().get_children();
    parts.sort_by_key(|part| part.get_id().pid());
    parts
}

async fn killed(part: &ActorCell) {
    part.kill();
    tokio::time::timeout(DEADLINE, part.wait(None)).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_session_that_dies_is_started_again_with_the_conversation() {
    let house = house(10).await;
    let (mine, other) = (call(&house, "mine").await, call(&house, "other").await);
    say(&mine, "What drinks do you have?").await.unwrap();
    say(&other, "Hello").await.unwrap();
    let [_, _, session] = &parts(&mine)[..] else { panic!("a call has three parts") };
    killed(session).await;
    let reply = say(&mine, "What drinks do you have?").await.unwrap();
    assert_eq!(reply.tools.len(), 1);
    assert_eq!(mine.snapshot().turns, 2);
    say(&other, "Hello").await.unwrap();
}

#[tokio::test]
async fn a_persona_that_dies_is_started_again() {
    let house = house(10).await;
    let mine = call(&house, "mine").await;
    say(&mine, "Hello").await.unwrap();
    killed(&parts(&mine)[1]).await;
    let reply = say(&mine, "What drinks do you have?").await.unwrap();
    assert_eq!(reply.tools[0].name, "lookup_menu");
    assert_eq!(mine.activate("cfo".into()).await, Ok("cfo".into()));
}

/// Lets the line fail, and waits until there is another, or the call is over.
async fn line_fails(call: &CallHandle) {
    let before: Vec<_> = parts(call).iter().map(ActorCell::get_id).collect();
    call.crash(Part::Line);
    let replaced = async {
        while parts(call).len() != before.len()
            || parts(call).iter().all(|part| before.contains(&part.get_id()))
        {
            if !call.is_live() {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, replaced).await.expect("the line did not fail");
}

#[tokio::test]
async fn a_line_that_fails_begins_again() {
    let house = house(10).await;
    let mine = call(&house, "mine").await;
    say(&mine, "Hello").await.unwrap();
    line_fails(&mine).await;
    say(&mine, "Hello").await.unwrap();
    assert_eq!(mine.snapshot().turns, 2);
}

#[tokio::test]
async fn a_call_whose_parts_fail_again_and_again_is_over_and_written_to_its_end() {
    let house = house(10).await;
    let mine = call(&house, "mine").await;
    say(&mine, "Hello").await.unwrap();
    for _ in 0..4 {
        line_fails(&mine).await;
    }
    let ended = async { mine.watch().wait_for(|call| call.state == CallState::Ended).await.map(|_| ()) };
    assert!(tokio::time::timeout(DEADLINE, ended).await.unwrap().is_ok());
    let found = house.switchboard.find(&"mine".parse().unwrap()).await.map(|_| ());
    assert_eq!(found, Err(SwitchboardError::UnknownCall("mine".parse().unwrap())));
}

#[tokio::test]
async fn a_call_that_panics_is_taken_up_from_its_journal() {
    let house = house(10).await;
    let mine = call(&house, "mine").await;
    mine.activate("cfo".into()).await.unwrap();
    let cell = mine.actor().get_cell();
    mine.crash(Part::Call);
    tokio::time::timeout(DEADLINE, cell.wait(None)).await.unwrap().unwrap();
    let again = house.switchboard.find(&"mine".parse().unwrap()).await.unwrap();
    assert_eq!(again.snapshot().persona, "cfo".into());
    assert!(say(&again, "Hello").await.is_ok());
}

#[tokio::test]
async fn a_call_that_is_killed_is_taken_up_from_its_journal() {
    let house = house(10).await;
    let mine = call(&house, "mine").await;
    mine.activate("cfo".into()).await.unwrap();
    let cell = mine.actor().get_cell();
    killed(&cell).await;
    let again = house.switchboard.find(&"mine".parse().unwrap()).await.unwrap();
    assert_eq!(again.snapshot().persona, "cfo".into());
    say(&again, "Hello").await.unwrap();
}

#[tokio::test]
async fn a_full_switchboard_refuses_the_next_call_and_has_room_when_one_ends() {
    let house = house(2).await;
    let (first, second) = (call(&house, "1").await, call(&house, "2").await);
    for talking in [&first, &second] {
        say(talking, "Hello").await.unwrap();
    }
    let third = "3".parse().unwrap();
    let refused = house.switchboard.text_call(&third, None).await.map(|_| ());
    assert_eq!(refused, Err(SwitchboardError::AtCapacity { limit: 2 }));
    first.hang_up().await.unwrap();
    tokio::time::timeout(DEADLINE, async {
        while house.switchboard.text_call(&third, None).await.is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn nobody_waits_for_ever_when_a_call_ends_under_them() {
    let house = house(10).await;
    let mine = call(&house, "mine").await;
    let waiting: Vec<_> = (0..5)
        .map(|_| {
            let mine = mine.clone();
            tokio::spawn(async move { say(&mine, "What drinks do you have?").await })
        })
        .collect();
    let swapping = tokio::spawn({
        let mine = mine.clone();
        async move { mine.activate("cfo".into()).await }
    });
    mine.hang_up().await.unwrap();
    for answered in waiting {
        // Whoever was quick has a reply.
        assert!(matches!(answered.await.unwrap(), Ok(_) | Err(CallError::Ended)));
    }
    assert!(matches!(swapping.await.unwrap(), Ok(_) | Err(CallError::Ended)));
    assert_eq!(say(&mine, "Hello").await.map(|_| ()), Err(CallError::Ended));
}

#[tokio::test]
async fn calls_that_sleep_are_let_go_when_there_are_too_many_and_come_back_when_asked_for() {
    let house = house(2).await;
    for n in 0..30 {
        // A call that nobody has spoken to sleeps as soon as it knows itself.
        let new = call(&house, &format!("s{n}")).await;
        new.watch().wait_for(|call| call.state == CallState::Asleep).await.unwrap();
    }
    let few = async {
        while house.switchboard.len() > 2 * 4 + 1 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, few).await.expect("sleeping calls were kept without end");
    let again = house.switchboard.find(&"s3".parse().unwrap()).await.unwrap();
    assert_eq!(again.snapshot().state, CallState::Asleep);
}

#[tokio::test]
async fn who_the_call_says_speaks_is_who_speaks_though_the_persona_dies_in_a_swap() {
    let house = house(50).await;
    for n in 0..12 {
        let mine = call(&house, &format!("p{n}")).await;
        say(&mine, "Hello").await.unwrap();
        let swapping = tokio::spawn({
            let mine = mine.clone();
            async move { mine.activate("cfo".into()).await }
        });
        for _ in 0..n {
            tokio::task::yield_now().await;
        }
        killed(&parts(&mine)[1]).await;
        let active = match swapping.await.unwrap() {
            Ok(active) => active,
            Err(_) => "waiter".into(),
        };
        let reply = say(&mine, "I have a question about VAT on restaurant meals in the EU").await.unwrap();
        // The waiter hands over; the CFO does not.
        assert_eq!(reply.handoffs.is_empty(), active == "cfo".into(), "{n}: {active} {reply:?}");
        assert_eq!(reply.persona, "cfo".into());
    }
}

#[tokio::test]
async fn a_call_that_ends_before_it_knows_what_it_was_is_written_to_its_end() {
    let house = house(10).await;
    let id: CallId = "CA1".parse().unwrap();
    let start = PhoneStart {
        direction: Direction::Inbound,
        caller: None,
        called: None,
        persona: None,
        business: None,
        sought: None,
    };
    for taken_up in [false, true] {
        let call = house.switchboard.phone_call(&id, start.clone()).await.unwrap();
        if !taken_up {
            call.watch().wait_for(|call| call.first_seq > 0).await.map(drop).unwrap();
            killed(&call.actor().get_cell()).await;
            continue;
        }
        // Its journal says that it goes on, and nobody has read that yet.
        call.tell_phone(PhoneOrder::Status(PhoneStatus::Completed));
        call.watch().wait_for(|call| call.state == CallState::Ended).await.map(drop).unwrap();
        let found = house.switchboard.find(&id).await.map(drop);
        assert_eq!(found, Err(SwitchboardError::UnknownCall(id.clone())));
    }
}

#[tokio::test]
async fn a_phone_call_shows_who_called_whom_and_whose_caller_it_is() {
    let house = house(8).await;
    let business = BusinessProfile { id: "bastion-valletta".into(), ..BusinessProfile::default() };
    let start = PhoneStart {
        direction: Direction::Inbound,
        caller: Some("+35699123456".to_owned()),
        called: Some("+35670000001".to_owned()),
        persona: None,
        business: Some(business.into()),
        sought: None,
    };
    let call = house.switchboard.phone_call(&"CA1".parse().unwrap(), start).await.unwrap();
    let shown = call.snapshot();
    let shown = (
        shown.transport,
        shown.from.as_deref(),
        shown.to.as_deref(),
        shown.business_id.as_ref().map(crate::id::BusinessId::as_str),
    );
    assert_eq!(shown, ("twilio", Some("+35699123456"), Some("+35670000001"), Some("bastion-valletta")));
}
