//! What came of it, in numbers.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::OnceLock;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

static RECORDED: OnceLock<PrometheusHandle> = OnceLock::new();

/// Records what the service counts, for this process.
pub fn record() {
    RECORDED.get_or_init(|| PrometheusBuilder::new().install_recorder().unwrap());
}

/// Frames of callers that found a lane full: nobody has heard them for ten seconds of the call.
pub fn dropped_frames() -> u64 {
    let text = RECORDED.get().map(PrometheusHandle::render).unwrap_or_default();
    let is_ours = |line: &&str| line.starts_with("ai_realtime_audio_frames_dropped_total{from=\"caller\"}");
    text.lines().filter(is_ours).filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
}

/// Sums over calls.
#[derive(Debug, Default)]
pub struct Figures {
    pub calls: BTreeMap<&'static str, u64>,
    pub faults: BTreeMap<&'static str, u64>,
    pub turns: u64,
    /// Turns without an answer.
    pub failed_turns: u64,
    /// The longest a caller on the phone waited for the persona, in milliseconds of the call.
    pub worst_gap_ms: u64,
    /// Frames that a caller's own side could not send in time.
    pub frames_lost: u64,
    /// Calls whose lines stood still with the machine.
    pub stalled: u64,
    pub effects_expected: u64,
    pub effects_found: u64,
    /// Refusals of a second response on one socket, by the model.
    pub second_responses: u64,
}

impl Figures {
    pub fn add(&mut self, other: Self) {
        for (of, more) in [(&mut self.calls, other.calls), (&mut self.faults, other.faults)] {
            more.into_iter().for_each(|(name, count)| *of.entry(name).or_default() += count);
        }
        self.turns += other.turns;
        self.failed_turns += other.failed_turns;
        self.worst_gap_ms = self.worst_gap_ms.max(other.worst_gap_ms);
        self.frames_lost += other.frames_lost;
        self.stalled += other.stalled;
        self.effects_expected += other.effects_expected;
        self.effects_found += other.effects_found;
        self.second_responses += other.second_responses;
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |counts: &BTreeMap<&str, u64>| {
            let told = counts.iter().map(|(name, count)| format!("{count} {name}"));
            told.collect::<Vec<_>>().join(", ")
        };
        let rows = [
            ("calls", format!("{} ({})", self.calls.values().sum::<u64>(), list(&self.calls))),
            ("faults", format!("{} ({})", self.faults.values().sum::<u64>(), list(&self.faults))),
            ("turns", format!("{}, {} of them without an answer", self.turns, self.failed_turns)),
            ("worst gap a caller heard", format!("{} ms of the call", self.worst_gap_ms)),
            (
                "frames not sent",
                format!("{} in {} calls, the machine being too busy", self.frames_lost, self.stalled),
            ),
            ("frames of callers lost", dropped_frames().to_string()),
            ("tool effects", format!("{} expected, {} found", self.effects_expected, self.effects_found)),
            ("second responses refused", self.second_responses.to_string()),
        ];
        for (name, told) in rows {
            writeln!(f, "| {name:<24} | {told}")?;
        }
        Ok(())
    }
}
