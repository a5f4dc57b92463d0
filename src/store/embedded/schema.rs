//! Brings a database file up to the tables of this version, and fills in the demo rows of a new one.

use rusqlite::Connection;
use rusqlite_migration::{Error as MigrationError, M, MigrationDefinitionError, Migrations};

/// In the order they are applied; only ever added to. The file's `user_version` says how many it has had.
const MIGRATIONS: &[M<'static>] = &[
    M::up(include_str!("../../../migrations/embedded/0001_domain.sql")),
    M::up(include_str!("../../../migrations/embedded/0002_journal.sql")),
    M::up(include_str!("../../../migrations/embedded/0003_businesses.sql")),
    M::up(include_str!("../../../migrations/embedded/0004_menu_words.sql")),
    M::up(include_str!("../../../migrations/embedded/0005_records.sql")),
    M::up(include_str!("../../../migrations/embedded/0006_knowledge.sql")),
    M::up(include_str!("../../../migrations/embedded/0007_effects.sql")),
    M::up(include_str!("../../../migrations/embedded/0008_journal_name.sql")),
    M::up(include_str!("../../../migrations/embedded/0009_once.sql")),
];

/// Demo rows that are filled in together, once in the life of a file.
pub(super) struct DemoRows {
    /// What `service_meta` remembers them by.
    mark: &'static str,
    /// Plain `INSERT`s, the same for every backend, in an order that satisfies the references.
    pub(super) files: &'static [&'static str],
}

/// Only ever added to: a file that has the earlier ones gets the new ones, too.
pub(super) const DEMO_ROWS: &[DemoRows] = &[
    DemoRows {
        mark: "demo_rows",
        files: &[
            include_str!("../../../migrations/demo/0001_menu_items.sql"),
            include_str!("../../../migrations/demo/0002_pairings.sql"),
            include_str!("../../../migrations/demo/0003_gl_lines.sql"),
            include_str!("../../../migrations/demo/0004_tax_rules.sql"),
        ],
    },
    DemoRows {
        mark: "demo_rows.businesses",
        files: &[include_str!("../../../migrations/demo/0005_businesses.sql")],
    },
];

/// Why the tables could not be brought up to date.
#[derive(Debug, thiserror::Error)]
pub(super) enum SchemaError {
    #[error(
        "the file was written by a newer version of ai-realtime (its tables are at version {found}, this program \
         knows {known}): start that version, or choose another folder"
    )]
    Newer { found: i64, known: usize },
    #[error("cannot bring the tables up to date")]
    Migrate(#[source] MigrationError),
    #[error("cannot fill in the demo rows")]
    Demo(#[source] rusqlite::Error),
}

/// Applies the migrations the file has not had, all or none, then the demo rows that it never had: rows that a user
/// deleted stay deleted.
///
/// # Errors
/// [`SchemaError`]; the file is then as it was.
pub(super) fn prepare(connection: &mut Connection) -> Result<(), SchemaError> {
    Migrations::from_slice(MIGRATIONS).to_latest(connection).map_err(|error| match error {
        MigrationError::MigrationDefinition(MigrationDefinitionError::DatabaseTooFarAhead) => {
            let found = connection.pragma_query_value(None, "user_version", |row| row.get(0));
            SchemaError::Newer { found: found.unwrap_or_default(), known: MIGRATIONS.len() }
        }
        error => SchemaError::Migrate(error),
    })?;
    fill_in_demo_rows(connection).map_err(SchemaError::Demo)
}

/// What the journal of this file is called: the same as long as the file lives, and no other's.
///
/// # Errors
/// As SQLite fails.
pub(super) fn journal_name(connection: &Connection) -> rusqlite::Result<String> {
    connection.query_row("SELECT value FROM service_meta WHERE key = 'journal'", [], |row| row.get(0))
}

fn fill_in_demo_rows(connection: &mut Connection) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    let mark = "INSERT INTO service_meta (key, value) VALUES (?, '1') ON CONFLICT (key) DO NOTHING";
    for rows in DEMO_ROWS {
        if transaction.execute(mark, [rows.mark])? == 1 {
            rows.files.iter().try_for_each(|file| transaction.execute_batch(file))?;
        }
    }
    transaction.commit()
}

/// Brings an empty file to where the version before the call log left it.
#[cfg(test)]
pub(super) fn prepare_before_records(connection: &mut Connection) {
    Migrations::from_slice(&MIGRATIONS[..4]).to_latest(connection).unwrap();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_migrations_apply_and_their_references_hold() {
        Migrations::from_slice(MIGRATIONS).validate().unwrap();
    }

    fn count(connection: &Connection, table: &str) -> i64 {
        connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
    }

    #[test]
    fn a_file_of_the_version_before_gets_the_new_rows_once_and_keeps_its_own() {
        let mut connection = Connection::open_in_memory().unwrap();
        Migrations::from_slice(&MIGRATIONS[..2]).to_latest(&mut connection).unwrap();
        connection.execute_batch("INSERT INTO service_meta (key, value) VALUES ('demo_rows', '1')").unwrap();
        prepare(&mut connection).unwrap();
        assert_eq!((count(&connection, "menu_items"), count(&connection, "businesses")), (0, 3));
        connection.execute_batch("DELETE FROM businesses WHERE id <> 'agaseke-kigali'").unwrap();
        prepare(&mut connection).unwrap();
        assert_eq!((count(&connection, "businesses"), count(&connection, "configurations")), (1, 0));
    }

    #[test]
    fn a_file_of_a_newer_version_is_refused_in_words() {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.pragma_update(None, "user_version", 99).unwrap();
        let error = prepare(&mut connection).unwrap_err();
        let known = format!("tables are at version 99, this program knows {}", MIGRATIONS.len());
        assert!(error.to_string().contains(&known), "{error}");
    }
}
