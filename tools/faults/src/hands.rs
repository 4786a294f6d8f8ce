//! Carrying faults out on a running stack.

mod databases;
mod network;
mod points;
mod poison;
mod processes;
mod provider;
mod servers;
mod waiting;

use std::collections::BTreeMap;
use std::time::Duration;

use bowline_dev_stack::Stack;
use bowline_kernel::error_text;
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use tokio::sync::Mutex;
use tokio::time::Instant;
use url::Url;

use self::databases::Sessions;

use crate::kind::Kind;
use crate::proxy::{Mode, Proxy};
use crate::record::{Outcome, Record};
use crate::schedule::Planned;
use crate::target::{Link, Target, Terrain};
use crate::trouble::Trouble;

/// How long one question to a process may take.
const ANSWER_MAX: Duration = Duration::from_secs(2);

/// Where faults are carried out.
#[derive(Debug)]
pub struct Site<'s> {
    /// The servers and the supervisor of the services.
    pub stack: &'s Stack,
    /// What faults can happen to.
    pub terrain: Terrain,
    /// Base address of the payment simulator, not through a proxy.
    pub provider: Url,
    /// The proxies of the links.
    pub proxies: BTreeMap<Link, Proxy>,
    /// How long anything may take to come back before that is a failure.
    pub recovery_max: Duration,
}

/// They carry faults out.
#[derive(Debug)]
pub struct Hands<'s> {
    site: Site<'s>,
    client: reqwest::Client,
    /// The provider's switches as they were.
    switches: serde_json::Value,
    sessions: Sessions,
    /// Held while PostgreSQL or Kafka goes away and comes back, which may take longer than the schedule thinks.
    servers: Mutex<()>,
}

impl<'s> Hands<'s> {
    /// Takes note of how things are, so that [`Hands::heal`] can bring that back.
    pub async fn new(site: Site<'s>) -> Result<Self, Trouble> {
        let client = reqwest::Client::builder()
            .timeout(ANSWER_MAX)
            .build()
            .map_err(|source| Trouble::Provider { address: site.provider.to_string(), source })?;
        let switches = provider::switches(&client, &site.provider).await?;
        Ok(Self { site, client, switches, sessions: Sessions::default(), servers: Mutex::default() })
    }

    /// What faults can happen to.
    pub fn terrain(&self) -> &Terrain {
        &self.site.terrain
    }

    /// Carries out a schedule and returns what came of every fault, in the order of their ends. `tell` hears of each at
    /// its end. Ends when the last fault is over and what it happened to is back.
    pub async fn carry_out(&self, schedule: &[Planned], mut tell: impl FnMut(&Record)) -> Vec<Record> {
        let begun = Instant::now();
        let mut under_way = FuturesUnordered::new();
        let mut records = Vec::with_capacity(schedule.len());
        let mut coming = schedule.iter().peekable();
        while coming.peek().is_some() || !under_way.is_empty() {
            let next = coming.peek().map(|planned| begun + planned.at);
            let due = async {
                match next {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = due => under_way.extend(coming.next().map(|planned| self.recorded(planned, begun))),
                Some(record) = under_way.next() => {
                    tell(&record);
                    records.push(record);
                }
                else => break,
            }
        }
        records
    }

    async fn recorded(&self, planned: &Planned, start: Instant) -> Record {
        let began = start.elapsed();
        let outcome = self
            .carry_out_one(planned)
            .await
            .unwrap_or_else(|trouble| Outcome::Failed { reason: error_text(&trouble) });
        Record::new(planned, began, outcome)
    }

    async fn carry_out_one(&self, planned: &Planned) -> Result<Outcome, Trouble> {
        let length = planned.length;
        match (planned.kind, &planned.target) {
            (Kind::Kill, Target::Process(process)) => self.kill(process).await,
            (Kind::Pause, Target::Process(process)) => self.pause(process, length).await,
            (Kind::FaultPoints, Target::Point { process, point }) => {
                self.abort_at(process, *point, length).await
            }
            (Kind::PostgresRestart, _) => self.restart_postgres().await,
            (Kind::KafkaRestart, _) => self.restart_kafka().await,
            (Kind::Sessions, Target::Database(service)) => self.end_sessions(service).await,
            (Kind::Leases, Target::Database(service)) => self.take_leases(service, length).await,
            (Kind::ProviderErrors, _) => self.let_provider_fail(length).await,
            (Kind::ProviderTimeouts, _) => self.let_provider_hold_back(length).await,
            (Kind::Cut, Target::Link(link)) => self.disturb(link, Mode::Cut, length).await,
            (Kind::Blackhole, Target::Link(link)) => self.disturb(link, Mode::Blackhole, length).await,
            (Kind::Delay, Target::Link(link)) => {
                self.disturb(link, Mode::Delay(network::delay(planned.number)), length).await
            }
            (kind, target) => Ok(Outcome::skipped(format!("{kind} cannot happen to {target}"))),
        }
    }

    /// Undoes whatever still goes on: paused processes go on, proxies let through, the provider behaves as before, and
    /// servers of ours are waited for. Says what could not be undone.
    pub async fn heal(&self) -> Result<(), Trouble> {
        for proxy in self.site.proxies.values() {
            proxy.set(Mode::Pass);
        }
        for process in &self.site.terrain.processes {
            self.site.stack.supervisor().go_on(&process.name)?;
        }
        self.set_switches(&self.switches).await?;
        self.servers_ready().await
    }
}
