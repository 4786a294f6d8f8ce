use std::net::SocketAddr;
use std::time::Duration;

use bowline_config::{ByteSize, Faults, Given, Setting};
use bowline_traces::{TraceArgs, TraceSettings};
use clap::Args;

/// The options that every service has.
#[derive(Args, Clone, Debug)]
pub struct ServiceOptions {
    /// Address and port on which gRPC calls come in; port 0 takes any free one.
    #[arg(long, env = "BOWLINE_GRPC_LISTEN", default_value = "127.0.0.1:50051", help_heading = "Addresses")]
    grpc_listen: Given<SocketAddr>,
    /// Address and port of the probes /livez, /readyz and /startupz and of /metrics over HTTP; port 0 takes any free one.
    #[arg(long, env = "BOWLINE_HTTP_LISTEN", default_value = "127.0.0.1:8080", help_heading = "Addresses")]
    http_listen: Given<SocketAddr>,
    /// How log lines are written: json, one object a line, or human.
    #[arg(long, env = "BOWLINE_LOG_FORMAT", default_value = "json", help_heading = "Logs")]
    log_format: Given<LogFormat>,
    /// Which log lines are written: a level, or levels by module such as info,bowline_messaging=debug. The variable is
    /// the one that Rust programs have in common.
    #[arg(long, env = "RUST_LOG", default_value = "info", help_heading = "Logs")]
    log: Given<LogFilter>,
    /// Name of this process in its logs; a random one if left out.
    #[arg(long, env = "BOWLINE_INSTANCE_ID", help_heading = "Logs")]
    instance_id: Option<Given<String>>,
    /// How long stopping may take in all, from the signal to the end.
    #[arg(long, env = "BOWLINE_DRAIN_TIMEOUT", default_value = "20s", help_heading = "Stopping")]
    drain_timeout: Given<Duration>,
    /// How long new calls are still taken after the signal, so that load balancers see the change first.
    #[arg(long, env = "BOWLINE_DRAIN_GRACE", default_value = "0s", help_heading = "Stopping")]
    drain_grace: Given<Duration>,
    /// Largest gRPC message that is taken.
    #[arg(long, env = "BOWLINE_MESSAGE_SIZE_MAX", default_value = "1MiB", help_heading = "Limits")]
    message_size_max: Given<ByteSize>,
    /// How long a call may take until its answer begins; a shorter deadline of the caller wins.
    #[arg(long, env = "BOWLINE_REQUEST_TIMEOUT", default_value = "10s", help_heading = "Limits")]
    request_timeout: Given<Duration>,
    /// How many calls may be in flight; further ones are refused at once.
    #[arg(long, env = "BOWLINE_REQUESTS_IN_FLIGHT_MAX", default_value = "8192", help_heading = "Limits")]
    requests_in_flight_max: Given<usize>,
    #[command(flatten)]
    traces: TraceArgs,
}

/// Checked settings that every service has.
#[derive(Clone, Debug)]
pub struct ServiceSettings {
    /// Where calls come in.
    pub listen: ListenSettings,
    /// What is logged, and how.
    pub log: LogSettings,
    /// How the service stops.
    pub drain: DrainSettings,
    /// What a call may cost.
    pub limits: LimitSettings,
    /// What is traced, and where that goes.
    pub traces: TraceSettings,
}

/// Where calls come in.
#[derive(Clone, Copy, Debug)]
pub struct ListenSettings {
    /// For gRPC.
    pub grpc: SocketAddr,
    /// For HTTP.
    pub http: SocketAddr,
}

/// What is logged, and how.
#[derive(Clone, Debug)]
pub struct LogSettings {
    /// One of the two forms.
    pub format: LogFormat,
    /// Directives as `tracing_subscriber::EnvFilter` reads them, already checked.
    pub filter: String,
    /// The name of this process.
    pub instance: String,
}

/// The form of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object a line, for machines.
    Json,
    /// For people at a terminal.
    Human,
}

/// How the service stops.
#[derive(Clone, Copy, Debug)]
pub struct DrainSettings {
    /// For everything, from the signal on.
    pub timeout: Duration,
    /// Between the signal and the moment when no new call is taken; counts towards `timeout`.
    pub grace: Duration,
}

/// What a call may cost.
#[derive(Clone, Copy, Debug)]
pub struct LimitSettings {
    /// Largest message in bytes. Generated servers take it as `max_decoding_message_size`.
    pub message_size_max: usize,
    /// Until the answer begins.
    pub request_timeout: Duration,
    /// Calls at the same time.
    pub requests_in_flight_max: usize,
}

#[derive(Clone, Debug)]
struct LogFilter(String);

impl ServiceOptions {
    /// The settings, or `None` and the faults.
    pub fn check(self, faults: &mut Faults) -> Option<ServiceSettings> {
        let grpc = faults.take("grpc-listen", self.grpc_listen);
        let http = faults.take("http-listen", self.http_listen);
        if let (Some(grpc), Some(http)) = (grpc, http)
            && grpc == http
            && grpc.port() != 0
        {
            faults.add("http-listen", Some(format!("\"{http}\"")), "another address than --grpc-listen");
        }
        let format = faults.take("log-format", self.log_format);
        let filter = faults.take("log", self.log);
        let instance = faults.optional("instance-id", self.instance_id);
        let timeout = faults.positive("drain-timeout", self.drain_timeout);
        let grace = faults.take_if("drain-grace", self.drain_grace, "less than --drain-timeout", |grace| {
            timeout.is_none_or(|timeout| *grace < timeout)
        });
        let message_size_max =
            faults.bytes_within("message-size-max", self.message_size_max, 1 << 10..=64 << 20);
        let request_timeout = faults.positive("request-timeout", self.request_timeout);
        let requests_in_flight_max =
            faults.within("requests-in-flight-max", self.requests_in_flight_max, 1..=1_000_000);
        let traces = self.traces.check(faults);
        Some(ServiceSettings {
            listen: ListenSettings { grpc: grpc?, http: http? },
            log: LogSettings {
                format: format?,
                filter: filter?.0,
                instance: instance?.unwrap_or_else(|| crate::TraceId::fresh().short()),
            },
            drain: DrainSettings { timeout: timeout?, grace: grace? },
            limits: LimitSettings {
                message_size_max: message_size_max?,
                request_timeout: request_timeout?,
                requests_in_flight_max: requests_in_flight_max?,
            },
            traces: traces?,
        })
    }
}

impl Setting for LogFormat {
    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "json" => Ok(Self::Json),
            "human" => Ok(Self::Human),
            _ => Err("json or human".into()),
        }
    }
}

impl Setting for LogFilter {
    fn parse(text: &str) -> Result<Self, String> {
        tracing_subscriber::EnvFilter::try_new(text)
            .map(|_| Self(text.to_owned()))
            .map_err(|_| "a level (error, warn, info, debug, trace) or levels by module".into())
    }
}
