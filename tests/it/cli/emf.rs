//! `--emf`: lines that are events of the program and documents of CloudWatch's embedded metric format.

#![expect(clippy::float_cmp, reason = "the numbers are whole")]

use std::collections::BTreeMap;

use boon::{Compiler, Schemas};
use serde_json::{Value, json};

use crate::cli::schema::Schema;
use crate::support::program::{CHANNEL, WorkDir, ids};

/// The rules of the specification, as a JSON Schema:
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>
fn specification() -> Value {
    let text = |longest: u32| json!({ "type": "string", "minLength": 1, "maxLength": longest });
    let definition = json!({
        "type": "object",
        "required": ["Name"],
        "additionalProperties": false,
        "properties": {
            "Name": text(1024),
            "Unit": { "enum": ["Seconds", "Microseconds", "Milliseconds", "Bytes", "Kilobytes", "Percent", "Count", "None"] },
            "StorageResolution": { "enum": [1, 60] },
        },
    });
    let directive = json!({
        "type": "object",
        "required": ["Namespace", "Dimensions", "Metrics"],
        "additionalProperties": false,
        "properties": {
            "Namespace": text(1024),
            "Dimensions": {
                "type": "array",
                "minItems": 1,
                "items": { "type": "array", "maxItems": 30, "items": text(250) },
            },
            "Metrics": { "type": "array", "maxItems": 100, "items": definition },
        },
    });
    json!({
        "type": "object",
        "required": ["_aws"],
        "properties": {
            "_aws": {
                "type": "object",
                "required": ["Timestamp", "CloudWatchMetrics"],
                "properties": {
                    "Timestamp": { "type": "integer" },
                    "CloudWatchMetrics": { "type": "array", "items": directive },
                },
            },
        },
    })
}

/// The metrics of a line: name, unit and value. Each must refer to a field with a number, each dimension to
/// one with a text.
fn metrics(line: &Value) -> Vec<(String, String, f64)> {
    let mut found = Vec::new();
    for directive in line["_aws"]["CloudWatchMetrics"].as_array().unwrap() {
        assert_eq!(directive["Namespace"], "Import/Nightly");
        let dimensions = directive["Dimensions"].as_array().unwrap();
        let dimensions: Vec<_> = dimensions
            .iter()
            .flat_map(|set| set.as_array().unwrap())
            .collect();
        for dimension in &dimensions {
            let value = line[dimension.as_str().unwrap()].as_str().unwrap();
            assert!((1..=1024).contains(&value.len()), "{line}");
        }
        for metric in directive["Metrics"].as_array().unwrap() {
            let name = metric["Name"].as_str().unwrap();
            let value = line[name]
                .as_f64()
                .unwrap_or_else(|| panic!("{name}: {line}"));
            if dimensions.is_empty() {
                found.push((
                    name.to_owned(),
                    metric["Unit"].as_str().unwrap().to_owned(),
                    value,
                ));
            }
        }
    }
    found
}

#[test]
#[expect(clippy::cast_precision_loss, reason = "small numbers")]
fn each_event_is_also_a_document_of_the_embedded_metric_format() {
    let events = Schema::of("events");
    let (mut compiler, mut schemas) = (Compiler::new(), Schemas::new());
    compiler.add_resource("emf", specification()).unwrap();
    let specification = compiler.compile("emf", &mut schemas).unwrap();
    let work_dir = WorkDir::with("list.csv", ids("u", 1_500) + "gone1\nnot valid,1\n");
    let flags = [
        "--progress",
        "json",
        "--emf",
        "Import/Nightly",
        "--channel-arn",
        CHANNEL,
        "--missing-users",
        "gone",
        "--fault",
        "call-throttled=0.2",
    ];
    let output = work_dir.run_fast("list.csv", &flags);
    assert_eq!(output.code, Some(1), "{output:#?}");
    let mut sums = BTreeMap::new();
    let mut by_refusal = 0;
    for line in output.stderr.lines() {
        let line = events.check(line);
        if line["event"] == "note" {
            assert!(line.get("_aws").is_none(), "{line}");
            continue;
        }
        if let Err(error) = schemas.validate(&line, specification) {
            panic!("{error:#}\n{line:#}");
        }
        let timestamp = line["_aws"]["Timestamp"].as_i64().unwrap();
        assert!(timestamp > 1_700_000_000_000, "{line}");
        for (name, unit, value) in metrics(&line) {
            let is_time = name.ends_with("seconds");
            assert_eq!(unit == "Seconds", is_time, "{line}");
            *sums
                .entry((line["event"].as_str().unwrap().to_owned(), name))
                .or_insert(0.0) += value;
        }
        by_refusal += u64::from(line.to_string().contains(r#"[["refusal"]]"#));
    }
    let summary = work_dir.summary("run");
    let sum = |name: &str| sums[&("call_settled".to_owned(), name.to_owned())];
    assert_eq!(sum("added"), summary.added as f64);
    assert_eq!(sum("failed"), summary.failed as f64);
    assert_eq!(by_refusal, summary.throttled_calls);
    assert!(by_refusal > 0);
}
