//! `explain`, `completions`, `man`, `--version`, and suggestions after typing errors.

use crate::support::program::{COMMANDS, Output, WorkDir};

#[test]
fn explain_explains_a_code_and_refuses_an_unknown_one() {
    let work_dir = WorkDir::new();
    let output = work_dir.run(["explain", "notfound"]);
    assert_eq!(output.code, Some(0), "{output:#?}");
    assert!(output.stdout.starts_with("NotFound\n"), "{output:#?}");
    assert!(output.stdout.contains("fix: "), "{output:#?}");
    let all = work_dir.run(["explain"]);
    assert!(all.stdout.contains(&output.stdout), "{all:#?}");
    let unknown = work_dir.run(["explain", "Nope"]);
    assert_eq!(unknown.code, Some(2), "{unknown:#?}");
    assert!(unknown.stderr.contains("`Nope`"), "{unknown:#?}");
}

#[test]
fn completions_and_man_pages_have_every_command() {
    let work_dir = WorkDir::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = work_dir.run(["completions", shell]);
        assert_eq!(output.code, Some(0), "{output:#?}");
        for command in COMMANDS {
            assert!(output.stdout.contains(command), "{shell}: {command}");
        }
    }
    assert_eq!(work_dir.run(["man", "man"]).code, Some(0));
    for command in COMMANDS {
        let page = work_dir.path(&format!("man/chime-bulk-{command}.1"));
        let page = std::fs::read_to_string(page).unwrap();
        let synopsis = page.split_once(".SH SYNOPSIS").unwrap().1;
        assert!(synopsis.contains(command), "{command}: {page}");
    }
    let retry = std::fs::read_to_string(work_dir.path("man/chime-bulk-retry.1")).unwrap();
    assert!(retry.contains("codes"), "{retry}");
}

#[test]
#[cfg(unix)]
fn the_completions_work_in_bash() {
    let work_dir = WorkDir::new();
    std::fs::write(
        work_dir.path("script"),
        work_dir.run(["completions", "bash"]).stdout,
    )
    .unwrap();
    let mut bash = std::process::Command::new("bash");
    let ask = "source ./script
        COMP_WORDS=(chime-bulk ret); COMP_CWORD=1
        [[ $(complete -p chime-bulk) =~ -F\\ ([^ ]+) ]]
        ${BASH_REMATCH[1]} chime-bulk ret chime-bulk
        echo \"${COMPREPLY[*]}\"";
    let output = Output::of(bash.args(["-euc", ask]).current_dir(work_dir.path("")));
    assert_eq!(
        (output.code, output.stdout.as_str()),
        (Some(0), "retry\n"),
        "{output:#?}"
    );
}

#[test]
fn the_version_has_the_commit() {
    let output = WorkDir::new().run(["--version"]);
    assert_eq!(output.code, Some(0), "{output:#?}");
    let mut words = output.stdout.split_whitespace();
    assert_eq!(words.next(), Some("chime-bulk"));
    assert_eq!(words.next(), Some(env!("CARGO_PKG_VERSION")));
    let commit = words
        .next()
        .and_then(|word| word.strip_prefix('(')?.strip_suffix(')'));
    let git = |arguments: &[&str]| std::process::Command::new("git").args(arguments).output();
    let head = git(&["rev-parse", "--short=12", "HEAD"]);
    // Outside of a Git repository, the version has no commit.
    let head = head.ok().filter(|output| output.status.success());
    let head = head.map(|output| String::from_utf8(output.stdout).unwrap());
    assert_eq!(commit, head.as_deref().map(str::trim));
}

#[test]
fn a_typing_error_in_a_flag_command_or_code_gets_a_suggestion() {
    let work_dir = WorkDir::new();
    let output = work_dir.run(["run", "list.csv", "--chanel-arn", "x"]);
    assert_eq!(output.code, Some(2), "{output:#?}");
    assert!(output.stderr.contains("'--channel-arn'"), "{output:#?}");
    let output = work_dir.run(["resum", "run"]);
    assert!(output.stderr.contains("'resume'"), "{output:#?}");
    let output = work_dir.run(["explain", "NotFond"]);
    assert!(
        output.stderr.ends_with("hint: did you mean NotFound?\n"),
        "{output:#?}"
    );
}

#[test]
fn explanations_fit_80_columns() {
    let all = WorkDir::new().run(["explain"]).stdout;
    assert!(all.lines().count() > 30, "{all}");
    for line in all.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
}
