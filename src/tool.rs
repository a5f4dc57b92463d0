//! Tools: what a persona can do besides talk. A tool is declared as a table query in a file, or written in Rust
//! on typed arguments; either way it is offered, checked, timed and contained the same way.

mod arguments;
pub mod document;
pub mod finance;
pub mod knowledge;
pub mod order;
mod output;
mod paging;
pub mod table;
pub mod tax;
pub mod toolbox;
pub mod typed;
pub mod write;

use std::fmt;
use std::future::Future;
use std::time::Duration;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use validator::Validate;

pub use toolbox::{Toolbox, ToolboxError};
pub use write::{Plan, WriteTool};

use crate::id::CallId;
use crate::knowledge::Knowledge;
use crate::store::record::NameError;
use crate::store::{Store, StoreError, Tenant};

/// The longest description of a tool the model's side takes, in characters.
pub const LONGEST_DESCRIPTION: usize = 1_024;

/// What the names of the tools made from handoff rules begin with; no other tool's name may.
pub const HANDOFF_PREFIX: &str = "handoff_";

/// The tool that ends a phone call: the call performs it, no toolbox runs it.
pub const END_CALL: &str = "end_call";

/// The tool that connects the caller with a human: the call performs it, no toolbox runs it.
pub const TRANSFER_TO_HUMAN: &str = "transfer_to_human";

/// Whether this names a tool that the call performs on its line; no other tool may have the name.
pub fn is_phone_tool(name: &str) -> bool {
    matches!(name, END_CALL | TRANSFER_TO_HUMAN)
}

/// Whether a text may be a tool's name: what the model's side takes, and no handoff's.
pub fn is_tool_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && !name.starts_with(HANDOFF_PREFIX)
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
}

/// A tool as the model is shown it.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolSpec {
    /// Its name, unique among all tools.
    pub name: String,
    /// When and how to use it.
    pub description: String,
    /// JSON Schema of its arguments: an object.
    pub parameters: Value,
    /// What the caller hears when it takes its time; the model is not shown it.
    pub filler: Option<Filler>,
}

/// Words that fill the silence while a tool runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filler {
    /// What is said.
    pub text: String,
    /// Said once the tool has run this long.
    pub after: Duration,
}

/// Whether running a tool twice does harm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It only looks: an interrupted run is simply run again.
    Read,
    /// It changes something: its effect must happen once.
    Write,
}

impl Effect {
    /// The effect a file names.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "read" => Some(Self::Read),
            "write" => Some(Self::Write),
            _ => None,
        }
    }
}

/// What a tool knows of the call it runs in.
#[derive(Debug, Clone)]
pub struct ToolContext {
    /// The call.
    pub call_id: CallId,
    /// The number of the event the call began with: a later call of the same id is another one.
    pub began: u64,
    /// Whose rows it reads and writes.
    pub tenant: Tenant,
    /// Where the rows are.
    pub store: Store,
    /// Where the documents are.
    pub knowledge: Knowledge,
}

/// A tool written in Rust that only looks: a struct of its arguments. One that changes something is a
/// [`write::WriteTool`].
pub trait Tool: DeserializeOwned + JsonSchema + Validate + Send + 'static {
    /// Its name.
    const NAME: &'static str;
    /// When and how to use it, for the model.
    const DESCRIPTION: &'static str;
    /// How long a run may take.
    const TIMEOUT: Duration = Duration::from_secs(5);

    /// Runs it.
    fn run(self, context: ToolContext) -> impl Future<Output = Result<Value, ToolError>> + Send;
}

/// Why a tool gave no result.
#[derive(Debug, thiserror::Error)]
pub enum ToolError {
    /// The request makes no sense or is not allowed; the text is for the model, in words it can act on.
    #[error("{0}")]
    Refused(String),
    /// Something behind the tool failed; the model is told only that, the cause is logged.
    #[error("the tool failed")]
    Failed(#[from] StoreError),
}

impl From<NameError> for ToolError {
    fn from(error: NameError) -> Self {
        Self::Failed(StoreError::Unknown(error.to_string()))
    }
}

/// How a tool call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolStatus {
    /// It ran.
    Ok,
    /// It failed or panicked.
    Error,
    /// It took longer than it may.
    Timeout,
    /// It was not run: unknown, bad arguments, or not allowed.
    Refused,
}

impl ToolStatus {
    /// The word for it, as clients and metrics see it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Error => "error",
            Self::Timeout => "timeout",
            Self::Refused => "refused",
        }
    }
}

impl fmt::Display for ToolStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What comes of a tool call: there is always one, whatever happens.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolOutcome {
    /// The text the model is given: JSON, encoded once, within the size limit.
    pub output: String,
    /// How it ended.
    pub status: ToolStatus,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
}
