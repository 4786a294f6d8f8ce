//! The options of `bowline catalog`.

use std::path::PathBuf;

use bowline_kernel::Sku;
use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Subcommand};

use crate::writes::RequestArgs;

/// Fill the catalogue and its stock from a file, and see what can be ordered.
///
/// Calls the stack that `bowline up` or `bowline demo` has started, or the services at --url.
#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:
  bowline catalog import products.csv
  bowline catalog show 85123A")]
pub(crate) enum Action {
    Import(ImportArgs),
    Show(ShowArgs),
}

/// Enter products and stock from a CSV file
///
/// The first line names the columns, in any order: sku, name, price and currency, and if wanted stock (units to add to
/// those that are there) and image_uri (the address of a picture). A product whose SKU is in the catalogue already is
/// replaced. If any line is wrong, all faults are named and nothing is written.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  bowline catalog import products.csv
  printf 'sku,name,price,currency,stock\\nMUG,A white mug,4.95,GBP,100\\n' | bowline catalog import -")]
pub(crate) struct ImportArgs {
    /// The file; - reads standard input
    #[arg(value_name = "FILE")]
    pub(super) file: PathBuf,
    #[command(flatten)]
    pub(super) request: RequestArgs,
}

/// Show products: those named or searched for, else all in order of SKU
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  bowline catalog show
  bowline catalog show --search mug
  bowline catalog show 85123A 71053 --output json")]
pub(crate) struct ShowArgs {
    /// These products; all if none is named
    #[arg(value_name = "SKU")]
    pub(super) skus: Vec<Sku>,
    /// Those whose SKU or name holds this, in capitals or not; the whole catalogue is looked through
    #[arg(long, value_name = "TEXT", conflicts_with = "skus", value_parser = NonEmptyStringValueParser::new())]
    pub(super) search: Option<String>,
    /// The most products when none is named
    #[arg(long, value_name = "COUNT", default_value = "100", value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) limit: u32,
}
