//! A run whose ledger is intact. Tests damage copies of the ledger and resume them.

use std::path::Path;

use chime_bulk::model::{ChannelArn, MemberArn};
use chime_bulk::sandbox::Scripted;

use super::corruption::Corruption;
use crate::support::expected::{self, LIST, Line, List, Testbed, copy};
use crate::support::program::Output;

/// What `resume` does with a damaged ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Resumed {
    /// It refuses the ledger.
    Refused,
    /// It finds no run.
    NoRun,
    /// It finishes the run, as without the damage.
    Unaffected,
}

/// A run that no process is working on, and the members that it added.
pub(super) struct IntactRun {
    /// Only its list and its run directory are used, not its sandbox.
    testbed: Testbed,
    members: Vec<(ChannelArn, MemberArn)>,
}

fn list() -> List {
    List::mixed(900, 6, 7)
}

impl IntactRun {
    /// A run that was killed with some calls settled, some in flight, and some not made.
    pub(super) fn killed() -> Self {
        let testbed = Testbed::new(list(), expected::sandbox_config(&[]));
        let (answered, silent) = (5, 3);
        let calls = vec![Vec::new(); answered]
            .into_iter()
            .chain(vec![vec![Scripted::Silence]; 100]);
        testbed.service.script(calls);
        let mut command = testbed.run(LIST);
        let mut child = command
            .env("CHIME_BULK_MAX_IN_FLIGHT", silent.to_string())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        while testbed.service.stats().batch_calls < (answered + silent) as u64 {
            assert!(child.try_wait().unwrap().is_none(), "it ended by itself");
            std::thread::yield_now();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        Self::of(testbed)
    }

    /// A finished run.
    pub(super) fn finished() -> Self {
        let testbed = Testbed::new(list(), expected::sandbox_config(&[]));
        let output = Output::of(&mut testbed.run(LIST));
        expected::check_finished(&testbed, &testbed.dir(), output.code).unwrap();
        Self::of(testbed)
    }

    fn of(testbed: Testbed) -> Self {
        let lines = testbed.list.0.iter().filter(|line| testbed.is_member(line));
        let parse = |line: &Line| {
            let channel = ChannelArn::parse(&line.channel_arn()).unwrap();
            (channel, MemberArn::parse(&line.member_arn()).unwrap())
        };
        let members = lines.map(parse).collect();
        Self { testbed, members }
    }

    /// The same run, with the content of the write-ahead log moved into the database file.
    pub(super) fn in_one_file(self) -> Self {
        let ledger = self.testbed.dir().join("ledger.db");
        let connection = rusqlite::Connection::open(ledger).unwrap();
        connection
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
            .unwrap();
        drop(connection);
        self
    }

    /// The content of a file of the run.
    pub(super) fn bytes(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.testbed.dir().join(name)).unwrap()
    }

    /// The size of a file of the run.
    pub(super) fn size(&self, name: &str) -> usize {
        self.bytes(name).len()
    }

    /// Resumes a copy of the run with this damage.
    pub(super) fn resume_damaged(&self, corruption: &Corruption) -> Result<Resumed, String> {
        let resumed = self.resume_after(|dir| corruption.apply(dir));
        resumed.map(|(resumed, _)| resumed)
    }

    /// Resumes a copy of the run after a change to its directory.
    pub(super) fn resume_after(&self, change: impl Fn(&Path)) -> Result<(Resumed, Output), String> {
        let config = expected::sandbox_config(&[]);
        let testbed = Testbed::new(self.testbed.list.clone(), config);
        for (channel, member) in &self.members {
            testbed.service.add_existing(channel, member);
        }
        copy(&self.testbed.dir(), &testbed.dir());
        change(&testbed.dir());
        let output = Output::within_a_minute(&testbed.resume());
        let resumed = check(&testbed, &output).map_err(|why| format!("{why}\n{output:#?}"))?;
        Ok((resumed, output))
    }
}

fn check(testbed: &Testbed, output: &Output) -> Result<Resumed, String> {
    if output.stderr.contains("panicked") {
        return Err("it panicked".to_owned());
    }
    expected::check_no_extra_members(testbed)?;
    let prints = |begin: &str| output.stderr.lines().any(|line| line.starts_with(begin));
    match output.code {
        Some(0 | 1) => {
            let checked = expected::check_outcomes(testbed, &testbed.dir(), output.code);
            checked.map(|()| Resumed::Unaffected)
        }
        Some(2) if prints("error: no run found in run") => Ok(Resumed::NoRun),
        Some(3) if !prints("error: the ledger run/ledger.db") => {
            Err("the error does not name the ledger".to_owned())
        }
        Some(3) if !prints("hint: ") => Err("no hint".to_owned()),
        Some(3) => {
            // The reports of a finished run are left as they were.
            if testbed.dir().join("results.csv").is_file() {
                expected::check_results(testbed, &testbed.dir())?;
            }
            Ok(Resumed::Refused)
        }
        None => Err("it did not end".to_owned()),
        code => Err(format!("exit code {code:?}")),
    }
}
