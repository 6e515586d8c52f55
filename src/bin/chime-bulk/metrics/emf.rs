//! CloudWatch's embedded metric format: a line of JSON that names those of its fields that are metrics.
//!
//! The specification: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>

use std::str::FromStr;

use schemars::JsonSchema;
use serde::Serialize;

use crate::line::Line;

/// The field that names the metrics.
pub(crate) const EMF_FIELD: &str = "_aws";
/// The most characters of a namespace: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html>
const LONGEST_NAMESPACE: usize = 255;

/// A namespace of CloudWatch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EmfNamespace(String);

impl FromStr for EmfNamespace {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_allowed = |c: char| c.is_ascii_alphanumeric() || "._-/#: ".contains(c);
        if text.is_empty() || text.len() > LONGEST_NAMESPACE || !text.chars().all(is_allowed) {
            return Err(format!(
                "a namespace has 1 to {LONGEST_NAMESPACE} of these characters: A-Z a-z 0-9 . - _ / # : and blanks"
            ));
        }
        if text.starts_with("AWS/") || text.starts_with(':') {
            return Err("a namespace begins with neither AWS/ nor a colon".to_owned());
        }
        Ok(Self(text.to_owned()))
    }
}

/// A unit of CloudWatch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) enum Unit {
    /// A number of things.
    Count,
    /// A time.
    Seconds,
    /// A size.
    Bytes,
}

/// A line with its metrics.
#[derive(Serialize)]
pub(crate) struct EmfLine<'a> {
    #[serde(flatten)]
    line: &'a Line,
    #[serde(rename = "_aws")] // `EMF_FIELD`
    emf: Emf,
}

impl<'a> EmfLine<'a> {
    /// A line that is printed now.
    pub(crate) fn of(line: &'a Line, namespace: &EmfNamespace) -> Self {
        let emf = Emf {
            timestamp: jiff::Timestamp::now().as_millisecond(),
            directives: directives(line, namespace),
        };
        Self { line, emf }
    }
}

/// CloudWatch's embedded metric format: the fields of this line that are metrics. Only with `--emf`.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Emf {
    /// When the line was printed, in milliseconds since 1970.
    timestamp: i64,
    /// The metrics; empty if no field of this line is one.
    #[serde(rename = "CloudWatchMetrics")]
    directives: Vec<Directive>,
}

/// Metrics with the same dimensions.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
struct Directive {
    /// The namespace of `--emf`.
    namespace: String,
    /// Sets of fields by whose values the metrics are kept apart: the empty set, or the error code of a
    /// refused call.
    dimensions: Vec<Vec<&'static str>>,
    /// The metrics.
    metrics: Vec<Definition>,
}

/// A field that is a metric.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
struct Definition {
    /// The name of the field.
    name: &'static str,
    /// Its unit.
    unit: Unit,
}

fn definitions(fields: &[(&'static str, Unit)]) -> Vec<Definition> {
    let definition = |(name, unit): &(&'static str, Unit)| Definition { name, unit: *unit };
    fields.iter().map(definition).collect()
}

fn directives(line: &Line, namespace: &EmfNamespace) -> Vec<Directive> {
    let fields = fields(line);
    if fields.is_empty() {
        return Vec::new();
    }
    let directive = |dimensions: Vec<Vec<&'static str>>, fields| Directive {
        namespace: namespace.0.clone(),
        dimensions,
        metrics: definitions(fields),
    };
    let mut directives = vec![directive(vec![vec![]], fields)];
    // Refused calls by error code: CloudWatch counts the values.
    if let Line::CallSettled {
        refusal: Some(_), ..
    } = line
    {
        let times = &[("round_trip_seconds", Unit::Seconds)];
        directives.push(directive(vec![vec!["refusal"]], times));
    }
    directives
}

/// The fields of a line that are metrics.
fn fields(line: &Line) -> &'static [(&'static str, Unit)] {
    use Unit::{Bytes, Count, Seconds};
    match line {
        Line::Begun { .. } => &[("bearers", Count)],
        Line::Staged { .. } => &[
            ("rows_read", Count),
            ("bytes_read", Bytes),
            ("invalid", Count),
        ],
        Line::ListComplete { .. } => &[
            ("rows_read", Count),
            ("invalid", Count),
            ("duplicate", Count),
        ],
        Line::Bound { .. } => &[("least_seconds", Seconds)],
        Line::ListingMembers { .. } | Line::ListingRefused { .. } => &[("channels", Count)],
        Line::Listed { .. } => &[("rows", Count)],
        Line::CallSent { .. } => &[("members", Count), ("in_flight", Count)],
        Line::CallSettled { .. } => &[
            ("added", Count),
            ("already_member", Count),
            ("answered", Count),
            ("removed", Count),
            ("gone_already", Count),
            ("kept", Count),
            ("failed", Count),
            ("unconfirmed", Count),
            ("again", Count),
            ("waiting", Count),
            ("round_trip_seconds", Seconds),
            ("in_flight", Count),
        ],
        Line::Standing { .. } => &[
            ("open_channels", Count),
            ("cooling_channels", Count),
            ("calls_left", Count),
        ],
        Line::Draining { .. } => &[("in_flight", Count)],
        Line::BearerSetAside { .. } | Line::Note { .. } | Line::Error { .. } => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_is_one_that_cloudwatch_accepts() {
        for text in ["chime-bulk", "Import/Nightly #2", "a:b", &"n".repeat(255)] {
            text.parse::<EmfNamespace>().unwrap();
        }
        for text in ["", "AWS/Chime", ":a", "näme", "a\"b", &"n".repeat(256)] {
            text.parse::<EmfNamespace>().unwrap_err();
        }
    }
}
