//! Where services are called, and who calls them: shared by the commands that mend what runs.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use clap::Args;
use tonic::transport::{Channel, Endpoint};

use crate::args::FolderArgs;
use crate::check::find;

/// The services that hear messages, as the description of a stack names them.
const SERVICES: [&str; 4] = ["orders", "inventory", "payment", "projection"];
const CALL_TIMEOUT: Duration = Duration::from_secs(30);

/// Where services are called.
#[derive(Debug, Args)]
pub(crate) struct ServiceArgs {
    /// gRPC addresses of services; those of the stack that runs on this machine if left out
    #[arg(long = "url", env = "BOWLINE_SERVICE_URLS", value_name = "NAME=URL", value_delimiter = ',',
          value_parser = named_url, global = true)]
    urls: Vec<(String, String)>,
    #[command(flatten)]
    folders: FolderArgs,
}

/// Who does it; kept on record.
#[derive(Debug, Args)]
pub(crate) struct OperatorArgs {
    /// Who does this; kept on record
    #[arg(long = "operator", env = "USER", value_name = "NAME", default_value = "unknown")]
    pub(crate) name: String,
    /// Why; kept on record
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub(crate) note: String,
}

impl ServiceArgs {
    /// Every service whose address is known, by name. Connects when a call is made: a service that is away shows in its
    /// call.
    pub(crate) fn channels(&self) -> anyhow::Result<BTreeMap<String, Channel>> {
        let mut urls: BTreeMap<String, String> = self.urls.iter().cloned().collect();
        if urls.is_empty() {
            let stack = find(&self.folders)?;
            let address = |service: &str| stack.addresses.get(&format!("{service}.grpc")).cloned();
            urls = SERVICES
                .iter()
                .filter_map(|service| Some(((*service).to_owned(), address(service)?)))
                .collect();
        }
        urls.into_iter().map(|(name, url)| Ok((name, connect(url)?))).collect()
    }
}

/// Fails if the address of a service that was named is not known.
pub(crate) fn check_known<T>(known: &BTreeMap<String, T>, service: &str) -> anyhow::Result<()> {
    ensure!(
        known.contains_key(service),
        "no address of a service {service} is known: give --url {service}=http://HOST:PORT"
    );
    Ok(())
}

/// What a service has answered instead.
pub(crate) fn refused(service: &str, status: &tonic::Status) -> anyhow::Error {
    anyhow::anyhow!("{service} answered {:?}: {}", status.code(), status.message())
}

fn connect(url: String) -> anyhow::Result<Channel> {
    let url = if url.contains("://") { url } else { format!("http://{url}") };
    let endpoint = Endpoint::from_shared(url.clone()).with_context(|| format!("{url} is not a URL"))?;
    Ok(endpoint.timeout(CALL_TIMEOUT).connect_lazy())
}

fn named_url(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, url)) if !name.is_empty() && !url.is_empty() => Ok((name.to_owned(), url.to_owned())),
        _ => Err("expected NAME=URL, such as inventory=http://127.0.0.1:50051".to_owned()),
    }
}
