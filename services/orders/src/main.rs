//! The orders service.

use std::process::ExitCode;

use bowline_orders::{bootstrap, config::Options};
use bowline_service::launch;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let settings = bowline_config::load(Options::check);
    let log = settings.replica.service.log.clone();
    launch("orders", &log, async {
        bootstrap::start(settings).await?.run().await.map_err(anyhow::Error::from)
    })
}
