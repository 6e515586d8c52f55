//! When the script for Slurm starts its task again, with stand-ins for the program and for Slurm.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use super::{RUN, write_scripts};
use crate::support::program::{Output, Running, WorkDir};

/// A program that ends with the exit code in a variable.
const ENDS: &str = "#!/bin/sh
exit $CODE
";
/// A program that works until it is asked to end, as a run does.
const WORKS: &str = "#!/bin/sh
sleep 60 &
trap \"kill $!; exit 130\" TERM
echo $$ >program.pid
echo at work >&2
wait
";
/// Slurm: it is asked once, for this task.
const SCONTROL: &str = "#!/bin/sh
echo \"$@\" >>asked
";

/// A task with this stand-in for the program, which Slurm has restarted this often.
fn task(program: &str, restarts: Option<u32>) -> (WorkDir, Command) {
    let work_dir = WorkDir::new();
    write_scripts(&work_dir);
    for (name, text) in [("chime-bulk", program), ("scontrol", SCONTROL)] {
        fs::write(work_dir.path(name), text).unwrap();
        fs::set_permissions(work_dir.path(name), Permissions::from_mode(0o755)).unwrap();
    }
    let mut command = Command::new("bash");
    command
        .args(["slurm.sh", RUN])
        .current_dir(work_dir.path(""))
        .env(
            "PATH",
            format!("{}:/usr/bin:/bin", work_dir.path("").display()),
        )
        .env("SLURM_JOB_ID", "70")
        .env("SLURM_ARRAY_JOB_ID", "70")
        .env("SLURM_ARRAY_TASK_ID", "3");
    if let Some(restarts) = restarts {
        command.env("SLURM_RESTART_COUNT", restarts.to_string());
    }
    (work_dir, command)
}

/// What Slurm was asked.
fn asked(work_dir: &WorkDir) -> String {
    fs::read_to_string(work_dir.path("asked")).unwrap_or_default()
}

#[test]
fn a_task_that_stopped_is_started_again_a_limited_number_of_times() {
    for (code, restarts, is_again) in [
        (0, None, false),
        (1, None, false),
        (2, None, false),
        (3, None, true),
        (3, Some(9), true),
        (3, Some(10), false),
        (4, None, false),
        (130, None, true),
        (130, Some(10), false),
        (137, None, false),
    ] {
        let (work_dir, mut command) = task(ENDS, restarts);
        let output = Output::of(command.env("CODE", code.to_string()));
        assert_eq!(output.code, Some(code), "{output:#?}");
        let expected = if is_again { "requeue 70_3\n" } else { "" };
        assert_eq!(asked(&work_dir), expected, "{code} {restarts:?}");
    }
}

#[test]
fn a_task_is_started_again_at_the_time_limit_but_not_if_slurm_ends_it() {
    for (is_limit, expected) in [(true, "requeue 70_3\n"), (false, "")] {
        let (work_dir, mut command) = task(WORKS, None);
        let mut running = Running::start(&mut command);
        running.wait_for_line("at work");
        if is_limit {
            running.signal(&["USR1"]);
        } else {
            running.signal(&["TERM"]);
            let program = fs::read_to_string(work_dir.path("program.pid")).unwrap();
            let status = Command::new("kill").arg(program.trim()).status();
            assert!(status.unwrap().success());
        }
        let output = running.end();
        // If Slurm ends the task, it does not look at the code. Bash loses it (255) if the run ends in the
        // very moment in which the shell handles the signal.
        assert!(!is_limit || output.code == Some(130), "{output:#?}");
        assert_ne!(output.code, Some(0), "{output:#?}");
        assert_eq!(asked(&work_dir), expected, "{output:#?}");
    }
}
