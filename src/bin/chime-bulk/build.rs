//! Passes the commit to the program that is built, for `--version`.

use std::path::Path;
use std::process::Command;

fn main() {
    // The log gets a line with every commit and every checkout. In a worktree it is not in `.git`.
    let log = git(&["rev-parse", "--git-path", "logs/HEAD"]);
    for path in log.into_iter().chain([".cargo_vcs_info.json".to_owned()]) {
        if Path::new(&path).exists() {
            println!("cargo::rerun-if-changed={path}");
        }
    }
    println!("cargo::rerun-if-changed=src/bin/chime-bulk/build.rs");
    let commit = of_repository().or_else(of_package);
    println!(
        "cargo::rustc-env=CHIME_BULK_BUILT_FROM={}",
        commit.map_or_else(String::new, |commit| format!(" ({commit})"))
    );
}

/// The commit that is checked out. `None` outside of a Git repository.
fn of_repository() -> Option<String> {
    git(&["rev-parse", "--short=12", "HEAD"])
}

/// The output of git. `None` if this folder is not the root of a repository, or git fails.
fn git(arguments: &[&str]) -> Option<String> {
    if !Path::new(".git").exists() {
        return None;
    }
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}

/// The commit that a published package was made from. cargo writes it into the package.
fn of_package() -> Option<String> {
    let info = std::fs::read_to_string(".cargo_vcs_info.json").ok()?;
    let (_, rest) = info.split_once("\"sha1\": \"")?;
    rest.get(..12).map(str::to_owned)
}
