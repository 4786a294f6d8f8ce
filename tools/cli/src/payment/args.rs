//! The options of `bowline payment`.

use bowline_kernel::OrderId;
use clap::Subcommand;

/// See what became of an order's payment.
///
/// Calls the stack that `bowline up` or `bowline demo` has started, or the services at --url.
#[derive(Debug, Subcommand)]
#[command(after_help = "Example:
  bowline payment show 01980c1e-3f0a-7c55-9b1e-5a1f0c9d2e11")]
pub(crate) enum Action {
    /// Show what is held and what was taken, how often the provider was called, and why it refused
    #[command(after_help = "Examples:
  bowline payment show 01980c1e-3f0a-7c55-9b1e-5a1f0c9d2e11
  bowline payment show 01980c1e-3f0a-7c55-9b1e-5a1f0c9d2e11 --output json")]
    Show {
        /// The order, whose id is the payment's too
        #[arg(value_name = "ORDER_ID")]
        order_id: OrderId,
    },
}
