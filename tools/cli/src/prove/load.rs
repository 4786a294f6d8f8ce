//! The load of a proof: the orders of the file again and again, without a pause.

use std::num::NonZeroUsize;
use std::time::Duration;

use bowline_kernel::{IdSource as _, SystemIds};
use bowline_load::generator::{
    ConnectionSettings, Connections, Pace, Progress, ReplayOptions, load_catalogue,
};
use bowline_load::plan::{OrderLimits, Plan};
use bowline_load::retail;

use super::ProveArgs;
use super::stage::Stage;
use crate::replaying::{Replayed, place_until};

/// More finished orders a second than any machine of ours has managed, for the stock to last.
const RATE_MAX: u64 = 4_000;
/// Of so many SKUs one runs out early, so that orders are cancelled for want of stock all the time.
const SCARCE_ONE_IN: usize = 40;
/// A process that hangs is given up for another one early, as a caller with replicas to choose from does.
const CALL_TIMEOUT: Duration = Duration::from_secs(2);
const KEEP_ALIVE: Duration = Duration::from_secs(1);

/// The orders of the file, and stock for `length` of them.
pub(super) fn plan(args: &ProveArgs, length: Duration) -> anyhow::Result<Plan> {
    let mut plan = retail::import(&args.data.data, None::<NonZeroUsize>, OrderLimits::default())?;
    let rate = match args.pace() {
        Pace::Open { per_second } => u64::from(per_second.get()),
        Pace::Closed { .. } => RATE_MAX,
    };
    let rounds = rate * length.as_secs() / plan.orders.len() as u64 + 2;
    for (index, stock) in plan.stock.iter_mut().enumerate() {
        if index % SCARCE_ONE_IN != 0 {
            stock.units = stock.units.saturating_mul(i64::try_from(rounds).unwrap_or(i64::MAX));
        }
    }
    Ok(plan)
}

/// Enters catalogue and stock.
pub(super) async fn enter(stage: &Stage<'_>, plan: &Plan, stall_after: Duration) -> anyhow::Result<()> {
    let inventory = stage.fleet.ground.places.grpc_url("inventory");
    let inventory = Connections::new([inventory], ConnectionSettings::default())?;
    load_catalogue(plan, &inventory, SystemIds.next_id(), stall_after, &Progress::default()).await?;
    Ok(())
}

/// Places orders until it is enough and follows them to their ends.
pub(super) async fn place(
    args: &ProveArgs,
    stage: &Stage<'_>,
    plan: &Plan,
    progress: &Progress,
    enough: impl Future<Output = ()>,
) -> anyhow::Result<Replayed> {
    let settings = ConnectionSettings {
        connect_timeout: KEEP_ALIVE,
        call_timeout: CALL_TIMEOUT,
        keep_alive: KEEP_ALIVE,
        ..ConnectionSettings::default()
    };
    let orders = Connections::new(&stage.orders, settings)?;
    let options =
        ReplayOptions { run_id: SystemIds.next_id(), pace: args.pace(), stall_after: args.stall_after };
    place_until(plan, &orders, &stage.fleet.ground.kafka, &options, progress, enough).await
}
