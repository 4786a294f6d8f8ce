//! `bowline prove`: load, faults on a schedule that a seed decides, and every invariant afterwards.

mod args;
mod journal;
mod load;
mod page;
mod recovery;
mod report;
mod sabotage;
mod stage;

use std::process::ExitCode;
use std::time::Duration;

use bowline_dev_stack::Stack;
use bowline_faults::{Hands, Kind, Planned, ScheduleOptions, schedule};
use bowline_kernel::error_text;
use bowline_load::compare::compare;
use bowline_load::generator::Progress;
use bowline_load::plan::Plan;
use tokio::sync::Notify;

pub(crate) use self::args::ProveArgs;
use self::journal::Journal;
use self::report::{Findings, ProveReport, Run};
use self::stage::Stage;
use crate::output::tell;
use crate::replaying::Replayed;
use crate::running::{self, Names};
use crate::screen::{self, say};
use crate::stop::Stop;

/// The default of the services.
const LEASE_TTL: Duration = Duration::from_secs(2);
/// How long orders flow before anything is measured or broken, and how many of them must have come to their end.
const WARM_UP: Duration = Duration::from_secs(5);
const WARM_UP_ORDERS: u64 = 100;
/// How often it is looked at whether they have.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// About how long the recovery phase takes.
const RECOVERY_LENGTH: Duration = Duration::from_mins(3);
/// The status that says that nothing was found out.
const NOT_FOUND_OUT: u8 = 2;

/// Runs a proof. Whatever was started is stopped at its end.
pub(crate) async fn run(args: &ProveArgs, stop: &Stop) -> anyhow::Result<ExitCode> {
    let proved = async {
        let kinds = args.kinds()?;
        if !args.sabotage.is_empty() {
            return sabotage::run(args, stop).await;
        }
        let conditions = Conditions { kinds, env: recording(), poison: false };
        prove(args, &conditions, stop).await.map(|report| report.holds())
    };
    match Box::pin(proved).await {
        Ok(holds) => Ok(ExitCode::from(u8::from(!holds))),
        // The command line is at fault: its own message says all.
        Err(error) if error.is::<clap::Error>() => Err(error),
        Err(error) => {
            say(&format!("error: {error:#}"));
            Ok(ExitCode::from(NOT_FOUND_OUT))
        }
    }
}

/// What happens in a run.
struct Conditions {
    /// The faults.
    kinds: Vec<Kind>,
    /// Variables for every service.
    env: Vec<(String, String)>,
    /// Whether orders says something at the end that nobody can apply.
    poison: bool,
}

/// Has every service write down what it applies, so that the ledger can see in which order.
fn recording() -> Vec<(String, String)> {
    vec![("BOWLINE_RECORD_APPLIED".to_owned(), "true".to_owned())]
}

async fn prove(args: &ProveArgs, conditions: &Conditions, stop: &Stop) -> anyhow::Result<ProveReport> {
    args.provider.switches()?;
    let files = args.report.as_deref().map(report::Files::beside).transpose()?;
    let plan = load::plan(args, args.duration + RECOVERY_LENGTH + args.stall_after)?;
    let names = Names::of_one_run(&args.stack);
    let mut options = running::options("prove", &args.stack, &names, true)?;
    running::make_room(&mut options, args.replicas);
    options.kafka_detour = conditions.kinds.iter().any(|kind| kind.is_of_the_network());
    let stack = running::start_with(options, &args.stack, stop).await?;
    running::forget_logs(&stack)?;
    let found = Box::pin(stop.or(on_stack(args, &stack, &names, conditions, &plan))).await;
    if !found.as_ref().is_ok_and(ProveReport::holds) {
        say(&format!("the logs are in {}", running::logs_of(&stack)?.display()));
    }
    if args.stack.postgres_url.is_some() {
        running::drop_databases(&stack, [&names]).await;
    }
    running::stop(stack).await;
    let report = found?;
    tell(&format!("\n{}", report.text()));
    if let Some(files) = files {
        files.write(&report)?;
    }
    Ok(report)
}

async fn on_stack(
    args: &ProveArgs,
    stack: &Stack,
    names: &Names,
    Conditions { kinds, env, poison }: &Conditions,
    plan: &Plan,
) -> anyhow::Result<ProveReport> {
    say(&format!("starting {} processes of each service", args.replicas));
    let stage = Stage::start(args, stack, names, kinds, env.clone()).await?;
    let options = ScheduleOptions {
        seed: args.seed,
        duration: args.duration,
        kinds: kinds.clone(),
        lease_ttl: LEASE_TTL,
    };
    let faults = schedule(&options, stage.hands.terrain());
    say(&format!("seed {}: {} faults within {:?}", args.seed, faults.len(), args.duration));
    load::enter(&stage, plan, args.stall_after).await?;
    let progress = Progress::default();
    let journal = Journal::default();
    let length = args.duration + if args.skip_recovery { WARM_UP } else { WARM_UP + RECOVERY_LENGTH };
    let replayed = tokio::select! {
        replayed = under_load(args, &stage, plan, kinds, &faults, &progress, &journal) => replayed?,
        () = screen::show_time(&progress, length, || journal.now()) => unreachable!("it is shown for ever"),
    };
    if replayed.stalled.is_some() {
        // The phases were left where they were.
        heal(&stage.hands, &journal).await;
    }
    let mut notes = journal.into_notes();
    if *poison {
        notes.passed_parked = stage.hands.poison().await?;
    }
    let findings = look(args, &stage, plan, &replayed).await?;
    let run = Run { args, kinds, scheduled: faults.len() };
    Ok(ProveReport::new(&run, plan, &replayed, notes, findings, stack.restarts()))
}

/// Places orders while everything happens that is to happen, and until the last saga has ended.
async fn under_load(
    args: &ProveArgs,
    stage: &Stage<'_>,
    plan: &Plan,
    kinds: &[Kind],
    faults: &[Planned],
    progress: &Progress,
    journal: &Journal,
) -> anyhow::Result<Replayed> {
    let enough = Notify::new();
    let mut placing = std::pin::pin!(load::place(args, stage, plan, progress, enough.notified()));
    let phases = phases(args, &stage.hands, kinds, faults, progress, journal);
    let replayed = tokio::select! {
        // Nobody told it that it was enough: it has stalled, and there is nothing left to be found out by faults.
        stalled = &mut placing => stalled?,
        () = phases => {
            enough.notify_one();
            placing.await?
        }
    };
    if let Some(stalled) = &replayed.stalled {
        say(&format!("error: {stalled}"));
    }
    Ok(replayed)
}

async fn phases(
    args: &ProveArgs,
    hands: &Hands<'_>,
    kinds: &[Kind],
    faults: &[Planned],
    progress: &Progress,
    journal: &Journal,
) {
    let enter = |phase: &str| journal.note(|notes| phase.clone_into(&mut notes.phase));
    enter("warming up");
    tokio::time::sleep(WARM_UP).await;
    // Should they never come to an end, the load stalls and says so.
    while progress.snapshot().done() < WARM_UP_ORDERS {
        tokio::time::sleep(LOOK_EVERY).await;
    }
    if !args.skip_recovery {
        enter("measuring recovery");
        recovery::measure(hands, kinds, progress, journal).await;
    }
    enter("injecting faults");
    let tell = |record: &bowline_faults::Record| journal.note(|notes| notes.records.push(record.clone()));
    // The load lasts as long as it was said, however few faults there are.
    tokio::join!(hands.carry_out(faults, tell), tokio::time::sleep(args.duration));
    enter("healing");
    heal(hands, journal).await;
    enter("finishing");
}

async fn heal(hands: &Hands<'_>, journal: &Journal) {
    let healed = async {
        hands.heal().await?;
        hands.all_ready().await
    };
    if let Err(trouble) = healed.await {
        journal.note(|notes| notes.not_healed = Some(error_text(&trouble)));
    }
}

/// Waits for rest and draws up the ledger.
async fn look(
    args: &ProveArgs,
    stage: &Stage<'_>,
    plan: &Plan,
    replayed: &Replayed,
) -> anyhow::Result<Findings> {
    say("waiting until everything has come to rest");
    let access = stage.fleet.ground.access()?;
    let busy = bowline_prove::wait_until_quiet(&access, args.quiet_max).await?.err();
    say("checking the invariants");
    let mut proof = bowline_prove::prove(&access).await?;
    proof.invariants.push(bowline_prove::check_sagas(&access).await?);
    let comparison = compare(plan, &replayed.outcome);
    Ok(Findings { proof, comparison, busy })
}
