//! What the facts of a database mean: what is wrong, and what is only less than it could be. Pure.

use std::error::Error;

use url::Url;

use crate::migrate::MigrationFile;
use crate::store::StoreError;
use crate::store::supabase::{RelationKind, SchemaReport};

const MIGRATE: &str = "run `ai-realtime migrate`, or apply the files of migrations/supabase";

/// What came of the questions; each is one line that says what to do.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Findings {
    /// The service cannot do its work.
    pub problems: Vec<String>,
    /// It can, with less than it could have.
    pub warnings: Vec<String>,
    /// The database told what tables there are: it is worth asking for more.
    pub is_open: bool,
}

/// Judges what the project at `url` told of itself, beside what `files` make of it.
pub(super) fn judge(
    report: Result<SchemaReport, StoreError>,
    url: &Url,
    files: &[MigrationFile],
) -> Findings {
    match report {
        Ok(report) => {
            Findings { problems: problems(&report, files), warnings: warnings(&report), is_open: true }
        }
        Err(error) => Findings { problems: vec![refusal(&error, url)], ..Findings::default() },
    }
}

/// What it means that the database told nothing.
fn refusal(error: &StoreError, url: &Url) -> String {
    match error {
        StoreError::Away(_) | StoreError::Timeout { .. } => format!(
            "SUPABASE_URL: {} cannot be reached ({}): check the URL, and whether the project is paused",
            url.as_str().trim_end_matches('/'),
            innermost(error)
        ),
        StoreError::Denied { code } if code == "42501" => format!(
            "SUPABASE_SERVICE_ROLE_KEY is let in, but may not do what the service does ({code}): use the project's \
             service_role or secret key; if it is that, {MIGRATE}"
        ),
        StoreError::Denied { code } => format!(
            "SUPABASE_SERVICE_ROLE_KEY is refused ({code}): copy the service_role or secret key of this very project"
        ),
        StoreError::Unknown(_) => format!("the project has none of the service's tables yet: {MIGRATE}"),
        StoreError::Open { .. } | StoreError::Unfit { .. } | StoreError::Query(_) => {
            format!("SUPABASE_URL: what answers there is no Supabase project: {}", innermost(error))
        }
    }
}

fn innermost(error: &StoreError) -> String {
    let mut cause: &dyn Error = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

fn problems(report: &SchemaReport, files: &[MigrationFile]) -> Vec<String> {
    let mut problems = Vec::new();
    let newest = files.last().map_or("", |file| file.version);
    let found = report.version.as_str();
    if found < newest {
        problems.push(format!("the tables are at version {found}, this program needs {newest}: {MIGRATE}"));
    } else if found > newest {
        problems.push(format!(
            "the tables are at version {found}, newer than this program's {newest}: start the program that made them"
        ));
    }
    for file in files {
        for name in file.relations() {
            let Some(relation) = report.relations.get(name) else {
                problems.push(format!("`{name}` is missing: apply {file} again"));
                continue;
            };
            if relation.kind == RelationKind::Table && !relation.row_security {
                problems.push(format!(
                    "row-level security of `{name}` is off, so that other keys may reach its rows: `alter table \
                     {name} enable row level security`"
                ));
            }
        }
    }
    problems
}

fn warnings(report: &SchemaReport) -> Vec<String> {
    if report.pgvector {
        return Vec::new();
    }
    vec![
        "the database has no pgvector: knowledge is found by its words alone, not by what they mean; turn the extension \
         `vector` on under Database, Extensions, and paste the migration of knowledge into the SQL editor once more"
            .to_owned(),
    ]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::store::supabase::RelationReport;

    const FILES: &[MigrationFile] = &[
        MigrationFile {
            version: "1",
            name: "first",
            sql: "create table if not exists dishes (id text);\ncreate or replace view hot_dishes as select 1;",
        },
        MigrationFile { version: "2", name: "access", sql: "select 1" },
    ];

    fn url() -> Url {
        Url::parse("https://abc.supabase.co").unwrap()
    }

    fn good() -> SchemaReport {
        let table = RelationReport { kind: RelationKind::Table, row_security: true, columns: Vec::new() };
        let view = RelationReport { kind: RelationKind::View, row_security: false, columns: Vec::new() };
        let relations = BTreeMap::from([("dishes".to_owned(), table), ("hot_dishes".to_owned(), view)]);
        SchemaReport { version: "2".to_owned(), pgvector: true, relations }
    }

    fn problems_of(change: impl Fn(&mut SchemaReport)) -> Vec<String> {
        let mut report = good();
        change(&mut report);
        let findings = judge(Ok(report), &url(), FILES);
        assert!(findings.is_open);
        findings.problems
    }

    #[test]
    fn a_database_in_order_is_passed_in_silence() {
        assert_eq!(judge(Ok(good()), &url(), FILES), Findings { is_open: true, ..Findings::default() });
    }

    #[test]
    fn tables_of_another_version_are_told_with_the_way_there() {
        let old = problems_of(|report| report.version = "1".to_owned());
        assert_eq!(old.len(), 1);
        assert!(old[0].contains("at version 1, this program needs 2: run `ai-realtime migrate`"), "{old:?}");
        let new = problems_of(|report| report.version = "3".to_owned());
        assert!(new[0].contains("newer than this program's 2"), "{new:?}");
    }

    #[test]
    fn a_missing_table_or_view_and_one_that_is_open_are_told_by_name() {
        assert_eq!(
            problems_of(|report| report.relations.clear()),
            [
                "`dishes` is missing: apply 1_first.sql again",
                "`hot_dishes` is missing: apply 1_first.sql again"
            ]
        );
        let open = problems_of(|report| {
            let closed =
                RelationReport { kind: RelationKind::Table, row_security: false, columns: Vec::new() };
            report.relations.insert("dishes".to_owned(), closed);
        });
        assert!(open[0].contains("`alter table dishes enable row level security`"), "{open:?}");
    }

    #[test]
    fn without_pgvector_there_is_a_warning_and_no_problem() {
        let findings = judge(Ok(SchemaReport { pgvector: false, ..good() }), &url(), FILES);
        assert_eq!((findings.problems.len(), findings.warnings.len()), (0, 1));
    }

    #[test]
    fn each_refusal_says_which_setting_to_look_at() {
        let denied = |code: &str| StoreError::Denied { code: code.to_owned() };
        for (error, says) in [
            (StoreError::Timeout { limit_ms: 1 }, "SUPABASE_URL: https://abc.supabase.co cannot be reached"),
            (StoreError::Away("refused".into()), "cannot be reached (refused)"),
            (denied("401"), "SUPABASE_SERVICE_ROLE_KEY is refused (401)"),
            (denied("42501"), "SUPABASE_SERVICE_ROLE_KEY is let in, but"),
            (
                StoreError::Unknown("no function".into()),
                "none of the service's tables yet: run `ai-realtime migrate`",
            ),
            (StoreError::Query("HTTP status 404".into()), "no Supabase project: HTTP status 404"),
        ] {
            let findings = judge(Err(error), &url(), FILES);
            assert!(!findings.is_open);
            assert_eq!(findings.problems.len(), 1);
            assert!(findings.problems[0].contains(says), "{findings:?}");
        }
    }
}
