//! What was measured.

use std::time::Duration;

use serde::Serialize;

/// Times, kept one by one: percentiles are exact.
#[derive(Debug, Default)]
pub(crate) struct Times(Vec<u32>);

/// What is told of some times, in milliseconds.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(crate) struct Percentiles {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) p999: f64,
    pub(crate) max: f64,
    pub(crate) count: usize,
}

impl Times {
    /// Four seconds and more are told as four.
    pub(crate) fn add(&mut self, time: Duration) {
        self.0.push(u32::try_from(time.as_nanos()).unwrap_or(u32::MAX));
    }

    pub(crate) fn percentiles(&mut self) -> Percentiles {
        self.0.sort_unstable();
        let Some(last) = self.0.len().checked_sub(1) else { return Percentiles::default() };
        let at = |share: f64| f64::from(self.0[(last as f64 * share).round() as usize]) / 1e6;
        Percentiles { p50: at(0.5), p99: at(0.99), p999: at(0.999), max: at(1.0), count: last + 1 }
    }
}

/// Frames in one direction.
#[derive(Debug, Default)]
pub(crate) struct Way {
    pub(crate) sent: u64,
    pub(crate) times: Times,
    /// Came twice, or after a later one.
    pub(crate) out_of_order: u64,
}

/// The same, to be told.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(crate) struct WayTold {
    pub(crate) sent: u64,
    pub(crate) lost: u64,
    pub(crate) out_of_order: u64,
    pub(crate) latency_ms: Percentiles,
}

impl Way {
    pub(crate) fn told(&mut self) -> WayTold {
        let latency_ms = self.times.percentiles();
        let lost = self.sent.saturating_sub(latency_ms.count as u64);
        WayTold { sent: self.sent, lost, out_of_order: self.out_of_order, latency_ms }
    }
}

/// One subject under one load.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Outcome {
    pub(crate) subject: &'static str,
    pub(crate) calls: usize,
    pub(crate) seconds: f64,
    pub(crate) to_model: WayTold,
    pub(crate) to_caller: WayTold,
    /// From the model's word that the caller speaks to the `clear` at the caller's.
    pub(crate) barge_in_ms: Percentiles,
    /// How late the load run itself was with its frames: it shares the machine.
    pub(crate) lateness_ms: Percentiles,
    /// CPU seconds for each minute of each call.
    pub(crate) cpu_per_call_minute: f64,
    /// Of one core, in percent.
    pub(crate) cpu_percent: f64,
    pub(crate) driver_cpu_percent: f64,
    pub(crate) idle_resident_kib: u64,
    pub(crate) resident_kib: u64,
    /// Private memory above idle, for each call.
    pub(crate) kib_per_call: f64,
    pub(crate) started_in_ms: f64,
}
