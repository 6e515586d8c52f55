//! What helps at a shell: error codes explained, completions, man pages.

use crate::support::program::{Ended, WorkDir};

#[test]
fn a_code_is_explained_and_one_that_is_unknown_is_a_usage_error() {
    let place = WorkDir::new();
    let ended = place.run(["explain", "notfound"]);
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    assert!(ended.stdout.starts_with("NotFound\n"), "{ended:#?}");
    assert!(ended.stdout.contains("fix: "), "{ended:#?}");
    let all = place.run(["explain"]);
    assert!(all.stdout.contains(&ended.stdout), "{all:#?}");
    let unknown = place.run(["explain", "Nope"]);
    assert_eq!(unknown.code, Some(2), "{unknown:#?}");
    assert!(unknown.stderr.contains("`Nope`"), "{unknown:#?}");
}

#[test]
fn completions_and_man_pages_know_each_command() {
    let place = WorkDir::new();
    for shell in ["bash", "zsh", "fish", "powershell"] {
        let ended = place.run(["completions", shell]);
        assert_eq!(ended.code, Some(0), "{ended:#?}");
        assert!(ended.stdout.contains("retry"), "{shell}");
    }
    std::fs::create_dir(place.path("man")).unwrap();
    assert_eq!(place.run(["man", "man"]).code, Some(0));
    let page = std::fs::read_to_string(place.path("man").join("chime-bulk-retry.1")).unwrap();
    assert!(page.contains("codes"), "{page}");
}

#[test]
#[cfg(unix)]
fn bash_takes_the_completions() {
    let place = WorkDir::new();
    std::fs::write(
        place.path("script"),
        place.run(["completions", "bash"]).stdout,
    )
    .unwrap();
    let mut bash = std::process::Command::new("bash");
    let ask = "source ./script
        COMP_WORDS=(chime-bulk ret); COMP_CWORD=1
        [[ $(complete -p chime-bulk) =~ -F\\ ([^ ]+) ]]
        ${BASH_REMATCH[1]} chime-bulk ret chime-bulk
        echo \"${COMPREPLY[*]}\"";
    let ended = Ended::of(bash.args(["-euc", ask]).current_dir(place.path("")));
    assert_eq!(
        (ended.code, ended.stdout.as_str()),
        (Some(0), "retry\n"),
        "{ended:#?}"
    );
}

#[test]
fn the_version_tells_the_commit() {
    let ended = WorkDir::new().run(["--version"]);
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    let mut words = ended.stdout.split_whitespace();
    assert_eq!(words.next(), Some("chime-bulk"));
    assert_eq!(words.next(), Some(env!("CARGO_PKG_VERSION")));
    let commit = words
        .next()
        .and_then(|word| word.strip_prefix('(')?.strip_suffix(')'));
    let git = |arguments: &[&str]| std::process::Command::new("git").args(arguments).output();
    let head = git(&["rev-parse", "--short=12", "HEAD"]);
    // A copy that is no repository knows of no commit.
    let head = head.ok().filter(|output| output.status.success());
    let head = head.map(|output| String::from_utf8(output.stdout).unwrap());
    assert_eq!(commit, head.as_deref().map(str::trim));
}

#[test]
fn a_slip_in_a_flag_or_a_code_is_understood() {
    let place = WorkDir::new();
    let ended = place.run(["run", "list.csv", "--chanel-arn", "x"]);
    assert_eq!(ended.code, Some(2), "{ended:#?}");
    assert!(ended.stderr.contains("'--channel-arn'"), "{ended:#?}");
    let ended = place.run(["resum", "run"]);
    assert!(ended.stderr.contains("'resume'"), "{ended:#?}");
    let ended = place.run(["explain", "NotFond"]);
    assert!(
        ended.stderr.ends_with("hint: did you mean NotFound?\n"),
        "{ended:#?}"
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
