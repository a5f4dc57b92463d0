//! The user's Supabase project, through PostgREST.
//!
//! What has to be safe before anything else goes on (the journal, the outbox, the ledger of tools) stays in the
//! embedded file and is delivered from there.

mod answer;
mod business;
mod calls;
mod effect;
mod filter;
mod knowledge;
mod pattern;
mod report;
mod rest;
mod rows;
mod shape;

use std::fmt;

use secrecy::SecretString;
use url::Url;

pub use self::report::{ColumnReport, RelationKind, RelationReport, SchemaReport};
use self::rest::Rest;
use self::shape::Schemas;
use super::{Embedded, StoreError};

/// A handle on the project. Cheap to clone.
#[derive(Clone)]
pub struct Supabase {
    rest: Rest,
    schemas: Schemas,
    local: Embedded,
    /// What was read of businesses lately.
    businesses: business::Cache,
}

impl fmt::Debug for Supabase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Supabase").field(&self.url().as_str()).finish()
    }
}

impl Supabase {
    /// A handle on the project at `url` (`SUPABASE_URL`), which is entered with its service-role or secret key.
    /// Nothing is asked of it yet.
    ///
    /// # Errors
    /// [`StoreError::Query`] when no client can be made.
    pub fn new(url: &Url, key: &SecretString, local: Embedded) -> Result<Self, StoreError> {
        Ok(Self {
            rest: Rest::new(url, key)?,
            schemas: Schemas::default(),
            local,
            businesses: business::Cache::default(),
        })
    }

    /// Where the project is.
    pub fn url(&self) -> &Url {
        self.rest.url()
    }

    /// The file in the data folder.
    pub fn local(&self) -> &Embedded {
        &self.local
    }
}
