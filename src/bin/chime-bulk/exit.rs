//! The exit codes, which are a contract.

use std::process::ExitCode;

use chime_bulk::job::{JobError, RunVerdict};
use chime_bulk::report::ReportError;

/// How the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// 0: all rows added or already members.
    AllIn,
    /// 1: finished, some rows are not in.
    SomeNotIn,
    /// 2: the request is wrong; no run was started.
    Usage,
    /// 3: stopped by credentials, denial, outage, list, ledger or disk; or the data asked for could not
    /// be printed.
    Fatal,
    /// 4: stopped by too many failures.
    TooManyFailures,
    /// 130: interrupted.
    Interrupted,
}

/// The exit codes of a command, for its help.
pub(crate) fn help(command: &str) -> &'static str {
    match command {
        "plan" => {
            "Exit codes: 0 one run can bring in every row, 1 it cannot (defective rows,\n\
             channels over capacity, several app instances, what --online found), 2 usage\n\
             or list, 3 --online stopped, S3, disk, or standard output of --json,\n\
             130 interrupted."
        }
        "run" | "resume" | "retry" => {
            "Exit codes: 0 all rows in, 1 finished but some rows not, 2 usage, 3 stopped,\n\
             4 stopped by --max-failures, 130 interrupted."
        }
        "undo" => {
            "Exit codes: 0 all gone, 1 some kept or failed, or none to remove, 2 usage,\n\
             3 stopped, 4 stopped by --max-failures, 130 interrupted."
        }
        "sync" => {
            "Exit codes: 0 in sync, 1 not (of a dry run: there is a difference), 2 usage,\n\
             3 stopped, 4 more to remove than --max-removals allows, 130 interrupted."
        }
        "verify" => {
            "Exit codes: 0 every row is as the runs reported, 1 some are not, 2 usage,\n\
             3 stopped, 130 interrupted."
        }
        "report" => {
            "Exit codes: 0 written, all rows in, 1 written, some rows not, 2 usage,\n\
             3 the ledger cannot be read, the reports cannot be written or uploaded, 130 interrupted."
        }
        "merge" => {
            "Exit codes: 0 all rows in, 1 some not, or shards left out by --partial, 2 usage,\n\
             or not the shards of one job, 3 one stopped or is at work, 4 one stopped by\n\
             --max-failures, 130 one interrupted: the highest of the shards."
        }
        "sandbox" => "Exit codes: 0 stopped by a signal, 2 usage, 3 it cannot listen.",
        "explain" => "Exit codes: 0 printed, 2 unknown code or usage.",
        _ => "Exit codes: 0 done, 2 usage, 3 it cannot be read or written.",
    }
}

impl Exit {
    /// The exit code as a number.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::AllIn => 0,
            Self::SomeNotIn => 1,
            Self::Usage => 2,
            Self::Fatal => 3,
            Self::TooManyFailures => 4,
            Self::Interrupted => 130,
        }
    }

    /// Whether the run can be resumed.
    pub(crate) fn is_resumable(self) -> bool {
        matches!(
            self,
            Self::Fatal | Self::TooManyFailures | Self::Interrupted
        )
    }
}

impl From<RunVerdict> for Exit {
    fn from(verdict: RunVerdict) -> Self {
        match verdict {
            RunVerdict::AllIn => Self::AllIn,
            RunVerdict::SomeNotIn => Self::SomeNotIn,
            RunVerdict::Fatal | RunVerdict::Miscounted => Self::Fatal,
            RunVerdict::TooManyFailures => Self::TooManyFailures,
            RunVerdict::Interrupted => Self::Interrupted,
        }
    }
}

impl From<&JobError> for Exit {
    fn from(error: &JobError) -> Self {
        match error {
            JobError::Interrupted | JobError::Report(ReportError::Interrupted) => Self::Interrupted,
            error if error.is_usage() => Self::Usage,
            _ => Self::Fatal,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
