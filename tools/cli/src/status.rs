//! `bowline status`: how the services of a running stack stand, once or again and again.

mod args;
mod ask;
mod board;
mod flows;
mod problems;
mod show;
#[cfg(test)]
mod tests;

use std::process::ExitCode;

use bowline_kernel::{Clock as _, SystemClock};
use console::Term;
use tokio::time::Instant;

pub(crate) use self::args::StatusArgs;
use self::board::Board;
use self::show::Picture;
use crate::output::Output;
use crate::services::Service;
use crate::stop::Stop;

/// Status 0 means that all is well, 1 that something is not; of `--watch`, when it was looked at last.
pub(crate) async fn run(args: &StatusArgs, stop: &Stop) -> anyhow::Result<ExitCode> {
    let (replicas, output) = (args.call.services.replicas()?, args.call.output.output);
    if !args.watch {
        let picture = stop.or(async { anyhow::Ok(look(args, &replicas).await) }).await?;
        output.document(&picture.text(args.lanes), &picture.json())?;
        return Ok(code(&picture));
    }
    let mut board = Board::new(Term::stdout());
    let (mut last, mut before) = (ExitCode::FAILURE, None);
    let rounds = async {
        loop {
            let began = Instant::now();
            let picture = look(args, &replicas).await.since(before.as_ref());
            match output {
                Output::Table => board.show(&picture.text(args.lanes), args.interval)?,
                Output::Json => output.line("", &picture.json())?,
            }
            last = code(&picture);
            before = Some(picture);
            tokio::time::sleep_until(began + args.interval).await;
        }
    };
    tokio::select! {
        biased;
        () = stop.wanted() => {}
        ended = rounds => return ended,
    }
    board.leave()?;
    Ok(last)
}

async fn look(args: &StatusArgs, replicas: &[Service]) -> Picture {
    let here = replicas.first().map_or("", |replica| replica.here.as_str());
    Picture::of(ask::all(replicas, args.timeout).await, args.late_after, here, SystemClock.now())
}

fn code(picture: &Picture) -> ExitCode {
    if picture.problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
