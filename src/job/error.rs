//! The errors of jobs, and how to fix them.

use std::path::PathBuf;

use super::{FailedUpload, MergeError, UNDO_DIR};
use crate::chime::{ConnectError, Unsupported};
use crate::engine::EngineError;
use crate::file_system::FileSystem;
use crate::ledger::LedgerError;
use crate::model::{ArnError, BearersDisagree, LimitsError};
use crate::private_file::PrivateFileError;
use crate::report::{ReportError, UNDO, shell_word};
use crate::roster::RosterError;
use crate::store::StoreUrlError;

/// Why a job did not start, or failed.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// The list cannot be read.
    #[error(transparent)]
    Roster(#[from] RosterError),
    /// A limit is out of range.
    #[error("--{0}")]
    Limits(#[from] LimitsError),
    /// No bearer is given, and the service is not a sandbox.
    #[error("no bearer given")]
    NoBearer,
    /// No bearer can be named in the list's app instance: its ARN would be too long.
    #[error("no bearer for the sandbox: {0}")]
    SandboxBearer(#[from] ArnError),
    /// The bearers are of different app instances.
    #[error(transparent)]
    BearersDisagree(#[from] BearersDisagree),
    /// The API does not support the request.
    #[error(transparent)]
    Unsupported(#[from] Unsupported),
    /// The service cannot be called.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The run directory cannot be created.
    #[error("the run directory {}: {source}", dir.display())]
    Directory {
        /// The run directory.
        dir: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// No temporary directory can be created.
    #[error("cannot create a temporary directory: {0}")]
    Temporary(std::io::Error),
    /// Something other than a regular file has the name of a file of the run.
    #[error(transparent)]
    File(#[from] PrivateFileError),
    /// A file that is not a report of this run has a report's name.
    #[error("{} is not a report of this run", .0.display())]
    ForeignReport(PathBuf),
    /// The list has the path of a file that the run writes.
    #[error("the list {} has the name of a file that the run writes", .0.display())]
    ListInTheWay(PathBuf),
    /// The path of the run directory is longer than the ledger's files allow.
    #[error("the path of the run directory has {length} bytes, and at most {max} are possible")]
    LongPath {
        /// Its bytes, as an absolute path.
        length: usize,
        /// The most bytes that it may have.
        max: usize,
    },
    /// The run directory contains a run.
    #[error("{} already contains a run", .0.display())]
    RunExists(PathBuf),
    /// The run directory contains a run with another list or other options.
    #[error("{} contains another run: {what}", dir.display())]
    AnotherRun {
        /// The run directory.
        dir: PathBuf,
        /// What is different.
        what: String,
    },
    /// The directory contains no run.
    #[error("no run found in {}", .0.display())]
    NoRun(PathBuf),
    /// The directory contains no run yet.
    #[error("{} has no run yet: {owner} is starting one", dir.display())]
    Starting {
        /// The run directory.
        dir: PathBuf,
        /// The process that starts it.
        owner: String,
    },
    /// The run is not finished.
    #[error("{} is not finished", .0.display())]
    NotFinished(PathBuf),
    /// The directory contains a part of a run, such as its undo, and the command is for runs.
    #[error("{} is a part of a run, not a run", .0.display())]
    IsPart(PathBuf),
    /// The run was a rehearsal, and its sandbox is gone.
    #[error("{} was a rehearsal in a sandbox that ended with it: there is nothing to undo or to verify", .0.display())]
    SandboxGone(PathBuf),
    /// Everything that can be undone is.
    #[error("{} is undone already", .0.display())]
    Undone(PathBuf),
    /// The run was undone, or an undo was begun: what it would add now could not be undone.
    #[error("{} was undone: the members that it had added are not added again", .0.display())]
    HasUndo(PathBuf),
    /// The sync only compared: it has added and removed nobody.
    #[error("{} is a sync that only compared: it has added nobody", .0.display())]
    OnlyCompared(PathBuf),
    /// The difference that a sync carries out was changed.
    #[error("{} was changed since the sync wrote it", .0.display())]
    DiffChanged(PathBuf),
    /// The directory contains a sync that was cut off.
    #[error("{} contains a sync that was cut off{what}", dir.display())]
    CutOffSync {
        /// The run directory.
        dir: PathBuf,
        /// What is different from the request, if anything is.
        what: String,
    },
    /// A run was against another address than this command would call.
    #[error("{} was against {before}, and this would call {now}", dir.display())]
    OtherAddress {
        /// The run directory.
        dir: PathBuf,
        /// The address that the run called.
        before: String,
        /// The address that would be called now.
        now: String,
    },
    /// An undo of other members of the run exists.
    #[error("{} contains an undo with other --channel or --include-in-doubt", .0.display())]
    AnotherUndo(PathBuf),
    /// The run added nobody who may be removed.
    #[error("no member to remove: the run added none")]
    NothingToUndo,
    /// The list of a sync has no valid row.
    #[error("the list has no valid row: there is nothing to compare the channels with")]
    NothingToSync,
    /// The list of a sync has sub-channels.
    #[error("sync does not support sub-channels: their members move between them")]
    SyncOfSubChannels,
    /// The directory contains a sync, and the command is for other runs.
    #[error("{} is a sync", .0.display())]
    IsSync(PathBuf),
    /// A file of protected members cannot be read.
    #[error("{}{}: {what}", path.display(), if *line == 0 { String::new() } else { format!(", line {line}") })]
    ProtectFile {
        /// The file.
        path: PathBuf,
        /// The line, from 1; 0 for the file as a whole.
        line: usize,
        /// What is wrong.
        what: String,
    },
    /// There is no row to retry.
    #[error("no row to retry{}{codes}", if codes.is_empty() { "" } else { " with one of these codes: " })]
    NothingToRetry {
        /// The codes that were given.
        codes: String,
    },
    /// The list has changed since the run began.
    #[error("the list has changed since this run began: {what}")]
    ListChanged {
        /// What is different.
        what: String,
    },
    /// Stopped before the run started, or while reports were written.
    #[error("interrupted")]
    Interrupted,
    /// The thread that reads the list panicked.
    #[error("reading the list failed unexpectedly")]
    ReaderBroke,
    /// The thread that reads the list cannot be started.
    #[error("cannot start a thread to read the list: {0}")]
    NoThread(std::io::Error),
    /// The shards of a job cannot be merged.
    #[error(transparent)]
    Merge(#[from] MergeError),
    /// Another process works on the run.
    #[error("{} is in use by {owner}", dir.display())]
    Owned {
        /// The run directory.
        dir: PathBuf,
        /// The process that holds its lock.
        owner: String,
    },
    /// A process works on the run, on a network file system: only that process can read the ledger.
    #[error("{} is in use by {owner}; on {file_system} only that process can read it", dir.display())]
    Unreadable {
        /// The run directory.
        dir: PathBuf,
        /// The process that holds its lock.
        owner: String,
        /// The file system of the directory.
        file_system: FileSystem,
    },
    /// A process on another host has not released the run, and the file system does not tell whether it
    /// has ended.
    #[error(
        "{} may be in use by {owner}: on {file_system} this host cannot see whether that has ended",
        dir.display()
    )]
    OtherHost {
        /// The run directory.
        dir: PathBuf,
        /// That process.
        owner: String,
        /// The file system of the directory.
        file_system: FileSystem,
    },
    /// The run failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The ledger failed.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The list is not the address of an object.
    #[error("the list: {0}")]
    ListUrl(#[from] StoreUrlError),
    /// The reports are written, and not uploaded.
    #[error(transparent)]
    Upload(Box<FailedUpload>),
    /// A report cannot be written.
    #[error(transparent)]
    Report(#[from] ReportError),
}

impl JobError {
    /// How to fix it, where the error beneath has the hint.
    fn hint_beneath(&self) -> Option<String> {
        match self {
            Self::Roster(error) => error.hint(),
            Self::Ledger(error) => error.hint(),
            Self::Report(error) => error.hint(),
            Self::Merge(error) => Some(error.hint()),
            Self::ListUrl(error) => Some(error.hint().to_owned()),
            Self::Upload(failed) => failed.error.hint().map(str::to_owned),
            _ => None,
        }
    }

    /// How to fix it, where it is about members who are there already, or about this host.
    fn hint_about_members_or_host(&self) -> Option<&'static str> {
        Some(match self {
            Self::SyncOfSubChannels => "add moderators of sub-channels with run",
            Self::HasUndo(_) => "run the list anew in another --run-dir",
            Self::OnlyCompared(_) => {
                "repeat it without --dry-run; the sync before it is in its directory earlier/"
            }
            Self::DiffChanged(_) => {
                "restore it to finish the sync; to make other changes, begin anew in another --run-dir \
                 with --apply"
            }
            Self::CutOffSync { .. } => {
                "finish it with the command that it was begun with, or move the directory away and begin \
                 anew"
            }
            Self::NothingToSync => {
                "an empty list does not mean that everybody is to go: check the list and --where"
            }
            Self::ProtectFile { .. } => "write an ARN or a user id on each line",
            Self::Directory { .. } => "choose a directory you may write to with --run-dir",
            Self::Temporary(_) => "set TMPDIR to a directory you may write to, with free space",
            Self::Unreadable { .. } => {
                "wait for it to end; meanwhile its output shows the progress (--progress)"
            }
            Self::OtherHost { .. } => {
                "wait for it to end; only if it is known to have ended, remove owner.lock from the directory"
            }
            Self::NoThread(_) => {
                "raise the limit on processes (ulimit -u, or the container's) or on memory (ulimit -v)"
            }
            _ => return None,
        })
    }

    /// How to fix it, where it is about a part of a run, such as its undo.
    fn hint_about_undo(&self) -> Option<String> {
        Some(match self {
            Self::IsPart(dir) if dir.ends_with(UNDO_DIR) => {
                let run = shell_word(dir.parent().unwrap_or(dir));
                format!("continue it: chime-bulk undo {run}; its state: chime-bulk status {run}")
            }
            Self::Undone(dir) => {
                format!(
                    "see {}; to undo with other flags, rename {} first",
                    shell_word(&dir.join(UNDO)),
                    shell_word(&dir.join(UNDO_DIR))
                )
            }
            Self::AnotherUndo(dir) => {
                format!(
                    "pass the same flags to continue it, or none; to begin another, rename {} first",
                    shell_word(&dir.join(UNDO_DIR))
                )
            }
            Self::IsPart(_) => "name the directory of the run, in which this one is".to_owned(),
            _ => return None,
        })
    }

    /// How to fix it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Roster(_)
            | Self::ListUrl(_)
            | Self::Upload(_)
            | Self::Ledger(_)
            | Self::Report(_)
            | Self::Merge(_) => return self.hint_beneath(),
            Self::Engine(EngineError::Ledger(error)) => return error.hint(),
            Self::Connect(error) => error.hint(),
            Self::Unsupported(error) => error.hint(),
            Self::NoBearer => {
                "pass --bearer with the ARN of an AppInstanceAdmin, or --sandbox to simulate AWS"
            }
            Self::SandboxBearer(_) => "pass --bearer with the ARN of a user of that app instance",
            Self::BearersDisagree(_) => "a run is for one app instance: start one run for each",
            Self::File(error) => error.hint(),
            Self::ForeignReport(_) => ReportError::FOREIGN_HINT,
            Self::LongPath { .. } => "pass a shorter --run-dir",
            Self::ListInTheWay(_) => {
                "pass another --run-dir, or rename the list; it was not changed"
            }
            Self::RunExists(dir) => {
                return Some(format!(
                    "resume it: chime-bulk resume {}, or pass another --run-dir",
                    shell_word(dir)
                ));
            }
            Self::AnotherRun { dir, .. } => {
                return Some(format!(
                    "pass another --run-dir, or resume that run: chime-bulk resume {}",
                    shell_word(dir)
                ));
            }
            Self::ListChanged { .. } => {
                "restore the list as it was, or start a new run with the new list"
            }
            Self::NoRun(_) => {
                "pass a directory that `chime-bulk run` created: it contains a ledger.db"
            }
            Self::Starting { .. } => "wait a moment, then try again",
            Self::NotFinished(dir) => {
                return Some(format!("first: chime-bulk resume {}", shell_word(dir)));
            }
            Self::IsPart(_) | Self::Undone(_) | Self::AnotherUndo(_) => {
                return self.hint_about_undo();
            }
            Self::SandboxGone(_) => {
                "undo and verify runs against AWS, or against `chime-bulk sandbox` with --endpoint-url"
            }
            Self::OtherAddress { before, .. } => {
                return Some(format!(
                    "set AWS_ENDPOINT_URL as for the run, or pass --endpoint-url {before}"
                ));
            }
            Self::IsSync(dir) => {
                return Some(format!(
                    "continue or repeat it: chime-bulk sync LIST --run-dir {}",
                    shell_word(dir)
                ));
            }
            Self::NothingToUndo => {
                "see results.csv; --include-in-doubt also removes rows whose call was lost"
            }
            Self::NothingToRetry { .. } => {
                "see the columns outcome and error_code of results.csv; fix defective rows in the list"
            }
            Self::Owned { .. } => "wait for it to end, or stop it",
            Self::NoThread(_)
            | Self::Unreadable { .. }
            | Self::OtherHost { .. }
            | Self::SyncOfSubChannels
            | Self::HasUndo(_)
            | Self::OnlyCompared(_)
            | Self::DiffChanged(_)
            | Self::CutOffSync { .. }
            | Self::NothingToSync
            | Self::ProtectFile { .. }
            | Self::Directory { .. }
            | Self::Temporary(_) => self.hint_about_members_or_host()?,
            Self::Limits(_)
            | Self::Interrupted
            | Self::ReaderBroke
            | Self::Engine(EngineError::TaskPanicked(_)) => {
                return None;
            }
        };
        Some(hint.to_owned())
    }

    /// The flag whose value is wrong, where the message does not name it.
    #[must_use]
    pub fn flag(&self) -> Option<&'static str> {
        match self {
            Self::BearersDisagree(_) => Some("bearer"),
            Self::Connect(error) => error.flag(),
            Self::Unsupported(_) => Some("api"),
            Self::Directory { .. } | Self::LongPath { .. } => Some("run-dir"),
            _ => None,
        }
    }

    /// Whether the run can be resumed once the cause is fixed. False if its ledger is damaged, of
    /// another version, or not a ledger of this program.
    #[must_use]
    pub fn leaves_run(&self) -> bool {
        let (Self::Ledger(ledger)
        | Self::Engine(EngineError::Ledger(ledger))
        | Self::Report(ReportError::Ledger(ledger))) = self
        else {
            return true;
        };
        !matches!(
            ledger,
            LedgerError::Foreign { .. }
                | LedgerError::OtherVersion { .. }
                | LedgerError::Damaged { .. }
        )
    }

    /// Whether the request itself is wrong, so that nothing was started.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        match self {
            Self::Report(ReportError::NotADiff { .. }) => return true,
            Self::Roster(error) => return error.is_usage(),
            _ => {}
        }
        !matches!(
            self,
            Self::Engine(_)
                | Self::Ledger(_)
                | Self::Report(_)
                | Self::Upload(_)
                | Self::Directory { .. }
                | Self::Temporary(_)
                | Self::File(_)
                | Self::Starting { .. }
                | Self::Owned { .. }
                | Self::Merge(MergeError::Running { .. } | MergeError::Report { .. })
                | Self::Unreadable { .. }
                | Self::OtherHost { .. }
                | Self::Interrupted
                | Self::ReaderBroke
                | Self::NoThread(_)
        )
    }
}
