//! Tells the program which commit it was built from.

use std::path::Path;
use std::process::Command;

fn main() {
    // Its last line changes with every commit and every checkout.
    for trace in [".git/logs/HEAD", ".cargo_vcs_info.json"] {
        if Path::new(trace).exists() {
            println!("cargo::rerun-if-changed={trace}");
        }
    }
    println!("cargo::rerun-if-changed=src/bin/chime-bulk/build.rs");
    let commit = of_repository().or_else(of_package);
    println!(
        "cargo::rustc-env=CHIME_BULK_BUILT_FROM={}",
        commit.map_or_else(String::new, |commit| format!(" ({commit})"))
    );
}

/// The commit that is checked out here; none where this is not a repository of its own.
fn of_repository() -> Option<String> {
    if !Path::new(".git").exists() {
        return None;
    }
    let output = Command::new("git")
        .args(["rev-parse", "--short=12", "HEAD"])
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    let commit = String::from_utf8(output.stdout).ok()?;
    Some(commit.trim().to_owned())
}

/// The commit that a published package was made from: cargo leaves a note in it.
fn of_package() -> Option<String> {
    let note = std::fs::read_to_string(".cargo_vcs_info.json").ok()?;
    let (_, rest) = note.split_once("\"sha1\": \"")?;
    rest.get(..12).map(str::to_owned)
}
