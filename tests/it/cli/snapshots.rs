//! The output of the program, compared with the output that was accepted: `tests/it/cli/snapshots/`.
//! To accept a change, delete the snapshot, run the tests with `INSTA_UPDATE=always`, and read it.

use std::fmt::Write as _;

use crate::support::program::{APP, Ended, WorkDir, ids};

/// Compares a text with the snapshot of this name.
fn compare(name: &str, text: &str) {
    insta::assert_snapshot!(name, varied(text));
}

/// The text without what is different each time: moments, the run's name, durations.
fn varied(text: &str) -> String {
    let mut lines = String::new();
    for line in text.lines() {
        let mut words = Vec::new();
        for word in line.split(' ') {
            let is_moment = word.len() >= 20 && word.starts_with("20") && word.contains('T');
            let is_decimal = word.parse::<f64>().is_ok() && word.contains('.');
            words.push(match () {
                () if is_moment && word.ends_with(',') => "MOMENT,",
                () if is_moment => "MOMENT",
                () if is_decimal => "0.0",
                () => word,
            });
        }
        // Writing to a String cannot fail.
        let _ = writeln!(lines, "{}", words.join(" ").trim_end());
    }
    lines
}

/// All that a program left behind.
fn told(ended: &Ended) -> String {
    format!(
        "exit code: {:?}\n--- standard output\n{}--- standard error\n{}",
        ended.code, ended.stdout, ended.stderr
    )
}

#[test]
fn help() {
    let place = WorkDir::new();
    let mut all = place.run(["--help"]).stdout;
    for command in [
        "plan", "run", "resume", "retry", "status", "runs", "sandbox", "schema",
    ] {
        let help = place.run([command, "--help"]).stdout;
        let _ = write!(all, "\n=== {command}\n{help}");
    }
    compare("help", &all);
}

#[test]
fn errors() {
    let place = WorkDir::with("list.csv", "team,usr_id\nred,u1\n");
    std::fs::write(place.path("good.csv"), ids("u", 3)).unwrap();
    let mut all = String::new();
    let channel = format!("{APP}/channel/c");
    let to = ["--channel-arn", &channel];
    let sandbox = [&to[..], &["--sandbox"]].concat();
    for (flags, more) in [
        (&["run"][..], &[][..]),
        (&["run", "nowhere.csv"], &sandbox),
        (&["run", "list.csv"], &to),
        (&["run", "list.csv", "--member-column", "user_id"], &sandbox),
        (
            &["run", "list.csv", "--channel-arn", "general"],
            &["--sandbox"],
        ),
        (&["run", "good.csv", "--members-per-call", "101"], &sandbox),
        (&["run", "list.csv", "--chanel-arn", "x"], &[]),
        (&["run", "list.csv", "--max-failures", "few"], &sandbox),
        (&["resume", "nowhere"], &[]),
        (&["status", "nowhere"], &[]),
        (&["explain", "NotFond"], &[]),
    ] {
        let ended = place.run(flags.iter().chain(more));
        let _ = write!(all, "$ chime-bulk {}\n{}\n", flags.join(" "), told(&ended));
    }
    compare("errors", &all);
}

#[test]
fn a_run_with_plain_progress_its_summary_and_its_status() {
    let list = ids("u", 1_500) + "u3\ngone1\ngone2\nnot valid\n";
    let place = WorkDir::with("list.csv", list);
    let channel = format!("{APP}/channel/c");
    let flags = ["--channel-arn", &channel, "--missing-users", "gone"];
    let run = place.run_fast("list.csv", &flags);
    compare("run", &told(&run));
    compare("status", &told(&place.run(["status", "run"])));
    compare("runs", &told(&place.run(["runs", "."])));
    compare("retry", &told(&place.run(["retry", "run"])));
    compare(
        "explain",
        &told(&place.run(["explain", "ThrottlingException"])),
    );
}

#[test]
fn the_catalogue_of_codes() {
    use chime_bulk::model::codes::CODES;

    let mut text = String::new();
    for code in CODES {
        let (level, scope, effect) = (code.level, code.scope, code.effect);
        let _ = writeln!(text, "{} {level:?} {scope:?} {effect:?}", code.text);
    }
    compare("codes", &text);
}
