//! Asks the database of a Supabase project, and the model, whether they are what the service needs: part of
//! `ai-realtime check`.

mod key;
pub mod model;
mod verdict;

use secrecy::{ExposeSecret, SecretString};

pub use verdict::Findings;

use crate::migrate::MIGRATIONS;
use crate::store::Supabase;
use key::KeyKind;

/// Asks the project, and judges what it tells.
pub async fn probe(project: &Supabase, key: &SecretString) -> Findings {
    let kind = KeyKind::of(key.expose_secret());
    if let Some(problem) = kind.problem() {
        return Findings { problems: vec![problem], ..Findings::default() };
    }
    verdict::judge(project.report().await, project.url(), MIGRATIONS)
}
