//! Compares what a run reports with the sandbox's members and the expected outcome of each row.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use chime_bulk::model::{ChannelArn, Outcome};
use chime_bulk::report::Summary;
use rusqlite::{Connection, OpenFlags};

use super::list::{Expected, Line};
use super::testbed::Testbed;

/// The error is a description of what is wrong.
pub(crate) type Check = Result<(), String>;

/// The files of a finished run.
const FILES: [&str; 6] = [
    "failed.csv",
    "ledger.db",
    "owner.lock",
    "report.html",
    "results.csv",
    "summary.json",
];

fn check(holds: bool, what: impl FnOnce() -> String) -> Check {
    if holds { Ok(()) } else { Err(what()) }
}

/// Checks a finished run: its outcomes, its files, and its ledger.
pub(crate) fn check_finished(testbed: &Testbed, dir: &Path, code: Option<i32>) -> Check {
    check_outcomes(testbed, dir, code)?;
    let names = super::testbed::names(dir);
    check(names == FILES, || format!("the files are {names:?}"))?;
    check_ledger(testbed, dir)
}

/// Checks the reports and the exit code of a finished run, and the members of the channels.
pub(crate) fn check_outcomes(testbed: &Testbed, dir: &Path, code: Option<i32>) -> Check {
    let rows = results(dir)?;
    check(rows.len() == testbed.list.0.len(), || {
        format!("{} rows of {}", rows.len(), testbed.list.0.len())
    })?;
    check_rows(testbed, &rows, true)?;
    check_members(testbed, true)?;
    let summary = check_summary(dir, &rows)?;
    let state = format!("{:?}", summary.state);
    check(state == "Finished", || format!("state {state}"))?;
    let expected = i32::from(!testbed.list.is_good());
    check(code == Some(expected), || format!("exit code {code:?}"))
}

/// Checks that the channels have no members that the list does not name.
pub(crate) fn check_no_extra_members(testbed: &Testbed) -> Check {
    check_members(testbed, false)
}

/// Checks the reports of a run that is not finished.
pub(crate) fn check_unfinished(testbed: &Testbed, dir: &Path) -> Check {
    let rows = results(dir)?;
    check_rows(testbed, &rows, false)?;
    check_summary(dir, &rows)?;
    Ok(())
}

/// Checks the rows of `results.csv`, of a run in any state.
pub(crate) fn check_results(testbed: &Testbed, dir: &Path) -> Check {
    check_rows(testbed, &results(dir)?, false)
}

/// Checks the reports that exist: they are complete and, if there is a summary, of one state.
pub(crate) fn check_complete_files(testbed: &Testbed, dir: &Path) -> Check {
    for name in ["results.csv", "failed.csv"] {
        let text = std::fs::read(dir.join(name)).unwrap_or(b"\n".to_vec());
        check(text.ends_with(b"\n"), || format!("{name} is truncated"))?;
    }
    if let Ok(text) = std::fs::read_to_string(dir.join("report.html")) {
        check(text.ends_with("</html>\n"), || {
            "report.html is truncated".into()
        })?;
    }
    // A test may have created a directory with this name.
    if dir.join("summary.json").is_file() {
        check_summary(dir, &results(dir)?)?;
    }
    if dir.join("results.csv").is_file() {
        check_results(testbed, dir)?;
    }
    Ok(())
}

fn results(dir: &Path) -> Result<Vec<csv::StringRecord>, String> {
    let message = |error: csv::Error| format!("results.csv: {error}");
    let mut reader = csv::Reader::from_path(dir.join("results.csv")).map_err(message)?;
    reader.records().map(|row| row.map_err(message)).collect()
}

/// Checks that the rows are in the order of the list, each with an outcome that is true.
fn check_rows(testbed: &Testbed, rows: &[csv::StringRecord], is_finished: bool) -> Check {
    for (index, (row, line)) in rows.iter().zip(&testbed.list.0).enumerate() {
        let message = |why: &str| format!("{why}: {row:?} of {line:?}");
        check(row[0] == (index + 1).to_string(), || {
            message("out of order")
        })?;
        check_row(testbed, row, line, is_finished).map_err(|why| message(&why))?;
    }
    check(rows.len() <= testbed.list.0.len(), || {
        "too many rows".into()
    })
}

fn check_row(testbed: &Testbed, row: &csv::StringRecord, line: &Line, is_finished: bool) -> Check {
    let is_named = row[1] == line.channel_arn() && row[2] == line.member_arn();
    check(is_named || line.expected == Expected::Invalid, || {
        "another membership".into()
    })?;
    let outcome = Outcome::ALL
        .into_iter()
        .find(|outcome| outcome.as_str() == &row[4])
        .ok_or("no outcome")?;
    let is_member = testbed.is_member(line);
    let is_open = matches!(outcome, Outcome::NotAttempted | Outcome::Unconfirmed);
    // A channel that is missing now may have existed when an earlier call was made.
    let is_in_doubt = line.expected == Expected::ChannelMissing && outcome == Outcome::Unconfirmed;
    check(!is_finished || !is_open || is_in_doubt, || {
        "not settled".into()
    })?;
    let fits = match (line.expected, outcome) {
        (Expected::Added, Outcome::Added | Outcome::AlreadyMember) => is_member,
        // The member was throttled when the run was interrupted.
        (Expected::Added, Outcome::Failed) => !is_finished && !is_member,
        (
            Expected::Added | Expected::UserMissing | Expected::ChannelMissing,
            Outcome::NotAttempted,
        ) => !is_member,
        (
            Expected::Added | Expected::UserMissing | Expected::ChannelMissing,
            Outcome::Unconfirmed,
        )
        | (Expected::DuplicateOf(_), Outcome::NotAttempted) => true,
        (Expected::UserMissing | Expected::ChannelMissing, Outcome::Failed) => {
            !is_member && row[5].starts_with("NotFound")
        }
        (Expected::Invalid, outcome) => outcome == Outcome::Invalid,
        (Expected::DuplicateOf(of), Outcome::Duplicate) => {
            row[6].ends_with(&format!(" row {}", of + 1))
        }
        _ => false,
    };
    check(fits, || format!("wrong outcome (is a member: {is_member})"))
}

/// Checks that the sandbox has no members but those expected and, if `all`, has all of these.
fn check_members(testbed: &Testbed, all: bool) -> Check {
    let mut expected: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in testbed
        .list
        .0
        .iter()
        .filter(|line| line.expected == Expected::Added)
    {
        let channel = expected.entry(line.channel_arn()).or_default();
        channel.insert(line.member_arn());
    }
    for channel in testbed.service.stats().members.into_keys() {
        let channel = ChannelArn::parse(&channel).map_err(|error| error.to_string())?;
        let expected = expected.remove(channel.as_str()).unwrap_or_default();
        let members: BTreeSet<String> = testbed.service.members(&channel).into_iter().collect();
        check(members.is_subset(&expected), || {
            format!(
                "extra members of {channel}: {:?}",
                members.difference(&expected)
            )
        })?;
        check(!all || members == expected, || {
            format!(
                "missing members of {channel}: {:?}",
                expected.difference(&members)
            )
        })?;
    }
    check(!all || expected.is_empty(), || {
        format!("no members in {:?}", expected.keys())
    })
}

/// Checks that the counts of the summary are those of the results.
fn check_summary(dir: &Path, rows: &[csv::StringRecord]) -> Result<Summary, String> {
    let text = std::fs::read_to_string(dir.join("summary.json"))
        .map_err(|error| format!("summary.json: {error}"))?;
    let summary: Summary = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    check(summary.accounts, || "the summary does not add up".into())?;
    check(summary.rows_read == rows.len() as u64, || {
        format!("{} rows read", summary.rows_read)
    })?;
    for outcome in Outcome::ALL {
        let found = rows.iter().filter(|row| &row[4] == outcome.as_str());
        let (found, counted) = (found.count() as u64, summary.tally().of(outcome));
        check(found == counted, || {
            format!("{found} rows are {outcome}, the summary counts {counted}")
        })?;
    }
    Ok(summary)
}

/// Checks that the ledger has every call that the sandbox received, and nothing that only a run in
/// progress has.
fn check_ledger(testbed: &Testbed, dir: &Path) -> Check {
    let connection =
        Connection::open_with_flags(dir.join("ledger.db"), OpenFlags::SQLITE_OPEN_READ_ONLY)
            .map_err(|error| error.to_string())?;
    let number = |query: &str| -> Result<u64, String> {
        let answer = connection.query_row(query, [], |row| row.get(0));
        answer.map_err(|error| format!("{query}: {error}"))
    };
    let (recorded, received) = (
        number("SELECT count(*) FROM call")?,
        testbed.service.stats().batch_calls,
    );
    check(recorded >= received, || {
        format!("{recorded} calls are recorded, {received} were received")
    })?;
    for (what, query) in [
        ("calls in flight", "SELECT count(*) FROM call WHERE settled_at IS NULL"),
        ("unverified duplicates", "SELECT count(*) FROM suspect"),
        (
            "existing members without a call in doubt",
            "SELECT count(*) FROM ruling WHERE outcome = 'already_member' AND NOT in_doubt",
        ),
        (
            "rows queued twice",
            "WITH queued AS (SELECT sum(entry.value) OVER (PARTITION BY lane, seq ORDER BY entry.key) AS row
                FROM queue, json_each(queue.rows) AS entry)
             SELECT count(*) - count(DISTINCT row) FROM queued",
        ),
        (
            "rows sent but not queued",
            "WITH queued AS (SELECT sum(entry.value) OVER (PARTITION BY lane, seq ORDER BY entry.key) AS row
                FROM queue, json_each(queue.rows) AS entry)
             SELECT count(*) FROM sent WHERE row NOT IN (SELECT row FROM queued)",
        ),
    ] {
        let found = number(query)?;
        check(found == 0, || format!("{what}: {found}"))?;
    }
    Ok(())
}
