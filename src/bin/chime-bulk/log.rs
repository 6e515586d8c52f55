//! Logs: what happened in a run, a line each. Made of events alone, which name nobody.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chime_bulk::engine::{Event, Observer, OpenChannel, Task};
use chime_bulk::job::Started;
use chime_bulk::model::{Outcome, escape_control};
use chime_bulk::private_file::{self, PrivateFileError};
use chime_bulk::report;

use crate::exit::Exit;
use crate::progress::counts::{explained, word};
use crate::screen::Screen;

/// How much is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    /// What went wrong for a while.
    Warn,
    /// The course of the run.
    Info,
    /// Each call, and the list being read.
    Debug,
}

impl Level {
    fn name(self) -> &'static str {
        match self {
            Self::Warn => "WARN",
            Self::Info => "INFO",
            Self::Debug => "DEBUG",
        }
    }
}

/// Where lines go, and which.
#[derive(Debug, Clone)]
pub(crate) struct Log {
    most: Level,
    /// None: to standard error.
    file: Option<Arc<File>>,
    screen: Screen,
    outage: bool,
    task: Task,
}

impl Log {
    /// A log on standard error, or at the end of a file, which is made private if it is new.
    pub(crate) fn open(
        most: Level,
        file: Option<&Path>,
        screen: &Screen,
    ) -> Result<Self, PrivateFileError> {
        Ok(Self {
            most,
            file: file.map(private_file::append).transpose()?.map(Arc::new),
            screen: screen.clone(),
            outage: false,
            task: Task::Add,
        })
    }

    /// The first line of a run.
    pub(crate) fn begun(&mut self, started: &Started) {
        self.task = started.task;
        let Started {
            run_id,
            dir,
            service,
            detected,
            bearers,
            ..
        } = started;
        let dir = dir.display();
        let text = match started.task {
            Task::Remove { .. } => {
                format!("removal of {run_id} in {dir} against {service}, bearers: {bearers}")
            }
            Task::Read => {
                format!("questions of {run_id} in {dir} against {service}, bearers: {bearers}")
            }
            Task::Add | Task::Stage => {
                format!("run {run_id} in {dir} against {service}: {detected}, bearers: {bearers}")
            }
        };
        self.write(Level::Info, &text);
    }

    /// Whether its lines go to standard error.
    pub(crate) fn is_on_screen(&self) -> bool {
        self.file.is_none()
    }

    /// The last line of a run. On standard error the last line is another.
    pub(crate) fn ended(&mut self, exit: Exit) {
        if self.file.is_some() {
            let text = format!("ended with exit code {}", exit.code());
            self.write(Level::Info, &text);
        }
    }

    fn write(&mut self, level: Level, text: &str) {
        if level > self.most {
            return;
        }
        let now = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.3fZ");
        let line = format!(
            "{now} {:<5} {}",
            level.name(),
            escape_control(text, usize::MAX)
        );
        let Some(mut file) = self.file.as_deref() else {
            self.screen.note(line);
            return;
        };
        // One write a line: another process may write to the same file.
        if let Err(error) = file.write_all(format!("{line}\n").as_bytes()) {
            // The run is worth more than its log.
            self.file = None;
            self.most = Level::Warn;
            self.screen.error(
                &format!("cannot write to the log file: {error}"),
                Some("the run goes on; warnings are shown here instead"),
            );
        }
    }
}

impl Observer for Log {
    fn event(&mut self, event: &Event) {
        if let Event::CallSettled {
            outage,
            code,
            reason,
            ..
        } = event
            && *outage != self.outage
        {
            self.outage = *outage;
            let text = if *outage {
                let reason = explained(code.as_deref(), reason.as_deref()).unwrap_or_default();
                format!("the service refuses everything: one call at a time probes; {reason}")
            } else {
                "the service is back".to_owned()
            };
            self.write(Level::Warn, &text);
        }
        if let Some((level, text)) = line(event, self.task) {
            self.write(level, &text);
        }
    }
}

/// What is said of an event of a run or of an undo.
fn line(event: &Event, task: Task) -> Option<(Level, String)> {
    Some(match event {
        Event::Staged {
            rows_read, invalid, ..
        } => (
            Level::Debug,
            format!("{rows_read} rows read, {invalid} invalid"),
        ),
        Event::ListComplete {
            rows_read,
            invalid,
            duplicate,
            ..
        } => (
            Level::Info,
            format!("list complete: {rows_read} rows, {invalid} invalid, {duplicate} duplicate"),
        ),
        Event::Bound {
            calls,
            time,
            binding,
        } => (
            Level::Info,
            format!(
                "bound: {}",
                report::lower_bound_text(*calls, *time, *binding)
            ),
        ),
        Event::ListingMembers { .. } | Event::Listed { .. } => (Level::Info, listing_text(event)?),
        Event::ListingRefused { .. } => (Level::Warn, listing_text(event)?),
        Event::CallSent {
            call,
            members,
            in_flight,
        } => (
            Level::Debug,
            format!("call {call} sent: {members} members; {in_flight} in flight"),
        ),
        Event::CallSettled { code, failed, .. } => {
            let level = match (code, failed.is_empty()) {
                (Some(_), _) => Level::Warn,
                (None, false) => Level::Info,
                (None, true) => Level::Debug,
            };
            (level, settled(event, task)?)
        }
        Event::Standing(standing) => {
            let channel = |open: &OpenChannel| format!("{} {}", open.id, open.calls_left);
            let largest: Vec<_> = standing.largest.iter().map(channel).collect();
            (
                Level::Debug,
                format!(
                    "{} channels open, {} cooling, {} calls left; most: {}",
                    standing.open,
                    standing.cooling,
                    standing.calls_left,
                    largest.join(", ")
                ),
            )
        }
        Event::BearerSetAside { bearer } => (Level::Warn, set_aside(bearer.as_str())),
        Event::Draining { in_flight } => (
            Level::Info,
            format!("draining: no call is begun, {in_flight} in flight are awaited"),
        ),
        _ => return None,
    })
}

/// An event of the listings before the first add, in words.
pub(crate) fn listing_text(event: &Event) -> Option<String> {
    Some(match event {
        Event::ListingMembers {
            channels,
            first_pages,
        } => {
            let what = if *first_pages {
                "the first pages of the members"
            } else {
                "the members"
            };
            format!("reading {what} of {} first", count(*channels, "channel"))
        }
        Event::ListingRefused {
            channels,
            reason,
            denied,
        } => {
            let fix = if *denied {
                "; to skip, allow chime:ListChannelMemberships on the bearer and the channels"
            } else {
                ""
            };
            let channels = count(*channels, "channel");
            format!(
                "the members of {channels} cannot be read, so that nobody is skipped there ({reason}){fix}"
            )
        }
        Event::Listed { rows: 1 } => "1 row is a member already".to_owned(),
        Event::Listed { rows } => format!("{rows} rows are members already"),
        _ => return None,
    })
}

/// A number of things.
fn count(number: u64, thing: &str) -> String {
    let s = if number == 1 { "" } else { "s" };
    format!("{number} {thing}{s}")
}

/// That a bearer is set aside.
pub(crate) fn set_aside(bearer: &str) -> String {
    format!("{bearer} is denied calls that other bearers get through; its calls go to the others")
}

fn settled(event: &Event, task: Task) -> Option<String> {
    let Event::CallSettled {
        call,
        code,
        reason,
        settled,
        failed,
        again,
        round_trip,
        in_flight,
        ..
    } = event
    else {
        return None;
    };
    let end = code.as_deref().map_or("answered", word);
    let mut parts = vec![format!("call {call} {end} after {}", millis(*round_trip))];
    for (outcome, of_removal) in [
        (Outcome::Added, "removed"),
        (Outcome::AlreadyMember, "gone already"),
    ] {
        let rows = settled.of(outcome);
        match task {
            _ if rows == 0 => {}
            Task::Remove { .. } => parts.push(format!("{rows} {of_removal}")),
            Task::Read => parts.push(format!("{rows} answered")),
            Task::Add | Task::Stage => parts.push(format!("{rows} {outcome}")),
        }
    }
    for (code, rows) in failed {
        parts.push(format!("{rows} {}", word(code)));
    }
    if *again > 0 {
        parts.push(format!("{again} again"));
    }
    if let Some(reason) = reason {
        parts.push(reason.clone());
    }
    Some(format!("{}; {in_flight} in flight", parts.join(", ")))
}

fn millis(time: Duration) -> String {
    format!("{} ms", time.as_millis())
}

#[cfg(test)]
mod tests {
    use chime_bulk::model::RefusalKind;

    use super::*;
    use crate::progress::counts::tests::{complete, settled, standing};

    #[test]
    fn each_event_is_a_line() {
        let refused = settled(Some(RefusalKind::Throttled), 0, &[], false);
        let said: Vec<_> = [
            complete(100),
            settled(None, 98, &[], false),
            settled(None, 90, &[("NotFound", 2), ("Ann <a@b.c>", 1)], false),
            refused,
            standing(3, 20, 9),
            Event::Draining { in_flight: 2 },
        ]
        .iter()
        .filter_map(|event| line(event, Task::Add))
        .map(|(level, text)| format!("{} {text}", level.name()))
        .collect();
        assert_eq!(
            said,
            [
                "INFO list complete: 100 rows, 3 invalid, 2 duplicate",
                "DEBUG call 1 answered after 60 ms, 98 added; 4 in flight",
                "INFO call 1 answered after 60 ms, 90 added, 2 NotFound, 1 other; 4 in flight",
                "WARN call 1 ThrottledClientException after 60 ms, more calls than AWS allows; 4 in flight",
                "DEBUG 3 channels open, 0 cooling, 20 calls left; most: general 9",
                "INFO draining: no call is begun, 2 in flight are awaited",
            ]
        );
    }
}
