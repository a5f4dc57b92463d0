//! What was measured, for people.

use std::fmt::{self, Display};

use super::figures::{Outcome, Percentiles, WayTold};

/// One line of the table: what, and how it is read from an outcome.
type Line = (&'static str, fn(&Outcome) -> f64, usize);

const LINES: &[Line] = &[
    ("to the model, p50 ms", |o| o.to_model.latency_ms.p50, 3),
    ("to the model, p99 ms", |o| o.to_model.latency_ms.p99, 3),
    ("to the model, p99.9 ms", |o| o.to_model.latency_ms.p999, 3),
    ("to the model, max ms", |o| o.to_model.latency_ms.max, 3),
    ("to the caller, p50 ms", |o| o.to_caller.latency_ms.p50, 3),
    ("to the caller, p99 ms", |o| o.to_caller.latency_ms.p99, 3),
    ("to the caller, p99.9 ms", |o| o.to_caller.latency_ms.p999, 3),
    ("to the caller, max ms", |o| o.to_caller.latency_ms.max, 3),
    ("frames sent", |o| (o.to_model.sent + o.to_caller.sent) as f64, 0),
    ("frames lost", |o| (o.to_model.lost + o.to_caller.lost) as f64, 0),
    ("frames out of order", |o| (o.to_model.out_of_order + o.to_caller.out_of_order) as f64, 0),
    ("barge-in to clear, p50 ms", |o| o.barge_in_ms.p50, 3),
    ("barge-in to clear, p99 ms", |o| o.barge_in_ms.p99, 3),
    ("CPU s per call-minute", |o| o.cpu_per_call_minute, 4),
    ("CPU, % of a core", |o| o.cpu_percent, 1),
    ("memory per call, KiB", |o| o.kib_per_call, 1),
    ("memory idle, MiB", |o| o.idle_resident_kib as f64 / 1024.0, 1),
    ("memory under load, MiB", |o| o.resident_kib as f64 / 1024.0, 1),
    ("start, ms", |o| o.started_in_ms, 1),
    ("load run: CPU, % of a core", |o| o.driver_cpu_percent, 1),
    ("load run: late, p99 ms", |o| o.lateness_ms.p99, 3),
];

/// The rounds of one load, side by side.
pub(crate) struct Table<'a> {
    pub(crate) service: &'a [Outcome],
    pub(crate) relay: &'a [Outcome],
}

impl Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(any) = self.service.first().or(self.relay.first()) else { return Ok(()) };
        let rounds = self.service.len().max(self.relay.len());
        writeln!(f, "\n{} calls, {} s, median of {rounds} round(s)", any.calls, any.seconds)?;
        writeln!(f, "{:28} {:>12} {:>12} {:>8}", "", "service", "relay", "ratio")?;
        for (name, read, digits) in LINES {
            let (service, relay) = (median(self.service, *read), median(self.relay, *read));
            write!(f, "{name:28} {} {}", Cell(service, *digits), Cell(relay, *digits))?;
            match (service, relay) {
                (Some(service), Some(relay)) if relay > 0.0 => writeln!(f, " {:>8.2}", service / relay)?,
                (_, _) => writeln!(f)?,
            }
        }
        Ok(())
    }
}

struct Cell(Option<f64>, usize);

impl Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(value) => write!(f, "{value:>12.digits$}", digits = self.1),
            None => write!(f, "{:>12}", "-"),
        }
    }
}

fn median(outcomes: &[Outcome], read: fn(&Outcome) -> f64) -> Option<f64> {
    let mut values: Vec<f64> = outcomes.iter().map(read).collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len().checked_sub(1)? / 2;
    Some(if values.len() % 2 == 1 { values[middle] } else { (values[middle] + values[middle + 1]) / 2.0 })
}

/// Whether a load was carried: nothing lost, and no frame in a hundred later than a frame is long.
pub(crate) fn is_carried(outcomes: &[Outcome]) -> bool {
    let is_good =
        |WayTold { lost, latency_ms: Percentiles { p99, .. }, .. }: &WayTold| *lost == 0 && *p99 < 20.0;
    outcomes.iter().all(|outcome| is_good(&outcome.to_model) && is_good(&outcome.to_caller))
}
