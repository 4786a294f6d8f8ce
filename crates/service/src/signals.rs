use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

use crate::ServiceError;

/// Where the wish to stop comes from: first to drain, then to end at once.
#[derive(Debug)]
pub struct Signals(Source);

/// Stops a service from inside the process, for tests and for services that run as part of another program.
#[derive(Clone, Debug)]
pub struct SignalSender(mpsc::UnboundedSender<()>);

#[derive(Debug)]
enum Source {
    Process { terminate: Signal, interrupt: Signal },
    Hand(mpsc::UnboundedReceiver<()>),
}

impl Signals {
    /// SIGTERM and SIGINT. From here on they no longer end the process by themselves.
    pub fn of_process() -> Result<Self, ServiceError> {
        let listen = |kind| signal(kind).map_err(ServiceError::Signals);
        let (terminate, interrupt) = (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
        Ok(Self(Source::Process { terminate, interrupt }))
    }

    /// Signals that are sent by hand. Dropping the sender sends none.
    pub fn by_hand() -> (SignalSender, Self) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (SignalSender(sender), Self(Source::Hand(receiver)))
    }

    pub(crate) async fn next(&mut self) -> &'static str {
        match &mut self.0 {
            Source::Process { terminate, interrupt } => {
                tokio::select! {
                    _ = terminate.recv() => "SIGTERM",
                    _ = interrupt.recv() => "SIGINT",
                }
            }
            Source::Hand(receiver) => match receiver.recv().await {
                Some(()) => "by hand",
                None => std::future::pending().await,
            },
        }
    }
}

impl SignalSender {
    /// Sends one signal.
    pub fn send(&self) {
        // A service that has ended needs no signal.
        let _ = self.0.send(());
    }
}
