//! On a failing disk, a run stops with an error that names the file, and a hint. Once the disk works
//! again, the run can be resumed, and no row is lost.

mod blocked;
mod fault;
mod power_loss;
mod report_set;
mod slow;
mod sweep;

use fault::{Errno, Kind};
use sweep::sweep;

#[test]
fn a_full_disk_loses_no_row() {
    sweep(Kind::Full, Errno::Full, true);
}

#[test]
fn failed_writes_lose_no_row() {
    sweep(Kind::Write, Errno::Quota, true);
    sweep(Kind::Write, Errno::Io, false);
}

#[test]
fn short_writes_are_completed() {
    for at in [1, 7, 512, 4_096] {
        sweep::finishes_with_short_writes(at);
    }
}

#[test]
fn failed_syncs_lose_no_row() {
    sweep(Kind::Sync, Errno::Io, false);
    sweep(Kind::Sync, Errno::Io, true);
}

#[test]
fn failures_to_create_files_lose_no_row() {
    sweep(Kind::Open, Errno::Denied, true);
    sweep(Kind::Open, Errno::ReadOnly, false);
    sweep(Kind::Mkdir, Errno::Denied, true);
}

#[test]
fn failures_to_truncate_rename_or_remove_files_lose_no_row() {
    sweep(Kind::Truncate, Errno::Io, true);
    sweep(Kind::Rename, Errno::Io, false);
    sweep(Kind::Rename, Errno::Denied, true);
    sweep(Kind::Unlink, Errno::Denied, true);
}
