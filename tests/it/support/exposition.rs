//! Metrics as a parser reads them.

#![expect(clippy::float_cmp, reason = "the numbers are whole")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::TcpStream;

use openmetrics_parser::openmetrics::parse_openmetrics;
use openmetrics_parser::prometheus::parse_prometheus;
use openmetrics_parser::{MetricFamily, OpenMetricsValue, PrometheusValue, RenderableMetricValue};

/// The values of metrics, by name and labels in alphabetical order, as in `name{label="value"}`; of a histogram, its `_count`.
#[derive(Debug, Default)]
pub(crate) struct Exposition {
    values: BTreeMap<String, f64>,
    /// The type of each family.
    pub(crate) types: BTreeMap<String, String>,
}

impl Exposition {
    /// Parses Prometheus's text format.
    pub(crate) fn of_prometheus(text: &str) -> Self {
        let parsed = parse_prometheus(text).unwrap_or_else(|error| panic!("{error:?}\n{text}"));
        let mut exposition = Self::default();
        for family in parsed.families.values() {
            exposition.add(family, |value| match value {
                PrometheusValue::Gauge(number) => ("", number.as_f64()),
                PrometheusValue::Counter(counter) => ("", counter.value.as_f64()),
                PrometheusValue::Histogram(histogram) => ("_count", count(histogram.count)),
                other => panic!("{other:?}"),
            });
        }
        exposition
    }

    /// Parses `OpenMetrics`.
    pub(crate) fn of_openmetrics(text: &str) -> Self {
        let parsed = parse_openmetrics(text).unwrap_or_else(|error| panic!("{error:?}\n{text}"));
        let mut exposition = Self::default();
        for family in parsed.families.values() {
            exposition.add(family, |value| match value {
                OpenMetricsValue::Gauge(number) => ("", number.as_f64()),
                OpenMetricsValue::Counter(counter) => ("_total", counter.value.as_f64()),
                OpenMetricsValue::Histogram(histogram) => ("_count", count(histogram.count)),
                other => panic!("{other:?}"),
            });
        }
        exposition
    }

    fn add<T: std::fmt::Display + Clone, V: RenderableMetricValue + Clone>(
        &mut self,
        family: &MetricFamily<T, V>,
        number: impl Fn(&V) -> (&'static str, f64),
    ) {
        let name = &family.family_name;
        assert!(name.starts_with("chime_bulk_"), "{name}");
        assert!(!family.help.is_empty(), "{name}");
        self.types
            .insert(name.clone(), family.family_type.to_string());
        for sample in family.iter_samples() {
            let labels = sample.get_labelset().unwrap();
            let labels = labels
                .iter()
                .map(|(name, value)| format!("{name}={value:?}"));
            let labels: BTreeSet<String> = labels.collect();
            let labels = Vec::from_iter(labels).join(",");
            let (suffix, value) = number(&sample.value);
            let labels = if labels.is_empty() {
                labels
            } else {
                format!("{{{labels}}}")
            };
            let before = self.values.insert(format!("{name}{suffix}{labels}"), value);
            assert_eq!(before, None, "{name}{labels} twice");
        }
    }

    /// The value of a metric with its labels.
    pub(crate) fn find(&self, metric: &str) -> Option<f64> {
        self.values.get(metric).copied()
    }

    /// As [`Self::find`], of a metric that must be there.
    #[track_caller]
    pub(crate) fn get(&self, metric: &str) -> f64 {
        self.find(metric)
            .unwrap_or_else(|| panic!("no {metric}: {self:#?}"))
    }

    /// The names and labels.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.values.keys().map(String::as_str)
    }

    /// The state that is 1.
    pub(crate) fn state(&self) -> &str {
        let is_state = |(name, value): &(&String, &f64)| {
            name.starts_with("chime_bulk_state{") && **value == 1.0
        };
        let states: Vec<_> = self.values.iter().filter(is_state).collect();
        let [(name, _)] = states[..] else {
            panic!("{self:#?}");
        };
        name.split('"').nth(1).unwrap()
    }
}

#[expect(clippy::cast_precision_loss, reason = "small numbers")]
fn count(count: Option<u64>) -> f64 {
    count.unwrap() as f64
}

/// The answer to a request: its head and its body.
pub(crate) fn request(address: &str, request: &str, headers: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    let head = format!("{request} HTTP/1.1\r\nHost: x\r\n{headers}\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    (head.to_ascii_lowercase(), body.to_owned())
}
