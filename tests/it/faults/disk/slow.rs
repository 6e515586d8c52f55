//! A disk that is slow now and then: calls still leave a second apart.

use super::fault::{Errno, Fault, Kind};
use crate::support::program::{APP, Ended, Sandbox, WorkDir, ids};

#[test]
fn calls_do_not_leave_closer_together_because_a_commit_took_long() {
    // A sandbox with its quotas: a call less than a second after the last one is refused.
    let place = WorkDir::with("list.csv", ids("u", 600));
    let sandbox = Sandbox::begin(&mut place.command(["sandbox", "--listen", "127.0.0.1:0"]));
    let (channel, bearer) = (format!("{APP}/channel/c"), format!("{APP}/user/admin"));
    let mut command = place.command([
        "run",
        "list.csv",
        "--run-dir",
        "run",
        "--channel-arn",
        &channel,
        "--bearer",
        &bearer,
        "--endpoint-url",
        &sandbox.url,
    ]);
    command
        .env("AWS_ACCESS_KEY_ID", "sandbox")
        .env("AWS_SECRET_ACCESS_KEY", "sandbox");
    let slow = Fault {
        kind: Kind::Slow,
        errno: Errno::Io,
        at: 3,
        lasts: true,
    };
    let ended = Ended::of(&mut slow.on(&place, command));
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    let summary = place.summary("run");
    assert_eq!(
        (summary.added, summary.calls, summary.throttled_calls),
        (600, 6, 0),
        "{ended:#?}"
    );
}
