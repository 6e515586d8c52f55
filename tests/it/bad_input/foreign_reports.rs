//! Lists and other files with the name of a file of the run: they are never replaced.

use crate::support::program::{CHANNEL, FAST, Output, WorkDir, ids};

const REPORTS: [&str; 4] = ["results.csv", "failed.csv", "summary.json", "report.html"];
/// Flags of a run of which one row fails.
const FLAGS: [&str; 4] = ["--channel-arn", CHANNEL, "--missing-users", "gone"];

fn run(work_dir: &WorkDir, dir: &str, list: &str, run_dir: &str, flags: &[&str]) -> Output {
    let begin = ["run", list, "--run-dir", run_dir];
    let words = begin.iter().chain(&FAST).chain(&FLAGS).chain(flags);
    Output::of(work_dir.command(words).current_dir(work_dir.path(dir)))
}

/// A finished run of which one row failed; the run directory is `run`.
fn finished() -> WorkDir {
    let work_dir = WorkDir::with("list.csv", ids("u", 3) + "gone1\n");
    let output = run(&work_dir, ".", "list.csv", "run", &[]);
    assert_eq!(output.code, Some(1), "{output:#?}");
    work_dir
}

fn names(work_dir: &WorkDir, dir: &str) -> Vec<String> {
    let entries = std::fs::read_dir(work_dir.path(dir)).unwrap();
    let name = |entry: std::io::Result<std::fs::DirEntry>| entry.unwrap().file_name();
    let mut names: Vec<_> = entries
        .map(|entry| name(entry).into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_new_run_replaces_no_file() {
    for name in REPORTS {
        let work_dir = WorkDir::with("list.csv", ids("u", 3));
        std::fs::write(work_dir.path(name), "precious").unwrap();
        let output = run(&work_dir, ".", "list.csv", ".", &[]);
        assert_eq!(output.code, Some(2), "{name}: {output:#?}");
        let expected = format!(
            "error: ./{name} is not a report of this run\n\n\
             hint: move or rename it, or pass another --run-dir; it was not changed\n"
        );
        assert_eq!(output.stderr, expected);
        assert_eq!(std::fs::read(work_dir.path(name)).unwrap(), b"precious");
        let mut expected = ["list.csv", name];
        expected.sort_unstable();
        assert_eq!(names(&work_dir, "."), expected);
    }
}

#[test]
fn a_list_with_the_name_of_a_file_of_the_run_is_not_replaced() {
    let others = [
        "ledger.db",
        "ledger.db-wal",
        "owner.lock",
        ".results.csv.part",
    ];
    for name in REPORTS.into_iter().chain(others) {
        let work_dir = WorkDir::with(name, ids("u", 3));
        let path = work_dir.path(name).display().to_string();
        for (dir, list) in [(".", name), (work_dir.path("").to_str().unwrap(), &path)] {
            let output = run(&work_dir, ".", list, dir, &[]);
            assert_eq!(output.code, Some(2), "{name}: {output:#?}");
            assert!(output.stderr.contains("\nhint: "), "{output:#?}");
            assert_eq!(
                std::fs::read_to_string(&path).unwrap(),
                ids("u", 3),
                "{name}"
            );
            assert_eq!(names(&work_dir, "."), [name]);
        }
        // In a directory of its own, the run takes it.
        let output = run(&work_dir, ".", name, "run", &[]);
        assert_eq!(output.code, Some(0), "{name}: {output:#?}");
    }
}

#[test]
fn failed_csv_is_not_replaced_by_a_run_of_it_in_its_own_directory() {
    let work_dir = finished();
    let failed = std::fs::read(work_dir.path("run/failed.csv")).unwrap();
    for flags in [
        &[][..],
        &["--if-exists", "fail"],
        &["--if-exists", "resume"],
    ] {
        let output = run(&work_dir, "run", "failed.csv", ".", flags);
        assert_eq!(output.code, Some(2), "{output:#?}");
        assert_eq!(
            std::fs::read(work_dir.path("run/failed.csv")).unwrap(),
            failed
        );
    }
    // A new run is beside it, not inside.
    let output = run(&work_dir, "run", "failed.csv", ".", &["--if-exists", "new"]);
    assert_eq!(output.code, Some(1), "{output:#?}");
    assert_eq!(
        std::fs::read(work_dir.path("run/failed.csv")).unwrap(),
        failed
    );
    assert_eq!(work_dir.summary("run-2").failed, 1);
    assert_eq!(names(&work_dir, "."), ["list.csv", "run", "run-2"]);
    // The ledger was removed, so nothing shows which run the reports are of.
    for name in [
        "ledger.db",
        "owner.lock",
        "results.csv",
        "summary.json",
        "report.html",
    ] {
        std::fs::remove_file(work_dir.path("run").join(name)).unwrap();
    }
    let output = run(&work_dir, "run", "failed.csv", ".", &[]);
    assert_eq!(output.code, Some(2), "{output:#?}");
    assert_eq!(
        std::fs::read(work_dir.path("run/failed.csv")).unwrap(),
        failed
    );
    assert_eq!(names(&work_dir, "run"), ["failed.csv"]);
}

#[test]
fn a_list_that_took_the_place_of_a_report_is_not_replaced() {
    let work_dir = finished();
    let other = WorkDir::with("other.csv", ids("v", 5));
    assert_eq!(run(&other, ".", "other.csv", "run", &[]).code, Some(0));
    let of_other_run = std::fs::read(other.path("run/summary.json")).unwrap();
    let page = std::fs::read_to_string(work_dir.path("run/report.html")).unwrap();
    let run_id = work_dir.summary("run").run_id;
    let page = page.replace(&run_id, "20200101T000000Z-other");
    let list = ids("w", 3).into_bytes();
    for (name, content) in [
        ("results.csv", &list),
        ("failed.csv", &list),
        ("summary.json", &of_other_run),
        ("report.html", &page.into_bytes()),
    ] {
        let path = work_dir.path("run").join(name);
        let own = std::fs::read(&path).unwrap();
        std::fs::write(&path, content).unwrap();
        for command in ["resume", "retry", "report"] {
            let output = work_dir.run([command, "run"]);
            assert_eq!(output.code, Some(2), "{command}: {output:#?}");
            let error = format!("error: run/{name} is not a report of this run\n\nhint: ");
            assert!(output.stderr.starts_with(&error), "{command}: {output:#?}");
            assert_eq!(&std::fs::read(&path).unwrap(), content, "{command}");
        }
        std::fs::write(&path, own).unwrap();
    }
    // A report that was edited or cut short still is one.
    let path = work_dir.path("run/results.csv");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("gone1", "gone2")).unwrap();
    assert_eq!(work_dir.run(["report", "run"]).code, Some(1));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
    let output = work_dir.run(["retry", "run"]);
    assert_eq!(output.code, Some(0), "{output:#?}");
}

/// The reports are recognized whatever the list's encoding and delimiter.
#[test]
fn the_reports_of_any_list_are_recognized() {
    let text = "Größe;user_id\r\n1;u1\r\n2;gone1\r\n";
    let utf16: Vec<u8> = format!("\u{feff}{text}")
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let windows_1252: Vec<u8> = text
        .chars()
        .map(|c| u8::try_from(u32::from(c)).unwrap())
        .collect();
    let with_bom = format!("\u{feff}{text}").into_bytes();
    for list in [
        text.into(),
        utf16,
        windows_1252,
        with_bom,
        b"u1\ngone1\n".to_vec(),
    ] {
        let work_dir = WorkDir::with("list.csv", list);
        let output = run(&work_dir, ".", "list.csv", "run", &[]);
        assert_eq!(output.code, Some(1), "{output:#?}");
        assert_eq!(work_dir.run(["report", "run"]).code, Some(1));
        let output = work_dir.run(["retry", "run"]);
        assert_eq!(output.code, Some(0), "{output:#?}");
    }
}

/// The calls that were made are not lost.
#[test]
fn a_file_written_during_the_run_is_not_replaced_at_its_end() {
    let work_dir = WorkDir::new();
    let mut running = work_dir.start_slow(&[]);
    running.wait_for_line("bound:");
    std::fs::write(work_dir.path("run/results.csv"), "precious").unwrap();
    running.interrupt();
    let output = running.end();
    assert_eq!(output.code, Some(3), "{output:#?}");
    let error = "error: run/results.csv is not a report of this run\n\nhint: ";
    assert!(output.stderr.contains(error), "{output:#?}");
    assert_eq!(output.resume(), ["resume", "run"]);
    let resumed = work_dir.run(["resume", "run"]);
    assert_eq!(resumed.code, Some(2), "{resumed:#?}");
    let path = work_dir.path("run/results.csv");
    assert_eq!(std::fs::read(&path).unwrap(), b"precious");
    std::fs::remove_file(path).unwrap();
    let output = work_dir.run(["report", "run"]);
    assert_eq!(output.code, Some(1), "{output:#?}");
}

#[test]
fn a_log_is_not_written_into_the_list() {
    let work_dir = WorkDir::with("list.csv", ids("u", 3));
    let log = work_dir.path("list.csv").display().to_string();
    let output = run(&work_dir, ".", "list.csv", "run", &["--log-file", &log]);
    assert_eq!(output.code, Some(2), "{output:#?}");
    let error = "error: --log-file is the list\n\nhint: name another with --log-file\n";
    assert_eq!(output.stderr, error);
    assert_eq!(std::fs::read_to_string(log).unwrap(), ids("u", 3));
}
