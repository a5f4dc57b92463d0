//! A process under test: how it is started, and what the system says it takes.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

/// What stands between callers and model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subject {
    Service,
    Relay,
}

impl Subject {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::Relay => "relay",
        }
    }
}

/// A running process; killed when it is dropped.
pub(crate) struct Process {
    child: Child,
    pub(crate) address: SocketAddr,
    /// From its start until it said where it listens.
    pub(crate) started_in: Duration,
}

/// How a process uses the machine.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Usage {
    /// User and system time of all its threads.
    pub(crate) cpu_seconds: f64,
    /// Resident, in KiB: what `ps` shows.
    pub(crate) resident_kib: u64,
    /// Of which nothing can be read again from a file, in KiB.
    pub(crate) private_kib: u64,
}

impl Process {
    /// Starts a subject whose model is at `model`; `data` is where the service may keep its files.
    pub(crate) fn start(
        subject: Subject,
        service: &Path,
        model: SocketAddr,
        data: &Path,
        calls: usize,
    ) -> anyhow::Result<Self> {
        let mut command = match subject {
            Subject::Relay => {
                let mut command = Command::new(std::env::current_exe()?);
                command.args(["relay", "--model", &model.to_string()]);
                command
            }
            Subject::Service => {
                let mut command = Command::new(service);
                command
                    .env("OPENAI_API_KEY", "stand-in")
                    .env("OPENAI_REALTIME_ENDPOINT", format!("ws://{model}/v1/realtime"))
                    .env("TWILIO_ALLOW_UNSIGNED", "true")
                    .env("HOST", "127.0.0.1")
                    .env("PORT", "0")
                    .env("AI_REALTIME_DATA_DIR", data)
                    .env("PERSONAS_DIR", Path::new(env!("CARGO_MANIFEST_DIR")).join("personas"))
                    .env("MAX_CALLS", (calls + 10).to_string())
                    .env("TURN_TIMEOUT_SECONDS", "600");
                command
            }
        };
        let began = Instant::now();
        // Elsewhere than the project: a `.env` there is none of this run's business.
        let mut child = command
            .current_dir(data)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start the {}: {command:?}", subject.as_str()))?;
        let told = child.stderr.take().context("stderr is piped")?;
        let mut lines = BufReader::new(told).lines();
        let Some(address) = lines.by_ref().map_while(Result::ok).find_map(|line| address_in(&line)) else {
            let status = child.wait()?;
            bail!("the {} ended before it listened: {status}", subject.as_str());
        };
        let started_in = began.elapsed();
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(|line| eprintln!("| {line}")));
        Ok(Self { child, address, started_in })
    }

    pub(crate) fn usage(&self) -> anyhow::Result<Usage> {
        usage(&self.child.id().to_string())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // One that has ended needs no killing.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the load run itself takes.
pub(crate) fn own_usage() -> anyhow::Result<Usage> {
    usage("self")
}

fn usage(process: &str) -> anyhow::Result<Usage> {
    let folder = PathBuf::from("/proc").join(process);
    let stat = std::fs::read_to_string(folder.join("stat"))?;
    // The name, in brackets, may hold anything; user and system time are the 12th and 13th after it.
    let after_name = stat.rsplit_once(')').map(|(_, rest)| rest).unwrap_or_default();
    let ticks: u64 =
        after_name.split_whitespace().skip(11).take(2).filter_map(|n| n.parse::<u64>().ok()).sum();
    let status = std::fs::read_to_string(folder.join("status"))?;
    let kib = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse().ok()
    };
    Ok(Usage {
        cpu_seconds: ticks as f64 / rustix::param::clock_ticks_per_second() as f64,
        resident_kib: kib("VmRSS:").unwrap_or_default(),
        private_kib: kib("RssAnon:").unwrap_or_default(),
    })
}

fn address_in(line: &str) -> Option<SocketAddr> {
    let (_, after) = line.split_once("http://")?;
    after.split([' ', '/']).next()?.parse().ok()
}
