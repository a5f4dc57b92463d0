//! The command line.

mod dial;
mod driver;
mod figures;
mod frame;
mod handshake;
mod model;
mod process;
mod relay;
mod report;
mod run;
mod socket;
mod stamp;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::ensure;
use clap::{Parser, Subcommand, ValueEnum};
use serde_json::json;

use self::driver::Manner;
use self::figures::Outcome;
use self::process::Subject;
use self::report::{Table, is_carried};
use self::run::{Load, run, starts};

/// So many later starts are timed.
const STARTS: usize = 9;

/// Simulated callers against the service, and against the least that can pass frames on.
#[derive(Debug, Parser)]
#[command(name = "load")]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    /// How many calls at once; several numbers are measured one after the other.
    #[arg(long, value_delimiter = ',', default_value = "100")]
    calls: Vec<usize>,
    /// How long each round is measured, in seconds.
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// How often each load is measured; service and relay take turns.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// The model sends each second of sound so many times faster than it is played.
    #[arg(long, default_value_t = 1)]
    burst: u32,
    /// Callers speak over the model every two seconds or so.
    #[arg(long)]
    barge_in: bool,
    /// The model sends sound alone, without the words that go with it.
    #[arg(long)]
    no_words: bool,
    /// Measure only one of the two.
    #[arg(long)]
    only: Option<Only>,
    /// Also time so many starts.
    #[arg(long)]
    starts: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// The service's binary; by default the one that was built beside this one.
    #[arg(long)]
    service: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Be the relay.
    #[command(hide = true)]
    Relay {
        #[arg(long)]
        model: SocketAddr,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Only {
    Service,
    Relay,
}

pub(crate) fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    if let Some(Command::Relay { model }) = cli.command {
        return relay::serve(model);
    }
    let service = match &cli.service {
        Some(service) => service.clone(),
        None => std::env::current_exe()?.with_file_name("../ai-realtime"),
    };
    ensure!(service.is_file(), "there is no {}: `make bench` builds it", service.display());
    let manner = Manner { burst: cli.burst.max(1), barge_in: cli.barge_in, words: !cli.no_words };
    let length = Duration::from_secs(cli.seconds);
    let mut measured = Vec::new();
    let mut most = None;
    for &calls in &cli.calls {
        let load = Load { service: &service, calls, length, manner };
        let (mut of_service, mut of_relay) = (Vec::new(), Vec::new());
        for _ in 0..cli.rounds {
            if cli.only != Some(Only::Relay) {
                of_service.push(run(Subject::Service, &load)?);
            }
            if cli.only != Some(Only::Service) {
                of_relay.push(run(Subject::Relay, &load)?);
            }
        }
        if is_carried(&of_service) {
            most = most.max(Some(calls));
        }
        if !cli.json {
            println!("{}", Table { service: &of_service, relay: &of_relay });
        }
        measured.extend(of_service.into_iter().chain(of_relay));
    }
    let started = if cli.starts { Some(starts(&service, STARTS)?) } else { None };
    tell(&cli, &measured, most, started)
}

fn tell(
    cli: &Cli,
    measured: &[Outcome],
    most: Option<usize>,
    started: Option<(f64, f64)>,
) -> anyhow::Result<()> {
    if cli.json {
        let start_ms = started.map(|(first, later)| json!({"first": first, "later": later}));
        let all = json!({"rounds": measured, "most_calls_carried": most, "start_ms": start_ms});
        println!("{}", serde_json::to_string_pretty(&all)?);
        return Ok(());
    }
    if let Some((first, later)) = started {
        println!(
            "start: {first:.1} ms the first time, with a new database; {later:.1} ms later (median of {STARTS})"
        );
    }
    if let Some(most) = most.filter(|_| cli.only != Some(Only::Relay)) {
        println!("{most} calls were carried with nothing lost and p99 under 20 ms each way");
    }
    Ok(())
}
