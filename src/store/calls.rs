//! The call log: one row for each conversation, made of its events as they are written, and how calls are found in it.

use std::str::FromStr;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{EventRecord, Store, StoreError, Tenant};
use crate::id::CallId;
use crate::usage::{ModelUsage, Usage};

/// A question for calls is answered with at most so many.
pub const MAX_CALLS: u32 = 256;
/// A question for words holds at most so many of them.
pub const MAX_WORDS: usize = 16;
/// Fewer digits than this are not looked for in numbers.
const FEWEST_DIGITS: usize = 3;

/// What an event changes in the log of its call. Most events change nothing.
#[derive(Debug, Clone, PartialEq)]
pub enum LogChange {
    /// A conversation began; its row does, too.
    Started {
        /// The kind of line.
        transport: String,
        /// Whose caller it is.
        business_id: Option<String>,
        /// Who called whom: `inbound` or `outbound`.
        direction: Option<&'static str>,
        /// Who called.
        from: Option<String>,
        /// Who was called.
        to: Option<String>,
    },
    /// It turned out whose caller it is.
    Business(String),
    /// Who speaks.
    Persona(String),
    /// A turn began: its number.
    Turn(u64),
    /// Tokens were used.
    Used {
        /// By which model.
        model: String,
        /// How many.
        usage: Usage,
    },
    /// Something was said.
    Said(String),
    /// The conversation ended: why, as the journal writes it.
    Ended(&'static str),
}

/// Whether a conversation is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogState {
    /// It goes on, as far as the journal knows.
    Live,
    /// It is over.
    Ended,
}

/// One conversation, as the log keeps it. Its fields are the columns of `call_logs`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CallLog {
    /// The call.
    pub call_id: CallId,
    /// The number of its `call.started`.
    pub first_seq: u64,
    /// The newest event that is reckoned in here.
    pub last_seq: u64,
    /// Whose caller it is.
    pub business_id: Option<String>,
    /// The kind of line.
    pub transport: String,
    /// `inbound` or `outbound`; `None` for a text call.
    pub direction: Option<String>,
    /// Who called.
    pub from_number: Option<String>,
    /// Who was called.
    pub to_number: Option<String>,
    /// Who speaks, or spoke last.
    pub persona: Option<String>,
    /// Whether it is over.
    pub state: LogState,
    /// Why it is over, as the journal writes it.
    pub end_reason: Option<String>,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Turns begun.
    pub turns: u64,
    /// Tokens by model.
    pub usage: ModelUsage,
}

/// Where a row stands in the log: newest first, then by call, then by conversation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogPlace {
    /// When the conversation began.
    pub started_at: Timestamp,
    /// Its call.
    pub call_id: CallId,
    /// The number of its first event.
    pub first_seq: u64,
}

impl CallLog {
    /// Where it stands.
    pub fn place(&self) -> LogPlace {
        LogPlace { started_at: self.started_at, call_id: self.call_id.clone(), first_seq: self.first_seq }
    }
}

/// Which calls are asked for. All that is said must hold.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CallQuery {
    /// Whose.
    pub tenant: Tenant,
    /// Begun at or after.
    pub since: Option<Timestamp>,
    /// Begun before.
    pub until: Option<Timestamp>,
    /// On this kind of line.
    pub transport: Option<String>,
    /// In which this was said, or with such a number.
    pub search: Option<CallSearch>,
    /// Standing after this in the log.
    pub after: Option<LogPlace>,
    /// At most so many; never more than [`MAX_CALLS`].
    pub limit: u32,
}

/// What is searched for: words that were all said at once, by the caller or the persona, whatever their case; or a part
/// of the number of either side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallSearch {
    /// The words, in lower case: letters and digits only.
    pub words: Vec<String>,
    /// The digits, when what is searched for can be a part of a number.
    pub digits: Option<String>,
}

/// Why a text cannot be searched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must hold 1 to {MAX_WORDS} words of letters or digits")]
pub struct SearchError;

impl FromStr for CallSearch {
    type Err = SearchError;

    fn from_str(text: &str) -> Result<Self, SearchError> {
        let words: Vec<_> = text
            .split(|letter: char| !letter.is_alphanumeric())
            .filter(|word| !word.is_empty())
            .map(str::to_lowercase)
            .collect();
        if !(1..=MAX_WORDS).contains(&words.len()) {
            return Err(SearchError);
        }
        let is_number = text.chars().all(|letter| letter.is_ascii_digit() || " +-.()/".contains(letter));
        let digits: String = text.chars().filter(char::is_ascii_digit).collect();
        let digits = (is_number && digits.len() >= FEWEST_DIGITS).then_some(digits);
        Ok(Self { words, digits })
    }
}

/// Where the events of a conversation are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// In the journal of this node.
    Local,
    /// In the user's database, delivered from another journal than this node's.
    Remote {
        /// What that journal is called.
        journal: String,
    },
}

/// A conversation that was found.
#[derive(Debug, Clone, PartialEq)]
pub struct FoundCall {
    /// Its row.
    pub log: CallLog,
    /// Where its events are.
    pub origin: Origin,
    /// The number of its newest event.
    pub newest_seq: u64,
}

/// What waits to be delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Backlog {
    /// Events.
    pub events: u64,
    /// When the oldest of them happened.
    pub oldest: Option<Timestamp>,
}

impl Store {
    /// Conversations, newest first. Those of other nodes are among them when nodes share a database; those of this
    /// node are as its journal has them.
    ///
    /// # Errors
    /// As the backend fails.
    pub async fn calls(&self, query: CallQuery) -> Result<Vec<CallLog>, StoreError> {
        let query = CallQuery { limit: query.limit.clamp(1, MAX_CALLS), ..query };
        match self {
            Self::Embedded(store) => store.calls(query).await,
            Self::Supabase(store) => {
                let (remote, local) =
                    tokio::try_join!(store.calls(&query), store.local().calls(query.clone()))?;
                Ok(merged(remote, local, query.limit))
            }
        }
    }

    /// The conversation of a call that began with this event, or its newest one.
    ///
    /// # Errors
    /// As the backend fails.
    pub async fn call(&self, id: &CallId, first_seq: Option<u64>) -> Result<Option<FoundCall>, StoreError> {
        let local = self.local().call(id.clone(), first_seq).await?;
        match self {
            Self::Supabase(store) if local.is_none() => store.call(id, first_seq).await,
            Self::Embedded(_) | Self::Supabase(_) => Ok(local),
        }
    }

    /// Events of a conversation above `after`, in order, at most `limit`; see [`FoundCall::newest_seq`] for its end.
    ///
    /// # Errors
    /// As the backend fails.
    pub async fn call_events(
        &self,
        call: &FoundCall,
        after: u64,
        limit: usize,
    ) -> Result<Vec<EventRecord>, StoreError> {
        let id = &call.log.call_id;
        let mut events = match (self, &call.origin) {
            (Self::Supabase(store), Origin::Remote { journal }) => {
                store.events_after(journal, id, after, limit).await?
            }
            (Self::Embedded(_) | Self::Supabase(_), _) => self.events_after(id, after, limit).await?,
        };
        events.retain(|event| event.seq <= call.newest_seq);
        Ok(events)
    }

    /// What waits to be delivered; `None` without a database to deliver to.
    ///
    /// # Errors
    /// As the local file fails.
    pub async fn backlog(&self) -> Result<Option<Backlog>, StoreError> {
        match self {
            Self::Embedded(_) => Ok(None),
            Self::Supabase(store) => store.local().backlog().await.map(Some),
        }
    }
}

/// The newest rows of both. What was delivered from this node's journal is not among the remote ones.
fn merged(remote: Vec<CallLog>, local: Vec<CallLog>, limit: u32) -> Vec<CallLog> {
    let mut rows: Vec<_> = remote.into_iter().chain(local).collect();
    rows.sort_by_key(|log| std::cmp::Reverse(log.place()));
    rows.truncate(limit as usize);
    rows
}

impl EventRecord {
    /// The event with what it changes in the log.
    #[must_use]
    pub fn changing(mut self, change: Option<LogChange>) -> Self {
        self.change = change.map(Arc::new);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_searched_for_is_words_and_perhaps_a_number() {
        let search = |text: &str| text.parse::<CallSearch>();
        let words = |text: &str| search(text).unwrap().words;
        assert_eq!(words("  Goat   BROCHETTE!"), ["goat", "brochette"]);
        assert_eq!(words("\"; DROP TABLE call_logs --"), ["drop", "table", "call", "logs"]);
        assert_eq!(words("Ħobż 12.50"), ["ħobż", "12", "50"]);
        assert_eq!(search("+356 7000-0001").unwrap().digits.as_deref(), Some("35670000001"));
        for no_number in ["12", "table 123", "goat"] {
            assert_eq!(search(no_number).unwrap().digits, None, "{no_number}");
        }
        for nothing in ["", " ", "\"*%_\"", &"w ".repeat(MAX_WORDS + 1)] {
            assert_eq!(search(nothing), Err(SearchError), "{nothing}");
        }
    }

    #[test]
    fn rows_of_both_places_are_one_list() {
        let row = |call: &str, second: i64, turns: u64| CallLog {
            call_id: call.parse().unwrap(),
            first_seq: 1,
            last_seq: 1,
            business_id: None,
            transport: "text".into(),
            direction: None,
            from_number: None,
            to_number: None,
            persona: None,
            state: LogState::Live,
            end_reason: None,
            started_at: Timestamp::from_second(second).unwrap(),
            ended_at: None,
            updated_at: Timestamp::from_second(second).unwrap(),
            turns,
            usage: ModelUsage::new(),
        };
        let rows = merged(vec![row("c", 3, 0), row("a", 1, 0)], vec![row("d", 3, 0), row("b", 2, 7)], 3);
        let told: Vec<_> = rows.iter().map(|row| (row.call_id.as_str(), row.turns)).collect();
        assert_eq!(told, [("d", 0), ("c", 0), ("b", 7)]);
    }
}
