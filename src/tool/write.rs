//! Tools that change something: each plans its effect, and the ledger makes it happen once, however often and from
//! wherever it is attempted.

use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::time::Duration;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
use validator::Validate;

use super::output::{MAX_OUTPUT, cap};
use super::table::TableTool;
use super::typed::from_checked;
use super::{ToolContext, ToolError, ToolOutcome, ToolStatus};
use crate::id::BusinessId;
use crate::store::effect::{NO_ROW, REPEAT};
use crate::store::{Change, Effect, EffectKey, EffectRecord, Row, Store, StoreError};

/// How often the same may be done on purpose.
const MAX_REPEAT: u32 = 20;
/// An effect under way is given this long, whatever the tool's own limit: what came of it is written down.
const EFFECT_LIMIT: Duration = Duration::from_secs(20);
/// What was intended longer ago is not done behind the caller's back.
const YOUNG: Duration = Duration::from_secs(600);
/// A call that is taken up again waits so long for an effect that was under way.
const SETTLE_LIMIT: Duration = Duration::from_secs(5);

/// What a caller is told who reached a number that no business has.
const NOBODYS: &str = "nothing can be written down here: the number that was called belongs to no business";

/// A tool written in Rust that changes something: a struct of its arguments.
pub trait WriteTool: DeserializeOwned + JsonSchema + Validate + Send + 'static {
    /// Its name.
    const NAME: &'static str;
    /// When and how to use it, for the model.
    const DESCRIPTION: &'static str;
    /// How long the model waits for it.
    const TIMEOUT: Duration = Duration::from_secs(10);

    /// Decides what is to be done. It reads, and writes nothing.
    fn plan(self, context: ToolContext) -> impl Future<Output = Result<Plan, ToolError>> + Send;
}

/// What a tool wants to have done.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Whose rows are written.
    pub business_id: Option<BusinessId>,
    /// All of these, or none.
    pub changes: Vec<Change>,
    /// What the model is told once it is done.
    pub output: Row,
    /// Under which name it is told the first row as it was written.
    pub row_as: Option<String>,
}

/// How a tool's plan is come by.
#[derive(Debug, Clone)]
pub(super) enum Planner {
    Table(Arc<TableTool>),
    Typed(TypedPlan),
}

type Planning = Pin<Box<dyn Future<Output = Result<Plan, ToolError>> + Send>>;
pub(super) type TypedPlan = fn(Map<String, Value>, ToolContext) -> Planning;

/// What became of an attempt.
#[derive(Debug)]
pub(super) enum Attempt {
    /// It is done.
    Done(Row),
    /// It was done before, and was not done again.
    Before(Row),
    /// Nothing was done; why, in words for the model.
    Refused(String),
    /// Nothing was done: something behind the tool failed.
    Failed(StoreError),
    /// Nobody knows whether it was done.
    Unknown(StoreError),
    /// Whoever asked stopped waiting before anything was done.
    Abandoned,
}

impl Planner {
    fn plan(self, arguments: Map<String, Value>, context: ToolContext) -> Planning {
        match self {
            Self::Table(table) => Box::pin(async move { table.plan(arguments, &context) }),
            Self::Typed(plan) => plan(arguments, context),
        }
    }
}

pub(super) fn plan_typed<T: WriteTool>(arguments: Map<String, Value>, context: ToolContext) -> Planning {
    Box::pin(async move {
        let tool: T = from_checked(arguments).map_err(ToolError::Refused)?;
        tool.plan(context).await
    })
}

/// Adds to a tool's schema the argument that does the same once more.
pub(super) fn offer_repeat(schema: &mut Value) {
    let repeat = json!({
        "type": "integer",
        "minimum": 1,
        "maximum": MAX_REPEAT,
        "description": "Leave it out. Only when the caller wants exactly the same done once more: 2, then 3",
    });
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        properties.entry(REPEAT).or_insert(repeat);
    }
}

/// One attempt at an effect.
#[derive(Debug)]
pub(super) struct Writing {
    pub(super) planner: Planner,
    pub(super) tool: String,
    /// Arguments that satisfy the schema.
    pub(super) arguments: Map<String, Value>,
    pub(super) context: ToolContext,
}

impl Writing {
    /// Makes the effect happen that the arguments ask for, once. `waits` is gone when nobody waits any more: then
    /// nothing new is begun.
    pub(super) async fn attempt(self, waits: Weak<()>) -> Attempt {
        let limit_ms = u64::try_from(EFFECT_LIMIT.as_millis()).unwrap_or(u64::MAX);
        let attempt = tokio::time::timeout(EFFECT_LIMIT, self.run(waits)).await;
        let attempt = attempt.unwrap_or(Attempt::Unknown(StoreError::Timeout { limit_ms }));
        metrics::counter!("ai_realtime_tool_effects_total", "outcome" => attempt.word()).increment(1);
        attempt
    }

    async fn run(mut self, waits: Weak<()>) -> Attempt {
        let ToolContext { call_id, began, store, .. } = &self.context;
        let key = EffectKey::of(call_id, *began, &self.tool, &self.arguments);
        let times = self.arguments.remove(REPEAT).and_then(|times| times.as_u64()).unwrap_or(1);
        let store = store.clone();
        let (record, intent) = match store.effect(&key).await {
            Ok(Some(EffectRecord { done: Some((result, at)), .. })) => {
                return Attempt::Before(before(result, at, times));
            }
            Ok(Some(record)) => (record, Intent::Older),
            Ok(None) => match self.intend(key, &waits).await {
                Ok(record) => (record, Intent::Fresh),
                Err(attempt) => return attempt,
            },
            Err(error) => return Attempt::Unknown(error),
        };
        apply(&store, record, intent).await
    }

    async fn intend(self, key: EffectKey, waits: &Weak<()>) -> Result<EffectRecord, Attempt> {
        let Self { planner, tool, arguments, context } = self;
        let (call_id, store) = (context.call_id.clone(), context.store.clone());
        let Plan { business_id, changes, output, row_as } =
            planner.plan(arguments, context).await.map_err(|error| match error {
                ToolError::Refused(why) => Attempt::Refused(why),
                ToolError::Failed(error) => Attempt::Failed(error),
            })?;
        if waits.strong_count() == 0 {
            return Err(Attempt::Abandoned);
        }
        if business_id.as_ref().is_some_and(BusinessId::is_nobody) {
            // No business would ever see the row.
            return Err(Attempt::Refused(NOBODYS.to_owned()));
        }
        let effect = Effect { key, call_id, tool, business_id, changes, output, row_as };
        store.intend(effect).await.map_err(Attempt::Failed)
    }
}

impl Attempt {
    fn word(&self) -> &'static str {
        match self {
            Self::Done(_) => "done",
            Self::Before(_) => "repeated",
            Self::Refused(_) => "refused",
            Self::Failed(_) => "failed",
            Self::Unknown(_) => "unknown",
            Self::Abandoned => "abandoned",
        }
    }
}

/// Whether an effect may have been attempted before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Intent {
    /// It was intended just now.
    Fresh,
    /// It was intended earlier; an answer to an attempt may have been lost.
    Older,
}

/// Makes an intended effect happen. One that the database refuses is forgotten, so that it can be planned anew; not so
/// when the refusal says nothing of an earlier attempt, whose plan is the one that was done if any was.
async fn apply(store: &Store, record: EffectRecord, intent: Intent) -> Attempt {
    let key = record.effect.key.clone();
    let attempt = match store.apply(record).await {
        Ok(EffectRecord { done: Some((result, _)), .. }) => return Attempt::Done(result),
        Ok(EffectRecord { done: None, .. }) => {
            return Attempt::Unknown(StoreError::Unknown("the ledger has lost what was done".to_owned()));
        }
        Err(StoreError::Unfit { code, .. }) if code == NO_ROW => Attempt::Refused(
            "there is nothing to change under that key: look it up, or ask the caller for it".to_owned(),
        ),
        Err(StoreError::Unfit { code, detail }) => {
            tracing::debug!(code, detail, "the database refused an effect");
            Attempt::Refused("the database does not take one of the arguments as it is".to_owned())
        }
        Err(error @ (StoreError::Unknown(_) | StoreError::Denied { .. })) => match intent {
            Intent::Fresh => Attempt::Failed(error),
            Intent::Older => return Attempt::Unknown(error),
        },
        Err(
            error @ (StoreError::Away(_)
            | StoreError::Timeout { .. }
            | StoreError::Query(_)
            | StoreError::Open { .. }),
        ) => return Attempt::Unknown(error),
    };
    if let Err(error) = store.forget_intent(&key).await {
        tracing::warn!(%error, "a refused effect could not be forgotten");
    }
    attempt
}

/// The recorded result of something that was done before.
fn before(mut result: Row, at: Timestamp, times: u64) -> Row {
    let at = to_the_second(at);
    let once_more = times + 1;
    result.insert("already_done".to_owned(), Value::Bool(true));
    result.insert("done_at".to_owned(), Value::from(at.as_str()));
    result.insert(
        "note".to_owned(),
        format!(
            "this was done at {at} and was not done again; only if the caller wants exactly the same once more, \
             call the tool again with `{REPEAT}` {once_more}"
        )
        .into(),
    );
    result
}

fn to_the_second(at: Timestamp) -> String {
    Timestamp::from_second(at.as_second()).unwrap_or(at).to_string()
}

/// What the model is given of a result.
pub(super) fn shown(result: Row) -> String {
    cap(Value::Object(result), MAX_OUTPUT)
}

/// What the model is told when nobody knows whether an effect happened.
pub fn unknown_output(tool: &str) -> String {
    json!({
        "error": format!("it is not known whether `{tool}` was done"),
        "hint": format!(
            "say so to the caller; calling `{tool}` again with exactly the same arguments finishes it or finds it \
             done, and never does it twice"
        ),
    })
    .to_string()
}

/// What became of a tool call whose output was lost with the process that ran it: the ledger knows, and what was
/// intended a short while ago is done now. `None` when the ledger has nothing of it.
pub async fn settle(store: &Store, key: &EffectKey) -> Option<ToolOutcome> {
    let record = match store.effect(key).await {
        Ok(record) => record?,
        Err(error) => {
            tracing::error!(%error, "the ledger of effects cannot be read");
            return None;
        }
    };
    let tool = record.effect.tool.clone();
    let age = Timestamp::now().duration_since(record.intended_at).unsigned_abs();
    let attempt = match record.done {
        Some((result, _)) => Attempt::Done(result),
        None if age > YOUNG => Attempt::Abandoned,
        None => {
            let store = store.clone();
            // On a task of its own: whoever waits may stop waiting, and what is under way ends all the same.
            let applied = tokio::spawn(async move { apply(&store, record, Intent::Older).await });
            let limit_ms = u64::try_from(SETTLE_LIMIT.as_millis()).unwrap_or(u64::MAX);
            let unknown = || Attempt::Unknown(StoreError::Timeout { limit_ms });
            tokio::time::timeout(SETTLE_LIMIT, applied)
                .await
                .map_or_else(|_| unknown(), |ended| ended.unwrap_or_else(|_| unknown()))
        }
    };
    metrics::counter!("ai_realtime_tool_effects_settled_total", "outcome" => attempt.word()).increment(1);
    tracing::info!(tool, outcome = attempt.word(), "an effect was settled after a restart");
    let (output, status) = match attempt {
        Attempt::Done(result) | Attempt::Before(result) => (shown(result), ToolStatus::Ok),
        Attempt::Refused(why) => (json!({"error": why}).to_string(), ToolStatus::Refused),
        Attempt::Failed(_) => (json!({"error": format!("`{tool}` failed")}).to_string(), ToolStatus::Error),
        Attempt::Unknown(_) | Attempt::Abandoned => (unknown_output(&tool), ToolStatus::Error),
    };
    Some(ToolOutcome { output, status, duration_ms: 0 })
}
