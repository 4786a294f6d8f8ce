//! What must hold when a run has come to rest.

use crate::stage::Service;
use crate::witness::number;
use crate::world::World;

impl World<'_> {
    /// Everything that does not hold, in words.
    pub(crate) async fn verdict(&mut self) -> anyhow::Result<Vec<String>> {
        let mut faults = Vec::new();
        for replica in &mut self.replicas {
            let name = replica.name();
            faults.extend(
                replica.part().stopped().into_iter().map(|lane| format!("{name} has stopped: {lane}")),
            );
        }
        self.compare_orders_with_requests(&mut faults).await?;
        faults.append(&mut self.follower.differences);
        faults.extend(self.follower.unfinished());
        let provider = self.simulator.url().parse()?;
        let proof = self.stage.ledger().prove(&provider, self.broker.archive()).await?;
        for invariant in proof.invariants.into_iter().filter(|invariant| invariant.violations > 0) {
            let examples = invariant.examples.join("; ");
            faults.push(format!("not so: {}: {examples}", invariant.name));
        }
        let reserved: i64 =
            sqlx::query_scalar("SELECT coalesce(sum(reserved), 0)::int8 FROM inventory.levels")
                .fetch_one(&mut self.stage.base(Service::Inventory).owner)
                .await?;
        if reserved != 0 {
            faults.push(format!("{reserved} units are reserved for nobody"));
        }
        Ok(faults)
    }

    /// Every request was answered with one order, and there is no other.
    async fn compare_orders_with_requests(&mut self, faults: &mut Vec<String>) -> anyhow::Result<()> {
        let streams: Vec<uuid::Uuid> =
            sqlx::query_scalar("SELECT DISTINCT stream_id FROM event_store.events ORDER BY stream_id")
                .fetch_all(&mut self.stage.base(Service::Orders).owner)
                .await?;
        for customer in &self.customers {
            faults.extend(customer.contradictions.iter().cloned());
            if let Some(wanted) = customer.wants() {
                faults.push(format!("a customer has no answer to {wanted:?}"));
            }
        }
        let mut known: Vec<uuid::Uuid> = self
            .customers
            .iter()
            .filter_map(|customer| customer.order.map(bowline_kernel::OrderId::uuid))
            .collect();
        known.sort_unstable();
        if known != streams {
            let text = |ids: &[uuid::Uuid]| ids.iter().map(|id| number(*id).to_string()).collect::<Vec<_>>();
            faults.push(format!(
                "customers were told the orders {:?}, there are {:?}",
                text(&known),
                text(&streams)
            ));
        }
        Ok(())
    }
}
