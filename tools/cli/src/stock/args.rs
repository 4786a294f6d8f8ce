//! The options of `bowline stock`.

use std::num::NonZeroI64;
use std::str::FromStr;

use bowline_kernel::Sku;
use clap::{Args, Subcommand};

use crate::writes::RequestArgs;

/// See how many units of a product are where, and add or remove some.
///
/// Calls the stack that `bowline up` or `bowline demo` has started, or the services at --url.
#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:
  bowline stock show 85123A --movements
  bowline stock adjust 85123A=+100 --reason 'delivery 4711'")]
pub(crate) enum Action {
    Show(ShowArgs),
    Adjust(AdjustArgs),
}

/// Show how many units can be reserved, are reserved and were sold
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  bowline stock show 85123A
  bowline stock show 85123A --movements --limit 20")]
pub(crate) struct ShowArgs {
    /// The product
    #[arg(value_name = "SKU")]
    pub(super) sku: Sku,
    /// Show the movements that led to this as well, the latest last
    #[arg(long)]
    pub(super) movements: bool,
    /// The most movements; of more the latest are shown
    #[arg(long, value_name = "COUNT", default_value = "100", requires = "movements",
          value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) limit: u32,
}

/// Add or remove units that can be reserved, all or none
///
/// No level falls below zero: if one would, nothing is changed.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  bowline stock adjust 85123A=+100 71053=+20 --reason 'delivery 4711'
  bowline stock adjust 85123A=-2 --reason broken")]
pub(crate) struct AdjustArgs {
    /// The products, and by how many units each changes; no SKU twice
    #[arg(value_name = "SKU=±UNITS", required = true)]
    pub(super) changes: Vec<Change>,
    /// Why; kept with the movements
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub(super) reason: String,
    #[command(flatten)]
    pub(super) request: RequestArgs,
}

/// A change of the units of one product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    pub(super) sku: Sku,
    pub(super) units: NonZeroI64,
}

impl FromStr for Change {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // A SKU may hold the sign itself.
        let (sku, units) =
            text.rsplit_once('=').ok_or("expected SKU=UNITS, such as 85123A=+100 or 85123A=-2")?;
        let sku = sku.parse().map_err(|error| format!("the SKU {error}"))?;
        let units =
            units.parse().map_err(|_| "the units must be a whole number other than 0, such as +100 or -2")?;
        Ok(Self { sku, units })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_has_a_sign() {
        let change =
            |text: &str| text.parse::<Change>().map(|change| (change.sku.to_string(), change.units.get()));
        assert_eq!(change("A=B=+7").unwrap(), ("A=B".to_owned(), 7));
        assert_eq!(change("A=-2").unwrap(), ("A".to_owned(), -2));
        assert_eq!(change("A=5").unwrap(), ("A".to_owned(), 5));
        for (wrong, told) in [
            ("A", "expected SKU=UNITS"),
            ("=1", "the SKU must be"),
            ("A=0", "other than 0"),
            ("A=x", "whole"),
        ] {
            assert!(change(wrong).unwrap_err().contains(told), "{wrong}");
        }
    }
}
