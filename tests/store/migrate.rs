//! `ai-realtime migrate` on databases that nobody else uses.

use ai_realtime::migrate::{self, MIGRATIONS, MigrateArgs, MigrateError, MigrationFile, Step};
use secrecy::SecretString;
use tokio_postgres::{Client, NoTls};
use url::Url;

use crate::stand::Stand;

const DEMO: MigrateArgs = MigrateArgs { demo: true, dry_run: false };
const DRY_RUN: MigrateArgs = MigrateArgs { demo: true, dry_run: true };
const NOTHING_MORE: MigrateArgs = MigrateArgs { demo: false, dry_run: false };

#[tokio::test]
#[ignore = "needs PostgREST"]
async fn an_empty_database_gets_every_table_once_and_the_record_says_so() {
    let (client, url) = new_database().await;
    let (applied, steps) = run(&url, MIGRATIONS, NOTHING_MORE).await.unwrap();
    assert_eq!(applied, MIGRATIONS.len());
    assert_eq!(steps, MIGRATIONS.iter().map(|file| Step::Applied(*file)).collect::<Vec<_>>());
    let record: Vec<(String, String, Vec<String>)> = client
        .query(
            "SELECT version, name, statements FROM supabase_migrations.schema_migrations ORDER BY version",
            &[],
        )
        .await
        .unwrap()
        .iter()
        .map(|row| (row.get(0), row.get(1), row.get(2)))
        .collect();
    for (file, (version, name, statements)) in MIGRATIONS.iter().zip(&record) {
        assert_eq!((file.version, file.name), (version.as_str(), name.as_str()));
        assert!(statements.iter().all(|one| file.sql.contains(one.as_str())), "{file}");
    }
    assert_eq!(record.len(), MIGRATIONS.len());
    assert_eq!(run(&url, MIGRATIONS, NOTHING_MORE).await.unwrap(), (0, vec![]));
}

#[tokio::test]
#[ignore = "needs PostgREST"]
async fn files_that_were_pasted_in_are_applied_again_without_harm() {
    let (client, url) = new_database().await;
    for file in MIGRATIONS {
        client.batch_execute(file.sql).await.unwrap();
    }
    let (applied, _) = run(&url, MIGRATIONS, DEMO).await.unwrap();
    assert_eq!(applied, MIGRATIONS.len());
    assert!(count(&client, "menu_items").await > 40);
}

#[tokio::test]
#[ignore = "needs PostgREST"]
async fn each_file_alone_can_be_applied_twice() {
    let (client, url) = new_database().await;
    run(&url, MIGRATIONS, DEMO).await.unwrap();
    for file in MIGRATIONS {
        client.batch_execute(file.sql).await.unwrap_or_else(|error| panic!("{file}: {error:?}"));
    }
}

#[tokio::test]
#[ignore = "needs PostgREST"]
async fn two_at_once_take_turns() {
    let (_client, url) = new_database().await;
    let (one, other) = tokio::join!(run(&url, MIGRATIONS, NOTHING_MORE), run(&url, MIGRATIONS, NOTHING_MORE));
    assert_eq!(one.unwrap().0 + other.unwrap().0, MIGRATIONS.len());
}

#[tokio::test]
#[ignore = "needs PostgREST"]
async fn a_file_that_fails_leaves_nothing_behind_and_those_before_it_stay() {
    let (client, url) = new_database().await;
    let files = [
        MigrationFile { version: "1", name: "good", sql: "create table good (id int)" },
        MigrationFile {
            version: "2",
            name: "bad",
            sql: "create table bad (id int);\n\nalter table nowhere add column x int;",
        },
        MigrationFile { version: "3", name: "later", sql: "create table later (id int)" },
    ];
    let error = run(&url, &files, NOTHING_MORE).await.unwrap_err();
    let said = error.to_string();
    assert!(said.starts_with("2_bad.sql: relation \"nowhere\" does not exist (42P01)"), "{said}");
    assert!(has_table(&client, "good").await);
    assert!(!has_table(&client, "bad").await && !has_table(&client, "later").await);
    let mended = [files[0], MigrationFile { sql: "create table bad (id int)", ..files[1] }, files[2]];
    assert_eq!(run(&url, &mended, NOTHING_MORE).await.unwrap().0, 2);
}

#[tokio::test]
#[ignore = "needs PostgREST"]
async fn a_mistake_in_a_file_is_told_with_its_line() {
    let (_client, url) = new_database().await;
    let file = MigrationFile {
        version: "1",
        name: "typo",
        sql: "create table ü (id int);\ncreate tabel b (id int);",
    };
    let error = run(&url, &[file], NOTHING_MORE).await.unwrap_err().to_string();
    assert!(error.starts_with("1_typo.sql, line 2: syntax error"), "{error}");
}

#[tokio::test]
#[ignore = "needs PostgREST"]
async fn a_dry_run_lists_and_changes_nothing() {
    let (client, url) = new_database().await;
    let (would, steps) = run(&url, MIGRATIONS, DRY_RUN).await.unwrap();
    assert_eq!(would, MIGRATIONS.len());
    assert_eq!(steps, MIGRATIONS.iter().map(|file| Step::WouldApply(*file)).collect::<Vec<_>>());
    assert!(!has_table(&client, "menu_items").await);
    assert!(!has_table(&client, "supabase_migrations.schema_migrations").await);
}

#[tokio::test]
#[ignore = "needs PostgREST"]
async fn demo_rows_come_once_and_never_beside_rows_of_the_user() {
    let (client, url) = new_database().await;
    run(&url, MIGRATIONS, NOTHING_MORE).await.unwrap();
    client
        .batch_execute("INSERT INTO tax_rules (id, jurisdiction, topic, rule, authority) VALUES ('a', 'EU', 'b', 'c', 'd')")
        .await
        .unwrap();
    let (_, steps) = run(&url, MIGRATIONS, DEMO).await.unwrap();
    assert!(steps.iter().any(|step| matches!(step, Step::FilledIn(file) if file.table == "menu_items")));
    assert!(steps.iter().any(|step| matches!(step, Step::LeftOut(file) if file.table == "tax_rules")));
    let items = count(&client, "menu_items").await;
    let (_, steps) = run(&url, MIGRATIONS, DEMO).await.unwrap();
    assert!(steps.iter().all(|step| matches!(step, Step::LeftOut(_))), "{steps:?}");
    assert_eq!((count(&client, "menu_items").await, count(&client, "tax_rules").await), (items, 1));
}

#[tokio::test]
#[ignore = "needs PostgREST"]
async fn a_table_of_the_users_own_with_one_of_our_names_is_left_as_it_was() {
    let (client, url) = new_database().await;
    run(&url, MIGRATIONS, NOTHING_MORE).await.unwrap();
    let made = client.query(
        "SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'",
        &[],
    );
    for row in made.await.unwrap() {
        let table: String = row.get(0);
        let (client, url) = new_database().await;
        client.batch_execute(&format!("CREATE TABLE {table} (mine int)")).await.unwrap();
        let error = run(&url, MIGRATIONS, NOTHING_MORE).await.expect_err(&table);
        assert!(matches!(error, MigrateError::Statement { .. }), "{table}: {error:?}");
        let sql = "SELECT relrowsecurity, relnatts = 1, has_table_privilege('anon', oid, 'SELECT')
                   FROM pg_class WHERE oid = to_regclass($1)";
        let row = client.query_one(sql, &[&table]).await.unwrap();
        assert_eq!((row.get(0), row.get(1), row.get(2)), (false, true, true), "{table}");
    }
}

#[tokio::test]
#[ignore = "needs PostgREST"]
async fn every_table_and_column_says_what_it_is() {
    let (client, url) = new_database().await;
    run(&url, MIGRATIONS, NOTHING_MORE).await.unwrap();
    let silent: Vec<String> = client
        .query(
            "SELECT relname || coalesce('.' || attname, '') FROM pg_class
             LEFT JOIN pg_attribute ON attrelid = pg_class.oid AND attnum >= 0 AND NOT attisdropped
             WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v')
               AND (col_description(pg_class.oid, attnum) IS NULL OR obj_description(pg_class.oid) IS NULL)",
            &[],
        )
        .await
        .unwrap()
        .iter()
        .map(|row| row.get(0))
        .collect();
    assert!(silent.is_empty(), "without a comment: {silent:?}");
}

#[tokio::test]
#[ignore = "needs PostgREST"]
async fn nobody_but_the_service_may_touch_a_table_or_call_a_function() {
    let (client, url) = new_database().await;
    run(&url, MIGRATIONS, NOTHING_MORE).await.unwrap();
    let open: Vec<String> = client
        .query(
            "SELECT relname::text FROM pg_class, unnest(ARRAY['anon', 'authenticated']) AS who
             WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v')
               AND (has_table_privilege(who, pg_class.oid, 'SELECT, INSERT, UPDATE, DELETE')
                    OR (relkind = 'r' AND NOT relrowsecurity)
                    OR NOT has_table_privilege('service_role', pg_class.oid, 'SELECT'))
             UNION
             SELECT proname::text FROM pg_proc, unnest(ARRAY['anon', 'authenticated']) AS who
             WHERE pronamespace = 'public'::regnamespace AND has_function_privilege(who, pg_proc.oid, 'EXECUTE')",
            &[],
        )
        .await
        .unwrap()
        .iter()
        .map(|row| row.get(0))
        .collect();
    assert!(open.is_empty(), "open to others, or closed to the service: {open:?}");
}

#[tokio::test]
#[ignore = "needs PostgREST"]
async fn who_is_not_let_in_is_told_why_and_never_the_password() {
    let (client, url) = new_database().await;
    let with = |change: &dyn Fn(&mut Url)| {
        let mut url = url.clone();
        change(&mut url);
        url
    };
    let wrong = with(&|url| url.set_password(Some("hunter2-wrong")).unwrap());
    let error = run(&wrong, MIGRATIONS, NOTHING_MORE).await.unwrap_err();
    assert!(matches!(&error, MigrateError::Refused { code, .. } if code == "28P01"), "{error:?}");
    let nowhere = with(&|url| url.set_path("/nowhere"));
    let error = run(&nowhere, MIGRATIONS, NOTHING_MORE).await.unwrap_err();
    assert!(matches!(&error, MigrateError::Refused { code, .. } if code == "3D000"), "{error:?}");
    let deaf = with(&|url| url.set_port(Some(1)).unwrap());
    let error = run(&deaf, MIGRATIONS, NOTHING_MORE).await.unwrap_err();
    assert!(error.to_string().ends_with("127.0.0.1:1"), "{error}");

    let guest = format!("guest_{}", uuid::Uuid::now_v7().simple());
    client.batch_execute(&format!("CREATE ROLE {guest} LOGIN PASSWORD 'hunter2-guest'")).await.unwrap();
    let guest = with(&|url| {
        url.set_username(&guest).unwrap();
        url.set_password(Some("hunter2-guest")).unwrap();
    });
    let forbidden = run(&guest, MIGRATIONS, NOTHING_MORE).await.unwrap_err();
    assert!(matches!(&forbidden, MigrateError::Forbidden { code, .. } if code == "42501"), "{forbidden:?}");
    for told in [format!("{error:?} {error}"), format!("{forbidden:?} {forbidden}")] {
        assert!(!told.contains("hunter2"), "{told}");
    }
}

#[tokio::test]
#[ignore = "needs PostgREST"]
async fn the_connection_is_encrypted_and_verified_as_sslmode_asks() {
    let (_client, url) = new_database().await;
    let stand = Stand::find();
    let with = |host: &str, query: &str| {
        let mut url = url.clone();
        url.set_host(Some(host)).unwrap();
        url.set_query(Some(query));
        url
    };
    let Some(certificate) = stand.certificate.as_deref() else {
        assert!(!stand.is_plain);
        let error = run(&with("127.0.0.1", "sslmode=require"), MIGRATIONS, DRY_RUN).await.unwrap_err();
        assert!(matches!(error, MigrateError::Connect { .. }), "{error:?}");
        run(&with("127.0.0.1", "sslmode=prefer"), MIGRATIONS, DRY_RUN).await.unwrap();
        return;
    };
    for (host, query, is_let_in) in [
        ("127.0.0.1", "sslmode=disable".to_owned(), true),
        ("127.0.0.1", "sslmode=prefer".to_owned(), true),
        ("127.0.0.1", "sslmode=require".to_owned(), true),
        ("127.0.0.1", format!("sslmode=verify-ca&sslrootcert={certificate}"), true),
        ("localhost", format!("sslmode=verify-full&sslrootcert={certificate}"), true),
        ("127.0.0.1", format!("sslmode=verify-full&sslrootcert={certificate}"), false),
        ("localhost", "sslmode=verify-full".to_owned(), false),
        ("localhost", "sslmode=verify-ca".to_owned(), false),
    ] {
        let done = run(&with(host, &query), MIGRATIONS, DRY_RUN).await;
        assert_eq!(done.is_ok(), is_let_in, "{host} {query}: {done:?}");
    }
}

async fn run(
    url: &Url,
    files: &[MigrationFile],
    args: MigrateArgs,
) -> Result<(usize, Vec<Step>), MigrateError> {
    let mut steps = Vec::new();
    let url = SecretString::from(url.as_str());
    migrate::run(Some(&url), files, args, |step| steps.push(step)).await.map(|applied| (applied, steps))
}

/// A database of its own in the stand's cluster, a connection to it, and its address.
async fn new_database() -> (Client, Url) {
    let mut url: Url = Stand::find().database_url.parse().unwrap();
    let name = format!("migrate_{}", uuid::Uuid::now_v7().simple());
    connect(&url).await.batch_execute(&format!("CREATE DATABASE {name}")).await.unwrap();
    url.set_path(&name);
    (connect(&url).await, url)
}

async fn connect(url: &Url) -> Client {
    let (client, connection) = tokio_postgres::connect(url.as_str(), NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

async fn count(client: &Client, table: &str) -> i64 {
    client.query_one(&format!("SELECT count(*) FROM {table}"), &[]).await.unwrap().get(0)
}

async fn has_table(client: &Client, name: &str) -> bool {
    client.query_one("SELECT to_regclass($1) IS NOT NULL", &[&name]).await.unwrap().get(0)
}
