//! An undo that is interrupted by a signal, and continued.

use chime_bulk::sandbox::ExistingAnswer;

use super::undo::{call, command, members, run, server};
use crate::support::program::{BEARER, Running, WorkDir, ids};

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_undo_removes_the_rest_when_it_is_continued() {
    let server = server(ExistingAnswer::Conflict).await;
    let work_dir = WorkDir::with("list.csv", ids("u", 60));
    run(&work_dir, &server, "list.csv", BEARER, "run");
    for signals in [&["INT"][..], &["TERM"], &["INT", "INT"]] {
        let arguments = ["undo", "run", "--yes", "--progress", "json"];
        let mut undo = command(&work_dir, &server, &arguments);
        let output = tokio::task::block_in_place(|| {
            // Ten removals a second.
            let mut running = Running::start(undo.env("CHIME_BULK_BEARER_RATE", "20"));
            running.wait_for_line("{\"event\":\"call_settled\"");
            running.signal(signals);
            running.end()
        });
        assert_eq!(output.code, Some(130), "{}", output.stderr);
        let last = output.stderr.lines().last();
        assert_eq!(last, Some("chime-bulk undo run --yes"));
        // The second signal may cut off a removal that was applied.
        let left = members(&server);
        assert!(left > 0, "{}", output.stderr);
        let report = std::fs::read_to_string(work_dir.path("run/undo.csv")).unwrap_or_default();
        let removed = report
            .lines()
            .filter(|line| line.contains(",removed,"))
            .count();
        assert!(60 - left >= removed, "{report}");
    }
    let output = call(&work_dir, &server, &["undo", "run", "--yes"]);
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    assert!(
        output.stdout.contains("\n  removed                   60\n"),
        "{}",
        output.stdout
    );
    assert_eq!(members(&server), 0);
}
