//! The connection to the database, and what is asked over it. Every file is one transaction, in which a lock is held:
//! two migrations at once take turns, and the second finds the first one's work done.
//!
//! Nothing outlives a transaction, so it works through Supabase's poolers, too.

use std::future::Future;
use std::time::Duration;

use tokio_postgres::types::Type;
use tokio_postgres::{Client, Transaction};
use tokio_postgres_rustls::MakeRustlsConnect;
use tokio_util::task::AbortOnDropHandle;

use super::address::{Address, CONNECT_LIMIT};
use super::error::MigrateError;
use super::files::{DemoFile, MigrationFile};
use super::statements::statements;
use super::trust;

/// With all its hosts and its handshakes, a connection must stand within this.
const ENTRY_LIMIT: Duration = CONNECT_LIMIT.saturating_mul(3);
/// The database gives up a statement after 120 s, or after 10 s of waiting for somebody else's lock.
const LIMITS: &str = "SET LOCAL statement_timeout = '120s'; SET LOCAL lock_timeout = '10s'; \
                      SET LOCAL search_path = public, extensions;";
/// We give up a transaction after this, should the database not.
const TRANSACTION_LIMIT: Duration = Duration::from_secs(150);
/// "ai-realt" in ASCII: whoever migrates holds this lock.
const LOCK: i64 = 0x6169_2d72_6561_6c74;
/// As the Supabase CLI makes it.
/// Source: <https://github.com/supabase/cli/blob/develop/pkg/migration/history.go>
const RECORD: &str = "
    CREATE SCHEMA IF NOT EXISTS supabase_migrations;
    CREATE TABLE IF NOT EXISTS supabase_migrations.schema_migrations (version text NOT NULL PRIMARY KEY);
    ALTER TABLE supabase_migrations.schema_migrations ADD COLUMN IF NOT EXISTS statements text[];
    ALTER TABLE supabase_migrations.schema_migrations ADD COLUMN IF NOT EXISTS name text;";

/// A connection; it ends when this is dropped.
pub(super) struct Database {
    client: Client,
    _connection: AbortOnDropHandle<()>,
}

impl Database {
    /// Connects, as `address` says.
    pub(super) async fn connect(address: &Address) -> Result<Self, MigrateError> {
        let place = address.place();
        let tls = MakeRustlsConnect::new(trust::client_config(&address.trust)?);
        let entering = tokio::time::timeout(ENTRY_LIMIT, address.config.connect(tls));
        let entered = entering.await.map_err(|_elapsed| MigrateError::Timeout {
            doing: format!("connecting to {place}"),
            limit_s: ENTRY_LIMIT.as_secs(),
        })?;
        let (client, connection) = entered.map_err(|error| MigrateError::of_connect(place, error))?;
        let carry = async move {
            // Whoever waits for an answer is told of the end, too.
            drop(connection.await);
        };
        Ok(Self { client, _connection: AbortOnDropHandle::new(tokio::spawn(carry)) })
    }

    /// The versions on record; none where there is no record yet.
    pub(super) async fn recorded(&mut self) -> Result<Vec<String>, MigrateError> {
        let doing = "reading the record of migrations";
        in_time(doing, async {
            let failed = |error| MigrateError::of_statement(doing.to_owned(), None, error);
            if !self
                .has("to_regclass($1) IS NOT NULL", "supabase_migrations.schema_migrations")
                .await
                .map_err(failed)?
            {
                return Ok(Vec::new());
            }
            let sql = "SELECT version FROM supabase_migrations.schema_migrations ORDER BY version";
            let rows = self.client.query_typed(sql, &[]).await.map_err(failed)?;
            Ok(rows.iter().map(|row| row.get(0)).collect())
        })
        .await
    }

    /// Applies a file and puts it on record, unless it is there. Tells whether it was applied now.
    pub(super) async fn apply(&mut self, file: &MigrationFile) -> Result<bool, MigrateError> {
        let doing = file.to_string();
        in_time(&doing, async {
            let failed = |sql| {
                let doing = doing.clone();
                move |error| MigrateError::of_statement(doing, sql, error)
            };
            let transaction = self.begin().await.map_err(failed(None))?;
            transaction.batch_execute(RECORD).await.map_err(failed(None))?;
            if is_recorded(&transaction, file.version).await.map_err(failed(None))? {
                return Ok(false);
            }
            transaction.batch_execute(file.sql).await.map_err(failed(Some(file.sql)))?;
            record(&transaction, file).await.map_err(failed(None))?;
            transaction.commit().await.map_err(failed(None))?;
            Ok(true)
        })
        .await
    }

    /// Fills in demo rows, unless their table has rows. Tells whether they were filled in now.
    pub(super) async fn fill_in(&mut self, file: &DemoFile) -> Result<bool, MigrateError> {
        let doing = format!("the demo rows of {}", file.table);
        in_time(&doing, async {
            let failed = |error| MigrateError::of_statement(doing.clone(), None, error);
            let transaction = self.begin().await.map_err(failed)?;
            let sql = format!("SELECT EXISTS (SELECT FROM public.{})", file.table);
            let rows = transaction.query_typed(&sql, &[]).await.map_err(failed)?;
            if rows.first().is_some_and(|row| row.get(0)) {
                return Ok(false);
            }
            transaction.batch_execute(file.sql).await.map_err(failed)?;
            transaction.commit().await.map_err(failed)?;
            Ok(true)
        })
        .await
    }

    /// Lets PostgREST read the schema anew.
    pub(super) async fn announce(&mut self) -> Result<(), MigrateError> {
        let doing = "telling PostgREST";
        let sql = "NOTIFY pgrst, 'reload schema'";
        in_time(doing, async {
            self.client
                .batch_execute(sql)
                .await
                .map_err(|error| MigrateError::of_statement(doing.to_owned(), None, error))
        })
        .await
    }

    async fn begin(&mut self) -> Result<Transaction<'_>, tokio_postgres::Error> {
        let transaction = self.client.transaction().await?;
        transaction.batch_execute(&format!("{LIMITS} SELECT pg_advisory_xact_lock({LOCK});")).await?;
        Ok(transaction)
    }

    async fn has(&self, condition: &str, name: &str) -> Result<bool, tokio_postgres::Error> {
        let rows = self.client.query_typed(&format!("SELECT {condition}"), &[(&name, Type::TEXT)]).await?;
        Ok(rows.first().is_some_and(|row| row.get(0)))
    }
}

async fn is_recorded(transaction: &Transaction<'_>, version: &str) -> Result<bool, tokio_postgres::Error> {
    let sql = "SELECT FROM supabase_migrations.schema_migrations WHERE version = $1";
    Ok(!transaction.query_typed(sql, &[(&version, Type::TEXT)]).await?.is_empty())
}

async fn record(transaction: &Transaction<'_>, file: &MigrationFile) -> Result<(), tokio_postgres::Error> {
    let sql =
        "INSERT INTO supabase_migrations.schema_migrations (version, name, statements) VALUES ($1, $2, $3)";
    let statements = statements(file.sql);
    let values: [(&(dyn tokio_postgres::types::ToSql + Sync), Type); 3] =
        [(&file.version, Type::TEXT), (&file.name, Type::TEXT), (&statements, Type::TEXT_ARRAY)];
    transaction.execute_typed(sql, &values).await.map(drop)
}

async fn in_time<T>(
    doing: &str,
    work: impl Future<Output = Result<T, MigrateError>>,
) -> Result<T, MigrateError> {
    tokio::time::timeout(TRANSACTION_LIMIT, work).await.unwrap_or_else(|_elapsed| {
        Err(MigrateError::Timeout { doing: doing.to_owned(), limit_s: TRANSACTION_LIMIT.as_secs() })
    })
}
