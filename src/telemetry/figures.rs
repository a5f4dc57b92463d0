//! The figures gathered with the `metrics` crate, as Prometheus reads them.

use std::time::Duration;

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_appender::non_blocking::ErrorCounter;

/// How often figures are put together when nobody asks for them.
const UPKEEP: Duration = Duration::from_secs(5);
/// Upper bounds of the buckets of every figure in seconds: from a lookup to the longest turn.
const SECONDS: [f64; 12] = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0];

/// Upper bounds of the buckets of every figure in events.
const COUNTS: [f64; 6] = [1.0, 4.0, 16.0, 64.0, 256.0, 1_024.0];

/// A handle on the figures. Cheap to clone.
#[derive(Clone)]
pub struct Figures {
    recorded: PrometheusHandle,
    dropped_lines: Option<ErrorCounter>,
}

impl Figures {
    pub(super) fn install(dropped_lines: ErrorCounter) -> Result<Self, BuildError> {
        let recorded = builder()?.install_recorder()?;
        metrics::describe_counter!(
            "log_lines_dropped_total",
            "Log lines dropped because stdout was read too slowly"
        );
        Ok(Self { recorded, dropped_lines: Some(dropped_lines) })
    }

    /// Figures nothing is recorded in, for tests beside a recorder that is installed once per process.
    ///
    /// # Errors
    /// Never with the settings that are built in.
    pub fn detached() -> Result<Self, BuildError> {
        Ok(Self { recorded: builder()?.build_recorder().handle(), dropped_lines: None })
    }

    /// All figures as Prometheus text.
    pub fn render(&self) -> String {
        if let Some(dropped) = &self.dropped_lines {
            let lines = u64::try_from(dropped.dropped_lines()).unwrap_or(u64::MAX);
            metrics::counter!("log_lines_dropped_total").absolute(lines);
        }
        self.recorded.render()
    }

    /// Puts figures together for as long as it is polled: samples would otherwise pile up between two scrapes.
    pub async fn keep_up(self) {
        let mut ticks = tokio::time::interval(UPKEEP);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.recorded.run_upkeep();
        }
    }
}

impl std::fmt::Debug for Figures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Figures")
    }
}

fn builder() -> Result<PrometheusBuilder, BuildError> {
    PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".into()), &SECONDS)?
        .set_buckets_for_metric(Matcher::Suffix("_events".into()), &COUNTS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_counted_in_buckets() {
        let recorder = builder().unwrap().build_recorder();
        let figures = Figures { recorded: recorder.handle(), dropped_lines: None };
        metrics::with_local_recorder(&recorder, || {
            metrics::histogram!("http_request_duration_seconds").record(0.02);
        });
        let text = figures.render();
        assert!(text.contains("http_request_duration_seconds_bucket{le=\"0.025\"} 1"), "{text}");
    }
}
