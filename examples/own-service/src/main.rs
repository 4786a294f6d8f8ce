//! The loyalty service.

use std::process::ExitCode;

use bowline_own_service::bootstrap::{self, Options};

fn main() -> ExitCode {
    let settings = bowline_config::load(Options::check);
    let log = settings.service.log.clone();
    bowline_service::launch(bootstrap::LOYALTY, &log, async {
        bootstrap::start(settings).await?.run().await.map_err(anyhow::Error::from)
    })
}
