//! The values that the standard's variables may have. Where the standard says so, an empty one is as good as none.

use std::fmt;
use std::time::Duration;

use bowline_config::{Secret, Setting};
use percent_encoding::percent_decode_str;
use url::Url;

/// What is exported, how much of it, and where to. The default exports nothing.
#[derive(Debug, Clone, Default)]
pub struct TraceSettings {
    /// Where to; `None` exports nothing.
    pub endpoint: Option<Url>,
    /// What goes with every export.
    pub headers: Secret<Attributes>,
    /// How long an export may take, with all that is tried again.
    pub timeout: Duration,
    /// Which calls are sampled.
    pub sampler: SamplerName,
    /// The share, for the samplers that have one.
    pub ratio: f64,
    /// Another name of the service.
    pub service_name: Option<String>,
    /// What else is said about the process.
    pub attributes: Attributes,
    /// How long spans wait for company.
    pub schedule_delay: Duration,
    /// How many spans may wait; further ones are dropped.
    pub queue_max: usize,
    /// How many are exported at once.
    pub batch_max: usize,
}

/// The address of a collector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint(pub Option<Url>);

/// Names with values: `name=value,name=value`, percent-encoded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attributes(pub Vec<(String, String)>);

/// [`Attributes`] that may go as metadata of a gRPC call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Headers(pub Attributes);

/// The samplers of the standard.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SamplerName {
    /// Every call.
    AlwaysOn,
    /// No call.
    AlwaysOff,
    /// A share of the calls, whatever their callers have decided.
    TraceIdRatio,
    /// What the caller has decided; every call whose caller has not.
    ParentBasedAlwaysOn,
    /// What the caller has decided; no call whose caller has not.
    ParentBasedAlwaysOff,
    /// What the caller has decided; a share of the calls whose caller has not.
    #[default]
    ParentBasedTraceIdRatio,
}

/// A whole number, or its default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Number<const DEFAULT: u64>(pub(crate) u64);

/// The only protocol that is spoken.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Protocol;

/// `true` or `false`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Flag(pub(crate) bool);

/// A text that may be empty.
#[derive(Debug, Clone)]
pub(crate) struct Name(pub(crate) Option<String>);

impl Setting for Endpoint {
    fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Ok(Self(None));
        }
        match Url::parse(text) {
            Ok(url) if url.scheme() == "http" && url.has_host() => Ok(Self(Some(url))),
            _ => {
                Err("http://HOST:PORT of a collector's OTLP over gRPC; there is no TLS, so have it nearby"
                    .into())
            }
        }
    }

    fn redact(text: &str) -> String {
        Url::redact(text)
    }
}

impl Setting for Attributes {
    fn parse(text: &str) -> Result<Self, String> {
        let pairs = text.split(',').map(str::trim).filter(|pair| !pair.is_empty());
        let decoded = |text: &str| percent_decode_str(text.trim()).decode_utf8().ok().map(String::from);
        let read = pairs.map(|pair| {
            let (name, value) = pair.split_once('=')?;
            Some((decoded(name).filter(|name| !name.is_empty())?, decoded(value)?))
        });
        let expected = "NAME=VALUE,NAME=VALUE, percent-encoded";
        read.collect::<Option<_>>().map(Self).ok_or_else(|| expected.to_owned())
    }
}

impl Setting for Headers {
    fn parse(text: &str) -> Result<Self, String> {
        let attributes = Attributes::parse(text)?;
        let is_header = |(name, value): &(String, String)| {
            tonic::metadata::AsciiMetadataKey::from_bytes(name.to_lowercase().as_bytes()).is_ok()
                && tonic::metadata::AsciiMetadataValue::try_from(value).is_ok()
        };
        if attributes.0.iter().all(is_header) {
            Ok(Self(attributes))
        } else {
            Err("NAME=VALUE,NAME=VALUE, percent-encoded, each of which can be a header".into())
        }
    }
}

impl SamplerName {
    const ALL: [(&str, Self); 6] = [
        ("always_on", Self::AlwaysOn),
        ("always_off", Self::AlwaysOff),
        ("traceidratio", Self::TraceIdRatio),
        ("parentbased_always_on", Self::ParentBasedAlwaysOn),
        ("parentbased_always_off", Self::ParentBasedAlwaysOff),
        ("parentbased_traceidratio", Self::ParentBasedTraceIdRatio),
    ];
}

impl Setting for SamplerName {
    fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        let found = Self::ALL.into_iter().find(|(name, _)| *name == text);
        found.map(|(_, sampler)| sampler).ok_or_else(|| {
            let names = Self::ALL.map(|(name, _)| name);
            format!("one of {}", names.join(", "))
        })
    }
}

impl<const DEFAULT: u64> Setting for Number<DEFAULT> {
    fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() { Ok(Self(DEFAULT)) } else { u64::parse(text).map(Self) }
    }
}

impl<const DEFAULT: u64> fmt::Display for Number<DEFAULT> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Setting for Protocol {
    fn parse(text: &str) -> Result<Self, String> {
        if matches!(text, "" | "grpc") {
            Ok(Self)
        } else {
            Err("grpc, the only protocol that is spoken".into())
        }
    }
}

impl Setting for Flag {
    fn parse(text: &str) -> Result<Self, String> {
        match text.to_ascii_lowercase().as_str() {
            "true" => Ok(Self(true)),
            "" | "false" => Ok(Self(false)),
            _ => Err("true or false".into()),
        }
    }
}

impl Setting for Name {
    fn parse(text: &str) -> Result<Self, String> {
        Ok(Self(Some(text.trim().to_owned()).filter(|text| !text.is_empty())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_decoded() {
        let read = Attributes::parse("deployment.environment=staging, team=a%2Cb%20c,,").map(|read| read.0);
        let expected =
            [("deployment.environment", "staging"), ("team", "a,b c")].map(|(n, v)| (n.into(), v.into()));
        assert_eq!(read, Ok(expected.to_vec()));
        assert_eq!(Attributes::parse(""), Ok(Attributes::default()));
        for wrong in ["staging", "=x", "a=%ff"] {
            assert!(Attributes::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn headers_must_be_able_to_travel() {
        assert!(Headers::parse("Authorization=Bearer%20abc,x-tenant=7").is_ok());
        for wrong in ["a b=c", "name=a%0Ab", "x-bin=b"] {
            assert!(Headers::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_collector_is_called_without_tls() {
        assert!(Endpoint::parse("http://localhost:4317").is_ok_and(|endpoint| endpoint.0.is_some()));
        assert_eq!(Endpoint::parse(""), Ok(Endpoint(None)));
        for wrong in ["https://localhost:4317", "localhost:4317", "collector"] {
            assert!(Endpoint::parse(wrong).is_err(), "{wrong}");
        }
    }
}
