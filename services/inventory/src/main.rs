//! The inventory service as a process.

use std::process::ExitCode;

use bowline_inventory::bootstrap;
use bowline_inventory::config::Options;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let settings = bowline_config::load(Options::check);
    let log = settings.service.log.clone();
    bowline_service::launch("inventory", &log, bootstrap::run(settings))
}
