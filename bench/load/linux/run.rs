//! One subject under one load: started, loaded, measured, ended.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use anyhow::ensure;

use super::dial::dial_all;
use super::driver::{Driver, Manner};
use super::figures::{Outcome, Times};
use super::handshake;
use super::process::{Process, Subject, own_usage};
use super::socket::Socket;

/// A process that has just started is left alone for so long before its memory is read.
const REST: Duration = Duration::from_millis(1_500);
/// All calls must flow within this, and a second for every fifty of them.
const DIALLING: Duration = Duration::from_secs(20);
/// What follows a beginning is no part of the measurement.
const SETTLING: Duration = Duration::from_secs(2);
/// Frames on their way at the end have so long to come.
const LAST_FRAMES: Duration = Duration::from_secs(2);

/// What is measured, and how.
pub(crate) struct Load<'a> {
    pub(crate) service: &'a Path,
    pub(crate) calls: usize,
    pub(crate) length: Duration,
    pub(crate) manner: Manner,
}

/// Measures.
pub(crate) fn run(subject: Subject, load: &Load<'_>) -> anyhow::Result<Outcome> {
    let Load { service, calls, length, manner } = *load;
    let (model, far) = listen()?;
    let data = tempfile::tempdir()?;
    let process = Process::start(subject, service, model, data.path(), calls)?;
    std::thread::sleep(REST);
    let idle = process.usage()?;
    let (opened, callers) = mpsc::channel();
    let address = process.address;
    std::thread::spawn(move || dial_all(subject, address, calls, &opened));

    let mut driver = Driver::new(calls, manner)?;
    let limit = DIALLING + Duration::from_secs(calls as u64 / 50);
    let flows = driver.run(&callers, &far, limit, |driver| driver.flowing() == calls)?;
    ensure!(flows, "only {} of {calls} calls flow after {} s", driver.flowing(), limit.as_secs());
    driver.run(&callers, &far, SETTLING, |_| false)?;
    driver.measure(length);
    let (before, own_before) = (process.usage()?, own_usage()?);
    driver.run(&callers, &far, length, |_| false)?;
    let (after, own_after) = (process.usage()?, own_usage()?);
    driver.fall_silent();
    driver.run(&callers, &far, LAST_FRAMES, |_| false)?;
    ensure!(driver.ended == 0, "{} sockets were closed under way", driver.ended);

    let cpu = after.cpu_seconds - before.cpu_seconds;
    let own_cpu = own_after.cpu_seconds - own_before.cpu_seconds;
    let seconds = length.as_secs_f64();
    Ok(Outcome {
        subject: subject.as_str(),
        calls,
        seconds,
        to_model: driver.to_model.told(),
        to_caller: driver.to_caller.told(),
        barge_in_ms: driver.barge_in.percentiles(),
        lateness_ms: driver.lateness.percentiles(),
        cpu_per_call_minute: cpu * 60.0 / seconds / calls as f64,
        cpu_percent: 100.0 * cpu / seconds,
        driver_cpu_percent: 100.0 * own_cpu / seconds,
        idle_resident_kib: idle.resident_kib,
        resident_kib: after.resident_kib,
        kib_per_call: after.private_kib.saturating_sub(idle.private_kib) as f64 / calls as f64,
        started_in_ms: process.started_in.as_secs_f64() * 1_000.0,
    })
}

/// How long the service takes to start: the first time, when it makes its database, and later, in milliseconds.
pub(crate) fn starts(service: &Path, times: usize) -> anyhow::Result<(f64, f64)> {
    let (model, _far) = listen()?;
    let data = tempfile::tempdir()?;
    let start = || anyhow::Ok(Process::start(Subject::Service, service, model, data.path(), 1)?.started_in);
    let first = start()?.as_secs_f64() * 1_000.0;
    let mut later = Times::default();
    for _ in 0..times {
        later.add(start()?);
    }
    Ok((first, later.percentiles().p50))
}

/// Where the stand-in model is reached, and the sockets that come there.
fn listen() -> anyhow::Result<(SocketAddr, Receiver<anyhow::Result<Socket>>)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    let (opened, sockets) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            if opened.send(handshake::accept(stream)).is_err() {
                return;
            }
        }
    });
    Ok((address, sockets))
}
