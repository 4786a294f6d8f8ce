use std::error::Error;
use std::future::Future;
use std::process::ExitCode;

use bowline_kernel::error_text;
use tracing::Instrument as _;

use crate::LogSettings;
use crate::telemetry;

/// Runs a service to its end: starts logging and the runtime, runs `service`, logs why it failed if it does.
///
/// The exit code is 0 if `service` ends well and 1 otherwise. Threads that still block when it has ended are not
/// waited for.
pub fn launch<E>(
    name: &'static str,
    log: &LogSettings,
    service: impl Future<Output = Result<(), E>>,
) -> ExitCode
where
    E: Into<Box<dyn Error + Send + Sync>>,
{
    let process = match telemetry::start(name, log) {
        Ok(span) => span,
        Err(error) => return without_log(name, &error),
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return without_log(name, &error),
    };
    let outcome = runtime.block_on(service.instrument(process.clone()));
    let _in_process = process.enter();
    let code = match outcome {
        Ok(()) => {
            tracing::info!("stopped");
            ExitCode::SUCCESS
        }
        Err(error) => {
            let reason = error_text(error.into().as_ref());
            tracing::error!(reason, "failed");
            ExitCode::FAILURE
        }
    };
    runtime.shutdown_background();
    code
}

#[expect(clippy::print_stderr, reason = "there is no log to write to")]
fn without_log(name: &str, error: &dyn Error) -> ExitCode {
    eprintln!("{name} cannot start: {error}");
    ExitCode::FAILURE
}
