//! The store against the databases it is made for: the embedded one, and a Supabase project, which
//! `tests/services/stand.py` puts up for the tests that are ignored without it. `make test-services` runs them all.

#![allow(clippy::unwrap_used, clippy::expect_used)] // helpers of a test are not seen as tests

mod check;
mod contract;
mod door;
mod lost_answers;
mod migrate;
mod outbox;
mod stand;
