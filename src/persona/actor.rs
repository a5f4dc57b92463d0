//! The persona's actor: it renders who the call shall be, runs the tools, and notices when the files change.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use jiff::Timestamp;
use ractor::{Actor, ActorProcessingErr, ActorRef, DerivedActorRef};
use tokio::task::JoinSet;

use super::{CallerFacts, Library, Persona, TemplateContext, handoff_back_tool, handoff_tools, phone_tools};
use crate::id::{BusinessId, CallId, PersonaKey, ToolCallId};
use crate::knowledge::Knowledge;
use crate::store::Store;
use crate::tool::write::unknown_output;
use crate::tool::{Effect, ToolContext, ToolOutcome, ToolSpec, ToolStatus, is_phone_tool};

/// At most so many tool calls of one call run at once; the model is told to wait with the next.
const MAX_RUNNING: usize = 16;

/// What the persona's actor is told.
#[derive(Debug)]
pub enum PersonaMessage {
    /// Render a persona.
    Prepare {
        /// Comes back in the report.
        revision: u64,
        /// Which persona.
        key: PersonaKey,
        /// Whether it can hand the caller back.
        can_go_back: bool,
        /// When the call began: prompts say it, and it stays the same so that a prompt does.
        started_at: Timestamp,
    },
    /// Run a tool.
    RunTool {
        /// The model's id of the tool call.
        id: ToolCallId,
        /// The tool.
        name: String,
        /// JSON text.
        arguments: String,
        /// What the persona that asks for it may use.
        allowed: Arc<Persona>,
        /// The number of the event the call began with.
        began: u64,
    },
    /// Panic: for tests.
    #[doc(hidden)]
    Crash,
    /// Let the next tool panic: for tests.
    #[doc(hidden)]
    CrashNextTool,
    /// Of the actor's own making: another catalog is in force.
    #[doc(hidden)]
    CatalogChanged,
    /// Of the actor's own making: a tool ended.
    #[doc(hidden)]
    ToolEnded {
        /// The model's id of the tool call.
        id: ToolCallId,
        /// What came of it.
        outcome: ToolOutcome,
    },
}

/// What the persona's actor reports.
#[derive(Debug)]
pub enum PersonaEvent {
    /// A persona is rendered.
    Prepared {
        /// As asked.
        revision: u64,
        /// What to be.
        rendition: Box<Rendition>,
    },
    /// A persona cannot be rendered.
    Unprepared {
        /// As asked.
        revision: u64,
        /// Why.
        why: Unprepared,
    },
    /// A tool ended.
    ToolDone {
        /// The model's id of the tool call.
        id: ToolCallId,
        /// What came of it.
        outcome: ToolOutcome,
    },
    /// The files of the personas changed.
    Changed,
}

/// A persona, rendered for one call.
#[derive(Debug, Clone)]
pub struct Rendition {
    /// The persona.
    pub persona: Arc<Persona>,
    /// Its prompt.
    pub instructions: String,
    /// Its tools, handoffs and those that the call performs included.
    pub tools: Vec<ToolSpec>,
}

/// Why a persona cannot be rendered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unprepared {
    /// There is none of that key.
    Unknown {
        /// Those there are.
        known: Vec<String>,
    },
    /// Its prompt cannot be rendered.
    Prompt(String),
}

/// What a persona's actor begins with.
#[derive(Debug)]
pub struct PersonaArguments {
    /// Whose it is.
    pub call_id: CallId,
    /// Who calls.
    pub caller: CallerFacts,
    /// Where personas and tools come from.
    pub library: Library,
    /// Where the tools' rows are.
    pub store: Store,
    /// Where the tools' documents are.
    pub knowledge: Knowledge,
    /// To whom everything is reported.
    pub owner: DerivedActorRef<PersonaEvent>,
}

/// The persona's actor.
#[derive(Debug)]
pub struct PersonaActor;

/// What the actor keeps. Tools under way end with it.
#[derive(Debug)]
pub struct PersonaState {
    arguments: PersonaArguments,
    running: JoinSet<()>,
    next_tool_panics: bool,
    _watch: JoinSet<()>,
}

impl Actor for PersonaActor {
    type Msg = PersonaMessage;
    type State = PersonaState;
    type Arguments = PersonaArguments;

    async fn pre_start(
        &self,
        myself: ActorRef<PersonaMessage>,
        arguments: PersonaArguments,
    ) -> Result<PersonaState, ActorProcessingErr> {
        let mut changes = arguments.library.changes();
        let mut watch = JoinSet::new();
        watch.spawn(async move {
            while changes.changed().await.is_ok() && myself.cast(PersonaMessage::CatalogChanged).is_ok() {}
        });
        Ok(PersonaState { arguments, running: JoinSet::new(), next_tool_panics: false, _watch: watch })
    }

    async fn handle(
        &self,
        myself: ActorRef<PersonaMessage>,
        message: PersonaMessage,
        state: &mut PersonaState,
    ) -> Result<(), ActorProcessingErr> {
        let event = match message {
            PersonaMessage::Prepare { revision, key, can_go_back, started_at } => {
                match state.arguments.render(&key, can_go_back, started_at) {
                    Ok(rendition) => PersonaEvent::Prepared { revision, rendition: Box::new(rendition) },
                    Err(why) => PersonaEvent::Unprepared { revision, why },
                }
            }
            PersonaMessage::RunTool { id, name, arguments, allowed, began } => {
                match state.run_tool(&myself, &id, (name, arguments), &allowed, began) {
                    Ok(()) => return Ok(()),
                    Err(outcome) => PersonaEvent::ToolDone { id, outcome },
                }
            }
            PersonaMessage::Crash => panic!("as asked"),
            PersonaMessage::CrashNextTool => {
                state.next_tool_panics = true;
                return Ok(());
            }
            PersonaMessage::CatalogChanged => PersonaEvent::Changed,
            PersonaMessage::ToolEnded { id, outcome } => PersonaEvent::ToolDone { id, outcome },
        };
        state.arguments.owner.cast(event)?;
        Ok(())
    }
}

impl PersonaArguments {
    fn render(
        &self,
        key: &PersonaKey,
        can_go_back: bool,
        started_at: Timestamp,
    ) -> Result<Rendition, Unprepared> {
        let catalog = self.library.catalog();
        let Some(persona) = catalog.persona(key) else {
            let known = catalog.keys().iter().map(ToString::to_string).collect();
            return Err(Unprepared::Unknown { known });
        };
        let context = TemplateContext::of_call(persona, &self.caller, &self.call_id, started_at, started_at);
        let instructions =
            persona.prompt.render(&context).map_err(|error| Unprepared::Prompt(error.to_string()))?;
        let toolbox = catalog.toolbox();
        let mut tools: Vec<_> = persona.tools.iter().filter_map(|name| toolbox.spec(name).cloned()).collect();
        tools.extend(phone_tools(persona, &self.caller));
        tools.extend(handoff_tools(persona));
        if can_go_back {
            tools.push(handoff_back_tool());
        }
        Ok(Rendition { persona: Arc::clone(persona), instructions, tools })
    }
}

impl PersonaState {
    fn run_tool(
        &mut self,
        myself: &ActorRef<PersonaMessage>,
        id: &ToolCallId,
        (name, arguments): (String, String),
        allowed: &Persona,
        began: u64,
    ) -> Result<(), ToolOutcome> {
        let known: Vec<_> = allowed.tools.iter().filter(|tool| !is_phone_tool(tool)).cloned().collect();
        if !known.contains(&name) {
            return Err(refused(&format!("there is no tool `{name}`: use one of {}", known.join(", "))));
        }
        while self.running.try_join_next().is_some() {}
        if self.running.len() >= MAX_RUNNING {
            return Err(refused(&format!("{MAX_RUNNING} tools are running already: wait for one to end")));
        }
        let toolbox = Arc::clone(self.arguments.library.catalog().toolbox());
        let context = ToolContext {
            call_id: self.arguments.call_id.clone(),
            began,
            tenant: self.arguments.caller.business_id().map(BusinessId::from).into(),
            store: self.arguments.store.clone(),
            knowledge: self.arguments.knowledge.clone(),
        };
        let panics = std::mem::take(&mut self.next_tool_panics);
        let (myself, id) = (myself.clone(), id.clone());
        let span = tracing::info_span!("tool", call_id = %self.arguments.call_id);
        self.running.spawn(tracing::Instrument::instrument(
            async move {
                let run = async {
                    assert!(!panics, "as asked");
                    toolbox.run(&name, &arguments, context).await
                };
                // Whatever breaks it off, the tool call is answered.
                let outcome = AssertUnwindSafe(run).catch_unwind().await;
                let outcome = outcome.unwrap_or_else(|_| broken_off(toolbox.effect(&name), &name));
                // A persona that is gone needs no outcome.
                let _ = myself.cast(PersonaMessage::ToolEnded { id, outcome });
            },
            span,
        ));
        Ok(())
    }
}

fn refused(why: &str) -> ToolOutcome {
    let output = serde_json::json!({"error": why}).to_string();
    ToolOutcome { output, status: ToolStatus::Refused, duration_ms: 0 }
}

/// A mistake of ours broke off a tool.
fn broken_off(effect: Option<Effect>, name: &str) -> ToolOutcome {
    let output = match effect {
        Some(Effect::Write) => unknown_output(name),
        Some(Effect::Read) | None => serde_json::json!({"error": "the tool failed"}).to_string(),
    };
    ToolOutcome { output, status: ToolStatus::Error, duration_ms: 0 }
}

#[cfg(test)]
mod tests;
