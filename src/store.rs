//! Where rows live: the tables the tools read, and the journal of every call.
//!
//! One face over the backends. A query is data ([`Select`]), never text: table and column names are checked
//! identifiers, values are bound.

mod bounds;
pub mod business;
pub mod calls;
pub mod directory;
pub mod effect;
pub mod embedded;
mod fold;
pub mod knowledge;
pub mod once;
pub mod record;
pub mod supabase;

use std::path::PathBuf;

pub use business::{BusinessProfile, BusinessRecord, Census, Configuration, OpeningHours, normalised_number};
pub use calls::{Backlog, CallLog, CallQuery, CallSearch, FoundCall, LogChange, LogPlace, LogState};
pub use directory::{Directory, Lookup};
pub use effect::{Cells, Change, Effect, EffectKey, EffectRecord};
pub use embedded::Embedded;
pub use record::{
    Column, EventRecord, Order, Pattern, PatternPart, Row, Scalar, Select, Table, Tenant, Test,
};
pub use supabase::Supabase;

use crate::id::CallId;

/// A select never returns more rows than this, whatever it asks for.
pub const MAX_ROWS: u32 = 1000;
/// A select whose rows hold more than this fails instead of filling the memory: 8 MiB.
pub const MAX_RESULT_BYTES: usize = 8 << 20;

/// The store in force. Cheap to clone: a handle on a pool.
#[derive(Debug, Clone)]
pub enum Store {
    /// SQLite in the data folder; what serves when no database is configured.
    Embedded(Embedded),
    /// The user's Supabase project. The journal stays in the data folder, and is delivered from there.
    Supabase(Supabase),
}

/// Why the store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database file or its folder cannot be used.
    #[error("cannot open the database at {path}")]
    Open {
        /// The file that was to be opened.
        path: PathBuf,
        /// What stood in the way.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The table, or a column of it, is not there or not open to tools.
    #[error("{0}")]
    Unknown(String),
    /// A value does not fit its column, or a rule of the table forbids it; as it is, it never will.
    #[error("the database does not take a value ({code})")]
    Unfit {
        /// Postgres's code, such as `22P02`, or the name of SQLite's.
        code: String,
        /// In the database's words, which may quote the value: for debugging only.
        detail: String,
    },
    /// The database refused the key, or what the key may do.
    #[error(
        "the database refused SUPABASE_SERVICE_ROLE_KEY ({code}): use the project's service-role or secret key"
    )]
    Denied {
        /// PostgREST's code, or the HTTP status.
        code: String,
    },
    /// The database cannot be reached or does not serve now; later it may.
    #[error("the database cannot be reached")]
    Away(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The database refused or failed the query.
    #[error("the database could not answer")]
    Query(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The database did not answer in time.
    #[error("the database did not answer within {limit_ms} ms")]
    Timeout {
        /// The limit that passed, in milliseconds.
        limit_ms: u64,
    },
}

impl StoreError {
    /// Whether the same may work later, unchanged.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Away(_) | Self::Timeout { .. } => true,
            Self::Open { .. }
            | Self::Unknown(_)
            | Self::Unfit { .. }
            | Self::Denied { .. }
            | Self::Query(_) => false,
        }
    }
}

impl Store {
    /// `"embedded"` or `"supabase"`: what `/healthz` calls it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Embedded(_) => "embedded",
            Self::Supabase(_) => "supabase",
        }
    }

    /// Where the store is, for the start-up line; holds no secret.
    pub fn location(&self) -> String {
        match self {
            Self::Embedded(store) => store.path().display().to_string(),
            Self::Supabase(store) => store.url().to_string(),
        }
    }

    /// The file in the data folder: the journal, the outbox and the ledger are always there.
    fn local(&self) -> &Embedded {
        match self {
            Self::Embedded(store) => store,
            Self::Supabase(store) => store.local(),
        }
    }

    /// Answers whether the store can be reached.
    ///
    /// # Errors
    /// [`StoreError::Query`] or [`StoreError::Timeout`] when it cannot.
    pub async fn ping(&self) -> Result<(), StoreError> {
        match self {
            Self::Embedded(store) => store.ping().await,
            Self::Supabase(store) => store.ping().await,
        }
    }

    /// Reads the rows a tool asks for, at most `select.limit` and never more than [`MAX_ROWS`].
    ///
    /// # Errors
    /// [`StoreError::Unknown`] for a table or column that is not there, else as the backend fails; rows of more
    /// than [`MAX_RESULT_BYTES`] are a failure too.
    pub async fn select(&self, select: Select) -> Result<Vec<Row>, StoreError> {
        match self {
            Self::Embedded(store) => store.select(select).await,
            Self::Supabase(store) => store.select(select).await,
        }
    }

    /// The columns of a table tools may read, to check a tool's declaration at start.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] when there is no such table or it belongs to the service itself.
    pub async fn columns(&self, table: Table) -> Result<Vec<String>, StoreError> {
        match self {
            Self::Embedded(store) => store.columns(table).await,
            Self::Supabase(store) => store.columns(table).await,
        }
    }

    /// Writes a batch of call events durably, all or none. An event that is already there (same call, same
    /// `seq`) is left as it is, so a batch may be repeated.
    ///
    /// # Errors
    /// As the backend fails; nothing of the batch is then written. Only after [`StoreError::Timeout`] it may have
    /// been: repeat it.
    pub async fn append_events(&self, events: Vec<EventRecord>) -> Result<(), StoreError> {
        self.local().append_events(events).await
    }

    /// A call's events with `seq` above `after`, in order, at most `limit`.
    ///
    /// # Errors
    /// As the backend fails.
    pub async fn events_after(
        &self,
        call_id: &CallId,
        after: u64,
        limit: usize,
    ) -> Result<Vec<EventRecord>, StoreError> {
        self.local().events_after(call_id.clone(), after, limit).await
    }

    /// The newest event of a call, of one type when `kind` is given.
    ///
    /// # Errors
    /// As the backend fails.
    pub async fn latest_event(
        &self,
        call_id: &CallId,
        kind: Option<&'static str>,
    ) -> Result<Option<EventRecord>, StoreError> {
        self.local().latest_event(call_id.clone(), kind).await
    }
}
