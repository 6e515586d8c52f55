//! The sample lists: each is imported by its command in `samples/README.md`, with the counts there.

use chime_bulk::model::Outcome;

use crate::support::program::{FAST, Output, WorkDir, repository, table};

const APP: &str =
    "arn:aws:chime:us-east-1:123456789012:app-instance/5f7c1a9e-0c1d-4b8e-9a52-6d0e3b7f2c41";

/// The other files of the folder.
const NOT_LISTS: [&str; 5] = ["README.md", "deploy", "embed.rs", "ledger.sql", "make.py"];

/// A sample, with its rows in the two tables.
pub(crate) struct Sample {
    pub(crate) name: String,
    /// Including `--sandbox`.
    pub(crate) arguments: Vec<String>,
    /// Rows, left out, added, duplicate, invalid, channels, calls.
    counts: Vec<u64>,
}

pub(crate) fn samples() -> Vec<Sample> {
    let readme = repository("samples/README.md");
    assert!(readme.contains(&format!("APP={APP}\n")));
    let code = |cell: &str| cell.trim_matches('`').to_owned();
    let tables = readme.split_once("The outcomes, in a sandbox").unwrap();
    let [commands, counts] = [table(tables.0, "list"), table(tables.1, "list")];
    assert_eq!(
        counts[0],
        "list rows left_out added duplicate invalid channels calls"
            .split(' ')
            .map(|name| name.replace('_', " "))
            .collect::<Vec<_>>()
    );
    let below = |rows: &[Vec<&str>]| rows.iter().skip(2).map(|row| code(row[0])).collect();
    let names: Vec<String> = below(&commands);
    assert_eq!(names, below(&counts) as Vec<String>);
    let number = |cell: &&str| cell.replace(',', "").parse().unwrap();
    commands
        .iter()
        .zip(&counts)
        .skip(2)
        .map(|(command, counts)| Sample {
            name: code(command[0]),
            arguments: code(command[2])
                .replace("$APP", APP)
                .split(' ')
                .map(str::to_owned)
                .collect(),
            counts: counts[1..].iter().map(number).collect(),
        })
        .collect()
}

/// Imports a sample and checks its counts.
fn import(sample: &Sample) {
    let work_dir = WorkDir::new();
    let lists = concat!(env!("CARGO_MANIFEST_DIR"), "/samples/");
    let list = format!("{lists}{}", sample.arguments[0]);
    let begin = ["run", &list, "--run-dir", "run"];
    let given = sample.arguments[1..].iter().map(String::as_str);
    let output = work_dir.run(begin.into_iter().chain(given).chain(RATES));

    let summary = work_dir.summary("run");
    let tally = summary.tally();
    let counted = [
        summary.rows_read + summary.rows_left_out,
        summary.rows_left_out,
        summary.added,
        summary.duplicate,
        summary.invalid,
        summary.channels,
        summary.calls,
    ];
    assert_eq!(sample.counts, counted, "{}: {summary:#?}", sample.name);
    assert_eq!(summary.calls, summary.lower_bound_calls, "{}", sample.name);
    assert_eq!(summary.list, list);
    let expected = i32::from(summary.invalid > 0);
    assert_eq!(output.code, Some(expected), "{output:#?}");

    // The results have a line for each row that was not left out, in the order of the list.
    let results = work_dir.results("run");
    let rows: Vec<u64> = results.iter().map(|row| row[0].parse().unwrap()).collect();
    assert!(rows.is_sorted_by(|a, b| a < b), "{}", sample.name);
    assert!(rows.iter().all(|row| (1..=sample.counts[0]).contains(row)));
    for outcome in Outcome::ALL {
        let lines = results.iter().filter(|row| &row[4] == outcome.as_str());
        let lines = u64::try_from(lines.count()).unwrap();
        assert_eq!(lines, tally.of(outcome), "{} {outcome}", sample.name);
    }
    assert_eq!(u64::try_from(rows.len()).unwrap(), summary.rows_read);
}

/// Flags for a sandbox without limits. The number of calls stays the same.
pub(crate) const RATES: [&str; 7] = [
    "--unlimited",
    "--latency",
    "0",
    "--channel-rate",
    "100000",
    "--bearer-rate",
    "100000",
];

#[test]
fn each_sample_is_imported_with_the_counts_in_the_readme() {
    let samples = samples();
    // The tables have exactly the lists of the folder.
    let folder = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/samples")).unwrap();
    let mut lists: Vec<String> = folder
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .filter(|name| !NOT_LISTS.contains(&name.as_str()))
        .collect();
    let mut named: Vec<String> = samples.iter().map(|sample| sample.name.clone()).collect();
    lists.sort();
    named.sort();
    assert_eq!(lists, named);
    std::thread::scope(|scope| {
        for sample in &samples {
            scope.spawn(|| import(sample));
        }
    });
}

#[test]
fn a_compressed_list_can_be_read_from_standard_input() {
    let work_dir = WorkDir::new();
    let list = concat!(env!("CARGO_MANIFEST_DIR"), "/samples/ids.csv.gz");
    let channel = format!("{APP}/channel/general");
    let begin = ["run", "-", "--run-dir", "run", "--channel-arn", &channel];
    let mut command = work_dir.command(begin.iter().chain(&FAST));
    command.stdin(std::fs::File::open(list).unwrap());
    let output = Output::of(&mut command);
    assert_eq!(output.code, Some(0), "{output:#?}");
    assert_eq!(work_dir.summary("run").added, 250);
}
