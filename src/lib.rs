//! Adds very many members to Amazon Chime SDK channels.
//!
//! The README shows how to use the program; these pages have the details. [`roster`] is the guide
//! to lists, [`sandbox`] to the simulated service, [`ledger`] to queries.
//!
//! # Data flow
//!
//! A member list ([`roster`]) is staged into a ledger ([`ledger`]). The engine ([`engine`]) asks a
//! pure scheduler ([`schedule`]) what to call next, checks the rate limits (`limits`), makes the
//! call ([`chime`]) and stores its outcome in the ledger, from which the reports ([`report`]) are
//! written. [`job`] combines these into use cases; [`sandbox`] is a simulated service, and
//! `private_file` opens the files of a run; [`store`] reads and writes object storage. A module uses
//! only those before it in this order: `model`, `schedule`, `limits`, `chime`, `sandbox`, `roster`,
//! `store`, `private_file`, `ledger`, `report`, `engine`, `job`. What only the crate's own parts and its tests use is not on these pages.
//!
//! # Settings
//!
//! A flag overrides its environment variable, which overrides the TOML file of `--config`. The
//! variable of `--max-rate` is `CHIME_BULK_MAX_RATE`; in the file it is `max-rate = 5`. The file
//! may have flags of other commands. A name that is not a flag, or a value that the flag does not
//! accept, is an error with its line. A flag on the command line disables the flags that it excludes
//! in the file: `--sandbox` also works with a file that has a `profile`. `--print-config` prints all
//! values with their origin, in the form of such a file. An empty variable counts as unset; a
//! variable `CHIME_BULK_*` that is not a flag is a warning. `plan` accepts the flags of `run`.
//!
//! `resume` and `retry` take the run's settings from its ledger. Flags override them, for limits,
//! AWS, the sandbox and output. `retry` takes all rows that are `failed`, `unconfirmed` or
//! `not_attempted`; `--codes` narrows them to some error codes. It also calls channels that an
//! earlier pass closed. Earlier attempts stay in the ledger: see its table `pass`.
//!
//! With `--if-exists resume`, a command can be repeated at any time. An interrupted run is resumed.
//! If another process works on the run, the command ends with code 3. If the run is finished,
//! nothing is done, and the exit code is that of the run. If the run has another list (by path,
//! size or content), other bearers or other options for reading the list, or only one of the two uses the
//! sandbox, the command ends with code 2. `--if-exists new` starts another run beside it, in `DIR-2`
//! and so on.
//!
//! # Limits
//!
//! The defaults are AWS's documented quotas; see [`model::quota`]. AWS can raise the quota per
//! bearer, but not the one per channel. If the service accepts fewer calls than configured, because
//! another program uses the same channel or bearer, the rate falls to what it accepts and rises again
//! later, separately for each channel and bearer.
//!
//! The default of `--max-in-flight` is the number of calls that the rates allow in 15 s, from 64 to
//! 2048. `--max-failures` counts failed rows, not defects and duplicates; a percentage applies from
//! the hundredth row on. `--max-record-size` bounds memory: a list whose rows all have that size takes
//! up to 700 times as much, 180 MB by default.
//!
//! A command needs 32 open files beside its standard streams, and 6 threads. If the system allows
//! fewer, it ends with code 3 before it starts, and names the limit to raise.
//!
//! # Plans
//!
//! `plan` reads the list once, as `run` does, with the same limits. It makes no call and leaves
//! nothing behind: for a long list it uses an unlinked temporary file, in the directory
//! `SQLITE_TMPDIR` if that is set. Without `--bearer` it assumes one. It prints rows and columns,
//! never a member. It does not look at the channels: existing members count as members to add.
//!
//! # Members who are there already
//!
//! `--skip-existing` reads the list to its end, lists channels, and settles the rows whose members a
//! listing of their type has as `already_member`, with the code `Listed` and no call. `undo` never
//! touches them. A call adds 100 members and a page has 50, so a listing saves no calls: it saves time
//! where the rate of one channel sets the time of the run. `auto` lists only such channels; it reads two
//! pages of each, and the others only if the share of their members who are on the list pays for all
//! pages: a fifth with one bearer, less with more, more if answers take long. `always` lists every
//! channel. A listing that is refused skips nobody in its channel. `resume` continues the listings
//! where they were cut off; members who join or leave meanwhile are not seen.
//!
//! # Credentials
//!
//! Credentials are renewed if their source renews them. If they expire, the run tries them again
//! every 15 s and stops after five minutes. A profile's `credential_process`
//! has 10 s to answer. It runs in the background without standard input, so it cannot prompt at the
//! terminal. If it takes longer, or the run ends first, it is killed with the processes it started.
//!
//! # Reports
//!
//! The four reports are replaced as a set. `summary.json` is removed before the first of the others
//! is replaced, and written last. If the process is killed in between, there is no `summary.json`
//! until `report`, `resume` or `retry` writes all four again. A program that reads the reports
//! while a run may be working compares `generation` in `summary.json` before and after: if it is
//! the same, they belong together.
//!
//! `results.csv` counts rows from 1, without the header. Fields appear as they are in the list,
//! also where a spreadsheet would take them for a formula (`=1+1`): import them as text. Messages
//! of the service are cut to 500 characters on one line.
//!
//! `report.html` needs no network; its only script filters the tables by channel and error code. It
//! lists at most 200 channels, those with the most rows that are not in first. Each chart has its
//! figures in a table. It names members: share it only with people who may see the list.
//!
//! A file that has the name of a report and is not a report of the same run is never replaced: the
//! command is refused with code 2 before anything is sent. If the file appears during the run, the
//! run ends with code 3, and `report` writes the reports once the file is moved. A report that was
//! edited still is a report of its run.
//!
//! If something other than a regular file (a link, a FIFO, a socket, a device, a directory) has the
//! name of a file of the run directory, or `ledger.db` or `owner.lock` has a hard link, the command
//! ends with code 3 before it starts, and changes nothing.
//!
//! # Status
//!
//! `status` reads the ledger and does not disturb a run in progress; `runs` lists the runs in
//! `runs/`, or in the directory it is given, the latest first. In the array of `runs --json`, a run
//! that cannot be read has only `dir` and `error`. A directory whose process has just started has
//! only `dir`, `state` (`starting`) and `owner`; `status` of it ends with code 3. The undo of a run is
//! shown with the run: `status run/undo` is refused.
//!
//! On a network file system only the process that works on a run can read its ledger: `status` then
//! ends with code 3 and names that process and its host. [`file_system`] has the rules.
//!
//! The command in the last line of a run, and the one in `next`, can be pasted into bash, ksh or
//! zsh, whatever the directory's name is.
//!
//! # Progress and logs
//!
//! `--progress` shows the progress of `run`, `resume` and `retry` on standard error. `auto` means
//! `bars` on a terminal and `plain` elsewhere. `bars` redraws a few lines:
//!
//! ```text
//! █████████████████████░░░░░░░░░░░░░░░░░░░░░░░░░░░░░  42%
//! 1,501 of 3,511 members · 8 s left
//! 27 calls, 10.3/s of 10 · 1 in flight
//!   comet-announcements                             800 left        8 calls
//!   comet-travel                                     95 left        1 call
//!   and 26 more channels
//! ```
//!
//! The second number of the rate is the limit in force. The time left is the least that the
//! remaining calls can take, or longer if the pace so far is slower. Below 60 columns the bars show
//! less.
//!
//! `plain` prints a line every five seconds, `json` an event per line, `none` only notes and
//! errors. With `json` each line of standard error is an object; the one exception is the last line
//! after the codes 3, 4 and 130, which is the command that resumes. `chime-bulk schema events`
//! describes the events.
//!
//! `-v` logs refused calls, failed members and outages, `-vv` every call. `--log-file` appends the
//! log to a file; a link is followed, a FIFO refused. Progress and logs name channels and error
//! codes, never a member. Help and errors respect `NO_COLOR`; the bars have no colour.
//!
//! # Waiting and stopping
//!
//! | what happens | what the run does | after |
//! |---|---|---|
//! | the service answers no call | one probe every few seconds; no attempts are charged | 5 minutes: stop, code 3 |
//! | credentials are no longer accepted | try again every 15 s | 5 minutes: stop, code 3 |
//! | a proxy or a wrong address answers | try again | 30 seconds: stop, code 3 |
//! | every bearer is denied | a few more calls | stop, code 3 |
//! | SIGINT or SIGTERM | wait for calls in flight, 15 s at most; write the reports | stop, code 130 |
//! | a second signal | stop at once, also while reports are written | code 130 |
//!
//! When a channel is full, its other rows fail without a call, even if a member was in the channel
//! before.

pub mod chime;
pub mod engine;
pub mod file_system;
pub mod job;
pub mod ledger;
#[doc(hidden)]
pub mod limits;
pub mod model;
#[doc(hidden)]
pub mod private_file;
pub mod report;
pub mod roster;
pub mod sandbox;
pub mod schedule;
pub mod store;

pub use job::{Conclusion, JobError, LimitOverrides, PlanOf, Resume, Run, Target, Undo};
