//! What a power loss leaves of the reports.
//!
//! The text of a file is on the disk once the file is synced, its name once the directory is.
//! Until then a power loss keeps any of the changes and drops the others, in no order. So the calls
//! that a session makes are recorded, and after each of them everything that may be on the disk is
//! looked at.

use std::collections::{BTreeMap, BTreeSet};

use super::fault::{self, Kind};
use super::torn::{REPORTS, Session};
use crate::support::expected::RUN;
use crate::support::program::Ended;

/// What a report's name refers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    Earlier,
    Removed,
    New,
}

/// A call and the name of the file it is made on, as they were made.
fn trace() -> Vec<(String, String)> {
    let place = Session::Retry.place();
    let path = place.path("trace");
    let mut command = fault::counting(Kind::Rename, &place, Session::Retry.command(&place));
    let ended = Ended::of(command.env("FAULT_TRACE", &path));
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    let text = std::fs::read_to_string(path).unwrap();
    let calls = text.lines().map(|line| line.split_once(' ').unwrap());
    calls
        .map(|(call, name)| (call.to_owned(), name.to_owned()))
        .collect()
}

/// No summary is on the disk beside a report of another version.
#[track_caller]
fn agree(versions: &BTreeMap<&str, Vec<Version>>) {
    let there = |version: &&Version| **version != Version::Removed;
    for summary in versions["summary.json"].iter().filter(there) {
        let mut all = versions.iter().filter(|(name, _)| **name != "summary.json");
        assert!(
            all.all(|(_, versions)| versions.iter().all(|it| it == summary)),
            "{versions:?}"
        );
    }
}

#[test]
fn after_a_power_loss_a_summary_belongs_to_the_reports_beside_it() {
    let mut synced = BTreeSet::new();
    let mut versions: BTreeMap<&str, Vec<Version>> =
        REPORTS.map(|name| (name, vec![Version::Earlier])).into();
    let calls = trace();
    for (call, name) in &calls {
        match (call.as_str(), versions.get_mut(name.as_str())) {
            ("unlink", Some(versions)) => versions.push(Version::Removed),
            ("rename", Some(versions)) => {
                let part = format!(".{name}.part");
                assert!(synced.contains(part.as_str()), "{name} is not synced");
                versions.push(Version::New);
            }
            ("sync", None) if name == RUN => {
                for versions in versions.values_mut() {
                    versions.drain(..versions.len() - 1);
                }
            }
            ("sync", _) => drop(synced.insert(name.as_str())),
            _ => {}
        }
        agree(&versions);
    }
    for (name, versions) in versions {
        assert_eq!(versions, [Version::New], "{name}");
    }
    // The ledger records that they are replaced before they are, and after.
    let is = |call: &'static str, begin: &'static str| {
        move |made: &(String, String)| made.0 == call && made.1.starts_with(begin)
    };
    let removed = calls.iter().position(is("unlink", "summary.json")).unwrap();
    let before = calls[..removed].iter().rposition(is("sync", "ledger.db"));
    let aside = calls[..removed].iter().rposition(is("sync", ".")).unwrap();
    assert!(before.unwrap() > aside, "{calls:?}");
    let placed = calls.iter().rposition(is("sync", RUN)).unwrap();
    assert!(calls[placed..].iter().any(is("sync", "ledger.db")));
}
