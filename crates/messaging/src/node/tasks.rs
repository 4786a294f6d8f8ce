//! The tasks of a node: started together, stopped one after the other.

use std::time::Duration;

use bowline_kernel::error_text;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::Wiring;
use crate::KafkaOptions;
use crate::backlog::BacklogWatch;
use crate::executor::{Executor, Handler};
use crate::lease::Leases;
use crate::relay::{Relay, RelayParts};
use crate::rotation::Rotation;
use crate::topic_watch::{self, TopicIds};

/// What runs.
pub(super) struct Parts<H: Handler> {
    pub(super) executor: Executor<H>,
    pub(super) relay: RelayParts,
    pub(super) leases: Leases,
    pub(super) rotation: Rotation,
    pub(super) backlog: BacklogWatch,
    pub(super) kafka: KafkaOptions,
    pub(super) wiring: Wiring,
    /// Told which topics there are.
    pub(super) found: watch::Sender<Option<TopicIds>>,
    /// How long the relay may take to publish what is left.
    pub(super) patience: watch::Receiver<Duration>,
}

/// Running tasks, by name. Dropped, they are aborted.
#[derive(Debug)]
pub(super) struct Tasks {
    running: JoinSet<&'static str>,
    executor: CancellationToken,
    relay: CancellationToken,
    leases: CancellationToken,
}

impl<H: Handler> Parts<H> {
    pub(super) fn spawn(self) -> Tasks {
        let Self { executor, relay, leases, rotation, backlog, kafka, wiring, found, patience } = self;
        let mut running = JoinSet::new();
        let [executor_stop, relay_stop, lease_stop] = [(); 3].map(|()| CancellationToken::new());
        running.spawn(run_executor(executor, executor_stop.clone()));
        running.spawn(run_relay(relay, found.subscribe(), relay_stop.clone(), patience));
        running.spawn(run_leases(leases, lease_stop.clone()));
        if !wiring.sends.is_empty() {
            running.spawn(run_rotation(rotation, relay_stop.clone()));
        }
        let stopped = relay_stop.clone();
        running.spawn(async move {
            backlog.run(stopped).await;
            std::future::pending().await
        });
        let stopped = relay_stop.clone();
        let needs = wiring.topics();
        running.spawn(async move {
            topic_watch::run(kafka, wiring.owns, needs, &found, stopped).await;
            // What was found is looked at for as long as the node lives.
            std::future::pending().await
        });
        Tasks { running, executor: executor_stop, relay: relay_stop, leases: lease_stop }
    }
}

impl Tasks {
    /// Waits until one ends although nobody stopped it, and names it.
    pub(super) async fn failed(&mut self) -> &'static str {
        match self.running.join_next().await {
            Some(Ok(name)) => name,
            Some(Err(error)) => {
                tracing::error!(%error, "a part of the node panicked");
                "a task"
            }
            None => std::future::pending().await,
        }
    }

    /// Stops the executor, then the relay, then the leases, each when the one before it has ended.
    pub(super) async fn stop(&mut self) {
        self.executor.cancel();
        self.ended("executor").await;
        self.relay.cancel();
        self.ended("relay").await;
        self.leases.cancel();
        self.ended("leases").await;
    }

    pub(super) fn abort(&mut self) {
        self.running.abort_all();
    }

    async fn ended(&mut self, name: &str) {
        while let Some(ended) = self.running.join_next().await {
            if matches!(ended, Ok(ended) if ended == name) {
                return;
            }
        }
    }
}

async fn run_executor<H: Handler>(executor: Executor<H>, cancelled: CancellationToken) -> &'static str {
    executor.run(cancelled).await;
    "executor"
}

/// The relay begins when its topics are there: a producer that meets an unknown topic gives the message up.
async fn run_relay(
    parts: RelayParts,
    mut topic_ids: watch::Receiver<Option<TopicIds>>,
    cancelled: CancellationToken,
    patience: watch::Receiver<Duration>,
) -> &'static str {
    let ready = tokio::select! {
        () = cancelled.cancelled() => false,
        found = topic_ids.wait_for(Option::is_some) => found.is_ok(),
    };
    if ready {
        match Relay::start(parts) {
            Ok(relay) => {
                let drain = move || *patience.borrow();
                relay.run(cancelled, drain).await;
            }
            Err(error) => tracing::error!(error = error_text(&error), "relay cannot start"),
        }
    }
    "relay"
}

async fn run_rotation(rotation: Rotation, cancelled: CancellationToken) -> &'static str {
    rotation.run(cancelled).await;
    "rotation"
}

async fn run_leases(mut leases: Leases, cancelled: CancellationToken) -> &'static str {
    leases.run(cancelled).await;
    if let Err(error) = leases.release().await {
        tracing::warn!(error = error_text(&error), "leases could not be given back; they expire");
    }
    "leases"
}
