//! What a process tells Prometheus. The only place that knows `prometheus-client`.
//!
//! **Guarantees.** Numbers are read when they are asked for; nothing is counted twice, and nothing costs the work that is
//! counted more than a [`Histogram`] costs to note a value. A metric has the same name and meaning wherever it is told,
//! because both stand in one place.
//!
//! **Does not.** It serves nothing: a service does, under `/metrics`. It keeps no history; a counter begins at zero with
//! the process.
//!
//! **How to add one more.** Declare a [`Metric`] or a [`Distribution`], tell it in a [`Source`], and list it in `docs/metrics.md`, which a test
//! holds against what is exported. Names follow Prometheus: `bowline_`, the thing, the base unit; counters end in
//! `_total`, which stands in the name here as well.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _, prometheus_text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram;
use prometheus_client::registry::Registry;

/// The type of the text, for the header of an answer.
pub const CONTENT_TYPE: &str = prometheus_text::CONTENT_TYPE;

/// Everything that a process tells. Clones share it.
#[derive(Clone, Default)]
pub struct Metrics {
    registry: Arc<Mutex<Registry>>,
}

/// What a metric is called and what it means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    /// Its full name.
    pub name: &'static str,
    /// What it says, without a full stop.
    pub help: &'static str,
    /// Whether it goes up and down.
    pub kind: Kind,
}

/// How a metric moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Up only, from zero at the start of the process.
    Counter,
    /// Up and down.
    Gauge,
}

/// What a metric is called and what it means that counts values by their size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Distribution {
    /// Its full name.
    pub name: &'static str,
    /// What it says, without a full stop.
    pub help: &'static str,
}

/// The values that were seen, counted by size, for a [`Distribution`]. Clones share it.
#[derive(Debug, Clone)]
pub struct Histogram(histogram::Histogram);

/// Who knows numbers. Asked each time that somebody reads the metrics, so it must be quick.
pub trait Source: Send + Sync + 'static {
    /// Tells every metric that it knows, each once, with all its samples.
    fn tell(&self, to: &mut Telling<'_>) -> fmt::Result;
}

/// Where a [`Source`] tells its numbers.
pub struct Telling<'a> {
    encoder: DescriptorEncoder<'a>,
}

/// A number as it is told.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value {
    /// A count.
    Whole(u64),
    /// Anything else.
    Real(f64),
}

struct Asked<S>(S);

impl Metric {
    /// One that goes up only.
    pub const fn counter(name: &'static str, help: &'static str) -> Self {
        Self { name, help, kind: Kind::Counter }
    }

    /// One that goes up and down.
    pub const fn gauge(name: &'static str, help: &'static str) -> Self {
        Self { name, help, kind: Kind::Gauge }
    }
}

impl Histogram {
    /// Nothing was seen yet. `bounds` are the upper ones, included, of all classes but the last, which has none.
    pub fn new(bounds: &[f64]) -> Self {
        Self(histogram::Histogram::new(bounds.iter().copied()))
    }

    /// A value was seen.
    pub fn see(&self, value: f64) {
        self.0.observe(value);
    }
}

impl Metrics {
    /// Adds what `source` knows. No other may tell the same metrics.
    pub fn add(&self, source: impl Source) {
        self.registry().register_collector(Box::new(Asked(source)));
    }

    /// All of it, in Prometheus's text format.
    pub fn text(&self) -> String {
        let mut text = String::new();
        prometheus_text::encode(&mut text, &self.registry()).expect("a String takes all text");
        text
    }

    fn registry(&self) -> std::sync::MutexGuard<'_, Registry> {
        // Adding and reading leave it whole, whatever panics.
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Telling<'_> {
    /// Tells a metric that has no labels.
    pub fn one(&mut self, metric: Metric, value: impl Into<Value>) -> fmt::Result {
        self.all(metric, [([], value.into())])
    }

    /// Tells all samples of a metric; without any, it is named all the same.
    pub fn all<'l, const N: usize>(
        &mut self,
        metric: Metric,
        samples: impl IntoIterator<Item = ([(&'static str, &'l str); N], impl Into<Value>)>,
    ) -> fmt::Result {
        let Metric { name, help, kind } = metric;
        // The format has it both ways, and the library adds the ending to every counter.
        let (name, type_) = match kind {
            Kind::Counter => (name.strip_suffix("_total").unwrap_or(name), MetricType::Counter),
            Kind::Gauge => (name, MetricType::Gauge),
        };
        let mut encoder = self.encoder.encode_descriptor(name, help, None, type_)?;
        for (labels, value) in samples {
            let sample = encoder.encode_family(&labels)?;
            match (kind, value.into()) {
                (Kind::Counter, Value::Whole(count)) => ConstCounter::new(count).encode(sample)?,
                (Kind::Counter, Value::Real(sum)) => ConstCounter::new(sum).encode(sample)?,
                (Kind::Gauge, Value::Whole(count)) => ConstGauge::new(count).encode(sample)?,
                (Kind::Gauge, Value::Real(level)) => ConstGauge::new(level).encode(sample)?,
            }
        }
        Ok(())
    }

    /// Tells all samples of a distribution; without any, it is named all the same.
    pub fn distributions<'l, const N: usize>(
        &mut self,
        Distribution { name, help }: Distribution,
        samples: impl IntoIterator<Item = ([(&'static str, &'l str); N], &'l Histogram)>,
    ) -> fmt::Result {
        let mut encoder = self.encoder.encode_descriptor(name, help, None, MetricType::Histogram)?;
        for (labels, histogram) in samples {
            histogram.0.encode(encoder.encode_family(&labels)?)?;
        }
        Ok(())
    }
}

impl From<u64> for Value {
    fn from(count: u64) -> Self {
        Self::Whole(count)
    }
}

impl From<usize> for Value {
    fn from(count: usize) -> Self {
        Self::Whole(count as u64)
    }
}

impl From<bool> for Value {
    fn from(holds: bool) -> Self {
        Self::Whole(holds.into())
    }
}

impl From<f64> for Value {
    fn from(level: f64) -> Self {
        Self::Real(level)
    }
}

impl<S: Source> Collector for Asked<S> {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        self.0.tell(&mut Telling { encoder })
    }
}

impl<S> fmt::Debug for Asked<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Asked")
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl fmt::Debug for Telling<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Telling").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOORS: Metric = Metric::gauge("bowline_doors", "Doors by whether they are open");
    const KNOCKS: Metric = Metric::counter("bowline_knocks_total", "Knocks since the start");
    const RATE: Metric = Metric::gauge("bowline_rate", "A rate without a limit");
    const VISITS: Distribution =
        Distribution { name: "bowline_visit_seconds", help: "How long visitors stayed" };

    struct House(Histogram);

    impl Source for House {
        fn tell(&self, to: &mut Telling<'_>) -> fmt::Result {
            to.all(DOORS, [([("open", "yes")], 2_u64), ([("open", "no")], 0)])?;
            to.one(KNOCKS, 7_usize)?;
            to.one(RATE, f64::INFINITY)?;
            to.distributions(VISITS, [([("day", "today")], &self.0)])
        }
    }

    #[test]
    fn what_is_told_is_text_as_prometheus_reads_it() {
        let metrics = Metrics::default();
        let visits = Histogram::new(&[0.5, 1.0]);
        metrics.add(House(visits.clone()));
        for seconds in [0.25, 1.0, 2.5] {
            visits.see(seconds);
        }
        let expected = "# HELP bowline_doors Doors by whether they are open\n\
            # TYPE bowline_doors gauge\n\
            bowline_doors{open=\"yes\"} 2\n\
            bowline_doors{open=\"no\"} 0\n\
            # HELP bowline_knocks_total Knocks since the start\n\
            # TYPE bowline_knocks_total counter\n\
            bowline_knocks_total 7\n\
            # HELP bowline_rate A rate without a limit\n\
            # TYPE bowline_rate gauge\n\
            bowline_rate +Inf\n\
            # HELP bowline_visit_seconds How long visitors stayed\n\
            # TYPE bowline_visit_seconds histogram\n\
            bowline_visit_seconds_bucket{day=\"today\",le=\"0.5\"} 1\n\
            bowline_visit_seconds_bucket{day=\"today\",le=\"1\"} 2\n\
            bowline_visit_seconds_bucket{day=\"today\",le=\"+Inf\"} 3\n\
            bowline_visit_seconds_sum{day=\"today\"} 3.75\n\
            bowline_visit_seconds_count{day=\"today\"} 3\n";
        assert_eq!(metrics.text(), expected);
    }
}
