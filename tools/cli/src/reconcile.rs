//! `bowline reconcile`: compares the books of a running stack while it is at work, once or again and again.

mod args;
mod metrics;
mod show;

use std::process::ExitCode;

use anyhow::Context as _;
use bowline_kernel::{Clock as _, SystemClock, error_text};
use bowline_prove::{Reconciled, Reconciler};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::Instant;

pub(crate) use self::args::ReconcileArgs;
use self::metrics::Rounds;
use crate::check::find;
use crate::fleet;
use crate::screen::say;
use crate::stop::Stop;

/// The exit status when it could not be told whether there are differences.
const COULD_NOT_TELL: u8 = 2;

/// Status 0 means that there is no difference, 1 that there are some, 2 that it could not be told.
pub(crate) async fn run(args: &ReconcileArgs, stop: &Stop) -> ExitCode {
    reconcile(args, stop).await.unwrap_or_else(|error| {
        say(&format!("error: {error:#}"));
        ExitCode::from(COULD_NOT_TELL)
    })
}

async fn reconcile(args: &ReconcileArgs, stop: &Stop) -> anyhow::Result<ExitCode> {
    let access = fleet::access_of(&find(&args.folders)?.1)?;
    let books = Reconciler::new(&access, args.options())?;
    let Some(every) = args.watch else {
        let reconciled = stop.or(books.round()).await?;
        print(args, &reconciled)?;
        return Ok(status(&reconciled));
    };
    let (sender, told) = watch::channel(Rounds::default());
    let listener = match args.metrics_listen {
        None => None,
        Some(address) => Some(TcpListener::bind(address).await.with_context(|| {
            format!("cannot listen at {address}: choose another address with --metrics-listen")
        })?),
    };
    if let Some(listener) = &listener {
        say(&format!("metrics are served at http://{}/metrics", listener.local_addr()?));
    }
    let mut last = ExitCode::from(COULD_NOT_TELL);
    let rounds = async {
        loop {
            let began = Instant::now();
            match books.round().await {
                Ok(reconciled) => {
                    print(args, &reconciled)?;
                    last = status(&reconciled);
                    sender.send_modify(|rounds| rounds.done(reconciled, began.elapsed(), SystemClock.now()));
                }
                Err(error) => {
                    // The next round tells whether it was for a moment.
                    say(&format!("this round could not be finished: {}", error_text(&error)));
                    last = ExitCode::from(COULD_NOT_TELL);
                    sender.send_modify(Rounds::failed);
                }
            }
            tokio::time::sleep_until(began + every).await;
        }
    };
    tokio::select! {
        () = stop.wanted() => Ok(last),
        ended = rounds => ended,
        served = metrics::serve(listener, told) => served.context("the metrics can no longer be served").map(|()| last),
    }
}

/// A difference is the worse news.
fn status(reconciled: &Reconciled) -> ExitCode {
    match reconciled {
        Reconciled { differences, .. } if !differences.is_empty() => ExitCode::FAILURE,
        Reconciled { unsettled: 1.., .. } => ExitCode::from(COULD_NOT_TELL),
        _ => ExitCode::SUCCESS,
    }
}

fn print(args: &ReconcileArgs, reconciled: &Reconciled) -> anyhow::Result<()> {
    args.output
        .output
        .line(show::text(reconciled, args.grace).trim_end(), &show::Round::new(reconciled, SystemClock.now()))
}
