//! The payment service as a process.

use std::process::ExitCode;

use bowline_payment::{bootstrap, config};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let settings = bowline_config::load(config::Options::check);
    let log = settings.service.log.clone();
    bowline_service::launch("payment", &log, async move {
        let service = bootstrap::start(settings).await?;
        service.run().await.map_err(bootstrap::Error::from)
    })
}
