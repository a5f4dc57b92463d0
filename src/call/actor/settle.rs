//! What becomes of tool calls that the end of the process cut off: what changes something is asked of the ledger, what
//! only looks is simply run again where the call still waits for it, and each is answered once.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

use super::CallDependencies;
use super::tools::effect_key;
use crate::call::handoff::Handoffs;
use crate::call::recollection::{Conversation, Fate, OpenCall, Recollection, Settled};
use crate::id::CallId;
use crate::store::BusinessProfile;
use crate::tool::write::{settle, unknown_output};
use crate::tool::{Effect, ToolContext, ToolOutcome, ToolStatus};

/// At most so many tools are run again.
const MAX_AGAIN: usize = 16;
/// A tool that is run again may take so long: the caller waits.
const AGAIN_LIMIT: Duration = Duration::from_secs(5);

/// Answers every tool call that the journal has no output for. `known` is whose call it is, where the journal does not
/// say.
pub(super) async fn settle_open_calls(
    dependencies: &CallDependencies,
    call_id: &CallId,
    recollection: &Recollection,
    known: Option<Arc<BusinessProfile>>,
) -> Vec<Settled> {
    let Some(conversation) = &recollection.conversation else {
        return Vec::new();
    };
    let business = recollection.business.clone().or(known);
    let context = ToolContext {
        call_id: call_id.clone(),
        began: conversation.first_seq,
        tenant: business.map(|business| business.id.clone()).into(),
        store: dependencies.store.clone(),
        knowledge: dependencies.knowledge.clone(),
    };
    let mut again = 0;
    let answers = conversation.open_calls().into_iter().map(|call| {
        let effect = dependencies.library.catalog().toolbox().effect(&call.name);
        let fate = match call.fate(effect) {
            Fate::RunAgain if again == MAX_AGAIN || !is_allowed(dependencies, conversation, &call) => {
                Fate::Interrupted
            }
            fate => fate,
        };
        again += usize::from(fate == Fate::RunAgain);
        answer(dependencies, call, fate, effect, context.clone())
    });
    let answers: Vec<_> = answers.collect();
    join_all(answers).await
}

/// Whether the persona in force may use the tool.
fn is_allowed(dependencies: &CallDependencies, conversation: &Conversation, call: &OpenCall) -> bool {
    let catalog = dependencies.library.catalog();
    let active = conversation.handoffs.as_ref().map(Handoffs::active);
    active.and_then(|key| catalog.persona(key)).is_some_and(|persona| persona.tools.contains(&call.name))
}

async fn answer(
    dependencies: &CallDependencies,
    call: OpenCall,
    fate: Fate,
    effect: Option<Effect>,
    context: ToolContext,
) -> Settled {
    let OpenCall { id, name, arguments, is_wanted: _ } = call;
    let key = effect_key(&context.call_id, context.began, &name, &arguments);
    let (key, outcome) = match fate {
        Fate::Settled => match settle(&dependencies.store, &key).await {
            Some(outcome) => (Some(key), outcome),
            // It was never begun, or the ledger cannot say.
            None if effect.is_some() => (None, failed(unknown_output(&name), ToolStatus::Error)),
            None => (None, interrupted()),
        },
        Fate::RunAgain => {
            metrics::counter!("ai_realtime_tool_reads_again_total").increment(1);
            let toolbox = Arc::clone(dependencies.library.catalog().toolbox());
            let tool = name.clone();
            let run = async move { toolbox.run(&tool, &arguments.to_string(), context).await };
            // On a task of its own, so that a panic ends the tool and not the call.
            let run = timeout(AGAIN_LIMIT, AbortOnDropHandle::new(tokio::spawn(run))).await;
            (None, run.map_or_else(|_| interrupted(), |ended| ended.unwrap_or_else(|_| interrupted())))
        }
        Fate::Interrupted => (None, interrupted()),
    };
    Settled { id, name, key, outcome }
}

fn interrupted() -> ToolOutcome {
    failed(json!({"error": "interrupted"}).to_string(), ToolStatus::Error)
}

fn failed(output: String, status: ToolStatus) -> ToolOutcome {
    ToolOutcome { output, status, duration_ms: 0 }
}
