use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::*;
use crate::persona::{Catalog, Transport};
use crate::store::Embedded;

const DEADLINE: Duration = Duration::from_secs(10);

/// Stands where the call stands: what is reported to it can be read.
struct Owner;

impl Actor for Owner {
    type Msg = PersonaEvent;
    type State = mpsc::UnboundedSender<PersonaEvent>;
    type Arguments = mpsc::UnboundedSender<PersonaEvent>;

    async fn pre_start(
        &self,
        _: ActorRef<PersonaEvent>,
        reports: Self::Arguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        Ok(reports)
    }

    async fn handle(
        &self,
        _: ActorRef<PersonaEvent>,
        event: PersonaEvent,
        reports: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        Ok(reports.send(event)?)
    }
}

struct Fixture {
    _folder: tempfile::TempDir,
    actor: ActorRef<PersonaMessage>,
    reports: mpsc::UnboundedReceiver<PersonaEvent>,
}

/// The shipped personas, for a caller of the venue in Valletta or of none.
async fn ready(transport: Transport, can_transfer: bool, business: Option<&str>) -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::Embedded(Embedded::open(folder.path()).await.unwrap());
    let business = match business {
        Some(id) => store.business(id).await.unwrap().map(Arc::new),
        None => None,
    };
    let (sender, reports) = mpsc::unbounded_channel();
    let (owner, _) = Actor::spawn(None, Owner, sender).await.unwrap();
    let arguments = PersonaArguments {
        call_id: CallId::default_call(),
        caller: CallerFacts { transport, can_transfer, business, ..CallerFacts::default() },
        library: Library::fixed(Catalog::load(Path::new("personas")).unwrap()),
        knowledge: Knowledge::new(store.clone(), None),
        store,
        owner: owner.get_derived(),
    };
    let (actor, _) = Actor::spawn(None, PersonaActor, arguments).await.unwrap();
    Fixture { _folder: folder, actor, reports }
}

impl Fixture {
    async fn report(&mut self) -> PersonaEvent {
        tokio::time::timeout(DEADLINE, self.reports.recv()).await.expect("a report in time").unwrap()
    }

    async fn waiter(&mut self) -> Rendition {
        let started_at = Timestamp::UNIX_EPOCH;
        let prepare =
            PersonaMessage::Prepare { revision: 1, key: "waiter".into(), can_go_back: true, started_at };
        self.actor.cast(prepare).unwrap();
        match self.report().await {
            PersonaEvent::Prepared { rendition, .. } => *rendition,
            other => panic!("{other:?}"),
        }
    }

    async fn run(&mut self, name: &str, arguments: Value) -> (ToolStatus, Value) {
        let allowed = self.waiter().await.persona;
        let (name, arguments) = (name.to_owned(), arguments.to_string());
        self.actor
            .cast(PersonaMessage::RunTool { id: "t".into(), name, arguments, allowed, began: 1 })
            .unwrap();
        match self.report().await {
            PersonaEvent::ToolDone { outcome, .. } => {
                (outcome.status, serde_json::from_str(&outcome.output).unwrap())
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn what_a_line_cannot_do_is_not_offered() {
    const FIRST: [&str; 5] =
        ["lookup_menu", "recommend_pairing", "query_knowledge_base", "place_order", "book_table"];
    const LAST: [&str; 2] = ["handoff_to_cfo", "handoff_back"];
    for (transport, can_transfer, phone_tools) in [
        (Transport::Text, true, &[][..]),
        (Transport::Phone, false, &["end_call"]),
        (Transport::Phone, true, &["end_call", "transfer_to_human"]),
    ] {
        let rendition = ready(transport, can_transfer, None).await.waiter().await;
        let offered: Vec<_> = rendition.tools.iter().map(|tool| tool.name.as_str()).collect();
        assert_eq!(offered, [&FIRST[..], phone_tools, &LAST[..]].concat());
    }
}

#[tokio::test]
async fn the_prompt_and_the_tools_are_those_of_the_callers_business() {
    let mut fixture = ready(Transport::Phone, false, Some("bastion-valletta")).await;
    let prompt = fixture.waiter().await.instructions;
    for words in ["You work for Bastion Table, Valletta (MT).", "Prices here are in EUR."] {
        assert!(prompt.contains(words), "{words} in {prompt}");
    }
    let (status, found) = fixture.run("lookup_menu", json!({"query": "drinks"})).await;
    assert_eq!(status, ToolStatus::Ok);
    let items = found["items"].as_array().unwrap();
    assert!(items.len() > 5 && items.iter().all(|item| item["currency"] == "EUR"), "{found}");
}

#[tokio::test]
async fn what_the_call_performs_is_not_run_here() {
    let mut fixture = ready(Transport::Text, false, None).await;
    for tool in ["end_call", "transfer_to_human"] {
        let (status, said) = fixture.run(tool, json!({})).await;
        assert_eq!(status, ToolStatus::Refused);
        let expected = format!(
            "there is no tool `{tool}`: use one of lookup_menu, recommend_pairing, query_knowledge_base, place_order, book_table"
        );
        assert_eq!(said["error"], expected);
    }
}
