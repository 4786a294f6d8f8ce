//! `bowline doctor`: what is missing or wrong, on this machine or with a stack that runs here or elsewhere.

mod args;
mod finding;
mod kafka;
mod machine;
mod postgres;
mod services;
mod show;

use std::process::ExitCode;

use bowline_dev_stack::{Owner, StackDescription};

pub(crate) use self::args::DoctorArgs;
use self::finding::{Finding, Status};
use crate::check::find_running;
use crate::stop::Stop;

/// Looks at everything and tells it. Nothing is started, changed or installed.
pub(crate) async fn run(args: &DoctorArgs, stop: &Stop) -> anyhow::Result<ExitCode> {
    let findings = stop.or(examine(args)).await?;
    args.output.output.document(&show::text(&findings), &show::json(&findings))?;
    let fails = findings.iter().any(|finding| finding.status == Status::Fail);
    Ok(if fails { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

async fn examine(args: &DoctorArgs) -> anyhow::Result<Vec<Finding>> {
    let mut findings = Vec::new();
    // Services that run elsewhere need nothing of this machine, and the stack of this machine is not theirs.
    let stack = if args.urls.is_empty() {
        let stack = find_running(&args.stack.folders)?.map(|(_, stack)| stack);
        findings.extend(machine::examine(args, stack.is_some()).await?);
        findings.push(told(args, stack.as_ref()).await?);
        stack
    } else {
        None
    };
    let (services, postgres, kafka) = tokio::join!(
        services::examine(&args.urls, stack.as_ref()),
        postgres::examine(args, stack.as_ref()),
        kafka::examine(args, stack.as_ref()),
    );
    findings.extend(services?.into_iter().chain(postgres).chain(kafka));
    Ok(findings)
}

/// What is known of the stack of this machine as a whole.
async fn told(args: &DoctorArgs, stack: Option<&StackDescription>) -> anyhow::Result<Finding> {
    let folder = args.stack.folders.of("up")?.state;
    let finding = Finding::of("stack", "stack");
    let here = folder.display();
    Ok(match (stack, Owner::of(&folder).await?) {
        (Some(_), Some(owner)) => finding.ok(format!("runs in {here}, by process {}", owner.pid())),
        (Some(_), None) => finding.ok("one of `bowline demo --keep` runs".to_owned()),
        (None, Some(owner)) => finding.warn(
            format!("process {} is starting or stopping one in {here}", owner.pid()),
            "ask again in a minute, or see what it says",
        ),
        (None, None) => {
            finding.ok(format!("none runs in {here}; `bowline up{}` starts one", args.stack.folders.hint()))
        }
    })
}
