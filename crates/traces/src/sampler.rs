//! Which traces are recorded.

use opentelemetry::trace::{Link, SpanKind, TraceId, TraceState};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::{Sampler, SamplingDecision, SamplingResult, ShouldSample};

/// Asks about calls, where traces begin. Everything else is begun only for a trace that is sampled already, and must not be
/// left out of it.
#[derive(Debug, Clone)]
pub(crate) struct AtCalls(pub(crate) Sampler);

impl ShouldSample for AtCalls {
    fn should_sample(
        &self,
        parent: Option<&Context>,
        trace_id: TraceId,
        name: &str,
        kind: &SpanKind,
        attributes: &[KeyValue],
        links: &[Link],
    ) -> SamplingResult {
        if *kind == SpanKind::Server {
            return self.0.should_sample(parent, trace_id, name, kind, attributes, links);
        }
        SamplingResult {
            decision: SamplingDecision::RecordAndSample,
            attributes: Vec::new(),
            trace_state: TraceState::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_calls_are_asked_about() {
        let never = AtCalls(Sampler::AlwaysOff);
        let decide = |kind| {
            let id = TraceId::from(7);
            never.should_sample(Some(&Context::new()), id, "work", &kind, &[], &[]).decision
        };
        assert_eq!(decide(SpanKind::Server), SamplingDecision::Drop);
        for kind in [SpanKind::Client, SpanKind::Producer, SpanKind::Consumer, SpanKind::Internal] {
            assert_eq!(decide(kind), SamplingDecision::RecordAndSample);
        }
    }
}
