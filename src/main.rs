//! The command line.

use std::future::Future;
use std::process::ExitCode;

use ai_realtime::app::{self, App};
use ai_realtime::caller::{self, CallArgs};
use ai_realtime::check::{self, Findings};
use ai_realtime::config::Config;
use ai_realtime::migrate::{self, MIGRATIONS, MigrateArgs};
use ai_realtime::rehearsal::{RehearsalArgs, RehearsalOptions};
use ai_realtime::store::{Directory, Store};
use ai_realtime::telemetry::Telemetry;
use anyhow::Context;
use clap::{Parser, Subcommand};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Stands between a business's callers and OpenAI's Realtime API: calls, personas, tools, handoffs.
///
/// Settings come from the environment or from `.env`; `.env.example` explains every one. Without OPENAI_API_KEY
/// the built-in rehearsal model answers, and everything works with no key and no network.
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve (the default).
    Serve,
    /// Check the settings, the persona files, the store and the model, and exit: 0 when all is well, 1 when not.
    Check,
    /// Make or bring up to date the tables of the Supabase project whose Postgres is at DATABASE_URL.
    Migrate(MigrateArgs),
    /// Run the rehearsal model alone: a WebSocket server that speaks OpenAI's Realtime protocol.
    Rehearsal(RehearsalArgs),
    /// Call the service as Twilio would: stream a WAV file, hear the answer, tell what happened when.
    Call(Box<CallArgs>),
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Cli::parse().command.unwrap_or(Command::Serve)).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            for line in told(&error).lines() {
                eprintln!("ai-realtime: {line}");
            }
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command) -> anyhow::Result<()> {
    read_dotenv()?;
    match command {
        Command::Serve => serve().await,
        Command::Check => check().await,
        Command::Migrate(args) => migrate(args).await,
        Command::Rehearsal(args) => rehearse(args).await,
        Command::Call(args) => caller::run(args.or_settings(|name| std::env::var(name).ok())).await,
    }
}

/// Puts what `.env` holds into the environment, where it does not stand already.
fn read_dotenv() -> anyhow::Result<()> {
    match dotenvy::dotenv() {
        Ok(_) => Ok(()),
        Err(error) if error.not_found() => Ok(()),
        // The error quotes the line, which may hold a key: the variable before it says where to look.
        Err(dotenvy::Error::LineParse(..)) => {
            let good = dotenvy::dotenv_iter()?.map_while(Result::ok).last();
            let place =
                good.map_or_else(|| "at its beginning".to_owned(), |(name, _)| format!("after {name}"));
            anyhow::bail!(
                ".env cannot be read {place}: write NAME=value, and put a value with spaces or `#` in quotes"
            )
        }
        Err(error) => Err(error).context(".env cannot be read"),
    }
}

/// An error with its causes; a cause that the words before it hold already is not told again.
fn told(error: &anyhow::Error) -> String {
    let mut told = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !told.contains(&cause) {
            told.push_str(": ");
            told.push_str(&cause);
        }
    }
    told
}

fn load_config() -> anyhow::Result<Config> {
    Ok(Config::load(|name| std::env::var(name).ok())?)
}

async fn serve() -> anyhow::Result<()> {
    // Before anyone can know that the service is there.
    let stop = stop_signal()?;
    let config = load_config()?;
    let telemetry = Telemetry::install(&config.log_filter)?;
    let warnings = config.warnings().to_vec();
    tokio::spawn(telemetry.figures().clone().keep_up());
    let app = App::start(config, telemetry.figures().clone()).await?;
    eprintln!("{}", app.start_up_line());
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    app.serve(stop).await;
    Ok(())
}

async fn check() -> anyhow::Result<()> {
    let config = load_config()?;
    for warning in config.warnings() {
        eprintln!("warning: {warning}");
    }
    app::load_prices(&config)?;
    let store = app::open_store(&config).await?;
    let mut findings = probe(&config, &store).await;
    if let Some((primary, fallback)) = app::endpoints(&config)? {
        findings.problems.extend(check::model::reach(&primary, fallback.as_ref()).await);
    }
    for warning in &findings.warnings {
        eprintln!("warning: {warning}");
    }
    let directory = Directory::new(store.clone(), config.default_business.clone());
    if let Ok(Some(advice)) = directory.advice(config.phone.takes_calls()).await {
        eprintln!("warning: {advice}");
    }
    // What a database does not tell at all, it would not tell for each tool, either.
    anyhow::ensure!(findings.is_open, "{}", findings.problems.join("\n"));
    let catalog = match (app::load_personas(&config, &store).await, findings.problems.as_slice()) {
        (Ok(catalog), []) => catalog,
        (Ok(_), problems) => anyhow::bail!("{}", problems.join("\n")),
        (Err(error), problems) => anyhow::bail!("{}", [problems, &[error.to_string()]].concat().join("\n")),
    };
    let keys: Vec<_> = catalog.keys().iter().map(ToString::to_string).collect();
    eprintln!(
        "settings, {} personas ({}) and the {} store at {} are in order",
        keys.len(),
        keys.join(", "),
        store.kind(),
        store.location()
    );
    Ok(())
}

/// What the database of a Supabase project lacks; the embedded store brings itself up to date when it is opened.
async fn probe(config: &Config, store: &Store) -> Findings {
    match (store, &config.database.supabase) {
        (Store::Supabase(project), Some(settings)) => check::probe(project, &settings.key).await,
        (Store::Embedded(_) | Store::Supabase(_), _) => Findings { is_open: true, ..Findings::default() },
    }
}

async fn migrate(args: MigrateArgs) -> anyhow::Result<()> {
    let config = load_config()?;
    let done =
        migrate::run(config.database.url.as_ref(), MIGRATIONS, args, |step| eprintln!("{step}")).await?;
    let (known, verb) = (MIGRATIONS.len(), if args.dry_run { "to be applied" } else { "applied now" });
    eprintln!("{known} migrations, {done} {verb}, {} applied before", known - done);
    Ok(())
}

async fn rehearse(args: RehearsalArgs) -> anyhow::Result<()> {
    let stop = stop_signal()?;
    let address = args.addr();
    let options = RehearsalOptions::from(args);
    let rehearsal = ai_realtime::rehearsal::Rehearsal::start(address, options)
        .await
        .with_context(|| format!("cannot listen on {address}: choose another --port"))?;
    eprintln!("rehearsal model at {}", rehearsal.url());
    stop.await;
    rehearsal.stop().await;
    Ok(())
}

/// Comes when the process is asked to end: Ctrl-C, or SIGTERM. Listened for from the moment it is called.
#[cfg(unix)]
fn stop_signal() -> anyhow::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Comes when the process is asked to end: Ctrl-C.
#[cfg(not(unix))]
fn stop_signal() -> anyhow::Result<impl Future<Output = ()>> {
    Ok(async { drop(tokio::signal::ctrl_c().await) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_told_once() {
        let error = anyhow::anyhow!("no such folder").context("cannot open data: no such folder");
        assert_eq!(told(&error), "cannot open data: no such folder");
        assert_eq!(told(&error.context("no store")), "no store: cannot open data: no such folder");
    }
}
