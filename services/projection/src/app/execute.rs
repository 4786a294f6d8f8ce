//! What is written in the one transaction of this service, which is `messaging`'s.

use bowline_kernel::OrderId;
use bowline_messaging::{ExecuteError, Incoming, Listener, Listening};
use bowline_projection_domain::{Patch, TimelineEntry};
use sqlx::PgConnection;
use uuid::Uuid;

use super::fold::{self, Folded};
use super::reactions;
use super::watches::Watches;
use crate::infra::{order_views, timeline};

/// Folds the messages of lanes into the read model.
pub type Projector = Listening<ReadModel>;

/// What the messages of lanes are folded into.
#[derive(Debug)]
pub struct ReadModel {
    watches: Watches,
}

impl ReadModel {
    /// Tells `watches` what has changed.
    pub fn new(watches: Watches) -> Self {
        Self { watches }
    }
}

impl Listener for ReadModel {
    type Effect = (Patch, TimelineEntry);

    fn concerns(&self, message_type: &str) -> bool {
        reactions::concerns(message_type)
    }

    fn read(&self, message: &Incoming) -> Result<Option<Self::Effect>, String> {
        fold::effect(message).map_err(|unreadable| unreadable.to_string())
    }

    async fn write(
        &mut self,
        connection: &mut PgConnection,
        effects: Vec<(Uuid, Self::Effect)>,
    ) -> Result<(), ExecuteError> {
        let folded = Folded::of(effects);
        order_views::write(connection, &folded.orders).await?;
        timeline::insert(connection, &folded.timeline).await
    }

    fn committed(&mut self, keys: &[Uuid]) {
        self.watches.committed(keys.iter().copied().map(OrderId::new));
    }
}
