//! Where services are called, who calls them, and what is said when one gives no answer.

use std::collections::BTreeMap;
use std::error::Error as _;
use std::iter;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use bowline_contracts::payloads::Json;
use bowline_dev_stack::StackDescription;
use bowline_dev_stack::databases::SERVICES;
use bowline_resilience::RetrySettings;
use clap::error::ErrorKind;
use clap::{Args, CommandFactory as _, Subcommand};
use serde::Serialize;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};

use crate::args::{FolderArgs, Options};
use crate::check::{find, find_running};
use crate::output::OutputArgs;
use crate::screen::say;

const CALL_TIMEOUT: Duration = Duration::from_secs(30);
/// What may be tried again: about three seconds in all, longer than a service takes to hand over to its successor.
pub(crate) const TRIES: RetrySettings = RetrySettings {
    attempts_max: Some(5),
    backoff_min: Duration::from_millis(200),
    backoff_max: Duration::from_secs(1),
};

/// What every command that calls services can be told, whatever it is about.
#[derive(Debug, Args)]
pub(crate) struct CallArgs {
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    #[command(flatten)]
    pub(crate) services: ServiceArgs,
}

// What can be done with one kind of thing. Its help is that of its actions, which therefore come last; a comment for the
// documentation would stand in its place.
#[derive(Debug, Args)]
pub(crate) struct Noun<A: Subcommand> {
    #[command(flatten)]
    pub(crate) call: CallArgs,
    #[command(subcommand)]
    pub(crate) action: A,
}

/// Where services are called.
#[derive(Debug, Args)]
pub(crate) struct ServiceArgs {
    /// gRPC addresses of services; those of the stack that runs on this machine if left out
    ///
    /// A command that calls a service that is not named here looks for it in the stack of this machine. `status`, `lanes` and
    /// `dead-letters`, which look at all services, look at those alone that are named.
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

/// A service that is called.
#[derive(Debug, Clone)]
pub(crate) struct Service {
    pub(crate) name: String,
    pub(crate) url: String,
    /// What has to be added to another command for it to find the same stack.
    pub(crate) here: String,
    /// Where the logs are of the stack of this machine, if it belongs to that.
    pub(crate) logs: Option<PathBuf>,
    /// Connects when a call is made: a service that is away shows in its call.
    pub(crate) channel: Channel,
}

impl ServiceArgs {
    /// Every service whose address is known, by name: its first replica, if there are several.
    pub(crate) fn all(&self) -> anyhow::Result<BTreeMap<String, Service>> {
        let replicas = self.replicas()?.into_iter().rev();
        Ok(replicas.map(|replica| (replica.name.clone(), replica)).collect())
    }

    /// Every replica of every service whose address is known, those of one service one after the other.
    pub(crate) fn replicas(&self) -> anyhow::Result<Vec<Service>> {
        let mut urls = self.urls.clone();
        urls.sort_by(|(a, _), (b, _)| a.cmp(b));
        let mut logs = None;
        if urls.is_empty() {
            let (folder, stack) = self.stack()?;
            urls = SERVICES.iter().flat_map(|service| published(&stack.addresses, service)).collect();
            logs = Some(folder.join("logs"));
        }
        urls.into_iter().map(|(name, url)| self.service(name, &url, logs.clone())).collect()
    }

    /// One of the four services: where it was given, else in the stack of this machine.
    pub(crate) fn one(&self, name: &str) -> anyhow::Result<Service> {
        if let Some((unknown, _)) = self.urls.iter().find(|(given, _)| !SERVICES.contains(&given.as_str())) {
            let expected = format!("no service is called {unknown}: --url names {}", SERVICES.join(", "));
            return Err(Options::command().error(ErrorKind::ValueValidation, expected).into());
        }
        let is_given = |(given, _): &&(String, String)| given == name;
        if let Some((_, url)) = self.urls.iter().find(is_given) {
            return self.service(name.to_owned(), url, None);
        }
        let (folder, stack) = if self.urls.is_empty() {
            self.stack()?
        } else {
            // Services that run elsewhere need no stack here.
            find_running(&self.folders)?.ok_or_else(|| not_known(name))?
        };
        self.service(name.to_owned(), &first(&stack, name)?, Some(folder.join("logs")))
    }

    fn service(&self, name: String, url: &str, logs: Option<PathBuf>) -> anyhow::Result<Service> {
        let url = with_scheme(url);
        Ok(Service { channel: connect(&url)?, name, url, here: self.folders.hint(), logs })
    }

    /// The stack of this machine, and its folder.
    fn stack(&self) -> anyhow::Result<(PathBuf, StackDescription)> {
        find(&self.folders)
            .map_err(|error| anyhow!("{error:#}, or name the services of another one with --url NAME=URL"))
    }
}

/// Fails if the address of a service that was named is not known.
pub(crate) fn check_known<T>(known: &BTreeMap<String, T>, service: &str) -> anyhow::Result<()> {
    if known.contains_key(service) { Ok(()) } else { Err(not_known(service)) }
}

fn not_known(service: &str) -> anyhow::Error {
    anyhow!("no address of a service {service} is known: give --url {service}=http://HOST:PORT")
}

impl Service {
    /// One that nobody calls.
    #[cfg(test)]
    pub(crate) fn for_tests(name: &str) -> Self {
        let url = "http://127.0.0.1:1".to_owned();
        let channel = connect(&url).expect("a URL");
        Self { name: name.to_owned(), channel, url, here: " --data-dir /tmp/x".to_owned(), logs: None }
    }

    /// What went wrong on the way to it; `None` if it has answered.
    pub(crate) fn trouble(status: &Status) -> Option<String> {
        // What goes wrong on the way has a source; what a service says comes without.
        let trouble = iter::successors(status.source(), |&trouble| trouble.source()).last()?;
        Some(trouble.to_string())
    }

    /// What it has answered instead, or why nothing was heard of it.
    pub(crate) fn refused(&self, status: &Status) -> anyhow::Error {
        let Self { name, url, here, .. } = self;
        let (code, message) = (status.code(), status.message());
        if let Some(trouble) = Self::trouble(status) {
            let mend = match &self.logs {
                Some(logs) => format!(
                    "the stack starts it again when it dies; its log in {} says more, `bowline status{here}` how the \
                     others stand",
                    logs.display()
                ),
                None => format!(
                    "does it run there? `bowline up{here}` starts a stack, --url {name}=http://HOST:PORT gives another \
                     address"
                ),
            };
            return anyhow!("{name} gave no answer at {url}: {trouble}; {mend}");
        }
        match code {
            Code::Unimplemented => anyhow!(
                "what answers at {url} is not {name}, or an older one: give its address with --url {name}=http://HOST:PORT"
            ),
            Code::AlreadyExists => {
                anyhow!(
                    "{name} answered {code:?}: {message}; leave --request-id out to ask for something new"
                )
            }
            _ => anyhow!("{name} answered {code:?}: {message}"),
        }
    }

    /// Says that it is called again after a failure. To be said once, however often it is.
    pub(crate) fn say_again(&self, status: &Status) {
        let Self { name, url, .. } = self;
        let trouble = Self::trouble(status).unwrap_or_else(|| status.message().to_owned());
        say(&format!("{name} at {url}: {trouble}; trying again for a few seconds"));
    }

    /// It has answered, but without what the answer is about.
    pub(crate) fn nothing(&self, what: &str) -> anyhow::Error {
        anyhow!("{} answered without the {what}: is it of another version?", self.name)
    }
}

/// What one of several services has told, for programs.
#[derive(Debug, Serialize)]
pub(crate) struct Told<'a> {
    pub(crate) service: &'a str,
    #[serde(flatten)]
    pub(crate) message: Json,
}

/// The address of a service as a URL.
pub(crate) fn with_scheme(address: &str) -> String {
    if address.contains("://") { address.to_owned() } else { format!("http://{address}") }
}

/// The gRPC addresses of the replicas of a service in the description of a stack: the first one's is named after the
/// service, the others' after service and number.
fn published(addresses: &BTreeMap<String, String>, service: &str) -> Vec<(String, String)> {
    let number = |name: &str| match name.strip_suffix(".grpc")?.strip_prefix(service)? {
        "" => Some(1),
        further => further.strip_prefix('-')?.parse::<u32>().ok(),
    };
    let mut replicas: Vec<(u32, &String)> =
        addresses.iter().filter_map(|(name, address)| Some((number(name)?, address))).collect();
    replicas.sort_unstable();
    replicas.into_iter().map(|(_, address)| (service.to_owned(), address.clone())).collect()
}

/// The address of a service's first replica in a stack.
fn first(stack: &StackDescription, service: &str) -> anyhow::Result<String> {
    let replicas = published(&stack.addresses, service);
    replicas.into_iter().next().map(|(_, address)| address).ok_or_else(|| not_known(service))
}

fn connect(url: &str) -> anyhow::Result<Channel> {
    let endpoint = Endpoint::from_shared(url.to_owned()).with_context(|| format!("{url} is not a URL"))?;
    Ok(endpoint.timeout(CALL_TIMEOUT).connect_lazy())
}

pub(crate) fn named_url(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((_, url)) if url.split_once("://").is_some_and(|(scheme, _)| scheme != "http") => {
            Err("services are called over http:// alone; for TLS, put a proxy that speaks it before them"
                .to_owned())
        }
        Some((name, url)) if !name.is_empty() && !url.is_empty() => Ok((name.to_owned(), url.to_owned())),
        _ => Err("expected NAME=URL, such as inventory=http://127.0.0.1:50051".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[test]
    fn nobody_who_asks_for_tls_is_served_without() {
        let refused = named_url("orders=https://orders.example:443").expect_err("it cannot be had");
        assert!(refused.contains("over http:// alone"), "{refused}");
        let plain = ("orders".to_owned(), "http://127.0.0.1:1".to_owned());
        assert_eq!(named_url("orders=http://127.0.0.1:1"), Ok(plain));
        assert!(named_url("orders=127.0.0.1:1").is_ok() && named_url("http://127.0.0.1:1").is_err());
    }

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        services: ServiceArgs,
    }

    #[tokio::test]
    async fn what_is_not_named_is_called_on_this_machine_while_a_stack_runs() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("up");
        std::fs::create_dir(&state).unwrap();
        let addresses = r#"{"orders.grpc":"127.0.0.1:2","projection.grpc":"127.0.0.1:3"}"#;
        let stack = format!(r#"{{"kafka_brokers":"","databases":{{}},"addresses":{addresses}}}"#);
        std::fs::write(state.join("stack.json"), stack).unwrap();
        let lock = std::fs::File::create(state.join("lock")).unwrap();
        lock.lock().unwrap();

        let folder = folder.path().to_str().unwrap();
        let line = ["bowline", "--data-dir", folder, "--url", "orders=127.0.0.1:1"];
        let services = Line::try_parse_from(line).unwrap().services;
        let url = |name| services.one(name).map(|service| service.url);
        assert_eq!(url("orders").unwrap(), "http://127.0.0.1:1");
        assert_eq!(url("projection").unwrap(), "http://127.0.0.1:3");
        assert_eq!(services.all().unwrap().into_keys().collect::<Vec<_>>(), ["orders"]);
        drop(lock);
        let told = url("projection").unwrap_err().to_string();
        assert!(told.contains("give --url projection=http://HOST:PORT"), "{told}");
    }

    #[test]
    fn replicas_are_published_under_their_numbers() {
        let named =
            [("orders-10.grpc", "c"), ("orders-2.grpc", "b"), ("orders.grpc", "a"), ("orders-2.http", "x")];
        let addresses = named.map(|(name, address)| (name.to_owned(), address.to_owned())).into();
        let found = |service| published(&addresses, service).into_iter().map(|(_, address)| address);
        assert_eq!(found("orders").collect::<Vec<_>>(), ["a", "b", "c"]);
        assert_eq!(found("order").count(), 0);
    }
}
