//! What the service tells its operators: JSON log lines on stdout and figures for Prometheus.

mod bunyan;
mod figures;

use std::panic::PanicHookInfo;

use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_bunyan_formatter::{BunyanFormattingLayer, JsonStorageLayer, SkipFieldError};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;

pub use figures::Figures;

use bunyan::{APPLICATION, Records};

/// How many lines wait for stdout at most; when a slow reader lets more come together, the newest are dropped and
/// counted (`log_lines_dropped_total`): a log must never hold up a call.
const WAITING_LINES: usize = 16_384;

/// Keeps logs and figures going. Dropped last, it writes the lines that still wait.
#[derive(Debug)]
pub struct Telemetry {
    figures: Figures,
    _writer: WorkerGuard,
}

/// Why logs or figures cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter is no list of directives.
    #[error("the log filter cannot be read")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    /// A field every log line must have was to be left out.
    #[error("the log format cannot be set: {0}")]
    Format(String),
    /// Logs are installed already.
    #[error("logs are installed already")]
    Logs(#[from] tracing::subscriber::SetGlobalDefaultError),
    /// Figures are installed already, or their settings make no sense.
    #[error("figures cannot be installed")]
    Figures(#[from] metrics_exporter_prometheus::BuildError),
}

impl From<SkipFieldError> for TelemetryError {
    fn from(error: SkipFieldError) -> Self {
        Self::Format(error.to_string())
    }
}

impl Telemetry {
    /// Begins to log to stdout what the filter lets through, to gather figures, and to log panics. Once per
    /// process.
    ///
    /// # Errors
    /// As [`TelemetryError`] says.
    pub fn install(log_filter: &str) -> Result<Self, TelemetryError> {
        let (stdout, writer) = NonBlockingBuilder::default()
            .buffered_lines_limit(WAITING_LINES)
            .lossy(true)
            .finish(std::io::stdout());
        let dropped = stdout.error_counter();
        // The `log` crate is not bridged, on purpose: tungstenite writes whole handshakes to it, keys included.
        tracing::subscriber::set_global_default(subscriber(log_filter, stdout)?)?;
        std::panic::set_hook(Box::new(log_panic));
        Ok(Self { figures: Figures::install(dropped)?, _writer: writer })
    }

    /// The figures gathered, to be shown and looked after.
    pub fn figures(&self) -> &Figures {
        &self.figures
    }
}

fn subscriber<W>(
    log_filter: &str,
    writer: W,
) -> Result<impl tracing::Subscriber + Send + Sync, TelemetryError>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines = BunyanFormattingLayer::new(APPLICATION.to_owned(), Records::new(writer))
        .skip_fields(["file", "line"].into_iter())?;
    Ok(tracing_subscriber::registry()
        .with(EnvFilter::builder().parse(log_filter)?)
        .with(JsonStorageLayer)
        .with(lines))
}

/// A panic's message may quote what it stumbled over, a caller's words for one, so it is for debugging only.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    tracing::error!(place, "a task panicked; its message is logged at debug");
    let payload = panic.payload();
    let text = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    tracing::debug!(panic_message = text.unwrap_or_default(), "the panic's message");
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use serde_json::Value;

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn logged(log_filter: &str, speak: impl FnOnce()) -> Vec<Value> {
        let lines = Lines::default();
        let writer = lines.clone();
        tracing::subscriber::with_default(subscriber(log_filter, move || writer.clone()).unwrap(), speak);
        let bytes = lines.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn a_line_has_what_bunyan_readers_need() {
        let lines = logged("info", || tracing::warn!(status = 503, "the node is full"));
        let [line] = &lines[..] else { panic!("{lines:?}") };
        assert_eq!(line["name"], "ai-realtime");
        assert_eq!(line["msg"], "the node is full");
        assert_eq!((line["level"].as_u64(), line["v"].as_u64()), (Some(40), Some(0)));
        assert_eq!(line["pid"], std::process::id());
        assert!(!line["hostname"].as_str().unwrap().is_empty());
        assert!(line["time"].as_str().unwrap().parse::<jiff::Timestamp>().is_ok(), "{line}");
        assert_eq!(line["status"], 503);
    }

    #[test]
    fn spans_lend_their_fields_and_leave_no_lines_of_their_own() {
        let lines = logged("info", || {
            tracing::info_span!("call", call_id = "t1").in_scope(|| {
                tracing::info_span!("turn", turn = 3)
                    .in_scope(|| tracing::info!("[a] \"quoted\" - EVENT] text"));
            });
        });
        let [line] = &lines[..] else { panic!("{lines:?}") };
        assert_eq!(line["msg"], "[a] \"quoted\" - EVENT] text");
        assert_eq!((line["call_id"].as_str(), line["turn"].as_u64()), (Some("t1"), Some(3)));
    }

    #[test]
    fn the_filter_decides_by_level_and_module() {
        let lines = logged("warn,ai_realtime=info", || {
            tracing::info!("ours");
            tracing::debug!("too fine");
            tracing::info!(target: "hyper", "chatter");
            tracing::warn!(target: "hyper", "trouble");
        });
        let texts: Vec<_> = lines.iter().map(|line| line["msg"].as_str().unwrap()).collect();
        assert_eq!(texts, ["ours", "trouble"]);
    }
}
