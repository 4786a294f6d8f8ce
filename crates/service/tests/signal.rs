//! A real SIGTERM, in a binary of its own because it reaches the whole process.

use std::process::ExitCode;

use bowline_config::parse_from;
use bowline_service::{Service, ServiceError, ServiceOptions, launch};
use rustix::process::{Signal, getpid, kill_process};

#[derive(clap::Parser)]
struct Options {
    #[command(flatten)]
    service: ServiceOptions,
}

#[test]
fn sigterm_drains_and_the_exit_code_is_zero() {
    let arguments =
        ["test", "--grpc-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0", "--log-format", "human"];
    let settings = parse_from(arguments, |options: Options, faults| options.service.check(faults))
        .expect("good options");
    let log = settings.log.clone();
    let code = launch("test", &log, async move {
        let service = Service::start("test", settings).await?;
        let (mut ready, draining) = (service.readiness().watch(), service.draining());
        service.background().spawn("the one who stops it", async move {
            ready.wait_for(|ready| *ready).await?;
            kill_process(getpid(), Signal::TERM)?;
            draining.cancelled().await;
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(())
        });
        service.run().await
    });
    assert_eq!(code, ExitCode::SUCCESS);
    let again = launch("test", &log, async { Ok::<_, ServiceError>(()) });
    assert_eq!(again, ExitCode::FAILURE, "logging is started once");
}
