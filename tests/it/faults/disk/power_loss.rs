//! The reports after a power loss.
//!
//! The content of a file is on the disk once the file is synced, and its name once the directory is.
//! Before that, a power loss keeps some of the changes and loses others, in any order. The test
//! records the calls that a session makes, and after each of them checks every state that the disk
//! may be in.

use std::collections::{BTreeMap, BTreeSet};

use super::fault::{self, Kind};
use super::report_set::{REPORTS, Session};
use crate::support::expected::RUN;
use crate::support::program::Output;

/// Which file has a report's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    Earlier,
    Removed,
    New,
}

/// The calls of a session, in order: the function, and the name of its file.
fn trace() -> Vec<(String, String)> {
    let work_dir = Session::Retry.prepare();
    let path = work_dir.path("trace");
    let mut command = fault::counting(Kind::Rename, &work_dir, Session::Retry.command(&work_dir));
    let output = Output::of(command.env("FAULT_TRACE", &path));
    assert_eq!(output.code, Some(0), "{output:#?}");
    let text = std::fs::read_to_string(path).unwrap();
    let calls = text.lines().map(|line| line.split_once(' ').unwrap());
    calls
        .map(|(call, name)| (call.to_owned(), name.to_owned()))
        .collect()
}

/// Checks that a summary on the disk has only reports of its own version beside it.
#[track_caller]
fn check_versions(versions: &BTreeMap<&str, Vec<Version>>) {
    let exists = |version: &&Version| **version != Version::Removed;
    for summary in versions["summary.json"].iter().filter(exists) {
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
        check_versions(&versions);
    }
    for (name, versions) in versions {
        assert_eq!(versions, [Version::New], "{name}");
    }
    // The ledger records before and after the replacement that the reports are replaced.
    let is = |call: &'static str, begin: &'static str| {
        move |made: &(String, String)| made.0 == call && made.1.starts_with(begin)
    };
    let removed = calls.iter().position(is("unlink", "summary.json")).unwrap();
    let before = calls[..removed].iter().rposition(is("sync", "ledger.db"));
    let written = calls[..removed].iter().rposition(is("sync", ".")).unwrap();
    assert!(before.unwrap() > written, "{calls:?}");
    let replaced = calls.iter().rposition(is("sync", RUN)).unwrap();
    assert!(calls[replaced..].iter().any(is("sync", "ledger.db")));
}
