//! Holds what a run says against what is: the sandbox's members, and what is known of each row.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use chime_bulk::model::{ChannelArn, Outcome};
use chime_bulk::report::Summary;
use rusqlite::{Connection, OpenFlags};

use super::list::{CallResult, Line};
use super::world::World;

/// What is wrong, in words.
pub(crate) type Judgement = Result<(), String>;

/// What a finished run leaves behind.
const LEFT: [&str; 6] = [
    "failed.csv",
    "ledger.db",
    "owner.lock",
    "report.html",
    "results.csv",
    "summary.json",
];

fn check(holds: bool, what: impl FnOnce() -> String) -> Judgement {
    if holds { Ok(()) } else { Err(what()) }
}

/// A finished run: every row has the outcome that it must have, and whoever is said to be in is;
/// and the ledger and the directory are as they should be.
pub(crate) fn finished(world: &World, dir: &Path, code: Option<i32>) -> Judgement {
    outcomes(world, dir, code)?;
    let names = super::world::names(dir);
    check(names == LEFT, || format!("left behind: {names:?}"))?;
    ledger(world, dir)
}

/// The reports of a finished run, its exit code, and the members.
pub(crate) fn outcomes(world: &World, dir: &Path, code: Option<i32>) -> Judgement {
    let rows = results(dir)?;
    check(rows.len() == world.list.0.len(), || {
        format!("{} rows of {}", rows.len(), world.list.0.len())
    })?;
    said(world, &rows, true)?;
    members(world, true)?;
    let summary = counts(dir, &rows)?;
    let state = format!("{:?}", summary.state);
    check(state == "Finished", || format!("state {state}"))?;
    let expected = i32::from(!world.list.is_good());
    check(code == Some(expected), || format!("exit code {code:?}"))
}

/// Nobody is a member whom the list does not name.
pub(crate) fn no_strangers(world: &World) -> Judgement {
    members(world, false)
}

/// The reports of a run that is not finished: what they say is true all the same.
pub(crate) fn unfinished(world: &World, dir: &Path) -> Judgement {
    let rows = results(dir)?;
    said(world, &rows, false)?;
    counts(dir, &rows)?;
    Ok(())
}

/// What the results say, whatever else: none of it is false.
pub(crate) fn verdicts(world: &World, dir: &Path) -> Judgement {
    said(world, &results(dir)?, false)
}

/// What reports there are: none of them half-written, and all of one state where there is a
/// summary.
pub(crate) fn whole(world: &World, dir: &Path) -> Judgement {
    for name in ["results.csv", "failed.csv"] {
        let text = std::fs::read(dir.join(name)).unwrap_or(b"\n".to_vec());
        check(text.ends_with(b"\n"), || format!("{name} is cut off"))?;
    }
    if let Ok(text) = std::fs::read_to_string(dir.join("report.html")) {
        check(text.ends_with("</html>\n"), || {
            "report.html is cut off".into()
        })?;
    }
    // A test may have put a directory in its place.
    if dir.join("summary.json").is_file() {
        counts(dir, &results(dir)?)?;
    }
    if dir.join("results.csv").is_file() {
        verdicts(world, dir)?;
    }
    Ok(())
}

fn results(dir: &Path) -> Result<Vec<csv::StringRecord>, String> {
    let words = |error: csv::Error| format!("results.csv: {error}");
    let mut reader = csv::Reader::from_path(dir.join("results.csv")).map_err(words)?;
    reader.records().map(|row| row.map_err(words)).collect()
}

/// Each row in its place, with a true outcome.
fn said(world: &World, rows: &[csv::StringRecord], is_finished: bool) -> Judgement {
    for (index, (said, line)) in rows.iter().zip(&world.list.0).enumerate() {
        let wrong = |why: &str| format!("{why}: {said:?} is {line:?}");
        check(said[0] == (index + 1).to_string(), || wrong("out of order"))?;
        verdict(world, said, line, is_finished).map_err(|why| wrong(&why))?;
    }
    check(rows.len() <= world.list.0.len(), || "rows too many".into())
}

fn verdict(world: &World, said: &csv::StringRecord, line: &Line, is_finished: bool) -> Judgement {
    let is_named = said[1] == line.channel_arn() && said[2] == line.member_arn();
    check(is_named || line.fate == CallResult::Defect, || {
        "another membership".into()
    })?;
    let outcome = Outcome::ALL
        .into_iter()
        .find(|outcome| outcome.as_str() == &said[4])
        .ok_or("no outcome")?;
    let is_member = world.is_member(line);
    let is_open = matches!(outcome, Outcome::NotAttempted | Outcome::Unconfirmed);
    // A channel that is not there after a call in doubt may have been there before.
    let is_in_doubt = line.fate == CallResult::Closed && outcome == Outcome::Unconfirmed;
    check(!is_finished || !is_open || is_in_doubt, || {
        "not settled".into()
    })?;
    let fits = match (line.fate, outcome) {
        (CallResult::In, Outcome::Added | Outcome::AlreadyMember) => is_member,
        // Throttled for the time being, in a run that was cut short.
        (CallResult::In, Outcome::Failed) => !is_finished && !is_member,
        (CallResult::In | CallResult::Gone | CallResult::Closed, Outcome::NotAttempted) => {
            !is_member
        }
        (CallResult::In | CallResult::Gone | CallResult::Closed, Outcome::Unconfirmed)
        | (CallResult::Repeat(_), Outcome::NotAttempted) => true,
        (CallResult::Gone | CallResult::Closed, Outcome::Failed) => {
            !is_member && said[5].starts_with("NotFound")
        }
        (CallResult::Defect, outcome) => outcome == Outcome::Invalid,
        (CallResult::Repeat(of), Outcome::Duplicate) => {
            said[6].ends_with(&format!(" row {}", of + 1))
        }
        _ => false,
    };
    check(fits, || format!("false (a member: {is_member})"))
}

/// Those are members who must be, all of them or some.
fn members(world: &World, all: bool) -> Judgement {
    let mut expected: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in world
        .list
        .0
        .iter()
        .filter(|line| line.fate == CallResult::In)
    {
        let channel = expected.entry(line.channel_arn()).or_default();
        channel.insert(line.member_arn());
    }
    for channel in world.service.stats().members.into_keys() {
        let channel = ChannelArn::parse(&channel).map_err(|error| error.to_string())?;
        let expected = expected.remove(channel.as_str()).unwrap_or_default();
        let members: BTreeSet<String> = world.service.members(&channel).into_iter().collect();
        check(members.is_subset(&expected), || {
            format!(
                "strangers in {channel}: {:?}",
                members.difference(&expected)
            )
        })?;
        check(!all || members == expected, || {
            format!("not in {channel}: {:?}", expected.difference(&members))
        })?;
    }
    check(!all || expected.is_empty(), || {
        format!("nobody in {:?}", expected.keys())
    })
}

/// The summary counts what the results say.
fn counts(dir: &Path, rows: &[csv::StringRecord]) -> Result<Summary, String> {
    let text = std::fs::read_to_string(dir.join("summary.json"))
        .map_err(|error| format!("summary.json: {error}"))?;
    let summary: Summary = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    check(summary.accounts, || "the summary does not add up".into())?;
    check(summary.rows_read == rows.len() as u64, || {
        format!("{} rows read", summary.rows_read)
    })?;
    for outcome in Outcome::ALL {
        let said = rows.iter().filter(|row| &row[4] == outcome.as_str());
        let (said, counted) = (said.count() as u64, summary.tally().of(outcome));
        check(said == counted, || {
            format!("{said} rows are {outcome}, {counted} counted")
        })?;
    }
    Ok(summary)
}

/// The ledger holds every call that the sandbox has seen, and what follows from them.
fn ledger(world: &World, dir: &Path) -> Judgement {
    let connection =
        Connection::open_with_flags(dir.join("ledger.db"), OpenFlags::SQLITE_OPEN_READ_ONLY)
            .map_err(|error| error.to_string())?;
    let number = |query: &str| -> Result<u64, String> {
        let answer = connection.query_row(query, [], |row| row.get(0));
        answer.map_err(|error| format!("{query}: {error}"))
    };
    let (calls, seen) = (
        number("SELECT count(*) FROM call")?,
        world.service.stats().batch_calls,
    );
    check(calls >= seen, || {
        format!("{calls} calls noted, {seen} seen")
    })?;
    for (what, query) in [
        ("a call is under way", "SELECT count(*) FROM call WHERE settled_at IS NULL"),
        ("a suspect is left", "SELECT count(*) FROM suspect"),
        (
            "already a member, of no call in doubt",
            "SELECT count(*) FROM ruling WHERE outcome = 'already_member' AND NOT in_doubt",
        ),
        (
            "a row queued twice",
            "WITH queued AS (SELECT sum(entry.value) OVER (PARTITION BY lane, seq ORDER BY entry.key) AS row
                FROM queue, json_each(queue.rows) AS entry)
             SELECT count(*) - count(DISTINCT row) FROM queued",
        ),
        (
            "a row sent that is not queued",
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
