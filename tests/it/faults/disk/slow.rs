//! A disk that is slow now and then. Calls on a channel are still a second apart.

use super::fault::{Errno, Fault, Kind};
use crate::support::program::{BEARER, CHANNEL, Output, Sandbox, WorkDir, ids};

#[test]
fn a_slow_commit_does_not_bring_calls_closer_together() {
    // With its quotas, the sandbox throttles a call less than a second after the last one.
    let work_dir = WorkDir::with("list.csv", ids("u", 600));
    let sandbox =
        Sandbox::start_with(&mut work_dir.command(["sandbox", "--listen", "127.0.0.1:0"]));
    let mut command = work_dir.command([
        "run",
        "list.csv",
        "--run-dir",
        "run",
        "--channel-arn",
        CHANNEL,
        "--bearer",
        BEARER,
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
    let output = Output::of(&mut slow.on(&work_dir, command));
    assert_eq!(output.code, Some(0), "{output:#?}");
    let summary = work_dir.summary("run");
    assert_eq!(summary.added, 600, "{output:#?}");
    // One may be refused because a busy machine delays the process; slow commits brought two together.
    let is_apart = summary.throttled_calls <= 1 && summary.calls == 6 + summary.throttled_calls;
    assert!(is_apart, "{output:#?}");
}
