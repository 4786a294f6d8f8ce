//! How a fleet is started that is not quite ordinary.

use std::collections::BTreeMap;

use anyhow::Context as _;
use url::Url;

/// What differs from an ordinary start of a fleet; nothing by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// Variables for every service.
    pub env: Vec<(String, String)>,
    /// Where a process finds a party, if not at its own address: by process and by that address (host:port).
    pub detours: BTreeMap<(String, String), String>,
}

impl Changes {
    /// The address at which a process finds the party that listens at `address`.
    pub(super) fn way(&self, process: &str, address: &str) -> String {
        let detour = self.detours.get(&(process.to_owned(), address.to_owned()));
        detour.map_or(address, |detour| detour).to_owned()
    }

    /// The same for the host and port of a URL.
    pub(super) fn way_of_url(&self, process: &str, url: &str) -> anyhow::Result<String> {
        let mut url = Url::parse(url).context("the address of a database is no URL")?;
        let address = format!("{}:{}", url.host_str().unwrap_or_default(), url.port().unwrap_or(5432));
        if let Some((host, port)) = self.way(process, &address).rsplit_once(':') {
            url.set_host(Some(host)).context("a database has a host")?;
            url.set_port(port.parse().ok()).map_err(|()| anyhow::anyhow!("a database has a port"))?;
        }
        Ok(url.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_process_that_has_a_detour_takes_it() {
        let detour = (("orders-2".to_owned(), "127.0.0.1:5000".to_owned()), "127.0.0.1:6000".to_owned());
        let changes = Changes { detours: [detour].into(), ..Changes::default() };
        assert_eq!(changes.way("orders-2", "127.0.0.1:5000"), "127.0.0.1:6000");
        assert_eq!(changes.way("orders", "127.0.0.1:5000"), "127.0.0.1:5000");
        let url = "postgres://me:secret@127.0.0.1:5000/orders?sslmode=disable";
        assert_eq!(changes.way_of_url("orders-2", url).unwrap(), url.replace("5000", "6000"));
        assert_eq!(changes.way_of_url("orders", url).unwrap(), url);
    }
}
