//! Has calls about a key executed by the replica that owns the partition of the key, so that replicas do not queue at
//! the same lane heads.
//!
//! **Guarantees.** A call is forwarded once at the most: it carries a mark, and is executed where it arrives with one,
//! whoever owns the partition by then. What the owner answers is the caller's answer, word for word. When it gives none
//! in time, the call is executed here, in what is left of the caller's time.
//!
//! **Does not.** It makes nothing right or wrong. An owner that gave no answer may have executed the call all the same, or
//! still be at it: only calls may be forwarded that may be repeated, such as those with a `request_id`.

mod origin;

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bowline_config::{Faults, Given};
use bowline_messaging::Holders;
use bowline_resilience::{Breaker, BreakerSettings, Broken, within};
use tokio::sync::watch;
use tonic::metadata::MetadataValue;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Response, Status};
use tonic_types::StatusExt as _;
use tracing::Instrument as _;

pub(crate) use self::origin::Deadline;
use self::origin::FORWARDED;
pub use self::origin::Origin;
use crate::{DOMAIN, call_below};

/// Options of calls that are forwarded.
#[derive(clap::Args, Clone, Debug)]
#[command(next_help_heading = "Replicas")]
pub struct ForwardArgs {
    /// How long the replica that owns an order may take to answer a call that was forwarded to it, and no longer than half
    /// of the time that the caller still has; then the replica that was called executes it.
    #[arg(long, env = "BOWLINE_FORWARD_TIMEOUT", default_value = "1s", value_name = "TIME")]
    forward_timeout: Given<Duration>,
}

/// Checked options of calls that are forwarded.
#[derive(Clone, Copy, Debug)]
pub struct ForwardSettings {
    /// How long an owner may take to answer.
    pub timeout: Duration,
    /// When an owner is given a rest.
    pub breaker: BreakerSettings,
}

/// What has become of calls that another replica owned, or had forwarded, since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Forwards {
    /// Were forwarded and answered by the owner.
    pub answered: u64,
    /// Were executed here because the owner gave no answer.
    pub fallen_back: u64,
    /// Were executed here because another replica had forwarded them.
    pub received: u64,
}

/// Forwards calls to the owners of partitions. Clones share everything.
#[derive(Clone, Debug)]
pub struct Forwarding {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    holders: watch::Receiver<Holders>,
    settings: ForwardSettings,
    /// The way to each address that holds something, from its first call on.
    ways: Mutex<HashMap<Arc<str>, Way>>,
    counts: watch::Sender<Forwards>,
}

/// A connection to another replica, and whether it may be used.
#[derive(Clone, Debug)]
struct Way {
    channel: Channel,
    breaker: Breaker,
}

impl ForwardArgs {
    /// Takes the values out, collecting every fault. Breakers are the same for all dependencies of a process.
    pub fn check(self, breaker: Option<BreakerSettings>, faults: &mut Faults) -> Option<ForwardSettings> {
        let timeout = faults.positive("forward-timeout", self.forward_timeout);
        Some(ForwardSettings { timeout: timeout?, breaker: breaker? })
    }
}

impl Forwarding {
    /// Forwards to whom `holders` names.
    pub fn new(holders: watch::Receiver<Holders>, settings: ForwardSettings) -> Self {
        let (ways, counts) = (Mutex::default(), watch::Sender::new(Forwards::default()));
        Self { shared: Arc::new(Shared { holders, settings, ways, counts }) }
    }

    /// What has become of calls so far.
    pub fn counts(&self) -> watch::Receiver<Forwards> {
        self.shared.counts.subscribe()
    }

    /// Has the owner of `partition` execute a call, which `send` sends. `None`: it is to be executed here, because
    /// nobody else owns the partition, because another replica has forwarded it, or because the owner gave no answer.
    pub async fn forward<M, T, F>(
        &self,
        partition: u16,
        origin: &Origin,
        message: M,
        send: impl FnOnce(Channel, Request<M>) -> F,
    ) -> Option<Result<T, Status>>
    where
        F: Future<Output = Result<Response<T>, Status>>,
    {
        if origin.is_forwarded() {
            self.count(|counts| counts.received += 1);
            return None;
        }
        let owner = self.shared.holders.borrow().get(&partition).cloned()?;
        let limit = self.shared.settings.timeout.min(origin.time_left() / 2);
        let request = forwarded(message, limit);
        let traceparent = origin.traceparent();
        let call = |channel| call_below(traceparent, "forward", request, |request| send(channel, request));
        match self.ask(&owner, limit, call).await {
            Ok(response) => {
                tracing::debug!(partition, %owner, "the owner has executed a call");
                self.count(|counts| counts.answered += 1);
                Some(Ok(response.into_inner()))
            }
            Err(Broken::Failed(status)) if is_answer(&status) => {
                tracing::debug!(partition, %owner, code = ?status.code(), "the owner has refused a call");
                self.count(|counts| counts.answered += 1);
                Some(Err(passed_on(&status)))
            }
            Err(reason) => {
                tracing::debug!(partition, %owner, %reason, "the owner gave no answer: a call is executed here");
                self.count(|counts| counts.fallen_back += 1);
                None
            }
        }
    }

    async fn ask<T, F>(
        &self,
        owner: &Arc<str>,
        limit: Duration,
        call: impl FnOnce(Channel) -> F,
    ) -> Result<Response<T>, Broken<Status>>
    where
        F: Future<Output = Result<Response<T>, Status>>,
    {
        let Way { channel, breaker } = self.way(owner).map_err(Broken::Failed)?;
        let answer = || async {
            let answered = within("the owner", limit, call(channel)).await;
            answered.unwrap_or_else(|elapsed| Err(Status::deadline_exceeded(elapsed.to_string())))
        };
        let asked = breaker.call_if(|status| !is_answer(status), answer);
        // The breaker's lines do not say whose it is.
        asked.instrument(tracing::info_span!("forward", %owner)).await
    }

    /// The way to an owner. Those to addresses that hold nothing any more are forgotten: there are never more ways than
    /// partitions.
    fn way(&self, owner: &Arc<str>) -> Result<Way, Status> {
        let mut ways = self.shared.ways.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(way) = ways.get(owner) {
            return Ok(way.clone());
        }
        let holders = self.shared.holders.borrow().clone();
        ways.retain(|address, _| holders.values().any(|holder| holder == address));
        let settings = self.shared.settings;
        let endpoint = Endpoint::from_shared(format!("http://{owner}"))
            .map_err(|error| Status::unavailable(format!("its address cannot be used: {error}")))?;
        let channel = endpoint.connect_timeout(settings.timeout).tcp_nodelay(true).connect_lazy();
        let way = Way { channel, breaker: Breaker::new("owner of a partition", settings.breaker) };
        ways.insert(Arc::clone(owner), way.clone());
        Ok(way)
    }

    fn count(&self, change: impl FnOnce(&mut Forwards)) {
        self.shared.counts.send_modify(change);
    }
}

/// The call as it goes to the owner.
fn forwarded<M>(message: M, limit: Duration) -> Request<M> {
    let mut request = Request::new(message);
    request.set_timeout(limit);
    request.metadata_mut().insert(FORWARDED, MetadataValue::from_static("1"));
    request
}

/// Whether this is what the owner has to say about the call, and not that it cannot execute it now. Whatever carries no
/// reason of ours is said by the network, or by somebody else who has come to its address.
fn is_answer(status: &Status) -> bool {
    let ours = status.get_details_error_info().is_some_and(|info| info.domain == DOMAIN);
    ours && !matches!(status.code(), Code::Unavailable | Code::DeadlineExceeded)
}

/// The same words and details, without what belonged to the connection.
fn passed_on(status: &Status) -> Status {
    Status::with_details(status.code(), status.message(), status.details().to_vec().into())
}
