//! What inventory decides: whether an order's units can be reserved, what becomes of them later, and what an
//! adjustment does. Rows and a ledger instead of an event stream: a SKU's level is one row, every change of it is a
//! [`Movement`], and the sum of a SKU's movements is its level.
//!
//! A batch loads the levels that its messages may touch (the SKUs of [`Message::lines`] and of
//! [`Reservation::lines`]) into one [`Levels`], calls [`decide`] and [`Levels::adjust`] in order, and writes
//! [`Levels::changes`] (one row a SKU, however many orders took part), the movements and the new reservations.
//!
//! **Guarantees.** No level becomes negative or overflows. Reserving is all or nothing. A decision that is refused,
//! or that has nothing to do, leaves the levels as they were. `ReleaseStock` and `RestockOrder` are answered by
//! exactly one [`Fact`] for each order, however often and in whatever order messages come.
//!
//! **Does not.** No I/O, no clock, no ids. It does not know the catalogue: whether an adjusted SKU exists is the
//! service's question.
//!
//! **How to add one more message.** Add it to [`Message`]; the compiler leads to the table in `decide.rs`, where
//! every state needs its answer. List each pair in `decide/tests.rs`, and let the histories of
//! `decide/properties.rs` contain the message.

mod adjustment;
mod decide;
mod invalid_field;
mod level;
mod levels;
mod lines;
mod movement;
mod product;
mod reservation;

pub use adjustment::{AdjustStock, Adjustment, AdjustmentRejection, Reason};
pub use decide::{Decision, Rejection, decide};
pub use invalid_field::InvalidField;
pub use level::Level;
pub use levels::{LevelChange, Levels};
pub use lines::{Line, Lines, LinesError};
pub use movement::{Movement, MovementKind};
pub use product::Product;
pub use reservation::{Fact, Message, Reservation, Shortage};
