//! Directories and lists with unusual names: commands with them can be pasted, and output is readable.

use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::program::{CHANNEL, FAST, Output, Running, WorkDir, ids, make_fifo};

/// Imports a list of which one row fails; the run directory has this name.
fn run(work_dir: &WorkDir, list: &OsStr, dir: &OsStr) -> Output {
    let mut run_dir = OsString::from("--run-dir=");
    run_dir.push(dir);
    let mut command = work_dir.command(["run"]);
    command.arg(list).arg(run_dir).args(FAST);
    command.args(["--channel-arn", CHANNEL, "--missing-users", "gone"]);
    Output::of(&mut command)
}

/// A directory with a list, and names for run directories that have a meaning for a shell, a terminal
/// or this program.
fn unusual_names() -> (WorkDir, Vec<OsString>) {
    let names: [&[u8]; 17] = [
        b"-",
        b"-dir",
        b"--json",
        b"-a b\n",
        b"a b",
        b"it's",
        b"'",
        b"new\nline\n7",
        b"\x1b[2Jx\x7f9",
        b"\xe2\x80\xaeright",
        b"bytes\xff\xfe7",
        b"~",
        b"=ls",
        b"$(touch pwned)`id`",
        b"!!",
        b"*?[a]{b,c}",
        b"\\n\"#;&|<>",
    ];
    let names = names.map(|name| OsString::from_vec(name.to_vec()));
    (
        WorkDir::with("list.csv", ids("u", 3) + "gone1\n"),
        names.to_vec(),
    )
}

/// Runs a printed command in a shell.
fn paste(work_dir: &WorkDir, line: &str) -> Output {
    let program = env!("CARGO_BIN_EXE_chime-bulk");
    let script = format!("chime-bulk() {{ '{program}' \"$@\"; }}\n{line}\n");
    let mut command = Command::new("bash");
    command
        .args(["-euc", &script])
        .current_dir(work_dir.path(""))
        .env_clear()
        .env("HOME", work_dir.path(""))
        .stdin(Stdio::null());
    Output::of(&mut command)
}

fn json(output: &Output) -> Value {
    serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:#?}"))
}

#[test]
fn a_printed_command_can_be_pasted() {
    let (work_dir, names) = unusual_names();
    for name in &names {
        let output = run(&work_dir, OsStr::new("list.csv"), name);
        assert_eq!(output.code, Some(1), "{name:?}: {output:#?}");
        let next = output
            .stderr
            .lines()
            .find_map(|line| line.strip_prefix("next: "));
        let next = next.unwrap_or_else(|| panic!("{name:?}: {output:#?}"));
        let retried = paste(&work_dir, &next.replacen("retry", "status", 1));
        assert_eq!(retried.code, Some(0), "{name:?}: {next}: {retried:#?}");
        assert!(retried.stdout.contains(" finished\n"), "{retried:#?}");
        let shown = retried
            .stdout
            .lines()
            .find_map(|line| line.strip_prefix("next: "));
        assert_eq!(shown, Some(next), "{name:?}");
        // The hint that the run exists already.
        let again = run(&work_dir, OsStr::new("list.csv"), name);
        assert_eq!(again.code, Some(2), "{name:?}: {again:#?}");
        let (_, command) = again.stderr.split_once("chime-bulk resume ").unwrap();
        let (word, _) = command.split_once(", or pass").unwrap();
        let resumed = paste(&work_dir, &format!("chime-bulk resume {word}"));
        assert!(resumed.code.is_some_and(|code| code < 2), "{resumed:#?}");
        assert!(!work_dir.path("pwned").exists(), "{name:?}");
    }
}

#[test]
fn the_last_line_resumes_a_run_with_any_name() {
    let (work_dir, names) = unusual_names();
    for name in &names {
        let mut limited = work_dir.command(["run", "list.csv", "--max-failures", "0"]);
        let mut run_dir = OsString::from("--run-dir=");
        run_dir.push(name);
        limited.arg(run_dir).args(FAST);
        limited.args(["--channel-arn", CHANNEL, "--missing-users", "gone"]);
        let output = Output::of(&mut limited);
        assert_eq!(output.code, Some(4), "{name:?}: {output:#?}");
        let last = output.stderr.lines().last().unwrap();
        let resumed = paste(&work_dir, &format!("{last} --max-failures 1"));
        assert_eq!(resumed.code, Some(1), "{name:?}: {last}: {resumed:#?}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_name_that_is_not_utf8_has_its_bytes_in_json() {
    let work_dir = WorkDir::with("list.csv", ids("u", 3) + "gone1\n");
    let name = OsStr::from_bytes(b"bytes\xff\xfe7");
    assert_eq!(run(&work_dir, OsStr::new("list.csv"), name).code, Some(1));
    let mut command = work_dir.command(["status"]);
    let status = json(&Output::of(command.arg(name).arg("--json")));
    assert_eq!(status["dir"], "bytes\u{fffd}\u{fffd}7");
    assert_eq!(status["dir_hex"], "6279746573fffe37");
    assert_eq!(status["state"], "finished");
    // Without `dir_hex` if the name is UTF-8.
    assert_eq!(
        run(&work_dir, OsStr::new("list.csv"), OsStr::new("run")).code,
        Some(1)
    );
    let status = json(&work_dir.run(["status", "run", "--json"]));
    assert_eq!(
        (&status["dir"], status.get("dir_hex")),
        (&"run".into(), None)
    );
    // A run that cannot be read.
    let broken = work_dir.path("").join(OsStr::from_bytes(b"\xffbroken"));
    std::fs::create_dir(&broken).unwrap();
    std::fs::write(broken.join("ledger.db"), "not a ledger").unwrap();
    let output = work_dir.run(["runs", ".", "--json"]);
    assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""));
    let runs = json(&output);
    let mut dirs: Vec<_> = runs.as_array().unwrap().iter().collect();
    dirs.sort_by_key(|run| run["dir"].as_str());
    assert_eq!(dirs[0]["dir"], "./bytes\u{fffd}\u{fffd}7");
    assert_eq!(dirs[0]["dir_hex"], "2e2f6279746573fffe37");
    assert_eq!(
        (&dirs[1]["dir"], dirs[1].get("dir_hex")),
        (&"./run".into(), None)
    );
    assert_eq!(dirs[2]["dir"], "./\u{fffd}broken");
    assert_eq!(dirs[2]["dir_hex"], "2e2fff62726f6b656e");
    assert!(dirs[2]["error"].is_string());
}

#[test]
#[cfg(target_os = "linux")]
fn a_list_whose_name_is_not_utf8_is_recognized_by_its_bytes() {
    let work_dir = WorkDir::new();
    let list = OsStr::from_bytes(b"list\xff.csv");
    std::fs::write(work_dir.path("").join(list), ids("u", 3) + "gone1\n").unwrap();
    let output = run(&work_dir, list, OsStr::new("run"));
    assert_eq!(output.code, Some(1), "{output:#?}");
    assert_eq!(work_dir.summary("run").list, "list\u{fffd}.csv");
    let again = |list: &OsStr| {
        let mut command = work_dir.command(["run", "--run-dir", "run", "--if-exists", "resume"]);
        command.arg(list).args(FAST);
        Output::of(command.args(["--channel-arn", CHANNEL]))
    };
    let output = again(list);
    assert!(output.stderr.contains("nothing was done"), "{output:#?}");
    // Another list is not the same, though its name is printed the same.
    let other = OsStr::from_bytes(b"list\xfe.csv");
    std::fs::copy(work_dir.path("").join(list), work_dir.path("").join(other)).unwrap();
    let output = again(other);
    assert!(output.stderr.contains("it has another list"), "{output:#?}");
    let output = work_dir.run(["retry", "run"]);
    assert_eq!(output.code, Some(0), "{output:#?}");
    assert!(
        std::fs::read_to_string(work_dir.path("run/report.html"))
            .unwrap()
            .contains("list\u{fffd}.csv")
    );
}

#[test]
#[cfg(target_os = "linux")]
fn a_list_whose_name_is_not_utf8_can_be_resumed() {
    let work_dir = WorkDir::new();
    let list = OsStr::from_bytes(b"list\xff.csv");
    let path = work_dir.path("").join(list);
    make_fifo(&path);
    let mut limited = work_dir.command(["run"]);
    limited.arg(list).args(["--run-dir", "run"]);
    limited.args(FAST).args(["--channel-arn", CHANNEL]);
    let mut running = Running::start(&mut limited);
    // The FIFO stays open, so the run is interrupted before the list ends.
    let mut pipe = std::fs::File::create(&path).unwrap();
    let text = ids(&"long".repeat(12), 9_000);
    pipe.write_all(&text.as_bytes()[..text.len() / 2]).unwrap();
    running.wait_for_line("run: ");
    running.interrupt();
    let output = running.end();
    drop(pipe);
    assert_eq!(output.code, Some(130), "{output:#?}");
    assert!(work_dir.summary("run").rows_read < 9_000);
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, text).unwrap();
    let words = output.resume();
    let resume = words.iter().map(String::as_str).chain(FAST[1..].to_vec());
    let output = work_dir.run(resume);
    assert_eq!(output.code, Some(0), "{output:#?}");
    assert_eq!(work_dir.summary("run").rows_read, 9_000);
}

#[test]
#[cfg(target_os = "linux")]
fn the_printed_configuration_comments_out_values_that_are_not_utf8() {
    let work_dir = WorkDir::new();
    let mut command = work_dir.command(["run", "list.csv", "--print-config", "--run-dir"]);
    let output = Output::of(command.arg(OsStr::from_bytes(b"run\xff")));
    assert_eq!(output.code, Some(0), "{output:#?}");
    let message = "# run-dir: $'run\\377' (--run-dir) is not UTF-8, so it cannot be in a file\n";
    assert!(output.stdout.contains(message), "{output:#?}");
}
