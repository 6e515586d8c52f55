//! On a disk that fails, a run stops with what, where and how to fix it; once the disk works it
//! is resumed, and nothing is lost.

mod blocked;
mod fault;
mod power;
mod slow;
mod sweep;
mod torn;

use fault::{Errno, Kind};
use sweep::sweep;

#[test]
fn a_full_disk_loses_nothing() {
    sweep(Kind::Full, Errno::Full, true);
}

#[test]
fn writes_that_fail_lose_nothing() {
    sweep(Kind::Write, Errno::Quota, true);
    sweep(Kind::Write, Errno::Io, false);
}

#[test]
fn writes_that_take_a_part_at_a_time_are_no_fault() {
    for at in [1, 7, 512, 4_096] {
        sweep::harmless(Kind::Short, at);
    }
}

#[test]
fn what_does_not_reach_the_disk_does_not_count() {
    sweep(Kind::Sync, Errno::Io, false);
    sweep(Kind::Sync, Errno::Io, true);
}

#[test]
fn files_that_cannot_be_made_lose_nothing() {
    sweep(Kind::Open, Errno::Denied, true);
    sweep(Kind::Open, Errno::ReadOnly, false);
    sweep(Kind::Mkdir, Errno::Denied, true);
}

#[test]
fn files_that_cannot_be_cut_renamed_or_removed_lose_nothing() {
    sweep(Kind::Truncate, Errno::Io, true);
    sweep(Kind::Rename, Errno::Io, false);
    sweep(Kind::Rename, Errno::Denied, true);
    sweep(Kind::Unlink, Errno::Denied, true);
}
