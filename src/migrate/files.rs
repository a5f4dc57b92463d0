//! The migrations and the demo rows, as they are built into the program.

/// One file of `migrations/supabase`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MigrationFile {
    /// The digits its name begins with; files are applied in this order.
    pub version: &'static str,
    /// The rest of its name, without `.sql`.
    pub name: &'static str,
    /// What it holds. It can be applied again without harm.
    pub sql: &'static str,
}

impl MigrationFile {
    /// The tables and views that the file makes.
    pub fn relations(&self) -> impl Iterator<Item = &'static str> {
        self.sql.lines().filter_map(|line| {
            let rest = ["create table if not exists ", "create or replace view "]
                .into_iter()
                .find_map(|beginning| line.strip_prefix(beginning))?;
            rest.trim_start_matches("public.").split([' ', '(']).next()
        })
    }
}

impl std::fmt::Display for MigrationFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}_{}.sql", self.version, self.name)
    }
}

/// One file of `migrations/demo`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DemoFile {
    /// The table that is looked at: where it has rows, the file is left out.
    pub table: &'static str,
    /// Plain `INSERT`s.
    pub sql: &'static str,
}

macro_rules! migration {
    ($version:literal, $name:literal) => {
        MigrationFile {
            version: $version,
            name: $name,
            sql: include_str!(concat!("../../migrations/supabase/", $version, "_", $name, ".sql")),
        }
    };
}

macro_rules! demo {
    ($number:literal, $table:literal) => {
        DemoFile {
            table: $table,
            sql: include_str!(concat!("../../migrations/demo/", $number, "_", $table, ".sql")),
        }
    };
}

/// All migrations, in their order.
pub const MIGRATIONS: &[MigrationFile] = &[
    migration!("20261121000100", "domain"),
    migration!("20261121000200", "businesses"),
    migration!("20261121000300", "records"),
    migration!("20261121000400", "knowledge"),
    migration!("20261121000500", "effects"),
    migration!("20261121009000", "access"),
];

/// All demo rows, in an order that satisfies the references.
pub const DEMO_ROWS: &[DemoFile] = &[
    demo!("0001", "menu_items"),
    demo!("0002", "pairings"),
    demo!("0003", "gl_lines"),
    demo!("0004", "tax_rules"),
    demo!("0005", "businesses"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::migrate::statements::statements;

    fn names_in(folder: &str) -> Vec<String> {
        let entries = std::fs::read_dir(folder).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn every_file_of_the_folders_is_built_in_in_its_order() {
        let migrations: Vec<_> = MIGRATIONS.iter().map(ToString::to_string).collect();
        assert_eq!(migrations, names_in("migrations/supabase"));
        let demo: Vec<_> =
            (1..).zip(DEMO_ROWS).map(|(n, file)| format!("{n:04}_{}.sql", file.table)).collect();
        assert_eq!(demo, names_in("migrations/demo"));
    }

    #[test]
    fn no_file_begins_or_ends_a_transaction_of_its_own() {
        for file in MIGRATIONS {
            for statement in statements(file.sql) {
                let word = statement.lines().find(|line| !line.starts_with("--") && !line.is_empty());
                let word =
                    word.and_then(|line| line.split_whitespace().next()).unwrap_or_default().to_lowercase();
                let allowed =
                    ["alter", "comment", "create", "do", "drop", "grant", "insert", "notify", "revoke"];
                assert!(allowed.contains(&word.as_str()), "{file}: {word}: {statement}");
            }
        }
    }

    #[test]
    fn the_tables_and_views_of_a_file_are_known() {
        let domain: Vec<_> = MIGRATIONS[0].relations().collect();
        assert_eq!(domain, ["menu_items", "pairings", "pairing_details", "gl_lines", "tax_rules"]);
        for file in MIGRATIONS {
            let made = |line: &&str| {
                let line = line.trim_start().to_lowercase();
                line.starts_with("create table") || (line.starts_with("create") && line.contains(" view "))
            };
            assert_eq!(file.relations().count(), file.sql.lines().filter(made).count(), "{file}");
        }
    }

    #[test]
    fn the_last_file_tells_its_own_version() {
        let last = MIGRATIONS.last().unwrap();
        assert!(last.sql.contains(&format!("'version', '{}'", last.version)), "{last}");
    }
}
