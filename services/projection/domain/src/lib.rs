//! What the projection makes of the public events: the view of an order and its timeline, as pure functions. The
//! projection service writes their results to rows; the invariants compare those rows with a fold of the published
//! events through the same functions.
//!
//! A [`Patch`] holds every column of an order's row, each set or not. An event sets some of them
//! ([`Patch::from`]), two patches become one ([`Patch::merge`]: the later one wins column by column), and the row is
//! the merge of all patches of the order. So a batch is merged in memory and written as one
//! `INSERT … ON CONFLICT DO UPDATE SET column = COALESCE(excluded.column, row.column)`.
//!
//! **Guarantees.** Each source (orders, inventory, payment) sets columns of its own, so the row depends on the order
//! of events within each source alone, not on how the sources interleave. Any source's event may come first; the
//! order is hidden ([`Patch::view`]) until `OrderPlaced` has been folded. Merging is associative, and
//! [`Patch::default`] changes nothing. Folding a lane's events again from an earlier point leads to the same row.
//!
//! **Does not.** No I/O, no clock. It detects neither duplicates nor gaps; watermarks do that before. It does not know
//! protobuf: the service maps the public events to [`PublicEvent`].
//!
//! **How to add one more event.** Add it to [`PublicEvent`]; the compiler leads to its source and time, its columns in
//! `patch.rs` and its sentence in `timeline/summary.rs`. A new column goes to the struct of the source that sets it.

mod codes;
mod event;
mod patch;
mod timeline;
mod view;

pub use codes::{CancelReason, OrderStatus, PaymentState, Source, StockStatus, UnknownCode};
pub use event::{Attempts, OrderLine, PublicEvent, Shortage};
pub use patch::{InventoryColumns, OrdersColumns, Patch, PaymentColumns};
pub use timeline::{Envelope, TimelineEntry, order_timeline};
pub use view::OrderView;
