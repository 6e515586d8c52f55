//! Progress as JSON, one event per line.

use std::time::Duration;

use chime_bulk::engine::{Event, Task};
use chime_bulk::job::Started;
use chime_bulk::model::escape_control;

use super::counts::word;
use super::settled::SettledRows;
use crate::line::{Channel, Line};

/// The first line.
pub(super) fn begun(started: &Started) -> Line {
    Line::Begun {
        run_id: escape_control(&started.run_id, usize::MAX),
        dir: escape_control(&started.dir.display().to_string(), usize::MAX),
        list: escape_control(&started.detected, usize::MAX),
        service: escape_control(&started.service, usize::MAX),
        address: started.address.clone(),
        bearers: started.bearers,
        rows_read: started.staged.rows_read,
        settled_before: started.settled_before,
        task: started.task.as_str().to_owned(),
        part_of: started
            .part_of
            .as_ref()
            .map(|dir| escape_control(&dir.display().to_string(), usize::MAX)),
        quotas: started.quotas,
    }
}

/// The line for an event of a run or of an undo, so long after the beginning; none for one that is not
/// known here.
pub(super) fn event(event: &Event, task: Task, now: Duration) -> Option<Line> {
    let seconds = now.as_secs_f64();
    Some(match event {
        Event::Staged {
            rows_read,
            bytes_read,
            invalid,
        } => Line::Staged {
            seconds,
            rows_read: *rows_read,
            bytes_read: *bytes_read,
            invalid: *invalid,
        },
        Event::ListComplete {
            rows_read,
            invalid,
            duplicate,
            notes,
        } => Line::ListComplete {
            seconds,
            rows_read: *rows_read,
            invalid: *invalid,
            duplicate: *duplicate,
            notes: notes.clone(),
        },
        Event::Bound {
            calls,
            time,
            binding,
        } => Line::Bound {
            seconds,
            calls: *calls,
            least_seconds: time.as_secs_f64(),
            binding: *binding,
        },
        Event::ListingMembers {
            channels,
            first_pages,
        } => Line::ListingMembers {
            seconds,
            channels: *channels,
            first_pages: *first_pages,
        },
        Event::ListingRefused {
            channels,
            reason,
            denied,
        } => Line::ListingRefused {
            seconds,
            channels: *channels,
            reason: reason.clone(),
            denied: *denied,
        },
        Event::Listed { rows } => Line::Listed {
            seconds,
            rows: *rows,
        },
        Event::CallSent {
            call,
            members,
            in_flight,
        } => Line::CallSent {
            seconds,
            call: *call,
            members: *members,
            in_flight: *in_flight,
        },
        Event::CallSettled { .. } => settled(event, task, seconds)?,
        Event::Standing(standing) => Line::Standing {
            seconds,
            open_channels: standing.open,
            cooling_channels: standing.cooling,
            calls_left: standing.calls_left,
            largest_channels: standing.largest.iter().map(Channel::from).collect(),
        },
        Event::BearerSetAside { bearer } => Line::BearerSetAside {
            seconds,
            bearer: bearer.to_string(),
        },
        Event::Draining { in_flight } => Line::Draining {
            seconds,
            in_flight: *in_flight,
        },
        _ => return None,
    })
}

fn settled(event: &Event, task: Task, seconds: f64) -> Option<Line> {
    let Event::CallSettled {
        call,
        code,
        reason,
        settled,
        failed,
        again,
        waiting,
        round_trip,
        in_flight,
        outage,
        ..
    } = event
    else {
        return None;
    };
    let rows = SettledRows::of(task, settled, failed);
    let mut failed_by_code = std::collections::BTreeMap::new();
    for (code, rows) in failed {
        *failed_by_code.entry(word(code).to_owned()).or_default() += rows;
    }
    Some(Line::CallSettled {
        seconds,
        call: *call,
        refusal: code.as_deref().map(|code| word(code).to_owned()),
        reason: reason.clone(),
        added: rows.added,
        already_member: rows.already_member,
        removed: rows.removed,
        gone_already: rows.gone_already,
        answered: rows.answered,
        kept: rows.kept,
        failed: rows.failed,
        unconfirmed: rows.unconfirmed,
        failed_by_code,
        again: *again,
        waiting: *waiting,
        round_trip_seconds: round_trip.as_secs_f64(),
        in_flight: *in_flight,
        outage: *outage,
    })
}
