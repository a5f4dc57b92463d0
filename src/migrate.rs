//! Brings the tables of a Supabase project up to date: `ai-realtime migrate`. The only part that speaks to Postgres
//! itself; the service goes through PostgREST.

mod address;
mod database;
mod error;
mod files;
mod statements;
mod trust;

use std::fmt;

use clap::Args;
use secrecy::SecretString;

pub use address::AddressError;
pub use error::MigrateError;
pub use files::{DEMO_ROWS, DemoFile, MIGRATIONS, MigrationFile};
pub use trust::TrustError;

use address::Address;
use database::Database;

/// What `ai-realtime migrate` is asked for.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct MigrateArgs {
    /// Also fill in the demo rows, where their table is empty.
    #[arg(long)]
    pub demo: bool,
    /// Change nothing: list what would be applied.
    #[arg(long)]
    pub dry_run: bool,
}

/// What was done with one file; a line for whoever looks on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A migration was applied and put on record.
    Applied(MigrationFile),
    /// A migration would have been applied.
    WouldApply(MigrationFile),
    /// Demo rows were filled in.
    FilledIn(DemoFile),
    /// The table has rows, so that its demo rows were left out.
    LeftOut(DemoFile),
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Applied(file) => write!(f, "{file} applied"),
            Self::WouldApply(file) => write!(f, "{file} is to be applied"),
            Self::FilledIn(file) => write!(f, "{}: demo rows filled in", file.table),
            Self::LeftOut(file) => write!(f, "{}: has rows, so no demo rows", file.table),
        }
    }
}

/// Applies those of `files` that are not on record, in their order, and with [`MigrateArgs::demo`] fills in the demo
/// rows. `tell` hears of each file as it is done. Gives how many migrations were applied, or would be.
///
/// # Errors
/// [`MigrateError`]; the file it came to is then not applied at all, and those before it are.
pub async fn run(
    url: Option<&SecretString>,
    files: &[MigrationFile],
    args: MigrateArgs,
    mut tell: impl FnMut(Step),
) -> Result<usize, MigrateError> {
    let address = Address::parse(url.ok_or(MigrateError::NoAddress)?)?;
    let mut database = Database::connect(&address).await?;
    let recorded = database.recorded().await?;
    let missing = files.iter().filter(|file| !recorded.iter().any(|version| version == file.version));
    let mut applied = 0;
    for file in missing {
        if args.dry_run {
            tell(Step::WouldApply(*file));
            applied += 1;
        } else if database.apply(file).await? {
            tell(Step::Applied(*file));
            applied += 1;
        }
    }
    if args.dry_run {
        return Ok(applied);
    }
    if args.demo {
        for rows in DEMO_ROWS {
            let filled_in = database.fill_in(rows).await?;
            tell(if filled_in { Step::FilledIn(*rows) } else { Step::LeftOut(*rows) });
        }
    }
    database.announce().await?;
    Ok(applied)
}
