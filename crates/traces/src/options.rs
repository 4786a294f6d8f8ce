use std::time::Duration;

use bowline_config::{Faults, Given, Ratio, Secret};
use clap::Args;

use crate::settings::{
    Attributes, Endpoint, Flag, Headers, Name, Number, Protocol, SamplerName, TraceSettings,
};

/// Options of traces: the variables of OpenTelemetry, each of which is a flag as well.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Traces")]
#[expect(clippy::struct_field_names, reason = "the flags take their names from the fields")]
pub struct TraceArgs {
    /// Where spans are exported to: a collector that takes OTLP over gRPC without TLS, such as http://127.0.0.1:4317. None
    /// are if it is left out.
    #[arg(long, env = "OTEL_EXPORTER_OTLP_ENDPOINT", default_value = "", value_name = "URL")]
    otel_exporter_otlp_endpoint: Given<Endpoint>,
    /// What goes with every export: NAME=VALUE,NAME=VALUE, percent-encoded; they may hold secrets and are not shown.
    #[arg(long, env = "OTEL_EXPORTER_OTLP_HEADERS", default_value = "", value_name = "HEADERS")]
    otel_exporter_otlp_headers: Given<Secret<Headers>>,
    /// How many milliseconds an export may take.
    #[arg(long, env = "OTEL_EXPORTER_OTLP_TIMEOUT", default_value = "10000", value_name = "MS")]
    otel_exporter_otlp_timeout: Given<Number<10_000>>,
    /// What is spoken to the collector; only grpc is.
    #[arg(long, env = "OTEL_EXPORTER_OTLP_PROTOCOL", default_value = "grpc", value_name = "PROTOCOL")]
    otel_exporter_otlp_protocol: Given<Protocol>,
    /// Which gRPC calls are sampled, with all that follows from them: always_on, always_off, traceidratio, and each of these
    /// with parentbased_ in front, which asks about calls whose caller has decided nothing.
    #[arg(
        long,
        env = "OTEL_TRACES_SAMPLER",
        default_value = "parentbased_traceidratio",
        value_name = "SAMPLER"
    )]
    otel_traces_sampler: Given<SamplerName>,
    /// The share of calls that a sampler with traceidratio in its name takes, from 0 to 1.
    #[arg(long, env = "OTEL_TRACES_SAMPLER_ARG", default_value = "0.01", value_name = "SHARE")]
    otel_traces_sampler_arg: Given<Ratio>,
    /// What the service is called in traces; its own name if left out.
    #[arg(long, env = "OTEL_SERVICE_NAME", default_value = "", value_name = "NAME")]
    otel_service_name: Given<Name>,
    /// What else traces say about the process: NAME=VALUE,NAME=VALUE, percent-encoded.
    #[arg(long, env = "OTEL_RESOURCE_ATTRIBUTES", default_value = "", value_name = "ATTRIBUTES")]
    otel_resource_attributes: Given<Attributes>,
    /// How many milliseconds spans wait at the most before they are exported.
    #[arg(long, env = "OTEL_BSP_SCHEDULE_DELAY", default_value = "5000", value_name = "MS")]
    otel_bsp_schedule_delay: Given<Number<5_000>>,
    /// How many spans may wait; what does not fit is dropped and counted.
    #[arg(long, env = "OTEL_BSP_MAX_QUEUE_SIZE", default_value = "2048", value_name = "SPANS")]
    otel_bsp_max_queue_size: Given<Number<2_048>>,
    /// How many spans are exported at once; no more than may wait.
    #[arg(long, env = "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", default_value = "512", value_name = "SPANS")]
    otel_bsp_max_export_batch_size: Given<Number<512>>,
    /// Whether nothing is exported whatever else is set: true or false.
    #[arg(long, env = "OTEL_SDK_DISABLED", default_value = "false", value_name = "BOOLEAN")]
    otel_sdk_disabled: Given<Flag>,
}

impl TraceArgs {
    /// The settings, or `None` and the faults.
    pub fn check(self, faults: &mut Faults) -> Option<TraceSettings> {
        let endpoint = faults.take("otel-exporter-otlp-endpoint", self.otel_exporter_otlp_endpoint);
        let headers = faults.take("otel-exporter-otlp-headers", self.otel_exporter_otlp_headers);
        let day = 24 * 60 * 60 * 1_000;
        let timeout = self.otel_exporter_otlp_timeout;
        let timeout = faults.within("otel-exporter-otlp-timeout", timeout, Number(1)..=Number(day));
        let protocol = faults.take("otel-exporter-otlp-protocol", self.otel_exporter_otlp_protocol);
        let sampler = faults.take("otel-traces-sampler", self.otel_traces_sampler);
        let ratio = faults.take("otel-traces-sampler-arg", self.otel_traces_sampler_arg);
        let service_name = faults.take("otel-service-name", self.otel_service_name);
        let attributes = faults.take("otel-resource-attributes", self.otel_resource_attributes);
        let delay = self.otel_bsp_schedule_delay;
        let schedule_delay = faults.within("otel-bsp-schedule-delay", delay, Number(1)..=Number(day));
        let queue = self.otel_bsp_max_queue_size;
        let queue = faults.within("otel-bsp-max-queue-size", queue, Number(1)..=Number(1_000_000));
        let batch = self.otel_bsp_max_export_batch_size;
        let most = queue.map_or(1_000_000, |queue| queue.0);
        let batch = faults.within("otel-bsp-max-export-batch-size", batch, Number(1)..=Number(most));
        let disabled = faults.take("otel-sdk-disabled", self.otel_sdk_disabled);
        protocol?;
        Some(TraceSettings {
            endpoint: endpoint?.0.filter(|_| disabled.is_some_and(|disabled| !disabled.0)),
            headers: Secret::new(headers?.expose().0.clone()),
            timeout: Duration::from_millis(timeout?.0),
            sampler: sampler?,
            ratio: ratio?.get(),
            service_name: service_name?.0,
            attributes: attributes?,
            schedule_delay: Duration::from_millis(schedule_delay?.0),
            queue_max: usize::try_from(queue?.0).ok()?,
            batch_max: usize::try_from(batch?.0).ok()?,
        })
    }
}
