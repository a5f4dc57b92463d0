//! What a call knows of its Realtime client: what it chose, what it was shown, and what it waits for. Pure.

mod choices;
mod items;
mod telling;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use serde_json::{Value, json};

use crate::protocol::realtime::{Asked, Introduction, Show};
use crate::tool::ToolStatus;

pub use choices::{Choices, Locks, Refusal};
pub use items::Items;
pub use telling::Telling;

/// So many wishes wait for a session at most.
const MAX_EARLY: usize = 64;
/// So many commits wait for their answer at most.
const MAX_COMMITS: usize = 16;

/// A change of the session that waits for the model's word.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Under which number.
    pub revision: u64,
    /// How the client named its wish.
    pub event_id: Option<String>,
    /// What was chosen before.
    pub before: Choices,
}

/// What a call knows of its Realtime client.
#[derive(Debug, Default)]
pub struct Client {
    /// What it chose.
    pub choices: Choices,
    /// What it was shown of answers.
    pub telling: Telling,
    /// What of the conversation it knows.
    pub items: Items,
    /// What may not be changed any more.
    pub locks: Locks,
    /// Changes that wait for the model's word, oldest first.
    pub changing: VecDeque<Change>,
    /// Whether there is a session that can be asked for something.
    pub is_ready: bool,
    /// Who calls and why, as the client says.
    pub introduction: Option<Introduction>,
    /// A session that began anew was not told of the introduction.
    pub must_introduce: bool,
    /// The caller's next saying is to be answered: it was asked for, and the saying was lost with a socket.
    pub answers_next: bool,
    early: VecDeque<Asked>,
    commits: VecDeque<Option<String>>,
}

impl Client {
    /// Keeps a wish until there is a session.
    ///
    /// # Errors
    /// The wish, when too many wait.
    pub fn keep(&mut self, asked: Asked) -> Result<(), Asked> {
        if self.early.len() == MAX_EARLY {
            return Err(asked);
        }
        self.early.push_back(asked);
        Ok(())
    }

    /// There is a session: what waited for it.
    pub fn ready(&mut self) -> VecDeque<Asked> {
        self.is_ready = true;
        std::mem::take(&mut self.early)
    }

    /// What was sent shall be a saying.
    pub fn commits(&mut self, event_id: Option<String>) {
        if self.commits.len() == MAX_COMMITS {
            self.commits.pop_front();
        }
        self.commits.push_back(event_id);
    }

    /// The oldest commit was answered: how the client named it.
    pub fn committed(&mut self) -> Option<String> {
        self.commits.pop_front().flatten()
    }

    /// The model has confirmed a change. Answers whether it was one of the client's.
    pub fn confirmed(&mut self, revision: u64) -> bool {
        let at = self.changing.iter().position(|change| change.revision == revision);
        at.and_then(|at| self.changing.remove(at)).is_some()
    }

    /// The model has refused a change, and with it those that were built on it: everything is as it was before.
    pub fn rejected(&mut self, revision: u64) -> Vec<Change> {
        let Some(at) = self.changing.iter().position(|change| change.revision == revision) else {
            return Vec::new();
        };
        let undone: Vec<_> = self.changing.drain(at..).collect();
        if let Some(first) = undone.first() {
            self.choices = first.before.clone();
        }
        undone
    }
}

/// What a client may know of a tool's output: the passages an answer is taken from, and otherwise how it ended.
pub fn told_of_tool(name: &str, output: &Value, status: ToolStatus) -> Show {
    let result = match output["passages"].as_array() {
        Some(passages) => {
            let source = |(number, passage): (usize, &Value)| json!({"chunk_id": format!("source_{}", number + 1), "title": passage["title"], "chunk": passage["text"]});
            json!({"sources": passages.iter().enumerate().map(source).collect::<Vec<_>>()})
        }
        None => json!({"status": status.as_str()}),
    };
    Show::ToolDone { name: name.to_owned(), result: result.to_string() }
}
