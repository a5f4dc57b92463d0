//! The toolbox: every tool there is, and the one way to run one.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use jsonschema::Validator;
use schemars::JsonSchema;
use serde_json::{Map, Value, json};
use tokio::task::JoinError;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument;

use super::finance::FetchFinancials;
use super::knowledge::QueryKnowledgeBase;
use super::order::PlaceOrder;
use super::output::{MAX_OUTPUT, cap};
use super::table::TableTool;
use super::tax::CheckTaxRule;
use super::typed::{from_checked, schema_of};
use super::write::{Attempt, Planner, Writing, offer_repeat, plan_typed, shown, unknown_output};
use super::{
    Effect, LONGEST_DESCRIPTION, Tool, ToolContext, ToolError, ToolOutcome, ToolSpec, ToolStatus, WriteTool,
    arguments, is_phone_tool, is_tool_name,
};
use crate::store::{Store, StoreError};

/// Every tool of one version of the personas folder.
#[derive(Debug, Clone, Default)]
pub struct Toolbox {
    tools: BTreeMap<String, Arc<Registered>>,
}

/// Why a tool cannot go into the toolbox.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ToolboxError {
    /// Another tool has its name, or it is one that the call performs.
    #[error("there is another tool `{0}`: names are unique among all tools")]
    Taken(String),
    /// The model's side would not take it.
    #[error("the tool `{tool}` cannot be offered: {why}")]
    Unusable {
        /// Its name.
        tool: String,
        /// What is wrong with it.
        why: String,
    },
}

#[derive(Debug)]
struct Registered {
    spec: ToolSpec,
    timeout: Duration,
    schema: Validator,
    body: Body,
}

#[derive(Debug, Clone)]
enum Body {
    Table(Arc<TableTool>),
    Typed(TypedRun),
    Write(Planner),
}

type Run = Pin<Box<dyn Future<Output = Result<Value, ToolError>> + Send>>;
type TypedRun = fn(Map<String, Value>, ToolContext) -> Run;

impl Toolbox {
    /// The tools written in Rust.
    ///
    /// # Errors
    /// None in practice; a test makes it.
    pub fn builtin() -> Result<Self, ToolboxError> {
        Self::default()
            .with::<FetchFinancials>()?
            .with::<CheckTaxRule>()?
            .with::<QueryKnowledgeBase>()?
            .with_write::<PlaceOrder>()
    }

    /// Adds a tool written in Rust that only looks.
    ///
    /// # Errors
    /// [`ToolboxError`] when its name is taken or the model's side would not take it.
    pub fn with<T: Tool>(mut self) -> Result<Self, ToolboxError> {
        let spec = spec::<T>(T::NAME, T::DESCRIPTION);
        self.add(spec, T::TIMEOUT, Body::Typed(run_typed::<T>))?;
        Ok(self)
    }

    /// Adds a tool written in Rust that changes something.
    ///
    /// # Errors
    /// [`ToolboxError`] when its name is taken or the model's side would not take it.
    pub fn with_write<T: WriteTool>(mut self) -> Result<Self, ToolboxError> {
        let spec = spec::<T>(T::NAME, T::DESCRIPTION);
        self.add(spec, T::TIMEOUT, Body::Write(Planner::Typed(plan_typed::<T>)))?;
        Ok(self)
    }

    /// Adds a tool declared in a file.
    ///
    /// # Errors
    /// [`ToolboxError`] when its name is taken or the model's side would not take it.
    pub fn add_table(&mut self, tool: TableTool) -> Result<(), ToolboxError> {
        let (timeout, spec, effect) = (tool.timeout, tool.spec(), tool.effect());
        let tool = Arc::new(tool);
        let body = match effect {
            Effect::Read => Body::Table(tool),
            Effect::Write => Body::Write(Planner::Table(tool)),
        };
        self.add(spec, timeout, body)
    }

    fn add(&mut self, mut spec: ToolSpec, timeout: Duration, body: Body) -> Result<(), ToolboxError> {
        let name = spec.name.clone();
        let unusable = |why: String| ToolboxError::Unusable { tool: name.clone(), why };
        if self.tools.contains_key(&name) || is_phone_tool(&name) {
            return Err(ToolboxError::Taken(name));
        }
        if !is_tool_name(&name) {
            return Err(unusable("its name must be 1 to 64 of a-z, A-Z, 0-9, '_' and '-'".into()));
        }
        if spec.description.chars().count() > LONGEST_DESCRIPTION {
            return Err(unusable(format!("its description is longer than {LONGEST_DESCRIPTION} characters")));
        }
        if body.effect() == Effect::Write {
            offer_repeat(&mut spec.parameters);
        }
        let schema =
            jsonschema::validator_for(&spec.parameters).map_err(|error| unusable(error.to_string()))?;
        self.tools.insert(name, Arc::new(Registered { spec, timeout, schema, body }));
        Ok(())
    }

    /// What the model is shown of a tool.
    pub fn spec(&self, name: &str) -> Option<&ToolSpec> {
        self.tools.get(name).map(|tool| &tool.spec)
    }

    /// Whether running a tool twice does harm.
    pub fn effect(&self, name: &str) -> Option<Effect> {
        self.tools.get(name).map(|tool| tool.body.effect())
    }

    /// The names of all tools, sorted.
    pub fn names(&self) -> Vec<&str> {
        self.tools.keys().map(String::as_str).collect()
    }

    /// Answers, for every declared tool that asks for a table or column that is not there, its name and what is
    /// missing. A store that is away cannot say, and is no reason not to begin: that is told in the log.
    pub async fn check_tables(&self, store: &Store) -> Vec<(String, String)> {
        let mut missing = Vec::new();
        for (name, tool) in &self.tools {
            let (Body::Table(table) | Body::Write(Planner::Table(table))) = &tool.body else {
                continue;
            };
            match table.missing(store).await {
                Ok(what) => missing.extend(what.map(|what| (name.clone(), what))),
                Err(error) => {
                    tracing::warn!(%error, "the tables that tools use were not looked at: `ai-realtime check` does so later");
                    break;
                }
            }
        }
        missing
    }

    /// Runs a tool. There is always an outcome: unknown names, bad arguments, time-outs, failures and panics
    /// are outcomes too, in words the model can act on.
    pub async fn run(&self, name: &str, arguments: &str, context: ToolContext) -> ToolOutcome {
        let started = Instant::now();
        tracing::debug!(tool = name, arguments, "tool called");
        let (label, (output, status)) = match self.tools.get(name) {
            Some(tool) => (tool.spec.name.as_str(), tool.run(arguments, context).await),
            // the name is the model's: no label of it
            None => ("unknown", self.unknown(name)),
        };
        let duration = started.elapsed();
        let duration_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        tracing::info!(tool = label, duration_ms, status = status.as_str(), "tool executed");
        tracing::debug!(tool = label, output, "tool answered");
        metrics::counter!("ai_realtime_tool_calls_total", "tool" => label.to_owned(), "status" => status.as_str())
            .increment(1);
        metrics::histogram!("ai_realtime_tool_duration_seconds", "tool" => label.to_owned())
            .record(duration.as_secs_f64());
        ToolOutcome { output, status, duration_ms }
    }

    fn unknown(&self, name: &str) -> (String, ToolStatus) {
        let name: String = name.chars().take(64).collect();
        let hint = format!("the tools are: {}", self.names().join(", "));
        refused(&format!("there is no tool `{name}`"), &hint)
    }
}

impl Registered {
    async fn run(&self, arguments: &str, context: ToolContext) -> (String, ToolStatus) {
        let arguments = match arguments::check(arguments, &self.schema) {
            Ok(arguments) => arguments,
            Err(problems) => return self.refused(&problems),
        };
        let run = match &self.body {
            Body::Table(table) => {
                let table = Arc::clone(table);
                Box::pin(async move { table.run(arguments, &context).await })
            }
            Body::Typed(run) => run(arguments, context),
            Body::Write(planner) => return self.write(planner.clone(), arguments, context).await,
        };
        self.read(run).await
    }

    async fn read(&self, run: Run) -> (String, ToolStatus) {
        // on a task of its own, so that a panic ends the tool and not the call
        let run = async move { run.await.map(|value| cap(value, MAX_OUTPUT)) };
        let task = AbortOnDropHandle::new(tokio::spawn(run.in_current_span()));
        match tokio::time::timeout(self.timeout, task).await {
            Ok(Ok(Ok(output))) => (output, ToolStatus::Ok),
            Ok(Ok(Err(ToolError::Refused(why)))) => self.refused(&why),
            Ok(Ok(Err(ToolError::Failed(error)))) => self.failed(&error),
            Ok(Err(ended)) => {
                self.log_end(&ended);
                (self.apology("failed"), ToolStatus::Error)
            }
            Err(_) => {
                self.log_timeout();
                (self.apology("did not answer in time"), ToolStatus::Timeout)
            }
        }
    }

    /// An effect that was begun comes to its end and is written down, also when nobody waits for it any more.
    async fn write(
        &self,
        planner: Planner,
        arguments: Map<String, Value>,
        context: ToolContext,
    ) -> (String, ToolStatus) {
        let tool = self.spec.name.clone();
        let waits = Arc::new(());
        let attempt = Writing { planner, tool, arguments, context }.attempt(Arc::downgrade(&waits));
        let task = tokio::spawn(attempt.in_current_span());
        let name = &self.spec.name;
        let ended = tokio::time::timeout(self.timeout, task).await;
        drop(waits);
        match ended {
            Ok(Ok(Attempt::Done(result) | Attempt::Before(result))) => (shown(result), ToolStatus::Ok),
            Ok(Ok(Attempt::Refused(why))) => self.refused(&why),
            Ok(Ok(Attempt::Failed(error))) => self.failed(&error),
            Ok(Ok(Attempt::Unknown(error))) => {
                self.log_failure(&error);
                let timed_out = matches!(error, StoreError::Timeout { .. });
                let status = if timed_out { ToolStatus::Timeout } else { ToolStatus::Error };
                (unknown_output(name), status)
            }
            Ok(Ok(Attempt::Abandoned)) => (unknown_output(name), ToolStatus::Timeout),
            Ok(Err(ended)) => {
                self.log_end(&ended);
                (unknown_output(name), ToolStatus::Error)
            }
            Err(_) => {
                self.log_timeout();
                (unknown_output(name), ToolStatus::Timeout)
            }
        }
    }

    fn log_end(&self, ended: &JoinError) {
        // the payload of a panic may hold arguments
        let panicked = ended.is_panic();
        tracing::error!(tool = self.spec.name, panicked, "tool did not end by itself");
    }

    fn log_timeout(&self) {
        let limit_ms = u64::try_from(self.timeout.as_millis()).unwrap_or(u64::MAX);
        tracing::warn!(tool = self.spec.name, limit_ms, "tool timed out");
    }

    fn log_failure(&self, error: &StoreError) {
        let cause = std::error::Error::source(error).map(ToString::to_string);
        tracing::error!(tool = self.spec.name, %error, cause, "tool failed");
    }

    fn refused(&self, why: &str) -> (String, ToolStatus) {
        refused(why, &format!("correct the arguments and call `{}` again, or ask the caller", self.spec.name))
    }

    fn failed(&self, error: &StoreError) -> (String, ToolStatus) {
        self.log_failure(error);
        match error {
            StoreError::Timeout { .. } => (self.apology("did not answer in time"), ToolStatus::Timeout),
            StoreError::Unfit { .. } => {
                self.refused("the database does not take one of the arguments as it is")
            }
            StoreError::Open { .. }
            | StoreError::Unknown(_)
            | StoreError::Denied { .. }
            | StoreError::Away(_)
            | StoreError::Query(_) => (self.apology("failed"), ToolStatus::Error),
        }
    }

    fn apology(&self, what: &str) -> String {
        let error = format!("the tool `{}` {what}", self.spec.name);
        json!({"error": error, "hint": "apologise, and offer to try again; do not make up a result"})
            .to_string()
    }
}

impl Body {
    fn effect(&self) -> Effect {
        match self {
            Self::Table(_) | Self::Typed(_) => Effect::Read,
            Self::Write(_) => Effect::Write,
        }
    }
}

fn spec<T: JsonSchema>(name: &str, description: &str) -> ToolSpec {
    ToolSpec {
        name: name.to_owned(),
        description: description.to_owned(),
        parameters: schema_of::<T>(),
        filler: None,
    }
}

fn refused(error: &str, hint: &str) -> (String, ToolStatus) {
    (json!({"error": error, "hint": hint}).to_string(), ToolStatus::Refused)
}

fn run_typed<T: Tool>(arguments: Map<String, Value>, context: ToolContext) -> Run {
    Box::pin(async move {
        let tool: T = from_checked(arguments).map_err(ToolError::Refused)?;
        tool.run(context).await
    })
}

#[cfg(test)]
mod tests;
