//! Directories and lists with odd names: what is printed of them can be read, and pasted.

use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::program::{APP, Ended, FAST, Running, WorkDir, ids};

fn channel() -> String {
    format!("{APP}/channel/c")
}

/// A run of a list of which one row fails, in a directory of this name.
fn run(place: &WorkDir, list: &OsStr, dir: &OsStr) -> Ended {
    let channel = channel();
    let mut run_dir = OsString::from("--run-dir=");
    run_dir.push(dir);
    let mut command = place.command(["run"]);
    command.arg(list).arg(run_dir).args(FAST);
    command.args(["--channel-arn", &channel, "--missing-users", "gone"]);
    Ended::of(&mut command)
}

/// A place with a list, and the names that a directory can have here and that a shell, a
/// terminal or this program could take for something else.
fn odd() -> (WorkDir, Vec<OsString>) {
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

/// Runs a line that was printed, as if it was pasted into a shell.
fn pasted(place: &WorkDir, line: &str) -> Ended {
    let program = env!("CARGO_BIN_EXE_chime-bulk");
    let script = format!("chime-bulk() {{ '{program}' \"$@\"; }}\n{line}\n");
    let mut command = Command::new("bash");
    command
        .args(["-euc", &script])
        .current_dir(place.path(""))
        .env_clear()
        .env("HOME", place.path(""))
        .stdin(Stdio::null());
    Ended::of(&mut command)
}

fn json(ended: &Ended) -> Value {
    serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:#?}"))
}

#[test]
fn a_command_that_is_printed_can_be_pasted() {
    let (place, names) = odd();
    for name in &names {
        let ended = run(&place, OsStr::new("list.csv"), name);
        assert_eq!(ended.code, Some(1), "{name:?}: {ended:#?}");
        let next = ended
            .stderr
            .lines()
            .find_map(|line| line.strip_prefix("next: "));
        let next = next.unwrap_or_else(|| panic!("{name:?}: {ended:#?}"));
        let retried = pasted(&place, &next.replacen("retry", "status", 1));
        assert_eq!(retried.code, Some(0), "{name:?}: {next}: {retried:#?}");
        assert!(retried.stdout.contains(" finished\n"), "{retried:#?}");
        let shown = retried
            .stdout
            .lines()
            .find_map(|line| line.strip_prefix("next: "));
        assert_eq!(shown, Some(next), "{name:?}");
        // The hint of a run that is there already.
        let again = run(&place, OsStr::new("list.csv"), name);
        assert_eq!(again.code, Some(2), "{name:?}: {again:#?}");
        let (_, command) = again.stderr.split_once("chime-bulk resume ").unwrap();
        let (word, _) = command.split_once(", or pass").unwrap();
        let resumed = pasted(&place, &format!("chime-bulk resume {word}"));
        assert!(resumed.code.is_some_and(|code| code < 2), "{resumed:#?}");
        assert!(!place.path("pwned").exists(), "{name:?}");
    }
}

#[test]
fn the_last_line_resumes_whatever_the_name() {
    let (place, names) = odd();
    for name in &names {
        let mut limited = place.command(["run", "list.csv", "--max-failures", "0"]);
        let mut run_dir = OsString::from("--run-dir=");
        run_dir.push(name);
        limited.arg(run_dir).args(FAST);
        limited.args(["--channel-arn", &channel(), "--missing-users", "gone"]);
        let ended = Ended::of(&mut limited);
        assert_eq!(ended.code, Some(4), "{name:?}: {ended:#?}");
        let last = ended.stderr.lines().last().unwrap();
        let resumed = pasted(&place, &format!("{last} --max-failures 1"));
        assert_eq!(resumed.code, Some(1), "{name:?}: {last}: {resumed:#?}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_name_that_is_not_utf8_is_shown_in_json_with_its_bytes() {
    let place = WorkDir::with("list.csv", ids("u", 3) + "gone1\n");
    let name = OsStr::from_bytes(b"bytes\xff\xfe7");
    assert_eq!(run(&place, OsStr::new("list.csv"), name).code, Some(1));
    let mut command = place.command(["status"]);
    let status = json(&Ended::of(command.arg(name).arg("--json")));
    assert_eq!(status["dir"], "bytes\u{fffd}\u{fffd}7");
    assert_eq!(status["dir_hex"], "6279746573fffe37");
    assert_eq!(status["state"], "finished");
    // A directory of a name that is UTF-8 has no need of it.
    assert_eq!(
        run(&place, OsStr::new("list.csv"), OsStr::new("run")).code,
        Some(1)
    );
    let status = json(&place.run(["status", "run", "--json"]));
    assert_eq!(
        (&status["dir"], status.get("dir_hex")),
        (&"run".into(), None)
    );
    // One that cannot be read.
    let broken = place.path("").join(OsStr::from_bytes(b"\xffbroken"));
    std::fs::create_dir(&broken).unwrap();
    std::fs::write(broken.join("ledger.db"), "not a ledger").unwrap();
    let ended = place.run(["runs", ".", "--json"]);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    let runs = json(&ended);
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
fn a_list_whose_name_is_not_utf8_is_found_again() {
    let place = WorkDir::new();
    let list = OsStr::from_bytes(b"list\xff.csv");
    std::fs::write(place.path("").join(list), ids("u", 3) + "gone1\n").unwrap();
    let ended = run(&place, list, OsStr::new("run"));
    assert_eq!(ended.code, Some(1), "{ended:#?}");
    assert_eq!(place.summary("run").list, "list\u{fffd}.csv");
    let again = |list: &OsStr| {
        let mut command = place.command(["run", "--run-dir", "run", "--if-exists", "resume"]);
        command.arg(list).args(FAST);
        Ended::of(command.args(["--channel-arn", &channel()]))
    };
    let ended = again(list);
    assert!(ended.stderr.contains("nothing was done"), "{ended:#?}");
    // Another list is not taken for it, though it is shown the same.
    let other = OsStr::from_bytes(b"list\xfe.csv");
    std::fs::copy(place.path("").join(list), place.path("").join(other)).unwrap();
    let ended = again(other);
    assert!(ended.stderr.contains("it is of another list"), "{ended:#?}");
    let ended = place.run(["retry", "run"]);
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    assert!(
        std::fs::read_to_string(place.path("run/report.html"))
            .unwrap()
            .contains("list\u{fffd}.csv")
    );
}

#[test]
#[cfg(target_os = "linux")]
fn a_list_whose_name_is_not_utf8_is_read_on() {
    let place = WorkDir::new();
    let list = OsStr::from_bytes(b"list\xff.csv");
    let path = place.path("").join(list);
    let made = Command::new("mkfifo").arg(&path).status().unwrap();
    assert!(made.success());
    let mut limited = place.command(["run"]);
    limited.arg(list).args(["--run-dir", "run"]);
    limited.args(FAST).args(["--channel-arn", &channel()]);
    let mut running = Running::start(&mut limited);
    // The list does not end before the run is interrupted.
    let mut pipe = std::fs::File::create(&path).unwrap();
    let text = ids(&"long".repeat(12), 9_000);
    pipe.write_all(&text.as_bytes()[..text.len() / 2]).unwrap();
    running.hear("run: ");
    running.interrupt();
    let ended = running.end();
    drop(pipe);
    assert_eq!(ended.code, Some(130), "{ended:#?}");
    assert!(place.summary("run").rows_read < 9_000);
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, text).unwrap();
    let words = ended.resume();
    let resume = words.iter().map(String::as_str).chain(FAST[1..].to_vec());
    let ended = place.run(resume);
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    assert_eq!(place.summary("run").rows_read, 9_000);
}

#[test]
#[cfg(target_os = "linux")]
fn a_configuration_that_is_printed_leaves_out_what_it_cannot_hold() {
    let place = WorkDir::new();
    let mut command = place.command(["run", "list.csv", "--print-config", "--run-dir"]);
    let ended = Ended::of(command.arg(OsStr::from_bytes(b"run\xff")));
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    let said = "# run-dir: $'run\\377' (--run-dir) is not UTF-8, which a file cannot hold\n";
    assert!(ended.stdout.contains(said), "{ended:#?}");
}
