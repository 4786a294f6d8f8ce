//! The one place that decides where logs and spans go.

use std::panic::PanicHookInfo;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::{SubscriberInitExt as _, TryInitError};

use crate::{LogFormat, LogSettings};

/// Starts logging for the whole process and turns panics into log lines. Fails if logging has been started before.
pub(crate) fn start(service: &'static str, settings: &LogSettings) -> Result<tracing::Span, TryInitError> {
    let registry = tracing_subscriber::registry().with(EnvFilter::new(&settings.filter));
    match settings.format {
        LogFormat::Json => {
            let lines = tracing_subscriber::fmt::layer().json().flatten_event(true).with_current_span(false);
            registry.with(lines.with_writer(std::io::stderr)).try_init()?;
        }
        LogFormat::Human => {
            let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
            registry.with(lines).try_init()?;
        }
    }
    std::panic::set_hook(Box::new(log_panic));
    Ok(tracing::error_span!("process", service, instance = settings.instance))
}

fn log_panic(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    let text = panic.payload_as_str().unwrap_or("a value that is no text");
    let backtrace = std::backtrace::Backtrace::capture();
    tracing::error!(place, text, %backtrace, "panic");
}
