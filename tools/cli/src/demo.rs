//! `bowline demo`: everything from empty servers to the report.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use bowline_dev_stack::Stack;
use bowline_load::compare::compare;
use bowline_load::generator::Pace;
use bowline_load::plan::{OrderLimits, Plan};
use bowline_load::report::{Books, Invariant, Report};
use bowline_load::retail;
use bowline_prove::Proof;

use crate::args::DemoArgs;
use crate::fleet::{Changes, Fleet, Ground, Places};
use crate::output::tell;
use crate::replaying::{self, Replayed};
use crate::running::{self, Names};
use crate::screen::say;
use crate::stop::Stop;
use crate::{fleet, ledger, warm_up};

/// How long the stack may take to come to rest after the last saga.
const QUIET_MAX: Duration = Duration::from_secs(30);
/// After a replay that stalled there is little hope that it will.
const QUIET_AFTER_STALL_MAX: Duration = Duration::from_secs(2);

/// What is replayed.
struct Plans {
    measured: Plan,
    /// `None` when it is not wanted.
    warm_up: Option<Plan>,
}

/// Runs the demo. Whatever was started is stopped at its end.
pub(crate) async fn run(args: &DemoArgs, stop: &Stop) -> anyhow::Result<ExitCode> {
    let switches = args.provider.switches()?;
    if let Some(report) = &args.report {
        check_writable(report)?;
    }
    let plans = Plans::read(args)?;
    let names = Names::of_one_run(&args.stack);
    let stack = running::start("demo", &args.stack, &names, true, stop).await?;
    running::forget_logs(&stack)?;
    let warm_up_names = names.of_warm_up();
    let done = replay_and_report(args, &stack, [&names, &warm_up_names], plans, switches, stop).await;
    if done.is_err() {
        say(&format!("the logs are in {}", running::logs_of(&stack)?.display()));
    }
    if args.stack.postgres_url.is_some() {
        running::drop_databases(&stack, [&names, &warm_up_names]).await;
    }
    if args.stack.kafka.is_some() {
        say(&format!("the topics {}* remain on the given brokers", names.namespace));
    }
    running::stop(stack).await;
    Ok(if done? { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Plans {
    fn read(args: &DemoArgs) -> anyhow::Result<Self> {
        let sales = retail::read(&args.data.data)?;
        let limits = OrderLimits::default();
        let measured = sales.plan(args.orders, limits);
        let warm_up =
            (!args.no_warm_up).then(|| sales.plan(Some(warm_up::orders(measured.orders.len())), limits));
        Ok(Self { measured, warm_up })
    }
}

/// True when everything is finished and nothing is broken.
async fn replay_and_report(
    args: &DemoArgs,
    stack: &Stack,
    [names, warm_up_names]: [&Names; 2],
    plans: Plans,
    switches: Vec<String>,
    stop: &Stop,
) -> anyhow::Result<bool> {
    let pace = match args.rate {
        Some(per_second) => Pace::Open { per_second },
        None => Pace::Closed { concurrency: args.concurrency },
    };
    // Taken before those of the warm-up, so that a run of ports begins with what the user sees.
    let places = Places::take(stack)?;
    if let Some(plan) = &plans.warm_up {
        stop.or(warm_up::run(stack, warm_up_names, plan, pace, args.stall_after)).await?;
    }
    let databases = stack.databases().clone();
    let (programs, kafka) = (fleet::own_programs()?, names.kafka(stack));
    let changes = Changes::default();
    let ground = Ground { programs, name_prefix: "", databases, kafka, places, switches, changes };
    let fleet = stop.or(Fleet::start(stack, ground)).await?;
    fleet.publish(stack)?;
    tell(&format!("started:\n{}\n", fleet.table(stack)));

    let plan = &plans.measured;
    let file = args.data.data.canonicalize().unwrap_or_else(|_| args.data.data.clone());
    say(&format!("replaying {} orders of {}", plan.orders.len(), file.display()));
    let replayed = stop.or(replaying::run(&fleet, plan, pace, args.stall_after)).await?;
    if let Some(stalled) = &replayed.stalled {
        say(&format!("error: {stalled}"));
    }
    let success = stop.or(report(args, stack, &fleet, plan, &replayed)).await?;
    if args.keep {
        say("everything keeps running until Ctrl-C");
        stop.wanted().await;
    }
    Ok(success)
}

/// Checks everything, prints the report and writes it to the file. True when there is nothing to complain about.
async fn report(
    args: &DemoArgs,
    stack: &Stack,
    fleet: &Fleet,
    plan: &Plan,
    replayed: &Replayed,
) -> anyhow::Result<bool> {
    say("checking the invariants");
    let access = fleet.ground.access()?;
    let limit = if replayed.stalled.is_some() { QUIET_AFTER_STALL_MAX } else { QUIET_MAX };
    if let Err(busy) = bowline_prove::wait_until_quiet(&access, limit).await? {
        say(&format!("the stack has not come to rest: {busy}"));
    }
    let proof = bowline_prove::prove(&access).await?;
    let comparison = compare(plan, &replayed.outcome);
    let invariants = invariants(&proof).chain(comparison.invariants()).collect();
    let restarts = stack.restarts().into_iter().filter(|(name, _)| !name.starts_with("warm-up-")).collect();
    let report = Report::new(plan, &replayed.outcome, books(&proof), invariants, restarts);

    tell(&format!("\n{}\n{}", report.summary(), ledger::examples(&proof.invariants)));
    for deviation in &comparison.deviations {
        tell(&format!("{deviation}\n"));
    }
    if let Some(path) = &args.report {
        std::fs::write(path, report.to_json()).with_context(|| format!("cannot write {}", path.display()))?;
        say(&format!("the report is in {}", path.display()));
    }
    Ok(report.is_success() && replayed.stalled.is_none())
}

/// The ledger as the report has it.
pub(crate) fn invariants(proof: &Proof) -> impl Iterator<Item = Invariant> {
    proof.invariants.iter().map(|invariant| Invariant {
        name: invariant.name.to_owned(),
        checked: invariant.checked,
        violations: invariant.violations,
    })
}

/// What the books add up to, as the report has it.
pub(crate) fn books(proof: &Proof) -> Books {
    Books {
        authorized_minor: proof.totals.authorized_minor,
        captured_minor: proof.totals.captured_minor,
        voided_minor: proof.totals.voided_minor,
        units_sold: proof.totals.units_sold,
    }
}

/// Finds out before the replay, not after it, that the report could not be written.
pub(crate) fn check_writable(report: &Path) -> anyhow::Result<()> {
    let file = std::fs::File::options().append(true).create(true).open(report);
    file.map(drop).with_context(|| format!("cannot write the report to {}", report.display()))
}
